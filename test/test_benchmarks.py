"""The benchmarks work: each runs briefly and shows its rows, whatever the times."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.pages import PROJECT
from support.programs import run_python

pytest.importorskip("resource", reason="the benchmarks do not run on Windows")

BY_HAND = "urllib3 and pydantic by hand"
OURS = "**at_client**"
OTHERS = "openapi-generator"


@pytest.fixture
def run_briefly(tmp_path: Path) -> Callable[..., str]:
    """Run some benchmarks, and return what they print.

    They are in a folder of their own, so that the installed package is measured.
    """
    (tmp_path / "benchmarks").symlink_to(PROJECT / "benchmarks")

    def run(*arguments: str) -> str:
        command = ("-m", "benchmarks", "--quick", *arguments)
        return run_python(*command, PYTHONPATH=str(tmp_path))

    return run


def rows(text: str) -> list[list[str]]:
    """Return the cells of the table in a text, without the line under its head."""
    lines = re.findall(r"(?m)^\| (.*) \|$", text)
    cells = [re.split(r" +\| +", line) for line in lines]
    return [cells[0], *cells[2:]]


def test_calls_of_all_contenders_stand_side_by_side(
    run_briefly: Callable[..., str],
) -> None:
    """Over http each contender has a row, with its ratios to the two that matter."""
    # Our own client has all that a generated one has.
    printed = run_briefly("calls", "--generated", str(PROJECT))

    table = {row[0]: row[1:] for row in rows(printed)}
    assert {"`http.client` and `json`, no model", BY_HAND, OURS, OTHERS} <= set(table)
    assert table[BY_HAND][1] == "1.00"
    assert table[OTHERS][2] == "1.00"
    assert float(table[OURS][1]) > 0


def test_tables_go_between_their_markers(
    tmp_path: Path, run_briefly: Callable[..., str]
) -> None:
    """`--write` replaces what is between the markers of a page, and names the machine.

    Over https there is a row for each situation. Without a generated client, its column
    is left out, and a dash takes the place of the ratio.
    """
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- https -->\nold\n<!-- /https -->\nafter\n")

    run_briefly("https", "--write", str(page))

    text = page.read_text()
    assert text.startswith("before\n<!-- https -->\n\n| CPU, ms ")
    assert text.endswith("\n\n<!-- /https -->\nafter\n")
    assert re.search(r"cores, \w+ .*; \w+ 3\.\d+\.\d+, urllib3 \d.*; 20\d\d-", text)
    head, *table = rows(text)
    assert head[1:4] == [BY_HAND, OURS, "at_client / urllib3"]
    assert [row[0] for row in table] == [
        "first result of a new process",
        "call on an open connection",
        "call that reconnects",
        "16 threads at once on a new client",
    ]
    assert {row[-1] for row in table} == {"-"}


@pytest.mark.parametrize("name", ["calls", "https"])
def test_page_has_the_table(name: str) -> None:
    """The page about performance has a filled place for each benchmark."""
    text = (PROJECT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert re.search(rf"(?s)<!-- {name} -->\n\n\| .*\n\n<!-- /{name} -->", text)
