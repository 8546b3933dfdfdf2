"""The errors: their tree, what each one says, what it carries, and that all of it survives a pickle."""

import copy
import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
import urllib3

from at_client import ErrorResponse, HTTPValidationError, exceptions
from at_client.exceptions import (
    ApiAttributeError,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiKeyError,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    OpenApiException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
    exception_class,
)

SOURCE = "GET https://api.example.com/api/v1/credits"
STATUSES: dict[type[ApiException], list[int]] = {
    BadRequestException: [400],
    UnauthorizedException: [401],
    ForbiddenException: [403],
    NotFoundException: [404],
    ConflictException: [409],
    UnprocessableEntityException: [422],
    TooManyRequestsException: [429],
    ServiceException: [500, 501, 503, 599],
    ApiException: [0, 302, 402, 405, 407, 408, 410, 499, 600, 999],
}
"""The statuses that a class stands for."""

PUBLIC = [
    kind
    for name, kind in vars(exceptions).items()
    if name[0] != "_" and isinstance(kind, type)
]
KINDS = [kind for kind in PUBLIC if issubclass(kind, OpenApiException)]


@dataclass
class Answer:
    """A response, as far as an error reads it."""

    status: int
    reason: str | None = None
    headers: Mapping[str, str] | None = None
    data: bytes | None = None
    source: str | None = None


def detail(text: object) -> str:
    return json.dumps({"detail": text})


LIST = [
    {"loc": ["cookie", "auth_token"], "msg": "Too long", "type": "too_long"},
    {"loc": ["query", 0], "msg": "Other", "type": "other"},
]


