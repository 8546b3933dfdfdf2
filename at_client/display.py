"""Credits as text: for a person, for a log, for Prometheus. Nothing here opens, reads or prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from at_client.exceptions import ApiValueError
from at_client.models.card import ALARM_AT, WARN_AT

if TYPE_CHECKING:
    from at_client.models.credit_response import CreditResponse

BAR_WIDTH = 40
"""Cells of the usage bar, where there is room."""

GREEN, YELLOW, RED, BOLD, DIM = "32", "33", "31", "1", "2"

CLEAR = "\x1b[H\x1b[J"
"""Goes to the top of the terminal and wipes what is below."""


@dataclass(frozen=True)
class Screen:
    """What the place that the text goes to can show."""

    width: int = 80
    """Columns."""

    colour: bool = False
    """Whether it shows colours."""

    blocks: bool = True
    """Whether it shows block characters; the bar is of `#` and `-` if not."""

    def paint(self, text: str, code: str) -> str:
        """Put text between the escape sequences of a colour, if there are colours.

        Args:
            text: The text.
            code: Parameter of the sequence (ECMA-48, SGR).
        """
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def printable(text: str) -> str:
    r"""Return text as one line without control characters, which could take over a terminal.

    Args:
        text: Text that somebody else wrote.

    Examples:
        >>> printable("pro\x1b[2J\nplan")
        'pro [2J plan'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def render_bar(fraction: float, cells: int, screen: Screen) -> str:
    """Draw a bar; only what is empty looks empty, and only what is full looks full.

    Args:
        fraction: The part to fill, from 0 to 1.
        cells: Its length.
        screen: Where it goes.

    Examples:
        >>> render_bar(0.25, 8, Screen(blocks=False))
        '##------'
        >>> render_bar(0.999, 8, Screen(blocks=False))
        '#######-'
    """
    filled = round(fraction * cells)
    if 0 < fraction < 1:
        filled = min(max(filled, 1), cells - 1)
    full, empty = "█░" if screen.blocks else "#-"
    code = RED if fraction >= ALARM_AT else YELLOW if fraction >= WARN_AT else GREEN
    return screen.paint(full * filled, code) + screen.paint(empty * (cells - filled), DIM)


def render_text(credits: CreditResponse, screen: Screen) -> str:
    """Show credits to a person.

    Args:
        credits: The credits.
        screen: Where the text goes.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> credits = CreditResponse(total=1000, used=250, remaining=750, plan_tier="pro")
        >>> print(render_text(credits, Screen(width=40, blocks=False)))
        Agent Toolkit credits, pro plan
        <BLANKLINE>
          ######------------------  25 % used
        <BLANKLINE>
          Total      1,000
          Used         250
          Remaining    750
    """
    title = screen.paint("Agent Toolkit credits", BOLD)
    if credits.plan_tier:
        title += f", {printable(credits.plan_tier)} plan"
    # Rounded down: what is not quite used up must not read 100 %.
    percent = f"{int(credits.used_fraction * 100)} % used"
    cells = max(1, min(BAR_WIDTH, screen.width - len(percent) - 7))
    numbers = [f"{number:,}" for number in (credits.total, credits.used, credits.remaining)]
    width = max(map(len, numbers))
    total, used, remaining = (number.rjust(width) for number in numbers)
    lines = [
        title,
        "",
        f"  {render_bar(credits.used_fraction, cells, screen)}  {percent}",
        "",
        f"  Total      {total}{_sources(credits)}",
        f"  Used       {used}",
        f"  Remaining  {screen.paint(remaining, BOLD)}",
    ]
    if reset := _reset(credits):
        lines += ["", f"  {reset}"]
    return "\n".join(lines)


def render_line(credits: CreditResponse, now: datetime) -> str:
    """Show credits in one line, for a log.

    Args:
        credits: The credits.
        now: When they were asked for; aware.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_line(CreditResponse(total=1000, used=250, remaining=750), noon)
        '2026-11-22T12:00:00Z total=1000 used=250 remaining=750'
    """
    time = f"{now.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    return f"{time} total={credits.total} used={credits.used} remaining={credits.remaining}"


def render_prometheus(credits: CreditResponse) -> str:
    """Show credits in Prometheus' text exposition format, version 0.0.4.

    Args:
        credits: The credits.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> text = render_prometheus(CreditResponse(total=1000, used=250, remaining=750))
        >>> text.splitlines()[-1]
        'agent_toolkit_credits_purchased 0'
    """
    gauges: list[tuple[str, str, float | None]] = [
        ("credits_granted", "Credits of the period, purchased ones included.", credits.total),
        ("credits_used", "Credits spent in the period.", credits.used),
        ("credits_remaining", "Credits left in the period.", credits.remaining),
        ("credits_free", "Credits that come with the plan.", credits.free_credits),
        ("credits_purchased", "Credits bought on top of the plan.", credits.purchased_credits),
        ("credits_reset_timestamp_seconds", "When the next period starts.", _reset_time(credits)),
    ]
    plan = f'{{plan="{_label(credits.plan_tier)}"}}' if credits.plan_tier else ""
    return "\n".join(
        f"# HELP agent_toolkit_{name} {meaning}\n"
        f"# TYPE agent_toolkit_{name} gauge\n"
        f"agent_toolkit_{name}{plan} {value}"
        for name, meaning, value in gauges
        if value is not None
    )


def _sources(credits: CreditResponse) -> str:
    parts: list[str] = []
    if credits.free_credits is not None:
        parts.append(f"{credits.free_credits:,} free")
    if credits.purchased_credits:
        parts.append(f"{credits.purchased_credits:,} purchased")
    return f"  ({', '.join(parts)})" if parts else ""


def _reset(credits: CreditResponse) -> str:
    days = credits.days_until_reset
    left = "" if days is None else "in 1 day" if days == 1 else f"in {days:,} days"
    when = _reset_date(credits)
    if when and left:
        return f"Resets {when} ({left})"
    return f"Resets {when or left}" if when or left else ""


def _reset_date(credits: CreditResponse) -> str:
    resets_at = _resets_at(credits)
    if resets_at is None:
        return printable(credits.reset_date or "")
    return f"{resets_at.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC".replace(" 00:00 UTC", "")


def _reset_time(credits: CreditResponse) -> int | None:
    resets_at = _resets_at(credits)
    return None if resets_at is None else int(resets_at.timestamp())


def _resets_at(credits: CreditResponse) -> datetime | None:
    """Return when the period ends; a date that cannot be read is no reason to show nothing."""
    try:
        return credits.resets_at
    except ApiValueError:
        return None


def _label(value: str) -> str:
    """Escape the value of a label, as the exposition format asks."""
    return printable(value).replace("\\", r"\\").replace('"', r"\"")
