"""Proxies: open, locked, SOCKS and misbehaving ones; whose word counts; no password shows."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from at_client import (
    ApiConnectionException,
    ApiException,
    ApiTimeoutException,
    ApiValueError,
    CreditsApi,
    OpenApiException,
)
from support.ending import Endings, Fault, good_call
from support.facts import PROXY_PASSWORD, PROXY_USER, TOKEN
from support.proxy import HttpProxy, needs_asserts, socks_proxy
from support.wire import CLOSE, RESET, SILENCE, Drip, Step, Wire, answer, refusing_port, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service import Service
    from support.tls import Authority

pytestmark = pytest.mark.usefixtures("short_waits")


def test_plain_http_is_forwarded(open_proxy: HttpProxy, service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A plain target is asked of the proxy by its whole URL."""
    assert good_call(make_api(service.url, proxy=open_proxy.url()))
    (seen,) = service.requests
    assert seen.all("Authorization") == [f"Bearer {TOKEN}"]
    assert any("proxy" in via.lower() for via in seen.all("Via"))


def test_https_goes_through_a_tunnel(
    open_proxy: HttpProxy, secure_service: Service, authority: Authority, make_api: Callable[..., CreditsApi]
) -> None:
    """A TLS target is reached by CONNECT; the proxy sees neither token nor path."""
    trust = {"ssl_ca_cert": authority.ca_file}
    api = make_api(secure_service.url, proxy=open_proxy.url(), **trust)
    assert good_call(api)
    assert good_call(api)
    assert len(secure_service.requests) == 2
    assert secure_service.requests[0].all("Via") == []
    api.api_client.close()
    assert open_proxy.saw("CONNECT 127.0.0.1:" + secure_service.url.rpartition(":")[2])
    assert TOKEN not in open_proxy.log.read_text()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_locked_proxy_opens_with_its_password(
    locked_proxy: HttpProxy,
    request: pytest.FixtureRequest,
    authority: Authority,
    make_api: Callable[..., CreditsApi],
    *,
    secure: bool,
) -> None:
    """Credentials in the proxy's URL go to the proxy, and to nobody else."""
    service = request.getfixturevalue("secure_service" if secure else "service")
    settings = {"ssl_ca_cert": authority.ca_file} if secure else {}
    proxy = locked_proxy.url(PROXY_USER, PROXY_PASSWORD)
    assert good_call(make_api(service.url, proxy=proxy, **settings))
    assert service.requests[0].all("Proxy-Authorization") == []


