"""A pytest plugin: the fixture `at_sandbox`, for the tests of code that uses the client."""

from __future__ import annotations  # evaluated, the one below would load the sandbox

from collections.abc import Iterator  # annotations resolve at run time, too
from typing import TYPE_CHECKING

import pytest

import at_client

if TYPE_CHECKING:
    import at_client.sandbox  # at run time, `at_client` loads it on first use


@pytest.fixture
def at_sandbox() -> Iterator[at_client.sandbox.Sandbox]:
    """Yield the credits API, running on a loopback port with one account, until the test ends."""
    # Every run of pytest imports this file, and few need the sandbox; only this line loads it.
    with at_client.sandbox.Sandbox() as sandbox:
        yield sandbox
