"""Proxies: open, locked, SOCKS and misbehaving ones; whose word counts."""

import gc
import logging
import sys
from typing import NamedTuple

import pytest

from at_client import (
    ApiConnectionException,
    ApiTimeoutException,
    ApiValueError,
)
from at_client.proxies import choose_proxy
from support.ending import Endings, good_call
from support.facts import CREDITS_BODY, PROXY_PASSWORD, PROXY_USER, TOKEN
from support.makers import CapLog, MakeApi, MonkeyPatch
from support.proxy import HttpProxy, needs_asserts, socks_proxy
from support.service import Service
from support.tls import Authority
from support.tunnel import tunnel
from support.wire import CLOSE, RESET, SILENCE, Drip, Step, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"
TUNNELLED = "https://api.example.com"
FORWARDED = "http://127.0.0.1:9"
OPENED = b"HTTP/1.1 200 OK\r\n\r\n"
"""How a proxy answers when its tunnel is there."""


# ---- Proxies that work


def test_a_locked_proxy_opens_with_its_password(
    locked_proxy: HttpProxy,
    either_service: Service,
    authority: Authority,
    make_api: MakeApi,
) -> None:
    """Credentials of the proxy go to the proxy, and to nobody else."""
    proxy = locked_proxy.url(PROXY_USER, PROXY_PASSWORD)
    settings = {"proxy": proxy, "ssl_ca_cert": authority.ca_file}
    assert good_call(make_api(either_service.url, **settings))
    (seen,) = either_service.requests
    assert seen.all("Proxy-Authorization") == []


