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
    bare,
    exception_class,
    render_path,
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


FASTAPI = [
    {"loc": ["cookie", "auth_token"], "msg": "String too long", "type": "too_long"},
    {"loc": ["query", 0], "msg": "Other", "type": "other"},
]
UNAUTHORIZED = "Set Configuration.access_token to a valid token; this one is missing, wrong or expired."
FORBIDDEN = "The access token does not permit this; use one of an account that may."
NOT_FOUND = "Check Configuration.host and its path prefix."
SERVICE = "The service failed; try again later."


def test_the_tree_is_the_published_one() -> None:
    """Every class stands where the documentation puts it."""
    bases = {
        kind.__name__: [base.__name__ for base in kind.__bases__]
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, OpenApiException)
    }
    assert bases == {
        "OpenApiException": ["Exception"],
        "_ArgumentError": ["OpenApiException"],
        "ApiTypeError": ["_ArgumentError", "TypeError"],
        "ApiValueError": ["_ArgumentError", "ValueError"],
        "ApiKeyError": ["_ArgumentError", "KeyError"],
        "ApiAttributeError": ["_ArgumentError", "AttributeError"],
        "ApiException": ["OpenApiException"],
        "BadRequestException": ["ApiException"],
        "UnauthorizedException": ["ApiException"],
        "ForbiddenException": ["ApiException"],
        "NotFoundException": ["ApiException"],
        "ConflictException": ["ApiException"],
        "UnprocessableEntityException": ["ApiException"],
        "TooManyRequestsException": ["ApiException"],
        "ServiceException": ["ApiException"],
        "ApiConnectionException": ["ApiException"],
        "ApiTimeoutException": ["ApiConnectionException"],
        "ApiDecodeException": ["ApiException"],
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0, ApiException),
        (302, ApiException),
        (400, BadRequestException),
        (401, UnauthorizedException),
        (402, ApiException),
        (403, ForbiddenException),
        (404, NotFoundException),
        (405, ApiException),
        (407, ApiException),
        (408, ApiException),
        (409, ConflictException),
        (410, ApiException),
        (422, UnprocessableEntityException),
        (429, TooManyRequestsException),
        (499, ApiException),
        (500, ServiceException),
        (501, ServiceException),
        (503, ServiceException),
        (599, ServiceException),
        (600, ApiException),
        (999, ApiException),
    ],
)
def test_the_class_for_a_status(status: int, kind: type[ApiException]) -> None:
    """Each status has its class; the rest of 5xx is the service's fault, anything else just an error."""
    assert exception_class(status) is kind
    error = ApiException.from_response(http_resp=Answer(status))
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    ("make", "says"),
    [
        # Arguments and settings.
        (lambda: OpenApiException("plain"), "plain"),
        (lambda: ApiTypeError("must be a str"), "must be a str"),
        (lambda: ApiTypeError("must be a str", ["a", 0]), "must be a str at ['a'][0]"),
        (lambda: ApiTypeError("must be a str", []), "must be a str"),
        (lambda: ApiValueError("must be above 0"), "must be above 0"),
        (lambda: ApiValueError("must be above 0", ("x",)), "must be above 0 at ['x']"),
        (lambda: ApiAttributeError("no setting 'hots'"), "no setting 'hots'"),
        (lambda: ApiAttributeError("no setting", [1]), "no setting at [1]"),
        (lambda: ApiKeyError("no scheme 'basic'"), "no scheme 'basic'"),
        (lambda: ApiKeyError("no scheme", ["basic"]), "no scheme at ['basic']"),
        # No response.
        (ApiException, "The call failed"),
        (lambda: ApiException(0), "The call failed"),
        (lambda: ApiException(status=None, reason=""), "The call failed"),
        (
            lambda: ApiException(reason="api.example.com:443: refused."),
            "api.example.com:443: refused.",
        ),
        (lambda: ApiConnectionException(reason="refused."), "refused."),
        (lambda: ApiTimeoutException(reason="too late."), "too late."),
        (lambda: ApiException(message="All of it."), "All of it."),
        (lambda: ServiceException(500, message="All of it."), "All of it."),
        # A status alone.
        (lambda: BadRequestException(400), "400 Bad Request"),
        (lambda: UnauthorizedException(401), f"401 Unauthorized. {UNAUTHORIZED}"),
        (lambda: ForbiddenException(403), f"403 Forbidden. {FORBIDDEN}"),
        (lambda: NotFoundException(404), f"404 Not Found. {NOT_FOUND}"),
        (lambda: ConflictException(409), "409 Conflict"),
        (lambda: TooManyRequestsException(429), "429 Too Many Requests. Call less often."),
        (lambda: ServiceException(500), f"500 Internal Server Error. {SERVICE}"),
        (lambda: ServiceException(599), f"599. {SERVICE}"),
        (lambda: ApiException(418), "418 I'm a Teapot"),
        (lambda: ApiException(799), "799"),
        (lambda: ApiException(400, "Whatever the server wrote"), "400 Bad Request"),
        # How long to wait.
        (
            lambda: TooManyRequestsException(429, retry_after=7.0),
            "429 Too Many Requests. Call less often. The service asks to wait 7 s.",
        ),
        (
            lambda: TooManyRequestsException(429, retry_after=1.5),
            "429 Too Many Requests. Call less often. The service asks to wait 1.5 s.",
        ),
        (
            lambda: ServiceException(503, retry_after=0.0),
            f"503 Service Unavailable. {SERVICE} The service asks to wait 0 s.",
        ),
        (lambda: ApiException(413, retry_after=3), "413 {}. The service asks to wait 3 s."),
        # Who answered, and what it said.
        (
            lambda: BadRequestException(http_resp=Answer(400, source=SOURCE)),
            f"400 Bad Request from {SOURCE}",
        ),
        (
            lambda: UnauthorizedException(
                http_resp=Answer(401, data=detail("Not authenticated").encode(), source=SOURCE)
            ),
            f"401 Unauthorized from {SOURCE}: Not authenticated. {UNAUTHORIZED}",
        ),
        (
            lambda: NotFoundException(http_resp=Answer(404, source=SOURCE)),
            f"404 Not Found from {SOURCE}. {NOT_FOUND}",
        ),
        (lambda: BadRequestException(400, body=detail("Too bad.")), "400 Bad Request: Too bad"),
        (lambda: ForbiddenException(403, body=detail("No.")), f"403 Forbidden: No. {FORBIDDEN}"),
        (
            lambda: UnprocessableEntityException(422, body=detail(FASTAPI)),
            "422 {}: cookie.auth_token: String too long",
        ),
        (
            lambda: BadRequestException(400, body=detail(FASTAPI[1:])),
            "400 Bad Request: query.0: Other",
        ),
        # One line, whatever it is.
        (lambda: BadRequestException(400, body=detail(" a\r\n\tb  c ")), "400 Bad Request: a b c"),
        (
            lambda: BadRequestException(400, body=detail("a\x00\x1b[31mb")),
            "400 Bad Request: a [31mb",
        ),
        (lambda: BadRequestException(400, body=detail("Größe")), "400 Bad Request: Größe"),
        (
            lambda: BadRequestException(400, body=detail("x" * MAX_DETAIL)),
            f"400 Bad Request: {'x' * MAX_DETAIL}",
        ),
        (
            lambda: BadRequestException(400, body=detail("x" * (MAX_DETAIL + 1))),
            f"400 Bad Request: {'x' * MAX_DETAIL}…",
        ),
        # A body that says nothing is no second error.
        (
            lambda: BadRequestException(400, body=detail("Not in MAX.")),
            "400 Bad Request: Not in MAX",
        ),
        (lambda: BadRequestException(400, body=""), "400 Bad Request"),
        (lambda: BadRequestException(400, body="<html>Bad</html>"), "400 Bad Request"),
        (lambda: BadRequestException(400, body="{}"), "400 Bad Request"),
        (lambda: BadRequestException(400, body="[]"), "400 Bad Request"),
        (lambda: BadRequestException(400, body="7"), "400 Bad Request"),
        (lambda: BadRequestException(400, body="null"), "400 Bad Request"),
        (lambda: BadRequestException(400, body=detail(None)), "400 Bad Request"),
        (lambda: BadRequestException(400, body=detail("")), "400 Bad Request"),
        (lambda: BadRequestException(400, body=detail(7)), "400 Bad Request"),
        (lambda: BadRequestException(400, body=detail([])), "400 Bad Request"),
        (lambda: BadRequestException(400, body=detail(["text"])), "400 Bad Request"),
        (
            lambda: BadRequestException(400, body=detail([{"loc": 7, "msg": "x"}])),
            "400 Bad Request",
        ),
        (lambda: BadRequestException(400, body=detail([{"msg": "x"}])), "400 Bad Request"),
        (lambda: BadRequestException(400, body="[" * 200_000), "400 Bad Request"),
        (
            lambda: BadRequestException(400, body='{"detail": 1' + "0" * 5000 + "}"),
            "400 Bad Request",
        ),
    ],
)
def test_what_an_error_says(make: Callable[[], OpenApiException], says: str) -> None:
    """`str()` is one line: what was answered, by whom, why, and what to do."""
    error = make()
    # Python 3.13 has the newer names of 413 and 422.
    expected = says.replace("{}", exceptions._phrase(getattr(error, "status", 0)))
    assert str(error) == expected
    assert "\n" not in str(error)


