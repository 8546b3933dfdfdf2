"""The loop over attempts, on pools that play a script: retries, waits, budget, redirects, reconnects and the log."""

from __future__ import annotations

import errno
import http.client
import logging
import math
import os
import ssl
import time
from email.utils import formatdate
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from at_client.exchange import Request, RESTResponse
from at_client.routes import Route
from at_client.sealed import Secret
from urllib3 import exceptions as lower

from at_client import (
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
)
from at_client import rest as rest_module
from at_client.connections import Clock, StaleConnectionError
from at_client.failures import Failure, Peer
from at_client.rest import RESTClientObject, RESTResponseType, describe, redirected
from at_client.retries import Attempt, RetryBudget
from support.facts import TOKEN, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOST = "https://api.example.com"
URL = f"{HOST}/v1"
PEER = Peer("api.example.com:443")


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> urllib3.HTTPResponse:
    """Make a response of urllib3's that nobody has read yet."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(BytesIO(body), fields, status, reason="R", preload_content=False)


class Broken(BytesIO):
    """A body that breaks off."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(b"{}")
        self.error = error

    def read(self, *_: Any) -> bytes:
        raise self.error


def breaks_off(error: BaseException) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(Broken(error), {}, 200, preload_content=False)


class Script:
    """Stands in for the routes and their pools: plays a script, notes what it is asked.

    Args:
        rest: Whose routes it takes the place of.
        steps: A response to give, or an error to raise, for each attempt.
    """

    def __init__(self, rest: RESTClientObject, *steps: Any, absolute: bool = False, peer: Peer = PEER) -> None:
        self.steps = list(steps)
        self.played: list[Any] = []
        self.sent: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.origins: list[str] = []
        self.waits: list[float] = []
        self.closed = 0
        self.route = Route(self, absolute, peer)  # type: ignore[arg-type]  # it is asked for urlopen only
        self.pid = os.getpid()
        self.revision = rest.configuration.revision
        self.settings = rest._routes.settings
        self.rest = rest
        rest._routes = self  # type: ignore[assignment]  # as above
        rest.sleep = self.waits.append
        rest.jitter = lambda: 0.0

    def to(self, origin: str) -> Route:
        self.origins.append(origin)
        return self.route

    def close(self) -> None:
        self.closed += 1

    def urlopen(self, *arguments: Any, **options: Any) -> Any:
        self.sent.append((arguments, options))
        step = self.steps.pop(0)
        self.played.append(step)
        if isinstance(step, BaseException):
            raise step
        return step

    @property
    def targets(self) -> list[str]:
        return [arguments[1] for arguments, _ in self.sent]

    def closed_responses(self) -> list[bool]:
        """Say of each response that was given whether it was closed without being read."""
        return [step._fp.closed for step in self.played if not isinstance(step, BaseException)]


def script_of(*steps: Any, absolute: bool = False, peer: Peer = PEER, **settings: Any) -> Script:
    """Make a client over a script."""
    rest = RESTClientObject(Configuration(host=HOST, **settings))
    return Script(rest, *steps, absolute=absolute, peer=peer)


def reset() -> Exception:
    return lower.ProtocolError("Connection aborted.", ConnectionResetError(errno.ECONNRESET, "reset"))


def stale() -> Exception:
    return lower.ProtocolError("Connection aborted.", StaleConnectionError("ended"))


def too_late() -> Exception:
    return lower.ReadTimeoutError(None, None, "x")  # type: ignore[arg-type]  # only its class counts


def untrusted() -> Exception:
    return lower.SSLError(ssl.SSLCertVerificationError(1, "self-signed"))


# ---- One attempt


def test_a_request_goes_out_as_it_is() -> None:
    """One attempt asks the pool once, with urllib3's own loops off and our clock for a timeout."""
    script = script_of(answer(200, b"[1]", X_More="1"))
    headers = {"X-A": "1", "Authorization": Secret("Bearer x")}
    response = script.rest.request("PUT", f"{URL}/x?q=1", headers, b"body")
    assert (response.status, response.reason, response.data) == (200, "R", b"[1]")
    assert response.headers["x-more"] == "1"
    assert script.origins == [HOST]
    (((method, target, body, sent, retries), options),) = script.sent
    assert (method, target, body) == ("PUT", "/v1/x?q=1", b"body")
    assert sent == headers
    assert (retries.total, retries.redirect) == (False, 0)
    assert retries.raise_on_redirect is False
    clock = options.pop("timeout")
    assert isinstance(clock, Clock)
    assert options == {"redirect": False, "assert_same_host": False, "preload_content": False}
    assert script.waits == []


