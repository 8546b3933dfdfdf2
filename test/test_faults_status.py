"""Answers that say no: each status in each dress, `Retry-After`, redirects."""

from __future__ import annotations

import email.utils
import gzip
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import urllib3

import at_client
from at_client import (
    ApiException,
    CreditsApi,
    ErrorResponse,
    HTTPValidationError,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
)
from support.ending import Endings, Fault, good_call
from support.facts import COOKIE, CREDITS_BODY, TOKEN, secrets_in
from support.service import BROKEN_TOKEN, INVALID_TOKEN, Service
from support.wire import CLOSE, Wire, answer, refusing_port, reply

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
    409: "ConflictException",
    422: "UnprocessableEntityException",
    429: "TooManyRequestsException",
    500: "ServiceException",
    502: "ServiceException",
    503: "ServiceException",
    504: "ServiceException",
    501: "ServiceException",
    599: "ServiceException",
    402: "ApiException",
    407: "ApiException",
    408: "ApiException",
    410: "ApiException",
    418: "ApiException",
    451: "ApiException",
    499: "ApiException",
    600: "ApiException",
    999: "ApiException",
    304: "ApiException",
}

RETRIED = {408, 429, 500, 502, 503, 504}


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class_and_its_number_of_attempts(endings: Endings, status: int) -> None:
    """What another attempt may better is tried three times, the rest once."""
    attempts = 3 if status in RETRIED else 1
    body = b"" if status == 304 else b'{"detail": "Because of reasons"}'
    step = reply(answer(body, status, headers=[("X-Request-Id", "r-17")]))
    says = (str(status),) if status == 304 else (str(status), "Because of reasons")
    expected = getattr(at_client, CLASSES[status])
    error = endings.play(Fault((step,) * attempts, expected, says, attempts))
    assert error.status == status
    assert error.headers is not None
    assert error.headers["x-request-id"] == "r-17"
    assert error.body == body.decode()


DRESSES = {
    "an ErrorResponse": answer(b'{"detail": "d", "code": "c"}', 500),
    "HTML": answer(b"<html><h1>502 Bad Gateway</h1></html>", 500, content_type="text/html"),
    "text": answer(b"upstream connect error", 500, content_type="text/plain"),
    "Latin-1": answer("défaut".encode("latin-1"), 500, content_type="text/plain; charset=latin-1"),
    "UTF-16": answer("défaut".encode("utf-16"), 500, content_type="text/plain; charset=utf-16"),
    "a charset that is none": answer(b"x", 500, content_type="text/plain; charset=nonsense"),
    "nothing": answer(b"", 500),
    "broken JSON": answer(b'{"detail": ', 500),
    "another JSON": answer(b'{"message": "no"}', 500),
    "JSON of another type": answer(b"[1, 2]", 500),
    "a detail of another type": answer(b'{"detail": {"a": 1}}', 500),
    "lists in lists": answer(b"[" * 100_000, 500),
    "binary": answer(bytes(range(256)), 500, content_type="application/octet-stream"),
    "escape codes": answer(b'{"detail": "\\u001b[31mred\\nline\\u2028two"}', 500),
    "gzip": answer(gzip.compress(b'{"detail": "d"}'), 500, headers=[("Content-Encoding", "gzip")]),
    "broken gzip": answer(b"{not gzip}", 500, headers=[("Content-Encoding", "gzip")]),
    "an encoding that nobody knows": answer(b"x", 500, headers=[("Content-Encoding", "x-new")]),
    "a long detail": answer(b'{"detail": "' + b"very " * 10_000 + b'long"}', 500),
}


@pytest.mark.parametrize("response", DRESSES.values(), ids=DRESSES)
@pytest.mark.parametrize("status", [500, 400])
def test_an_error_body_never_makes_a_second_error(endings: Endings, response: bytes, status: int) -> None:
    """Whatever the body is, the class is that of the status; `data` is there only if it parses."""
    step = reply(response.replace(b"500 Internal Server Error", f"{status} Nope".encode(), 1))
    expected = getattr(at_client, CLASSES[status])
    fault = Fault((step,), expected, (str(status),), settings={"retries": 0})
    error = endings.play(fault)
    assert error.status == status
    if error.data is not None:
        assert isinstance(error.data, ErrorResponse | HTTPValidationError)


