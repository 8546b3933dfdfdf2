"""Exceptions of other code pass a call untouched, and other code can rebuild ours."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import urllib3

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    NotFoundException,
    ServiceException,
    UnauthorizedException,
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
from support.makers import MakeApi, MakeClient
from support.service import Service
from support.tls import Authority
from support.wire import (
    CLOSE,
    SILENCE,
    Drip,
    Step,
    Wire,
    answer,
    deaf_port,
    greet,
    refusing_port,
    reply,
)

TESTS = Path(__file__).parent

# ---- A time limit, or anything else that is raised in the middle of a call


def directly(wire: Wire) -> dict[str, Any]:
    """Speak plain HTTP to the server."""
    return {"host": wire.url}


@dataclass(frozen=True)
class Place:
    """A moment in a call: what the server does, and what leads the client there."""

    step: Step
    settings: Callable[[Wire], dict[str, Any]] = directly

    def configuration(self, wire: Wire) -> Configuration:
        """Make the settings for a client that comes to this moment."""
        return Configuration(access_token=TOKEN, **self.settings(wire))


def over_tls(wire: Wire) -> dict[str, Any]:
    """Speak TLS to a server that does not answer to it."""
    return {"host": f"https://127.0.0.1:{wire.port}"}


def through_a_tunnel(wire: Wire) -> dict[str, Any]:
    """Take the server for a proxy that leads to another one."""
    return {"host": "https://api.example.com", "proxy": wire.url}


PLACES = {
    "waiting for the answer": Place(reply(SILENCE)),
    "reading the head": Place(reply(Drip(answer(), every=0.05))),
    "reading the body": Place(reply(answer(length=5000), SILENCE)),
    "reading an error's body": Place(reply(answer(status=400, length=5000), SILENCE)),
    "waiting before a retry": Place(
        reply(answer(b"", 503, headers=[("Retry-After", "10")]))
    ),
    "waiting for a tunnel": Place(reply(SILENCE), through_a_tunnel),
}

KINDS = {
    "an Exception": Stopped,
    "an OSError": SocketStopped,
    "a TimeoutError": LateStopped,
    "a ConnectionError": LostStopped,
    "an AssertionError": AssertionError,
    "a ValueError": ValueError,
    "a RuntimeError": RuntimeError,
    "a MemoryError": MemoryError,
}


def check_untouched(wire: Wire, place: Place, error: Exception) -> None:
    """Check that the error of a signal handler ends the call as it is, at once."""
    wire.play(place.step)

    with nothing_left(), ApiClient(place.configuration(wire)) as client:
        with raised_by_a_signal(error, wire), pytest.raises(type(error)) as caught:
            CreditsApi(client).get_credits(timeout=20)

        assert caught.value is error
        assert error.__cause__ is None
        assert wire.connections == 1


TLS_HANDSHAKE = Place(greet(SILENCE), over_tls)


@pytest.mark.parametrize(
    "place",
    [*PLACES.values(), TLS_HANDSHAKE],
    ids=[*PLACES, "in the TLS handshake"],
)
def test_an_error_that_looks_like_a_timeout(wire: Wire, place: Place) -> None:
    """A handler's own kind of TimeoutError is not taken for a timeout of the call."""
    check_untouched(wire, place, LateStopped("the time is over"))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_signal_handler_raises_anywhere(wire: Wire, place: Place) -> None:
    """An error of a signal handler arrives itself, wherever the call stands."""
    check_untouched(wire, place, Stopped("the time is over"))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_signal_handler_raises_in_a_tls_handshake(
    wire: Wire, make_api: MakeApi
) -> None:
    """So it does there, where ssl leaves its socket to the garbage collector."""
    error = Stopped("the time is over")
    wire.play(TLS_HANDSHAKE.step)
    api = make_api(**TLS_HANDSHAKE.settings(wire))

    with raised_by_a_signal(error, wire), pytest.raises(Stopped, match="is over"):
        api.get_credits(timeout=20)

    error.__traceback__ = None
    gc.collect()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_signal_handler_raises_anything(wire: Wire, kind: type[Exception]) -> None:
    """Neither the class nor the base of a handler's error matters."""
    check_untouched(
        wire, PLACES["waiting for the answer"], kind("raised by the handler")
    )