def test_what_is_not_given() -> None:
    """Without headers and body, none are sent."""
    script = script_of(answer())
    script.rest.request("GET", HOST)
    (((_, target, body, sent, _), _),) = script.sent
    assert (target, body, sent) == ("/", None, {})


@pytest.mark.parametrize(("absolute", "target"), [(False, "/v1?q=1"), (True, "http://api.example.com/v1?q=1")])
def test_a_forwarding_proxy_is_asked_by_the_whole_url(absolute: bool, target: str) -> None:
    """The request line carries the URL or its path, as the route says."""
    script = script_of(answer(), absolute=absolute)
    script.rest.request("GET", "http://api.example.com/v1?q=1")
    assert script.targets == [target]


def test_a_proxy_that_wants_a_password_ends_the_call() -> None:
    """A 407 of a forwarding proxy is no answer of the service: one attempt, and an error that names the proxy."""
    peer = Peer("api.example.com:80", "http://proxy:3128")
    script = script_of(answer(407), absolute=True, peer=peer)
    with pytest.raises(ApiConnectionException) as caught:
        script.rest.request("GET", URL)
    assert str(caught.value) == (
        "the proxy http://proxy:3128: it wants a user name and a password (407). Put them into Configuration.proxy."
    )
    assert caught.value.status == 0
    assert script.closed_responses() == [True]
    assert len(script.sent) == 1


def test_a_407_of_the_service_itself_is_its_answer() -> None:
    """Without a forwarding proxy nobody but the service can have said it."""
    script = script_of(answer(407, b"x"))
    assert script.rest.request("GET", URL).status == 407


@pytest.mark.parametrize("preload", [True, False])
def test_a_body_is_read_or_left(preload: bool) -> None:
    """Without preloading, the response comes back unread, for streaming."""
    script = script_of(answer(200, b"[1]"))
    response = script.rest.request("GET", URL, _preload_content=preload)
    assert response.data == (b"[1]" if preload else None)
    assert isinstance(response.response, RESTResponseType)
    assert response.response.closed is preload
    assert response.read() == b"[1]"


def test_a_body_that_breaks_off_while_it_is_read_later() -> None:
    """Of an unread response, too, the error names who answered and how long the call took."""
    script = script_of(breaks_off(TimeoutError("timed out")))
    response = script.rest.request("GET", URL, _preload_content=False)
    with pytest.raises(ApiTimeoutException, match=r"^api\.example\.com:443: .*the call took 0\.0 s"):
        response.read()


def test_a_body_that_is_too_large_is_an_error_at_once() -> None:
    """The limit is the configuration's; there is no second attempt, and the connection is dropped."""
    script = script_of(answer(200, b"x" * 11), answer(), max_response_bytes=10)
    with pytest.raises(ApiDecodeException, match="larger than 10 bytes"):
        script.rest.request("GET", URL)
    assert len(script.sent) == 1
    assert script.closed_responses() == [True]


# ---- Failures and retries


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_trouble_is_tried_again(status: int, retries: int) -> None:
    """The configured number of further attempts, with waits that double; the last answer is the answer."""
    script = script_of(*(answer(status) for _ in range(retries + 1)), retries=retries)
    response = script.rest.request("GET", URL)
    assert response.status == status
    assert len(script.sent) == retries + 1
    assert script.waits == [0.5, 1.0, 2.0, 4.0, 8.0][:retries]


def test_a_loss_is_tried_again() -> None:
    """A lost connection, before or within the body, is as good as never made."""
    last = answer(200, b"[1]")
    script = script_of(reset(), breaks_off(ConnectionResetError()), last)
    response = script.rest.request("GET", URL)
    assert response.data == b"[1]"
    assert len(script.sent) == 3
    assert script.waits == [0.5, 1.0]


def test_the_waits_are_spread() -> None:
    """The source of jitter is asked for every wait of our own."""
    script = script_of(reset(), reset(), answer())
    draws = iter([1.0, 0.5])
    script.rest.jitter = lambda: next(draws)
    script.rest.request("GET", URL)
    assert script.waits == [0.25, 0.75]


