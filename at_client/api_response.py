"""What comes back: the response as received, and the answer or error made of it."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

import urllib3

from at_client.configuration import Configuration
from at_client.decoding import (
    DecodeFault,
    ResponseTypes,
    decode,
    decode_error,
    decode_text,
    promised_type,
)
from at_client.details import find_detail
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    describe,
    drop_frames,
    exception_class,
    headers_of,
)
from at_client.headers import find_credentials, get_header, is_secret, redact
from at_client.retries import read_retry_after
from at_client.tokens import SourcedToken

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
        """Return the four attributes, as a generated client's pydantic model does.

        Args:
            **options: Those of pydantic's `TypeAdapter.dump_python`.
        """
        from pydantic import TypeAdapter  # few need it

        dump: dict[str, Any] = TypeAdapter(Any).dump_python(self._fields(), **options)
        return dump

    def model_dump_json(self, **options: Any) -> str:
        """Return the four attributes as JSON text.

        Args:
            **options: Those of pydantic's `TypeAdapter.dump_json`.
        """
        from pydantic import TypeAdapter

        return TypeAdapter(Any).dump_json(self._fields(), **options).decode()

    def _fields(self) -> dict[str, Any]:
        return {**vars(self), "headers": dict(self.headers)}


class SentRequest(NamedTuple):
    """What was sent, without its body."""

    method: str
    url: str
    headers: dict[str, str]

    @property
    def source(self) -> str:
        """What a response answers: without the query, which could hold a key."""
        return f"{self.method} {self.url.partition('?')[0]}"

    @property
    def credentials(self) -> list[str]:
        """What a message must not repeat: secret headers, and what the query holds."""
        query = parse_qsl(urlsplit(self.url).query)
        return find_credentials(self.headers) + [value for _, value in query]


class RESTResponse:
    """A response as it was received.

    Args:
        resp: urllib3's response, or any object with `status`, `reason`, `headers` and
            `data`.
        request: What it answers; `None` if that is not known.
        receive: Returns the body; `None` takes it from `resp`.
    """

    def __init__(
        self,
        resp: Any,
        request: SentRequest | None = None,
        receive: "Callable[[RESTResponse], bytes] | None" = None,
    ) -> None:
        self.request = request
        self._receive = receive
        self._data: bytes | None = None
        self.take(resp)

    def take(self, resp: Any) -> None:
        """Become another response, after the body of this one was lost."""
        self._response = resp
        self.status: int = resp.status
        self.reason: str | None = resp.reason
        self.headers: Mapping[str, str] = getattr(resp, "headers", {})
        """The headers, looked up case-insensitively."""

    @property
    def data(self) -> bytes:
        """The decoded body; it is read at the first use."""
        return self.read() if self._data is None else self._data

    @property
    def response(self) -> Any:
        """urllib3's response; once the body was read, one that can be read again."""
        if not self._data or self._response.data:
            return self._response
        return urllib3.HTTPResponse(
            io.BytesIO(self._data),
            self.headers,
            self.status,
            reason=self.reason,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,  # the length is that of the encoded body
        )

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers, as generated clients do."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header, as generated clients do."""
        return self.headers.get(name, default)

    @drop_frames
    def read(self) -> bytes:
        """Return the decoded body. The deadline of the call still applies.

        Raises:
            ApiException: The body was lost, is broken, or too large.
        """
        if self._data is None:
            if self._receive is None:
                self._data = read_body(self._response, None)
            else:
                self._data = self._receive(self)
        return self._data

    def keep(self, body: bytes) -> None:
        """Keep the body that was read."""
        self._data = body

    def close(self) -> None:
        """Close the connection, unless the body was read."""
        if self._data is None:
            self._response.close()


def read_body(response: Any, limit: int | None) -> bytes:
    """Return the decoded body of a response, as it is if somebody has read it already.

    Args:
        response: urllib3's response, or that of a recorder or a mock.
        limit: Bytes that are accepted at most; `None` for no limit.

    Raises:
        OverflowError: The body is larger.
    """
    if not isinstance(response, urllib3.HTTPResponse):
        data = response.data
        return data.encode() if isinstance(data, str) else data

    length = response.length_remaining
    if limit is None or length is None or "Content-Encoding" in response.headers:
        body = _read_pieces(response, limit)
    elif length > limit:
        raise OverflowError
    else:
        body = response.read()
    return body or response.data  # a preloaded response has nothing to read any more


def _read_pieces(response: urllib3.HTTPResponse, limit: int | None) -> bytes:
    """Read a body whose decoded length is not known, and stop when it is too large."""
    received = bytearray()
    while piece := response.read(CHUNK_BYTES):
        received += piece
        if limit is not None and len(received) > limit:
            raise OverflowError
    return bytes(received)