def test_how_much_of_an_explanation_is_quoted() -> None:
    """A message stays readable however much the service has to say."""
    assert MAX_DETAIL == 300


@pytest.mark.parametrize(
    ("path", "written"),
    [((), ""), (["loc"], "['loc']"), (["loc", 0, "a'b"], "['loc'][0][\"a'b\"]")],
)
def test_a_path_is_written_as_python_would(path: list[str | int], written: str) -> None:
    """The way to an item is what one would type to get there."""
    assert render_path(path) == written


def test_an_argument_error_keeps_its_parts() -> None:
    """What the generator's classes carry is there to be read."""
    error = ApiTypeError("wrong", ["a"], (int, str), key_type=True)
    assert (error.path_to_item, error.valid_classes, error.key_type) == (["a"], (int, str), True)
    bare = ApiTypeError("wrong")
    assert (bare.path_to_item, bare.valid_classes, bare.key_type) == (None, None, None)
    for kind in (ApiValueError, ApiKeyError, ApiAttributeError):
        assert kind("wrong", ["a", 0]).path_to_item == ["a", 0]
        assert kind("wrong").path_to_item is None


def test_a_failed_call_keeps_its_parts() -> None:
    """Status, reason, headers, body, data and the wait asked for are attributes."""
    data = ErrorResponse(detail="x")
    error = ApiException(503, "Busy", body="text", data=data, headers={"Server": "x"}, retry_after=2.5)
    assert (error.status, error.reason, error.body) == (503, "Busy", "text")
    assert error.data is data
    assert error.headers == {"Server": "x"}
    assert error.retry_after == 2.5


