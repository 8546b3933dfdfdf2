"""The exceptions of this package, as one tree.

OpenApiException
├── ApiTypeError (also TypeError)            an argument of a wrong type
├── ApiValueError (also ValueError)          a value that is not allowed
├── ApiKeyError (also KeyError)              a name that does not exist
├── ApiAttributeError (also AttributeError)  a setting that does not exist
└── ApiException                             a call that failed
    ├── BadRequestException                  400
    ├── UnauthorizedException                401
    ├── ForbiddenException                   403
    ├── NotFoundException                    404
    ├── ConflictException                    409
    ├── UnprocessableEntityException         422
    ├── TooManyRequestsException             429
    ├── ServiceException                     500 to 599
    ├── ApiConnectionException               no complete response
    │   └── ApiTimeoutException              no complete response in time
    └── ApiDecodeException                   a response, but not the promised one
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, NoReturn, TypeVar

from typing_extensions import ParamSpec

from at_client.details import find_detail

P = ParamSpec("P")
R = TypeVar("R")


class OpenApiException(Exception):
    """The base of everything that this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the finished exception, whatever a subclass is made from."""
        return type(self).__new__, (type(self), *self.args), vars(self)


class _ArgumentError(OpenApiException):
    """An error about an argument or a setting.

    Args:
        msg: What is wrong, and what is allowed.
        path_to_item: Keys and indices that lead to the item at fault, outermost first.
        valid_classes: The types that the item can have.
        key_type: Whether the item is a key of a mapping.
    """

    def __init__(
        self,
        msg: str,
        path_to_item: Sequence[str | int] | None = None,
        valid_classes: Any = None,
        key_type: Any = None,
    ) -> None:
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type
        if path_to_item:
            msg = f"{msg} at {render_path(path_to_item)}"
        super().__init__(msg)

    __str__ = Exception.__str__  # that of KeyError shows the repr of a text


class ApiTypeError(_ArgumentError, TypeError):
    """An argument or a setting has the wrong type; nothing was sent."""


class ApiValueError(_ArgumentError, ValueError):
    """An argument or a setting has a value that is not allowed; nothing was sent."""


class ApiAttributeError(_ArgumentError, AttributeError):
    """There is no such setting."""


class ApiKeyError(_ArgumentError, KeyError):
    """There is no such name."""


class ApiException(OpenApiException):
    """A call that failed. `str(error)` is one line: what happened, and what to do.

    Every part can be left out, so that tests can make one by hand.

    Args:
        status: The HTTP status. A text is taken as the `reason`.
        reason: The reason phrase of the response, or why there is none.
        http_resp: The response: any object with `status`, `reason`, `headers` and
            `data`. The other arguments take precedence over its attributes.
        body: The body of the response.
        data: The parsed body.
        headers: The headers of the response.
        retry_after: Seconds that the service asked to wait.
        message: What `str()` shows; `None` makes it from the other arguments.

    Examples:
        >>> str(ApiException(429, "Too Many Requests"))
        '429 Too Many Requests. Call less often.'
    """

    is_retryable: bool = False
    """Whether the same call may succeed later: after lost connections, timeouts, and
    the statuses 408, 429 and 500 to 599."""

    def __init__(
        self,
        status: int | str | None = None,
        reason: str | None = None,
        http_resp: Any = None,
        *,
        body: str | bytes | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        message: str | None = None,
    ) -> None:
        if isinstance(status, str) and not status.isdecimal():
            # `ApiException("Not Found")`, and `type(error)(*error.args)` of job queues.
            reason = reason or status
            status = None

        if http_resp is not None:
            # Any of these may be missing in a test double.
            if status is None:
                status = getattr(http_resp, "status", None)
            if reason is None:
                reason = getattr(http_resp, "reason", None)
            if headers is None:
                headers = headers_of(http_resp)
            if body is None:
                body = getattr(http_resp, "data", None)

        self.status: int = read_status(status)
        """The HTTP status; 0 when there was no response."""

        self.reason: str | None = reason
        """The reason phrase of the response, or why there is none."""

        self.headers: Mapping[str, str] | None = headers
        """The headers of the response, looked up case-insensitively; `None` without
        a response."""

        self.body: str | None = (
            body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        )
        """The body as text, as the service sent it; `None` without a response."""

        self.data: Any = data
        """The parsed error model (`ErrorResponse`, `HTTPValidationError`); `None` if
        the body is not one."""

        self.retry_after: float | None = retry_after
        """Seconds that the service asked to wait (RFC 9110 section 10.2.3); `None` if
        it did not."""

        if self.status:
            self.is_retryable = is_temporary(self.status)

        if message is None:
            # The reason phrase of a response is the server's own words: not quoted.
            phrase = reason if http_resp is None else None
            message = describe(self.status, self.body, phrase, retry_after=retry_after)
        super().__init__(message)

    @classmethod
    def from_response(
        cls, *, http_resp: Any, body: str | None = None, data: Any = None
    ) -> NoReturn:
        """Raise the exception for the status of a response, as generated clients do.

        Args:
            http_resp: Any object with `status`, `reason`, `headers` and `data`.
            body: The body; `None` for `http_resp.data`.
            data: The parsed body.
        """
        kind = exception_class(read_status(getattr(http_resp, "status", None)))
        raise kind(http_resp=http_resp, body=body, data=data)


class BadRequestException(ApiException):
    """400: the service could not make sense of the request."""


class UnauthorizedException(ApiException):
    """401: no access token, or one that the service does not accept."""


class ForbiddenException(ApiException):
    """403: the access token is valid, but does not allow this."""


class NotFoundException(ApiException):
    """404: the service has nothing at this path."""


class ConflictException(ApiException):
    """409: the request conflicts with the current state."""


class UnprocessableEntityException(ApiException):
    """422: the service refused a parameter."""


class TooManyRequestsException(ApiException):
    """429: too many requests; `retry_after` is how long to wait."""

    is_retryable = True


class ServiceException(ApiException):
    """500 to 599: the service, or something in front of it, failed."""

    is_retryable = True


class ApiConnectionException(ApiException):
    """There was no complete response; `status` is 0 and `__cause__` tells more."""

    is_retryable = True


class ApiTimeoutException(ApiConnectionException):
    """There was no complete response in time."""


class ApiDecodeException(ApiException):
    """The response is not what the API promises; see `status`, `headers` and `body`."""


class _StatusRule(NamedTuple):
    """The exception for a status, and what a person can do about it."""

    error: type[ApiException]
    advice: str


_RULES: dict[int, _StatusRule] = {
    400: _StatusRule(BadRequestException, ""),
    401: _StatusRule(
        UnauthorizedException,
        "Set ACCESS_TOKEN (Configuration.access_token): it is missing, wrong or "
        "expired.",
    ),
    402: _StatusRule(ApiException, "Buy credits, or wait for the reset."),
    403: _StatusRule(
        ForbiddenException,
        "The access token does not allow this; use one from an account that has "
        "permission.",
    ),
    404: _StatusRule(
        NotFoundException,
        "Check AT_CLIENT_HOST or Configuration.host, its path prefix included.",
    ),
    409: _StatusRule(
        ConflictException,
        "The account was changed in the meantime; check its current state, then try "
        "again.",
    ),
    422: _StatusRule(
        UnprocessableEntityException, "Correct the parameter that it names."
    ),
    429: _StatusRule(TooManyRequestsException, "Call less often."),
}

_SERVICE_RULE = _StatusRule(ServiceException, "The service failed; try again later.")
_OTHER_RULE = _StatusRule(ApiException, "")


def _rule_for(status: int) -> _StatusRule:
    if 500 <= status <= 599:
        return _SERVICE_RULE
    return _RULES.get(status, _OTHER_RULE)


def read_status(status: object) -> int:
    """Return a status as a number; 0 for anything that is not one."""
    return int(status) if isinstance(status, int | str) else 0


def exception_class(status: int) -> type[ApiException]:
    """Return the exception class for a status that is not a success."""
    return _rule_for(status).error


def is_temporary(status: int) -> bool:
    """Return whether the same request may succeed later where it got this status."""
    return status in (408, 429) or 500 <= status <= 599


def describe(
    status: int,
    body: Any,
    phrase: str | None = None,
    *,
    source: str = "",
    advice: str | None = None,
    retry_after: float | None = None,
) -> str:
    """Return one line about a failed call: what was answered, why, and what to do.

    Args:
        status: The HTTP status; 0 when there was no response.
        body: The text of the body.
        phrase: The reason phrase; `None` for the registered one.
        source: What was answered, such as `GET https://api.example.com/v1`.
        advice: What to do; `None` for the usual advice for the status.
        retry_after: Seconds that the service asked to wait.
    """
    if not status:
        return phrase or "The call failed"

    line = f"{status} {phrase or _registered_phrase(status)}".rstrip()
    if source:
        line += f" from {source}"
    if detail := find_detail(body):
        line += f": {detail}"

    sentences = [_rule_for(status).advice if advice is None else advice]
    if retry_after is not None:
        sentences.append(f"The service asks you to wait {retry_after:g} s.")
    return ". ".join([line, " ".join(filter(None, sentences))]).removesuffix(". ")


def _registered_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def render_path(path_to_item: Sequence[str | int]) -> str:
    """Write a path to an item the way Python would subscribe it: `['loc'][0]`."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def headers_of(response: Any) -> Any:
    """Return the headers of any kind of response; `None` if it has none."""
    if hasattr(response, "headers"):
        return response.headers
    return response.getheaders() if hasattr(response, "getheaders") else None


def drop_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function: its errors leave without the frames below it.

    Those frames hold tokens, and tools such as Sentry and rich show the local variables
    of every frame. What other people's code raises keeps its frames.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OpenApiException as error:
            failure = error.with_traceback(None)
            failure.__context__ = None  # it has frames, too

        # Not inside `except`, which would keep the frames as the error's context.
        del args, kwargs
        try:
            raise failure
        finally:
            del failure  # it would be a cycle: error, traceback, this frame, error

    return call
