"""What real servers, proxies and networks were seen to do beyond broken HTTP, played again byte by byte."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from at_client import ApiConnectionException, ApiTimeoutException, CreditsApi
from support.ending import Endings, Fault, good_call
from support.facts import PROXY_PASSWORD, PROXY_USER
from support.makers import CapSys, MakeApi, MakeWire, MonkeyPatch
from support.proxy import needs_asserts, socks_proxy
from support.tls import Authority
from support.wire import (
    CLOSE,
    RESET,
    SILENCE,
    End,
    Step,
    Wait,
    Wire,
    answer,
    refusing_port,
    reply,
)

pytestmark = pytest.mark.usefixtures("short_waits")

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"


class Forgetful(Wire):
    """A server behind a NAT or load balancer that forgets the connections it had; `end` is what becomes of them."""

    def __init__(self, end: End) -> None:
        super().__init__()
        self.end = end
        self.losses = 0
        self.forgotten: set[socket.socket] = set()

    def call_at_once(self, api: CreditsApi, count: int) -> None:
        """Make so many good calls, each on a connection of its own."""
        self.play(*[reply(Wait(0.2), answer())] * count)
        with ThreadPoolExecutor(count) as threads:
            assert all(threads.map(lambda _: good_call(api), range(count)))

    def leave_idle(self, api: CreditsApi, count: int) -> None:
        """Have so many idle connections, and forget them."""
        self.call_at_once(api, count)
        assert self.connections == count
        self.forgotten = set(self._open)

    def _perform(self, step: Step, connection: socket.socket) -> bool:
        if connection in self.forgotten:
            self.losses += 1
            step = reply(self.end)
        return super()._perform(step, connection)


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("retries", [0, 2])
def test_of_dead_idle_connections_one_is_tried(
    make_api: MakeApi, count: int, retries: int
) -> None:
    """However many answer RST, a call costs one loss and opens one connection; the others are never tried."""
    with Forgetful(RESET) as server:
        api = make_api(server.url, retries=retries)
        server.leave_idle(api, count)
        for _ in range(3):
            assert good_call(api)
            assert (server.losses, server.connections) == (1, count + 1)
        server.call_at_once(api, 2)
        assert (server.losses, server.connections) == (1, count + 2)


@pytest.mark.parametrize("retries", [0, 2])
def test_of_swallowed_idle_connections_one_is_tried(
    make_api: MakeApi, retries: int
) -> None:
    """However many never answer, one attempt is lost; the next one, or the next call, opens a connection."""
    with Forgetful(SILENCE) as server:
        api = make_api(server.url, retries=retries, timeout=(1.0, 0.3))
        server.leave_idle(api, 4)
        began = time.monotonic()
        if retries == 0:
            with pytest.raises(ApiTimeoutException):
                api.get_credits()
        assert good_call(api, timeout=None)
        assert time.monotonic() - began < 1.0
        assert good_call(api)
        assert (server.losses, server.connections) == (1, 5)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_http_client_may_print_what_it_does(
    make_wire: MakeWire,
    make_api: MakeApi,
    authority: Authority,
    monkeypatch: MonkeyPatch,
    capsys: CapSys,
    secure: bool,
) -> None:
    """`debuglevel`, which people set to look and generated clients set for the whole process, breaks no call."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    wire = make_wire(tls=authority.server_context("127.0.0.1") if secure else None)
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert "reply: 'HTTP/1.1 200 OK" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "says", "at_fault"),
    [
        *(
            (text, (text, "api.example.com:443"), False)
            for text in ("503 No way there", "500 Down", "502 Bad Gateway")
        ),
        ("403 Not on my watch", ("403 Not on my watch",), True),
        ("407 Who are you?", ("407", "password"), True),
        (f"403 No {PROXY_USER}:{PROXY_PASSWORD}", ("403",), True),
    ],
)
def test_a_proxy_that_refuses_a_tunnel_is_quoted(
    endings: Endings,
    make_api: MakeApi,
    wire: Wire,
    status: str,
    says: tuple[str, ...],
    *,
    at_fault: bool,
) -> None:
    """In its own words; only where the proxy itself says no is its setting the thing to check."""
    wire.play(
        otherwise=reply(
            f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode(), CLOSE
        )
    )
    api = make_api(
        "https://api.example.com",
        proxy=f"http://{LOGIN}127.0.0.1:{wire.port}",
        retries=0,
    )
    error = endings.of(
        api, Fault((), ApiConnectionException, (*says, f"127.0.0.1:{wire.port}"))
    )
    assert ("Configuration.proxy" in str(error)) is at_fault


@needs_asserts
def test_whoever_is_at_fault_behind_socks_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """With the reason: a proxy that is down, one that wants another password, and a target that refuses."""
    with (
        refusing_port() as port,
        socks_proxy(PROXY_USER, "another") as locked,
        socks_proxy(PROXY_USER, PROXY_PASSWORD) as ours,
    ):
        for proxy, says, at_fault in (
            (port, (f"proxy socks5h://127.0.0.1:{port}", "refused"), True),
            (
                locked.port,
                (f"proxy socks5h://127.0.0.1:{locked.port}", "authentication"),
                True,
            ),
            (ours.port, (f"127.0.0.1:{port}", "refused"), False),
        ):
            api = make_api(
                f"http://127.0.0.1:{port}",
                proxy=f"socks5h://{LOGIN}127.0.0.1:{proxy}",
                retries=0,
            )
            error = endings.of(api, Fault((), ApiConnectionException, says))
            assert ("Configuration.proxy" in str(error)) is at_fault
            assert ("service" in str(error)) is not at_fault
