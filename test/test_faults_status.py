"""Answers that say no: each status in each dress, `Retry-After`, redirects."""

import gzip
import time

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
    404: at_client.NotFoundException,
    408: ApiException,
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
    error = endings.play(
        reply(answer(b"", status)),
        error=CLASSES[status],
        says=(str(status),),
        attempts=3 if status in RETRIED else 1,
    )
    assert error.status == status


# ---- Bodies of errors

PACKED = gzip.compress(b'{"detail": "the reason"}')
LONG = b'{"detail": "' + b"very " * 10_000 + b'"}'
TITLES = b"<html>" + b"<title" * 50_000

BODIES = {
    "a model": (b'{"detail": "the reason"}', "application/json", "the reason"),
    "a page": (b"<title>The reason</title>", "text/html", "the reason"),
    "a long detail": (LONG, "application/json", "very very"),
    "no body": (b"", "application/json", ""),
    "broken JSON": (b'{"detail": ', "application/json", ""),
    "absurd nesting": (b"[" * 100_000, "application/json", ""),
    "many titles": (TITLES, "text/html", ""),
    "bytes": (bytes(range(256)), "application/octet-stream", ""),
}
"""The body of an error, its content type, and what the message quotes."""


@pytest.mark.parametrize(("body", "kind", "quotes"), BODIES.values(), ids=BODIES)
def test_an_error_body_never_makes_a_second_error(
    endings: Endings, body: bytes, kind: str, quotes: str
) -> None:
    """Whatever its body, a 400 is an error of its class, and `data` a model or None."""
    error = endings.play(
        reply(answer(body, 400, content_type=kind)),
        error=at_client.BadRequestException,
        says=("400", quotes),
    )
    assert isinstance(error.data, ErrorResponse | None)


@pytest.mark.parametrize(
    ("body", "quotes"),
    [
        (PACKED, "the reason"),
        (b"{}", "400"),
    ],
    ids=["gzip", "not packed"],
)
def test_an_error_body_may_be_packed(
    endings: Endings, body: bytes, quotes: str
) -> None:
    """The body of an error is unpacked, and lost where that fails."""
    endings.play(
        reply(answer(body, 400, headers=[("Content-Encoding", "gzip")])),
        error=at_client.BadRequestException,
        says=(quotes,),
    )


# ---- Retries


def test_waits_are_the_documented_ones(make_api: MakeApi, wire: Wire) -> None:
    """Retries wait half a second, then a whole one, less up to half by jitter."""
    busy = reply(answer(b"", 503))
    wire.play(busy, busy)
    assert good_call(make_api(wire.url))

    first, second, third = wire.times
    assert 0.24 < second - first < 0.7
    assert 0.49 < third - second < 1.2


def refuse(retry_after: str) -> Step:
    """Answer 429 with a `Retry-After`."""
    return reply(answer(b"", 429, headers=[("Retry-After", retry_after)]))


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("0.3", 0.29, 0.6),
        ("0", 0.0, 0.2),
        ("soon", 0.0, 0.2),
    ],
)
def test_seconds_to_wait_are_waited(
    make_api: MakeApi, wire: Wire, value: str, least: float, most: float
) -> None:
    """`Retry-After` is honoured; nonsense leaves the client to its own short wait."""
    wire.play(refuse(value))
    assert good_call(make_api(wire.url))

    before, after = wire.times
    assert least <= after - before < most


@pytest.mark.parametrize(
    ("value", "timeout"),
    [
        ("61", 120.0),
        ("5", 1.0),
    ],
    ids=["over a minute", "over the deadline"],
)
def test_a_long_wait_is_left_to_the_caller(
    endings: Endings, value: str, timeout: float
) -> None:
    """A wait of more than a minute, or than there is time, is told in `retry_after`."""
    began = time.monotonic()
    error = endings.play(
        refuse(value),
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_in_the_origin_is_followed(
    make_api: MakeApi, wire: Wire, status: int
) -> None:
    """A redirect within the origin is followed, and credentials go along."""
    wire.play(redirect("/v2/credits?x=1", status))
    assert make_api(wire.url).get_credits(auth_token=COOKIE).remaining == 750

    _, second = wire.requests
    assert second.startswith(b"GET /v2/credits?x=1 HTTP/1.1\r\n")
    assert TOKEN.encode() in second
    assert COOKIE.encode() in second


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("https://127.0.0.1:9/api/v1/credits", "redirects to https://127.0.0.1:9"),
        ("http://localhost:9/x", "redirects to http://localhost:9"),
        ("http://127.0.0.1:9@elsewhere.example/x", "to http://elsewhere.example"),
        ("http://elsewhere.example\\@127.0.0.1:9/x", "redirects"),
        ("http://[::1", "without saying where to"),
        ("", "without saying where to"),
    ],
)
def test_a_redirect_that_leads_away_is_refused(
    endings: Endings, target: str, says: str
) -> None:
    """A redirect to another origin is an error with its host, and nothing is sent."""
    error = endings.play(redirect(target), error=ApiException, says=("302", says))
    assert error.status == 302


def test_a_redirect_without_a_target_is_refused(endings: Endings) -> None:
    """A redirect that does not say where to is an error with its status."""
    step = reply(answer(b"", 302))
    endings.play(step, error=ApiException, says=("302", "without saying where to"))


def test_redirects_without_end_are_an_error(endings: Endings) -> None:
    """Five redirects are followed; the sixth is an error."""
    endings.play(redirect("/again"), error=ApiException, says=("302",), attempts=6)


def test_a_redirect_into_trouble_is_still_one_call(
    make_api: MakeApi, wire: Wire
) -> None:
    """A redirect, a lost connection and an answer share attempts and deadline."""
    wire.play(redirect("/v2"), reply(CLOSE))
    assert good_call(make_api(wire.url))
    assert len(wire.requests) == 3