def test_a_response_that_is_tried_again_gives_its_connection_back() -> None:
    """An answer that was read is done with; one that was not is closed, and the last one stays open."""
    unread = [answer(503), answer(503), answer(503)]
    script = script_of(*unread)
    response = script.rest.request("GET", URL, _preload_content=False)
    assert script.closed_responses() == [True, True, False]
    assert response.read() == b"{}"


@pytest.mark.parametrize(
    ("method", "fail", "attempts"),
    [
        ("GET", reset, 3),
        ("HEAD", reset, 3),
        ("PUT", reset, 3),
        ("DELETE", reset, 3),
        ("POST", reset, 1),
        ("PATCH", reset, 1),
        ("POST", stale, 1),
        ("GET", untrusted, 1),
        ("GET", lambda: http.client.BadStatusLine("x"), 1),
        ("GET", too_late, 3),
    ],
)
def test_what_failures_are_tried_again(method: str, fail: Callable[[], Exception], attempts: int) -> None:
    """Only a loss that may pass, and only of a request that may be sent twice."""
    errors = [fail() for _ in range(attempts)]
    script = script_of(*errors)
    with pytest.raises(ApiConnectionException) as caught:
        script.rest.request(method, URL)
    assert len(script.sent) == attempts
    assert caught.value.__cause__ is errors[-1]
    assert str(caught.value).startswith("api.example.com:443: ")
    assert caught.value.status == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501, 304])
def test_answers_that_are_final(status: int) -> None:
    """Any other status is the answer, after one attempt."""
    script = script_of(answer(status))
    assert script.rest.request("GET", URL).status == status
    assert len(script.sent) == 1


def test_a_timeout_says_how_long_the_call_took() -> None:
    """The error is the one for time, and names the setting that allows more."""
    script = script_of(too_late(), retries=0)
    with pytest.raises(ApiTimeoutException, match=r"the call took 0\.\d s\. Check the service"):
        script.rest.request("GET", URL)


def test_an_error_within_the_body_closes_the_connection() -> None:
    """Nobody reads on where a response broke off."""
    broken = breaks_off(ConnectionResetError())
    script = script_of(broken, retries=0)
    with pytest.raises(ApiConnectionException):
        script.rest.request("GET", URL)
    assert script.closed_responses() == [True]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_closes_the_connection_and_goes_on(
    interruption: type[BaseException],
) -> None:
    """Ctrl-C is nobody's to catch, but the connection is in the middle of something."""
    broken = breaks_off(interruption())
    script = script_of(broken)
    with pytest.raises(interruption):
        script.rest.request("GET", URL)
    assert script.closed_responses() == [True]
    script.steps = [interruption()]
    with pytest.raises(interruption):
        script.rest.request("GET", URL)


# ---- Retry-After, the deadline and the budget


@pytest.mark.parametrize(
    ("header", "waits"),
    [("3", [3.0, 3.0]), ("0", [0.0, 0.0]), ("soon", [0.5, 1.0]), ("60", [60.0, 60.0]), ("61", [])],
)
def test_what_the_service_asks_for(header: str, waits: list[float]) -> None:
    """`Retry-After` takes the place of our wait; one beyond a minute ends the call."""
    script = script_of(*(answer(429, Retry_After=header) for _ in range(3)), timeout=1000)
    assert script.rest.request("GET", URL).status == 429
    assert script.waits == waits


def test_a_date_to_wait_for() -> None:
    """An HTTP date counts from the clock on the wall."""
    date = formatdate(time.time() + 20, usegmt=True)
    script = script_of(answer(503, Retry_After=date), answer(), timeout=1000)
    script.rest.request("GET", URL)
    (wait,) = script.waits
    assert 10.0 < wait <= 20.0


@pytest.mark.parametrize(
    ("timeout", "attempts"),
    [(0.4, 1), (0.6, 2), ((0.1, 0.1), 3), (math.inf, 3)],
    ids=str,
)
def test_no_wait_goes_beyond_the_deadline(timeout: Any, attempts: int) -> None:
    """A wait that the deadline cuts off is not begun; a pair of times knows no deadline."""
    script = script_of(*(answer(503) for _ in range(3)))
    script.rest.request("GET", URL, _request_timeout=timeout)
    assert len(script.sent) == attempts


