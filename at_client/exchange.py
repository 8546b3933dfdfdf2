"""What goes out and what comes back: one request, one response, and what an error may show of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import urllib3

from at_client.bodies import BodyError, decode, too_large
from at_client.exceptions import ApiDecodeException, ApiException, bare
from at_client.failures import Peer, failure
from at_client.sealed import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Protocol

    from at_client.connections import Clock
    from at_client.fields import HeaderValue

    class SealedBody(Protocol):
        """A body that shows in no traceback."""

        @property
        def secrets(self) -> Sequence[Secret]:
            """What a response must not repeat in an error."""
            ...

        def __iter__(self) -> Iterator[bytes]: ...


CHUNK = 65536
"""Bytes to read at a time of a body whose length is not known."""


class Request:
    """One request, ready to be sent.

    Args:
        method: The method, in capitals.
        url: The URL, absolute, query included.
        headers: All headers; secrets sealed.
        body: The body; `None` for none.
    """

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, HeaderValue],
        body: bytes | SealedBody | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body

    @property
    def source(self) -> str:
        """What a message may say of where a response comes from: no query, which could hold a key."""
        return f"{self.method} {self.url.partition('?')[0]}"


class ShownResponse:
    """The parts of a response that an error may carry: whatever was sent as a secret is struck out.

    Args:
        status: The status.
        source: What it answers: method and URL, without the query.
        reason: The reason phrase.
        headers: The headers, looked up without regard to case.
        data: The body.
    """

    def __init__(
        self, status: int, source: str, reason: str, headers: Mapping[str, str], data: bytes
    ) -> None:
        self.status = status
        self.source = source
        self.reason = reason
        self.headers = headers
        self.data = data


class RESTResponse:
    """A response as it came, before anybody asks what it means.

    Args:
        response: urllib3's response.
        request: What it answers.
        peer: Who answered.
        clock: The time of the call.
        limit: Bytes of the decoded body that are read at most.
    """

    def __init__(
        self,
        response: urllib3.BaseHTTPResponse,
        request: Request,
        peer: Peer,
        clock: Clock,
        limit: int,
    ) -> None:
        self.response = response
        self.status = response.status
        self.reason = response.reason
        self.data: bytes | None = None
        """The decoded body; `None` until it is read."""
        self._request = request
        self._peer = peer
        self._clock = clock
        self._limit = limit

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, looked up without regard to case."""
        return self.response.headers

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
            raise failure(error, self._peer, self._clock.spent).error from error

    def load(self) -> bytes:
        """Read and decode the body; errors from below come out as they are."""
        if self.data is None:
            try:
                self.data = receive(self.response, self._limit)
                if "Content-Encoding" in self.headers:
                    self.data = decode(self.data, self.headers["Content-Encoding"], self._limit)
            except BodyError as error:
                self.response.close()
                self.data = b""
                # Of a failure, the status says more than that its body is broken.
                if self.status < 400:
                    shown = self.shown()
                    message = f"{self.status} from {shown.source}, but {error}."
                    raise ApiDecodeException(http_resp=shown, message=message) from bare(error)
        return self.data

    def discard(self) -> None:
        """Be done with the response: a body that was not read takes its connection along."""
        if self.data is None:
            self.response.close()

    def shown(self) -> ShownResponse:
        """Return what an error may carry of the response."""
        sent = [value for value in self._request.headers.values() if isinstance(value, Secret)]
        sent += [*self._peer.secrets, *getattr(self._request.body, "secrets", ())]
        headers = [(name, redact(value, sent)) for name, value in self.headers.items()]
        return ShownResponse(
            status=self.status,
            source=self._request.source,
            reason=redact(self.reason or "", sent),
            headers=urllib3.HTTPHeaderDict(headers),
            data=redact(self.data or b"", sent),
        )


def receive(response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
    """Read the body as it is on the wire.

    Raises:
        BodyError: It is longer than the limit; no more than that was read.
    """
    length = response.length_remaining
    if length is not None and length <= limit:
        return response.read(decode_content=False)
    if length is not None:
        raise too_large(limit)
    parts: list[bytes] = []
    room = limit
    while part := response.read(CHUNK, decode_content=False):
        room -= len(part)
        if room < 0:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)