def test_the_tree_is_the_published_one() -> None:
    """Every class stands where the docstring of the module draws it."""
    found = {
        kind.__name__: [each.__name__ for each in kind.__mro__ if each in KINDS]
        for kind in KINDS
    }
    line: list[str] = []
    for indent, name in re.findall(
        r"^([ │├└─]*)(\w+)(?:$|  | \()", exceptions.__doc__ or "", re.MULTILINE
    ):
        line[len(indent) // 4 :] = [name]
        assert found.pop(name) == line[::-1]
    assert found == {}
    for builtin in (TypeError, ValueError, KeyError, AttributeError):
        assert issubclass(getattr(exceptions, f"Api{builtin.__name__}"), builtin)


@pytest.mark.parametrize("kind", STATUSES)
def test_the_class_for_a_status(kind: type[ApiException]) -> None:
    """Each status has its class; the rest of 5xx is the service's fault, anything else just an error."""
    for status in STATUSES[kind]:
        assert exception_class(status) is kind
        with pytest.raises(ApiException) as caught:
            ApiException.from_response(http_resp=Answer(status))
        assert (type(caught.value), caught.value.status) == (kind, status)


SET_TOKEN = (
    "Set ACCESS_TOKEN (Configuration.access_token): it is missing, wrong or expired."
)
OTHER_ACCOUNT = (
    "The access token does not allow this; use one from an account that has permission."
)
SERVICE = "The service failed; try again later."
RIGHT_HOST = "Check AT_CLIENT_HOST or Configuration.host, its path prefix included."
LOOK_AGAIN = (
    "The account was changed in the meantime; check its current state, then try again."
)

ROWS: list[tuple[OpenApiException, str]] = [
    # Arguments and settings.
    (OpenApiException("plain"), "plain"),
    (ApiTypeError("must be a str"), "must be a str"),
    (ApiTypeError("must be a str", ["a", 0]), "must be a str at ['a'][0]"),
    (ApiTypeError("must be a str", []), "must be a str"),
    (ApiValueError("must be above 0", ("a'b",)), 'must be above 0 at ["a\'b"]'),
    (ApiAttributeError("no setting 'hots'"), "no setting 'hots'"),
    (ApiKeyError("no scheme", ["basic"]), "no scheme at ['basic']"),
    # No response.
    (ApiException(), "The call failed"),
    (ApiException(status=None, reason=""), "The call failed"),
    (
        ApiException(reason="api.example.com:443: refused."),
        "api.example.com:443: refused.",
    ),
    (ApiTimeoutException(reason="too late."), "too late."),
    (ServiceException(500, message="All of it."), "All of it."),
    # A status alone says what to do; the reason of one made by hand is shown.
    (BadRequestException(400), "400 Bad Request"),
    (UnauthorizedException(401), f"401 Unauthorized. {SET_TOKEN}"),
    (ApiException(402), "402 Payment Required. Buy credits, or wait for the reset."),
    (ForbiddenException(403), f"403 Forbidden. {OTHER_ACCOUNT}"),
    (NotFoundException(404), f"404 Not Found. {RIGHT_HOST}"),
    (ConflictException(409), f"409 Conflict. {LOOK_AGAIN}"),
    (
        UnprocessableEntityException(422),
        f"422 {HTTPStatus(422).phrase}. Correct the parameter that it names.",
    ),
    (TooManyRequestsException(429), "429 Too Many Requests. Call less often."),
    (ServiceException(599), f"599. {SERVICE}"),
    (ApiException(418), "418 I'm a Teapot"),
    (ApiException(799), "799"),
    (ApiException(400, "Whatever it is"), "400 Whatever it is"),
    # How long to wait.
    (
        ApiException(425, retry_after=1.5),
        "425 Too Early. The service asks you to wait 1.5 s.",
    ),
    (
        ServiceException(599, retry_after=0.0),
        f"599. {SERVICE} The service asks you to wait 0 s.",
    ),
    # Who answered, and what it said; the reason phrase is the registered one, whatever the server wrote.
    (
        BadRequestException(http_resp=Answer(400, "Odd", source=SOURCE)),
        f"400 Bad Request from {SOURCE}",
    ),
    (
        UnauthorizedException(
            http_resp=Answer(401, data=detail("Not you").encode(), source=SOURCE)
        ),
        f"401 Unauthorized from {SOURCE}: Not you. {SET_TOKEN}",
    ),
    (
        ForbiddenException(403, body=detail("No.")),
        f"403 Forbidden: No. {OTHER_ACCOUNT}",
    ),
    (
        BadRequestException(400, body=detail(LIST)),
        "400 Bad Request: cookie.auth_token: Too long",
    ),
    (
        BadRequestException(400, body=detail(LIST[1:])),
        "400 Bad Request: query.0: Other",
    ),
    (
        ServiceException(502, body="<html><TITLE>502\nBad</TITLE>"),
        f"502 Bad Gateway: 502 Bad. {SERVICE}",
    ),
    # One line, whatever it is.
    (BadRequestException(400, body=detail(" a\r\n\tb  c. ")), "400 Bad Request: a b c"),
    (
        BadRequestException(400, body=detail("a\x00\x1b[31mb")),
        "400 Bad Request: a [31mb",
    ),
    (BadRequestException(400, body=detail("Größe")), "400 Bad Request: Größe"),
    (BadRequestException(400, body=detail("x" * 300)), f"400 Bad Request: {'x' * 300}"),
    (
        BadRequestException(400, body=detail("x" * 301)),
        f"400 Bad Request: {'x' * 300}…",
    ),
]
SILENT = [
    "",
    "<html>Bad</html>",
    "{}",
    "[]",
    "7",
    "null",
    "[" * 200_000,
    '{"detail": 1' + "0" * 5000 + "}",
]
SILENT += map(
    detail, (None, "", 7, [], ["text"], [{"loc": 7, "msg": "x"}], [{"msg": "x"}])
)


@pytest.mark.parametrize(("error", "says"), ROWS, ids=[says[:40] for _, says in ROWS])
def test_what_an_error_says(error: OpenApiException, says: str) -> None:
    """`str()` is one line: what was answered, by whom, why, and what to do."""
    assert str(error) == says


@pytest.mark.parametrize("body", SILENT, ids=lambda body: body[:20])
def test_a_body_that_says_nothing(body: str) -> None:
    """It is no second error, and adds nothing to the line."""
    assert str(BadRequestException(400, body=body)) == "400 Bad Request"


def test_an_argument_error_keeps_its_parts() -> None:
    """What the generator's classes carry is there to be read."""
    error = ApiTypeError("wrong", ["a"], (int, str), key_type=True)
    assert (error.path_to_item, error.valid_classes, error.key_type) == (
        ["a"],
        (int, str),
        True,
    )
    error = ApiTypeError("wrong")
    assert (error.path_to_item, error.valid_classes, error.key_type) == (
        None,
        None,
        None,
    )
    assert ApiKeyError("wrong", ["a", 0]).path_to_item == ["a", 0]


def test_a_failed_call_keeps_its_parts() -> None:
    """A response gives what was not given beside it; what is given takes precedence; without either, status is 0."""
    response = Answer(429, "Slow", {"Server": "x"}, b'{"a": "\xc3\xa4\xff"}', SOURCE)
    with pytest.raises(TooManyRequestsException, match=SOURCE) as caught:
        ApiException.from_response(http_resp=response)
    parts = {
        "status": 429,
        "reason": "Slow",
        "headers": {"Server": "x"},
        "body": '{"a": "ä\ufffd"}',
    }
    assert vars(caught.value) == {**parts, "data": None, "retry_after": None}
    given = {
        "status": 0,
        "reason": "",
        "headers": {},
        "body": "",
        "data": 7,
        "retry_after": 3.0,
    }
    assert vars(ApiException(http_resp=response, **given)) == given
    assert vars(ApiException()) == {**dict.fromkeys(given), "status": 0}
    assert ApiException(http_resp=Answer(204)).body is None


HEADERS = urllib3.HTTPHeaderDict([("Retry-After", "3"), ("X-Two", "a"), ("X-Two", "b")])
PARTS: dict[str, Any] = {
    "body": detail("x"),
    "data": ErrorResponse(detail="x"),
    "headers": HEADERS,
}
ALL = [
    OpenApiException("plain"),
    ApiTypeError("wrong", ["a", 0], (int,), key_type=False),
    *(
        kind("wrong", ["a", 0])
        for kind in (ApiValueError, ApiKeyError, ApiAttributeError)
    ),
    *(
        kind(statuses[-1], "R", retry_after=3.0, **PARTS)
        for kind, statuses in STATUSES.items()
    ),
    ApiException(
        422, data=HTTPValidationError(detail="x"), message="Words of our own."
    ),
    *(
        kind(reason="refused.")
        for kind in (ApiConnectionException, ApiTimeoutException)
    ),
    ApiDecodeException(
        http_resp=Answer(200, "OK", HEADERS, b"<html>", SOURCE), message="HTML."
    ),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_pickles_whole(error: OpenApiException) -> None:
    """What comes out of a pickle or a copy says the same and carries the same, notes included."""
    assert {type(each) for each in ALL} == set(KINDS)
    error.job = "nightly"  # type: ignore[attr-defined]  # added on the way
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    twins = [pickle.loads(pickle.dumps(error, protocol)) for protocol in protocols]  # noqa: S301  # our own bytes
    for twin in (*twins, copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert twin is not error
        assert (str(twin), repr(twin), twin.args) == (
            str(error),
            repr(error),
            error.args,
        )
        assert vars(twin) == vars(error)
