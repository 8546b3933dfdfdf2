"""The exceptions of this package, as one tree.

OpenApiException
├── ApiTypeError (also TypeError)            an argument of the wrong type; nothing was sent
├── ApiValueError (also ValueError)          an argument or a setting that is not allowed; nothing was sent
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

import copyreg
import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

Keys = (
    Sequence[str | int] | None
)  # the keys and indices that lead to the item at fault, outermost first
MAX_DETAIL = 300  # characters of the service's own explanation that a message may quote


class OpenApiException(Exception):
    """The base of everything that this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the finished exception, not the arguments that it was made from."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # typeshed leaves it out


class _ArgumentError(OpenApiException):
    """What the four errors about arguments share: the keys and indices that lead to the item at fault."""

    def __init__(
        self,
        msg: str,
        path_to_item: Keys = None,
        valid_classes: Any = None,
        key_type: Any = None,
    ) -> None:
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type
        super().__init__(
            f"{msg} at {render_path(path_to_item)}" if path_to_item else msg
        )

    __str__ = Exception.__str__  # KeyError shows the repr of a text


class ApiTypeError(_ArgumentError, TypeError):
    """An argument has the wrong type; nothing was sent. `valid_classes` and `key_type` are what the raiser gave."""


class ApiValueError(_ArgumentError, ValueError):
    """An argument or a setting has a value that is not allowed; nothing was sent."""


class ApiAttributeError(_ArgumentError, AttributeError):
    """There is no such setting."""


class ApiKeyError(_ArgumentError, KeyError):
    """There is no such name."""


class ApiException(OpenApiException):
    """A call that failed. `str(error)` is one line that says what happened and what to do.

    Args:
        status, reason, body, data, headers, retry_after: The attributes of the same names.
        http_resp: The response to take `status`, `reason`, `headers` and `body` from, unless they are given.
        message: What `str()` shows; `None` makes it from the parts above.
    """

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Any = None,
        *,
        body: str | bytes | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        message: str | None = None,
    ) -> None:
        if http_resp is not None:
            status = http_resp.status if status is None else status
            reason = http_resp.reason if reason is None else reason
            headers = headers_of(http_resp) if headers is None else headers
            body = http_resp.data if body is None else body
        self.status: int = status or 0
        """The HTTP status; 0 when there was no response."""
        self.reason: str | None = reason
        """The reason phrase of the response, or why there is none."""
        self.headers: Mapping[str, str] | None = headers
        """The headers of the response, looked up case-insensitively; `None` without a response."""
        self.body: str | None = (
            body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        )
        """The body as text; `None` without a response."""
        self.data: Any = data
        """The parsed error model (`ErrorResponse`, `HTTPValidationError`); `None` if the body is not one."""
        self.retry_after: float | None = retry_after
        """Seconds that the service asked to wait (RFC 9110 section 10.2.3); `None` if it did not."""
        super().__init__(message or self._describe(http_resp))

    @classmethod
    def from_response(
        cls, *, http_resp: Any, body: str | None = None, data: Any = None, **parts: Any
    ) -> NoReturn:
        """Raise the exception for the status of a response: any object with `status`, `reason`, `headers`, `data`."""
        raise exception_class(http_resp.status)(
            http_resp=http_resp, body=body, data=data, **parts
        )

    def _describe(self, response: Any) -> str:
        """Return one line: what was answered, by whom, why, and what to do."""
        if not self.status:
            return self.reason or "The call failed"
        # Of a response, the registered phrase, not whatever the server wrote.
        registered = next(
            (known.phrase for known in HTTPStatus if known == self.status), ""
        )
        line = (
            f"{self.status} {(response is None and self.reason) or registered}".rstrip()
        )
        if isinstance(source := getattr(response, "source", None), str):
            line += f" from {source}"
        if detail := find_detail(self.body):
            line += f": {detail}"
        advice = _look_up(self.status)[1]
        if self.retry_after is not None:
            advice = (
                f"{advice} The service asks you to wait {self.retry_after:g} s.".strip()
            )
        return f"{line}. {advice}" if advice else line


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
    """429: too many requests; `retry_after` is how long to wait, if the service said so."""


class ServiceException(ApiException):
    """500 to 599: the service, or something in front of it, failed."""


class ApiConnectionException(ApiException):
    """There was no complete response; `status` is 0 and `__cause__` tells more."""


class ApiTimeoutException(ApiConnectionException):
    """There was no complete response in time."""


class ApiDecodeException(ApiException):
    """The response is not what the API promises; see `status`, `headers` and `body`."""


_STATUSES: dict[int, tuple[type[ApiException], str]] = {
    400: (BadRequestException, ""),
    401: (
        UnauthorizedException,
        "Set ACCESS_TOKEN (Configuration.access_token): it is missing, wrong or expired.",
    ),
    402: (ApiException, "Buy credits, or wait for the reset."),
    403: (
        ForbiddenException,
        "The access token does not allow this; use one from an account that has permission.",
    ),
    404: (
        NotFoundException,
        "Check AT_CLIENT_HOST or Configuration.host, its path prefix included.",
    ),
    409: (
        ConflictException,
        "The account was changed in the meantime; check its current state, then try again.",
    ),
    422: (UnprocessableEntityException, "Correct the parameter that it names."),
    429: (TooManyRequestsException, "Call less often."),
    500: (ServiceException, "The service failed; try again later."),
}
"""Status -> its class, and what a person can do about it; 500 stands for every 5xx."""


def exception_class(status: int) -> type[ApiException]:
    """Return the class for a status that is not a success."""
    return _look_up(status)[0]


def _look_up(status: int) -> tuple[type[ApiException], str]:
    return _STATUSES.get(500 if 500 <= status <= 599 else status, (ApiException, ""))


def render_path(path_to_item: Sequence[str | int]) -> str:
    """Write a path to an item the way Python would subscribe it: `['loc'][0]`."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def headers_of(response: Any) -> Any:
    """Return the headers of any kind of response."""
    return response.headers if hasattr(response, "headers") else response.getheaders()


def find_detail(body: str | None) -> str:
    """Return the explanation in an error body as one line: its `detail`, its OAuth error, or the title of a page."""
    try:
        fields = json.loads(body or "")
        oauth = (
            fields[key] for key in ("error", "error_description") if key in fields
        )  # RFC 6749 section 5.2
        detail = fields["detail"] if "detail" in fields else ": ".join(oauth)
        if isinstance(detail, list):
            detail = f"{'.'.join(map(str, detail[0]['loc']))}: {detail[0]['msg']}"
        detail = str.strip(detail)  # anything else is a TypeError
    except (ValueError, TypeError, LookupError, RecursionError):
        from html import unescape  # few errors are pages

        detail = unescape(
            "".join(
                re.findall(r"(?i)<title[^<>]*>([^<>]*)</title", str(body)[:4096])[:1]
            )
        )
    line = " ".join(
        "".join(c if c.isprintable() else " " for c in detail).split()
    ).rstrip(".")
    return line if len(line) <= MAX_DETAIL else f"{line[:MAX_DETAIL]}…"
