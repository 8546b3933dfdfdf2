"""The card that a notebook shows for credits: what it says, and how it looks in a real browser."""

from __future__ import annotations

import html.parser
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageColor

from at_client import CreditResponse
from at_client.models.card import ALARM_AT, GREEN, RED, WARN_AT, YELLOW, render_html

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 480, 200


class Strict(html.parser.HTMLParser):
    """Checks that every element is closed in order, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.labels += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(card: str) -> Strict:
    """Parse a card."""
    parser = Strict()
    parser.feed(card)
    parser.close()
    assert parser.open == []
    return parser


def make(used: int, **fields: object) -> CreditResponse:
    """Make credits of 1000."""
    return CreditResponse.model_validate(
        {"total": 1000, "used": used, "remaining": 1000 - used, **fields}
    )


def test_a_notebook_gets_the_card() -> None:
    """`_repr_html_` is what Jupyter asks for; the plain `repr` stays what it was."""
    credits = make(250, plan_tier="pro", reset_date="2026-12-01T00:00:00+01:00")
    assert credits._repr_html_() == render_html(credits)
    assert repr(credits).startswith("CreditResponse(total=1000, used=250, remaining=750")
    card = read(credits._repr_html_())
    assert "".join(card.text) == (
        "Agent Toolkit credits, pro plan750 left250 of 1,000 used (25 %) · resets 2026-11-30"
    )
    assert card.labels == ["250 of 1,000 used (25 %)"]


def test_a_card_needs_the_three_numbers_only() -> None:
    """What the service did not say is not shown, not even as None."""
    assert "None" not in render_html(make(0))
    assert "resets" not in render_html(make(0))


@pytest.mark.parametrize("field", ["plan_tier", "reset_date"])
def test_what_the_service_wrote_is_escaped(field: str) -> None:
    """A notebook runs what it is given, so nothing of the answer may be markup."""
    evil = "<script>alert(1)</script>\"'&"
    card = render_html(make(1, **{field: evil}))
    assert "<script" not in card
    assert evil in "".join(read(card).text)


@pytest.mark.parametrize(
    ("used", "colour", "percent"),
    [
        (0, GREEN, "(0 %)"),
        (int(WARN_AT * 1000) - 1, GREEN, "(74 %)"),
        (int(WARN_AT * 1000), YELLOW, "(75 %)"),
        (int(ALARM_AT * 1000) - 1, YELLOW, "(89 %)"),
        (int(ALARM_AT * 1000), RED, "(90 %)"),
        (999, RED, "(99 %)"),
        (1000, RED, "(100 %)"),
        (1200, RED, "(100 %)"),
    ],
)
def test_the_colour_says_how_much_is_used(used: int, colour: str, percent: str) -> None:
    """Green, yellow, red, at the parts where the terminal's bar changes too; the text says the same."""
    card = render_html(make(used))
    assert f"background:{colour}" in card
    assert percent in card


@pytest.mark.parametrize(("paper", "ink"), [("#ffffff", "#000000"), ("#111111", "#dddddd")])
def test_a_browser_draws_the_bar(tmp_path: Path, paper: str, ink: str) -> None:
    """Of the bar's width, the used part is painted; light and dark pages keep their own background."""
    page = tmp_path / "card.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><body style="margin:0;background:{paper};color:{ink}">'
        f"{render_html(make(250, plan_tier='pro', reset_date='2026-12-01'))}",
        encoding="utf-8",
    )
    picture = screenshot(page, tmp_path)
    green = ImageColor.getrgb(GREEN)
    rows = [picture.crop((0, y, WIDTH, y + 1)).getcolors(WIDTH) for y in range(HEIGHT)]
    painted = [{colour: count for count, colour in row or ()}.get(green, 0) for row in rows]
    # Of 26em of 16 px a quarter, without the frame of the bar.
    assert 95 <= max(painted) <= 104
    assert 6 <= sum(count > 90 for count in painted) <= 12, "the bar is about half a line high"
    assert picture.getpixel((WIDTH - 2, HEIGHT - 2)) == ImageColor.getrgb(paper)


def screenshot(page: Path, folder: Path) -> Image.Image:
    """Let Chromium draw a page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    shot = folder / "shot.png"
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
    flags += " --disable-background-networking --disable-component-update --disable-sync"
    command = [chromium, *flags.split(), f"--user-data-dir={folder / 'profile'}"]
    command += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=50)
    with Image.open(shot) as picture:
        return picture.convert("RGB")
