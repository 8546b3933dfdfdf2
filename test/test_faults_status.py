"""Answers that say no: each status in each dress, `Retry-After`, redirects."""

import gzip
import time
from typing import NamedTuple

import pytest

import at_client
from at_client import ApiException, ErrorResponse, ServiceException
from support.ending import Endings, good_call
from support.facts import COOKIE, TOKEN
from support.makers import MakeApi
from support.wire import CLOSE, Step, Wire, answer, reply

CLASSES: dict[int, type[ApiException]] = {
    304: ApiException,
    400: at_client.BadRequestException,
    402: ApiException,
    404: at_client.NotFoundException,
    408: ApiException,
    418: ApiException,
    422: at_client.UnprocessableEntityException,
    429: at_client.TooManyRequestsException,
    500: ServiceException,
    501: ServiceException,
    502: ServiceException,
    503: ServiceException,
    504: ServiceException,
    999: ApiException,
}

RETRIED = {408, 429, 500, 502, 503, 504}


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class_and_its_number_of_attempts(
    endings: Endings, status: int
) -> None:
    """Each status has its class; what may pass is tried three times, the rest once."""
    body = b"" if status == 304 else b"Because of reasons"
    attempts = 3 if status in RETRIED else 1
    step = reply(answer(body, status, headers=[("X-Request-Id", "r-17")]))
    says = (str(status),)
    error = endings.play(
        step,
        error=CLASSES[status],
        says=says,
        attempts=attempts,
    )
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
    "a long detail": Dress(b'{"detail": "' + b"very " * 10_000 + b'"}', "very very"),
    "no body": Dress(b""),
    "broken JSON": Dress(b'{"detail": '),
    "absurd nesting": Dress(b"[" * 100_000),
    "many titles": Dress(b"<html>" + b"<title" * 50_000, "", PAGE),
    "bytes": Dress(bytes(range(256)), "", "application/octet-stream"),
    "not packed": Dress(b"{}", coding="gzip"),
    "an unknown coding": Dress(b"{}", coding="x-new"),
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
def test_an_error_body_never_makes_a_second_error(
    endings: Endings, dress: Dress
) -> None:
    """Whatever its body, a 400 is an error of its class, and `data` a model or None."""
    headers = [("Content-Encoding", dress.coding)]
    raw = answer(dress.body, 400, content_type=dress.content_type, headers=headers)
    error = endings.play(
        reply(raw),
        error=at_client.BadRequestException,
        says=("400", dress.says),
    )
    assert isinstance(error.data, ErrorResponse | None)


# ---- Retries


def test_waits_are_the_documented_ones(make_api: MakeApi, wire: Wire) -> None:
    """Retries wait half a second, then a whole one, less up to half by jitter."""
    busy = reply(answer(b"", 503))
    wire.play(busy, busy)
    assert good_call(make_api(wire.url))
    first, second, third = wire.times
    assert 0.24 < second - first < 0.7
    assert 0.49 < third - second < 1.2


def refuse(status: int, retry_after: str) -> Step:
    """Answer with a `Retry-After`."""
    return reply(answer(b"", status, headers=[("Retry-After", retry_after)]))


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    ("step", "least", "most"),
    [
        (refuse(503, "0.3"), 0.29, 0.6),
        (refuse(429, "0"), 0.0, 0.2),
        (refuse(429, "soon"), 0.0, 0.2),
    ],
    ids=["a time", "none", "nonsense"],
)
def test_seconds_to_wait_are_waited(
    make_api: MakeApi, wire: Wire, step: Step, least: float, most: float
) -> None:
    """`Retry-After` is honoured; nonsense leaves the client to its own short wait."""
    wire.play(step)
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert least <= after - before < most


@pytest.mark.parametrize(
    ("value", "timeout"),
    [("61", 120.0), ("5", 1.0)],
    ids=["over a minute", "over the deadline"],
)
def test_a_long_wait_is_left_to_the_caller(
    endings: Endings, value: str, timeout: float
) -> None:
    """A wait of more than a minute, or than there is time, is told in `retry_after`."""
    began = time.monotonic()
    error = endings.play(
        refuse(429, value),
        error=CLASSES[429],
        says=("429", "wait"),
        timeout=timeout,
    )
    assert error.retry_after == float(value)
    assert time.monotonic() - began < 0.8


# ---- Redirects


def redirect(target: str, status: int = 302) -> Step:
    """Answer with a redirect."""
    return reply(answer(b"", status, headers=[("Location", target)]))


@pytest.mark.parametrize(
    ("status", "start"),
    [(302, ""), (307, "{url}"), (308, "")],
    ids=["302, relative", "307, absolute", "308, relative"],
)
def test_a_redirect_in_the_origin_is_followed(
    make_api: MakeApi, wire: Wire, status: int, start: str
) -> None:
    """A redirect within the origin is followed, and credentials go along."""
    target = start.format(url=wire.url) + "/v2/credits?x=1"
    wire.play(redirect(target, status))
    assert make_api(wire.url).get_credits(auth_token=COOKIE).remaining == 750
    _, second = wire.requests
    assert second.startswith(b"GET /v2/credits?x=1 HTTP/1.1\r\n")
    assert TOKEN.encode() in second
    assert COOKIE.encode() in second


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("https://127.0.0.1:{port}/api/v1/credits", "127.0.0.1:{port}"),
        ("http://localhost:{port}/x", "localhost:{port}"),
        ("http://127.0.0.1:{port}@elsewhere.example/x", "elsewhere.example"),
        ("http://elsewhere.example\\@127.0.0.1:{port}/x", "redirects"),
        ("http://[::1", "redirects"),
        ("", "redirects without saying where to"),
    ],
)
def test_a_redirect_that_leads_away_is_refused(
    endings: Endings, wire: Wire, target: str, says: str
) -> None:
    """A redirect to another origin is an error with its host; no token goes there."""
    step = redirect(target.replace("{port}", str(wire.port)))
    told = ("302", says.format(port=wire.port))
    error = endings.play(step, error=ApiException, says=told)
    assert error.status == 302
    assert wire.connections == 0


def test_a_redirect_without_a_target_is_refused(endings: Endings) -> None:
    """A redirect that does not say where to is an error with its status."""
    step = reply(answer(b"", 302))
    says = ("302", "without saying where to")
    error = endings.play(step, error=ApiException, says=says)
    assert error.status == 302


def test_redirects_without_end_are_an_error(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """Five redirects are followed; the sixth is an error."""
    wire.play(otherwise=redirect("/again"))
    api = make_api(wire.url)
    says = ("redirect", "127.0.0.1")
    error = endings.play_on(api, error=ApiException, says=says)
    assert error.status == 302
    assert len(wire.requests) == 6


def test_a_redirect_into_trouble_is_still_one_call(
    make_api: MakeApi, wire: Wire
) -> None:
    """A redirect, a lost connection and an answer share attempts and deadline."""
    wire.play(redirect("/v2"), reply(CLOSE))
    assert good_call(make_api(wire.url, timeout=5.0))
    assert len(wire.requests) == 3
