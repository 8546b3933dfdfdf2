"""A request on its way: what is asked for, and what is logged of each attempt."""

import logging
import re
import sys
from typing import Any
from unittest import mock

import pytest

from at_client import ApiTypeError, ApiValueError
from at_client.exceptions import ApiConnectionException
from at_client.rest import RESTClientObject
from support.makers import CapLog, CapSys, MakeClient, MonkeyPatch
from support.wire import CLOSE, Wire, answer, reply

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def rest(wire: Wire, make_client: MakeClient) -> RESTClientObject:
    """The transport of a client."""
    return make_client(wire.url).rest_client


@pytest.mark.parametrize(
    ("rest_of_url", "target"),
    [
        ("", "/"),
        ("?x=1", "/?x=1"),
        ("/v1#x?y", "/v1"),
    ],
)
def test_all_of_a_url_is_asked_for(
    wire: Wire, rest: RESTClientObject, rest_of_url: str, target: str
) -> None:
    """Path and query are sent as they are written, without the fragment."""
    rest.request("GET", wire.url + rest_of_url)
    assert wire.requests[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("url", ["/v1", "ftp://x.example/", "https:///x", 7])
def test_a_url_without_scheme_or_host_is_refused(
    rest: RESTClientObject, url: Any
) -> None:
    """Only an absolute http or https URL leads anywhere."""
    with pytest.raises((ApiValueError, ApiTypeError), match=r"^url must be a"):
        rest.request("GET", url)


@pytest.mark.parametrize(
    ("size", "connections"),
    [
        (10, 1),
        (100_000, 2),
    ],
    ids=["short", "long"],
)
def test_a_retried_answer_is_read_if_it_is_short(
    wire: Wire, rest: RESTClientObject, size: int, connections: int
) -> None:
    """Reading a short answer keeps its connection; a long one is not worth it."""
    wire.play(reply(answer(b"x" * size, 503)))
    assert rest.request("GET", wire.url).status == 200
    assert wire.connections == connections


# ---- The log


@pytest.fixture
def log(caplog: CapLog) -> CapLog:
    """What is logged, our lines for each attempt included."""
    caplog.set_level(logging.DEBUG, "at_client")
    return caplog


def outcomes(log: CapLog) -> list[str]:
    """Return the lines of our log without the time that each attempt took."""
    lines = [
        record.getMessage() for record in log.records if record.name == "at_client"
    ]
    return [re.sub(r" \d{1,4}\.\d ms$", "", line) for line in lines]


def test_each_attempt_is_one_line(
    wire: Wire, rest: RESTClientObject, log: CapLog, capsys: CapSys
) -> None:
    """Each attempt logs method, path, status or error, and no query, host or header."""
    moved = answer(b"", 302, headers=[("Location", "/v2?key=hidden")])
    wire.play(reply(CLOSE), reply(moved), reply(answer(b"", 503)))

    rest.request("GET", f"{wire.url}/v1?key=hidden", {"X-A": "hidden"})

    assert outcomes(log) == [
        "GET /v1 ProtocolError",
        "GET /v1 302",
        "GET /v2 503",
        "GET /v2 200",
    ]
    assert capsys.readouterr() == ("", "")


def test_a_closed_idle_connection_is_one_line(
    wire: Wire, rest: RESTClientObject, log: CapLog
) -> None:
    """A silent reconnect is told in the log, where somebody may look for it."""
    wire.play(reply(answer()), reply(CLOSE))
    rest.request("GET", wire.url)
    rest.request("GET", wire.url)
    assert outcomes(log) == ["GET / 200", "GET / idle connection closed", "GET / 200"]


def test_the_last_line_names_our_error(
    wire: Wire, rest: RESTClientObject, log: CapLog
) -> None:
    """The log line of the last attempt names the error that the caller gets."""
    rest.configuration.retries = 0
    wire.play(reply(CLOSE))
    with pytest.raises(ApiConnectionException):
        rest.request("GET", wire.url)
    assert outcomes(log) == ["GET / ApiConnectionException"]


def test_debug_writes_to_stderr(
    wire: Wire, rest: RESTClientObject, capsys: CapSys
) -> None:
    """With `debug` the lines are shown wherever logging is not set up."""
    rest.configuration.debug = True
    rest.request("HEAD", wire.url)
    assert capsys.readouterr().err.startswith("at_client: HEAD / 200 ")


BROKEN = mock.Mock(write=mock.Mock(side_effect=OSError))


@pytest.mark.parametrize("stderr", [None, BROKEN], ids=["none", "broken"])
def test_debug_without_a_stderr_is_quiet(
    wire: Wire, rest: RESTClientObject, monkeypatch: MonkeyPatch, stderr: object
) -> None:
    """A process without a usable stderr makes its calls all the same."""
    rest.configuration.debug = True
    monkeypatch.setattr(sys, "stderr", stderr)
    assert rest.request("GET", wire.url).status == 200
