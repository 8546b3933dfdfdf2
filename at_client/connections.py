"""urllib3's connections and pools, with what they lack: a deadline over the whole exchange, and strict framing.

The pool sets `timeout` on a connection before it connects and again before it reads; urllib3 and `http.client` then
pass that number to single socket operations. Here, setting it starts a clock and reading it gives what is left, so
that the same code keeps a deadline.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection

from at_client.headers import reveal_all

BUFFER_BYTES = 8192
"""What a socket is asked for at a time: the head of most responses, and a body such as ours."""

CONNECT_LIMIT = 5.0
"""What one attempt inside a deadline may spend on connecting and sending."""

RESPONSE_LIMIT = 30.0
"""What one attempt inside a deadline may spend on waiting for the response and reading it."""

GRACE_SECONDS = 0.001
"""By how much a socket may wait too long: it was told a moment ago, and telling it again is a system call."""

MAX_LINE_BYTES = 65536
MAX_HEAD_LINES = 102
"""A status line, 100 fields, and the empty line."""

# No part can match what the part after it matches, so no input makes the search go back and forth.
_HEAD = re.compile(
    rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?:[ \t]([^\x00\r\n]*))?\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00\r\n]*\r\n)*)\r\n"
)
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")


class Clock(urllib3.Timeout):
    """The time of one call, in the form that urllib3 asks for: falling numbers at every step.

    `urllib3.Timeout(total=...)` is not enough: `urlopen` starts its total anew once a tunnel stands.

    Args:
        timeout: Seconds for the whole call, or a pair (connect, read) for each attempt; checked before.
    """

    def __init__(self, timeout: float | tuple[float, float]) -> None:
        self._started = monotonic()
        if isinstance(timeout, tuple):
            self.deadline = inf
            self._limits = timeout
        else:
            self.deadline = self._started + timeout
            self._limits = (CONNECT_LIMIT, RESPONSE_LIMIT) if timeout < inf else (inf, inf)

    @property
    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the call began."""
        return monotonic() - self._started

    @property
    def connect_timeout(self) -> float:
        """Seconds that connecting and sending may take from now on."""
        return max(0.0, min(self._limits[0], self.left))

    @property
    def read_timeout(self) -> float:
        """Seconds that the whole response may take from now on."""
        return max(0.0, min(self._limits[1], self.left))

    def clone(self) -> Clock:
        """Return this very clock: the pool asks for copies, but there is one deadline."""
        return self

    def start_connect(self) -> float:
        """Return when it started: this clock runs from the beginning."""
        return self._started

    def __repr__(self) -> str:
        return f"Clock(left={self.left:.3f}, limits={self._limits})"


class StaleConnectionError(ConnectionResetError):
    """An idle connection had ended before it was used again: nobody has read the request."""


class NotHTTPError(http.client.HTTPException):
    """The peer does not speak HTTP/1; the message says what it seems to speak."""


