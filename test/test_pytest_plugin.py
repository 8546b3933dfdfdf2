"""The pytest plugin gives a running sandbox, costs nothing, and the guide's own tests pass with it."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from at_client import pytest_plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from at_client.sandbox import Sandbox


@pytest.fixture
def run_pytest(tmp_path: Path) -> Callable[..., str]:
    """Run test files as their author would, with this plugin only; gives what pytest prints."""

    def run(*files: str) -> str:
        for number, code in enumerate(files):
            (tmp_path / f"test_{number}.py").write_text(code, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "at_client.pytest_plugin",
            "-W",
            "error",
            "-W",  # under `python -O`, pytest warns that asserts outside test modules do nothing
            "ignore::pytest.PytestConfigWarning",
            "-v",
        ]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_pytest_finds_the_plugin() -> None:
    """The installed package tells pytest of the plugin."""
    (found,) = entry_points(group="pytest11", name="at_client")
    assert found.load() is pytest_plugin


def test_fixture_is_a_new_sandbox_each_time(run_pytest: Callable[..., str]) -> None:
    """`at_sandbox` is running in the test, gone after it, and another one in the next."""
    shown = run_pytest(
        """
import threading, urllib.error, urllib.request, pytest

seen = []

def ask(url, token):
    request = urllib.request.Request(url + "/api/v1/credits")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5) as response:
        return response.status

def test_first(at_sandbox):
    assert ask(at_sandbox.url, at_sandbox.token) == 200
    seen.append((at_sandbox.url, at_sandbox.token))

def test_second(at_sandbox):
    assert at_sandbox.requests == []
    assert at_sandbox.token != seen[0][1]
    seen.append(at_sandbox)

def test_nothing_is_left():
    assert threading.active_count() == 1
    with pytest.raises(RuntimeError):
        seen[1].url
"""
    )
    assert "3 passed" in shown


def test_plugin_costs_nothing(run_pytest: Callable[..., str]) -> None:
    """A run of pytest that does not use the fixture loads neither HTTP nor models."""
    shown = run_pytest(
        """
import sys

def test_loaded():
    assert "at_client.pytest_plugin" in sys.modules
    assert not {"urllib3", "pydantic", "http.server", "at_client.sandbox"} & set(sys.modules)
"""
    )
    assert "1 passed" in shown


def test_fixture_explains_itself(run_pytest: Callable[..., str], tmp_path: Path) -> None:
    """`pytest --fixtures` has a line about it."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --fixtures\n", encoding="utf-8")
    shown = run_pytest("")
    assert re.search(r"at_sandbox -- .*\n    Yield the credits API, running on a loopback port", shown)


def test_blocks_of_the_guide_run_alone(run_pytest: Callable[..., str], project: Path) -> None:
    """Each Python block of the guide is a file that passes as it stands on the page."""
    page = (project / "docs" / "sandbox.md").read_text(encoding="utf-8")
    files = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    printed = run_pytest(*files)
    passed = set(re.findall(r"^test_(\d+)\.py::(test_\w+)\S* PASSED", printed, re.MULTILINE))
    shown = {
        (str(number), name)
        for number, code in enumerate(files)
        for name in re.findall(r"^def (test_\w+)", code, re.MULTILINE)
    }
    assert passed == shown
    assert len(shown) > 10


def test_fixture_here(at_sandbox: Sandbox) -> None:
    """The fixture is there in this very run, too, since the package is installed."""
    assert at_sandbox.url.startswith("http://127.0.0.1:")


def test_annotations_are_true_at_run_time() -> None:
    """What the fixture yields can be asked for."""
    from at_client.sandbox import Sandbox

    fixture = inspect.unwrap(pytest_plugin.at_sandbox)
    assert typing.get_type_hints(fixture) == {"return": Iterator[Sandbox]}
