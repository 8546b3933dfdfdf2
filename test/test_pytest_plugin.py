"""The pytest plugin gives a running sandbox, costs nothing, and the guide's own tests pass with it."""

import inspect
import os
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from at_client import pytest_plugin
from at_client.sandbox import Sandbox

Run = typing.Callable[..., list[str]]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Run:
    """Run test files as their author would, with this plugin only; gives what pytest prints for each test."""

    def run(*files: str) -> list[str]:
        for number, code in enumerate(files):
            (tmp_path / f"test_{number}.py").write_text(code, encoding="utf-8")
        # Under `python -O`, pytest warns that asserts outside test modules do nothing.
        options = [
            "-p",
            "at_client.pytest_plugin",
            "-W",
            "error",
            "-W",
            "ignore::pytest.PytestConfigWarning",
            "-v",
        ]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", *options]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return re.findall(r"^(test_\d+\.py::\w+)\S* PASSED", done.stdout, re.MULTILINE)

    return run


def test_pytest_finds_the_plugin() -> None:
    """The installed package tells pytest of the plugin, whose annotations are true at run time."""
    (found,) = entry_points(group="pytest11", name="at_client")
    assert found.load() is pytest_plugin
    fixture = inspect.unwrap(pytest_plugin.at_sandbox)
    assert typing.get_type_hints(fixture) == {"return": Iterator[Sandbox]}
    assert (fixture.__doc__ or "").startswith(
        "Yield the credits API, running on a loopback port"
    )


def test_fixture_is_a_new_sandbox_each_time(run_pytest: Run) -> None:
    """`at_sandbox` is loaded on first use, running in the test, gone after it, and another one in the next."""
    passed = run_pytest("""
import sys, threading, urllib.request, pytest

seen = []

def test_nothing_is_loaded():
    assert "at_client.pytest_plugin" in sys.modules
    assert not {"urllib3", "pydantic", "http.server", "at_client.sandbox"} & set(sys.modules)

def test_first(at_sandbox):
    headers = {"Authorization": f"Bearer {at_sandbox.token}"}
    request = urllib.request.Request(at_sandbox.url + "/api/v1/credits", headers=headers)
    urllib.request.urlopen(request, timeout=5).close()
    seen.append(at_sandbox.token)

def test_second(at_sandbox):
    assert at_sandbox.requests == []
    assert at_sandbox.token != seen[0]
    seen.append(at_sandbox)

def test_nothing_is_left():
    assert threading.active_count() == 1
    with pytest.raises(RuntimeError):
        seen[1].url
""")
    assert len(passed) == 4


def test_blocks_of_the_guide_run_alone(run_pytest: Run, project: Path) -> None:
    """Each Python block of the guide is a file that passes as it stands on the page."""
    page = (project / "docs" / "sandbox.md").read_text(encoding="utf-8")
    files = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tests = {
        f"test_{number}.py::{name}"
        for number, code in enumerate(files)
        for name in re.findall(r"^def (test_\w+)", code, re.MULTILINE)
    }
    assert set(run_pytest(*files)) == tests
    assert len(tests) > 10
