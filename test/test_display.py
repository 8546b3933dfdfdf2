"""Credits as text: every number is there, nothing lies, and no text takes over."""

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


def rows(**named: tuple[Any, ...]) -> list[Any]:
    """Return the rows of a table, each with the name that says what is tried."""
    return [pytest.param(*row, id=name) for name, row in named.items()]


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
    rows(
        no_plan=({}, "Agent Toolkit credits"),
        no_sources=({}, "  Total      1,000"),
        plan_with_escapes=(
            {"plan_tier": "\x1b]0;owned\x07\n\nmax"},
            "Agent Toolkit credits, ]0;owned max plan",
        ),
        plan_of_escapes_alone=({"plan_tier": "\x1b"}, "Agent Toolkit credits"),
        purchased=({"purchased_credits": 900}, "  Total      1,000  (900 purchased)"),
        free=({"free_credits": 100}, "  Total      1,000  (100 free)"),
    ),
)
def test_text_has_what_is_known(fields: dict[str, Any], line: str) -> None:
    """What the service does not say is left out, and what it says does no harm."""
    lines = display.render_text(credits_of(**fields), screen=Screen()).splitlines()
    assert line in lines
    assert "Resets" not in "".join(lines)


@given(st.integers(1, 90))
def test_text_in_any_width(width: int) -> None:
    """Whatever the width, the numbers are there, and bar and notes fit if they can."""
    text = display.render_text(
        ALL, "The service failed; try again.", screen=Screen(width)
    )
    lines = text.split("\n")
    assert "  Remaining    750" in lines
    if width >= 20:
        notes = lines[8:]
        assert len(lines[2]) <= width
        assert max(map(len, notes)) <= width


@pytest.mark.parametrize(
    ("fields", "line"),
    rows(
        date_and_days=(
            {"reset_date": "2026-12-01", "days_until_reset": 9},
            "Resets 2026-12-01, in 9 days",
        ),
        time_of_day=(
            {"reset_date": "2026-12-01T01:30:00+02:00"},
            "Resets 2026-11-30 23:30 UTC",
        ),
        date_with_escapes=({"reset_date": "\x1b[2Jnext\nweek"}, "Resets [2Jnext week"),
    ),
)
def test_text_has_the_reset(fields: dict[str, Any], line: str) -> None:
    """The reset is told by date and days; one that is no date does no harm."""
    text = display.render_text(credits_of(**fields), screen=Screen())
    assert text.splitlines()[-1] == f"  {line}"


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_percent_is_rounded_down(used: int, total: int) -> None:
    """Whole percent are exact, and 100 % is all of it."""
    expected = min(100, used * 100 // total)
    assert format_percent(used, total) == f"{expected} %"


@pytest.mark.parametrize(
    ("fraction", "colour"),
    rows(
        none_used=(0.0, display.GREEN),
        below_three_quarters=(0.749, display.GREEN),
        three_quarters=(0.75, display.YELLOW),
        below_nine_tenths=(0.899, display.YELLOW),
        nine_tenths=(0.9, display.RED),
        all_used=(1.0, display.RED),
    ),
)
def test_colours(fraction: float, colour: str) -> None:
    """The bar is green, yellow from three quarters on, and red from nine tenths on."""
    bar = display.render_bar(fraction, 40, Screen(colour=True))
    assert bar.startswith(colour)


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(2, 60))
def test_bar_is_honest(used: int, total: int, cells: int) -> None:
    """A bar is always as long as asked, empty only at 0 and full only at 1."""
    fraction = min(1.0, used / total)
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
    """JSON has the fields of the service, unknown ones included, and our time."""
    credits = credits_of(region="eu", time="never")
    text = display.render_json(credits, NOON)
    assert '"region": "eu"' in text
    assert '"time": "2026-11-22T12:00:00Z"' in text


def gauges_of(credits: CreditResponse) -> dict[str, tuple[float, str]]:
    """Return values and plans by the names of the gauges, as Prometheus reads them."""
    text = display.render_prometheus(credits) + "\n"
    gauges = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        for sample in family.samples:
            name = sample.name.removeprefix("agent_toolkit_credits_")
            gauges[name] = (sample.value, sample.labels["plan"])
    return gauges


def test_prometheus() -> None:
    """Prometheus' own parser reads a gauge for every number, labelled with the plan."""
    reset = datetime(2026, 12, 1, tzinfo=timezone.utc)
    assert gauges_of(ALL) == {
        "granted": (1000, "pro"),
        "used": (250, "pro"),
        "remaining": (750, "pro"),
        "free": (100, "pro"),
        "purchased": (900, "pro"),
        "reset_timestamp_seconds": (reset.timestamp(), "pro"),
    }


def test_prometheus_of_the_least() -> None:
    """What is not known has no gauge; quotes and backslashes arrive as they were."""
    gauges = gauges_of(credits_of(reset_date="soon", plan_tier='a"b\\c\nd'))
    assert list(gauges) == ["granted", "used", "remaining", "purchased"]
    assert gauges["purchased"] == (0, 'a"b\\c d')
    assert gauges_of(credits_of())["purchased"] == (0, "")
