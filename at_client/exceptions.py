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
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

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

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Any = None,
        *,
        body: str | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        message: str | None = None,
    ) -> None:
        phrase = reason
        if http_resp is not None:
            status = http_resp.status if status is None else status
            reason = http_resp.reason if reason is None else reason
            headers = headers_of(http_resp) if headers is None else headers
            body = _text(http_resp.data) if body is None else body
            phrase = None  # the registered one, not whatever the server wrote
        self.status: int = status or 0
        """The HTTP status; 0 when there was no response."""
        self.reason: str | None = reason
        """The reason phrase of the response, or why there is none."""
        self.headers: Mapping[str, str] | None = headers
        """The headers of the response, looked up case-insensitively; `None` without a response."""
        self.body: str | None = body
        """The body as text; `None` without a response."""
        self.data: Any = data
        """The parsed error model (`ErrorResponse`, `HTTPValidationError`); `None` if the body is not one."""
        self.retry_after: float | None = retry_after
        """Seconds that the service asked to wait (RFC 9110 section 10.2.3); `None` if it did not."""
        super().__init__(message or self._describe(phrase, getattr(http_resp, "source", None)))

    @classmethod
    def from_response(cls, *, http_resp: Any, body: str | None = None, data: Any = None, **parts: Any) -> NoReturn:
        """Raise the exception that stands for the status of a response, as generated clients do.

        Args:
            http_resp: The response: any object with `status`, `reason`, `headers` and `data`.
            body: The body as text; `None` to take it from the response.
            data: The parsed error model.
            **parts: Further arguments of the exception.
        """
        raise exception_class(http_resp.status)(http_resp=http_resp, body=body, data=data, **parts)

    def _describe(self, phrase: str | None, source: str | None) -> str:
        """Return one line: what was answered, by whom, why, and what to do."""
        if not self.status:
            return self.reason or "The call failed"
        line = f"{self.status} {phrase or _phrase(self.status)}".rstrip()
        if isinstance(source, str):
            line += f" from {source}"
        if detail := find_detail(self.body):
            line += f": {detail}"
        advice = _ADVICE.get(self.status, _ADVICE[500] if 500 <= self.status <= 599 else "")
        if self.retry_after is not None:
            advice = f"{advice} The service asks to wait {self.retry_after:g} s.".strip()
        return f"{line}. {advice}" if advice else line


class BadRequestException(ApiException):
    """400: the service could not make sense of the request."""


class UnauthorizedException(ApiException):
    """401: no access token, or one that the service does not accept."""


class ForbiddenException(ApiException):
    """403: the access token is good, but not for this."""


class NotFoundException(ApiException):
    """404: the service has nothing at this path."""


class ConflictException(ApiException):
    """409: the request does not fit the present state."""


class UnprocessableEntityException(ApiException):
    """422: the service refused a parameter."""


class TooManyRequestsException(ApiException):
    """429: too many requests; `retry_after` says for how long to wait, if the service said so."""


class ServiceException(ApiException):
    """500 to 599: the service, or something in front of it, failed."""


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


_ADVICE = {
    401: "Set ACCESS_TOKEN or Configuration.access_token to a valid token; this one is missing, wrong or expired.",
    402: "Buy credits, or wait for the reset.",
    403: "The access token does not permit this; use one of an account that may.",
    404: "Check AT_CLIENT_HOST or Configuration.host, its path prefix included.",
    409: "Something else changed the account meanwhile; look at its present state, then try again.",
    422: "Correct the parameter that it names.",
    429: "Call less often.",
    500: "The service failed; try again later.",
}
"""What a person can do about a status; 500 stands for every 5xx."""


def exception_class(status: int) -> type[ApiException]:
    """Return the class that stands for a status.

    Args:
        status: An HTTP status that is not a success.

    Returns:
        The class for that very status, `ServiceException` for any other 5xx, else `ApiException`.
    """
    return _BY_STATUS.get(status, ServiceException if 500 <= status <= 599 else ApiException)


def strip_tracebacks(error: BaseException) -> BaseException:
    """Remove the frames of an error and its causes: variables there may hold secrets, and they do not pickle."""
    below: BaseException | None = error
    while below is not None:
        below.__traceback__ = None
        below = below.__cause__ or below.__context__
    return error


def render_path(path_to_item: Sequence[str | int]) -> str:
    """Write a path to an item the way Python would subscribe it: `['loc'][0]`."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def _phrase(status: int) -> str:
    """Return the registered phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(data: Any) -> str | None:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data


def headers_of(response: Any) -> Any:
    """Return the headers of any kind of response."""
    return response.headers if hasattr(response, "headers") else response.getheaders()


def find_detail(body: str | None) -> str:
    """Return the explanation in an error body as one printable line: its `detail`, or the title of an HTML page."""
    try:
        detail = json.loads(body or "")["detail"]
        if isinstance(detail, list):
            first = detail[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, TypeError, LookupError, RecursionError):
        title = re.search(r"(?i)<title[^<>]*>([^<>]*)</title", str(body)[:4096])
        detail = None
        if title:
            from html import unescape  # few errors are pages

            detail = unescape(title[1])
    if not isinstance(detail, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in detail).split()).rstrip(".")
    return line if len(line) <= MAX_DETAIL else f"{line[:MAX_DETAIL]}…"
