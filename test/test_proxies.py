"""Proxies: open, locked, SOCKS and misbehaving ones; whose word counts; no password shows."""

import base64
import gc
import socket
import sys
from typing import Any

import pytest
from urllib3 import make_headers

from at_client import (
    ApiConnectionException,
    ApiException,
    ApiTimeoutException,
    ApiValueError,
    OpenApiException,
)
from support.ending import Endings, Fault, good_call
from support.facts import PROXY_PASSWORD, PROXY_USER, TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.proxy import HttpProxy, needs_asserts, socks_proxy
from support.service import Service
from support.tls import Authority
from support.wire import CLOSE, RESET, SILENCE, Drip, Step, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"
TUNNELLED, FORWARDED = "https://api.example.com", "http://127.0.0.1:9"


# ---- Proxies that work


def test_plain_http_is_forwarded(
    open_proxy: HttpProxy, service: Service, make_api: MakeApi
) -> None:
    """A plain target is asked of the proxy by its whole URL."""
    assert good_call(make_api(service.url, proxy=open_proxy.url()))
    (seen,) = service.requests
    assert seen.all("Authorization") == [f"Bearer {TOKEN}"]
    assert any("proxy" in via.lower() for via in seen.all("Via"))


def test_https_tunnels(
    open_proxy: HttpProxy,
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
) -> None:
    """A TLS target is reached by CONNECT; the proxy sees neither token nor path."""
    api = make_api(
        secure_service.url, proxy=open_proxy.url(), ssl_ca_cert=authority.ca_file
    )
    assert good_call(api)
    assert good_call(api)
    assert [seen.all("Via") for seen in secure_service.requests] == [[], []]
    api.api_client.close()
    assert open_proxy.saw("CONNECT 127.0.0.1:" + secure_service.url.rpartition(":")[2])
    assert TOKEN not in open_proxy.log.read_text()


def test_a_locked_proxy_opens_with_its_password(
    locked_proxy: HttpProxy,
    either_service: Service,
    authority: Authority,
    make_api: MakeApi,
) -> None:
    """Credentials in the proxy's URL, or written by hand, go to the proxy, and to nobody else."""
    by_hand = make_headers(proxy_basic_auth=f"{PROXY_USER}:{PROXY_PASSWORD}")
    for proxy, headers in (
        (locked_proxy.url(PROXY_USER, PROXY_PASSWORD), None),
        (locked_proxy.url(), by_hand),
    ):
        settings = {
            "proxy": proxy,
            "proxy_headers": headers,
            "ssl_ca_cert": authority.ca_file,
        }
        assert good_call(make_api(either_service.url, **settings))
    assert [seen.all("Proxy-Authorization") for seen in either_service.requests] == [
        [],
        [],
    ]


@pytest.mark.parametrize(("login", "pair"), [("u@", b"u:"), ("u:p%40%3A@", b"u:p@:")])
def test_the_password_of_a_proxy_is_decoded(
    make_api: MakeApi, wire: Wire, login: str, pair: bytes
) -> None:
    """A URL has signs of its own percent-encoded, and the header has not; without a password it is empty."""
    assert good_call(make_api(FORWARDED, proxy=wire.url.replace("://", f"://{login}")))
    assert (
        b"Proxy-Authorization: Basic %s\r\n" % base64.b64encode(pair)
        in wire.requests[0]
    )


