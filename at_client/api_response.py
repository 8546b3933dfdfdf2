"""What comes back: the response as it was received, and the typed answer of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import urllib3

from at_client.connections import Clock
from at_client.decoding import decode_text
from at_client.exceptions import ApiDecodeException, ApiException, headers_of
from at_client.failures import Peer, explain
from at_client.headers import HeaderValue, Secret, redact

T = TypeVar("T")

CHUNK_BYTES = 65536
"""What is read at a time of a body that is encoded, or whose length is not known."""


@dataclass
class ApiResponse(Generic[T]):
    """A successful response: the typed data, and what it came with.

    Headers and raw bytes stay out of the `repr`: a service may send secrets in them.
    """

    status_code: int
    """The HTTP status, 200 to 299."""

    data: T
    """The body as the promised type; `None` if the operation promises no body."""

    headers: Mapping[str, str] = field(repr=False)
    """The response headers, looked up case-insensitively."""

    raw_data: bytes = field(repr=False)
    """The body as it was sent, decompressed."""

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return the four attributes as a dictionary, as a generated client's pydantic model does."""
        from pydantic import TypeAdapter  # few need it

        dump: dict[str, Any] = TypeAdapter(Any).dump_python({**vars(self), "headers": dict(self.headers)}, **options)
        return dump

    def model_dump_json(self, **options: Any) -> str:
        """Return the four attributes as JSON text."""
        from pydantic import TypeAdapter

        return TypeAdapter(Any).dump_json({**vars(self), "headers": dict(self.headers)}, **options).decode()


_UNKNOWN_PEER = Peer("the service")


class RESTResponse:
    """A response before anybody asks what it means.

    Args:
        resp: urllib3's response, or any object with `status`, `reason`, `headers` and `data`.
        request: What it answers: method, URL, headers, body.
        peer: The other side.
        clock: The time of the call; `None` if it has no limit.
        limit: Bytes of the decoded body that are read at most; `None` for no limit.
    """

    def __init__(
        self,
        resp: Any,
        request: tuple[str, str, Mapping[str, HeaderValue], Any] = ("", "the service", {}, None),
        peer: Peer = _UNKNOWN_PEER,
        clock: Clock | None = None,
        limit: int | None = None,
    ) -> None:
        self.response = resp
        self.status: int = resp.status
        self.reason: str | None = resp.reason
        self.data: bytes | None = None
        """The decoded body; `None` until it is read."""
        self._request = request
        self._peer = peer
        self._clock = clock
        self._limit = limit

    @property
    def source(self) -> str:
        """What it answers, for error messages: method and URL, without the query, which could hold a key."""
        method, url, _, _ = self._request
        return f"{method} {url.partition('?')[0]}".strip()

    @property
    def secrets(self) -> list[HeaderValue]:
        """What was sent, and an error must not repeat."""
        _, _, headers, body = self._request
        sent = (*headers.values(), *getattr(body, "parts", ()), *self._peer.secrets)
        return [value for value in sent if isinstance(value, Secret)]

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, looked up case-insensitively."""
        return self.response.headers  # type: ignore[no-any-return]

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers, as generated clients do."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header, as generated clients do."""
        return self.headers.get(name, default)

    def read(self) -> bytes:
        """Return the decoded body; of an unread response it is read now.

        Raises:
            ApiConnectionException: The connection was lost, or the time was up.
            ApiDecodeException: The body is too large, or not encoded as its headers say.
        """
        try:
            return self.load()
        except ApiException:
            raise
        except Exception as error:
            self.response.close()
            raise explain(error, self._peer, self._clock.spent if self._clock else 0.0).error from error

    def load(self) -> bytes:
        """Read and decode the body; errors from below come out as they are."""
        if self.data is None:
            fault = ""
            try:
                self.data = receive(self.response, self._limit)
            except urllib3.exceptions.DecodeError:
                fault = f"its body is not valid {self.headers.get('Content-Encoding', '')[:40]!a}"
            except OverflowError:
                fault = f"the body is larger than {self._limit} bytes (Configuration.max_response_bytes)"
            if fault:
                self.response.close()
                self.data = b""
                if self.status < 400:  # of a failure, the status says more than that its body is broken
                    shown = redact_response(self)
                    raise ApiDecodeException(
                        http_resp=shown, message=f"{shown.status} from {shown.source}, but {fault}."
                    )
        return self.data or b""

    def close(self) -> None:
        """Close the connection if the body is unread."""
        if self.data is None:
            self.response.close()


def receive(response: Any, limit: int | None) -> bytes:
    """Read the decoded body of a response, as it is if somebody has read it already.

    Raises:
        OverflowError: It is longer than the limit; no more than that was read.
    """
    if not isinstance(response, urllib3.HTTPResponse):  # a recorder's or a mock's own
        data = response.data
        return data.encode() if isinstance(data, str) else data
    length = response.length_remaining
    if limit is None or length is None or "Content-Encoding" in response.headers:
        parts: list[bytes] = []
        size = 0
        while part := response.read(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if limit is not None and size > limit:
                raise OverflowError
        body = b"".join(parts)
    elif length > limit:
        raise OverflowError
    else:
        body = response.read()
    return body or response.data  # a preloaded response has nothing to read any more


def redact_response(response: Any) -> SimpleNamespace:
    """Copy what an error may carry of any kind of response; what was sent as a secret is struck out."""
    own = isinstance(response, RESTResponse)
    secrets = response.secrets if own else ()
    data = response.data if isinstance(response.data, bytes | str) else b""
    text = decode_text(data, headers_of(response)) if isinstance(data, bytes) else data
    return SimpleNamespace(
        status=response.status,
        reason=redact(response.reason or "", secrets) if isinstance(response.reason, str | None) else None,
        headers=urllib3.HTTPHeaderDict({k: redact(v, secrets) for k, v in dict(headers_of(response) or {}).items()}),
        data=redact(text, secrets),
        source=response.source if own else "the service",
    )
