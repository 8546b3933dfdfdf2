"""Ways of using generated clients end here as they do there, or a page says how not."""

import json
import os
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from support.pages import PROJECT
from ways import worker
from ways.worker import Way, read_ways

Outcomes = dict[str, dict[str, Any]]

PAGE = PROJECT / "docs" / "coming-from-generated.md"
WAYS = read_ways()
RECORD = Path(worker.__file__).with_name("seen.json")
SEEN: Outcomes = json.loads(RECORD.read_text(encoding="utf-8"))["ways"]
"""How each way has ended on a generated client; written by `worker.py`."""


def run_ways(*generated: str) -> Outcomes:
    """Run every way in a process of its own, on our client or on a generated one."""
    printed = subprocess.check_output(
        [sys.executable, worker.__file__, *generated],
        timeout=50,
    )
    ways: Outcomes = json.loads(printed)["ways"]
    return ways


@pytest.fixture(scope="module")
def ours() -> Outcomes:
    """How each way ends on our client."""
    return run_ways()


@pytest.mark.parametrize("way", WAYS, ids=attrgetter("title"))
def test_a_way_ends_as_its_verdict_says(way: Way, ours: Outcomes) -> None:
    """A way ends as on a generated client, or in the other way written beside it."""
    outcome = ours[way.title]
    if way.verdict == "same":
        assert outcome == SEEN[way.title]
    else:
        assert outcome != SEEN[way.title]
        assert " | ".join(outcome["printed"]) == way.ours
        assert "raised" not in outcome


def test_what_was_seen_is_still_true() -> None:
    """The record has every way and no other, and agrees with a generated client."""
    assert list(SEEN) == [way.title for way in WAYS]
    generated = os.environ.get("GENERATED_CLIENT")
    if generated:
        assert run_ways(generated) == SEEN


@pytest.mark.parametrize(
    ("heading", "verdict"),
    [
        ("What may surprise", "differs"),
        ("What is better", "better"),
    ],
)
def test_the_page_announces_every_difference(heading: str, verdict: str) -> None:
    """Each point of the page has its way of use, and each difference its point."""
    page = PAGE.read_text(encoding="utf-8")
    _, _, section = page.partition(f"\n## {heading}\n")
    section, _, _ = section.partition("\n## ")
    points = re.findall(r"(?m)^- \*\*(.+?)\*\*", section)

    reasons = {way.reason for way in WAYS if way.verdict == verdict}
    assert sorted(points) == sorted(reasons)


@pytest.mark.parametrize(
    "page",
    [PAGE, PROJECT / "README.md"],
    ids=["page", "README"],
)
def test_the_figures_are_true(page: Path) -> None:
    """The pages say how many ways were tried, and how many of them work."""
    working = sum(way.verdict != "differs" for way in WAYS)
    says = (
        f"of {len(WAYS)} ways of using a generated client that we tried, "
        f"{working} work the same or better"
    )
    assert says in page.read_text(encoding="utf-8")
