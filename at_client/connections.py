"""urllib3's connections, with a deadline over the whole exchange, and strict framing.

The pool sets `timeout` on a connection before it connects and again before it reads;
urllib3 and `http.client` then pass that number to single socket operations. Here,
setting it starts a clock, and reading it gives what is left.
"""

import io
import socket
import ssl
import sys
from http.client import HTTPMessage, HTTPResponse, RemoteDisconnected
from math import inf
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import connection

from at_client.clock import Clock
from at_client.framing import (
    FramingError,
    Head,
    is_chunked,
    read_chunk_size,
    read_head,
    read_length,
)
from at_client.redirects import is_target

LEAST_TIMEOUT_SECONDS = 0.001
"""To a socket, 0 means not to wait at all."""

BUFFER_BYTES = 16384
"""What is received at a time: more than a head and a body such as those here."""

_CREATE_CONNECTION = connection.create_connection


class StaleConnectionError(ConnectionResetError):
    """The server had closed an idle connection, so it has not read the request."""


class ResponseFile:
    """What `http.client` and urllib3 read a response from: a socket with a deadline.

    Each `recv` gets only the time that is left. Both readers have rules of their own
    for the sizes of chunks; here, the same hold for both.

    Args:
        sock: The socket.
        deadline: When reading ends, by `Clock.now()`.
        is_told: Whether the socket knows that already.
    """

    def __init__(self, sock: socket.socket, deadline: float, *, is_told: bool) -> None:
        self._sock = sock
        self._deadline = deadline
        self._socket_timeout = deadline - Clock.now() if is_told else inf
        self._arrived = b""
        self._held: io.BufferedReader | None = None
        self.closed = False

        self.in_chunks = False
        """Whether each line that is read must be the size of a chunk."""

        self.may_end = False
        """Whether the end of the connection is the end of the message; before, it is
        a loss."""

    def makefile(self, *_: Any) -> "ResponseFile":
        """Return this very file: `http.client` asks a socket for one."""
        return self

    def hold(self) -> None:
        """Keep the socket open until the response is read."""
        self._held = self._sock.makefile("rb")

    def peek(self, _size: int = 0) -> bytes:
        """Return what has arrived, at least a byte, and leave it there."""
        if not self._arrived:
            self._receive()
        return self._arrived

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, fewer at the end only; all for a negative number."""
        wanted = sys.maxsize if size is None or size < 0 else size
        pieces = []
        while wanted:
            piece = self.read1(wanted)
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read1(self, size: int = -1) -> bytes:
        """Return at most so many bytes of what has arrived."""
        arrived = self.peek()
        if size < 0:
            size = len(arrived)
        self._arrived = arrived[size:]
        return arrived[:size]

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, and return how many bytes it got."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self, limit: int | None = -1) -> bytes:
        """Return a line, or so many bytes of it."""
        longest = sys.maxsize if limit is None or limit < 0 else limit
        line = b""
        while not line.endswith(b"\n") and len(line) < longest:
            arrived = self.peek()
            end = arrived.find(b"\n") + 1
            room = longest - len(line)
            piece = self.read1(min(end or len(arrived), room))
            if not piece:
                break
            line += piece

        if self.in_chunks and line.endswith(b"\n"):
            self.in_chunks = read_chunk_size(line) > 0  # trailers follow the last one
        return line

    def _receive(self) -> None:
        """Wait for bytes, no longer than the deadline."""
        if self._deadline < inf:
            left = self._deadline - Clock.now()
            if left <= 0.0:
                raise TimeoutError("timed out")
            if self._socket_timeout > left + 0.001:  # to be exact is a system call
                self._sock.settimeout(left)
                self._socket_timeout = left

        # At the end, urllib3's TLS inside of TLS returns 0.
        self._arrived = self._sock.recv(BUFFER_BYTES) or b""
        if not self._arrived and not self.may_end:
            raise RemoteDisconnected("closed before the response was complete")

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Release the socket."""
        self.closed = True
        if self._held is not None:
            self._held.close()


class RawMessage(HTTPMessage):
    """The headers of a response, as they were read.

    They come from latin-1, so nothing has to be encoded again. `raw_items` and
    `set_raw` are for the parsers of the standard library; with them a call takes 3 %
    less.
    """

    def items(self) -> list[tuple[str, str]]:
        """Return the headers."""
        return list(self.raw_items())


