"""The tests' own parts do what they promise, shown with plain sockets and http.client."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from support.facts import PROXY_PASSWORD, secrets_in
from support.leaks import nothing_left
from support.service import running_service
from support.tls import Authority
from support.wire import (
    CLOSE,
    RESET,
    SILENCE,
    Action,
    Drip,
    Endless,
    Pieces,
    Wait,
    Wire,
    answer,
    chunked,
    deaf_port,
    greet,
    refusing_port,
    reply,
)

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.contextmanager
def connected(port: int, timeout: float = 2.0) -> Iterator[socket.socket]:
    """Open a plain connection to a loopback port."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        yield connection


def ask(port: int) -> bytes:
    """Send a request over a connection of its own, and read until the other side closes."""
    with connected(port) as connection:
        connection.sendall(HELLO)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ((b"abc", CLOSE), b"abc"),
        ((b"a", Wait(0.05), b"b", CLOSE), b"ab"),
        ((Drip(b"abcd", every=0.01), CLOSE), b"abcd"),
        ((Pieces(b"abcdef", (2, 3)), CLOSE), b"abcdef"),
    ],
    ids=["bytes", "wait", "drip", "pieces"],
)
def test_a_step_plays_its_actions_in_order(
    wire: Wire, actions: tuple[Action, ...], expected: bytes
) -> None:
    """What is scripted is what a plain socket reads, and the request is on record."""
    wire.play(reply(*actions))
    assert ask(wire.port) == expected
    assert wire.requests == [HELLO]
    assert wire.connections == 1


def test_a_reset_is_a_reset(wire: Wire) -> None:
    """RESET is told from CLOSE by the error it causes."""
    wire.play(reply(RESET))
    with pytest.raises(ConnectionResetError):
        ask(wire.port)


def test_silence_says_nothing_and_notices_that_the_client_left(wire: Wire) -> None:
    """A silent connection stays open while the client stays, and ends with it."""
    wire.play(reply(SILENCE))
    with nothing_left(), connected(wire.port, timeout=0.1) as connection:
        connection.sendall(HELLO)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_greeting_comes_before_the_request(wire: Wire) -> None:
    """A `greet` step acts on the connection, and what follows it is played to the next request."""
    wire.play(greet(CLOSE), reply(b"second", CLOSE))
    with connected(wire.port) as connection:
        assert connection.recv(1) == b""
    assert ask(wire.port) == b"second"
    assert (wire.connections, len(wire.requests)) == (2, 1)


def test_requests_share_a_connection_and_bodies_are_read_whole(wire: Wire) -> None:
    """Keep-alive works, and after the script every answer is the good one."""
    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=2)
    with contextlib.closing(connection):
        wire.play(reply(answer(b"[]", 418)), reply(chunked(b"[1,", b"2]")))
        for body, expected in (("x" * 70000, []), ("y", [1, 2])):
            connection.request("POST", "/p", body=body)
            assert json.loads(connection.getresponse().read()) == expected
        connection.request("GET", "/")
        assert json.loads(connection.getresponse().read())["total_credits"] == 1000
    assert wire.connections == 1
    assert [len(r.partition(b"\r\n\r\n")[2]) for r in wire.requests] == [70000, 1, 0]


def test_ports_that_refuse_and_ports_that_are_deaf() -> None:
    """One answers with a refusal at once, the other never answers."""
    with (
        refusing_port() as port,
        pytest.raises(ConnectionRefusedError),
        connected(port),
    ):
        pass
    with deaf_port() as port, pytest.raises(TimeoutError), connected(port, timeout=0.2):
        pass


def test_leaks_are_found() -> None:
    """The counter sees a socket and a thread that stay."""
    with (
        contextlib.ExitStack() as kept,
        pytest.raises(AssertionError, match="socket:"),
        nothing_left(within=0.05),
    ):
        kept.enter_context(socket.socket())
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="lingering")
    with pytest.raises(AssertionError, match="lingering"), nothing_left(within=0.05):
        thread.start()
    stop.set()
    thread.join()


def test_the_wire_leaves_nothing_when_it_stops_in_the_middle() -> None:
    """Stopping ends connections that drip, wait or say nothing, at once."""
    for action in (
        Drip(b"x" * 1000, every=1),
        Wait(60),
        SILENCE,
        Endless(b"x" * 65536),
    ):
        with nothing_left():
            with Wire() as wire:
                wire.play(reply(action))
                with connected(wire.port) as connection:
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
    """A TLS client that stays, idle or in the middle of a request, does not hold it up."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    with contextlib.ExitStack() as kept:
        with running_service(tls=authority.issue("localhost")) as service:
            plain = kept.enter_context(connected(int(service.url.rpartition(":")[2])))
            kept.enter_context(
                context.wrap_socket(plain, server_hostname="localhost")
            ).sendall(sent)
            time.sleep(0.05)
            began = time.monotonic()
        assert time.monotonic() - began < 0.9


def test_secrets_are_found_in_every_form() -> None:
    """Plain text, bytes and Basic's base64 are all searched."""
    assert secrets_in("nothing", b"here") == []
    assert secrets_in(f"Bearer {PROXY_PASSWORD}") == [PROXY_PASSWORD]
    assert len(secrets_in(b"Basic cHJveHl1c2VyOlBST1hZLVNFQ1JFVC1lNDFjODg=")) == 1


def test_the_environment_is_plain() -> None:
    """No test goes through a proxy, or trusts an authority, that the developer's shell names."""
    assert not [name for name in os.environ if name.upper().endswith("_PROXY")]
    assert "ACCESS_TOKEN" not in os.environ
