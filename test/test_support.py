"""The tests' own parts do what they promise, where no other test would notice."""

import contextlib
import os
import socket
import ssl
import threading
import time

import pytest

from support.facts import PROXY_PASSWORD, secrets_in
from support.leaks import nothing_left
from support.service import running_service
from support.tls import Authority
from support.wire import RESET, SILENCE, Action, Drip, Endless, Wait, Wire, reply

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(port: int, timeout: float = 2.0) -> socket.socket:
    """Open a plain connection to a loopback port."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def test_a_reset_is_a_reset(wire: Wire) -> None:
    """RESET is told from CLOSE by the error it causes."""
    wire.play(reply(RESET))
    with connect(wire.port) as connection:
        connection.sendall(HELLO)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_silence_notices_that_the_client_left(wire: Wire) -> None:
    """A silent connection stays open while the client stays, and ends with it."""
    wire.play(reply(SILENCE))
    with nothing_left(), connect(wire.port, timeout=0.1) as connection:
        connection.sendall(HELLO)
        with pytest.raises(TimeoutError):
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
    "action",
    [Drip(b"x" * 1000, every=1), Wait(60), SILENCE, Endless(b"x" * 65536)],
    ids=["drip", "wait", "silence", "endless"],
)
def test_the_wire_stops_in_the_middle(action: Action) -> None:
    """Stopping ends connections that drip, wait or say nothing, at once."""
    with nothing_left():
        with Wire() as wire, connect(wire.port) as connection:
            wire.play(reply(action))
            connection.sendall(HELLO)
            time.sleep(0.02)
            began = time.monotonic()
            wire.__exit__()
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "sent",
    [b"", HELLO, HELLO[:-2] + b"Content-Length: 9\r\n\r\n"],
    ids=["idle", "done", "midway"],
)
def test_the_service_stops_whoever_is_connected(
    authority: Authority, sent: bytes
) -> None:
    """A TLS client that stays does not hold it up."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    with contextlib.ExitStack() as kept:
        with running_service(tls=authority.issue("localhost")) as service:
            plain = connect(int(service.url.rpartition(":")[2]))
            secure = context.wrap_socket(plain, server_hostname="localhost")
            kept.enter_context(secure).sendall(sent)
            time.sleep(0.05)
            began = time.monotonic()
        assert time.monotonic() - began < 0.9


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
