"""A pytest plugin: the fixture `at_sandbox`, for the tests of code that uses the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from at_client.sandbox import Sandbox


@pytest.fixture
def at_sandbox() -> Iterator[Sandbox]:
    """Yield the credits API, running on a loopback port with one account, until the test ends."""
    # Not at the top: every run of pytest imports this file, and few tests need the sandbox.
    from at_client.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
