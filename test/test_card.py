"""The card that a notebook shows for credits: what it says, and how it looks in a real browser."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageColor

from at_client import CreditResponse

GREEN, YELLOW, RED = "#2e9e5b", "#d99a00", "#d64545"


def make(used: int, **fields: object) -> str:
    """Make the card of credits of 1000."""
    numbers = {"total": 1000, "used": used, "remaining": 1000 - used}
    return CreditResponse.model_validate({**numbers, **fields})._repr_html_()


def parse(used: int, **fields: object) -> ET.Element:
    return ET.fromstring(make(used, **fields))  # noqa: S314  # our own


def test_a_card_shows_what_the_service_said() -> None:
    """What remains, a labelled bar, plan and reset are shown, and what the service did not say is not."""
    card = parse(250, plan_tier="pro", reset_date="2026-12-01")
    used = "250 of 1,000 used (25 %)"
    assert (
        "".join(card.itertext())
        == f"Agent Toolkit credits, pro plan750 left{used}Resets 2026-12-01"
    )
    assert [
        bar.get("aria-label") for bar in card.iter() if bar.get("role") == "img"
    ] == [used]
    assert (
        "".join(parse(0).itertext())
        == "Agent Toolkit credits1,000 left0 of 1,000 used (0 %)"
    )


@pytest.mark.parametrize("field", ["plan_tier", "reset_date"])
def test_what_the_service_wrote_is_escaped(field: str) -> None:
    """A notebook runs what it is given, so nothing of the answer may be markup."""
    evil = "<script>alert(1)</script>\"'&"
    card = parse(1, **{field: evil})
    assert evil in "".join(card.itertext())
    assert {element.tag for element in card.iter()} == {"div", "br", "b"}


@pytest.mark.parametrize(
    ("used", "colour"),
    [
        (0, GREEN),
        (749, GREEN),
        (750, YELLOW),
        (899, YELLOW),
        (900, RED),
        (999, RED),
        (1200, RED),
    ],
)
def test_the_colour_says_how_much_is_used(used: int, colour: str) -> None:
    """Green, yellow, red, at the parts where the terminal's bar changes too; the text says the same."""
    assert f"background:{colour}" in make(used)
    assert f"({min(used // 10, 100)} %)" in make(used)


@pytest.mark.parametrize(
    ("paper", "ink"), [("#ffffff", "#000000"), ("#111111", "#dddddd")]
)
def test_a_browser_draws_the_bar(tmp_path: Path, paper: str, ink: str) -> None:
    """Of the bar's width, the used part is painted; light and dark pages keep their own background."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    page, shot = tmp_path / "card.html", tmp_path / "shot.png"
    style = f"margin:0;background:{paper};color:{ink}"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><body style="{style}">{make(250)}'
    )
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars --disable-sync"
    flags += " --disable-background-networking --disable-component-update --window-size=480,200"
    command = [
        chromium,
        *flags.split(),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={shot}",
    ]
    subprocess.run(
        [*command, page.as_uri()], check=True, capture_output=True, timeout=50
    )
    with Image.open(shot) as drawn:
        picture = drawn.convert("RGB")
    rows = [picture.crop((0, y, 480, y + 1)).getcolors(480) for y in range(200)]
    painted = [
        dict(map(reversed, row or ())).get(ImageColor.getrgb(GREEN), 0) for row in rows
    ]
    # Of 26em of 16 px a quarter, without the frame of the bar.
    assert 95 <= max(painted) <= 104
    assert 6 <= sum(count > 90 for count in painted) <= 12, (
        "the bar is about half a line high"
    )
    assert picture.getpixel((478, 198)) == ImageColor.getrgb(paper)
