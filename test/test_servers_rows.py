"""What real servers, proxies and networks do beyond broken HTTP."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from at_client import CreditsApi
from support.ending import Endings, good_call
from support.facts import PROXY_PASSWORD, PROXY_USER
from support.makers import CapSys, MakeApi, MonkeyPatch
from support.proxy import needs_asserts, socks_proxy
from support.wire import (
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
TO_CHECK = "Configuration.proxy"
"""What the advice names when the setting is at fault."""


class Forgetful(Wire):
    """A server behind a load balancer that forgets the connections it had.

    Args:
        end: What becomes of a request on a forgotten connection.
    """

    def __init__(self, end: End) -> None:
        super().__init__()
        self._loss = end
        self._forgotten: set[socket.socket] = set()
        self.losses = 0

    def call_at_once(self, api: CreditsApi, count: int) -> None:
        """Make so many good calls, each on a connection of its own."""
        self.play(*[reply(Wait(0.2), answer())] * count)
        with ThreadPoolExecutor(count) as threads:
            assert all(threads.map(good_call, [api] * count))

    def leave_idle(self, api: CreditsApi, count: int) -> None:
        """Have so many idle connections, and forget them."""
        self.call_at_once(api, count)
        assert self.connections == count
        self._forgotten = set(self._open)

    def _perform(self, step: Step, connection: socket.socket) -> bool:
        if connection in self._forgotten:
            self.losses += 1
            step = reply(self._loss)
        return super()._perform(step, connection)


@pytest.mark.parametrize(("count", "retries"), [(1, 0), (8, 0), (8, 2)])
def test_of_dead_idle_connections_one_is_tried(
    make_api: MakeApi, count: int, retries: int
) -> None:
    """However many idle connections answer RST, a call tries one and opens another."""
    with Forgetful(RESET) as server:
        api = make_api(server.url, retries=retries)
        server.leave_idle(api, count)
        for _ in range(3):
            assert good_call(api)
            assert server.losses == 1
            assert server.connections == count + 1

        server.call_at_once(api, 2)
        assert server.losses == 1
        assert server.connections == count + 2


def test_of_swallowed_idle_connections_one_is_tried(make_api: MakeApi) -> None:
    """However many idle connections never answer, a call loses one attempt."""
    with Forgetful(SILENCE) as server:
        api = make_api(server.url, timeout=(1.0, 0.3))
        server.leave_idle(api, 4)
        began = time.monotonic()
        assert good_call(api, timeout=None)
        assert time.monotonic() - began < 1.0
        assert server.losses == 1
        assert server.connections == 5


def test_http_client_may_print_what_it_does(
    wire: Wire, make_api: MakeApi, monkeypatch: MonkeyPatch, capsys: CapSys
) -> None:
    """`debuglevel`, which people set to look, breaks no call."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    assert good_call(make_api(wire.url, retries=0))
    assert "reply: 'HTTP/1.1 200 OK" in capsys.readouterr().out


def call_by_socks(
    endings: Endings, make_api: MakeApi, target: int, proxy: int, *says: str
) -> str:
    """Make a call that must fail, through a SOCKS proxy; return the message."""
    url = f"socks5h://{LOGIN}127.0.0.1:{proxy}"
    api = make_api(f"http://127.0.0.1:{target}", proxy=url, retries=0)
    return str(endings.play_on(api, says=says))


def test_a_socks_proxy_that_is_down_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A SOCKS proxy that is down is named, with its setting to check."""
    with refusing_port() as port:
        says = f"proxy socks5h://127.0.0.1:{port}"
        message = call_by_socks(endings, make_api, port, port, says, "refused")
    assert TO_CHECK in message


@needs_asserts
def test_a_socks_proxy_that_wants_another_password_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A SOCKS proxy that wants another password is named, with its setting to check."""
    with refusing_port() as port, socks_proxy(PROXY_USER, "another") as locked:
        says = f"proxy socks5h://127.0.0.1:{locked.port}"
        message = call_by_socks(
            endings, make_api, port, locked.port, says, "authentication"
        )
    assert TO_CHECK in message


@needs_asserts
def test_a_target_that_refuses_behind_socks_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A service that refuses behind a SOCKS proxy is named, the proxy not blamed."""
    with refusing_port() as port, socks_proxy(PROXY_USER, PROXY_PASSWORD) as proxy:
        says = f"127.0.0.1:{port}"
        message = call_by_socks(endings, make_api, port, proxy.port, says, "refused")
    assert TO_CHECK not in message
    assert "service" in message