class TimedReader(io.RawIOBase):
    """Reads a socket until a deadline: each `recv` gets only the time that is left.

    Args:
        sock: The socket, plain or TLS.
        end: The deadline, by `time.monotonic()`.
    """

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock = sock
        self._held: Any = None
        self._end = end
        self.may_end = False
        """Whether the end of the connection is the end of the message; before, it is a loss."""
        self.touched = False
        """Whether anything was received."""

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return the file that `http.client` asks a socket for."""
        return io.BufferedReader(self, BUFFER_BYTES)

    def hold(self) -> None:
        """Keep the socket open until the response is read, though its connection is closed before."""
        self._held = self._sock.makefile("rb")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> Any:
        """Read what is there, waiting no longer than the deadline."""
        if self._end < inf:
            left = self._end - monotonic()
            if left <= 0.0:
                raise TimeoutError("timed out")
            if (self._sock.gettimeout() or inf) > left + GRACE_SECONDS:
                self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        if count == 0 and not self.may_end:
            raise http.client.RemoteDisconnected("closed before the response was complete")
        self.touched = True
        return count

    def close(self) -> None:
        """Release the socket."""
        if self._held is not None:
            self._held.close()
        super().close()


class StrictResponse(http.client.HTTPResponse):
    """Keeps to a deadline, skips interim responses, and refuses ambiguous framing.

    Args:
        sock: The socket to read from.
        debuglevel, method: As `http.client` has them.
        end: When the last byte must be there, by `time.monotonic()`.
        reused: Whether the connection has brought a response before.
    """

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, *, end: float, reused: bool
    ) -> None:
        self._reader = TimedReader(sock, end)
        super().__init__(self._reader, debuglevel, method)  # type: ignore[arg-type]  # it needs makefile() only
        self._reused = reused
        self._bodiless = method == "HEAD"

    def begin(self) -> None:
        """Read the head of the final response, more strictly than `http.client`."""
        try:
            head = read_head(self.fp)
        except (ConnectionError, ssl.SSLEOFError) as error:
            if self._reused and not self._reader.touched:
                raise StaleConnectionError("an idle connection had ended") from error
            raise
        while head[2][:1] == b"1":  # 100, 102, 103 and the like (RFC 9110 section 15.2)
            if head[2] == b"101":
                raise http.client.HTTPException("it switched to a protocol that nobody asked for")
            head = read_head(self.fp)
        self.version = 10 if head[1] == b"0" else 11
        self.status = self.code = int(head[2])
        self.reason = (head[3] or b"").decode("latin-1").strip()
        self.headers = self.msg = http.client.HTTPMessage()
        for line in head[4].decode("latin-1").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            self.headers.set_raw(name, value.strip(" \t"))  # as the parsers of the standard library do
        lengths = self.headers.get_all("content-length", [])
        self.chunked, self.length = read_framing(self.headers.get_all("transfer-encoding", []), lengths)
        if self._bodiless or self.status in (204, 304):
            self.chunked, self.length = False, 0
        self.chunk_left = None
        if self.debuglevel > 0:
            print("reply:", repr(head[0].decode("latin-1")))  # noqa: T201  # as http.client does when told to
        self._reader.may_end = self.length is None and not self.chunked
        # HTTP/1.0 has no chunks; whoever sends them all the same may not know when the connection ends.
        ends = self._reader.may_end or (self.chunked and self.version == 10)
        ends = ends or any("close" in value.lower() for value in self.headers.get_all("connection", []))
        self.will_close = ends or self._check_close()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # typeshed leaves it out
        if self.will_close:
            self._reader.hold()

    def _read_next_chunk_size(self) -> int:
        # http.client and urllib3 read it with int(), which accepts 0x7, +7 and 1_0.
        size = _CHUNK_SIZE.fullmatch(self.fp.readline(MAX_LINE_BYTES))
        if size is None:
            raise http.client.HTTPException("the size of a chunk is not a number")
        return int(size[1], 16)


def read_head(file: io.BufferedReader) -> re.Match[bytes]:
    """Read one head, interim or final, and leave what follows it.

    Most heads arrive in one piece and well-formed: one search reads them. All others are read line by line and tidied
    as RFC 9112 allows (sections 2.2 and 5.2): line ends without CR or with several, folded lines.

    Returns:
        A match with the groups: the digit after `HTTP/1.`, the status, the reason, the header lines.

    Raises:
        RemoteDisconnected: The connection ended before the head was complete.
        HTTPException: It breaks the rules.
    """
    start = file.peek()
    if (head := _HEAD.match(start)) and head[4].count(b"\n") <= 100:
        file.read(head.end())
        return head
    if not b"HTTP/1.".startswith(start[:7]):
        raise NotHTTPError(guess_protocol(start))
    lines: list[bytes] = []
    while not lines or lines[-1].strip(b"\r\n"):
        lines.append(file.readline(MAX_LINE_BYTES + 1))
        if len(lines[-1]) > MAX_LINE_BYTES:
            raise http.client.LineTooLong("header line")
        if len(lines) > MAX_HEAD_LINES:
            raise http.client.HTTPException("there are more than 100 header lines")
    first, *rest = [line.rstrip(b"\r\n") + b"\r\n" for line in lines]
    head = _HEAD.fullmatch(first + re.sub(rb"\r\n[ \t]+(?=[^\r\n])", b" ", b"".join(rest)))
    if head is None:
        raise http.client.HTTPException("a header line is broken")
    return head


def guess_protocol(start: bytes) -> str:
    """Return what a peer seems to speak whose first bytes do not begin an HTTP/1 response."""
    if start[:1] in (b"\x15", b"\x16") and start[1:2] == b"\x03":
        return "the port speaks TLS. Use https"
    if start[:6] == b"HTTP/2" or (start[:2] == b"\x00\x00" and start[3:4] in (b"\x04", b"\x07")):
        return "the port speaks HTTP/2 only"
    if start[:4] in (b"SSH-", b"220 ", b"220-", b"+OK "):
        return f"the port speaks {'SSH' if start[:4] == b'SSH-' else 'a mail or file protocol'}, not HTTP"
    if start[:1] in (b"\x00", b"\x05") and len(start) <= 8:
        return "the port speaks no HTTP; it may be a SOCKS proxy"
    return "what came back is not HTTP"


def read_framing(codings: list[str], lengths: list[str]) -> tuple[bool, int | None]:
    """Decide where a body ends (RFC 9112 section 6.3).

    Args:
        codings: The values of Transfer-Encoding.
        lengths: The values of Content-Length.

    Returns:
        Whether the body is chunked; and its length in bytes, `None` if it is chunked or ends with the connection.

    Raises:
        HTTPException: That is ambiguous.
    """
    if codings and lengths:
        raise http.client.HTTPException("it has both Content-Length and Transfer-Encoding")
    if codings and (len(codings) > 1 or codings[0].lower() != "chunked"):
        raise http.client.HTTPException("its Transfer-Encoding is not understood")
    values = {part.strip(" \t") for value in lengths for part in value.split(",")}
    if len(values) > 1:
        raise http.client.HTTPException("it has conflicting Content-Length values")
    length = values.pop() if values else None
    if length is not None and not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise http.client.HTTPException("its Content-Length is not a number")
    return bool(codings), None if length is None else int(length)


if TYPE_CHECKING:
    Mixin = HTTPConnection
else:  # it must also fit in front of urllib3's SOCKS connections
    Mixin = object


class TimedConnection(Mixin):
    """Mixed into a connection class: `timeout` is a clock, responses are strict."""

    _end = inf
    _reused = False

    @property
    def timeout(self) -> float | None:
        """Seconds left on the clock, never 0, which would mean "do not wait"; `None` for no limit."""
        left = self._end - monotonic()
        return max(left, 0.001) if left < inf else None

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if not isinstance(seconds, (int, float)):  # urllib3's sign for the default, in somebody's own request
            seconds = socket.getdefaulttimeout()
        self._end = inf if seconds is None else monotonic() + seconds

    def response_class(self, *args: Any, **options: Any) -> StrictResponse:  # type: ignore[override]  # a class there
        """Make the response that `http.client` reads; a method knows the clock."""
        response = StrictResponse(*args, **options, end=self._end, reused=self._reused)
        self._reused = True
        return response

    def connect(self) -> None:
        """Connect, through a tunnel if need be."""
        super().connect()
        self._reused = False

    def set_tunnel(self, host: str, port: int | None = None, headers: Any = None, scheme: str = "http") -> None:
        """Prepare the tunnel through a proxy; `http.client` formats its headers, so it must not get sealed ones."""
        super().set_tunnel(host, port, reveal_all(headers or {}), scheme)


class DialingConnection(TimedConnection):
    """Connects by itself, so that each address of a host gets its share of the time, and TLS what is left.

    `_new_conn` is where urllib3's SOCKS connection steps in, too; there is no public place for it.
    """

    def _new_conn(self) -> socket.socket:
        family = connection.allowed_gai_family()
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, family, socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, None, error) from error  # type: ignore[arg-type]  # only shown
        failure = OSError("the host name has no address")
        for count, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                left = self.timeout
                sock.settimeout(None if left is None else left / (len(addresses) - count))
                sock.connect(address)
                sock.settimeout(self.timeout)
                return sock
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError("no answer to the connect") from failure
        raise NewConnectionError(None, str(failure)) from failure  # type: ignore[arg-type]  # only shown
