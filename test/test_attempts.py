"""The attempts of a request over real sockets: their clock, their log, and whose pool manager makes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from at_client import ApiClient, ApiConnectionException, ApiDecodeException, ApiTypeError, ApiValueError
from at_client.connections import Clock
from at_client.rest import RESTClientObject, RESTResponseType
from support.facts import CREDITS_BODY
from support.wire import CLOSE, SILENCE, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def rest(wire: Wire, make_client: Callable[..., ApiClient]) -> RESTClientObject:
    """The transport of a client."""
    return make_client(wire.url).rest_client


@pytest.mark.parametrize("url", ["", "/v1", "ftp://api.example.com/", "https://", 7])
def test_a_url_that_cannot_be_asked_is_refused(rest: RESTClientObject, url: Any) -> None:
    """Only an absolute http or https URL leads anywhere."""
    with pytest.raises((ApiTypeError, ApiValueError), match=r"^url must be"):
        rest.request("GET", url)


def test_a_clock_that_runs_already_is_used(wire: Wire, rest: RESTClientObject) -> None:
    """A call that began elsewhere, for a token, goes on with its time; a wrong time is refused by its name."""
    clock = Clock(0.2)
    assert rest.clock(clock) is clock
    wire.play(reply(SILENCE))
    with pytest.raises(ApiConnectionException, match=r"the call took 0\.2 s"):
        rest.request("GET", wire.url, _request_timeout=clock)
    with pytest.raises(ApiValueError, match=r"^_request_timeout must be seconds above zero"):
        rest.request("GET", wire.url, _request_timeout=0)


# ---- The log


def test_one_line_an_attempt(
    wire: Wire, rest: RESTClientObject, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
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
    ends = ["/v1 302", "/v2 ApiConnectionException", "/v2 503", "/v2 ApiDecodeException"]
    lines = [record.getMessage().rsplit(" ", 2) for record in caplog.records]
    assert [line for line, _, _ in lines] == [f"GET {end}" for end in ends]
    assert {unit for _, _, unit in lines} == {"ms"}
    assert all(0.0 <= float(milliseconds) < 5000.0 for _, milliseconds, _ in lines)
    assert {(r.name, r.levelno, r.msg) for r in caplog.records} == {("at_client", logging.DEBUG, "%s")}
    assert capsys.readouterr() == ("", "")
    caplog.set_level(logging.INFO, "at_client")
    caplog.clear()
    rest.configuration.debug = True
    rest.request("HEAD", wire.url)
    assert caplog.records == []
    assert capsys.readouterr().err.startswith("at_client: HEAD / 200 ")


# ---- Pool managers


class Noting(urllib3.PoolManager):
    """A manager of the user's own."""

    def __init__(self) -> None:
        super().__init__(headers={"X-Own": "1"})
        self.asked: list[tuple[str, str]] = []

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> Any:  # type: ignore[override]  # as ours
        self.asked.append((method, url))
        return super().urlopen(method, url, redirect, **kw)


@pytest.fixture
def noting(rest: RESTClientObject) -> Iterator[Noting]:
    manager = rest.pool_manager = Noting()
    yield manager
    manager.clear()


def test_a_manager_that_is_assigned_is_asked(wire: Wire, rest: RESTClientObject, noting: Noting) -> None:
    """Its connections keep their own time, but retries, redirects and errors stay the client's."""
    wire.play(reply(answer(b"", 307, headers=[("Location", "/v2")])), reply(answer(b"", 503)))
    assert rest.request("GET", f"{wire.url}/v1").status == 200
    assert [url.removeprefix(wire.url) for _, url in noting.asked] == ["/v1", "/v2", "/v2"]
    wire.play(otherwise=reply(CLOSE))
    with pytest.raises(ApiConnectionException, match=r"3 attempts were made"):
        rest.request("GET", wire.url)
    rest.close()
    assert len(noting.pools) == 0


def test_a_manager_that_is_assigned_gets_no_secret_in_the_open(rest: RESTClientObject, noting: Noting) -> None:
    """Whoever sends it, a credential does not go over plain http to another machine."""
    with pytest.raises(ApiValueError, match=r"credentials would go unencrypted to 192\.0\.2\.1"):
        rest.request("GET", "http://192.0.2.1/", {"Authorization": "x"})
    assert noting.asked == []


def test_a_response_that_is_not_preloaded_is_read_later(wire: Wire, rest: RESTClientObject) -> None:
    """It comes back unread, urllib3's own in `response`; once read, it keeps its body."""
    response = rest.request("GET", wire.url, _preload_content=False)
    assert isinstance(response.response, RESTResponseType)
    assert response.data is None
    assert response.read() == response.read() == response.data == CREDITS_BODY
    assert response.getheader("content-type") == response.getheaders()["Content-Type"] == "application/json"
    assert response.getheader("X-None", "default") == "default"
