"""What real servers, proxies and networks do beyond broken HTTP."""

import http.client
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
    Wait,
    Wire,
    answer,
    refusing_port,
    reply,
)

pytestmark = pytest.mark.usefixtures("short_waits")

TO_CHECK = "Configuration.proxy"
"""What the advice names when the setting is at fault."""


def call_at_once(api: CreditsApi, wire: Wire, count: int) -> None:
    """Make so many good calls at once, each on a connection of its own."""
    wire.play(*[reply(Wait(0.2), answer())] * count)
    with ThreadPoolExecutor(count) as threads:
        assert all(threads.map(good_call, [api] * count))


@pytest.mark.parametrize(
    ("count", "retries"),
    [
        (1, 0),
        (8, 0),
        (8, 2),
    ],
)
def test_of_dead_idle_connections_one_is_tried(
    make_api: MakeApi, wire: Wire, count: int, retries: int
) -> None:
    """When one of many idle connections is dead, a call opens a new one instead."""
    api = make_api(wire.url, retries=retries)
    call_at_once(api, wire, count)
    assert wire.connections == count

    wire.play(reply(RESET))
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == count + 1

    call_at_once(api, wire, 2)
    assert wire.connections == count + 2, "an old connection was used again"


def test_of_swallowed_idle_connections_one_is_tried(
    make_api: MakeApi, wire: Wire
) -> None:
    """When one of many idle connections never answers, a call loses one attempt."""
    api = make_api(wire.url, timeout=(1.0, 0.3))
    call_at_once(api, wire, 4)
    wire.play(reply(SILENCE))

    began = time.monotonic()
    assert good_call(api, timeout=None)
    assert time.monotonic() - began < 1.0
    assert wire.connections == 5


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
    url = f"socks5h://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{proxy}"
    api = make_api(f"http://127.0.0.1:{target}", proxy=url, retries=0)
    return str(endings.play_on(api, says=says))


def test_a_socks_proxy_that_is_down_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A SOCKS proxy that is down is named, with its setting to check."""
    with refusing_port() as port:
        named = f"proxy socks5h://127.0.0.1:{port}"
        call_by_socks(endings, make_api, 9, port, named, "refused", TO_CHECK)


@needs_asserts
def test_a_socks_proxy_that_wants_another_password_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A SOCKS proxy that wants another password is named, with its setting to check."""
    with socks_proxy(PROXY_USER, "another") as locked:
        named = f"proxy socks5h://127.0.0.1:{locked.port}"
        says = (named, "authentication", TO_CHECK)
        call_by_socks(endings, make_api, 9, locked.port, *says)


@needs_asserts
def test_a_target_that_refuses_behind_socks_is_named(
    endings: Endings, make_api: MakeApi
) -> None:
    """A service that refuses behind a SOCKS proxy is named, the proxy not blamed."""
    with refusing_port() as port, socks_proxy(PROXY_USER, PROXY_PASSWORD) as proxy:
        says = (f"127.0.0.1:{port}", "refused", "service")
        message = call_by_socks(endings, make_api, port, proxy.port, *says)
    assert TO_CHECK not in message