def test_a_wait_that_just_fits_is_made() -> None:
    """The deadline is a limit that may be reached."""

    class Still(Clock):
        left = 0.5  # type: ignore[assignment]  # a clock that stands still

    script = script_of(answer(503), answer())
    assert script.rest.request("GET", URL, _request_timeout=Still(9.0)).status == 200


def test_a_clock_that_runs_already_is_used() -> None:
    """A call that began elsewhere, for a token, goes on with its time."""
    clock = Clock(5.0)
    script = script_of(answer())
    script.rest.request("GET", URL, _request_timeout=clock)
    assert script.sent[0][1]["timeout"] is clock


@pytest.mark.parametrize(
    ("configured", "given", "deadline"),
    [(9.0, None, 9.0), (9.0, 3.0, 3.0), (9.0, 30, 30.0), ((1.0, 2.0), None, None)],
)
def test_the_clock_of_a_call(configured: Any, given: Any, deadline: float | None) -> None:
    """`None` stands for the configured time; what the call says goes before."""
    rest = RESTClientObject(Configuration(timeout=configured))
    clock = rest.clock(given)
    if deadline is None:
        assert clock.deadline == math.inf
        assert clock.connect_timeout == 1.0
    else:
        assert deadline - 1.0 < clock.left <= deadline


@pytest.mark.parametrize(
    ("given", "kind"),
    [(0, ApiValueError), (-1, ApiValueError), ("3", ApiTypeError), (True, ApiTypeError)],
)
def test_a_wrong_timeout_is_refused_by_its_name(given: Any, kind: type[Exception]) -> None:
    """The argument of the call is named, and nothing is sent."""
    script = script_of()
    with pytest.raises(kind, match=r"^_request_timeout must be seconds above zero"):
        script.rest.request("GET", URL, _request_timeout=given)
    assert script.sent == []


def test_an_empty_budget_ends_retries_but_not_calls() -> None:
    """Ten retries without a success, and each further call is one attempt; ten successes pay for one more."""
    script = script_of(*(answer(503) for _ in range(30)), retries=4)
    attempts = []
    for _ in range(5):
        before = len(script.sent)
        script.rest.request("GET", URL)
        attempts.append(len(script.sent) - before)
    assert attempts == [5, 5, 3, 1, 1]
    script.steps = [answer() for _ in range(10)]
    for _ in range(10):
        script.rest.request("GET", URL)
    script.steps = [answer(503), answer(503)]
    script.rest.request("GET", URL)
    assert script.steps == []


@pytest.mark.parametrize(("status", "refunded"), [(200, 1), (204, 1), (299, 1), (300, 0), (404, 0), (199, 0)])
def test_only_a_success_pays_back(monkeypatch: pytest.MonkeyPatch, status: int, refunded: int) -> None:
    """What counts for the budget is 200 to 299."""
    refunds: list[int] = []
    monkeypatch.setattr(RetryBudget, "refund", lambda _: refunds.append(1))
    script_of(answer(status)).rest.request("GET", URL)
    assert len(refunds) == refunded


