"""The ways in which people use generated clients end here as they do there, or a page says how they differ."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.pages import PROJECT
from ways import worker
from ways.worker import Way, ways

Outcomes = dict[str, dict[str, Any]]

PAGE = PROJECT / "docs" / "coming-from-generated.md"
WAYS = ways()
SEEN: Outcomes = json.loads(
    Path(worker.__file__).with_name("seen.json").read_text(encoding="utf-8")
)["ways"]
"""How each way has ended on a client that the generator has made; written by `worker.py`."""


def run_ways(*generated: str) -> Outcomes:
    """Run every way in a process of its own, on our client or on a generated one."""
    command = [sys.executable, worker.__file__, *generated]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=50)
    return json.loads(done.stdout)["ways"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def ours() -> Outcomes:
    """How each way ends on our client."""
    return run_ways()


@pytest.mark.parametrize("way", WAYS, ids=[way.title for way in WAYS])
def test_a_way_ends_as_its_verdict_says(way: Way, ours: Outcomes) -> None:
    """A way ends the same as on a generated client, or in the other way that is written beside it."""
    there, here = SEEN[way.title], ours[way.title]
    if way.verdict == "same":
        assert here == there
    else:
        assert here != there
        assert (" | ".join(here.get("printed", [])), "raised" in here) == (
            way.ours,
            False,
        )


def test_what_was_seen_is_still_true() -> None:
    """What is on record is what a generated client does, if there is one, for every way and no other."""
    assert list(SEEN) == [way.title for way in WAYS]
    if generated := os.environ.get("GENERATED_CLIENT"):
        assert run_ways(generated) == SEEN


@pytest.mark.parametrize(
    ("heading", "verdict"),
    [("What may surprise", "differs"), ("What is better", "better")],
)
def test_the_page_announces_every_difference(heading: str, verdict: str) -> None:
    """Each point of the page is backed by a way of use, and each way that ends otherwise has its point."""
    section = (
        PAGE.read_text(encoding="utf-8")
        .partition(f"\n## {heading}\n")[2]
        .partition("\n## ")[0]
    )
    points = re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)
    assert sorted(points) == sorted(
        {way.reason for way in WAYS if way.verdict == verdict}
    )


@pytest.mark.parametrize("page", [PAGE, PROJECT / "README.md"], ids=["page", "README"])
def test_the_figures_are_true(page: Path) -> None:
    """The pages say how many ways were tried, and how many of them work the same or better."""
    says = r"Of (\d+) ways of using a generated client that we tried, (\d+) work the same or better"
    working = [way for way in WAYS if way.verdict != "differs"]
    assert re.findall(says, page.read_text(encoding="utf-8")) == [
        (str(len(WAYS)), str(len(working)))
    ]
