"""A pytest plugin: sandboxes as fixtures, for tests of code that uses the client."""

from collections.abc import Iterator

import pytest

from at_client.sandbox import Sandbox

TEST_RAISED = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Note that a test has failed or been skipped, for the end of its fixtures."""
    if call.excinfo is not None:
        item.stash[TEST_RAISED] = True


@pytest.fixture
def at_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Yield the credits API, running on a loopback port, until the test ends.

    A fault that the test scripts and that then happens to no request is an error,
    unless the test has failed already.
    """
    stash = request.node.stash
    stash[TEST_RAISED] = False

    with Sandbox() as sandbox:
        yield sandbox

        if stash[TEST_RAISED]:
            sandbox.recover()


@pytest.fixture(scope="session")
def at_sandbox_session() -> Iterator[Sandbox]:
    """Yield the credits API, running on a loopback port, until the last test ends.

    Its accounts, faults and log are shared by all tests that use it.
    """
    with Sandbox() as sandbox:
        yield sandbox
