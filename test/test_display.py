"""Credits as text: every number is there, nothing lies, and nobody's text takes over a terminal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from at_client.display import (
    Screen,
    printable,
    render_bar,
    render_line,
    render_prometheus,
    render_text,
)
from at_client.models.credit_response import CreditResponse
from support.facts import CREDITS

PLAIN = Screen(width=80)
COLOUR = Screen(width=80, colour=True)


def credits_of(**changes: Any) -> CreditResponse:
    return CreditResponse.model_validate({**CREDITS, **changes})


def test_text_shows_all() -> None:
    """Plan, bar, the three numbers, where they come from, reset date and days left are shown."""
    shown = render_text(credits_of(total_credits=12000, used_credits=3000), Screen(width=40))
    assert (
        shown
        == """\
Agent Toolkit credits, pro plan

  ██████░░░░░░░░░░░░░░░░░░  25 % used

  Total      12,000  (100 free, 900 purchased)
  Used        3,000
  Remaining     750

  Resets 2026-12-01 (in 9 days)"""
    )


def test_text_of_the_least() -> None:
    """What the service does not say is left out."""
    least = CreditResponse(total=1000, used=250, remaining=750)
    lines = render_text(least, PLAIN).splitlines()
    assert lines[0] == "Agent Toolkit credits"
    assert lines[-3:] == ["  Total      1,000", "  Used         250", "  Remaining    750"]


@pytest.mark.parametrize(
    ("reset_date", "days", "line"),
    [
        ("2026-12-01T00:00:00Z", 9, "Resets 2026-12-01 (in 9 days)"),
        ("2026-12-01", 1, "Resets 2026-12-01 (in 1 day)"),
        ("2026-12-01T01:30:00+02:00", None, "Resets 2026-11-30 23:30 UTC"),
        (None, 0, "Resets in 0 days"),
        ("\x1b[2Jnext\nweek", 7, "Resets [2Jnext week (in 7 days)"),
        (None, None, None),
        ("", None, None),
    ],
)
def test_reset(reset_date: str | None, days: int | None, line: str | None) -> None:
    """The reset is told as far as it is known; a date that cannot be read is shown as it came."""
    shown = render_text(credits_of(reset_date=reset_date, days_until_reset=days), PLAIN)
    resets = [text.strip() for text in shown.splitlines() if "Resets" in text]
    assert resets == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"free_credits": None}, "1,000  (900 purchased)"),
        ({"purchased_credits": 0}, "1,000  (100 free)"),
        ({"free_credits": None, "purchased_credits": None}, "1,000"),
        ({"free_credits": 0, "purchased_credits": 1000}, "1,000  (0 free, 1,000 purchased)"),
    ],
)
def test_sources(changes: dict[str, Any], shown: str) -> None:
    """Free and purchased credits stand beside the total, where there are any."""
    assert f"  Total      {shown}" in render_text(credits_of(**changes), PLAIN).splitlines()


@pytest.mark.parametrize(
    ("used", "total", "percent", "code"),
    [
        (0, 1000, "0 %", 32),
        (749, 1000, "74 %", 32),
        (750, 1000, "75 %", 33),
        (899, 1000, "89 %", 33),
        (900, 1000, "90 %", 31),
        (999, 1000, "99 %", 31),
        (1000, 1000, "100 %", 31),
        (1200, 1000, "100 %", 31),
        (0, 0, "0 %", 32),
    ],
)
def test_colours_warn(used: int, total: int, percent: str, code: int) -> None:
    """The bar is green, from three quarters on yellow, from nine tenths on red; 100 % is all of it."""
    shown = render_text(credits_of(used_credits=used, total_credits=total), COLOUR)
    assert f"  {percent} used" in shown
    assert f"\x1b[{code}m" in shown
    assert shown.count("\x1b[0m") == shown.count("\x1b[") / 2


def test_without_colours_there_is_no_escape() -> None:
    """A screen without colours gets text alone, the same that a coloured one shows."""
    plain, coloured = (render_text(credits_of(), screen) for screen in (PLAIN, COLOUR))
    assert "\x1b" not in plain
    for code in (1, 2, 32, 0):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


@pytest.mark.parametrize(("width", "cells"), [(200, 40), (80, 40), (40, 24), (20, 4), (5, 1)])
def test_bar_fits(width: int, cells: int) -> None:
    """The bar takes the room there is, 40 cells at most and one at least."""
    shown = render_text(credits_of(), Screen(width=width, blocks=False))
    assert shown.count("#") + shown.count("-") - shown.count("2026-12-01") * 2 == cells


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(2, 60))
def test_bar_is_honest(used: int, total: int, cells: int) -> None:
    """A bar is always as long as asked, empty only at 0 and full only at 1."""
    fraction = min(1.0, used / total)
    bar = render_bar(fraction, cells, Screen(blocks=False))
    assert len(bar) == cells
    assert ("#" in bar) == (fraction > 0)
    assert ("-" in bar) == (fraction < 1)
    assert abs(bar.count("#") - fraction * cells) <= 1


@given(st.text())
def test_printable(text: str) -> None:
    """Whatever the text, what is printed is one line without control characters."""
    assert printable(text).isprintable()


def test_plan_cannot_take_over_the_terminal() -> None:
    """A plan with escape sequences and line breaks is shown without them."""
    title = render_text(credits_of(plan_tier="pro\x1b]0;owned\x07\n\nmax"), PLAIN).splitlines()[0]
    assert title == "Agent Toolkit credits, pro ]0;owned max plan"


def test_line() -> None:
    """One line has the time in UTC and the three numbers."""
    now = datetime(2026, 11, 22, 14, 5, 7, tzinfo=timezone(timedelta(hours=2)))
    line = "2026-11-22T12:05:07Z total=1000 used=250 remaining=750"
    assert render_line(credits_of(), now) == line


def samples(text: str) -> dict[str, tuple[float, dict[str, str]]]:
    """Read metrics as Prometheus would."""
    return {
        sample.name: (sample.value, sample.labels)
        for family in text_string_to_metric_families(text + "\n")
        for sample in family.samples
        if family.type == "gauge" and family.documentation
    }


def test_prometheus() -> None:
    """Prometheus' own parser reads a gauge for every number, with the plan as a label."""
    moment = datetime(2026, 12, 1, tzinfo=timezone.utc).timestamp()
    pro = {"plan": "pro"}
    assert samples(render_prometheus(credits_of())) == {
        "agent_toolkit_credits_granted": (1000, pro),
        "agent_toolkit_credits_used": (250, pro),
        "agent_toolkit_credits_remaining": (750, pro),
        "agent_toolkit_credits_free": (100, pro),
        "agent_toolkit_credits_purchased": (900, pro),
        "agent_toolkit_credits_reset_timestamp_seconds": (moment, pro),
    }


def test_prometheus_of_the_least() -> None:
    """What the service does not say, or says so that nobody can read it, has no metric."""
    least = CreditResponse(total=10, used=1, remaining=9, reset_date="next week")
    assert samples(render_prometheus(least)) == {
        "agent_toolkit_credits_granted": (10, {}),
        "agent_toolkit_credits_used": (1, {}),
        "agent_toolkit_credits_remaining": (9, {}),
        "agent_toolkit_credits_purchased": (0, {}),
    }


def test_prometheus_escapes_the_plan() -> None:
    """Quotes and backslashes in a plan arrive as they were."""
    text = render_prometheus(credits_of(plan_tier='a"b\\c\nd'))
    assert samples(text)["agent_toolkit_credits_used"][1] == {"plan": 'a"b\\c d'}
