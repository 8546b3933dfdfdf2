"""The errors: their tree, what each one says, what it carries, and that all of it survives a pickle."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from at_client import ErrorResponse, HTTPValidationError, exceptions
from at_client.exceptions import (
    MAX_DETAIL,
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
    render_path,
    strip_tracebacks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = "GET https://api.example.com/api/v1/credits"


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
ADVICE = exceptions._ADVICE
SERVICE = "The service failed; try again later."


def test_the_tree_is_the_published_one() -> None:
    """Every class stands where the docstring of the module draws it."""
    drawn = {}
    parents: list[str] = []
    for line in (exceptions.__doc__ or "").splitlines()[2:]:
        name = line.strip("│├└─ ").split(" ")[0]
        depth = line.index(name) // 4 if name else 0
        parents[depth:] = [name]
        drawn[name] = parents[depth - 1] if depth else "Exception"
    kinds = {k for k in vars(exceptions).values() if isinstance(k, type) and issubclass(k, OpenApiException)}
    found = {k.__name__: (k.__bases__[0].__name__, *(b.__name__ for b in k.__bases__[1:])) for k in kinds}
    argument = found.pop("_ArgumentError")
    assert argument == ("OpenApiException",)
    bases = {name: "OpenApiException" if base == "_ArgumentError" else base for name, (base, *_) in found.items()}
    assert bases == {name: parent for name, parent in drawn.items() if name}
    for builtin in (TypeError, ValueError, KeyError, AttributeError):
        ours = getattr(exceptions, f"Api{builtin.__name__}")
        assert issubclass(ours, builtin)
        assert not issubclass(ours, ApiException)


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        *((BadRequestException, [400]), (UnauthorizedException, [401]), (ForbiddenException, [403])),
        *((NotFoundException, [404]), (ConflictException, [409]), (TooManyRequestsException, [429])),
        *((UnprocessableEntityException, [422]), (ServiceException, [500, 501, 503, 599])),
        (ApiException, [0, 302, 402, 405, 407, 408, 410, 499, 600, 999]),
    ],
)
def test_the_class_for_a_status(kind: type[ApiException], statuses: list[int]) -> None:
    """Each status has its class; the rest of 5xx is the service's fault, anything else just an error."""
    for status in statuses:
        assert exception_class(status) is kind
        with pytest.raises(ApiException) as caught:
            ApiException.from_response(http_resp=Answer(status))
        assert (type(caught.value), caught.value.status) == (kind, status)


