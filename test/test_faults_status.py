"""Answers that say no: each status in each dress, `Retry-After`, redirects."""

import email.utils
import gzip
import subprocess
import sys
import time
from itertools import pairwise
from typing import NamedTuple

import pytest
import urllib3

import at_client
from at_client import ApiException, ErrorResponse, HTTPValidationError, ServiceException
from support.ending import Endings, Fault, good_call
from support.facts import COOKIE, TOKEN
from support.makers import MakeApi, MakeClient
from support.service import BROKEN_TOKEN, INVALID_TOKEN, Service
from support.wire import CLOSE, Wire, answer, reply

CLASSES: dict[int, type[ApiException]] = {
    400: at_client.BadRequestException,
    401: at_client.UnauthorizedException,
    403: at_client.ForbiddenException,
    404: at_client.NotFoundException,
    409: at_client.ConflictException,
    422: at_client.UnprocessableEntityException,
    429: at_client.TooManyRequestsException,
    **dict.fromkeys((500, 501, 502, 503, 504, 599), ServiceException),
    **dict.fromkeys((304, 402, 407, 408, 410, 418, 451, 499, 600, 999), ApiException),
}

RETRIED = {408, 429, 500, 502, 503, 504}


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class_and_its_number_of_attempts(
    endings: Endings, status: int
) -> None:
    """What another attempt may better is tried three times, the rest once."""
    body = b"" if status == 304 else b'{"detail": "Because of reasons"}'
    attempts = 3 if status in RETRIED else 1
    step = reply(answer(body, status, headers=[("X-Request-Id", "r-17")]))
    says = (str(status), "Because of reasons" if body else "")
    fault = Fault((step,) * attempts, CLASSES[status], says, attempts)
    error = endings.play(fault)
    assert error.status == status
    assert error.body == body.decode()
    assert error.headers is not None
    assert error.headers["x-request-id"] == "r-17"


# ---- Bodies of errors


class Dress(NamedTuple):
    """The body of an error, and what of it the message tells."""

    body: bytes
    says: str = ""
    content_type: str = "application/json"
    coding: str = "identity"


PAGE = "text/html; charset=utf-8"
PACKED = gzip.compress(b'{"detail": "the reason"}')