def test_a_failed_call_without_parts() -> None:
    """Without a response the status is 0, and there is nothing else."""
    error = ApiException()
    assert vars(error) == {
        "status": 0,
        "reason": None,
        "headers": None,
        "body": None,
        "data": None,
        "retry_after": None,
    }


def test_parts_are_taken_from_the_response() -> None:
    """A response gives what was not given beside it."""
    answer = Answer(503, "Busy", {"Server": "x"}, b'{"a": "\xc3\xa4\xff"}')
    error = ApiException(http_resp=answer)
    assert (error.status, error.reason, error.headers) == (503, "Busy", {"Server": "x"})
    assert error.body == '{"a": "ä�"}'
    assert ApiException(http_resp=Answer(204)).body == ""


def test_parts_given_go_before_those_of_the_response() -> None:
    """Whoever knows better than the response is believed."""
    answer = Answer(503, "Busy", {"Server": "x"}, b"there")
    error = ApiException(0, "Other", answer, body="here", headers={})
    assert (error.status, error.reason, error.headers, error.body) == (0, "Other", {}, "here")
    assert ApiException(0, "", answer, body="").body == ""
    assert ApiException(0, "", answer, body="").reason == ""


def test_making_an_error_of_a_response_passes_everything_on() -> None:
    """`from_response` chooses the class and keeps what it is given."""
    answer = Answer(429, "Slow", {"Retry-After": "3"}, b"{}", SOURCE)
    error = ApiException.from_response(http_resp=answer, body="x", data=7, retry_after=3.0)
    assert type(error) is TooManyRequestsException
    assert (error.status, error.reason, error.headers) == (429, "Slow", {"Retry-After": "3"})
    assert (error.body, error.data, error.retry_after) == ("x", 7, 3.0)
    assert SOURCE in str(error)