def test_a_budget_is_not_touched_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry that is not made, for whatever reason, costs nothing."""
    monkeypatch.setattr(RetryBudget, "take", lambda _: pytest.fail("taken"))
    script_of(answer(404)).rest.request("GET", URL)
    script_of(answer(503), retries=0).rest.request("GET", URL)
    script_of(answer(503), timeout=0.1).rest.request("GET", URL)


# ---- The silent reconnect


def test_an_idle_connection_that_had_ended_is_replaced_in_silence() -> None:
    """Nobody has read the request, so it is sent again at once, not counted as a retry."""
    script = script_of(stale(), answer(), retries=0)
    assert script.rest.request("GET", URL).status == 200
    assert len(script.sent) == 2
    assert script.waits == []
    assert script.rest._budget._left == script.rest._budget._full


def test_only_one_reconnect_is_silent() -> None:
    """The second time in one call it is a loss like any other."""
    script = script_of(stale(), stale(), answer(503), answer(200))
    assert script.rest.request("GET", URL).status == 200
    assert len(script.sent) == 4
    assert script.waits == [0.5, 1.0]
    script = script_of(stale(), stale(), retries=0)
    with pytest.raises(ApiConnectionException):
        script.rest.request("GET", URL)


# ---- Redirects


def test_redirects_within_the_origin_are_followed() -> None:
    """Up to five, each with the same headers; what redirected is done with."""
    steps = [answer(307, Location=f"/v{n}") for n in range(2, 7)]
    script = script_of(*steps, answer(200, b"[1]"))
    response = script.rest.request("GET", f"{HOST}/v1", {"X-A": "1"}, _preload_content=False)
    assert response.read() == b"[1]"
    assert script.targets == [f"/v{n}" for n in range(1, 7)]
    assert all(arguments[3] == {"X-A": "1"} for arguments, _ in script.sent)
    assert [step.closed for step in steps] == [True] * 5
    assert script.waits == []


def test_the_sixth_redirect_is_one_too_many() -> None:
    """A circle ends with an error, not with the deadline."""
    script = script_of(*(answer(302, Location="/v1") for _ in range(6)))
    with pytest.raises(ApiException, match="once more, after 5 redirects"):
        script.rest.request("GET", URL)
    assert len(script.sent) == 6


def test_a_redirect_out_of_the_origin_is_an_error() -> None:
    """It names the target's host and keeps the response; the secret of the request shows nowhere."""
    headers = {"Authorization": Secret(f"Bearer {TOKEN}")}
    script = script_of(answer(302, TOKEN.encode(), Location="https://evil.example/"))
    with pytest.raises(ApiException) as caught:
        script.rest.request("GET", f"{URL}?q=1", headers)
    error = caught.value
    assert type(error) is ApiException
    assert str(error) == (
        f"302 from GET {URL}: it redirects to https://evil.example:443, another origin, "
        "which credentials must not reach. Check Configuration.host."
    )
    assert (error.status, error.reason, error.body) == (302, "R", "***")
    assert not secrets_in(str(error), repr(vars(error)))
    assert error.__cause__ is not None
    assert len(script.sent) == 1


@pytest.mark.parametrize(
    ("method", "status", "location", "url"),
    [
        ("GET", 302, "/other", f"{HOST}/other"),
        ("HEAD", 308, "other?x=1", f"{HOST}/other?x=1"),
        ("GET", 200, "/other", None),
        ("GET", 304, "/other", None),
        ("POST", 404, None, None),
    ],
)
def test_the_request_that_a_redirect_asks_for(method: str, status: int, location: str | None, url: str | None) -> None:
    """Only the URL changes; what is no redirect asks for nothing."""
    request = Request(method, URL, {"X-A": "1"}, b"body")
    fields = {} if location is None else {"Location": location}
    response = RESTResponse(answer(status, b"", **fields), request, PEER, Clock(1.0), 10)
    expected = None if url is None else Request(method, url, {"X-A": "1"}, b"body")
    following = redirected(request, response, 0)
    assert (following and vars(following)) == (expected and vars(expected))


def test_redirects_do_not_use_up_retries() -> None:
    """A loss after a redirect is tried again where the redirect led."""
    script = script_of(answer(302, Location="/v2"), reset(), reset(), answer())
    script.rest.request("GET", URL)
    assert script.targets == ["/v1", "/v2", "/v2", "/v2"]
    assert script.waits == [0.5, 1.0]


# ---- What decides about the next attempt


def test_what_a_failure_comes_down_to() -> None:
    """Method, whether it is worth another try, and the error from below."""
    cause = ConnectionResetError()
    error = ApiConnectionException(reason="x")
    error.__cause__ = cause
    request = Request("PUT", URL, {})
    attempt = describe(request, Failure(error, lost=True))
    assert vars(attempt) == vars(Attempt("PUT", lost=True, below=cause))
    assert describe(request, Failure(error, lost=False)).lost is False


def test_what_a_response_comes_down_to() -> None:
    """Method, status, the wait asked for, and urllib3's response."""
    below = answer(503, Retry_After="7")
    request = Request("PUT", URL, {})
    outcome = RESTResponse(below, request, PEER, Clock(1.0), 10)
    attempt = describe(request, outcome)
    assert vars(attempt) == vars(Attempt("PUT", 503, retry_after=7.0, below=below))


# ---- A policy of the user's own


ASKS = {"Retry-After": "3"}


