"""Credits as text: every number is there, nothing lies, and no text takes over."""

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from at_client import display
from at_client.display import Screen
from at_client.models.credit_response import CreditResponse, format_percent
from support.facts import CREDITS

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
LEAST = {"total_credits": 1000, "used_credits": 250, "remaining_credits": 750}


def credits_of(**fields: Any) -> CreditResponse:
    """Return the least credits that there are, and some fields."""
    return CreditResponse.model_validate({**LEAST, **fields})


ALL = credits_of(**CREDITS)


def test_text_has_everything() -> None:
    """Plan, bar, numbers, where they come from, reset and notes are shown."""
    credits = credits_of(**{**CREDITS, "total_credits": 12000, "used_credits": 3000})
    note = "This is something else to say, which is wrapped"
    assert display.render_text(credits, "", note, screen=Screen(width=46)) == (
        "Agent Toolkit credits, pro plan\n\n"
        "  ████████░░░░░░░░░░░░░░░░░░░░░░░░░  25 % used\n\n"
        "  Total      12,000  (100 free, 900 purchased)\n"
        "  Used        3,000\n"
        "  Remaining     750\n\n"
        "  Resets 2026-12-01, in 9 days\n"
        "  This is something else to say, which is\n"
        "  wrapped"
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "Agent Toolkit credits"),
        ({"plan_tier": "\x1b]0;x\x07\n\nmax"}, "Agent Toolkit credits, ]0;x max plan"),
        ({"purchased_credits": 900}, "  Total      1,000  (900 purchased)"),
    ],
    ids=[
        "no plan",
        "a plan with escapes",
        "one source",
    ],
)
def test_text_has_what_is_known(fields: dict[str, Any], line: str) -> None:
    """What the service does not say is left out, and what it says does no harm."""
    text = display.render_text(credits_of(**fields), screen=Screen())
    assert line in text.splitlines()
    assert "Resets" not in text


@given(st.integers(20, 90))
def test_text_in_any_width(width: int) -> None:
    """Bar and notes fit into any width, in which the numbers are there."""
    note = "The service failed; try again."
    text = display.render_text(ALL, note, screen=Screen(width))
    _, bar, numbers, notes = text.split("\n\n")
    assert numbers.endswith("\n  Remaining    750")
    assert max(map(len, [bar, *notes.splitlines()])) <= width


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_percent_is_rounded_down(used: int, total: int) -> None:
    """Whole percent are exact, and 100 % is all of it."""
    expected = min(100, used * 100 // total)
    assert format_percent(used, total) == f"{expected} %"


@pytest.mark.parametrize(
    ("fraction", "colour"),
    [
        (0.749, display.GREEN),
        (0.75, display.YELLOW),
        (0.899, display.YELLOW),
        (0.9, display.RED),
    ],
)
def test_colours(fraction: float, colour: str) -> None:
    """The bar is green, yellow from three quarters on, and red from nine tenths on."""
    bar = display.render_bar(fraction, 40, Screen(colour=True))
    assert bar.startswith(colour)


@given(st.floats(0, 1), st.integers(2, 60))
def test_bar_is_honest(fraction: float, cells: int) -> None:
    """A bar is always as long as asked, empty only at 0 and full only at 1."""
    bar = display.render_bar(fraction, cells, Screen(blocks=False))
    assert len(bar) == cells
    assert ("#" in bar) == (fraction > 0)
    assert ("-" in bar) == (fraction < 1)
    assert abs(bar.count("#") - fraction * cells) <= 1


@given(st.text())
def test_text_is_harmless(text: str) -> None:
    """Whatever the service wrote, no control character reaches the terminal."""
    credits = credits_of(plan_tier=text, reset_date=text)
    shown = display.render_text(credits, screen=Screen())
    assert shown.replace("\n", "").isprintable()


def test_json_keeps_what_the_service_adds() -> None:
    """JSON has all fields in ASCII, unknown ones included, and our time."""
    text = display.render_json(credits_of(region="größer", time="never"), NOON)
    assert text.isascii()
    assert '"region": "gr\\u00f6\\u00dfer"' in text
    assert '"time": "2026-11-22T12:00:00Z"' in text


def test_prometheus() -> None:
    """Prometheus has a gauge for every number, labelled with the plan."""
    text = display.render_prometheus(ALL)
    assert text.startswith("# TYPE agent_toolkit_credits_granted gauge\n")
    assert re.findall(r"(?m)^\w+{.*", text) == [
        'agent_toolkit_credits_granted{plan="pro"} 1000',
        'agent_toolkit_credits_used{plan="pro"} 250',
        'agent_toolkit_credits_remaining{plan="pro"} 750',
        'agent_toolkit_credits_free{plan="pro"} 100',
        'agent_toolkit_credits_purchased{plan="pro"} 900',
        'agent_toolkit_credits_reset_timestamp_seconds{plan="pro"} 1796083200',
    ]


def test_prometheus_of_the_least() -> None:
    """What is not known has no gauge; Prometheus' own parser reads an odd plan."""
    credits = credits_of(reset_date="soon", plan_tier='a"b\\c\nd')
    text = display.render_prometheus(credits) + "\n"
    families = list(text_string_to_metric_families(text))
    assert [family.samples[0].value for family in families] == [1000, 250, 750, 0]
    assert families[0].samples[0].labels == {"plan": 'a"b\\c d'}