HEADERS = urllib3.HTTPHeaderDict([("Retry-After", "3"), ("X-Two", "a"), ("X-Two", "b")])
ALL = [
    OpenApiException("plain"),
    ApiTypeError("wrong", ["a", 0], (int,), key_type=False),
    ApiValueError("wrong", ["a", 0]),
    ApiKeyError("wrong", ["a"]),
    ApiAttributeError("wrong"),
    *(
        kind(
            status,
            "Reason",
            body=detail("x"),
            data=ErrorResponse(detail="x"),
            headers=HEADERS,
            retry_after=3.0,
        )
        for kind, status in [
            (ApiException, 418),
            (BadRequestException, 400),
            (UnauthorizedException, 401),
            (ForbiddenException, 403),
            (NotFoundException, 404),
            (ConflictException, 409),
            (UnprocessableEntityException, 422),
            (TooManyRequestsException, 429),
            (ServiceException, 503),
        ]
    ),
    ApiException(422, data=HTTPValidationError(detail="x"), message="Words of our own."),
    ApiConnectionException(reason="refused."),
    ApiTimeoutException(reason="too late."),
    ApiDecodeException(http_resp=Answer(200, "OK", HEADERS, b"<html>", SOURCE), message="HTML."),
]


def test_every_class_is_among_those_that_are_pickled() -> None:
    """A class that the tree gains is pickled below, too."""
    public = {
        kind
        for name, kind in vars(exceptions).items()
        if isinstance(kind, type) and issubclass(kind, OpenApiException) and name[0] != "_"
    }
    assert public == {type(error) for error in ALL}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_pickles_whole(error: OpenApiException, protocol: int) -> None:
    """What comes out of a pickle says the same and carries the same, with any protocol."""
    twin = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  # our own bytes
    assert_same(twin, error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_every_error_can_be_copied(error: OpenApiException) -> None:
    """A copy, deep or not, is as good as the original."""
    assert_same(copy.copy(error), error)
    assert_same(copy.deepcopy(error), error)


def assert_same(twin: Any, error: OpenApiException) -> None:
    assert type(twin) is type(error)
    assert twin is not error
    assert str(twin) == str(error)
    assert repr(twin) == repr(error)
    assert twin.args == error.args
    assert vars(twin) == vars(error)


def test_notes_survive_a_pickle() -> None:
    """What somebody added on the way is kept."""
    error = ApiException(500)
    error.job = "nightly"  # type: ignore[attr-defined]  # added on the way
    assert pickle.loads(pickle.dumps(error)).job == "nightly"  # noqa: S301  # our own bytes


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ApiTypeError, TypeError),
        (ApiValueError, ValueError),
        (ApiKeyError, KeyError),
        (ApiAttributeError, AttributeError),
    ],
)
def test_errors_about_arguments_are_pythons_own_too(kind: type[OpenApiException], builtin: type[Exception]) -> None:
    """Code that expects the builtin catches ours; `except ApiException` does not."""
    with pytest.raises(builtin, match="wrong"):
        raise kind("wrong")
    assert not issubclass(kind, ApiException)


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
    assert bare(error) is error
    assert (error.__cause__, cause.__context__) == (cause, context)
    assert [e.__traceback__ for e in (error, cause, context)] == [None, None, None]
    assert bare(KeyError("never raised")).__traceback__ is None