ROWS: list[tuple[Callable[[], OpenApiException], str]] = [
    # Arguments and settings.
    (lambda: OpenApiException("plain"), "plain"),
    (lambda: ApiTypeError("must be a str"), "must be a str"),
    (lambda: ApiTypeError("must be a str", ["a", 0]), "must be a str at ['a'][0]"),
    (lambda: ApiTypeError("must be a str", []), "must be a str"),
    (lambda: ApiValueError("must be above 0", ("x",)), "must be above 0 at ['x']"),
    (lambda: ApiAttributeError("no setting 'hots'"), "no setting 'hots'"),
    (lambda: ApiKeyError("no scheme", ["basic"]), "no scheme at ['basic']"),
    # No response.
    (ApiException, "The call failed"),
    (lambda: ApiException(status=None, reason=""), "The call failed"),
    (lambda: ApiException(reason="api.example.com:443: refused."), "api.example.com:443: refused."),
    (lambda: ApiTimeoutException(reason="too late."), "too late."),
    (lambda: ServiceException(500, message="All of it."), "All of it."),
    # A status alone; the reason of one made by hand is shown.
    (lambda: BadRequestException(400), "400 Bad Request"),
    (lambda: UnauthorizedException(401), f"401 Unauthorized. {ADVICE[401]}"),
    (lambda: ApiException(402), "402 Payment Required. Buy credits, or wait for the reset."),
    (lambda: NotFoundException(404), f"404 Not Found. {ADVICE[404]}"),
    (lambda: ServiceException(599), f"599. {SERVICE}"),
    (lambda: ApiException(418), "418 I'm a Teapot"),
    (lambda: ApiException(799), "799"),
    (lambda: ApiException(400, "Whatever it is"), "400 Whatever it is"),
    # How long to wait.
    (
        lambda: TooManyRequestsException(429, retry_after=1.5),
        "429 Too Many Requests. Call less often. The service asks to wait 1.5 s.",
    ),
    (
        lambda: ServiceException(503, retry_after=0.0),
        f"503 Service Unavailable. {SERVICE} The service asks to wait 0 s.",
    ),
    (lambda: ApiException(425, retry_after=3), "425 Too Early. The service asks to wait 3 s."),
    # Who answered, and what it said; the reason phrase is the registered one, whatever the server wrote.
    (lambda: BadRequestException(http_resp=Answer(400, "Odd", source=SOURCE)), f"400 Bad Request from {SOURCE}"),
    (
        lambda: UnauthorizedException(http_resp=Answer(401, data=detail("Not you").encode(), source=SOURCE)),
        f"401 Unauthorized from {SOURCE}: Not you. {ADVICE[401]}",
    ),
    (lambda: ForbiddenException(403, body=detail("No.")), f"403 Forbidden: No. {ADVICE[403]}"),
    (lambda: BadRequestException(400, body=detail(LIST)), "400 Bad Request: cookie.auth_token: Too long"),
    (lambda: BadRequestException(400, body=detail(LIST[1:])), "400 Bad Request: query.0: Other"),
    (lambda: ServiceException(502, body="<html><TITLE>502\nBad</TITLE>"), f"502 Bad Gateway: 502 Bad. {SERVICE}"),
    # One line, whatever it is.
    (lambda: BadRequestException(400, body=detail(" a\r\n\tb  c. ")), "400 Bad Request: a b c"),
    (lambda: BadRequestException(400, body=detail("a\x00\x1b[31mb")), "400 Bad Request: a [31mb"),
    (lambda: BadRequestException(400, body=detail("Größe")), "400 Bad Request: Größe"),
    (lambda: BadRequestException(400, body=detail("x" * 300)), f"400 Bad Request: {'x' * 300}"),
    (lambda: BadRequestException(400, body=detail("x" * 301)), f"400 Bad Request: {'x' * 300}…"),
]
SILENT = ["", "<html>Bad</html>", "{}", "[]", "7", "null", "[" * 200_000, '{"detail": 1' + "0" * 5000 + "}"]
SILENT += map(detail, (None, "", 7, [], ["text"], [{"loc": 7, "msg": "x"}], [{"msg": "x"}]))


@pytest.mark.parametrize(("make", "says"), ROWS, ids=[says[:40] for _, says in ROWS])
def test_what_an_error_says(make: Callable[[], OpenApiException], says: str) -> None:
    """`str()` is one line: what was answered, by whom, why, and what to do."""
    assert str(make()) == says


@pytest.mark.parametrize("body", SILENT, ids=lambda body: body[:20])
def test_a_body_that_says_nothing(body: str) -> None:
    """It is no second error, and adds nothing to the line."""
    assert str(BadRequestException(400, body=body)) == "400 Bad Request"


def test_every_status_with_a_class_says_what_to_do() -> None:
    """Each has its advice, but 400, where only the service can know; and no explanation is quoted at length."""
    assert set(exceptions._BY_STATUS) - set(ADVICE) == {400}
    assert all(text.endswith(".") for text in ADVICE.values())
    assert MAX_DETAIL == 300


@pytest.mark.parametrize(
    ("path", "written"), [((), ""), (["loc"], "['loc']"), (["loc", 0, "a'b"], "['loc'][0][\"a'b\"]")]
)
def test_a_path_is_written_as_python_would(path: list[str | int], written: str) -> None:
    """The way to an item is what one would type to get there."""
    assert render_path(path) == written


def test_an_argument_error_keeps_its_parts() -> None:
    """What the generator's classes carry is there to be read."""
    error = ApiTypeError("wrong", ["a"], (int, str), key_type=True)
    assert (error.path_to_item, error.valid_classes, error.key_type) == (["a"], (int, str), True)
    error = ApiTypeError("wrong")
    assert (error.path_to_item, error.valid_classes, error.key_type) == (None, None, None)
    assert ApiKeyError("wrong", ["a", 0]).path_to_item == ["a", 0]


