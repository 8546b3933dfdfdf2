"""The benchmarks work: each runs briefly and shows its rows; no test looks at a time."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.makers import MonkeyPatch
from support.pages import PROJECT

PAGE = PROJECT / "docs" / "performance.md"
NAMES = ["calls", "layers", "threads", "startup", "imports", "memory", "fleet"]

GENERATED = """
import http.client

class Configuration:
    def __init__(self, host, access_token):
        self.host = host.removeprefix("http://")

class ApiClient:
    def __init__(self, configuration):
        self.host = configuration.host

class CreditsApi:
    def __init__(self, client):
        self.connection = http.client.HTTPConnection(client.host)

    def get_credits_api_v1_credits_get(self, auth_token):
        self.connection.request("GET", "/")
        return self.connection.getresponse().read()
"""
"""As much of a generated client as the benchmarks use."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: MonkeyPatch) -> Path:
    """A folder that holds the benchmarks and not the package, so that the installed one is measured."""
    (tmp_path / "benchmarks").symlink_to(PROJECT / "benchmarks")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def run(home: Path, *arguments: str) -> str:
    """Run the command briefly, and give what it prints."""
    command = [sys.executable, "-m", "benchmarks", "--quick", *arguments]
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, check=False, timeout=55
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(shown: str) -> list[list[str]]:
    """Give the cells of the tables in a text, the lines under the heads left out."""
    lines = [line for line in shown.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set("".join(row)) <= set("-: ")]


def contender(home: Path) -> str:
    """Make something that passes for a generated client, and give its folder."""
    package = home / "generated" / "at_client"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(GENERATED)
    return str(package.parent)


@pytest.mark.parametrize("name", ["calls", "startup"])
def test_contenders_stand_side_by_side(name: str, home: Path) -> None:
    """Each contender has a row with its ratios, our client among them; who is missing is named."""
    shown = run(home, name, "--generated", contender(home))
    table = {row[0]: row[1:] for row in rows(shown)}
    others = {
        "`http.client` and `json`, no model",
        "urllib3 and pydantic by hand",
        "openapi-generator",
    }
    assert {"**at_client**", *others} <= set(table)
    assert table["urllib3 and pydantic by hand"][2] == "1.00"
    assert table["openapi-generator"][3] == "1.00"
    for library in ("httpx", "requests"):
        listed = any(library in title for title in table)
        assert listed != bool(re.search(f"left out: .*{library}", shown))


@pytest.mark.parametrize("name", ["layers", "memory"])
def test_one_client_by_itself(name: str, home: Path) -> None:
    """Those that look into a client compare it with the call by hand; without a generated one it is left out."""
    shown = run(home, name)
    assert {"urllib3 and pydantic by hand", "**at_client**"} <= {
        cell for row in rows(shown) for cell in row
    }
    assert "Not installed, so left out: generated." in shown


def test_what_is_imported(home: Path) -> None:
    """The package and the help of the command line load neither of the big libraries."""
    table = {row[0]: row[1:] for row in rows(run(home, "imports"))}
    for light in (
        "`import at_client`",
        "`python -m at_client --version`",
        "`python -m at_client --help`",
    ):
        assert table[light][2] == "-"
    assert table["`at_client.Configuration()`"][2] == "urllib3"
    assert table["`at_client.CreditsApi`"][2] == "pydantic, urllib3"


def test_tables_go_between_their_markers(home: Path) -> None:
    """`--write` replaces what is between the markers of a page, and nothing else; the machine is named."""
    page = home / "page.md"
    page.write_text("before\n<!-- threads -->\nold\n<!-- /threads -->\nafter\n")
    run(home, "threads", "--write", str(page))
    text = page.read_text()
    assert text.startswith("before\n<!-- threads -->\n\n| One client ")
    assert text.endswith("\n\n<!-- /threads -->\nafter\n")
    assert "old" not in text
    assert {"urllib3 and pydantic by hand", "**at_client**"} <= {
        cell for row in rows(text) for cell in row
    }
    assert re.search(
        r"cores, \w+ .*; \w+ 3\.\d+\.\d+, urllib3 \d.*, pydantic \d.*; 20\d\d-", text
    )


def test_unknown_names_are_refused(home: Path) -> None:
    """A benchmark that does not exist is wrong usage."""
    with pytest.raises(
        AssertionError, match="there is no benchmark cals; choose from calls, "
    ):
        run(home, "cals")


def test_page_has_every_table() -> None:
    """The page about performance has a filled place for each benchmark."""
    text = PAGE.read_text(encoding="utf-8")
    for name in NAMES:
        assert re.search(
            rf"<!-- {name} -->\n\n\| .*\n\n<!-- /{name} -->", text, re.DOTALL
        ), name


@pytest.fixture
def fleet(home: Path, monkeypatch: MonkeyPatch) -> Any:
    """The simulation, in this very process."""
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.setattr(
        sys, "modules", {**sys.modules}
    )  # and out of the way afterwards
    return importlib.import_module("benchmarks.fleet")


def test_fleet_on_the_page(fleet: Any) -> None:
    """The figures of the simulation are the ones on the page: they depend on nothing but our own rules."""
    contest = importlib.import_module("benchmarks.contest").Contest(
        "", quick=False, generated=None
    )
    table = fleet.run(contest)
    shown = importlib.import_module("benchmarks.tables").markdown(table)
    assert f"<!-- fleet -->\n\n{shown}\n\n<!-- /fleet -->" in PAGE.read_text(
        encoding="utf-8"
    )


def test_fleet_that_always_retries(fleet: Any) -> None:
    """Two retries make three requests of a call, but for those of the last moment, which meet the service again."""
    load = fleet.simulate(100, 5, 1.0, flag=False)
    assert load.calls == 1200
    assert 2.9 < load.requests / load.calls < 3
    assert 0 < load.successes < 30


def test_fleet_that_remembers_an_outage(fleet: Any) -> None:
    """A client spends its two retries once in an outage, however many calls it makes."""
    assert fleet.simulate(100, 1, 1.0, flag=True) == (6000, 6000 + 100 * 2, 0)


def test_fleet_that_is_served_now_and_then(fleet: Any) -> None:
    """Every call that succeeds gives a client its retries back."""
    plain, flag = (fleet.simulate(100, 1, 0.5, flag=flag) for flag in (False, True))
    assert 1.5 < flag.requests / flag.calls < plain.requests / plain.calls
    assert 0.75 < flag.successes / flag.calls < plain.successes / plain.calls
