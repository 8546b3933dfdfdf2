"""Credits as text: for a person, for a log, for Prometheus. Nothing here opens, reads or prints."""

import contextlib
from datetime import datetime, timezone
from itertools import pairwise
from textwrap import TextWrapper, wrap

import at_client  # each of its names is imported on first use: `--help` needs none of them

Samples = list[tuple[datetime, "at_client.CreditResponse"]]
"""Credits with the times they were fetched at (UTC), oldest first."""


def printable(text: str) -> str:
    r"""Return text as one line without control characters, which could take over a terminal.

    Examples:
        >>> printable("pro\x1b[2J\nplan")
        'pro [2J plan'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def render_bar(
    fraction: float, cells: int, *, colour: bool = False, blocks: bool = True
) -> str:
    """Return a bar with a fraction (0 to 1) filled; it looks empty at 0 only, and full at 1 only.

    Examples:
        >>> render_bar(0.25, 8, blocks=False)
        '##------'
        >>> render_bar(0.999, 8, blocks=False)
        '#######-'
    """
    from at_client.models.credit_response import ALARM_AT, WARN_AT

    # The middle one: whatever the rounding, something used shows, and something left.
    filled = sorted((fraction > 0, round(fraction * cells), cells - (fraction < 1)))[1]
    full, empty = "█░" if blocks else "#-"
    code = (
        31 if fraction >= ALARM_AT else 33 if fraction >= WARN_AT else 32
    )  # red, yellow, green
    start, end = (f"\x1b[{code}m", "\x1b[0m") if colour else ("", "")
    return f"{start}{full * filled}{end}{empty * (cells - filled)}"


def render_text(
    samples: Samples,
    note: str = "",
    *more: str,
    width: int,
    rows: int,
    colour: bool,
    blocks: bool,
) -> str:
    """Return credits as a person reads them.

    Args:
        samples: The last one is shown; all of them tell how fast credits are being spent.
        note: What the reader must know; it is left out last.
        *more: What else there is to say.
        width: Columns to fit into, by wrapping notes and cutting other lines.
        rows: Rows to fit into, by leaving out lines.
        colour: Whether to colour the bar.
        blocks: Whether to draw the bar with block characters; if not, it is made of `#` and `-`.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> credits = CreditResponse(
        ...     total=1000, used=250, remaining=750, plan_tier="pro"
        ... )
        >>> print(
        ...     render_text(
        ...         [(datetime.now(), credits)],
        ...         width=40,
        ...         rows=24,
        ...         colour=False,
        ...         blocks=False,
        ...     )
        ... )
        Agent Toolkit credits, pro plan
        <BLANKLINE>
          #######--------------------  25 % used
        <BLANKLINE>
          Total      1,000
          Used         250
          Remaining    750
    """
    credits = samples[-1][1]
    title = "Agent Toolkit credits" + (
        f", {printable(credits.plan_tier)} plan" if credits.plan_tier else ""
    )
    percent = f"{int(credits.used_fraction * 100)} % used"  # rounded down: not 100 % before all is used
    cells = max(0, min(40, width - len(percent) - 4))
    bar = f"  {render_bar(credits.used_fraction, cells, colour=colour, blocks=blocks)}  {percent}"
    numbers = {
        "Total": credits.total,
        "Used": credits.used,
        "Remaining": credits.remaining,
    }
    digits = max(len(f"{number:,}") for number in numbers.values())
    total, used, remaining = (
        f"  {name:9}  {number:>{digits},}" for name, number in numbers.items()
    )
    origins = {"free": credits.free_credits, "purchased": credits.purchased_credits}
    sources = ", ".join(
        f"{number:,} {origin}" for origin, number in origins.items() if number
    )
    total += f"  ({sources})" if sources else ""
    texts = (note, _describe_reset(credits), render_spending(samples), *more)
    below = [f"  {line}" for text in texts for line in wrap(text, max(1, width - 2))]
    lines = [title, "", bar, "", total, used, remaining, "", *below]
    for line in ["", "", "", *reversed(below), title, used, total, bar][
        : max(0, len(lines) - rows)
    ]:
        lines.remove(line)
    cut = TextWrapper(width, max_lines=1, placeholder=" >"[-width:]).fill
    return "\n".join(
        line if cells and line == bar else cut(line) for line in lines
    ).rstrip()


def render_spending(samples: Samples) -> str:
    """Return in one line how fast credits are being spent, and when they run out; empty with fewer than two samples.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> before = CreditResponse(total=1000, used=250, remaining=750)
        >>> after = CreditResponse(total=1000, used=300, remaining=700)
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_spending([(noon, before), (noon.replace(minute=20), after)])
        'Spending 150.0 credits per hour; used up in 4 h 40 min'
    """
    spent = sum(
        max(0, after.used - before.used)
        for (_, before), (_, after) in pairwise(samples)
    )
    hours = (samples[-1][0] - samples[0][0]).total_seconds() / 3600
    if not spent or not hours:
        return f"None spent since {samples[0][0]:%H:%M:%S} UTC" if hours else ""
    left, minutes = divmod(
        round(max(0, samples[-1][1].remaining) / spent * hours * 60), 60
    )
    return f"Spending {spent / hours:,.1f} credits per hour; used up in {left:,} h {minutes} min"


def render_line(
    credits: "at_client.CreditResponse", now: datetime, form: str = "text"
) -> str:
    """Return credits for a log or a program: one line of `text` or `json`, or `prometheus`.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_line(CreditResponse(total=1000, used=250, remaining=750), noon)
        '2026-11-22T12:00:00Z total=1000 used=250 remaining=750'
    """
    if form == "text":
        return f"{now:%Y-%m-%dT%H:%M:%SZ} total={credits.total} used={credits.used} remaining={credits.remaining}"
    return credits.to_json() if form == "json" else render_prometheus(credits)


def render_prometheus(credits: "at_client.CreditResponse") -> str:
    """Return credits in Prometheus' text exposition format, version 0.0.4.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> text = render_prometheus(
        ...     CreditResponse(total=1000, used=250, remaining=750)
        ... )
        >>> text.splitlines()[-1]
        'agent_toolkit_credits_purchased{plan=""} 0'
    """
    names = (
        "granted",
        "used",
        "remaining",
        "free",
        "purchased",
        "reset_timestamp_seconds",
    )
    reset = (resets_at := _read_reset(credits)) and int(resets_at.timestamp())
    values = (
        credits.total,
        credits.used,
        credits.remaining,
        credits.free_credits,
        credits.purchased_credits,
        reset,
    )
    plan = printable(credits.plan_tier or "").replace("\\", r"\\").replace('"', r"\"")
    gauge = '# TYPE agent_toolkit_credits_{0} gauge\nagent_toolkit_credits_{0}{{plan="{1}"}} {2}'
    return "\n".join(
        gauge.format(name, plan, n)
        for name, n in zip(names, values, strict=True)
        if n is not None
    )


def _describe_reset(credits: "at_client.CreditResponse") -> str:
    resets_at, days = _read_reset(credits), credits.days_until_reset
    when = (
        f"{resets_at:%Y-%m-%d %H:%M} UTC".replace(" 00:00 UTC", "") if resets_at else ""
    )
    left = "" if days is None else "in 1 day" if days == 1 else f"in {days:,} days"
    return f"Resets {', '.join(filter(None, (when, left)))}" if when or left else ""


def _read_reset(credits: "at_client.CreditResponse") -> datetime | None:
    """Return when the period ends, in UTC; a date that cannot be read is no reason to show nothing."""
    with contextlib.suppress(at_client.ApiValueError, OverflowError):
        return credits.resets_at and credits.resets_at.astimezone(timezone.utc)
    return None
