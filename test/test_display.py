"""Credits as text: every number is there, nothing lies, and nobody's text takes over a terminal."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from at_client import display
from at_client.models.credit_response import CreditResponse
from support.facts import CREDITS

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
LEAST = CreditResponse(total=1000, used=250, remaining=750)
SCREEN = {"width": 80, "rows": 24, "colour": False, "blocks": True}


def credits_of(**changes: Any) -> CreditResponse:
    return CreditResponse.model_validate({**CREDITS, **changes})


def render_text(credits: CreditResponse, *notes: str, **screen: Any) -> str:
    return display.render_text([(NOON, credits)], *notes, **{**SCREEN, **screen})


def spending_of(*used: int, minutes: float = 1) -> display.Samples:
    return [
        (
            NOON + i * timedelta(minutes=minutes),
            credits_of(used_credits=n, remaining_credits=1000 - n),
        )
        for i, n in enumerate(used)
    ]


def test_text_shows_all() -> None:
    """Plan, bar, the three numbers, where they come from, reset and notes are shown."""
    credits = credits_of(total_credits=12000, used_credits=3000)
    assert render_text(
        credits, "", "This is something else to say, which is wrapped", width=46
    ) == (
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
        ({}, "  Total      1,000"),
        (
            {"plan_tier": "\x1b]0;owned\x07\n\nmax"},
            "Agent Toolkit credits, ]0;owned max plan",
        ),
        ({"purchased_credits": 900}, "  Total      1,000  (900 purchased)"),
        ({"free_credits": 100}, "  Total      1,000  (100 free)"),
        (
            {"reset_date": "2026-12-01", "days_until_reset": 1},
            "  Resets 2026-12-01, in 1 day",
        ),
        ({"reset_date": "2026-12-01T01:30:00+02:00"}, "  Resets 2026-11-30 23:30 UTC"),
        (
            {"reset_date": "0001-01-01T00:00:00+14:00", "days_until_reset": 2},
            "  Resets in 2 days",
        ),
        (
            {"reset_date": "\x1b[2Jnext\nweek", "days_until_reset": 0},
            "  Resets in 0 days",
        ),
    ],
)
def test_text_shows_what_is_known(fields: dict[str, Any], line: str) -> None:
    """What the service does not say is left out, and what cannot be read or shown does no harm."""
    lines = render_text(LEAST.model_copy(update=fields)).splitlines()
    assert line in lines
    assert any("Resets" in line for line in lines) == any(
        "reset" in field for field in fields
    )


@pytest.mark.parametrize(
    ("used", "code"),
    [(0, 32), (749, 32), (750, 33), (899, 33), (900, 31), (999, 31), (1001, 31)],
)
def test_colours(used: int, code: int) -> None:
    """The bar is green, yellow from three quarters on, and red from nine tenths on."""
    shown = render_text(
        CreditResponse(total=1000, used=used, remaining=1000 - used), colour=True
    )
    assert f"  \x1b[{code}m" in shown
    assert f"  {min(used // 10, 100)} % used" in shown


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(2, 60))
def test_bar_is_honest(used: int, total: int, cells: int) -> None:
    """A bar is always as long as asked, empty only at 0 and full only at 1."""
    fraction = min(1.0, used / total)
    bar = display.render_bar(fraction, cells, blocks=False)
    assert len(bar) == cells
    assert ("#" in bar) == (fraction > 0)
    assert ("-" in bar) == (fraction < 1)
    assert abs(bar.count("#") - fraction * cells) <= 1


@given(st.integers(1, 90), st.integers(1, 20), st.booleans())
def test_text_fits(width: int, rows: int, colour: bool) -> None:
    """Lines are left out and cut until the text fits; a number that remains is whole."""
    shown = render_text(
        credits_of(),
        "The service failed; try again later.",
        width=width,
        rows=rows,
        colour=colour,
    )
    lines = [
        line.replace("\x1b[32m", "").replace("\x1b[0m", "")
        for line in shown.split("\n")
    ]
    assert len(lines) <= rows
    assert max(map(len, lines)) <= width
    assert all(
        number in {"750", ">"}
        for line in lines
        if "Remaining" in line
        for number in line.split()[1:]
    )
    assert width < 18 or "  Remaining    750" in lines


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (spending_of(250), ""),
        (spending_of(250, 250, minutes=0), ""),
        (spending_of(250, 250), "None spent since 12:00:00 UTC"),
        (
            spending_of(250, 260),
            "Spending 600.0 credits per hour; used up in 1 h 14 min",
        ),
        (
            spending_of(0, 0, 0, 1),
            "Spending 20.0 credits per hour; used up in 49 h 57 min",
        ),
        (
            spending_of(990, 1000, 10, 20),
            "Spending 400.0 credits per hour; used up in 2 h 27 min",
        ),
        (
            spending_of(900, 1200),
            "Spending 18,000.0 credits per hour; used up in 0 h 0 min",
        ),
    ],
)
def test_spending(samples: display.Samples, said: str) -> None:
    """The rate is what was spent between the samples, a new period included, and says when none are left."""
    assert display.render_spending(samples) == said
    assert said in display.render_text(
        samples, width=80, rows=24, colour=False, blocks=True
    )


@given(st.text())
def test_printable(text: str) -> None:
    """Whatever the text, what is printed is one line without control characters."""
    assert display.printable(text).isprintable()


def gauges_of(credits: CreditResponse) -> dict[str, tuple[float, str]]:
    """Read values and plans as Prometheus would."""
    return {
        sample.name.removeprefix("agent_toolkit_credits_"): (
            sample.value,
            sample.labels["plan"],
        )
        for family in text_string_to_metric_families(
            display.render_prometheus(credits) + "\n"
        )
        for sample in family.samples
        if family.type == "gauge"
    }


def test_prometheus() -> None:
    """Prometheus' own parser reads a gauge for every number, with the plan as a label."""
    numbers = {
        "granted": 1000,
        "used": 250,
        "remaining": 750,
        "free": 100,
        "purchased": 900,
    }
    numbers["reset_timestamp_seconds"] = int(
        datetime(2026, 12, 1, tzinfo=timezone.utc).timestamp()
    )
    assert gauges_of(credits_of()) == {
        name: (number, "pro") for name, number in numbers.items()
    }


def test_prometheus_of_the_least() -> None:
    """What the service does not say readably has no metric; quotes and backslashes arrive as they were."""
    gauges = gauges_of(
        LEAST.model_copy(update={"reset_date": "soon", "plan_tier": 'a"b\\c\nd'})
    )
    assert list(gauges) == ["granted", "used", "remaining", "purchased"]
    assert gauges["purchased"] == (0, 'a"b\\c d')
    assert gauges_of(LEAST)["purchased"] == (0, "")