def test_a_signal_handler_raises_while_connecting(make_api: MakeApi) -> None:
    """The same holds while a connection is being opened."""
    error = SocketStopped("the time is over")

    with deaf_port() as port:
        api = make_api(f"http://127.0.0.1:{port}")
        with raised_by_a_signal(error), pytest.raises(SocketStopped) as caught:
            api.get_credits(timeout=20)

    assert caught.value is error


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_client_goes_on(
    wire: Wire, make_api: MakeApi, kind: type[Exception]
) -> None:
    """After such an error, the next call has a new connection, and is answered."""
    api = make_api(wire.url)
    wire.play(PLACES["reading the body"].step)

    error = kind("stop")
    with raised_by_a_signal(error, wire), pytest.raises(kind, match=r"^stop$"):
        api.get_credits(timeout=20)
    wire.play()

    assert good_call(api)
    assert wire.connections == 2


GOOD = answer()
DRIPPING = {
    "reading the head": reply(Drip(GOOD)),
    "reading the body": reply(GOOD[:-200], Drip(GOOD[-200:])),
}


@pytest.mark.parametrize("step", DRIPPING.values(), ids=DRIPPING)
def test_an_error_raised_in_a_thread(wire: Wire, make_api: MakeApi, step: Step) -> None:
    """What CPython raises in a thread from outside ends the call as it is."""
    wire.play(step)
    api = make_api(wire.url)

    with raised_in_this_thread(Stopped, wire), pytest.raises(Stopped):
        api.get_credits(timeout=20)

    assert len(wire.requests) == 1


def test_an_open_response_is_stopped(wire: Wire, make_api: MakeApi) -> None:
    """While an unread response is read, an error of a handler arrives itself, too."""
    wire.play(PLACES["reading the body"].step)
    api = make_api(wire.url)
    response = api.get_credits_api_v1_credits_get_without_preload_content()

    with raised_by_a_signal(Stopped("stop")), pytest.raises(Stopped, match=r"^stop$"):
        response.read()


def test_a_call_while_an_error_is_handled(wire: Wire, make_api: MakeApi) -> None:
    """A call made in an `except` block fails by what happens to it, not by that error.

    It is retried as ever, and the error that was handled stays its context.
    """
    wire.play(otherwise=greet(CLOSE))
    handled = Stopped("handled by the caller")

    try:
        raise handled
    except Stopped:
        with pytest.raises(ApiConnectionException):
            make_api(wire.url, retries=1).get_credits(timeout=5)

    assert wire.connections == 2


# ---- Job queues and event loops, each the real one


@pytest.fixture(scope="module")
def celery_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Celery worker with processes of its own; its queue is a folder."""
    pytest.importorskip("celery")
    folder = tmp_path_factory.mktemp("celery")
    command = [sys.executable, "-m", "support.celery_app", str(folder)]

    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            command, cwd=TESTS, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield folder
        finally:
            os.killpg(worker.pid, signal.SIGKILL)  # an orderly end takes seconds
            worker.wait(20)


def run_in_celery(folder: Path, task: str, host: str) -> Any:
    """Have the worker do a task, and return its result or raise its error."""
    from support.celery_app import make_app

    app = make_app(folder)
    return app.send_task(task, [host, TOKEN]).get(timeout=30, interval=0.02)


def test_celery_soft_time_limit(wire: Wire, celery_folder: Path) -> None:
    """A task whose soft time limit passes during a call gets to know and cleans up."""
    wire.play(reply(SILENCE))
    assert run_in_celery(celery_folder, "report", wire.url) == "cleaned up"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (reply(answer(b'{"detail": "no"}', 401)), UnauthorizedException),
        (reply(answer(b"<html>", 503)), ServiceException),
        (reply(answer(b"<html>")), ApiDecodeException),
        (reply(answer(length=5000), CLOSE), ApiConnectionException),
    ],
    ids=["401", "503", "not an answer", "lost"],
)
def test_celery_brings_an_error_back(
    wire: Wire, celery_folder: Path, step: Step, kind: type[ApiException]
) -> None:
    """An error that a task ends with arrives with its class and text, through JSON."""
    wire.play(step)
    with pytest.raises(ApiException) as expected:
        call_once(wire)

    wire.play(step)
    with pytest.raises(ApiException) as caught:
        run_in_celery(celery_folder, "fetch", wire.url)

    assert type(caught.value).__name__ == kind.__name__
    assert isinstance(caught.value, kind)
    assert str(caught.value) == str(expected.value)


def test_rq_time_limit(wire: Wire) -> None:
    """A job whose time passes during a call gets to know and cleans up."""
    pytest.importorskip("rq")
    pytest.importorskip("fakeredis")
    wire.play(reply(SILENCE))

    command = [sys.executable, "-m", "support.rq_worker", wire.url, TOKEN]
    done = subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stdout.splitlines()[-1:] == ["cleaned up"], done.stderr


GEVENT = """
from gevent import monkey

