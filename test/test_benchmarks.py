"""The benchmarks work: each runs briefly and shows its rows, whatever the times."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.pages import PROJECT

pytest.importorskip("resource", reason="the benchmarks do not run on Windows")

GENERATED = """
import urllib3

class Configuration:
    def __init__(self, host, access_token):
        self.host = host

class ApiClient:
    def __init__(self, configuration):
        self.host = configuration.host

class CreditsApi:
    def __init__(self, client):
        self.host = client.host
        self.pool = urllib3.PoolManager()

    def get_credits_api_v1_credits_get(self, auth_token):
        return self.pool.request("GET", f"{self.host}/").data
"""
"""As much of a generated client as the benchmarks use."""

BY_HAND = "urllib3 and pydantic by hand"
OURS = "**at_client**"
OTHERS = "openapi-generator"


@dataclass
class Bench:
    """A folder with the benchmarks alone, so that the installed package is measured."""

    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command briefly."""
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", "--quick", *arguments],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=55,
        )

    def make_generated(self) -> str:
        """Make something that passes for a generated client, and return its folder."""
        package = self.home / "generated" / "at_client"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(GENERATED)
        return str(package.parent)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The command, ready to run."""
    (tmp_path / "benchmarks").symlink_to(PROJECT / "benchmarks")
    return Bench(tmp_path)


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without the lines under their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def test_calls_of_all_contenders_stand_side_by_side(bench: Bench) -> None:
    """Over http each contender has a row, with its ratios to the two that matter."""
    done = bench.run("calls", "--generated", bench.make_generated())

    assert done.returncode == 0, done.stderr
    table = {row[0]: row[1:] for row in rows(done.stdout)}
    assert {"`http.client` and `json`, no model", BY_HAND, OURS, OTHERS} <= set(table)
    assert table[BY_HAND][1] == "1.00"
    assert table[OTHERS][2] == "1.00"
    assert float(table[OURS][1]) > 0


def test_tables_go_between_their_markers(bench: Bench) -> None:
    """`--write` replaces what is between the markers of a page, and names the machine.

    Over https there is a row for each situation. Without a generated client, its column
    is left out, and a dash takes the place of the ratio.
    """
    page = bench.home / "page.md"
    page.write_text("before\n<!-- https -->\nold\n<!-- /https -->\nafter\n")

    done = bench.run("https", "--write", str(page))

    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n<!-- https -->\n\n| CPU, ms ")
    assert text.endswith("\n\n<!-- /https -->\nafter\n")
    assert "old" not in text
    head, *table = rows(text)
    assert head[1:3] == [BY_HAND, OURS]
    assert OTHERS not in head
    assert [row[0] for row in table] == [
        "first result of a new process",
        "call on an open connection",
        "call that reconnects",
        "16 threads at once on a new client",
    ]
    assert {row[-1] for row in table} == {"-"}
    assert re.search(r"cores, \w+ .*; \w+ 3\.\d+\.\d+, urllib3 \d.*; 20\d\d-", text)


def test_unknown_names_are_refused(bench: Bench) -> None:
    """A benchmark that does not exist is wrong usage, and those that do are named."""
    done = bench.run("cals")

    assert done.returncode == 2
    assert "no benchmark is named cals; there are calls, https" in done.stderr


def test_page_has_both_tables() -> None:
    """The page about performance has a filled place for each benchmark."""
    text = (PROJECT / "docs" / "performance.md").read_text(encoding="utf-8")
    for name in ("calls", "https"):
        table = rf"<!-- {name} -->\n\n\| .*\n\n<!-- /{name} -->"
        assert re.search(table, text, re.DOTALL), name