def test_a_failed_call_keeps_its_parts() -> None:
    """Status, reason, headers, body, data and the wait asked for are attributes; without a response, status is 0."""
    parts = {"headers": {"Server": "x"}, "body": "text", "data": ErrorResponse(detail="x"), "retry_after": 2.5}
    assert vars(ApiException(503, "Busy", **parts)) == {"status": 503, "reason": "Busy", **parts}
    assert vars(ApiException()) == {"status": 0, "reason": None, **dict.fromkeys(parts)}


def test_parts_are_taken_from_the_response() -> None:
    """A response gives what was not given beside it; what is given takes precedence."""
    answer = Answer(503, "Busy", {"Server": "x"}, b'{"a": "\xc3\xa4\xff"}')
    error = ApiException(http_resp=answer)
    assert (error.status, error.reason, error.headers) == (503, "Busy", {"Server": "x"})
    assert error.body == '{"a": "ä�"}'
    assert ApiException(http_resp=Answer(204)).body is None
    error = ApiException(0, "", answer, body="", headers={})
    assert (error.status, error.reason, error.headers, error.body) == (0, "", {}, "")


def test_a_response_without_headers_of_its_own_is_asked_for_them() -> None:
    """Older responses of generated clients have only `getheaders()`."""

    class Old:
        status, reason, data = 500, "R", "text"

        def getheaders(self) -> dict[str, str]:
            return {"Server": "x"}

    error = ApiException(http_resp=Old())
    assert (error.headers, error.body) == ({"Server": "x"}, "text")


def test_an_error_of_a_response_keeps_what_it_is_given() -> None:
    """`from_response` raises the class for the status, as generated clients do."""
    answer = Answer(429, "Slow", {"Retry-After": "3"}, b"{}", SOURCE)
    with pytest.raises(TooManyRequestsException, match=SOURCE) as caught:
        ApiException.from_response(http_resp=answer, body="x", data=7, retry_after=3.0)
    error = caught.value
    assert (error.status, error.reason, error.headers) == (429, "Slow", {"Retry-After": "3"})
    assert (error.body, error.data, error.retry_after) == ("x", 7, 3.0)


HEADERS = urllib3.HTTPHeaderDict([("Retry-After", "3"), ("X-Two", "a"), ("X-Two", "b")])
PARTS: dict[str, Any] = {"body": detail("x"), "data": ErrorResponse(detail="x"), "headers": HEADERS}
ALL = [
    OpenApiException("plain"),
    ApiTypeError("wrong", ["a", 0], (int,), key_type=False),
    *(kind("wrong", ["a", 0]) for kind in (ApiValueError, ApiKeyError, ApiAttributeError)),
    *(kind(status, "R", retry_after=3.0, **PARTS) for status, kind in exceptions._BY_STATUS.items()),
    *(kind(503, "R", **PARTS) for kind in (ApiException, ServiceException)),
    ApiException(422, data=HTTPValidationError(detail="x"), message="Words of our own."),
    *(kind(reason="refused.") for kind in (ApiConnectionException, ApiTimeoutException)),
    ApiDecodeException(http_resp=Answer(200, "OK", HEADERS, b"<html>", SOURCE), message="HTML."),
]


def test_every_class_is_among_those_that_are_pickled() -> None:
    """A class that the tree gains is pickled below, too."""
    kinds = {k for k in vars(exceptions).values() if isinstance(k, type) and issubclass(k, OpenApiException)}
    assert {kind for kind in kinds if kind.__name__[0] != "_"} == {type(error) for error in ALL}


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_pickles_whole(error: OpenApiException) -> None:
    """What comes out of a pickle or a copy says the same and carries the same, notes included."""
    error.job = "nightly"  # type: ignore[attr-defined]  # added on the way
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    twins = [pickle.loads(pickle.dumps(error, protocol)) for protocol in protocols]  # noqa: S301  # our own bytes
    for twin in (*twins, copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert twin is not error
        assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), error.args)
        assert vars(twin) == vars(error)


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """Raise an error, so that it has a frame, and give it back."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_a_cause_loses_its_frames() -> None:
    """Frames hold variables, and those what a server sent: of a cause, its cause and its context none is left."""
    context = raised(ValueError("context"))
    cause = raised(LookupError("cause"))
    cause.__context__ = context
    error = raised(RuntimeError("error"), cause)
    assert strip_tracebacks(error) is error
    assert (error.__cause__, cause.__context__) == (cause, context)
    assert [e.__traceback__ for e in (error, cause, context)] == [None, None, None]
