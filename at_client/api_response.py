"""What comes back: the response as it was received, and the typed answer or the error that is made of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Generic, NamedTuple, TypeVar

import urllib3

from at_client.decoding import (
    DecodeFault,
    ResponseTypes,
    decode,
    decode_error,
    decode_text,
    promised_type,
)
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    exception_class,
    find_detail,
    headers_of,
)
from at_client.headers import HeaderValue, Secret, redact
from at_client.retries import parse_retry_after

T = TypeVar("T")

CHUNK_BYTES = 65536
"""What is read at a time of a body that is encoded, or whose length is not known."""


@dataclass
class ApiResponse(Generic[T]):
    """A successful response: the typed data with its status, headers and raw body.

    Headers and raw body stay out of the `repr`, because they may contain secrets.
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

        dump: dict[str, Any] = TypeAdapter(Any).dump_python(
            {**vars(self), "headers": dict(self.headers)}, **options
        )
        return dump

    def model_dump_json(self, **options: Any) -> str:
        """Return the four attributes as JSON text."""
        from pydantic import TypeAdapter

        return (
            TypeAdapter(Any)
            .dump_json({**vars(self), "headers": dict(self.headers)}, **options)
            .decode()
        )


class Request(NamedTuple):
    """What is sent."""

    method: str
    url: str
    headers: dict[str, HeaderValue]
    body: Any
    secrets: tuple[Secret, ...]
    """What of it is secret, and an error must not repeat."""

    @property
    def source(self) -> str:
        """What a response answers, for error messages: without the query, which could hold a key."""
        return f"{self.method} {self.url.partition('?')[0]}"


class RESTResponse:
    """A response before anybody asks what it means.

    Args:
        resp: urllib3's response, or any object with `status`, `reason`, `headers` and `data`.
        request: What it answers; `None` if that is not known.
        limit: Bytes of the decoded body that are read at most; `None` for no limit.
    """

    def __init__(
        self, resp: Any, request: Request | None = None, limit: int | None = None
    ) -> None:
        self.response = resp
        self.status: int = resp.status
        self.reason: str | None = resp.reason
        self.headers: Mapping[str, str] = getattr(resp, "headers", {})
        """The headers, looked up case-insensitively."""
        self.data: bytes | None = None
        """The decoded body; `None` until it is read."""
        self.request = request
        self.explain: Callable[[Exception], Exception] = lambda error: error
        """Returns what to raise if the body is lost while it is read."""
        self._limit = limit

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers, as generated clients do."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header, as generated clients do."""
        return self.headers.get(name, default)

    def read(self) -> bytes:
        """Return the decoded body; of an unread response it is read now."""
        if self.data is None:
            fault = ""
            try:
                self.data = receive(self.response, self._limit)
            except urllib3.exceptions.DecodeError:
                fault = f"its body is not valid {self.headers.get('Content-Encoding', '')[:40]!a}"
            except OverflowError:
                fault = f"the body is larger than {self._limit} bytes (Configuration.max_response_bytes)"
            except Exception as error:  # noqa: BLE001  # whatever a connection raises
                self.response.close()
                raise self.explain(error) from error.__cause__
            if fault:
                self.close()
                self.data = b""
                if (
                    self.status < 400
                ):  # of a failure, the status says more than that its body is broken
                    shown = redact_response(self)
                    message = f"{shown.status} from {shown.source}, but {fault}."
                    raise ApiDecodeException(http_resp=shown, message=message)
        return self.data or b""

    def close(self) -> None:
        """Close the connection if the body is unread."""
        if self.data is None:
            self.response.close()


def receive(response: Any, limit: int | None) -> bytes:
    """Read the decoded body, as it is if somebody has read it already; raise `OverflowError` if it is too large."""
    if not isinstance(response, urllib3.HTTPResponse):  # a recorder's or a mock's own
        return (
            response.data.encode() if isinstance(response.data, str) else response.data
        )
    length = response.length_remaining
    if limit is None or length is None or "Content-Encoding" in response.headers:
        received = bytearray()
        while part := response.read(CHUNK_BYTES):
            received += part
            if limit is not None and len(received) > limit:
                raise OverflowError
        body = bytes(received)
    elif length > limit:
        raise OverflowError
    else:
        body = response.read()
    return body or response.data  # a preloaded response has nothing to read any more


def read_outcome(
    response: Any, response_types_map: ResponseTypes
) -> ApiResponse[Any] | ApiException:
    """Read a response as an answer or an error, which is not raised here: this frame holds what the service wrote."""
    status = response.status
    if not 200 <= status <= 299:
        shown = redact_response(response)
        return exception_class(status)(
            http_resp=shown,
            data=decode_error(shown.data.encode(), status, response_types_map),
            retry_after=parse_retry_after(
                shown.headers.get("Retry-After"), time.time()
            ),
        )
    body = response.data.encode() if isinstance(response.data, str) else response.data
    headers = (
        response.headers if isinstance(response, RESTResponse) else headers_of(response)
    )
    try:
        return ApiResponse(
            status,
            decode(body, headers, promised_type(status, response_types_map)),
            headers,
            body,
        )
    except DecodeFault as fault:
        shown = redact_response(response)
        words = [str(fault), find_detail(shown.data)]
        if coding := shown.headers.get("Content-Encoding"):
            words.append(f"its Content-Encoding is {coding[:40]!a}")
        message = f"{status} from {shown.source}, but not the expected response: {'; '.join(filter(None, words))}."
        return ApiDecodeException(http_resp=shown, message=message)


def redact_response(response: Any) -> SimpleNamespace:
    """Copy what an error may carry of any kind of response; what was sent as a secret is struck out."""
    request = response.request if isinstance(response, RESTResponse) else None
    secrets = request.secrets if request else ()
    data = response.data if isinstance(response.data, bytes | str) else b""
    text = decode_text(data, headers_of(response)) if isinstance(data, bytes) else data
    return SimpleNamespace(
        status=response.status,
        reason=redact(response.reason or "", secrets)
        if isinstance(response.reason, str | None)
        else None,
        headers=urllib3.HTTPHeaderDict(
            {k: redact(v, secrets) for k, v in dict(headers_of(response) or {}).items()}
        ),
        data=redact(text, secrets),
        source=request.source if request else "the service",
    )
