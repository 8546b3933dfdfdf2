"""Every failure that a caller of this package can meet, as one tree.

OpenApiException
├── ApiTypeError (also TypeError)            an argument of the wrong type; nothing was sent
├── ApiValueError (also ValueError)          an argument or a setting that is not allowed; nothing was sent
├── ApiKeyError (also KeyError)              a name that is not there
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

from __future__ import annotations

import copyreg
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Response(Protocol):
        """What an exception reads of the response that it tells about."""

        @property
        def status(self) -> int:
            """The HTTP status."""
            ...

        @property
        def reason(self) -> str | None:
            """The reason phrase."""
            ...

        @property
        def headers(self) -> Mapping[str, str]:
            """The headers."""
            ...

        @property
        def data(self) -> bytes | None:
            """The body."""
            ...


MAX_DETAIL = 300
"""Characters of the service's own explanation that a message may quote."""


class OpenApiException(Exception):
    """The base of everything that this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the finished exception, not the arguments that it was made from."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # typeshed leaves it out


class _ArgumentError(OpenApiException):
    """What the four errors about arguments share.

    Args:
        msg: What is wrong, and what is allowed.
        path_to_item: Keys and indices that lead to the item at fault, outermost first; `None` for the argument itself.
    """

    def __init__(self, msg: str, path_to_item: Sequence[str | int] | None = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(f"{msg} at {render_path(path_to_item)}" if path_to_item else msg)

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show its repr


class ApiTypeError(_ArgumentError, TypeError):
    """An argument has the wrong type; nothing was sent.

    Args:
        msg: What is wrong, and what is allowed.
        path_to_item: Keys and indices that lead to the item at fault; `None` if it is the argument itself.
        valid_classes: The types that are allowed, if the raiser names them.
        key_type: Whether the item at fault is a key (True) or a value (False) of a mapping.
    """

    def __init__(
        self,
        msg: str,
        path_to_item: Sequence[str | int] | None = None,
        valid_classes: tuple[type, ...] | None = None,
        key_type: bool | None = None,
    ) -> None:
        self.valid_classes = valid_classes
        self.key_type = key_type
        super().__init__(msg, path_to_item)


class ApiValueError(_ArgumentError, ValueError):
    """An argument or a setting has a value that is not allowed; nothing was sent."""


class ApiAttributeError(_ArgumentError, AttributeError):
    """There is no such setting."""


class ApiKeyError(_ArgumentError, KeyError):
    """There is no such name."""


class ApiException(OpenApiException):
    """A call that failed; `str()` of it is one line that says what happened and what to do.

    Args:
        status: The HTTP status, or `None` for a call without a response.
        reason: The reason phrase of the response, or why there is none.
        http_resp: The response to take `status`, `reason`, `headers` and `body` from.
        body: The body as text.
        data: The parsed error model.
        headers: The headers of the response.
        retry_after: How long the service asked to wait, in seconds.
        message: What `str()` shows; `None` makes it from the parts above.
    """

    hint: ClassVar[str] = ""
    """What a person can do about this kind of failure."""

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Response | None = None,
        *,
        body: str | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        message: str | None = None,
    ) -> None:
        if http_resp is not None:
            status = http_resp.status if status is None else status
            reason = http_resp.reason if reason is None else reason
            headers = http_resp.headers if headers is None else headers
            body = (http_resp.data or b"").decode("utf-8", "replace") if body is None else body
        self.status: int = status or 0
        """The HTTP status; 0 when there was no response."""
        self.reason: str | None = reason
        """The reason phrase of the response, or why there is none."""
        self.headers: Mapping[str, str] | None = headers
        """The headers of the response, looked up without regard to case; `None` without a response."""
        self.body: str | None = body
        """The body as text; `None` without a response."""
        self.data: Any = data
        """The parsed error model (`ErrorResponse`, `HTTPValidationError`); `None` if the body is not one."""
        self.retry_after: float | None = retry_after
        """Seconds that the service asked to wait (RFC 9110 section 10.2.3); `None` if it did not."""
        super().__init__(message or self._describe(getattr(http_resp, "source", None)))

    @classmethod
    def from_response(cls, *, http_resp: Response, **parts: Any) -> ApiException:
        """Make the exception that stands for the status of a response.

        Args:
            http_resp: The response.
            **parts: Further arguments of the exception, such as `body` and `data`.

        Returns:
            The exception, to be raised by the caller.
        """
        return exception_class(http_resp.status)(http_resp=http_resp, **parts)

    def _describe(self, source: str | None) -> str:
        """Say in one line what was answered, by whom, why, and what to do."""
        if not self.status:
            return self.reason or "The call failed"
        answer = f"{self.status} {_phrase(self.status)}".rstrip()
        if source:
            answer += f" from {source}"
        if detail := _detail(self.body):
            answer += f": {detail}"
        advice = [self.hint] if self.hint else []
        if self.retry_after is not None:
            advice.append(f"The service asks to wait {self.retry_after:g} s.")
        return ". ".join([answer, " ".join(advice)]) if advice else answer


class BadRequestException(ApiException):
    """400: the service could not make sense of the request."""


class UnauthorizedException(ApiException):
    """401: no access token, or one that the service does not accept."""

    hint = "Set Configuration.access_token to a valid token; this one is missing, wrong or expired."


class ForbiddenException(ApiException):
    """403: the access token is good, but not for this."""

    hint = "The access token does not permit this; use one of an account that may."


class NotFoundException(ApiException):
    """404: the service has nothing at this path."""

    hint = "Check Configuration.host and its path prefix."


class ConflictException(ApiException):
    """409: the request does not fit the present state."""


class UnprocessableEntityException(ApiException):
    """422: the service refused a parameter; `data` is an `HTTPValidationError`."""


class TooManyRequestsException(ApiException):
    """429: too many requests; `retry_after` says for how long to wait, if the service said so."""

    hint = "Call less often."


class ServiceException(ApiException):
    """500 to 599: the service, or something in front of it, failed."""

    hint = "The service failed; try again later."


class ApiConnectionException(ApiException):
    """There was no complete response; `status` is 0 and `__cause__` tells more."""


class ApiTimeoutException(ApiConnectionException):
    """There was no complete response in time."""


class ApiDecodeException(ApiException):
    """There was a response, but not the one promised; `status`, `headers` and `body` hold what came."""


_BY_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
}


def exception_class(status: int) -> type[ApiException]:
    """Name the class that stands for a status.

    Args:
        status: An HTTP status that is not a success.

    Returns:
        The class for that very status, `ServiceException` for any other 5xx, else `ApiException`.
    """
    return _BY_STATUS.get(status, ServiceException if 500 <= status <= 599 else ApiException)


def bare(cause: BaseException) -> BaseException:
    """Strip a cause, and its own causes, of their frames: variables there may hold what a server sent."""
    below: BaseException | None = cause
    while below is not None:
        below.__traceback__ = None
        below = below.__cause__ or below.__context__
    return cause


def render_path(path_to_item: Sequence[str | int]) -> str:
    """Write a path to an item the way Python would subscribe it: `['loc'][0]`."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def _phrase(status: int) -> str:
    """Name a status by its registered phrase, not by whatever the server wrote."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _detail(body: str | None) -> str:
    """Take the service's explanation out of an error body, as one printable line; empty if there is none."""
    try:
        detail = json.loads(body or "")["detail"]
        if isinstance(detail, list):
            first = detail[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    if not isinstance(detail, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in detail).split()).rstrip(".")
    return line if len(line) <= MAX_DETAIL else f"{line[:MAX_DETAIL]}…"
