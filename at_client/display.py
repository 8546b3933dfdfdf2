"""Credits as text: for a person, a log, a program and Prometheus."""

import contextlib
import json
from datetime import datetime, timezone
from decimal import Decimal
from textwrap import wrap
from typing import NamedTuple

from at_client.exceptions import ApiValueError
from at_client.models.credit_response import (
    ALARM_AT,
    WARN_AT,
    CreditResponse,
    format_reset,
)

WIDEST_BAR_CELLS = 40
NARROWEST_BAR_CELLS = 2

RED = "\x1b[31m"
YELLOW = "\x1b[33m"
GREEN = "\x1b[32m"
NO_COLOUR = "\x1b[0m"


class Screen(NamedTuple):
    """What the place can show that text is made for."""

    width: int = 80
    """Columns; the bar and longer sentences are fitted to them."""
    colour: bool = False
    """Whether the bar is coloured."""
    blocks: bool = True
    """Whether the bar is made of block characters; if not, of `#` and `-`."""


def printable(text: str) -> str:
    r"""Return text as one line without control characters, which could harm a terminal.

    Examples:
        >>> printable("pro\x1b[2J\nplan")
        'pro [2J plan'
    """
    visible = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(visible.split())


def format_percent(fraction: float) -> str:
    """Return a fraction (0 to 1) in whole percent, rounded down: 100 % is all of it.

    Examples:
        >>> format_percent(0.29), format_percent(0.9999)
        ('29 %', '99 %')
    """
    exact = Decimal(str(fraction))  # as a float, 0.29 * 100 is less than 29
    return f"{int(exact * 100)} %"


def render_bar(
    fraction: float, cells: int, *, colour: bool = False, blocks: bool = True
) -> str:
    """Return a bar with a fraction (0 to 1) filled.

    It looks empty at 0 only, and full at 1 only.

    Examples:
        >>> render_bar(0.25, 8, blocks=False)
        '##------'
        >>> render_bar(0.999, 8, blocks=False)
        '#######-'
    """
    filled = round(fraction * cells)
    if fraction > 0:
        filled = max(filled, 1)
    if fraction < 1:
        filled = min(filled, cells - 1)

    used = ("█" if blocks else "#") * filled
    left = ("░" if blocks else "-") * (cells - filled)
    if colour:
        used = f"{_pick_colour(fraction)}{used}{NO_COLOUR}"
    return used + left


def render_text(credits: CreditResponse, *notes: str, screen: Screen) -> str:
    """Return credits as a person reads them.

    Args:
        credits: What to show.
        *notes: Sentences to show below; empty ones are left out.
        screen: What can be shown.

    Examples:
        >>> credits = CreditResponse(
        ...     total=1000, used=250, remaining=750, plan_tier="pro"
        ... )
        >>> print(render_text(credits, screen=Screen(width=40, blocks=False)))
        Agent Toolkit credits, pro plan
        <BLANKLINE>
          #######--------------------  25 % used
        <BLANKLINE>
          Total      1,000
          Used         250
          Remaining    750
    """
    plan = printable(credits.plan_tier or "")
    title = f"Agent Toolkit credits, {plan} plan" if plan else "Agent Toolkit credits"

    sentences = [printable(format_reset(credits)), *notes]
    columns = max(screen.width - 2, 1)
    below = [f"  {line}" for each in sentences for line in wrap(each, columns)]

    usage = _render_usage(credits, screen)
    lines = [title, "", usage, "", *_list_numbers(credits), "", *below]
    return "\n".join(lines).rstrip()


def render_line(credits: CreditResponse, now: datetime) -> str:
    """Return credits as a line of a log.

    Examples:
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_line(CreditResponse(total=1000, used=250, remaining=750), noon)
        '2026-11-22T12:00:00Z total=1000 used=250 remaining=750'
    """
    numbers = f"total={credits.total} used={credits.used} remaining={credits.remaining}"
    return f"{_format_timestamp(now)} {numbers}"


def render_json(credits: CreditResponse, now: datetime | None = None) -> str:
    """Return credits as one line of JSON in ASCII, by the names on the wire.

    Args:
        credits: What to write.
        now: When they were fetched, which is added as `time`; `None` leaves it out.

    Examples:
        >>> render_json(CreditResponse(total=1000, used=250, remaining=750))[:23]
        '{"total_credits": 1000,'
    """
    fields = json.loads(credits.to_json())
    if now is not None:
        fields["time"] = _format_timestamp(now)
    return json.dumps(fields)


def render_prometheus(credits: CreditResponse) -> str:
    """Return credits in Prometheus' text exposition format, version 0.0.4.

    Examples:
        >>> credits = CreditResponse(total=1000, used=250, remaining=750)
        >>> render_prometheus(credits).splitlines()[-1]
        'agent_toolkit_credits_purchased{plan=""} 0'
    """
    resets_at = _read_reset(credits)
    reset_seconds = None if resets_at is None else int(resets_at.timestamp())
    gauges = {
        "granted": credits.total,
        "used": credits.used,
        "remaining": credits.remaining,
        "free": credits.free_credits,
        "purchased": credits.purchased_credits,
        "reset_timestamp_seconds": reset_seconds,
    }
    plan = printable(credits.plan_tier or "")
    label = plan.replace("\\", r"\\").replace('"', r"\"")

    lines = []
    for name, value in gauges.items():
        if value is not None:
            metric = f"agent_toolkit_credits_{name}"
            lines += [f"# TYPE {metric} gauge", f'{metric}{{plan="{label}"}} {value}']
    return "\n".join(lines)


def _render_usage(credits: CreditResponse, screen: Screen) -> str:
    """Return the line with the bar, as wide as the screen allows."""
    percent = f"{format_percent(credits.used_fraction)} used"
    room = screen.width - len(percent) - 4
    bar = render_bar(
        credits.used_fraction,
        cells=max(NARROWEST_BAR_CELLS, min(room, WIDEST_BAR_CELLS)),
        colour=screen.colour,
        blocks=screen.blocks,
    )
    return f"  {bar}  {percent}"


def _list_numbers(credits: CreditResponse) -> list[str]:
    numbers = [f"{n:,}" for n in (credits.total, credits.used, credits.remaining)]
    digits = max(map(len, numbers))
    total, used, remaining = (number.rjust(digits) for number in numbers)

    sources = []
    if credits.free_credits:
        sources.append(f"{credits.free_credits:,} free")
    if credits.purchased_credits:
        sources.append(f"{credits.purchased_credits:,} purchased")
    origin = f"  ({', '.join(sources)})" if sources else ""

    return [
        f"  Total      {total}{origin}",
        f"  Used       {used}",
        f"  Remaining  {remaining}",
    ]


def _pick_colour(fraction: float) -> str:
    if fraction >= ALARM_AT:
        return RED
    if fraction >= WARN_AT:
        return YELLOW
    return GREEN


def _read_reset(credits: CreditResponse) -> datetime | None:
    """Return when the next period starts, in UTC; `None` if that cannot be read."""
    with contextlib.suppress(ApiValueError, OverflowError):
        if credits.resets_at is not None:
            return credits.resets_at.astimezone(timezone.utc)
    return None


def _format_timestamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
