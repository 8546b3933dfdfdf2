"""A request on its way: what is asked for, and what is logged of each attempt."""

import logging
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
        ("/v1?x=1", "/v1?x=1"),
        ("/v1#x?y", "/v1"),
    ],
)
def test_all_of_a_url_is_asked_for(
    wire: Wire, rest: RESTClientObject, rest_of_url: str, target: str
) -> None:
    """Path and query are sent as they are written, without the fragment."""
    rest.request("GET", wire.url + rest_of_url)
    assert wire.requests[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/v1", ApiValueError),
        ("ftp://x.example/", ApiValueError),
        ("https:///x", ApiValueError),
        (7, ApiTypeError),
    ],
)
def test_a_url_without_scheme_or_host_is_refused(
    rest: RESTClientObject, url: Any, kind: type[Exception]
) -> None:
    """Only an absolute http or https URL leads anywhere."""
    with pytest.raises(kind, match=r"^url must be a"):
        rest.request("GET", url)


@pytest.mark.parametrize(
    ("size", "connections"), [(10, 1), (100_000, 2)], ids=["short", "long"]
)
def test_a_retried_answer_is_read_if_it_is_short(
    wire: Wire, rest: RESTClientObject, size: int, connections: int
) -> None:
    """Reading a short answer keeps its connection; a long one is not worth it."""
    wire.play(reply(answer(b"x" * size, 503)))
    assert rest.request("GET", wire.url).status == 200
    assert wire.connections == connections


# ---- The log


def ends_of(caplog: CapLog) -> list[str]:
    """Return the lines of our log without the time that each attempt took."""
    ours = [record for record in caplog.records if record.name == "at_client"]
    lines = [record.getMessage().rsplit(" ", 2) for record in ours]
    for _, milliseconds, unit in lines:
        assert 0.0 <= float(milliseconds) < 5000.0
        assert unit == "ms"
    return [line for line, _, _ in lines]


def test_each_attempt_is_one_line(
    wire: Wire, rest: RESTClientObject, caplog: CapLog, capsys: CapSys
) -> None:
    """Each attempt logs method, path, status or error, and no query, host or header."""
    caplog.set_level(logging.DEBUG, "at_client")
    moved = answer(b"", 302, headers=[("Location", "/v2?key=hidden")])
    wire.play(reply(CLOSE), reply(moved), reply(answer(b"", 503)))

    rest.request("GET", f"{wire.url}/v1?key=hidden", {"X-A": "hidden"})

    assert ends_of(caplog) == [
        "GET /v1 ProtocolError",
        "GET /v1 302",
        "GET /v2 503",
        "GET /v2 200",
    ]
    assert capsys.readouterr() == ("", "")


def test_a_closed_idle_connection_is_one_line(
    wire: Wire, rest: RESTClientObject, caplog: CapLog
) -> None:
    """A silent reconnect is told in the log, where somebody may look for it."""
    rest.request("GET", wire.url)
    wire.play(reply(CLOSE))
    caplog.set_level(logging.DEBUG, "at_client")
    rest.request("GET", wire.url)
    assert ends_of(caplog) == ["GET / idle connection closed", "GET / 200"]


def test_the_last_line_names_our_error(
    wire: Wire, rest: RESTClientObject, caplog: CapLog
) -> None:
    """The log line of the last attempt names the error that the caller gets."""
    rest.configuration.retries = 1
    wire.play(otherwise=reply(CLOSE))
    caplog.set_level(logging.DEBUG, "at_client")
    with pytest.raises(ApiConnectionException):
        rest.request("GET", wire.url)
    assert ends_of(caplog) == ["GET / ProtocolError", "GET / ApiConnectionException"]


def test_debug_writes_to_stderr(
    wire: Wire, rest: RESTClientObject, caplog: CapLog, capsys: CapSys
) -> None:
    """With `debug` the lines are shown wherever logging is not set up."""
    caplog.set_level(logging.INFO, "at_client")
    rest.configuration.debug = True
    rest.request("HEAD", wire.url)
    assert ends_of(caplog) == []
    assert capsys.readouterr().err.startswith("at_client: HEAD / 200 ")


@pytest.mark.parametrize(
    "stderr",
    [None, mock.Mock(write=mock.Mock(side_effect=OSError))],
    ids=["no stderr", "a broken stderr"],
)
def test_debug_without_a_stderr_is_quiet(
    wire: Wire, rest: RESTClientObject, monkeypatch: MonkeyPatch, stderr: object
) -> None:
    """A process without a usable stderr makes its calls all the same."""
    rest.configuration.debug = True
    monkeypatch.setattr(sys, "stderr", stderr)
    assert rest.request("GET", wire.url).status == 200
