"""Answers that say no: each status in each dress, `Retry-After`, redirects."""

import email.utils
import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
import urllib3

import at_client
from at_client import ApiException, ErrorResponse, HTTPValidationError, ServiceException
from support.ending import Endings, Fault, good_call
from support.facts import COOKIE, TOKEN
from support.makers import MakeApi
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
    attempts = 3 if status in RETRIED else 1
    body = b"" if status == 304 else b'{"detail": "Because of reasons"}'
    step = reply(answer(body, status, headers=[("X-Request-Id", "r-17")]))
    says = (str(status),) if status == 304 else (str(status), "Because of reasons")
    error = endings.play(Fault((step,) * attempts, CLASSES[status], says, attempts))
    assert error.status == status
    assert error.headers is not None
    assert error.headers["x-request-id"] == "r-17"
    assert error.body == body.decode()


def failed(
    body: bytes | str, content_type: str = "application/json", coding: str = "identity"
) -> bytes:
    """Answer 500 with a body."""
    body = body if isinstance(body, bytes) else body.encode()
    return answer(
        body, 500, content_type=content_type, headers=[("Content-Encoding", coding)]
    )


HTML = "text/html; charset=utf-8"

# What the message then says -> answers.
DRESSES: dict[str, list[bytes]] = {
    "the reason": [
        failed('{"detail": "the reason", "code": "c"}'),
        failed(gzip.compress(b'{"detail": "the reason"}'), coding="gzip"),
        failed("<title>The reason</title>", HTML),
        failed(
            "<!DOCTYPE html>\n<HTML>\n<HEAD><TITLE lang=en>\n The  reason\n</TITLE>",
            HTML,
        ),
        failed(f"<title>The reason: {TOKEN} {COOKIE}</title>", HTML),
    ],
    "this & that": [failed("<html><title>This &amp; that</title>", HTML)],
    "very very": [failed('{"detail": "' + "very " * 10_000 + 'long"}')],
    "red line two": [failed('{"detail": "\\u001b[31mred\\nline\\u2028two"}')],
    "": [
        *map(
            failed,
            (
                "",
                '{"detail": ',
                '{"message": "no"}',
                "[1, 2]",
                '{"detail": {"a": 1}}',
                "[" * 100_000,
            ),
        ),
        *(
            failed("<html>" + html, HTML)
            for html in ("<h1>Bad</h1>", "<title></title>", "<title>" + "x" * 100_000)
        ),
        failed("<html>" + "<title" * 50_000, HTML),
        failed("upstream connect error", "text/plain"),
        *(
            failed("défaut".encode(charset), f"text/plain; charset={charset}")
            for charset in ("latin-1", "utf-16")
        ),
        failed("x", "text/plain; charset=nonsense"),
        failed(bytes(range(256)), "application/octet-stream"),
        *(failed("{not packed}", coding=coding) for coding in ("gzip", "x-new")),
    ],
}


@pytest.mark.parametrize(
    ("says", "response"),
    [(says, response) for says, responses in DRESSES.items() for response in responses],
    ids=lambda cell: cell if isinstance(cell, str) else "",
)
@pytest.mark.parametrize("status", [500, 400])
def test_an_error_body_never_makes_a_second_error(
    endings: Endings, says: str, response: bytes, status: int
) -> None:
    """The class is that of the status; a detail or a title is told; `data` is there only if it parses."""
    step = reply(
        response.replace(b"500 Internal Server Error", f"{status} Nope".encode(), 1)
    )
    error = endings.play(
        Fault((step,), CLASSES[status], (str(status), says), settings={"retries": 0})
    )
    assert error.status == status
    if error.data is not None:
        assert isinstance(error.data, ErrorResponse | HTTPValidationError)


def test_the_documented_errors_are_parsed(service: Service, make_api: MakeApi) -> None:
    """500 comes with an ErrorResponse; 422 with FastAPI's list, which may name the cookie whose value is hidden."""
    with pytest.raises(ServiceException, match="ledger is closed") as broken:
        make_api(service.url, access_token=BROKEN_TOKEN, retries=0).get_credits()
    assert broken.value.data.code == "ledger_closed"
    with pytest.raises(
        at_client.UnprocessableEntityException, match=r"cookie\.auth_token"
    ) as wrong:
        make_api(service.url, access_token=INVALID_TOKEN).get_credits(auth_token=COOKIE)
    assert wrong.value.data.detail[0].loc == ["cookie", "auth_token"]


@pytest.mark.parametrize(
    ("retry", "status", "attempts"),
    [
        *((urllib3.Retry(total), 503, 1) for total in (0, False)),
        (urllib3.Retry(4, status_forcelist=[503], backoff_factor=0), 503, 5),
        (urllib3.Retry(1, status_forcelist=[418], backoff_factor=0), 418, 2),
        (urllib3.Retry(3, status_forcelist=[418]), 500, 1),
        (urllib3.Retry(5, status=0, status_forcelist=[503]), 503, 1),
        (urllib3.Retry(3, status_forcelist=[503], allowed_methods=["PUT"]), 503, 1),
        (urllib3.Retry(5, read=1, backoff_factor=0), None, 2),
    ],
)
def test_a_urllib3_retry_is_obeyed(
    endings: Endings, retry: urllib3.Retry, status: int | None, attempts: int
) -> None:
    """Who gives a `urllib3.Retry` gets its numbers, its statuses and its methods, for lost connections, too."""
    step = reply(CLOSE) if status is None else reply(answer(b"", status))
    expected = at_client.ApiConnectionException if status is None else CLASSES[status]
    endings.play(
        Fault((step,) * attempts, expected, (), attempts, settings={"retries": retry})
    )


