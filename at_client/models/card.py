"""Credits as HTML: the card that a notebook shows in place of a `repr`. Nothing here opens, reads or prints."""

from __future__ import annotations

from datetime import timezone
from html import escape
from typing import TYPE_CHECKING

from at_client.exceptions import ApiValueError

if TYPE_CHECKING:
    from at_client.models.credit_response import CreditResponse

WARN_AT, ALARM_AT = 0.75, 0.9
"""Parts of the total from which on a usage bar is yellow, and red."""

GREEN, YELLOW, RED = "#2e9e5b", "#d99a00", "#d64545"
"""Told from white as well as from black, for light and dark notebooks; the numbers say the same without colour."""

CARD = "max-width:26em;padding:.6em .8em;border:1px solid #8888;border-radius:6px;line-height:1.4"
TRACK = "height:.6em;margin:.35em 0;overflow:hidden;border:1px solid #8888;border-radius:.4em"
SMALL = "font-size:85%;opacity:.8"
LARGE = "font-size:160%;font-weight:600"


def render_html(credits: CreditResponse) -> str:
    """Draw credits for a notebook: what is left, and a bar of what is used.

    The styles are inline, and text and background are the notebook's own, so that no other output changes and a dark
    theme stays dark. Whatever the service wrote is escaped.

    Args:
        credits: The credits.

    Examples:
        >>> from at_client.models import CreditResponse
        >>> html = render_html(CreditResponse(total=1000, used=250, remaining=750, plan_tier="<b>"))
        >>> "750" in html, "width:25.0%" in html, "&lt;b&gt;" in html, "<b>" in html
        (True, True, True, False)
    """
    fraction = credits.used_fraction
    colour = RED if fraction >= ALARM_AT else YELLOW if fraction >= WARN_AT else GREEN
    # Rounded down: what is not quite used up must not read 100 %.
    used = f"{credits.used:,} of {credits.total:,} used ({int(fraction * 100)} %)"
    plan = f", {escape(credits.plan_tier)} plan" if credits.plan_tier else ""
    return (
        f'<div style="{CARD}">'
        f'<div style="{SMALL}">Agent Toolkit credits{plan}</div>'
        f'<div><span style="{LARGE}">{credits.remaining:,}</span> left</div>'
        f'<div style="{TRACK}" role="img" aria-label="{used}">'
        f'<div style="width:{fraction:.1%};height:100%;background:{colour}"></div></div>'
        f'<div style="{SMALL}">{" · ".join(filter(None, (used, _reset(credits))))}</div>'
        "</div>"
    )


def _reset(credits: CreditResponse) -> str:
    """Say when the period ends; a date that cannot be read is shown as it came."""
    try:
        when = credits.resets_at
    except ApiValueError:
        when = None
    date = escape(credits.reset_date or "")
    if when is not None:
        date = f"{when.astimezone(timezone.utc):%Y-%m-%d}"
    return f"resets {date}" if date else ""