def test_the_documented_errors_are_parsed(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """500 comes with an ErrorResponse, 422 with FastAPI's own HTTPValidationError."""
    with pytest.raises(ServiceException, match="ledger is closed") as broken:
        make_api(service.url, access_token=BROKEN_TOKEN, retries=0).get_credits()
    assert broken.value.data.code == "ledger_closed"
    with pytest.raises(at_client.UnprocessableEntityException, match=r"cookie\.auth_token") as wrong:
        make_api(service.url, access_token=INVALID_TOKEN).get_credits()
    assert wrong.value.data.detail[0].loc == ["cookie", "auth_token"]


def test_what_the_service_says_of_the_cookie_can_be_read(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Hiding the cookie's value leaves its name alone, which is what a 422 points at."""
    with pytest.raises(at_client.UnprocessableEntityException, match="auth_token") as wrong:
        make_api(service.url, access_token=INVALID_TOKEN).get_credits(auth_token=COOKIE)
    assert wrong.value.data.detail[0].loc == ["cookie", "auth_token"]


RETRIES = {
    "none": (urllib3.Retry(0), 503, 1),
    "False": (urllib3.Retry(total=False), 503, 1),
    "another number": (urllib3.Retry(4, status_forcelist=[503], backoff_factor=0), 503, 5),
    "another status": (urllib3.Retry(1, status_forcelist=[418], backoff_factor=0), 418, 2),
    "a status that is not in it": (urllib3.Retry(3, status_forcelist=[418]), 500, 1),
    "no status": (urllib3.Retry(5, status=0, status_forcelist=[503]), 503, 1),
    "another method": (urllib3.Retry(3, status_forcelist=[503], allowed_methods=["PUT"]), 503, 1),
}


@pytest.mark.parametrize(("retry", "status", "attempts"), RETRIES.values(), ids=RETRIES)
def test_a_retry_of_urllib3_is_obeyed(endings: Endings, retry: urllib3.Retry, status: int, attempts: int) -> None:
    """Who gives a `urllib3.Retry` gets its number, its statuses and its methods."""
    step = reply(answer(b"", status))
    expected = getattr(at_client, CLASSES[status])
    settings = {"retries": retry}
    endings.play(Fault((step,) * attempts, expected, (str(status),), attempts, settings=settings))


def test_a_retry_of_urllib3_decides_about_lost_connections(endings: Endings) -> None:
    """The same for connections: here, one read error more than none."""
    settings = {"retries": urllib3.Retry(5, read=1, backoff_factor=0)}
    fault = Fault((reply(CLOSE),) * 2, at_client.ApiConnectionException, (), 2, settings=settings)
    endings.play(fault)


def test_a_401_with_a_static_token_is_not_tried_again(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """The same token would be refused again; the message says what to do."""
    with pytest.raises(UnauthorizedException, match="access_token") as caught:
        make_api(service.url, access_token="TOKEN-SECRET-nobody").get_credits()
    assert len(service.requests) == 1
    assert caught.value.headers["WWW-Authenticate"] == "Bearer"
    assert "SECRET" not in str(caught.value)


def test_a_secret_that_the_service_repeats_does_not_show(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A server that quotes the request's headers gets no secret into message, repr or log."""
    body = f'{{"detail": "bad header Authorization: Bearer {TOKEN}; Cookie: {COOKIE}"}}'.encode()
    wire.play(reply(answer(body, 400)))
    with pytest.raises(ApiException) as caught:
        make_api(wire.url).get_credits(auth_token=COOKIE)
    assert secrets_in(str(caught.value), repr(caught.value)) == []


def test_waits_are_the_documented_ones(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Half a second, then a whole one, each shortened by jitter at most by half."""
    wire.play(reply(answer(b"", 503)), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    first, second = (after - before for before, after in pairwise(wire.times))
    assert 0.24 < first < 0.7
    assert 0.49 < second < 1.2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "shortest", "longest"),
    [
        ("0", 0.0, 0.2),
        ("0.3", 0.29, 0.5),
        ("1", 0.99, 1.3),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0, 0.2),
        ("soon", 0.0, 0.2),
        ("", 0.0, 0.2),
        ("-1", 0.0, 0.2),
        ("1,5", 0.0, 0.2),
        ("1e2", 0.0, 0.2),
        ("nan", 0.0, 0.2),
        ("inf", 0.0, 0.2),
        ("0x10", 0.0, 0.2),
        ("\u00b2", 0.0, 0.2),
        ("Thu, 99 Foo 2026 00:00:00 GMT", 0.0, 0.2),
        ("5; 6", 0.0, 0.2),
    ],
)
@pytest.mark.usefixtures("short_waits")
def test_retry_after_is_waited_for_and_nonsense_ignored(
    make_api: Callable[..., CreditsApi], wire: Wire, status: int, value: str, shortest: float, longest: float
) -> None:
    """Seconds and dates are honoured; nonsense leaves the client to its own short wait."""
    head = f"HTTP/1.1 {status} Wait\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
    wire.play(reply(head.encode("latin-1")))
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert shortest <= after - before < longest


@pytest.mark.usefixtures("short_waits")
def test_retry_after_may_be_a_date(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """An HTTP date is waited for until it has come (whole seconds, RFC 9110 section 10.2.3)."""
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    wire.play(reply(answer(b"", 503, headers=[("Retry-After", date)])))
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert 0.9 < after - before < 2.4


@pytest.mark.parametrize(
    ("value", "seconds"), [("61", 61.0), ("86400", 86400.0), ("999999999", 999999999.0), ("99999999999", 99999999999.0)]
)
@pytest.mark.parametrize(("status", "error"), [(429, TooManyRequestsException), (503, ServiceException)])
def test_a_long_retry_after_is_told_at_once(
    endings: Endings, status: int, error: type[ApiException], value: str, seconds: float
) -> None:
    """More than a minute is left to the caller, who finds it in `retry_after`."""
    began = time.monotonic()
    step = reply(answer(b"", status, headers=[("Retry-After", value)]))
    raised = endings.play(Fault((step,), error, (str(status),), timeout=120.0))
    assert raised.retry_after == seconds
    assert time.monotonic() - began < 1


def test_a_long_date_is_told_at_once(endings: Endings) -> None:
    """The same for a date: seconds from now."""
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    step = reply(answer(b"", 429, headers=[("Retry-After", date)]))
    raised = endings.play(Fault((step,), TooManyRequestsException, ("429", "wait")))
    assert raised.retry_after == pytest.approx(3600, abs=3)


def test_a_retry_after_beyond_the_deadline_is_told_at_once(endings: Endings) -> None:
    """Waiting would break the deadline, so the answer is told while it is fresh."""
    began = time.monotonic()
    step = reply(answer(b"", 429, headers=[("Retry-After", "5")]))
    raised = endings.play(Fault((step,), TooManyRequestsException, timeout=1.0))
    assert raised.retry_after == 5.0
    assert time.monotonic() - began < 0.8


def test_the_last_refusal_carries_its_retry_after(endings: Endings) -> None:
    """When the attempts are used up, `retry_after` says what the last answer asked for."""
    step = reply(answer(b"", 429, headers=[("Retry-After", "0")]))
    raised = endings.play(Fault((step,) * 3, TooManyRequestsException, attempts=3))
    assert raised.retry_after == 0.0


def redirect(target: str | None, status: int = 302) -> bytes:
    """Answer with a redirect."""
    return answer(b"", status, headers=[] if target is None else [("Location", target)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_a_redirect_within_the_origin_is_followed(
    make_api: Callable[..., CreditsApi], wire: Wire, status: int, *, absolute: bool
) -> None:
    """The service may move a path; credentials go along, for it is the same origin."""
    wire.play(reply(redirect((wire.url if absolute else "") + "/v2/credits?x=1", status)))
    assert make_api(wire.url).get_credits(auth_token=COOKIE).remaining == 750
    assert wire.requests[1].startswith(b"GET /v2/credits?x=1 HTTP/1.1\r\n")
    assert TOKEN.encode() in wire.requests[1]
    assert COOKIE.encode() in wire.requests[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_port_is_refused(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], status: int
) -> None:
    """Another port is another origin: the token never gets there, the message names it."""
    here, there = make_wire(), make_wire()
    here.play(reply(redirect(f"{there.url}/api/v1/credits", status)))
    api = make_api(here.url)
    with pytest.raises(ApiException, match=f"127.0.0.1:{there.port}") as caught:
        api.get_credits(auth_token=COOKIE)
    assert caught.value.status == status
    assert there.connections == 0
    assert (len(here.requests), good_call(api)) == (1, True)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("https://elsewhere.example/api/v1/credits", "elsewhere.example"),
        ("https://127.0.0.1:{port}/api/v1/credits", "127.0.0.1"),
        ("//elsewhere.example/x", "elsewhere.example"),
        ("http://localhost:{port}/x", "localhost"),
        ("http://127.0.0.1:{port}@elsewhere.example/x", "elsewhere.example"),
        ("http://elsewhere.example\\@127.0.0.1:{port}/x", ""),
        ("ftp://elsewhere.example/x", "elsewhere.example"),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
        ("http://", ""),
        ("http://[::1", ""),
        ("http://127.0.0.1:99999/", ""),
        ("http://127.0.0.1:port/", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_redirect_that_leads_away_or_nowhere_is_an_error(endings: Endings, target: str | None, says: str) -> None:
    """Another host, scheme or nothing: the error names the target's host and nothing is sent."""
    with refusing_port() as port:
        where = None if target is None else target.format(port=port)
        step = reply(redirect(where), CLOSE)
        error = endings.play(Fault((step,), ApiException, ("302", says)))
        assert error.status == 302


def test_redirects_without_end_are_an_error(endings: Endings, make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Five are followed, the sixth is told."""
    wire.play(otherwise=reply(redirect("/again")))
    api = make_api(wire.url)
    error = endings.of(api, Fault((), ApiException, ("redirect", "127.0.0.1")))
    assert error.status == 302
    assert len(wire.requests) == 6
    wire.play(*(reply(redirect(f"/{n}")) for n in range(5)))
    assert good_call(api)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_a_get_is_redirected(make_client: Callable[..., at_client.ApiClient], wire: Wire, method: str) -> None:
    """Whether to send a change again, and where, is not the client's to decide."""
    client = make_client(wire.url)
    wire.play(reply(redirect("/elsewhere")))

    def change() -> None:
        response = client.call_api(*client.param_serialize(method, "/api/v1/x"))
        client.response_deserialize(response, {})

    with pytest.raises(ApiException, match=r"302|redirect"):
        change()
    assert len(wire.requests) == 1


def test_a_redirect_into_trouble_is_still_one_call(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A redirect, a lost connection and an answer: attempts and deadline are the call's."""
    wire.play(reply(redirect("/v2")), reply(CLOSE))
    assert good_call(make_api(wire.url, timeout=5.0))


FULL = """
import os, resource, sys
from at_client import ApiClient, ApiException, Configuration, CreditsApi

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
api = CreditsApi(ApiClient(Configuration(sys.argv[1], "token", retries=0)))
api.get_credits()
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for _ in range(2):
    try:
        api.get_credits()
    except ApiException as error:
        told = type(error).__name__, error.status, error.data and error.data.detail
    for file in taken:
        os.close(file)
    taken.clear()
    print(*told)
"""


def test_a_process_that_can_open_no_file_still_gets_the_error(wire: Wire) -> None:
    """Nothing has to be loaded for the first error, its model included."""
    failed = reply(answer(b'{"detail": "why"}', 500))
    wire.play(reply(answer(CREDITS_BODY)), failed, failed)
    done = subprocess.run([sys.executable, "-c", FULL, wire.url], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["ServiceException 500 why"] * 2, done.stderr
