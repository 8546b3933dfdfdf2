"""What users reported of credentials that leak, and of framing that is not strict."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiException,
    ApiValueError,
    Configuration,
    CreditsApi,
)
from at_client.sandbox import Sandbox
from support.ending import good_call
from support.facts import COOKIE, CREDITS_BODY, TOKEN
from support.makers import MakeApi, MakeClient, MakeWire, MonkeyPatch
from support.proxy import needs_asserts, socks_proxy
from support.tls import Authority
from support.tunnel import tunnel
from support.wire import CLOSE, Wait, Wire, chunked, reply

# ---- A proxy between us and this machine

PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]

FAR_PROXIES = [
    "http://proxy.invalid:3128",
    "proxy.invalid:3128",
    "http://10.255.255.1:3128",
    "http://127.0.0.1.proxy.invalid:3128",
    "socks5h://proxy.invalid:1080",
]
"""Proxies on other machines that read what they forward; none can be reached."""


@pytest.mark.parametrize("name", PROXY_VARIABLES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_environments_proxy_never_sees_calls_to_this_machine(
    make_api: MakeApi,
    make_wire: MakeWire,
    monkeypatch: MonkeyPatch,
    name: str,
    host: str,
) -> None:
    """A call to a loopback host goes there, whatever proxy the environment names."""
    service = make_wire()
    proxy = make_wire()
    monkeypatch.setenv(name, proxy.url)

    assert good_call(make_api(f"http://{host}:{service.port}"))

    assert TOKEN.encode() in service.requests[0]
    assert proxy.connections == 0


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_environments_proxy_never_tunnels_to_this_machine(
    make_api: MakeApi,
    secure_wire: Wire,
    wire: Wire,
    authority: Authority,
    monkeypatch: MonkeyPatch,
    name: str,
) -> None:
    """The same holds for https: no tunnel is asked for."""
    monkeypatch.setenv(name, wire.url)

    assert good_call(make_api(secure_wire.url, ssl_ca_cert=authority.ca_file))

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


def test_the_sandbox_works_behind_a_company_proxy(
    wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """The example of README reaches the sandbox, and the proxy gets nothing."""
    monkeypatch.setenv("HTTP_PROXY", wire.url)
    with Sandbox() as sandbox:
        configuration = Configuration(host=sandbox.url, access_token=sandbox.token)
        with ApiClient(configuration) as client:
            assert CreditsApi(client).get_credits().total == 1000
    assert wire.connections == 0


def test_the_sandbox_command_works_behind_a_company_proxy(wire: Wire) -> None:
    """`at-client sandbox -- COMMAND` lets the command reach the sandbox."""
    credits_command = [sys.executable, "-m", "at_client", "credits"]
    done = subprocess.run(
        [sys.executable, "-m", "at_client", "sandbox", "--", *credits_command],
        env={**os.environ, "HTTP_PROXY": wire.url, "ALL_PROXY": wire.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "750" in done.stdout
    assert wire.connections == 0


@pytest.mark.parametrize("proxy", FAR_PROXIES)
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://localhost:9"])
def test_a_far_proxy_gets_no_credentials_for_this_machine(
    make_api: MakeApi, host: str, proxy: str
) -> None:
    """Plain http counts as exposed when a proxy on another machine would read it."""
    api = make_api(host, proxy=proxy, retries=0, timeout=0.5)
    with pytest.raises(ApiValueError, match="unencrypted") as caught:
        api.get_credits()
    assert TOKEN not in str(caught.value)


CREDENTIALS: dict[str, Callable[[CreditsApi], object]] = {
    "a cookie": lambda api: api.get_credits(auth_token=COOKIE),
    "_request_auth": lambda api: api.get_credits_api_v1_credits_get(
        _request_auth={"in": "header", "key": "X-Key", "value": TOKEN}
    ),
    "a key in the query": lambda api: api.get_credits_api_v1_credits_get(
        _request_auth={"in": "query", "key": "key", "value": TOKEN}
    ),
    "a header of the call": lambda api: api.get_credits_api_v1_credits_get(
        _headers={"Authorization": f"Bearer {TOKEN}"}
    ),
    "a header of call_api": lambda api: api.api_client.call_api(
        "GET", "http://127.0.0.1:9/x", {"Authorization": f"Bearer {TOKEN}"}
    ),
    "a header of the transport": lambda api: api.api_client.rest_client.request(
        "GET", "http://127.0.0.1:9/x", headers={"Authorization": f"Bearer {TOKEN}"}
    ),
}


@pytest.mark.parametrize("call", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_far_proxy_gets_no_credentials_of_any_kind(
    make_api: MakeApi, call: Callable[[CreditsApi], object]
) -> None:
    """Whatever carries the credential, it is not shown to a proxy elsewhere."""
    api = make_api(
        "http://127.0.0.1:9",
        access_token=None,
        proxy=FAR_PROXIES[0],
        retries=0,
        timeout=0.5,
    )
    with pytest.raises(ApiValueError, match="unencrypted"):
        call(api)


@pytest.mark.parametrize(
    "settings",
    [
        {"proxy": "https://proxy.invalid:3128"},
        {"proxy": FAR_PROXIES[0], "allow_insecure_http": True},
        {"proxy": FAR_PROXIES[0], "access_token": None},
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
    ("host", "named"),
    [
        ("https://api.example.com", "api.example.com"),
        ("https://api.example.com:8443", "api.example.com:8443"),
    ],
    ids=["the usual port", "a port of its own"],
)
@pytest.mark.parametrize("source", ["proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_the_host_header_in_a_tunnel_is_the_services(
    make_api: MakeApi,
    make_wire: MakeWire,
    authority: Authority,
    monkeypatch: MonkeyPatch,
    host: str,
    named: str,
    source: str,
) -> None:
    """Inside a tunnel each request names the service, and never the proxy."""
    service = make_wire(tls=authority.server_context("api.example.com"))
    with tunnel(service.port) as (proxy, targets):
        settings = {"proxy": proxy} if source == "proxy" else {}
        if source != "proxy":
            monkeypatch.setenv(source, proxy)
        api = make_api(host, ssl_ca_cert=authority.ca_file, **settings)
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


@needs_asserts
def test_the_host_header_behind_socks_is_the_services(
    make_api: MakeApi, wire: Wire
) -> None:
    """A SOCKS proxy carries bytes: the request is that of a direct call."""
    pytest.importorskip("socks")
    with socks_proxy() as proxy:
        api = make_api(wire.url, proxy=f"socks5h://127.0.0.1:{proxy.port}")
        assert good_call(api)
        api.api_client.close()
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % wire.port in wire.requests[0]


# ---- User names and passwords of proxies

LEFT = "LEFT-SECRET"
RIGHT = "RIGHT-SECRET"

LOGINS = {
    "brackets in the password": f"ada:{LEFT}[x]{RIGHT}",
    "an opening bracket": f"ada:{LEFT}[{RIGHT}",
    "a closing bracket": f"ada:{LEFT}]{RIGHT}",
    "brackets in the user name": f"{LEFT}[x]:{RIGHT}",
    "brackets around all of it": f"[{LEFT}:{RIGHT}]",
    "an at sign": f"ada:{LEFT}@{RIGHT}",
    "a colon": f"ada:{LEFT}:{RIGHT}",
    "a percent sign": f"ada:{LEFT}%zz{RIGHT}",
}

IMPOSSIBLE_LOGINS = {
    "a slash": f"ada:{LEFT}/{RIGHT}",
    "a question mark": f"ada:{LEFT}?{RIGHT}",
    "a hash": f"ada:{LEFT}#{RIGHT}",
    "a blank": f"ada:{LEFT} {RIGHT}",
    "a line break": f"ada:{LEFT}\n{RIGHT}",
    "an umlaut": f"ada:{LEFT}ü{RIGHT}",
}


@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
@pytest.mark.parametrize("source", ["proxy", "HTTP_PROXY"])
def test_an_awkward_password_of_a_proxy_is_sent_as_it_was_written(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch, source: str, login: str
) -> None:
    """Brackets and the like need no encoding, in the setting and in the environment."""
    url = f"http://{login}@127.0.0.1:{wire.port}"
    settings = {"proxy": url} if source == "proxy" else {}
    if source != "proxy":
        monkeypatch.setenv(source, url)
    api = make_api("http://api.invalid", allow_insecure_http=True, **settings)

    assert good_call(api)

    pair = base64.b64encode(login.encode())
    assert b"Proxy-Authorization: Basic %s\r\n" % pair in wire.requests[0]
    assert "SECRET" not in repr(api.api_client)


@pytest.mark.parametrize("login", IMPOSSIBLE_LOGINS.values(), ids=IMPOSSIBLE_LOGINS)
@pytest.mark.parametrize("source", ["proxy", "HTTP_PROXY"])
def test_an_impossible_password_of_a_proxy_is_refused_unseen(
    wire: Wire, monkeypatch: MonkeyPatch, source: str, login: str
) -> None:
    """What a URL cannot hold is refused by the name of the setting or the variable."""
    url = f"http://{login}@127.0.0.1:{wire.port}"
    settings = {"proxy": url} if source == "proxy" else {}
    if source != "proxy":
        monkeypatch.setenv(source, url)

    with pytest.raises(ApiValueError, match=source) as caught:
        ask("http://api.invalid", **settings)

    error = caught.value
    assert "SECRET" not in f"{error}{error!r}{error.__cause__}{error.__context__}"
    assert wire.connections == 0


def ask(host: str, **settings: Any) -> None:
    """Make a call on a client of its own."""
    configuration = Configuration(host, TOKEN, allow_insecure_http=True, **settings)
    with ApiClient(configuration) as client:
        CreditsApi(client).get_credits()


# ---- One reading of chunks

BODY = CREDITS_BODY
SIZE = b"%x" % len(BODY)

WRONG_SIZES = {
    "a prefix": b"0x" + SIZE,
    "a plus": b"+" + SIZE,
    "a minus": b"-" + SIZE,
    "an underscore": SIZE[:1] + b"_" + SIZE[1:],
    "a vertical tab": b"\x0b" + SIZE,
    "a form feed": SIZE + b"\x0c",
    "a no-break space": b"\xa0" + SIZE,
    "nothing": b"",
    "a name": b"chunk",
    "a comma": SIZE + b"," + SIZE,
    "twenty digits": b"f" * 20,
}


def send_chunk(size: bytes) -> bytes:
    """Write a response of one chunk, with its size as given."""
    head = chunked(last=b"")
    return head + size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"


def stream(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read a response piece by piece."""
    return b"".join(response.stream(16))


