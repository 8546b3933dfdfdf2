"""Exceptions of other code pass a call untouched, and other code can rebuild ours."""

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import urllib3

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    exceptions,
)
from support.ending import good_call
from support.facts import TOKEN
from support.interrupts import (
    LateStopped,
    LostStopped,
    SocketStopped,
    Stopped,
    raised_by_a_signal,
    raised_in_this_thread,
)
from support.leaks import nothing_left
from support.makers import MakeApi
from support.programs import run_python
from support.wire import (
    CLOSE,
    SILENCE,
    Drip,
    Step,
    Wire,
    answer,
    deaf_port,
    greet,
    reply,
)

# ---- A time limit, or anything else that is raised in the middle of a call


@dataclass(frozen=True)
class Place:
    """A moment in a call: what the server does, and how the client speaks to it."""

    step: Step
    scheme: str = "http"
    is_proxy: bool = False


PLACES = {
    "waiting for the answer": Place(reply(SILENCE)),
    "reading the head": Place(reply(Drip(answer(), every=0.05))),
    "reading the body": Place(reply(answer(length=5000), SILENCE)),
    "waiting before a retry": Place(
        reply(answer(b"", 503, headers=[("Retry-After", "10")]))
    ),
    "waiting for a tunnel": Place(reply(SILENCE), "https", is_proxy=True),
    "in the TLS handshake": Place(greet(SILENCE), "https"),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_signal_handler_raises_anywhere(wire: Wire, place: Place) -> None:
    """A handler's error ends the call at once, even if it is a kind of TimeoutError."""
    error = LateStopped("the time is over")
    wire.play(place.step)
    host = f"{place.scheme}://127.0.0.1:{wire.port}"
    proxy = wire.url if place.is_proxy else None

    configuration = Configuration(host, TOKEN, proxy=proxy)

    with nothing_left(), ApiClient(configuration) as client:
        with raised_by_a_signal(error, wire), pytest.raises(LateStopped) as caught:
            CreditsApi(client).get_credits(timeout=20)

        assert caught.value is error
        assert error.__cause__ is None
        assert wire.connections == 1


@pytest.mark.parametrize("kind", [Stopped, SocketStopped, LostStopped, AssertionError])
def test_a_signal_handler_raises_anything(
    wire: Wire, make_api: MakeApi, kind: type[Exception]
) -> None:
    """Neither class nor base of the error matters, and the next call is answered."""
    api = make_api(wire.url)
    wire.play(PLACES["reading the body"].step)

    error = kind("stop")
    with (
        raised_by_a_signal(error, wire),
        pytest.raises(kind, match=r"^stop$"),
    ):
        api.get_credits(timeout=20)

    wire.play()
    assert good_call(api)
    assert wire.connections == 2


def test_a_signal_handler_raises_while_connecting(make_api: MakeApi) -> None:
    """The same holds while a connection is being opened."""
    error = SocketStopped("the time is over")

    with deaf_port() as port:
        api = make_api(f"http://127.0.0.1:{port}")
        with (
            raised_by_a_signal(error),
            pytest.raises(SocketStopped) as caught,
        ):
            api.get_credits(timeout=20)

    assert caught.value is error


def test_an_error_raised_in_a_thread(wire: Wire, make_api: MakeApi) -> None:
    """What CPython raises in a thread from outside ends the call as it is."""
    wire.play(reply(Drip(answer())))
    api = make_api(wire.url)

    with raised_in_this_thread(Stopped, wire), pytest.raises(Stopped):
        api.get_credits(timeout=1)  # coverage on 3.11 lets it in at the end only

    assert len(wire.requests) == 1


def test_an_open_response_is_stopped(wire: Wire, make_api: MakeApi) -> None:
    """While an unread response is read, an error of a handler arrives itself, too."""
    wire.play(PLACES["reading the body"].step)
    api = make_api(wire.url)
    response = api.get_credits_api_v1_credits_get_without_preload_content()

    with (
        raised_by_a_signal(Stopped("stop")),
        pytest.raises(Stopped, match=r"^stop$"),
    ):
        response.read()


def test_a_call_while_an_error_is_handled(wire: Wire, make_api: MakeApi) -> None:
    """A call made in an `except` block is retried, and fails by what happens to it."""
    wire.play(otherwise=greet(CLOSE))
    handled = Stopped("handled by the caller")

    try:
        raise handled
    except Stopped:
        with pytest.raises(ApiConnectionException):
            make_api(wire.url, retries=1).get_credits(timeout=5)

    assert wire.connections == 2


# ---- Job queues and event loops, each the real one


def test_celery_soft_time_limit(wire: Wire, tmp_path: Path) -> None:
    """A task whose soft time limit passes during a call gets to know and cleans up."""
    pytest.importorskip("celery")
    wire.play(reply(SILENCE))

    arguments = [wire.url, TOKEN, str(tmp_path)]
    printed = run_python("-m", "support.celery_app", *arguments)

    assert printed == "cleaned up\n"


def test_rq_time_limit(wire: Wire) -> None:
    """A job whose time passes during a call gets to know and cleans up."""
    pytest.importorskip("rq")
    pytest.importorskip("fakeredis")
    wire.play(reply(SILENCE))

    printed = run_python("-m", "support.rq_worker", wire.url, TOKEN)

    assert printed.splitlines()[-1] == "cleaned up"


# ---- Test doubles and guards that raise


class SocketBlockedError(RuntimeError):
    """What pytest-socket raises when a test goes to the network."""


class InternalAddressError(OSError):
    """What a guard against requests to internal addresses may raise."""


REFUSED = AssertionError("nobody may call this")
BLOCKED = SocketBlockedError("no network here")
INTERNAL = InternalAddressError("10.0.0.1")

DOUBLES = {
    "a manager": ("urllib3.PoolManager.request", REFUSED),
    "a connection": ("urllib3.connection.HTTPConnection.request", REFUSED),
    "a dialer": ("urllib3.util.connection.create_connection", INTERNAL),
    "pytest-socket": ("socket.socket.connect", BLOCKED),
}


@pytest.mark.parametrize(("target", "error"), DOUBLES.values(), ids=DOUBLES)
def test_a_test_double_raises(
    wire: Wire, make_api: MakeApi, target: str, error: Exception
) -> None:
    """An error of a double or a guard is raised as it is, after one attempt."""
    api = make_api(wire.url)

    with (
        mock.patch(target, side_effect=error) as double,
        pytest.raises(type(error)) as caught,
    ):
        api.get_credits(timeout=5)

    assert caught.value is error
    assert double.call_count == 1
    assert wire.requests == []


# ---- Sources of tokens

SOURCE_ERRORS = {
    "a missing key": KeyError("vault"),
    "a late vault": TimeoutError("vault"),
    "an error of urllib3": urllib3.exceptions.LocationParseError("vault"),
    "an error of requests": requests.ConnectionError("vault"),
}


@pytest.mark.parametrize("error", SOURCE_ERRORS.values(), ids=SOURCE_ERRORS)
def test_a_source_raises(wire: Wire, make_api: MakeApi, error: Exception) -> None:
    """An error of a source is the user's own, at the first token and at a renewal."""
    source = mock.Mock(side_effect=[error, "old", "old"])
    source.renew.side_effect = error
    api = make_api(wire.url, access_token=source)

    wire.play(reply(answer(b"{}", 401)))

    for _ in ("at the first token", "at a renewal"):
        with pytest.raises(type(error)) as caught:
            api.get_credits()
        assert caught.value is error

    assert len(wire.requests) == 1


@pytest.mark.parametrize("token", [b"bytes", 7], ids=repr)
def test_a_source_of_the_wrong_type(
    wire: Wire, make_api: MakeApi, token: object
) -> None:
    """Anything else than a str is refused by name, and not shown; nothing is sent."""
    with pytest.raises(ApiTypeError, match="access_token") as caught:
        make_api(wire.url, access_token=lambda: token).get_credits()

    assert type(token).__name__ in str(caught.value)
    assert repr(token) not in str(caught.value)
    assert wire.requests == []


# ---- Errors made and rebuilt by others


@pytest.mark.parametrize("kind", [ApiException, ApiTimeoutException])
def test_a_text_alone(kind: type[ApiException]) -> None:
    """A text as the only argument is why the call failed, as celery's JSON has it."""
    error = kind("Not Found")
    assert str(error) == error.reason == "Not Found"
    assert error.status == 0


def test_a_status_as_text() -> None:
    """A status that comes as text, as from an environment, is shown."""
    error = ApiException("404", "Not Found")
    assert str(error).startswith("404 Not Found")


@pytest.mark.parametrize(
    "response",
    [mock.Mock(), mock.Mock(status="404", data=b'{"detail": "closed"}')],
    ids=["of nothing", "with texts"],
)
def test_a_mock_as_response(response: mock.Mock) -> None:
    """An error made from a mock can be shown and read like any other."""
    error = ApiException(http_resp=response)
    assert str(error)
    assert isinstance(error.is_retryable, bool)


DETAIL = b'{"detail": "The ledger is closed"}'
PAGE = b"<title>Nothing</title>"
LATER = ("Retry-After", "120")
AWAY = ("Location", "http://a.b/")

ENDS = {
    "a page": reply(answer(PAGE, 404)),
    "a model": reply(answer(DETAIL, 503)),
    "a long wait": reply(answer(DETAIL, 429, headers=[LATER])),
    "a redirect away": reply(answer(b"", 302, headers=[AWAY])),
    "not an answer": reply(answer(b"<html>")),
    "not HTTP": reply(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE),
    "too large": reply(answer(length=10**9)),
    "a lost body": reply(answer(length=5000), CLOSE),
    "too late": reply(SILENCE),
}
"""How a call can end with an error."""


def failure_of(wire: Wire, end: str) -> ApiException:
    """Make a call without retries end so, and return its error."""
    wire.play(ENDS[end])
    with (
        pytest.raises(ApiException) as caught,
        ApiClient(Configuration(wire.url, TOKEN, retries=0)) as client,
    ):
        CreditsApi(client).get_credits(timeout=0.3)
    return caught.value


@pytest.mark.parametrize("end", ENDS)
def test_an_error_is_rebuilt(wire: Wire, end: str) -> None:
    """An error made again of its arguments, as Celery does by JSON, says the same."""
    error = failure_of(wire, end)
    arguments = json.loads(json.dumps(error.args))
    twin = type(error)(*arguments)
    assert str(twin) == str(error)


def by_reduction(error: ApiException) -> ApiException:
    """Rebuild an error as tools do that know no more than what every exception has."""
    kind, arguments, *state = BaseException.__reduce__(error)
    twin: ApiException = kind(*arguments)  # type: ignore[operator,misc]
    twin.__setstate__(*state)
    return twin


def by_pickle(error: ApiException) -> Any:
    """Take an error through a pickle."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes


@pytest.mark.parametrize("make_copy", [by_reduction, copy.deepcopy, by_pickle])
def test_a_copy_is_whole(wire: Wire, make_copy: Callable[[ApiException], Any]) -> None:
    """Every way to copy an error keeps its text, its parts and its notes."""
    error = failure_of(wire, "a long wait")
    error.__notes__ = ["in the nightly job"]  # what add_note() writes since 3.11
    twin = make_copy(error)

    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


@pytest.mark.parametrize("kind", [ApiTypeError, ApiValueError])
def test_argument_errors_are_rebuilt(kind: type[Exception]) -> None:
    """An error about an argument says where only once, however often it is rebuilt."""
    error = kind("must be a str", ["items", 0])  # type: ignore[call-arg]
    twin = type(error)(*error.args)
    third = type(twin)(*twin.args)
    assert str(third) == str(error)


class JobFailed(ApiException):
    """A user's own error, with an argument of its own."""

    def __init__(self, job: str) -> None:
        super().__init__(status=500, reason=f"the job {job} failed")
        self.job = job


def test_a_subclass_pickles() -> None:
    """A subclass with other arguments than ours comes out of a pickle whole."""
    error = JobFailed("nightly")
    twin = by_pickle(error)
    assert str(twin) == str(error)
    assert twin.job == "nightly"


def test_repeated_headers_of_an_error(wire: Wire, make_api: MakeApi) -> None:
    """Two cookies stay two, also when the error has been in a pickle."""
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    refusal = answer(DETAIL, 400, headers=cookies)
    wire.play(reply(refusal))

    with pytest.raises(ApiException) as caught:
        make_api(wire.url).get_credits()

    twin = by_pickle(caught.value)
    assert twin.headers.getlist("set-cookie") == ["a=1", "b=2"]


# ---- Whether to try again later

PASSING_STATUSES = [408, 429, 500, 501, 502, 503, 504, 599]
LASTING_STATUSES = [400, 401, 402, 403, 404, 405, 409, 410, 422, 451]


@pytest.mark.parametrize("status", [*PASSING_STATUSES, *LASTING_STATUSES])
def test_whether_a_status_is_retryable(status: int) -> None:
    """A failure of the service may pass; one that the request has caused does not."""
    error = exceptions.exception_class(status)(status)
    assert error.is_retryable is (status in PASSING_STATUSES)


PASSING_ENDS = ["a model", "a long wait", "a lost body", "too late"]


@pytest.mark.parametrize("end", ENDS)
def test_whether_a_failed_call_is_retryable(wire: Wire, end: str) -> None:
    """A lost call may be answered later; an answer that is not the API's stays one."""
    assert failure_of(wire, end).is_retryable is (end in PASSING_ENDS)
