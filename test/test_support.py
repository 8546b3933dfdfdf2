"""The tests' own parts do what they promise, where no other test would notice."""

import socket
import threading

import pytest

from support.facts import PROXY_PASSWORD, secrets_in
from support.leaks import nothing_left


def test_an_open_socket_is_found() -> None:
    """The counter of leaks sees a socket that stays."""
    kept = []
    with (
        pytest.raises(AssertionError, match="socket:"),
        nothing_left(within_seconds=0.05),
    ):
        kept.append(socket.socket())
    kept[0].close()


def test_a_running_thread_is_found() -> None:
    """The counter of leaks sees a thread that stays."""
    thread = threading.Timer(60, list)
    with (
        pytest.raises(AssertionError, match="Thread"),
        nothing_left(within_seconds=0.05),
    ):
        thread.start()
    thread.cancel()
    thread.join()


@pytest.mark.parametrize(
    "place",
    [
        f"Bearer {PROXY_PASSWORD}",
        PROXY_PASSWORD.encode(),
        b"Basic cHJveHl1c2VyOlBST1hZLVNFQ1JFVC1lNDFjODg=",
    ],
    ids=["text", "bytes", "base64"],
)
def test_a_secret_is_found(place: str | bytes) -> None:
    """A password is found in plain text, in bytes, and in Basic authentication."""
    assert len(secrets_in("nothing here", place)) == 1