def test_a_proxy_may_be_reached_by_tls(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """An `https` proxy forwards plain targets; it must prove who it is like any other server."""
    assert good_call(
        make_api(FORWARDED, proxy=secure_wire.url, ssl_ca_cert=authority.ca_file)
    )
    assert secure_wire.requests[0].startswith(
        b"GET http://127.0.0.1:9/api/v1/credits HTTP/1.1"
    )
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(FORWARDED, proxy=secure_wire.url).get_credits()


@needs_asserts
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("login", ["", LOGIN], ids=["open", "locked"])
def test_socks_carries_calls_with_pysocks(
    service: Service, make_api: MakeApi, scheme: str, login: str
) -> None:
    """With PySocks installed a SOCKS 5 proxy works, with and without a password."""
    pytest.importorskip("socks")
    with socks_proxy(*((PROXY_USER, PROXY_PASSWORD) if login else ())) as proxy:
        api = make_api(service.url, proxy=f"{scheme}://{login}127.0.0.1:{proxy.port}")
        assert good_call(api)
        assert good_call(api)
        assert proxy.tunnels == 1
        api.api_client.close()


def test_socks_without_pysocks_says_what_to_install(
    make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """Without PySocks the error is a wrong setting that says what is missing."""
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    with pytest.raises(ApiValueError, match=r"PySocks"):
        make_api(FORWARDED, proxy="socks5h://127.0.0.1:9").get_credits()


# ---- Proxies that do not


@pytest.mark.parametrize(
    "login", [("", ""), (PROXY_USER, "PROXY-SECRET-wrong")], ids=["none", "wrong"]
)
def test_a_proxy_that_wants_a_password_is_named(
    endings: Endings,
    locked_proxy: HttpProxy,
    either_service: Service,
    make_api: MakeApi,
    login: tuple[str, str],
) -> None:
    """407, once: an error that names the proxy and what it wants, without the password."""
    api = make_api(either_service.url, proxy=locked_proxy.url(*login))
    error = endings.of(
        api,
        Fault(
            (),
            ApiConnectionException,
            ("407", "proxy", f"127.0.0.1:{locked_proxy.port}"),
        ),
    )
    assert "SECRET" not in str(error) + repr(error)
    assert either_service.requests == []


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
@pytest.mark.parametrize(
    ("step", "says", "attempts"), BROKEN_TUNNELS.values(), ids=BROKEN_TUNNELS
)
def test_a_proxy_that_breaks_its_tunnel_is_told(
    endings: Endings,
    make_api: MakeApi,
    wire: Wire,
    step: Step,
    says: tuple[str, ...],
    attempts: int | None,
) -> None:
    """Whatever the proxy does instead of tunnelling, the error is a connection error of ours."""
    wire.play(otherwise=step)
    api = make_api(TUNNELLED, proxy=wire.url.replace("://", f"://{LOGIN}"))
    endings.of(
        api, Fault((), ApiConnectionException, (*says, f"127.0.0.1:{wire.port}"))
    )
    assert attempts is None or len(wire.requests) == attempts
    assert wire.requests[0].startswith(b"CONNECT api.example.com:443 HTTP/1.")
    assert TOKEN.encode() not in wire.requests[0]
    gc.collect()  # so that what is left to a destructor is charged to this test


SLOW_PROXIES = {
    "silence before a tunnel": (TUNNELLED, reply(SILENCE)),
    "silence in a tunnel": (TUNNELLED, reply(b"HTTP/1.1 200 OK\r\n\r\n", SILENCE)),
    "a tunnel that drips": (
        TUNNELLED,
        reply(Drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500)),
    ),
    "silence": (FORWARDED, reply(SILENCE)),
    "an answer that drips": (FORWARDED, reply(Drip(answer()))),
}


@pytest.mark.parametrize(("host", "step"), SLOW_PROXIES.values(), ids=SLOW_PROXIES)
def test_a_slow_proxy_ends_in_time(
    endings: Endings, make_api: MakeApi, wire: Wire, host: str, step: Step
) -> None:
    """Time spent with the proxy is time of the call."""
    wire.play(otherwise=step)
    api = make_api(host, proxy=wire.url, timeout=0.6)
    endings.of(api, Fault((), ApiTimeoutException, timeout=0.6))


def test_untrusted_service(
    endings: Endings, open_proxy: HttpProxy, secure_service: Service, make_api: MakeApi
) -> None:
    """A tunnel changes nothing about certificates: one attempt, and the message says which."""
    api = make_api(secure_service.url, proxy=open_proxy.url())
    endings.of(api, Fault((), ApiConnectionException, ("certificate",)))
    assert endings.attempts_logged == 1


def test_an_answer_of_the_proxy_is_not_taken_for_the_services(
    make_api: MakeApi, wire: Wire
) -> None:
    """A plain proxy's own 502 is a ServiceException like any other; nothing is made up."""
    wire.play(
        otherwise=reply(
            answer(b"<html>bad gateway</html>", 502, content_type="text/html")
        )
    )
    with pytest.raises(ApiException, match="502"):
        make_api(FORWARDED, proxy=wire.url, retries=0).get_credits()


# ---- Which proxy stands before a host


@pytest.fixture
def pinned(monkeypatch: MonkeyPatch) -> None:
    """Let every name lead to this machine."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, *rest: look_up("127.0.0.1", *rest)
    )


ONE, TWO = "http://127.0.0.1:{one}", "http://127.0.0.1:{two}"


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize(
    ("settings", "environ", "asked"),
    [
        ({}, {}, "service"),
        *(
            ({}, {name: ONE}, "one")
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
        ),
        *(
            ({}, {name: ONE}, "service")
            for name in ("https_proxy", "HTTPS_PROXY", "NO_PROXY")
        ),
        ({}, {"HTTP_PROXY": "127.0.0.1:{one}"}, "one"),
        ({}, {"http_proxy": ONE, "HTTP_PROXY": TWO}, "one"),
        ({}, {"http_proxy": "", "HTTP_PROXY": TWO}, "service"),
        ({}, {"ALL_PROXY": ONE, "HTTP_PROXY": TWO}, "two"),
        # In a CGI script, HTTP_PROXY is made of a request header.
        ({}, {"HTTP_PROXY": ONE, "REQUEST_METHOD": "GET"}, "service"),
        ({"proxy": ONE}, {"HTTP_PROXY": TWO}, "one"),
        # NO_PROXY counts only for a proxy from the environment.
        *(
            ({}, {"HTTP_PROXY": TWO, name: "example.com"}, "service")
            for name in ("NO_PROXY", "no_proxy")
        ),
        ({"proxy": ONE}, {"NO_PROXY": "*"}, "one"),
        ({"proxy": ONE, "no_proxy": "example.com"}, {}, "service"),
        ({"proxy": ONE, "no_proxy": "example.org"}, {"NO_PROXY": "*"}, "one"),
        ({"no_proxy": "example.com"}, {"HTTP_PROXY": TWO}, "service"),
        ({"no_proxy": "example.org"}, {"HTTP_PROXY": TWO, "NO_PROXY": "*"}, "two"),
        ({"no_proxy": ""}, {"HTTP_PROXY": TWO, "NO_PROXY": "*"}, "two"),
    ],
)
def test_which_proxy_counts(
    make_api: MakeApi,
    make_wire: MakeWire,
    monkeypatch: MonkeyPatch,
    settings: dict[str, str],
    environ: dict[str, str],
    asked: str,
) -> None:
    """The configuration takes precedence; the environment is read as `urllib.request` reads it."""
    wires = {name: make_wire() for name in ("service", "one", "two")}
    ports = {name: wire.port for name, wire in wires.items()}
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(**ports))
    written: dict[str, Any] = {
        name: value.format(**ports) for name, value in settings.items()
    }
    host = "http://api.example.com:{service}".format(**ports)
    assert good_call(make_api(host, allow_insecure_http=True, **written))
    assert [name for name, wire in wires.items() if wire.requests] == [asked]


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize(
    ("host", "directly", "no_proxy"),
    [
        (
            "api.example.com",
            True,
            ["*", "localhost, api.example.com", " API.Example.COM ", "example.com"],
        ),
        ("api.example.com", True, [".example.com", "com", "api.example.com:{port}"]),
        (
            "api.example.com",
            False,
            [" , ,", "other.example.com", "pi.example.com", "www.api.example.com"],
        ),
        ("api.example.com", False, ["api.example.com:8443", "10.0.0.0/8"]),
        (
            "127.0.0.1",
            True,
            ["*", "127.0.0.1", "x.example, 127.0.0.0/8", "127.0.0.1:{port}"],
        ),
        (
            "127.0.0.1",
            False,
            ["127.0.0.1:8443", "10.0.0.0/8", "127.0.0.0/33", "7.0.0.1"],
        ),
    ],
)
def test_no_proxy(
    make_api: MakeApi,
    make_wire: MakeWire,
    host: str,
    directly: bool,
    no_proxy: list[str],
) -> None:
    """Names with all names under them, addresses, networks, with a port or without; `*` for all."""
    service, proxy = make_wire(), make_wire()
    settings = {"allow_insecure_http": True, "proxy": proxy.url}
    for hosts in no_proxy:
        api = make_api(
            f"http://{host}:{service.port}",
            no_proxy=hosts.format(port=service.port),
            **settings,
        )
        assert good_call(api)
        assert (bool(service.requests), bool(proxy.requests)) == (
            directly,
            not directly,
        ), hosts


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environment_names_a_tunnel(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch, name: str
) -> None:
    """The same for TLS targets, which ask for a tunnel."""
    monkeypatch.setenv(name, wire.url)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    wire.play(reply(answer(b"", 403), CLOSE))
    with pytest.raises(ApiConnectionException):
        make_api(TUNNELLED).get_credits()
    assert wire.requests[0].startswith(b"CONNECT api.example.com:443")


def test_the_proxy_is_that_of_the_moment(
    make_api: MakeApi, make_wire: MakeWire, monkeypatch: MonkeyPatch
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
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """A variable that is no proxy is named; its password does not show."""
    monkeypatch.setenv("ALL_PROXY", f"ftp://{LOGIN}127.0.0.1:9")
    with pytest.raises(
        OpenApiException, match=r"^http_proxy in the environment must be"
    ) as caught:
        make_api(wire.url).get_credits()
    assert PROXY_PASSWORD not in str(caught.value)
    assert wire.connections == 0
