"""The pytest plugin gives running sandboxes, and the guide's own tests pass with it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.pages import PROJECT, examples, read

RunPytest = Callable[..., str]

PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-v",
    "-p",
    "at_client.pytest_plugin",
    "-W",
    "error",
    # Under `python -O`, pytest warns that asserts outside test modules do nothing.
    "-W",
    "ignore::pytest.PytestConfigWarning",
]


@pytest.fixture
def run_pytest(tmp_path: Path) -> RunPytest:
    """Run test files as their author would, with this plugin only; give the output."""

    def run(*files: str) -> str:
        for number, code in enumerate(files):
            path = tmp_path / f"test_{number}.py"
            path.write_text(code, encoding="utf-8")

        done = subprocess.run(
            PYTEST,
            cwd=tmp_path,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def outcomes(output: str) -> list[tuple[str, str]]:
    """Read the outcome of each test from the output of pytest."""
    return re.findall(r"^test_\d+\.py::(\w+)\S* ([A-Z]+)", output, re.MULTILINE)


def test_fixture_is_a_new_sandbox_each_time(run_pytest: RunPytest) -> None:
    """`at_sandbox` runs in one test and is gone after it; the session's one stays."""
    output = run_pytest("""
import threading, pytest

seen = []

def test_first(at_sandbox, at_sandbox_session):
    seen.extend([at_sandbox, at_sandbox_session])
    assert at_sandbox.url != at_sandbox_session.url

def test_second(at_sandbox, at_sandbox_session):
    assert at_sandbox is not seen[0]
    assert at_sandbox_session is seen[1]

def test_nothing_is_left_but_that_of_the_session():
    assert threading.active_count() == 2
    with pytest.raises(RuntimeError):
        seen[0].url
""")
    assert [outcome for _, outcome in outcomes(output)] == ["PASSED"] * 3, output


def test_unused_faults_are_errors(run_pytest: RunPytest) -> None:
    """A fault that nothing used is an error of its test, unless that ended early."""
    output = run_pytest("""
import pytest

@pytest.fixture
def broken(at_sandbox):
    at_sandbox.fail()
    raise LookupError

def test_forgets(at_sandbox):
    at_sandbox.fail(502)

def test_fails(at_sandbox):
    at_sandbox.fail()
    assert False

def test_skips(at_sandbox):
    at_sandbox.fail()
    pytest.skip()

def test_cannot_start(broken):
    pass

def test_of_the_session(at_sandbox_session):
    at_sandbox_session.fail(504)
""")
    assert outcomes(output) == [
        ("test_forgets", "PASSED"),
        ("test_forgets", "ERROR"),
        ("test_fails", "FAILED"),
        ("test_skips", "SKIPPED"),
        ("test_cannot_start", "ERROR"),
        ("test_of_the_session", "PASSED"),
        ("test_of_the_session", "ERROR"),
    ], output
    assert "UnusedFaultError: scripted, but happened to no request" in output


def test_blocks_of_the_guide_run_alone(run_pytest: RunPytest) -> None:
    """Each Python block of the guide is a file that passes as it stands on the page."""
    page = PROJECT / "docs" / "sandbox.md"
    output = run_pytest(*(example.code for example in examples(page)))

    found = outcomes(output)
    assert {outcome for _, outcome in found} == {"PASSED"}, output
    assert {name for name, _ in found} == set(re.findall(r"def (test_\w+)", read(page)))
