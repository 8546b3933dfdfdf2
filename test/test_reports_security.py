"""What users reported of credentials that leak, and of framing that is not strict."""

import base64
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import urllib3

from at_client import (
    ApiConnectionException,
    ApiException,
    ApiValueError,
    CreditsApi,
)
from support.ending import good_call
from support.facts import CREDITS_BODY, TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.programs import run_python
from support.service import Service
from support.tls import Authority
from support.tunnel import tunnel
from support.wire import CLOSE, SILENCE, Wire, chunked, reply

# ---- A proxy between us and this machine


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_environments_proxy_never_sees_calls_to_this_machine(
    make_api: MakeApi,
    either_service: Service,
    authority: Authority,
    wire: Wire,
    monkeypatch: MonkeyPatch,
    name: str,
) -> None:
    """A call to a loopback host goes there, whatever proxy the environment names."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, wire.url)
    host = either_service.url.replace("127.0.0.1", name)

    assert good_call(make_api(host, ssl_ca_cert=authority.ca_file))

    assert len(either_service.requests) == 1
    assert wire.connections == 0


def test_a_host_that_is_assigned_later_is_judged_anew(
    make_api: MakeApi, make_wire: MakeWire, monkeypatch: MonkeyPatch
) -> None:
    """A client made for a far host goes straight to a loopback host set afterwards."""
    service = make_wire()
    proxy = make_wire()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    api = make_api("http://api.invalid", allow_insecure_http=True)

    api.api_client.configuration.host = service.url

    assert good_call(api)
    assert proxy.connections == 0


def test_the_sandbox_command_works_behind_a_company_proxy(wire: Wire) -> None:
    """`at-client sandbox -- COMMAND` lets the command reach the sandbox."""
    client = ["-m", "at_client"]
    command = [*client, "sandbox", "--", sys.executable, *client, "credits"]
    printed = run_python(*command, HTTP_PROXY=wire.url, ALL_PROXY=wire.url)
    assert "750" in printed
    assert wire.connections == 0


FAR_PROXY = "http://proxy.invalid:3128"
"""A proxy on another machine that reads what it forwards; it cannot be reached."""


@pytest.mark.parametrize(
    "proxy",
    [
        FAR_PROXY,
        "socks5h://proxy.invalid:1080",
    ],
)
def test_a_far_proxy_gets_no_credentials_for_this_machine(
    make_api: MakeApi, proxy: str
) -> None:
    """Plain http counts as exposed when a proxy on another machine would read it."""
    api = make_api("http://127.0.0.1:9", proxy=proxy, retries=0, timeout=0.5)
    with pytest.raises(ApiValueError, match="unencrypted") as caught:
        api.get_credits()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"proxy": "https://proxy.invalid:3128"},
        {"proxy": FAR_PROXY, "allow_insecure_http": True},
        {"proxy": FAR_PROXY, "access_token": None},
    ],
    ids=["a proxy that speaks https", "insecure http allowed", "no credentials"],
)
def test_a_far_proxy_may_be_asked_for_this_machine(
    make_api: MakeApi, settings: dict[str, Any]
) -> None:
    """Encrypted to the proxy, allowed or without credentials, the call is made."""
    api = make_api("http://127.0.0.1:9", retries=0, timeout=2, **settings)
    with pytest.raises(ApiConnectionException, match=r"proxy\.invalid"):
        api.get_credits()


def test_a_proxy_on_this_machine_may_read_calls_to_it(
    make_api: MakeApi, make_wire: MakeWire
) -> None:
    """A debugging proxy on loopback gets the call as it is, credentials included."""
    proxy = make_wire()
    assert good_call(make_api("http://127.0.0.1:9", proxy=proxy.url))
    assert TOKEN.encode() in proxy.requests[0]


def test_a_secure_proxy_hides_nothing_from_a_far_network(make_api: MakeApi) -> None:
    """Behind an https proxy, plain http to another machine is still exposed."""
    api = make_api("http://api.invalid", proxy="https://127.0.0.1:9", retries=0)
    with pytest.raises(ApiValueError, match="unencrypted"):
        api.get_credits()


# ---- Whose name a request carries


@pytest.mark.parametrize(
    "named",
    ["api.example.com", "api.example.com:8443"],
    ids=["the usual port", "a port of its own"],
)
def test_the_host_header_in_a_tunnel_is_the_services(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority, named: str
) -> None:
    """Inside a tunnel each request names the service, and never the proxy."""
    service = make_wire(tls=authority.server_context("api.example.com"))
    with tunnel(service.port) as (proxy, targets):
        host = f"https://{named}"
        api = make_api(host, proxy=proxy, ssl_ca_cert=authority.ca_file)
        assert good_call(api)
        assert good_call(api)
        api.api_client.close()

    assert len(targets) == 1
    for request in service.requests:
        assert request.count(b"\r\nHost: ") == 1
        assert b"\r\nHost: %s\r\n" % named.encode() in request
        assert b"Proxy-" not in request


def test_the_host_header_of_a_forwarded_request_is_the_services(
    make_api: MakeApi, wire: Wire
) -> None:
    """A proxy that forwards gets the whole URL, and the service's name as the host."""
    api = make_api("http://api.invalid:81", proxy=wire.url, allow_insecure_http=True)
    assert good_call(api)
    assert wire.requests[0].startswith(b"GET http://api.invalid:81/api/v1/credits ")
    assert b"\r\nHost: api.invalid:81\r\n" in wire.requests[0]