def test_a_proxy_may_be_reached_by_tls(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """An `https` proxy must prove who it is like any other server."""
    settings = {"proxy": secure_wire.url, "ssl_ca_cert": authority.ca_file}
    assert good_call(make_api(FORWARDED, **settings))
    assert secure_wire.requests[0].startswith(b"GET http://127.0.0.1:9/api/v1/credits")
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(FORWARDED, proxy=secure_wire.url).get_credits()


def test_a_tunnel_leads_through_a_proxy_reached_by_tls(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """TLS to the service goes inside of that to the proxy, by the same certificates."""
    with tunnel(secure_wire.port, authority.server_context("127.0.0.1")) as (
        proxy,
        targets,
    ):
        api = make_api(secure_wire.url, proxy=proxy, ssl_ca_cert=authority.ca_file)
        assert good_call(api)
        assert targets == [f"127.0.0.1:{secure_wire.port}"]


BODY_WITHOUT_A_LENGTH = b"HTTP/1.1 200 OK\r\n\r\n" + CREDITS_BODY

INSIDE = {
    "it closes": reply(answer(headers=[("Connection", "close")]), CLOSE),
    "no length": reply(BODY_WITHOUT_A_LENGTH, CLOSE),
    "half a body, then a whole one": reply(answer()[:-10], CLOSE),
    "an end, then an answer": reply(CLOSE),
}


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("step", INSIDE.values(), ids=INSIDE)
def test_an_answer_ends_as_usual_in_tls_inside_of_tls(
    make_api: MakeApi, secure_wire: Wire, authority: Authority, step: Step
) -> None:
    """Behind a proxy that is reached by TLS, the end of a connection is no surprise."""
    with tunnel(secure_wire.port, authority.server_context("127.0.0.1")) as (proxy, _):
        api = make_api(secure_wire.url, proxy=proxy, ssl_ca_cert=authority.ca_file)
        secure_wire.play(step)
        assert good_call(api)
        assert good_call(api)


@needs_asserts
@pytest.mark.parametrize(
    ("scheme", "login"),
    [("socks5", ""), ("socks5h", LOGIN), ("socks", "")],
    ids=["open, by address", "locked, by name", "of no version"],
)
def test_socks_carries_calls_with_pysocks(
    service: Service, make_api: MakeApi, scheme: str, login: str
) -> None:
    """With PySocks installed a SOCKS 5 proxy works, with and without a password.

    Desktops write `socks://` for it.
    """
    pytest.importorskip("socks")
    credentials = (PROXY_USER, PROXY_PASSWORD) if login else ()
    with socks_proxy(*credentials) as proxy:
        url = f"{scheme}://{login}127.0.0.1:{proxy.port}"
        api = make_api(service.url, proxy=url)
        assert good_call(api)
        assert good_call(api)
        assert proxy.tunnels == 1
        api.api_client.close()


@needs_asserts
def test_a_slow_answer_through_socks_ends_in_time(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """Behind a SOCKS proxy, too, an answer that drips is cut off at the deadline."""
    pytest.importorskip("socks")
    wire.play(otherwise=reply(Drip(answer())))
    with socks_proxy() as proxy:
        url = f"socks5h://127.0.0.1:{proxy.port}"
        api = make_api(wire.url, proxy=url, timeout=0.6)
        endings.play_on(api, error=ApiTimeoutException, timeout=0.6)
        api.api_client.close()


def test_socks_without_pysocks_says_what_to_install(
    make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """Without PySocks the error is a wrong setting that says what is missing."""
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    with pytest.raises(ApiValueError, match=r"PySocks"):
        make_api(FORWARDED, proxy="socks5h://127.0.0.1:9")


# ---- Proxies that do not


def test_a_proxy_that_wants_a_password_is_named(
    endings: Endings,
    locked_proxy: HttpProxy,
    either_service: Service,
    make_api: MakeApi,
) -> None:
    """A 407 is told once, with the name of the proxy, without the password."""
    proxy = locked_proxy.url(PROXY_USER, "PROXY-SECRET-wrong")
    api = make_api(either_service.url, proxy=proxy)
    says = ("407", f"proxy http://127.0.0.1:{locked_proxy.port}")
    error = endings.play_on(api, says=says)
    assert "SECRET" not in repr(error)
    assert either_service.requests == []


class Broken(NamedTuple):
    """What a proxy does instead of tunnelling, and what becomes of the call."""

    step: Step
    says: str = "proxy"
    attempts: int = 3


BROKEN_TUNNELS = {
    "forbids the tunnel": Broken(reply(answer(b"no", 403), CLOSE), "403", 1),
    "cannot reach the host": Broken(reply(answer(b"", 502), CLOSE), "502"),
    "speaks no HTTP": Broken(reply(b"SSH-2.0-x\r\n", CLOSE), "proxy", 1),
    "closes": Broken(reply(CLOSE)),
    "breaks the tunnel off": Broken(reply(OPENED, RESET), ""),
    "ends the tunnel": Broken(reply(OPENED, CLOSE), ""),
}


# `ssl` leaves a socket that was reset before the handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("name", BROKEN_TUNNELS)
def test_a_proxy_that_breaks_its_tunnel_is_told(
    endings: Endings, make_api: MakeApi, wire: Wire, caplog: CapLog, name: str
) -> None:
    """A proxy that breaks its tunnel is named, and gets no token."""
    caplog.set_level(logging.ERROR, "urllib3")  # a record would keep the error's frames
    broken = BROKEN_TUNNELS[name]
    wire.play(otherwise=broken.step)
    address = f"127.0.0.1:{wire.port}"
    api = make_api(TUNNELLED, proxy=f"http://{LOGIN}{address}")
    endings.play_on(api, says=(broken.says, address))
    assert len(wire.requests) == broken.attempts
    assert wire.requests[0].startswith(b"CONNECT api.example.com:443 HTTP/1.")
    assert TOKEN.encode() not in wire.requests[0]
    gc.collect()  # so that what is left to a destructor is charged to this test


SLOW_TUNNELS = {
    "before a tunnel": reply(SILENCE),
    "in a tunnel": reply(OPENED, SILENCE),
    "a tunnel that drips": reply(Drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500)),
}


@pytest.mark.parametrize("step", SLOW_TUNNELS.values(), ids=SLOW_TUNNELS)
def test_a_slow_proxy_ends_in_time(
    endings: Endings, make_api: MakeApi, wire: Wire, step: Step
) -> None:
    """Time spent with the proxy is time of the call."""
    wire.play(otherwise=step)
    api = make_api(TUNNELLED, proxy=wire.url, timeout=0.6)
    endings.play_on(api, error=ApiTimeoutException, timeout=0.6)


# ---- Which proxy is in front of a host

ONE = "http://one.example:1"
TWO = "http://two.example:2"
ENVIRONMENTS: dict[str, tuple[dict[str, str], str]] = {
    "without a scheme": ({"HTTP_PROXY": "one.example:1"}, ONE),
    "for the other scheme": ({"HTTPS_PROXY": ONE}, ""),
    "small letters first": ({"http_proxy": ONE, "HTTP_PROXY": TWO}, ONE),
    "small letters, empty": ({"http_proxy": "", "HTTP_PROXY": TWO}, ""),
    "the scheme's own first": ({"ALL_PROXY": ONE, "HTTP_PROXY": TWO}, TWO),
    "in a CGI script": ({"HTTP_PROXY": ONE, "REQUEST_METHOD": "GET"}, ""),
}


@pytest.mark.parametrize(
    ("variables", "expected"), ENVIRONMENTS.values(), ids=ENVIRONMENTS
)
def test_the_environment_is_read_as_the_standard_library_does(
    monkeypatch: MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    """Proxy variables in small letters go first; those of CGI requests do not count."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = choose_proxy("http", "api.example.com", 80, proxy=None, no_proxy=None)
    assert (proxy.url if proxy else "") == expected