class StrictResponse(HTTPResponse):
    """Keeps to a deadline, skips interim responses, and refuses ambiguous framing.

    Args:
        sock: The socket.
        debuglevel: As `http.client` passes it.
        method: The method of the request.
        deadline: When reading ends, by `Clock.now()`.
        is_reused: Whether the connection has served a request before.
    """

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        deadline: float,
        is_reused: bool,
    ) -> None:
        # urllib3 has just told the socket, but not before it reads the answer of a
        # proxy to CONNECT, which has no method yet.
        self._file = ResponseFile(sock, deadline, is_told=method is not None)
        # http.client asks a socket for nothing but a file.
        reader: Any = self._file
        super().__init__(reader, debuglevel, method, url)
        self._is_head = method == "HEAD"
        self._is_reused = is_reused

    def begin(self) -> None:
        """Read the head of the final response, more strictly than `http.client`."""
        self._wait_for_answer()
        head = read_head(self._file)
        while head.status < 200:  # 100, 102, 103 (RFC 9110 section 15.2)
            if head.status == 101:
                raise FramingError("it switched to a protocol that nobody asked for")
            head = read_head(self._file)

        self._take_head(head)
        self._choose_framing(head)

    def _wait_for_answer(self) -> None:
        try:
            self._file.peek()
        except (ConnectionError, ssl.SSLEOFError) as error:
            if self._is_reused:
                raise StaleConnectionError("an idle connection had ended") from error
            raise

    def _take_head(self, head: Head) -> None:
        """Store status and headers where `http.client` has them."""
        self.version = head.version
        self.status = self.code = head.status
        self.reason = head.reason
        self.headers = self.msg = RawMessage()
        for name, value in head.fields:
            self.headers.set_raw(name, value)
        if head.skipped:
            self.headers.set_payload(head.skipped)  # urllib3 logs what is there
        if self.debuglevel > 0:
            status_line = head.start.partition(b"\r\n")[0].decode("latin-1")
            print("reply:", repr(status_line))  # noqa: T201  # as http.client does

    def _choose_framing(self, head: Head) -> None:
        """Find out where the body ends, and whether the connection serves again."""
        codings = head.values.get("transfer-encoding", [])
        self.chunked = is_chunked(codings)
        self.length = read_length(head.values.get("content-length", []))
        if codings and self.length is not None:
            raise FramingError("it has both Content-Length and Transfer-Encoding")
        if self._is_head or self.status in (204, 304):
            self.chunked = False
            self.length = 0
        self.chunk_left = None
        self._file.in_chunks = self.chunked
        # The end of the connection ends what has no length; urllib3 counts the others.
        self._file.may_end = not self.chunked

        wishes = ",".join(head.values.get("connection", [])).lower()
        # HTTP/1.0 has no chunks; whoever sends them all the same may not know when the
        # connection ends.
        asks_to_keep = "keep-alive" in wishes and not self.chunked
        has_end = self.chunked or self.length is not None
        keeps = has_end and (self.version == 11 or asks_to_keep)
        self.will_close = "close" in wishes or not keeps
        if self.will_close:
            self._file.hold()


class TimedConnection(HTTPConnection):
    """Mixed into a connection class: `timeout` is a clock, responses are strict."""

    _deadline = inf
    _used_socket: object = None  # the one that has served a request

    @property
    def timeout(self) -> float | None:
        """Seconds left on the clock; `None` for no limit."""
        if self._deadline == inf:
            return None
        return max(self._deadline - Clock.now(), LEAST_TIMEOUT_SECONDS)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        # urllib3's sign for its default is no number; it sets that right after.
        self._deadline = inf
        if isinstance(seconds, (int, float)):  # a union would be made anew each time
            self._deadline = Clock.now() + seconds

    def response_class(  # type: ignore[override]
        self, *args: Any, **options: Any
    ) -> StrictResponse:
        """Make the response that `http.client` reads, in the place of its class."""
        is_reused = self._used_socket is self.sock
        self._used_socket = self.sock
        return StrictResponse(
            *args, **options, deadline=self._deadline, is_reused=is_reused
        )

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        """Return urllib3's response, without a `Location` that makes it fail."""
        response = super().getresponse()
        location = response.get_redirect_location()
        if location and not is_target(location):
            response.headers["Location"] = ""  # following it would be a ValueError
        return response


class DialingConnection(TimedConnection):
    """Connects by itself, so that each address of a host gets its share of the time."""

    def _new_conn(self) -> socket.socket:  # urllib3's SOCKS connection replaces it, too
        if connection.create_connection is not _CREATE_CONNECTION:
            return super()._new_conn()  # somebody's own DNS, or a guard

        failure = OSError("the host name has no address")
        addresses = self._look_up()
        for tried, address in enumerate(addresses):
            try:
                sock = self._dial(address, len(addresses) - tried)
            except OSError as error:
                failure = error
                continue
            sys.audit("http.client.connect", self, self.host, self.port)
            return sock

        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, str(failure)) from failure
        reason = f"Failed to establish a new connection: {failure}"
        raise NewConnectionError(self, reason) from failure

    def _look_up(self) -> list[Any]:
        # The name in `_dns_host` still has the final dot that means "search nowhere".
        host = self._dns_host.strip("[]")
        family = connection.allowed_gai_family()
        try:
            return socket.getaddrinfo(host, self.port, family, socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            reason: Any = error  # urllib3 only shows it
            raise NameResolutionError(self.host, self, reason) from error

    def _dial(self, address: Any, shares: int) -> socket.socket:
        """Connect to one address in an equal share of the time that is left."""
        family, kind, protocol, _, target = address
        sock = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            if self.timeout is not None:
                sock.settimeout(self.timeout / shares)
            if self.source_address:
                sock.bind(self.source_address)
            sock.connect(target)
            sock.settimeout(self.timeout)
        except BaseException:
            sock.close()
            raise
        return sock


class TimedHTTPConnection(DialingConnection):
    """A plain connection with a deadline."""


class TimedHTTPSConnection(DialingConnection, HTTPSConnection):
    """A TLS connection with a deadline."""