def test_waits_are_the_documented_ones(make_api: MakeApi, wire: Wire) -> None:
    """Half a second, then a whole one, each shortened by jitter at most by half."""
    wire.play(reply(answer(b"", 503)), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    first, second = (after - before for before, after in pairwise(wire.times))
    assert 0.24 < first < 0.7
    assert 0.49 < second < 1.2


def later(status: int, when: str | int) -> bytes:
    """Answer with a `Retry-After`; a number is written as the date that many seconds from now."""
    value = (
        when
        if isinstance(when, str)
        else email.utils.formatdate(time.time() + when, usegmt=True)
    )
    return answer(b"", status, headers=[("Retry-After", value)])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("when", "least", "most"),
    [
        *(
            ("0.3", 0.29, 0.5),
            ("1", 0.99, 1.3),
            (2, 0.9, 2.4),
        ),  # a date has whole seconds (RFC 9110 section 10.2.3)
        *(
            (when, 0.0, 0.2)
            for when in (
                "0",
                -9,
                "soon",
                "",
                "-1",
                "1,5",
                "1e2",
                "nan",
                "inf",
                "0x10",
                "\u00b2",
            )
        ),
    ],
)
@pytest.mark.usefixtures("short_waits")
def test_retry_after(
    make_api: MakeApi,
    wire: Wire,
    status: int,
    when: str | int,
    least: float,
    most: float,
) -> None:
    """Seconds and dates are honoured; nonsense leaves the client to its own short wait."""
    wire.play(reply(later(status, when)))
    assert good_call(make_api(wire.url))
    before, after = wire.times
    assert least <= after - before < most


@pytest.mark.parametrize(
    ("when", "seconds", "timeout"),
    [
        ("61", 61.0, 120.0),
        ("9" * 11, float("9" * 11), 120.0),
        (3600, pytest.approx(3600, abs=3), 5.0),
        ("5", 5.0, 1.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_long_retry_after(
    endings: Endings, status: int, when: str | int, seconds: object, timeout: float
) -> None:
    """More than a minute, or than the deadline allows, is left to the caller, who finds it in `retry_after`."""
    began = time.monotonic()
    says = (str(status), "wait")
    raised = endings.play(
        Fault((reply(later(status, when)),), CLASSES[status], says, timeout=timeout)
    )
    assert raised.retry_after == seconds
    assert time.monotonic() - began < 0.8


def test_the_last_refusal_carries_its_retry_after(endings: Endings) -> None:
    """When the attempts are used up, `retry_after` says what the last answer asked for."""
    raised = endings.play(
        Fault((reply(later(429, "0")),) * 3, CLASSES[429], attempts=3)
    )
    assert raised.retry_after == 0.0


def redirect(target: str | None, status: int = 302) -> bytes:
    """Answer with a redirect."""
    return answer(b"", status, headers=[] if target is None else [("Location", target)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_a_redirect_in_the_origin_is_followed(
    make_api: MakeApi, wire: Wire, status: int, *, absolute: bool
) -> None:
    """The service may move a path; credentials go along, for it is the same origin."""
    wire.play(
        reply(redirect((wire.url if absolute else "") + "/v2/credits?x=1", status))
    )
    assert make_api(wire.url).get_credits(auth_token=COOKIE).remaining == 750
    assert wire.requests[1].startswith(b"GET /v2/credits?x=1 HTTP/1.1\r\n")
    assert TOKEN.encode() in wire.requests[1]
    assert COOKIE.encode() in wire.requests[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("target", "says"),
    [
        *(
            (f"{scheme}://127.0.0.1:{{port}}/api/v1/credits", "127.0.0.1:{port}")
            for scheme in ("http", "https", "ftp")
        ),
        ("http://localhost:{port}/x", "localhost:{port}"),
        *(
            (f"{start}elsewhere.example/x", "elsewhere.example")
            for start in ("https://", "//", "http://127.0.0.1:{port}@")
        ),
        ("http://elsewhere.example\\@127.0.0.1:{port}/x", ""),
        *(
            (target, "")
            for target in (
                "file:///etc/passwd",
                "javascript:alert(1)",
                "http://",
                "http://[::1",
                "",
                None,
            )
        ),
        *((f"http://127.0.0.1:{port}/", "") for port in ("99999", "port")),
    ],
)
def test_a_redirect_that_leads_away(
    endings: Endings, wire: Wire, status: int, target: str | None, says: str
) -> None:
    """Another host, port or scheme, or nothing: the error names the target's host; the token has gone nowhere."""
    step = reply(
        redirect(target and target.replace("{port}", str(wire.port)), status), CLOSE
    )
    error = endings.play(
        Fault((step,), ApiException, (str(status), says.format(port=wire.port)))
    )
    assert (error.status, wire.connections) == (status, 0)


def test_redirects_without_end_are_an_error(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """Five are followed, the sixth is told."""
    wire.play(otherwise=reply(redirect("/again")))
    api = make_api(wire.url)
    error = endings.of(api, Fault((), ApiException, ("redirect", "127.0.0.1")))
    assert (error.status, len(wire.requests)) == (302, 6)
    wire.play(*(reply(redirect(f"/{n}")) for n in range(5)))
    assert good_call(api)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_a_get_is_redirected(
    make_client: Callable[..., at_client.ApiClient], wire: Wire, method: str
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
    """A redirect, a lost connection and an answer: attempts and deadline are the call's."""
    wire.play(reply(redirect("/v2")), reply(CLOSE))
    assert good_call(make_api(wire.url, timeout=5.0))


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
    done = subprocess.run(
        [sys.executable, "-c", FULL, wire.url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ServiceException 500 why\n", done.stderr
