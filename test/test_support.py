"""The tests' own parts do what they promise, where no other test would notice."""

import contextlib
import os
import socket
import threading

import pytest

from support.facts import PROXY_PASSWORD, secrets_in
from support.leaks import nothing_left


def test_an_open_socket_is_found() -> None:
    """The counter of leaks sees a socket that stays."""
    with (
        contextlib.ExitStack() as kept,
        pytest.raises(AssertionError, match="socket:"),
        nothing_left(within_seconds=0.05),
    ):
        kept.enter_context(socket.socket())


def test_a_running_thread_is_found() -> None:
    """The counter of leaks sees a thread that stays."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="lingering")
    with (
        pytest.raises(AssertionError, match="lingering"),
        nothing_left(within_seconds=0.05),
    ):
        thread.start()
    stop.set()
    thread.join()


BASIC = b"Basic cHJveHl1c2VyOlBST1hZLVNFQ1JFVC1lNDFjODg="


@pytest.mark.parametrize(
    "place",
    [f"Bearer {PROXY_PASSWORD}", PROXY_PASSWORD.encode(), BASIC],
    ids=["text", "bytes", "base64"],
)
def test_a_secret_is_found(place: str | bytes) -> None:
    """A password is found in plain text, in bytes, and in Basic authentication."""
    assert len(secrets_in("nothing here", place)) == 1


def test_the_environment_is_plain() -> None:
    """No test goes through a proxy that the developer's shell names."""
    assert not [name for name in os.environ if name.upper().endswith("_PROXY")]
    assert "ACCESS_TOKEN" not in os.environ
