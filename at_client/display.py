"""Credits as text: for a person, a log, a program and Prometheus."""

import contextlib
import json
from datetime import datetime
from textwrap import fill
from typing import NamedTuple

from at_client.details import shorten
from at_client.exceptions import ApiValueError
from at_client.models.credit_response import (
    ALARM_AT,
    WARN_AT,
    CreditResponse,
    format_percent,
    format_reset,
)

WIDEST_BAR_CELLS = 40

RED = "\x1b[31m"
YELLOW = "\x1b[33m"
GREEN = "\x1b[32m"
NO_COLOUR = "\x1b[0m"

GAUGE = """\
# TYPE agent_toolkit_credits_{name} gauge
agent_toolkit_credits_{name}{{plan={plan}}} {value}
"""


class Screen(NamedTuple):
    """What the place can show that text is made for."""

    width: int = 80
    """Columns; the bar and longer sentences are fitted to them."""
    colour: bool = False
    """Whether the bar is coloured."""
    blocks: bool = True
    """Whether the bar is made of block characters; if not, of `#` and `-`."""


def render_bar(fraction: float, cells: int, screen: Screen) -> str:
    """Return a bar with a fraction (0 to 1) filled.

    It looks empty at 0 only, and full at 1 only.

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
    used = full * filled
    left = empty * (cells - filled)
    if screen.colour:
        used = f"{_pick_colour(fraction)}{used}{NO_COLOUR}"
    return used + left


def render_text(credits: CreditResponse, *notes: str, screen: Screen) -> str:
    """Return credits as a person reads them.

    What the service wrote is cleared of control characters, which could harm a
    terminal.

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
    plan = shorten(credits.plan_tier or "")
    title = f"Agent Toolkit credits, {plan} plan" if plan else "Agent Toolkit credits"

    percent = f"{format_percent(credits.used, credits.total)} used"
    cells = min(screen.width - len(percent) - 4, WIDEST_BAR_CELLS)
    bar = render_bar(credits.used_fraction, cells, screen)

    sentences = [shorten(format_reset(credits)), *notes]
    below = [
        fill(each, screen.width, initial_indent="  ", subsequent_indent="  ")
        for each in sentences
    ]
    lines = [title, "", f"  {bar}  {percent}", "", *_list_numbers(credits), ""]
    return "\n".join([*lines, *filter(None, below)]).rstrip()


def render_line(credits: CreditResponse, now: datetime) -> str:
    """Return credits as a line of a log.

    Examples:
        >>> from datetime import timezone
        >>> noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
        >>> render_line(CreditResponse(total=1000, used=250, remaining=750), noon)
        '2026-11-22T12:00:00Z total=1000 used=250 remaining=750'
    """
    numbers = f"total={credits.total} used={credits.used} remaining={credits.remaining}"
    return f"{_format_time(now)} {numbers}"


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
        fields["time"] = _format_time(now)
    return json.dumps(fields)


def render_prometheus(credits: CreditResponse) -> str:
    """Return credits in Prometheus' text exposition format, version 0.0.4.

    Examples:
        >>> credits = CreditResponse(total=1000, used=250, remaining=750)
        >>> render_prometheus(credits).splitlines()[-1]
        'agent_toolkit_credits_purchased{plan=""} 0'
    """
    gauges = {
        "granted": credits.total,
        "used": credits.used,
        "remaining": credits.remaining,
        "free": credits.free_credits,
        "purchased": credits.purchased_credits,
        "reset_timestamp_seconds": _read_reset_seconds(credits),
    }
    # Labels escape quotes and backslashes as JSON does.
    plan = json.dumps(shorten(credits.plan_tier or ""), ensure_ascii=False)

    return "".join(
        GAUGE.format(name=name, plan=plan, value=value)
        for name, value in gauges.items()
        if value is not None
    ).rstrip()


def _list_numbers(credits: CreditResponse) -> list[str]:
    numbers = {
        "Total": credits.total,
        "Used": credits.used,
        "Remaining": credits.remaining,
    }
    digits = max(len(f"{number:,}") for number in numbers.values())
    lines = [f"  {name:9}  {number:{digits},}" for name, number in numbers.items()]

    sources = {"free": credits.free_credits, "purchased": credits.purchased_credits}
    words = [f"{number:,} {name}" for name, number in sources.items() if number]
    if words:
        lines[0] += f"  ({', '.join(words)})"
    return lines


def _pick_colour(fraction: float) -> str:
    if fraction >= ALARM_AT:
        return RED
    if fraction >= WARN_AT:
        return YELLOW
    return GREEN


def _read_reset_seconds(credits: CreditResponse) -> int | None:
    """Return when the next period starts, since 1970; `None` if that cannot be read."""
    with contextlib.suppress(ApiValueError):
        if credits.resets_at is not None:
            return int(credits.resets_at.timestamp())
    return None


def _format_time(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