monkey.patch_all()

import sys

import gevent
from at_client import ApiClient, Configuration, CreditsApi

api = CreditsApi(ApiClient(Configuration(sys.argv[1], "token")))
try:
    with gevent.Timeout(0.2, LookupError("too late")):
        api.get_credits(timeout=20)
except LookupError as error:
    print(error)
"""


def test_gevent_timeout(wire: Wire) -> None:
    """The error that a user gives to gevent's Timeout is the one that arrives."""
    pytest.importorskip("gevent")
    wire.play(reply(SILENCE))

    command = [sys.executable, "-c", GEVENT, wire.url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stdout == "too late\n", done.stderr


# ---- Test doubles and guards that raise

DOUBLES = [
    "urllib3.PoolManager.request",
    "urllib3.PoolManager.urlopen",
    "urllib3.HTTPConnectionPool.urlopen",
    "urllib3.connection.HTTPConnection.request",
    "urllib3.util.connection.create_connection",
    "socket.socket.connect",
]


@pytest.mark.parametrize("target", DOUBLES)
def test_a_test_double_raises(service: Service, target: str) -> None:
    """An AssertionError of a test double is the test's own, and arrives as such."""
    error = AssertionError("nobody may call this")

    with (
        mock.patch(target, side_effect=error),
        pytest.raises(AssertionError) as caught,
        ApiClient(Configuration(service.url, TOKEN)) as client,
    ):
        CreditsApi(client).get_credits(timeout=5)

    assert caught.value is error
    assert service.requests == []


class SocketBlockedError(RuntimeError):
    """What pytest-socket raises when a test goes to the network."""


class InternalAddressError(OSError):
    """What a guard against requests to internal addresses may raise."""


@pytest.mark.parametrize(
    "error",
    [SocketBlockedError("no network here"), InternalAddressError("10.0.0.1")],
    ids=["pytest-socket", "a guard with an OSError of its own"],
)
def test_a_guard_refuses_the_connection(
    wire: Wire, make_api: MakeApi, error: Exception
) -> None:
    """A guard's error is raised as it is, after one attempt."""
    api = make_api(wire.url)

    with (
        mock.patch("socket.socket.connect", side_effect=error) as connect,
        pytest.raises(type(error)) as caught,
    ):
        api.get_credits(timeout=5)

    assert caught.value is error
    assert connect.call_count == 1


def test_an_adapter_of_the_ssl_context_raises(
    secure_service: Service, make_api: MakeApi
) -> None:
    """So is what a user's own SSLContext raises."""
    context = urllib3.util.create_urllib3_context()
    error = Stopped("the certificate is not pinned")
    api = make_api(secure_service.url, ssl_context=context)

    with (
        mock.patch.object(type(context), "wrap_socket", side_effect=error),
        pytest.raises(Stopped) as caught,
    ):
        api.get_credits(timeout=5)

    assert caught.value is error


class Broken:
    """A user's own type, which fails to read any answer."""

    @classmethod
    def from_dict(cls, obj: object) -> None:
        """Raise what no reading of an answer would."""
        raise Stopped(f"a bug while reading a {type(obj).__name__}")


def test_a_response_type_raises(wire: Wire, make_client: MakeClient) -> None:
    """A bug in a user's own response type is shown as such, not as a bad answer."""
    client = make_client(wire.url)
    response = client.call_api("GET", f"{wire.url}/api/v1/credits")

    with pytest.raises(Stopped, match="a bug"):
        client.response_deserialize(response, {"200": Broken})


# ---- Sources of tokens


def source_errors() -> dict[str, Exception]:
    """Make what sources of tokens raise, each by what it stands for."""
    httpx = pytest.importorskip("httpx")
    requests = pytest.importorskip("requests")
    return {
        "a missing key": KeyError("vault"),
        "a forbidden file": PermissionError(13, "vault"),
        "a late vault": TimeoutError("vault"),
        "a lost vault": ConnectionResetError("vault"),
        "the end of an iterator": StopIteration("vault"),
        "an error of requests": requests.ConnectionError("vault"),
        "an error of httpx": httpx.ConnectTimeout("vault"),
        "an error of urllib3": urllib3.exceptions.LocationParseError("vault"),
    }


@dataclass
class Source:
    """A source of tokens that can renew; a token may also be an error, to be raised."""

    tokens: list[Any]
    renewal: Exception | None = None
    asked: int = field(default=0, init=False)

    def __call__(self) -> Any:
        """Return the next token, and the last one ever after."""
        token = self.tokens[min(self.asked, len(self.tokens) - 1)]
        self.asked += 1
        if isinstance(token, Exception):
            raise token
        return token

    def renew(self) -> None:
        """Fail, if there is something to fail with."""
        if self.renewal is not None:
            raise self.renewal


@pytest.mark.parametrize("name", source_errors())
def test_a_source_raises(wire: Wire, make_api: MakeApi, name: str) -> None:
    """An error of the source is the user's own, and nothing is sent."""
    error = source_errors()[name]
    source = Source([error])

    with pytest.raises(type(error)) as caught:
        make_api(wire.url, access_token=source).get_credits()

    assert caught.value is error
    assert (source.asked, wire.requests) == (1, [])


@pytest.mark.parametrize("name", source_errors())
def test_a_renewal_raises(wire: Wire, make_api: MakeApi, name: str) -> None:
    """The same holds for what is raised when a rejected token is to be replaced."""
    error = source_errors()[name]
    source = Source(["old"], renewal=error)
    wire.play(reply(answer(b"{}", 401)))

    with pytest.raises(type(error)) as caught:
        make_api(wire.url, access_token=source).get_credits()

    assert caught.value is error
    assert len(wire.requests) == 1


def test_a_source_that_cannot_reach_its_server(wire: Wire, make_api: MakeApi) -> None:
    """A source that asks another server over urllib3 gets urllib3's error out."""
    with refusing_port() as port:

        def source() -> str:
            address = f"http://127.0.0.1:{port}/token"
            return urllib3.request("GET", address, retries=False).data.decode()

        with pytest.raises(urllib3.exceptions.NewConnectionError):
            make_api(wire.url, access_token=source).get_credits()

    assert wire.requests == []


def test_a_property_raises(wire: Wire) -> None:
    """An `access_token` that a subclass computes may raise what it likes."""

    class FromVault(Configuration):
        @property
        def access_token(self) -> str:
            raise KeyError("vault")

        @access_token.setter
        def access_token(self, value: object) -> None:
            """Take what the constructor sets."""

    with (
        ApiClient(FromVault(wire.url)) as client,
        pytest.raises(KeyError, match="vault"),
    ):
        CreditsApi(client).get_credits()


def test_a_source_without_a_token(wire: Wire, make_api: MakeApi) -> None:
    """A source that returns None sends no token, and the call is made."""
    assert good_call(make_api(wire.url, access_token=lambda: None))
    assert b"authorization" not in wire.requests[0].lower()


@pytest.mark.parametrize("token", [b"bytes", 7, ["list"], True], ids=repr)
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


@pytest.mark.parametrize(
    "kind",
    [ApiException, NotFoundException, ApiTimeoutException],
    ids=lambda kind: kind.__name__,
)
def test_a_text_alone(kind: type[ApiException]) -> None:
    """A text as the only argument is why the call failed."""
    error = kind("Not Found")  # type: ignore[arg-type]  # as celery's JSON does

    assert str(error) == "Not Found"
    assert (error.status, error.reason) == (0, "Not Found")
    assert (error.headers, error.body, error.data) == (None, None, None)


def test_a_status_as_text() -> None:
    """A status that comes as text, as from an environment, is shown."""
    error = ApiException(status="404", reason="Not Found")  # type: ignore[arg-type]
    assert "404" in str(error)
    assert "Not Found" in str(error)


MOCKS = {
    "without a status": mock.Mock(),
    "a MagicMock": mock.MagicMock(),
    "with a status": mock.Mock(status=404, reason="Not Found"),
    "with a body": mock.Mock(status=503, data=b'{"detail": "closed"}'),
    "with a text as status": mock.Mock(status="404"),
}


@pytest.mark.parametrize("response", MOCKS.values(), ids=MOCKS)
def test_a_mock_as_response(response: mock.Mock) -> None:
    """An error made from a mock can be shown and read like any other."""
    error = ApiException(http_resp=response)

    assert str(error)
    assert repr(error)
    assert isinstance(error.is_retryable, bool)


DETAIL = b'{"detail": "The ledger is closed"}'
ENDS = {
    "400": reply(answer(DETAIL, 400, headers=[("X-Request-Id", "7")])),
    "401": reply(answer(DETAIL, 401)),
    "404 with a page": reply(answer(b"<title>Nothing</title>", 404)),
    "422": reply(answer(b'{"detail": [{"loc": ["a"], "msg": "b", "type": "c"}]}', 422)),
    "429": reply(answer(DETAIL, 429, headers=[("Retry-After", "120")])),
    "503": reply(answer(DETAIL, 503)),
    "a redirect away": reply(answer(b"", 302, headers=[("Location", "http://a.b/")])),
    "not an answer": reply(answer(b"<html>")),
    "not HTTP": reply(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE),
    "too large": reply(answer(length=10**9)),
    "a lost body": reply(answer(length=5000), CLOSE),
    "too late": reply(SILENCE),
}
"""How a call can end with an error."""


def call_once(wire: Wire, **settings: Any) -> None:
    """Make one call without retries on a client of its own."""
    with ApiClient(Configuration(wire.url, TOKEN, retries=0, **settings)) as client:
        CreditsApi(client).get_credits(timeout=0.3)


def failure_of(wire: Wire, end: str) -> ApiException:
    """Make a call end so, and return its error."""
    wire.play(ENDS[end])
    with pytest.raises(ApiException) as caught:
        call_once(wire)
    return caught.value


@pytest.mark.parametrize("end", ENDS)
def test_rebuilt_from_its_arguments(wire: Wire, end: str) -> None:
    """`type(e)(*e.args)` gives an error of the same class that says the same."""
    error = failure_of(wire, end)
    twin = type(error)(*error.args)

    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert repr(twin) == repr(error)


@pytest.mark.parametrize("end", ENDS)
def test_rebuilt_by_celery(wire: Wire, end: str) -> None:
    """The JSON result backend of Celery finds the class again, and the text."""
    celery = pytest.importorskip("celery")
    error = failure_of(wire, end)
    backend = celery.Celery(backend="cache+memory://").backend

    stored = backend.decode(backend.encode(backend.prepare_exception(error, "json")))
    twin = backend.exception_to_python(stored)

    assert type(twin) is type(error)
    assert str(twin) == str(error)


def by_reduction(error: ApiException) -> ApiException:
    """Rebuild an error as tools do that know no more than what every exception has."""
    kind, arguments, *state = BaseException.__reduce__(error)
    twin: ApiException = kind(*arguments)  # type: ignore[operator,misc]
    twin.__setstate__(*state)
    return twin


def by_pickle(protocol: int) -> Callable[[ApiException], ApiException]:
    """Return a function that takes an error through a pickle of this protocol."""
    return lambda error: pickle.loads(pickle.dumps(error, protocol))  # noqa: S301


COPIES = {
    "BaseException.__reduce__": by_reduction,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": by_pickle(protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
PARTS = [
    "status",
    "reason",
    "headers",
    "body",
    "data",
    "retry_after",
    "is_retryable",
    "__notes__",
]


@pytest.mark.parametrize("end", ENDS)
def test_a_copy_is_whole(wire: Wire, end: str) -> None:
    """Every way to copy an error keeps its text, its parts and its notes."""
    error = failure_of(wire, end)
    error.__notes__ = ["in the nightly job"]  # what add_note() writes since 3.11

    for way, make_copy in COPIES.items():
        twin = make_copy(error)

        assert type(twin) is type(error), way
        assert str(twin) == str(error), way
        for name in PARTS:
            assert getattr(twin, name) == getattr(error, name), (way, name)


@pytest.mark.parametrize("kind", [ApiTypeError, ApiValueError])
def test_argument_errors_are_rebuilt(kind: type[Exception]) -> None:
    """An error about an argument says where only once, however often it is rebuilt."""
    error = kind("must be a str", ["items", 0])  # type: ignore[call-arg]
    twin = type(error)(*error.args)
    assert str(type(twin)(*twin.args)) == str(error)


class JobFailed(ApiException):
    """A user's own error, with an argument of its own."""

    def __init__(self, job: str) -> None:
        super().__init__(status=500, reason=f"the job {job} failed")
        self.job = job


def test_a_subclass_pickles() -> None:
    """A subclass with other arguments than ours comes out of a pickle whole."""
    error = JobFailed("nightly")
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes

    assert str(twin) == str(error)
    assert twin.job == "nightly"
    assert twin.status == 500


def test_repeated_headers_of_an_error(wire: Wire, make_api: MakeApi) -> None:
    """Two cookies stay two, in an error as in a success."""
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    good = answer(headers=cookies)
    bad = answer(DETAIL, 400, headers=cookies)
    wire.play(reply(good), reply(bad))
    api = make_api(wire.url)

    headers: Any = api.get_credits_api_v1_credits_get_with_http_info().headers
    with pytest.raises(ApiException) as caught:
        api.get_credits()
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes

    for each in (headers, caught.value.headers, again.headers):
        assert each.getlist("set-cookie") == ["a=1", "b=2"]


# ---- Whether to try again later


def check_retryable(wire: Wire, status: int, *, retryable: bool) -> None:
    """Check the error for a status, as a call raises it and as a user makes it."""
    wire.play(reply(answer(DETAIL, status)))
    with pytest.raises(ApiException) as caught:
        call_once(wire)

    made = exceptions.exception_class(status)(status)
    assert caught.value.is_retryable is retryable
    assert made.is_retryable is retryable


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 599])
def test_a_status_that_may_pass(wire: Wire, status: int) -> None:
    """A failure of the service is worth another call later."""
    check_retryable(wire, status, retryable=True)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 422, 451])
