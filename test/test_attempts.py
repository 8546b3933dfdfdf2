"""The attempts of a request over real sockets: where they go, their log, and whose pool manager makes them."""

import logging
import time
from typing import Any
from unittest import mock

import pytest
import urllib3

from at_client import ApiTypeError, ApiValueError, PasswordGrant
from at_client.exceptions import (
    ApiConnectionException,
    ApiDecodeException,
    ApiTimeoutException,
    UnauthorizedException,
)
from at_client.rest import RESTClientObject, RESTResponseType
from support.facts import CREDITS_BODY
from support.leaks import nothing_left
from support.makers import CapLog, CapSys, MakeApi, MakeClient
from support.wire import CLOSE, SILENCE, Wait, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def rest(wire: Wire, make_client: MakeClient) -> RESTClientObject:
    """The transport of a client."""
    return make_client(wire.url).rest_client


@pytest.mark.parametrize(
    ("rest_of_url", "target"),
    [
        *(("", "/"), ("/", "/"), ("?x=1", "/?x=1"), ("#x", "/")),
        *(("/v1?x=1", "/v1?x=1"), ("/v1#x?y", "/v1"), ("//v1/../v2", "//v1/../v2")),
    ],
)
def test_what_is_asked_for(
    wire: Wire, rest: RESTClientObject, rest_of_url: str, target: str
) -> None:
    """All of the URL after the host, as it is written, without the fragment; a scheme may be in capitals."""
    for url in (wire.url, wire.url + rest_of_url):
        rest.request("GET", url.replace("http", "HTTP"))
    assert wire.requests[1].startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert wire.connections == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1",
        "api.example.com",
        "ftp://api.example.com/",
        "https://",
        "https:///x",
        7,
    ],
)
def test_a_url_that_cannot_be_asked_is_refused(
    rest: RESTClientObject, url: Any
) -> None:
    """Only an absolute http or https URL leads anywhere."""
    with pytest.raises(
        (ApiTypeError, ApiValueError),
        match=r"^url must be (a str, not int|an absolute http or https URL)$",
    ):
        rest.request("GET", url)


def test_a_call_and_its_token_share_the_time(wire: Wire, make_api: MakeApi) -> None:
    """What was spent on having a token is not there for the call itself."""
    wire.play(
        reply(Wait(0.3), answer(b'{"access_token": "t0ken"}')), otherwise=reply(SILENCE)
    )
    api = make_api(
        wire.url, access_token=PasswordGrant("token", "ada", "password"), timeout=0.6
    )
    began = time.monotonic()
    with pytest.raises(ApiTimeoutException, match=r"the call took 0\.6 s"):
        api.get_credits()
    assert time.monotonic() - began < 0.85
    assert len(wire.requests) == 2


def test_a_grant_is_renewed_once_a_call(wire: Wire, make_api: MakeApi) -> None:
    """When the new token is refused, too, the second 401 is the answer."""
    tokens = [
        reply(answer(b'{"access_token": "t0ken-%d"}' % number)) for number in (1, 2)
    ]
    refused = reply(answer(b"", 401))
    wire.play(tokens[0], refused, tokens[1], refused)
    with pytest.raises(UnauthorizedException):
        make_api(
            wire.url, access_token=PasswordGrant("token", "ada", "password")
        ).get_credits()
    assert len(wire.requests) == 4


# ---- The log


def test_one_line_an_attempt(
    wire: Wire, rest: RESTClientObject, caplog: CapLog, capsys: CapSys
) -> None:
    """Method, path, status or error, milliseconds: no query, no host, no header; on stderr only with `debug`."""
    rest.configuration.max_response_bytes = 5
    wire.play(
        reply(answer(b"", 302, headers=[("Location", "/v2?key=hidden")])),
        *(reply(CLOSE), reply(answer(b"", 503)), reply(answer(b"x" * 6))),
    )
    caplog.set_level(logging.DEBUG, "at_client")
    with pytest.raises(ApiDecodeException):
        rest.request("GET", f"{wire.url}/v1?key=hidden", {"X-A": "hidden"})
    ends = [
        "/v1 302",
        "/v2 ApiConnectionException",
        "/v2 503",
        "/v2 ApiDecodeException",
    ]
    lines = [record.getMessage().rsplit(" ", 2) for record in caplog.records]
    assert [line for line, _, _ in lines] == [f"GET {end}" for end in ends]
    assert {unit for _, _, unit in lines} == {"ms"}
    assert all(0.0 <= float(milliseconds) < 5000.0 for _, milliseconds, _ in lines)
    assert {(r.name, r.levelno, r.msg) for r in caplog.records} == {
        ("at_client", logging.DEBUG, "%s")
    }
    assert capsys.readouterr() == ("", "")
    caplog.set_level(logging.INFO, "at_client")
    caplog.clear()
    rest.configuration.debug = True
    rest.request("HEAD", wire.url)
    assert caplog.records == []
    assert capsys.readouterr().err.startswith("at_client: HEAD / 200 ")


# ---- Pool managers


def test_a_manager_that_is_assigned_is_asked(
    wire: Wire, rest: RESTClientObject
) -> None:
    """Its connections keep their own time, but retries, redirects and errors stay the client's."""
    manager = urllib3.PoolManager()
    rest.pool_manager = mock.Mock(wraps=manager)
    wire.play(
        reply(answer(b"", 307, headers=[("Location", "/v2")])), reply(answer(b"", 503))
    )
    assert rest.request("GET", f"{wire.url}/v1").status == 200
    asked = [call.args for call in rest.pool_manager.request.call_args_list]
    assert asked == [
        ("GET", f"{wire.url}/v1"),
        ("GET", f"{wire.url}/v2"),
        ("GET", f"{wire.url}/v2"),
    ]
    wire.play(otherwise=reply(CLOSE))
    with pytest.raises(ApiConnectionException, match=r"after 3 attempts"):
        rest.request("GET", wire.url)
    rest.close()
    assert len(manager.pools) == 0


def test_a_manager_that_is_assigned_gets_no_secret_in_the_open(
    rest: RESTClientObject,
) -> None:
    """Whoever sends it, a credential does not go over plain http to another machine."""
    rest.pool_manager = mock.Mock()
    with pytest.raises(
        ApiValueError, match=r"credentials would be sent unencrypted to 192\.0\.2\.1"
    ):
        rest.request("GET", "http://192.0.2.1/", {"Authorization": "x"})
    assert rest.pool_manager.mock_calls == []


def test_a_response_that_is_not_preloaded_is_read_later(
    wire: Wire, rest: RESTClientObject
) -> None:
    """It comes back unread, urllib3's own in `response`; once read, it keeps its body and frees its socket."""
    with nothing_left():
        response = rest.request("GET", wire.url, _preload_content=False)
        assert isinstance(response.response, RESTResponseType)
        assert response.data is None
        assert response.read() == response.read() == response.data == CREDITS_BODY
        rest.close()
    assert (
        response.getheader("content-type")
        == response.getheaders()["Content-Type"]
        == "application/json"
    )
    assert response.getheader("X-None", "default") == "default"
