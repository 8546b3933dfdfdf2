"""The card that a notebook shows: what it says, and how it looks in a real browser."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageColor

from at_client.models import CreditResponse

GREEN = "#2e9e5b"
YELLOW = "#d99a00"
RED = "#d64545"


def make_card(used: int, **fields: Any) -> str:
    """Make the card of 1000 credits."""
    credits = CreditResponse(total=1000, used=used, remaining=1000 - used)
    return credits.model_copy(update=fields)._repr_html_()


def read_text(card: str) -> str:
    return "".join(ET.fromstring(card).itertext())  # noqa: S314  # our own


def test_a_card_shows_what_the_service_said() -> None:
    """What is left, what is used, the plan and the reset are there."""
    card = make_card(250, plan_tier="pro", reset_date="2026-12-01", days_until_reset=9)

    assert read_text(card) == (
        "Agent Toolkit credits, pro plan"
        "750 left"
        "250 of 1,000 used (25 %)"
        "Resets 2026-12-01, in 9 days"
    )
    assert 'role="img" aria-label="250 of 1,000 used (25 %)"' in card


def test_a_card_leaves_out_what_the_service_did_not_say() -> None:
    """Three numbers make a card."""
    text = read_text(make_card(0))

    assert text == "Agent Toolkit credits1,000 left0 of 1,000 used (0 %)"


RESETS = {
    "2026-12-01": "Resets 2026-12-01",
    "2026-12-01T00:00:00Z": "Resets 2026-12-01",
    "2026-12-01T10:30:00": "Resets 2026-12-01 10:30 UTC",
    "2026-12-01T01:30:00+02:00": "Resets 2026-11-30 23:30 UTC",
    "0001-01-01T00:00:00+02:00": "Resets 0001-01-01T00:00:00+02:00",
    "soon": "Resets soon",
}


@pytest.mark.parametrize("reset_date", RESETS)
def test_a_reset_is_shown_in_utc(reset_date: str) -> None:
    """Midnight is left out, and what is no date is shown as it came."""
    text = read_text(make_card(0, reset_date=reset_date))

    assert text.endswith(RESETS[reset_date])


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1, "Resets in 1 day"),
        (1000, "Resets in 1,000 days"),
    ],
)
def test_a_reset_may_be_days_alone(days: int, words: str) -> None:
    """Without a date, the card says in how many days."""
    assert read_text(make_card(0, days_until_reset=days)).endswith(words)


@pytest.mark.parametrize("field", ["plan_tier", "reset_date"])
def test_what_the_service_wrote_is_escaped(field: str) -> None:
    """A notebook runs what it is given, so nothing of the answer may be markup."""
    evil = "<script>alert(1)</script>\"'&{used}"
    card = make_card(1, **{field: evil})

    assert evil in read_text(card)
    assert "<script" not in card


COLOURS = {
    749: GREEN,
    750: YELLOW,
    899: YELLOW,
    900: RED,
}


@pytest.mark.parametrize("used", COLOURS)
def test_the_colour_says_how_much_is_used(used: int) -> None:
    """Green, yellow and red begin where those of the terminal's bar do."""
    assert f"background:{COLOURS[used]}" in make_card(used)


def test_a_browser_draws_the_bar(tmp_path: Path) -> None:
    """Of the bar's width, Chromium paints the used part."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")

    page = tmp_path / "card.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{make_card(250)}')
    screenshot = tmp_path / "card.png"
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--window-size=480,200",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={screenshot}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=50)
    with Image.open(screenshot) as picture:
        pixels = picture.convert("RGB").tobytes()

    # A quarter of 26em of 16 pixels is 104, less a frame; half a line is 6 to 12 high.
    painted = pixels.count(bytes(ImageColor.getrgb(GREEN)))
    assert 95 * 6 <= painted <= 104 * 12