def test_a_status_that_stays(wire: Wire, status: int) -> None:
    """A failure that the request has caused is not."""
    check_retryable(wire, status, retryable=False)


@pytest.mark.parametrize(
    ("end", "retryable"),
    [
        ("a lost body", True),
        ("too late", True),
        ("not an answer", False),
        ("not HTTP", False),
        ("too large", False),
        ("a redirect away", False),
    ],
)
def test_whether_a_failed_answer_is_retryable(
    wire: Wire, end: str, *, retryable: bool
) -> None:
    """A lost call may be answered later; an answer that is not the API's stays one."""
    error = failure_of(wire, end)
    assert error.is_retryable is retryable
    assert copy.copy(error).is_retryable is retryable


def test_no_connection_is_retryable(make_api: MakeApi) -> None:
    """A server that does not run, or a name that is not found, may be there later."""
    with refusing_port() as port:
        refusing = f"http://127.0.0.1:{port}"
        for host in [refusing, "https://credits.invalid"]:
            api = make_api(host, retries=0)
            with pytest.raises(ApiConnectionException) as caught:
                api.get_credits(timeout=5)
            assert caught.value.is_retryable is True


def test_a_certificate_is_not_retryable(
    secure_service: Service, other_authority: Authority, make_api: MakeApi
) -> None:
    """A certificate that is not trusted will not be trusted later."""
    api = make_api(secure_service.url, ssl_ca_cert=other_authority.ca_file)

    with pytest.raises(ApiConnectionException, match="certificate") as caught:
        api.get_credits()

    assert caught.value.is_retryable is False