@pytest.mark.parametrize(
    ("retry", "statuses", "headers", "end", "waits"),
    [
        (urllib3.Retry(1), [None, 200], {}, 200, [0]),
        (urllib3.Retry(0), [None], {}, None, []),
        (urllib3.Retry(2), [None, None, None], {}, None, [0, 0]),
        (urllib3.Retry(5, read=1), [None, 200], {}, 200, [0]),
        (urllib3.Retry(5, read=0), [None], {}, None, []),
        (urllib3.Retry(3), [503], {}, 503, []),
        (urllib3.Retry(3, status_forcelist=[418]), [418] * 4, {}, 418, [0, 0, 0]),
        (
            urllib3.Retry(3, status_forcelist=[418], backoff_factor=2),
            [418, 418, 418, 200],
            {},
            200,
            [0, 4, 8],
        ),
        (urllib3.Retry(1), [429, 200], ASKS, 200, [3]),
        (urllib3.Retry(1), [413, 200], ASKS, 200, [3]),
        (urllib3.Retry(1), [504], ASKS, 504, []),
        (urllib3.Retry(1), [429], {"Retry-After": "120"}, 429, []),
    ],
)
def test_a_retry_of_the_users_is_obeyed(
    retry: urllib3.Retry,
    statuses: list[int | None],
    headers: dict[str, str],
    end: int | None,
    waits: list[float],
) -> None:
    """Counts, statuses and waits are the user's; only the deadline still stands."""
    steps = [reset() if status is None else answer(status, **headers) for status in statuses]
    script = script_of(*steps, retries=retry)
    if end is None:
        with pytest.raises(ApiConnectionException):
            script.rest.request("GET", URL)
    else:
        assert script.rest.request("GET", URL).status == end
    assert script.steps == []
    assert script.waits == waits


def test_the_users_retry_knows_no_budget() -> None:
    """Obeyed means obeyed: a hundred retries are a hundred retries."""
    steps = [answer(503) for _ in range(101)]
    script = script_of(*steps, retries=urllib3.Retry(100, status_forcelist=[503]))
    assert script.rest.request("GET", URL).status == 503
    assert len(script.sent) == 101


def test_the_users_retry_decides_about_methods() -> None:
    """A POST is tried again if, and only if, the user says so."""
    retry = urllib3.Retry(1, allowed_methods=["POST"])
    script = script_of(reset(), answer(), retries=retry)
    assert script.rest.request("POST", URL).status == 200


# ---- Routes


def test_a_new_client_opens_nothing() -> None:
    """Settings are taken, sockets are not."""
    configuration = Configuration(host=HOST)
    rest = RESTClientObject(configuration)
    assert rest.configuration is configuration
    assert rest._routes._routes == {}
    assert (rest.sleep, rest.jitter) == (time.sleep, rest_module.random.random)


def test_closing_drops_the_routes() -> None:
    """What was open is closed, and the next request finds new routes."""
    script = script_of(answer())
    script.rest.request("GET", URL)
    script.rest.close()
    assert script.closed == 1
    assert script.rest._routes is not script
    assert script.rest._current_routes() is script.rest._routes
    script.rest.close()
    assert script.closed == 1


def test_routes_last_while_their_settings_do() -> None:
    """A setting that connections are not made by leaves them alone, one that they are made by replaces them."""
    rest = RESTClientObject(Configuration(host=HOST))
    first = rest._current_routes()
    assert rest._current_routes() is first
    rest.configuration.timeout = 7
    rest.configuration.access_token = "x"
    assert rest._current_routes() is first
    assert first.revision == rest.configuration.revision
    rest.configuration.connection_pool_maxsize = 7
    second = rest._current_routes()
    assert second is not first
    assert second.settings["connection_pool_maxsize"] == 7
    assert rest._current_routes() is second is rest._routes
    rest.configuration.proxy = "http://proxy:3128"
    assert rest._current_routes() is not second


@pytest.mark.parametrize("assigned", [False, True])
def test_a_child_makes_routes_of_its_own(monkeypatch: pytest.MonkeyPatch, *, assigned: bool) -> None:
    """After a fork the parent's connections are left alone, neither used nor closed."""
    script = script_of()
    monkeypatch.setattr(os, "getpid", lambda: script.pid + 1)
    if assigned:
        script.rest.configuration.timeout = 7
    child = script.rest._current_routes()
    assert child is not script
    assert child.pid == script.pid + 1
    assert script.closed == 0
    assert script.rest._current_routes() is child