# ---- User names and passwords of proxies

LEFT = "LEFT-SECRET"
RIGHT = "RIGHT-SECRET"

LOGINS = {
    "brackets in the password": f"ada:{LEFT}[x]{RIGHT}",
    "brackets in the user name": f"{LEFT}[x]:{RIGHT}",
    "an at sign": f"ada:{LEFT}@{RIGHT}",
    "a colon": f"ada:{LEFT}:{RIGHT}",
    "a percent sign": f"ada:{LEFT}%zz{RIGHT}",
    "an at sign, encoded": f"ada:{LEFT}%40{RIGHT}",
}


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_an_awkward_password_of_a_proxy_is_sent_as_it_was_meant(
    make_api: MakeApi, wire: Wire, login: str
) -> None:
    """Brackets and the like need no encoding; what is encoded is decoded."""
    proxy = wire.url.replace("://", f"://{login}@")
    api = make_api("http://127.0.0.1:9", proxy=proxy)

    assert good_call(api)

    pair = base64.b64encode(unquote(login).encode())
    assert b"Proxy-Authorization: Basic %s\r\n" % pair in wire.requests[0]
    assert "SECRET" not in repr(api.api_client)


@pytest.mark.parametrize(
    "between",
    ["/", "\n", "ü"],
    ids=["a slash", "a line break", "an umlaut"],
)
def test_an_impossible_password_of_a_proxy_is_refused_unseen(
    make_api: MakeApi, monkeypatch: MonkeyPatch, between: str
) -> None:
    """What a URL cannot hold is refused by the name of the variable."""
    login = f"ada:{LEFT}{between}{RIGHT}"
    monkeypatch.setenv("HTTP_PROXY", f"http://{login}@127.0.0.1:9")

    with pytest.raises(ApiValueError, match="HTTP_PROXY") as caught:
        make_api("http://api.test.invalid").get_credits()

    error = caught.value
    assert "SECRET" not in f"{error}{error!r}{error.__cause__}{error.__context__}"


# ---- One reading of chunks

BODY = CREDITS_BODY
SIZE = b"%x" % len(BODY)

WRONG_SIZES = {
    "a prefix": b"0x" + SIZE,
    "a plus": b"+" + SIZE,
    "an underscore": SIZE[:1] + b"_" + SIZE[1:],
    "a vertical tab": b"\x0b" + SIZE,
    "a no-break space": b"\xa0" + SIZE,
    "nothing": b"",
    "twenty digits": b"f" * 20,
}


def send_chunk(size: bytes) -> bytes:
    """Write a response of one chunk, with its size as given."""
    head = chunked(last=b"")
    return head + size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"


READERS: dict[str, Callable[[Any], bytes]] = {
    "stream()": lambda response: b"".join(response.stream(16)),
    "read()": lambda response: response.read(),
    "read(16)": lambda response: b"".join(iter(lambda: response.read(16), b"")),
    "read1()": lambda response: b"".join(iter(response.read1, b"")),
    "read_chunked()": lambda response: b"".join(response.read_chunked()),
}

Read = Callable[[Any], bytes]
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


def open_response(api: CreditsApi) -> urllib3.BaseHTTPResponse:
    """Make a call whose response is not read yet."""
    return api.get_credits_api_v1_credits_get_without_preload_content()


@pytest.mark.parametrize("size", WRONG_SIZES.values(), ids=WRONG_SIZES)
def test_a_wrong_chunk_size_is_refused(
    make_api: MakeApi, wire: Wire, size: bytes
) -> None:
    """Only hexadecimal digits are the size of a chunk."""
    wire.play(reply(send_chunk(size), CLOSE))
    with pytest.raises(ApiConnectionException):
        make_api(wire.url, retries=0).get_credits()


@every_reader
def test_every_way_to_read_refuses_a_wrong_chunk_size(
    make_api: MakeApi, wire: Wire, read: Read
) -> None:
    """All methods of a response have one reading of chunks."""
    wire.play(reply(send_chunk(WRONG_SIZES["a prefix"]), CLOSE))
    response = open_response(make_api(wire.url, retries=0))
    with pytest.raises((urllib3.exceptions.HTTPError, ApiException)):
        read(response)
    response.close()


@every_reader
def test_every_way_to_read_takes_a_right_chunk_size(
    make_api: MakeApi, wire: Wire, read: Read
) -> None:
    """A size may have zeros before it and an extension behind (RFC 9112)."""
    size = b"00" + SIZE.upper() + b" ; name=value"
    wire.play(reply(send_chunk(size)))
    response = open_response(make_api(wire.url, retries=0))
    assert read(response) == BODY


def test_a_stream_gives_each_chunk_as_it_comes(make_api: MakeApi, wire: Wire) -> None:
    """The first piece is there while the server has not sent the second."""
    first = chunked(BODY[:20], last=b"")
    wire.play(reply(first, SILENCE))
    response = open_response(make_api(wire.url))
    assert next(response.stream()) == BODY[:20]
    response.close()