def test_a_locked_proxy_opens_with_headers(
    locked_proxy: HttpProxy, service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """`proxy_headers` are for the proxy: here, the same credentials written by hand."""
    from urllib3 import make_headers

    headers = make_headers(proxy_basic_auth=f"{PROXY_USER}:{PROXY_PASSWORD}")
    assert good_call(make_api(service.url, proxy=locked_proxy.url(), proxy_headers=headers))


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("login", [("", ""), (PROXY_USER, "PROXY-SECRET-wrong")], ids=["none", "wrong"])
def test_a_proxy_that_wants_a_password_is_named(
    endings: Endings,
    locked_proxy: HttpProxy,
    request: pytest.FixtureRequest,
    make_api: Callable[..., CreditsApi],
    login: tuple[str, str],
    *,
    secure: bool,
) -> None:
    """407, once: an error that names the proxy and what it wants, without the password."""
    service = request.getfixturevalue("secure_service" if secure else "service")
    api = make_api(service.url, proxy=locked_proxy.url(*login))
    says = ("407", "proxy", f"127.0.0.1:{locked_proxy.port}")
    error = endings.of(api, Fault((), ApiConnectionException, says))
    assert "SECRET" not in str(error) + repr(error)
    assert service.requests == []


def test_a_proxy_that_refuses_is_named(endings: Endings, service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Nobody listens where the proxy should be: the message names the proxy, without password."""
    with refusing_port() as port:
        proxy = f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{port}"
        for host in (service.url, "https://api.example.com"):
            api = make_api(host, proxy=proxy)
            says = ("proxy", f"127.0.0.1:{port}")
            endings.of(api, Fault((), ApiConnectionException, says))
    assert endings.attempts_logged == 6


BROKEN_TUNNELS = {
    "forbids the tunnel": (reply(answer(b"no", 403), CLOSE), ("proxy", "403"), 1),
    "wants a password": (reply(answer(b"", 407), CLOSE), ("proxy", "407"), 1),
    "closes": (reply(CLOSE), ("proxy",), 3),
    "resets": (reply(RESET), ("proxy",), 3),
    "speaks no HTTP": (reply(b"SSH-2.0-x\r\n", CLOSE), ("proxy",), None),
    "cannot reach the host": (reply(answer(b"", 502), CLOSE), ("proxy", "502"), None),
    "breaks the tunnel off": (reply(b"HTTP/1.1 200 OK\r\n\r\n", RESET), (), 3),
    "ends the tunnel": (reply(b"HTTP/1.1 200 OK\r\n\r\n", CLOSE), (), 3),
}


# `ssl` leaves a socket that was reset before the handshake to the garbage collector, which closes it and warns.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(("step", "says", "attempts"), BROKEN_TUNNELS.values(), ids=BROKEN_TUNNELS)
def test_a_proxy_that_breaks_its_tunnel_is_told(
    endings: Endings,
    make_api: Callable[..., CreditsApi],
    wire: Wire,
    step: Step,
    says: tuple[str, ...],
    attempts: int | None,
) -> None:
    """Whatever the proxy does instead of tunnelling, the error is a connection error of ours."""
    wire.play(otherwise=step)
    proxy = wire.url.replace("://", f"://{PROXY_USER}:{PROXY_PASSWORD}@")
    api = make_api("https://api.example.com", proxy=proxy)
    says = (*says, f"127.0.0.1:{wire.port}")
    endings.of(api, Fault((), ApiConnectionException, says))
    assert attempts is None or len(wire.requests) == attempts
    assert wire.requests[0].startswith(b"CONNECT api.example.com:443 HTTP/1.")
    assert TOKEN.encode() not in wire.requests[0]
    gc.collect()  # so that what is left to a destructor is charged to this test


TUNNELLED, FORWARDED = "https://api.example.com", "http://127.0.0.1:9"

SLOW_PROXIES = {
    "silence before a tunnel": (TUNNELLED, reply(SILENCE)),
    "silence in a tunnel": (TUNNELLED, reply(b"HTTP/1.1 200 OK\r\n\r\n", SILENCE)),
    "a tunnel that drips": (TUNNELLED, reply(Drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500))),
    "silence": (FORWARDED, reply(SILENCE)),
    "an answer that drips": (FORWARDED, reply(Drip(answer()))),
}


@pytest.mark.parametrize(("host", "step"), SLOW_PROXIES.values(), ids=SLOW_PROXIES)
def test_a_slow_proxy_ends_at_the_deadline(
    endings: Endings, make_api: Callable[..., CreditsApi], wire: Wire, host: str, step: Step
) -> None:
    """Time spent with the proxy is time of the call."""
    wire.play(otherwise=step)
    api = make_api(host, proxy=wire.url, timeout=0.6)
    endings.of(api, Fault((), ApiTimeoutException, timeout=0.6))


def test_an_untrusted_service_behind_a_proxy_is_told_as_such(
    endings: Endings, open_proxy: HttpProxy, secure_service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """A tunnel changes nothing about certificates: one attempt, and the message says which."""
    api = make_api(secure_service.url, proxy=open_proxy.url())
    endings.of(api, Fault((), ApiConnectionException, ("certificate",)))
    assert endings.attempts_logged == 1


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environment_names_the_proxy(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The usual variables are honoured, in both spellings."""
    proxy, service = make_wire(), make_wire()
    monkeypatch.setenv(name, proxy.url)
    assert good_call(make_api(service.url))
    assert proxy.requests[0].startswith(f"GET {service.url}/api/v1/credits".encode())
    assert service.connections == 0


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy_for_https(
    make_api: Callable[..., CreditsApi], wire: Wire, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same for TLS targets, which ask for a tunnel."""
    monkeypatch.setenv(name, wire.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    wire.play(reply(answer(b"", 403), CLOSE))
    with pytest.raises(ApiConnectionException):
        make_api("https://api.example.com").get_credits()
    assert wire.requests[0].startswith(b"CONNECT api.example.com:443")


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["127.0.0.1", "*", "x.example, 127.0.0.0/8", "127.0.0.1:{port}"])
def test_the_environment_names_exceptions(
    make_api: Callable[..., CreditsApi], wire: Wire, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """`NO_PROXY` takes hosts, networks, ports and `*`."""
    with refusing_port() as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv(name, value.format(port=wire.port))
        assert good_call(make_api(wire.url, retries=0))


def test_the_configuration_wins_over_the_environment(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configured proxy, exception or `no_proxy="*"` goes before every variable."""
    proxy, service = make_wire(), make_wire()
    with refusing_port() as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "*")
        assert good_call(make_api(service.url, proxy=proxy.url, retries=0))
        assert len(proxy.requests) == 1
        monkeypatch.setenv("NO_PROXY", "")
        assert good_call(make_api(service.url, no_proxy="127.0.0.1", retries=0))
        assert good_call(make_api(service.url, no_proxy="*", retries=0))
    assert (len(proxy.requests), len(service.requests)) == (1, 2)


def test_the_proxy_is_that_of_the_host_at_the_call(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and variables may change between calls; what counts is what they are at the call."""
    proxy, first, second = make_wire(), make_wire(), make_wire()
    api = make_api(first.url)
    assert good_call(api)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", f"127.0.0.1:{first.port}")
    assert good_call(api)
    api.api_client.configuration.host = second.url
    assert good_call(api)
    assert (len(first.requests), len(second.requests), len(proxy.requests)) == (2, 0, 1)


def test_a_wrong_proxy_in_the_environment_is_our_error(
    make_api: Callable[..., CreditsApi], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is no proxy is named; its password does not show."""
    monkeypatch.setenv("HTTP_PROXY", f"ftp://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:9")
    with pytest.raises(OpenApiException, match=r"(?i)proxy") as caught:
        make_api(wire.url).get_credits()
    assert PROXY_PASSWORD not in str(caught.value)
    assert wire.connections == 0


def test_an_answer_of_the_proxy_is_not_taken_for_the_services(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A plain proxy's own 502 is a ServiceException like any other; nothing is made up."""
    wire.play(otherwise=reply(answer(b"<html>bad gateway</html>", 502, content_type="text/html")))
    with pytest.raises(ApiException, match="502"):
        make_api("http://127.0.0.1:9", proxy=wire.url, retries=0).get_credits()


def test_a_proxy_may_be_reached_by_tls(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], authority: Authority
) -> None:
    """An `https` proxy forwards plain targets; it must prove who it is like any other server."""
    proxy = make_wire(tls=authority.server_context("127.0.0.1"))
    api = make_api("http://127.0.0.1:9", proxy=proxy.url, ssl_ca_cert=authority.ca_file)
    assert good_call(api)
    assert proxy.requests[0].startswith(b"GET http://127.0.0.1:9/api/v1/credits HTTP/1.1")
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api("http://127.0.0.1:9", proxy=proxy.url).get_credits()


@needs_asserts
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", [None, (PROXY_USER, PROXY_PASSWORD)], ids=["open", "locked"])
def test_socks_carries_calls_when_pysocks_is_there(
    service: Service, make_api: Callable[..., CreditsApi], scheme: str, login: tuple[str, str] | None
) -> None:
    """With PySocks installed a SOCKS 5 proxy works, with and without a password."""
    pytest.importorskip("socks")
    user, password = login or (None, None)
    with socks_proxy(user, password) as proxy:
        credentials = f"{user}:{password}@" if login else ""
        api = make_api(service.url, proxy=f"{scheme}://{credentials}127.0.0.1:{proxy.port}")
        assert good_call(api)
        assert good_call(api)
        assert proxy.tunnels == 1
        api.api_client.close()


@needs_asserts
def test_socks_trouble_is_a_connection_error(
    endings: Endings, service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """A SOCKS proxy that refuses, or wants another password, is named without the password."""
    pytest.importorskip("socks")
    with refusing_port() as port, socks_proxy(PROXY_USER, "another") as locked:
        for where in (port, locked.port):
            proxy = f"socks5h://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{where}"
            says = ("proxy", f"127.0.0.1:{where}")
            endings.of(make_api(service.url, proxy=proxy), Fault((), ApiConnectionException, says))


def test_socks_without_pysocks_says_what_to_install(
    service: Service, make_api: Callable[..., CreditsApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PySocks the error is a wrong setting that says what is missing."""
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    with pytest.raises(ApiValueError, match=r"PySocks"):
        make_api(service.url, proxy="socks5h://127.0.0.1:9").get_credits()
