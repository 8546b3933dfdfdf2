"""The tests' own parts do what they promise, where no other test would notice."""

import contextlib
import os
import socket
import threading

import pytest

from support.facts import PROXY_PASSWORD, secrets_in
from support.leaks import nothing_left
from support.wire import RESET, Wire, reply

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_reset_is_a_reset(wire: Wire) -> None:
    """RESET is told from CLOSE by the error it causes."""
    wire.play(reply(RESET))
    with socket.create_connection(("127.0.0.1", wire.port)) as connection:
        connection.sendall(HELLO)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


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


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("nothing here", []),
        (f"Bearer {PROXY_PASSWORD}", [PROXY_PASSWORD]),
        (f"Bearer {PROXY_PASSWORD}".encode(), [PROXY_PASSWORD]),
    ],
    ids=["nothing", "text", "bytes"],
)
def test_secrets_are_found(place: str | bytes, found: list[str]) -> None:
    """Plain text and bytes are searched."""
    assert secrets_in(place) == found


def test_secrets_are_found_in_base64() -> None:
    """The header of Basic authentication hides its password from nobody."""
    header = b"Basic cHJveHl1c2VyOlBST1hZLVNFQ1JFVC1lNDFjODg="
    assert len(secrets_in(header)) == 1


def test_the_environment_is_plain() -> None:
    """No test goes through a proxy that the developer's shell names."""
    assert not [name for name in os.environ if name.upper().endswith("_PROXY")]
    assert "ACCESS_TOKEN" not in os.environ
