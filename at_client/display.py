"""Credits as text: for a person, for a log, for Prometheus. Nothing here opens, reads or prints."""

import contextlib
from datetime import datetime, timezone
from itertools import pairwise
from textwrap import shorten, wrap
from typing import NamedTuple

import at_client  # each of its names is imported on first use: `--help` needs none of them

Samples = list[tuple[datetime, "at_client.CreditResponse"]]
"""Credits with the times they were fetched at (UTC), oldest first."""

GREEN, YELLOW, RED, NORMAL = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"


class Screen(NamedTuple):
    """What the place that the text goes to can show."""

    width: int = 80

    rows: int | None = None
    """Rows to fit into, by leaving out lines and cutting long ones; `None` means that there is no limit."""

    colour: bool = False
    """Whether it shows colours."""

    blocks: bool = True
    """Whether it shows block characters; if not, the bar is made of `#` and `-`."""


def printable(text: str) -> str:
    r"""Return text as one line without control characters, which could take over a terminal.

    Examples:
        >>> printable("pro\x1b[2J\nplan")
        'pro [2J plan'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def render_bar(fraction: float, cells: int, screen: Screen) -> str:
    """Return a bar with a fraction (0 to 1) filled; it looks empty at 0 only, and full at 1 only.

    Examples:
        >>> render_bar(0.25, 8, Screen(blocks=False))
        '##------'
        >>> render_bar(0.999, 8, Screen(blocks=False))
        '#######-'
    """
    from at_client.models.credit_response import ALARM_AT, WARN_AT

    filled = round(fraction * cells)
    if cells and 0 < fraction < 1:
        filled = min(max(filled, 1), cells - 1)
    full, empty = "█░" if screen.blocks else "#-"
    colour = RED if fraction >= ALARM_AT else YELLOW if fraction >= WARN_AT else GREEN
    start, end = (colour, NORMAL) if screen.colour else ("", "")
    return f"{start}{full * filled}{end}{empty * (cells - filled)}"


def render_text(samples: Samples, screen: Screen, note: str = "", *more: str) -> str:
    """Return credits as a person reads them.

    Args:
        samples: The last one is shown; all of them tell how fast credits are being spent.
        screen: Where the text goes.
        note: What the reader must know; wrapped, and left out last.
        *more: What else there is to say.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> credits = CreditResponse(total=1000, used=250, remaining=750, plan_tier="pro")
        >>> print(render_text([(datetime.now(), credits)], Screen(width=40, blocks=False)))
        Agent Toolkit credits, pro plan
        <BLANKLINE>
          #######--------------------  25 % used
        <BLANKLINE>
          Total      1,000
          Used         250
          Remaining    750
    """
    credits = samples[-1][1]
    plan = f", {printable(credits.plan_tier)} plan" if credits.plan_tier else ""
    title = f"Agent Toolkit credits{plan}"
    # Rounded down: what is not quite used up must not read 100 %.
    percent = f"{int(credits.used_fraction * 100)} % used"
    cells = max(0, min(40, screen.width - len(percent) - 4))
    bar = f"  {render_bar(credits.used_fraction, cells, screen)}  {percent}"
    width = max(len(f"{n:,}") for n in (credits.total, credits.used, credits.remaining))
    parts = (("free", credits.free_credits), ("purchased", credits.purchased_credits))
    sources = ", ".join(f"{number:,} {kind}" for kind, number in parts if number)
    total = f"  Total      {credits.total:>{width},}{sources and f'  ({sources})'}"
    used = f"  Used       {credits.used:>{width},}"
    remaining = f"  Remaining  {credits.remaining:>{width},}"
    texts = (note, _reset(credits), render_spending(samples), *more)
    notes = [f"  {line}" for text in texts for line in wrap(text, max(1, screen.width - 2))]
    lines = [title, "", bar, "", total, used, remaining, "", *notes]
    if screen.rows is not None:
        spare = ["", "", "", title, used, total, bar, *reversed(notes)]
        for line in spare[: max(0, len(lines) - screen.rows)]:
            lines.remove(line)
        lines = [line if cells and line == bar else _shorten(line, screen.width) for line in lines]
    return "\n".join(lines).rstrip()


def render_spending(samples: Samples) -> str:
    """Return how fast credits are being spent, and when they run out at that rate.

    Args:
        samples: Credits with the times they were fetched at, oldest first.

    Returns:
        One line; empty if there are fewer than two samples.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> before = CreditResponse(total=1000, used=250, remaining=750)
        >>> after = CreditResponse(total=1000, used=300, remaining=700)
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_spending([(noon, before), (noon.replace(minute=20), after)])
        'Spending 150.0 credits per hour; used up in 4 h 40 min'
    """
    spent = sum(max(0, after.used - before.used) for (_, before), (_, after) in pairwise(samples))
    hours = (samples[-1][0] - samples[0][0]).total_seconds() / 3600
    if not spent or not hours:
        return f"None spent since {samples[0][0]:%H:%M:%S} UTC" if hours else ""
    left, minutes = divmod(round(max(0, samples[-1][1].remaining) / spent * hours * 60), 60)
    return f"Spending {spent / hours:,.1f} credits per hour; used up in {left:,} h {minutes} min"


def render_line(credits: "at_client.CreditResponse", now: datetime, form: str = "text") -> str:
    """Return credits for a log or a program.

    Args:
        credits: The credits.
        now: When they were fetched, in UTC.
        form: `text` or `json` for one line, or `prometheus`.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_line(CreditResponse(total=1000, used=250, remaining=750), noon)
        '2026-11-22T12:00:00Z total=1000 used=250 remaining=750'
    """
    if form == "json":
        return credits.to_json()
    if form == "prometheus":
        return render_prometheus(credits)
    numbers = f"total={credits.total} used={credits.used} remaining={credits.remaining}"
    return f"{now:%Y-%m-%dT%H:%M:%SZ} {numbers}"


def render_prometheus(credits: "at_client.CreditResponse") -> str:
    """Return credits in Prometheus' text exposition format, version 0.0.4.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> text = render_prometheus(CreditResponse(total=1000, used=250, remaining=750))
        >>> text.splitlines()[-1]
        'agent_toolkit_credits_purchased 0'
    """
    resets_at = _resets_at(credits)
    reset = None if resets_at is None else int(resets_at.timestamp())
    names = ("granted", "used", "remaining", "free", "purchased", "reset_timestamp_seconds")
    numbers = (credits.total, credits.used, credits.remaining)
    values = (*numbers, credits.free_credits, credits.purchased_credits, reset)
    plan = printable(credits.plan_tier or "").replace("\\", r"\\").replace('"', r"\"")
    label = f'{{plan="{plan}"}}' if plan else ""
    return "\n".join(
        f"# TYPE agent_toolkit_credits_{name} gauge\nagent_toolkit_credits_{name}{label} {value}"
        for name, value in zip(names, values, strict=True)
        if value is not None
    )


def _shorten(line: str, width: int) -> str:
    """Cut a line that is too long, never within a number, and mark it."""
    return line if len(line) <= width else shorten(line, width, placeholder=" >"[-width:])


def _reset(credits: "at_client.CreditResponse") -> str:
    when, days = printable(credits.reset_date or ""), credits.days_until_reset
    if resets_at := _resets_at(credits):
        when = f"{resets_at:%Y-%m-%d %H:%M} UTC".replace(" 00:00 UTC", "")
    left = "" if days is None else "in 1 day" if days == 1 else f"in {days:,} days"
    return f"Resets {', '.join(filter(None, (when, left)))}" if when or left else ""


def _resets_at(credits: "at_client.CreditResponse") -> datetime | None:
    """Return when the period ends, in UTC; a date that cannot be read is no reason to show nothing."""
    with contextlib.suppress(at_client.ApiValueError, OverflowError):
        return credits.resets_at and credits.resets_at.astimezone(timezone.utc)
    return None