@pytest.mark.parametrize("url", ["", "/v1", "ftp://api.example.com/", "https://", "api.example.com"])
def test_a_url_that_cannot_be_asked_is_refused(url: str) -> None:
    """Only an absolute http or https URL leads anywhere."""
    script = script_of()
    with pytest.raises(ApiValueError, match=r"^url must be"):
        script.rest.request("GET", url)
    assert script.sent == []


# ---- The log


def lines_of(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(r.name, r.levelno, r.getMessage()) for r in caplog.records]


def test_one_line_an_attempt(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Method, path, status or error, milliseconds: no query, no host, no header."""
    caplog.set_level(logging.DEBUG, "at_client")
    script = script_of(answer(302, Location="/v2?key=hidden"), reset(), answer(503), answer())
    script.rest.request("GET", f"{URL}?key=hidden", {"X-A": "hidden"})
    lines = lines_of(caplog)
    assert {(name, level) for name, level, _ in lines} == {("at_client", logging.DEBUG)}
    assert {record.msg for record in caplog.records} == {"%s"}  # tools group lines by this
    assert [line.rsplit(" ", 2)[0] for _, _, line in lines] == [
        "GET /v1 302",
        "GET /v2 ApiConnectionException",
        "GET /v2 503",
        "GET /v2 200",
    ]
    for _, _, line in lines:
        milliseconds, unit = line.split(" ")[3:]
        assert unit == "ms"
        assert milliseconds == f"{float(milliseconds):.1f}"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("debug", [False, True])
def test_how_long_an_attempt_took(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, debug: bool
) -> None:
    """Milliseconds, from just before it was sent to the end of the body."""
    caplog.set_level(logging.DEBUG, "at_client")
    ticks = iter([100.0, 101.25])
    script = script_of(answer(), debug=debug)
    clock = Clock(math.inf)
    monkeypatch.setattr(rest_module.time, "monotonic", lambda: next(ticks, 101.25))
    script.rest.request("GET", HOST, _request_timeout=clock)
    assert [line for _, _, line in lines_of(caplog)] == ["GET / 200 1250.0 ms"]


@pytest.mark.parametrize(
    ("play", "end"),
    [
        (lambda: answer(200, b"x" * 11), "ApiDecodeException"),
        (too_late, "ApiTimeoutException"),
        (untrusted, "ApiConnectionException"),
    ],
)
def test_a_failed_attempt_is_logged_by_its_class(
    caplog: pytest.LogCaptureFixture, play: Callable[[], Any], end: str
) -> None:
    """The line says which of our errors it came to, and nothing that could be a secret."""
    caplog.set_level(logging.DEBUG, "at_client")
    script = script_of(play(), max_response_bytes=10, retries=0)
    with pytest.raises(ApiException):
        script.rest.request("GET", URL)
    assert [line.rsplit(" ", 2)[0] for _, _, line in lines_of(caplog)] == [f"GET /v1 {end}"]


def test_nothing_is_logged_unless_asked(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """Above DEBUG there is no line, and none is made."""
    caplog.set_level(logging.INFO, "at_client")
    script_of(answer()).rest.request("GET", URL)
    assert lines_of(caplog) == []
    assert capsys.readouterr() == ("", "")


def test_debug_writes_the_line_to_stderr(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """`debug=True` shows the line without any set-up of logging, and changes no logger."""
    caplog.set_level(logging.INFO, "at_client")
    script_of(answer(), debug=True).rest.request("GET", URL)
    out, err = capsys.readouterr()
    assert out == ""
    start, _, rest = err.partition(" 200 ")
    assert start == "at_client: GET /v1"
    assert rest.endswith(" ms\n")
    assert lines_of(caplog) == []
    assert logging.getLogger("at_client").handlers == []


def test_the_generators_names_are_here() -> None:
    """Code written for a generated client imports these from `rest`."""
    assert rest_module.ApiException is ApiException
    assert rest_module.RESTResponse is RESTResponse
    assert rest_module.RESTResponseType is urllib3.BaseHTTPResponse


def test_headers_of_a_response_as_generated_clients_read_them() -> None:
    """`getheaders` and `getheader` know no case, and take a default."""
    response: Any = script_of(answer(200, b"{}", X_More="1")).rest.request("GET", URL)
    headers: Mapping[str, str] = response.getheaders()
    assert headers["x-more"] == "1"
    assert response.getheader("x-MORE") == "1"
    assert response.getheader("x-less") is None
    assert response.getheader("x-less", "0") == "0"
