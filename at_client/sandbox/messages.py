"""What the sandbox receives and what it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

FINAL_STATUSES = range(200, 600)

SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers whose values are never shown."""


class Headers(Mapping[str, str]):
    """Headers of a request, looked up without regard to case; credentials are masked in its `repr`.

    Args:
        pairs: Names and values in the order of the wire. Repeated headers are joined as
            RFC 9110 section 5.3 says, cookies as RFC 9113 section 8.2.3 does.

    Examples:
        >>> headers = Headers([("Host", "127.0.0.1"), ("Authorization", "Bearer t0ps3cret")])
        >>> headers["host"]
        '127.0.0.1'
        >>> headers
        Headers({'host': '127.0.0.1', 'authorization': '***'})
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            separator = "; " if key == "cookie" else ", "
            earlier = self._values.get(key)
            self._values[key] = value if earlier is None else f"{earlier}{separator}{value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {
            name: "***" if name in SECRET_HEADERS else value for name, value in self._values.items()
        }
        return f"Headers({shown})"


@dataclass
class Request:
    """A request that the sandbox received, and the status that it answered."""

    method: str
    """The verb, such as `GET`."""

    path: str
    """The path, percent-decoded, without the query."""

    query: str = field(default="", repr=False)
    """What follows the `?`, as it came; not in the `repr`, for it may carry secrets."""

    headers: Headers = field(default_factory=Headers)
    """The headers, looked up without regard to case."""

    body: bytes = field(default=b"", repr=False)
    """The body; not in the `repr`, for it may carry a password."""

    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    """When it had been read, in UTC."""

    status: int | None = None
    """The status answered; `None` before that, and if the connection was dropped instead."""

    @classmethod
    def parse(cls, method: str, target: str, headers: Headers, body: bytes) -> Request:
        """Split the target of a request line into path and query.

        Args:
            method: The verb.
            target: The request target, such as `/api/v1/credits?verbose=1`.
            headers: The headers.
            body: The whole body.
        """
        path, _, query = target.partition("?")
        return cls(method, unquote(path), query, headers, body)

    def __str__(self) -> str:
        outcome = "dropped" if self.status is None else str(self.status)
        return f"{self.method} {self.path} {outcome}"


@dataclass(frozen=True)
class Answer:
    """What the sandbox sends.

    Examples:
        >>> Answer.from_value({"detail": "Not Found"}, status=404).body
        b'{"detail":"Not Found"}'
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case; they win over those that the sandbox adds, `content-length` included."""

    def __post_init__(self) -> None:
        if self.status not in FINAL_STATUSES:
            raise ValueError(f"status must be a final one, from 200 to 599, not {self.status!r}")

    @classmethod
    def from_value(
        cls,
        value: object,
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make an answer of anything that can be a body.

        Args:
            value: Bytes are sent as they are, text as UTF-8, anything else as the JSON that
                FastAPI would write.
            status: The status, from 200 to 599.
            content_type: The media type; `None` means plain text for text and JSON for all else.
            headers: Further headers, which win over those that follow from the rest.
        """
        if isinstance(value, bytes):
            body = value
        elif isinstance(value, str):
            body = value.encode()
        else:
            body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        media_type = content_type or (TEXT if isinstance(value, str) else JSON)
        given = {name.lower(): text for name, text in (headers or {}).items()}
        return cls(status, body, {"content-type": media_type, **given})


def phrase(status: int) -> str:
    """Return the reason phrase of a status; `Unknown` where IANA lists none.

    Args:
        status: The status.
    """
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


def error_answer(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the body that the service sends with a status, in the shapes of `openapi.json`.

    Args:
        status: The status, from 200 to 599.
        headers: Further headers.

    Examples:
        >>> error_answer(500).body
        b'{"detail":"Internal Server Error","code":"internal_server_error","errors":null}'
    """
    detail: object = phrase(status)
    body: dict[str, object] = {"detail": detail}
    extra: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        body = {"detail": "Not authenticated"}
        extra = {"www-authenticate": "Bearer"}
    elif status == HTTPStatus.UNPROCESSABLE_ENTITY:
        missing = {"type": "missing", "loc": ["cookie", "auth_token"], "msg": "Field required"}
        body = {"detail": [{**missing, "input": None}]}
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        code = phrase(status).lower().replace(" ", "_")
        body = {"detail": detail, "code": code, "errors": None}
    return Answer.from_value(body, status=status, headers={**extra, **(headers or {})})