DRESSES = {
    "a model": Dress(b'{"detail": "the reason", "code": "c"}', "the reason"),
    "gzip": Dress(PACKED, "the reason", coding="gzip"),
    "a page": Dress(b"<title>The reason</title>", "the reason", PAGE),
    "a tag": Dress(b"<HTML>\n<TITLE lang=en>\n A  \n</TITLE>", "A", PAGE),
    "a long detail": Dress(b'{"detail": "' + b"very " * 10_000 + b'"}', "very very"),
    "control characters": Dress(b'{"detail": "\\u001b[31mred\\nblue"}', "red blue"),
    "no body": Dress(b""),
    "broken JSON": Dress(b'{"detail": '),
    "no detail": Dress(b'{"message": "no"}'),
    "a detail of another type": Dress(b'{"detail": {"a": 1}}'),
    "absurd nesting": Dress(b"[" * 100_000),
    "a page without a title": Dress(b"<html><h1>Bad</h1>", "", PAGE),
    "many titles": Dress(b"<html>" + b"<title" * 50_000, "", PAGE),
    "text": Dress(b"upstream connect error", "", "text/plain"),
    "bytes": Dress(bytes(range(256)), "", "application/octet-stream"),
    "not packed": Dress(b"{}", coding="gzip"),
    "an unknown coding": Dress(b"{}", coding="x-new"),
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
@pytest.mark.parametrize("status", [500, 400])
def test_an_error_body_never_makes_a_second_error(
    endings: Endings, dress: Dress, status: int
) -> None:
    """The class is that of the status; `data` is there only if the body parses."""
    headers = [("Content-Encoding", dress.coding)]
    raw = answer(dress.body, status, content_type=dress.content_type, headers=headers)
    says = (str(status), dress.says)
    fault = Fault((reply(raw),), CLASSES[status], says, settings={"retries": 0})
    error = endings.play(fault)
    assert error.status == status
    assert isinstance(error.data, ErrorResponse | HTTPValidationError | None)


def test_a_server_error_comes_with_its_model(
    service: Service, make_api: MakeApi
) -> None:
    """The document promises an ErrorResponse for a 500."""
    api = make_api(service.url, access_token=BROKEN_TOKEN, retries=0)
    with pytest.raises(ServiceException, match="ledger is closed") as caught:
        api.get_credits()
    assert caught.value.data.code == "ledger_closed"


def test_a_validation_error_comes_with_its_list(
    service: Service, make_api: MakeApi
) -> None:
    """FastAPI's list may name the cookie, whose value is hidden."""
    api = make_api(service.url, access_token=INVALID_TOKEN)
    with pytest.raises(
        at_client.UnprocessableEntityException, match=r"cookie\.auth_token"
    ) as caught:
        api.get_credits(auth_token=COOKIE)
    assert caught.value.data.detail[0].loc == ["cookie", "auth_token"]


# ---- Retries


@pytest.mark.parametrize(
    ("retry", "status", "attempts"),
    [
        (urllib3.Retry(0), 503, 1),
        (urllib3.Retry(4, status_forcelist=[503], backoff_factor=0), 503, 5),
        (urllib3.Retry(3, status_forcelist=[418]), 500, 1),
        (urllib3.Retry(5, status=0, status_forcelist=[503]), 503, 1),
    ],
    ids=["none", "four", "another status", "no statuses"],
)
def test_a_urllib3_retry_is_obeyed(
    endings: Endings, retry: urllib3.Retry, status: int, attempts: int
) -> None:
    """Who gives a `urllib3.Retry` gets its numbers and its statuses."""
    script = (reply(answer(b"", status)),) * attempts
    settings = {"retries": retry}
    endings.play(Fault(script, CLASSES[status], (), attempts, settings=settings))


def test_waits_are_the_documented_ones(make_api: MakeApi, wire: Wire) -> None:
    """Half a second, then a whole one, each shortened by jitter at most by half."""
    wire.play(reply(answer(b"", 503)), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    first, second = (after - before for before, after in pairwise(wire.times))
    assert 0.24 < first < 0.7
    assert 0.49 < second < 1.2


def wait_until(seconds: int) -> str:
    """Write the date in so many seconds."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def refuse(status: int, retry_after: str) -> bytes:
    """Answer with a `Retry-After`."""
    return answer(b"", status, headers=[("Retry-After", retry_after)])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("0.3", 0.29, 0.6),
        ("0", 0.0, 0.2),
        ("soon", 0.0, 0.2),
        ("-1", 0.0, 0.2),
        ("inf", 0.0, 0.2),
    ],
)
@pytest.mark.usefixtures("short_waits")
def test_seconds_to_wait_are_waited(
    make_api: MakeApi, wire: Wire, status: int, value: str, least: float, most: float
) -> None:
    """`Retry-After` is honoured; nonsense leaves the client to its own short wait."""
    wire.play(reply(refuse(status, value)))
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert least <= after - before < most


def test_a_date_to_wait_for_is_waited_for(make_api: MakeApi, wire: Wire) -> None:
    """A date has whole seconds (RFC 9110, section 10.2.3)."""
    wire.play(reply(refuse(503, wait_until(2))))
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert 0.9 < after - before < 2.4


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "timeout"),
    [
        ("61", 120.0),
        ("99999999999", 120.0),
        ("5", 1.0),
    ],
    ids=["over a minute", "centuries", "over the deadline"],
)
def test_a_long_wait_is_left_to_the_caller(
    endings: Endings, status: int, value: str, timeout: float
) -> None:
    """More than a minute, or than the deadline allows, is told in `retry_after`."""
    began = time.monotonic()
    step = reply(refuse(status, value))
    fault = Fault((step,), CLASSES[status], (str(status), "wait"), timeout=timeout)
    assert endings.play(fault).retry_after == float(value)
    assert time.monotonic() - began < 0.8


def test_a_far_date_is_left_to_the_caller(endings: Endings) -> None:
    """A date in an hour is told as the seconds until then."""
    fault = Fault((reply(refuse(429, wait_until(3600))),), CLASSES[429])
    assert endings.play(fault).retry_after == pytest.approx(3600, abs=3)


def test_the_last_refusal_carries_its_retry_after(endings: Endings) -> None:
    """When the attempts are used up, the last answer's wish is told."""
    fault = Fault((reply(refuse(429, "0")),) * 3, CLASSES[429], attempts=3)
    assert endings.play(fault).retry_after == 0.0


# ---- Redirects


def redirect(target: str, status: int = 302) -> bytes:
    """Answer with a redirect."""
    return answer(b"", status, headers=[("Location", target)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("start", ["{url}", ""], ids=["absolute", "relative"])
def test_a_redirect_in_the_origin_is_followed(
    make_api: MakeApi, wire: Wire, status: int, start: str
) -> None:
    """The service may move a path; credentials go along, for it is the same origin."""
    target = start.format(url=wire.url) + "/v2/credits?x=1"
    wire.play(reply(redirect(target, status)))
    assert make_api(wire.url).get_credits(auth_token=COOKIE).remaining == 750
    _, second = wire.requests
    assert second.startswith(b"GET /v2/credits?x=1 HTTP/1.1\r\n")
    assert TOKEN.encode() in second
    assert COOKIE.encode() in second


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("http://127.0.0.1:{port}/api/v1/credits", "127.0.0.1:{port}"),
        ("https://127.0.0.1:{port}/api/v1/credits", "127.0.0.1:{port}"),
        ("ftp://127.0.0.1:{port}/api/v1/credits", "127.0.0.1:{port}"),
        ("http://localhost:{port}/x", "localhost:{port}"),
        ("https://elsewhere.example/x", "elsewhere.example"),
        ("//elsewhere.example/x", "elsewhere.example"),
        ("http://127.0.0.1:{port}@elsewhere.example/x", "elsewhere.example"),
        ("http://elsewhere.example\\@127.0.0.1:{port}/x", "redirects"),
        ("file:///etc/passwd", "redirects"),
        ("javascript:alert(1)", "redirects"),
        ("http://", "redirects"),
        ("http://[::1", "redirects"),
        ("http://127.0.0.1:99999/", "redirects"),
        ("http://127.0.0.1:port/", "redirects"),
        ("", "redirects without saying where to"),
    ],
)
def test_a_redirect_that_leads_away_is_refused(
    endings: Endings, wire: Wire, status: int, target: str, says: str
) -> None:
    """The error names the target's host, and the token has gone nowhere."""
    step = reply(redirect(target.replace("{port}", str(wire.port)), status), CLOSE)
    told = (str(status), says.format(port=wire.port))
    error = endings.play(Fault((step,), says=told))
    assert error.status == status
    assert wire.connections == 0


def test_a_redirect_without_a_target_is_refused(endings: Endings) -> None:
    """A redirect that does not say where to is an error with its status."""
    fault = Fault((reply(answer(b"", 302)),), says=("302", "without saying where to"))
    assert endings.play(fault).status == 302


def test_redirects_without_end_are_an_error(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """Five are followed, the sixth is told."""
    wire.play(otherwise=reply(redirect("/again")))
    api = make_api(wire.url)
    error = endings.play_on(api, Fault(says=("redirect", "127.0.0.1")))
    assert error.status == 302
    assert len(wire.requests) == 6

    wire.play(*[reply(redirect("/on"))] * 5)
    assert good_call(api)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_a_get_is_redirected(
    make_client: MakeClient, wire: Wire, method: str
) -> None:
    """Whether to send a change again, and where, is not the client's to decide."""
    client = make_client(wire.url)
    request = client.param_serialize(method, "/api/v1/x")
    wire.play(reply(redirect("/elsewhere")))
    with pytest.raises(ApiException, match=r"302|redirect"):
        client.response_deserialize(client.call_api(*request), {})
    assert len(wire.requests) == 1


def test_a_redirect_into_trouble_is_still_one_call(
    make_api: MakeApi, wire: Wire
) -> None:
    """A redirect, a lost connection and an answer share attempts and deadline."""
    wire.play(reply(redirect("/v2")), reply(CLOSE))
    assert good_call(make_api(wire.url, timeout=5.0))
    assert len(wire.requests) == 3


# ---- A process at its limit

FULL = """
import contextlib, os, resource, sys
from at_client import ApiClient, ApiException, Configuration, CreditsApi

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
api = CreditsApi(ApiClient(Configuration(sys.argv[1], "token", retries=0)))
api.get_credits()
with contextlib.suppress(OSError):
    while True:
        os.open(os.devnull, os.O_RDONLY)
try:
    api.get_credits()
except ApiException as error:
    print(type(error).__name__, error.status, error.data.detail)
"""


def test_a_process_that_can_open_no_file_still_gets_the_error(wire: Wire) -> None:
    """Nothing has to be loaded for the first error, its model included."""
    wire.play(reply(answer()), reply(answer(b'{"detail": "why"}', 500)))
    command = [sys.executable, "-c", FULL, wire.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "ServiceException 500 why\n", done.stderr
