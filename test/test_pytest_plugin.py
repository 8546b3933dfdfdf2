"""The pytest plugin gives running sandboxes, and the guide's own tests pass with it."""

import pytest

from support.makers import MonkeyPatch
from support.pages import PROJECT, examples

pytest_plugins = ["pytester"]

OPTIONS = [
    "-v",
    "-p",
    "at_client.pytest_plugin",
    "-W",
    "error",
    # Under `python -O`, pytest warns that asserts outside test modules do nothing.
    "-W",
    "ignore::pytest.PytestConfigWarning",
]


@pytest.fixture(autouse=True)
def only_our_plugin(monkeypatch: MonkeyPatch) -> None:
    """Leave out the other plugins that are installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_fixture_is_a_new_sandbox_each_time(pytester: pytest.Pytester) -> None:
    """`at_sandbox` runs in one test and is gone after it; the session's one stays."""
    pytester.makepyfile("""
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
    pytester.runpytest_subprocess(*OPTIONS).assert_outcomes(passed=3)


def test_unused_faults_are_errors(pytester: pytest.Pytester) -> None:
    """A fault that nothing used is an error of its test, unless that ended early."""
    pytester.makepyfile("""
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
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(passed=2, failed=1, skipped=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            "*::test_forgets ERROR *",
            "*::test_cannot_start ERROR *",
            "*::test_of_the_session ERROR *",
            "*UnusedFaultError: scripted, but happened to no request*",
        ]
    )


def test_blocks_of_the_guide_run_alone(pytester: pytest.Pytester) -> None:
    """Each Python block of the guide is a file that passes as it stands on the page."""
    blocks = examples(PROJECT / "docs" / "sandbox.md")
    files = {f"test_{number}": block.code for number, block in enumerate(blocks)}
    pytester.makepyfile(**files)
    assert pytester.runpytest_subprocess(*OPTIONS).ret == pytest.ExitCode.OK