def read_outcome(
    response: Any,
    response_types_map: ResponseTypes,
    configuration: Configuration | None = None,
) -> ApiResponse[Any] | ApiException:
    """Return the answer or the error that a response is.

    Args:
        response: Any object with `status`, `reason`, `headers` and `data`.
        response_types_map: Which type the body has.
        configuration: The settings, for the advice after a 401.
    """
    if not 200 <= response.status <= 299:
        return make_status_error(response, response_types_map, configuration)

    headers = headers_of(response)
    data = response.data
    body = data.encode() if isinstance(data, str) else data
    try:
        kind = promised_type(response.status, response_types_map)
        decoded = decode(body, headers, kind)
    except DecodeFault as fault:
        problem = str(fault)
    else:
        return ApiResponse(response.status, decoded, headers, body)

    words = [f"not the expected response: {problem}", find_detail(_text_of(response))]
    coding = get_header(headers, "Content-Encoding")
    if coding:
        words.append(f"its Content-Encoding is {coding[:40]!a}")
    return make_decode_error(response, "; ".join(filter(None, words)))


def make_status_error(
    response: Any,
    response_types_map: ResponseTypes,
    configuration: Configuration | None = None,
) -> ApiException:
    """Return the error for a response that is not a success."""
    headers = headers_of(response)
    request = _request_of(response)
    retry_after = read_retry_after(headers) if hasattr(headers, "get") else None
    advice = None
    if response.status == 401 and request is not None:
        token = configuration.access_token if configuration else None
        advice = advise_unauthorized(request, token)

    message = describe(
        response.status,
        _text_of(response),
        source=_source_of(response),
        advice=advice,
        retry_after=retry_after,
    )
    error = _make_error(exception_class(response.status), response, message)
    error.data = decode_error(response.data, response.status, response_types_map)
    error.retry_after = retry_after
    return error


def make_decode_error(response: Any, problem: str) -> ApiException:
    """Return the error for a success that is not what the API promises."""
    message = f"{response.status} from {_source_of(response)}, but {problem}."
    return _make_error(ApiDecodeException, response, message)


def make_redirect_error(response: RESTResponse, problem: str) -> ApiException:
    """Return the error for a redirect that is not followed."""
    advice = "Check Configuration.host (AT_CLIENT_HOST)."
    message = f"{response.status} from {_source_of(response)}: {problem}. {advice}"
    return _make_error(ApiException, response, message)


def _make_error(kind: type[ApiException], response: Any, message: str) -> ApiException:
    """Return an error with the parts of a response; no credential in its message."""
    request = _request_of(response)
    return kind(
        response.status,
        response.reason,
        headers=headers_of(response),
        body=_text_of(response),
        message=redact(message, request.credentials) if request else message,
    )


def advise_unauthorized(request: SentRequest, token: Any) -> str:
    """Return what to do about a 401: which credential was sent, if any.

    Args:
        request: What was sent.
        token: `Configuration.access_token`.
    """
    authorization = get_header(request.headers, "Authorization")
    if isinstance(authorization, SourcedToken):
        return (
            "The token that the source of Configuration.access_token gave is refused."
        )
    if authorization and authorization == f"Bearer {token}":
        return "Configuration.access_token (ACCESS_TOKEN) is wrong or expired."
    if authorization:
        return (
            "The access token of this call (access_token, _request_auth or _headers) "
            "is wrong or expired."
        )

    query = parse_qsl(urlsplit(request.url).query)
    others = [name for name in (*request.headers, *dict(query)) if is_secret(name)]
    if others == ["Cookie"]:
        return "The cookie (auth_token or _request_auth) is wrong or expired."
    if others:
        return f"{others[0]} (_request_auth or _headers) is wrong or expired."
    if callable(token):
        return "The source of Configuration.access_token gave no token."
    if token:  # it was not sent
        return "The credential of this call (_request_auth) is wrong or expired."
    return (
        "No access token was set: set ACCESS_TOKEN and use Configuration.from_env(), "
        "or set Configuration.access_token."
    )


def _request_of(response: Any) -> SentRequest | None:
    return response.request if isinstance(response, RESTResponse) else None


def _source_of(response: Any) -> str:
    """Return what a response answers, for messages."""
    request = _request_of(response)
    return request.source if request else "the service"


def _text_of(response: Any) -> str:
    """Return the body of any kind of response as text."""
    data = response.data
    if isinstance(data, bytes):
        return decode_text(data, headers_of(response))
    return data if isinstance(data, str) else ""