# ---- No token


def test_no_token_is_sent(wire: Wire) -> None:
    """Without a token the request goes out without one, and a good answer is good."""
    with ApiClient(Configuration(wire.url)) as client:
        assert good_call(CreditsApi(client))

    assert b"authorization" not in wire.requests[0].lower()


def test_a_sidecar_adds_the_token(service: Service) -> None:
    """Who sets the header itself, as a gateway does, is not asked for a token."""
    with ApiClient(Configuration(service.url)) as client:
        client.set_default_header("Authorization", f"Bearer {TOKEN}")
        assert good_call(CreditsApi(client))


def test_a_401_without_a_token(service: Service) -> None:
    """The error says that none was set, and where to set one."""
    with (
        ApiClient(Configuration(service.url)) as client,
        pytest.raises(UnauthorizedException, match=r"(?i)no access token") as caught,
    ):
        CreditsApi(client).get_credits()

    assert "access_token" in str(caught.value)
    assert len(service.requests) == 1


def test_a_401_without_a_token_of_the_source(service: Service) -> None:
    """A source that gave none is named instead."""
    with (
        ApiClient(Configuration(service.url, access_token=lambda: None)) as client,
        pytest.raises(UnauthorizedException, match=r"source of .*access_token"),
    ):
        CreditsApi(client).get_credits()

    assert len(service.requests) == 1