READERS: dict[str, Callable[[urllib3.BaseHTTPResponse], bytes]] = {
    "stream()": stream,
    "stream(None)": lambda response: b"".join(response.stream(None)),
    "read()": lambda response: response.read(),
    "read(16)": lambda response: b"".join(iter(lambda: response.read(16), b"")),
    "read1()": lambda response: b"".join(iter(lambda: response.read1(16), b"")),
    "read_chunked()": lambda response: b"".join(
        getattr(response, "read_chunked")()  # noqa: B009  # only chunked ones have it
    ),
    "data": lambda response: response.data,
    "iteration": b"".join,
}


@pytest.mark.parametrize("size", WRONG_SIZES.values(), ids=WRONG_SIZES)
def test_a_wrong_chunk_size_is_refused(
    make_api: MakeApi, wire: Wire, size: bytes
) -> None:
    """A call accepts hexadecimal digits, and nothing that Python's `int` adds."""
    wire.play(reply(send_chunk(size), CLOSE))
    with pytest.raises(ApiConnectionException):
        make_api(wire.url, retries=0).get_credits()


@pytest.mark.parametrize("size", WRONG_SIZES.values(), ids=WRONG_SIZES)
def test_a_wrong_chunk_size_is_refused_in_a_stream(
    make_api: MakeApi, wire: Wire, size: bytes
) -> None:
    """An unread response that is read later refuses the same sizes."""
    wire.play(reply(send_chunk(size), CLOSE))
    api = make_api(wire.url, retries=0)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    with pytest.raises((urllib3.exceptions.HTTPError, ApiException)):
        stream(response)
    response.close()


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_way_to_read_refuses_a_wrong_chunk_size(
    make_api: MakeApi, wire: Wire, read: Callable[[urllib3.BaseHTTPResponse], bytes]
) -> None:
    """All methods of a response have one reading of chunks."""
    wire.play(reply(send_chunk(WRONG_SIZES["a prefix"]), CLOSE))
    api = make_api(wire.url, retries=0)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    with pytest.raises((urllib3.exceptions.HTTPError, ApiException)):
        read(response)
    response.close()


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    "size",
    [SIZE.upper(), b"00" + SIZE, SIZE + b";name=value", SIZE + b" ; name"],
    ids=["capitals", "leading zeros", "an extension", "blanks and an extension"],
)
def test_a_right_chunk_size_is_read_in_a_stream(
    make_client: MakeClient,
    wire: Wire,
    size: bytes,
    read: Callable[[urllib3.BaseHTTPResponse], bytes],
) -> None:
    """What RFC 9112 allows around a size is read by every method, and by a call."""
    wire.play(reply(send_chunk(size)), reply(send_chunk(size)))
    api = CreditsApi(make_client(wire.url, retries=0))
    assert good_call(api)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    assert read(response) == BODY


def test_a_stream_gives_each_chunk_as_it_comes(make_api: MakeApi, wire: Wire) -> None:
    """The first piece is there while the server still waits with the second."""
    end = chunked(BODY[20:]).partition(b"\r\n\r\n")[2]
    wire.play(reply(chunked(BODY[:20], last=b""), Wait(2.0), end))
    api = make_api(wire.url)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    began = time.monotonic()
    pieces = response.stream()
    assert next(pieces) == BODY[:20]
    assert time.monotonic() - began < 1.0
    assert b"".join(pieces) == BODY[20:]
