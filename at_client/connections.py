"""urllib3's connections, with a deadline over the whole exchange, and strict framing.

The pool sets `timeout` on a connection before it connects and again before it reads;
urllib3 and `http.client` then pass that number to single socket operations. Here,
setting it starts a clock, and reading it gives what is left.
"""

import io
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPMessage, HTTPResponse, RemoteDisconnected
from math import inf
from typing import Any, NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Timeout, connection

from at_client.checks import check_timeout
from at_client.redirects import is_target

CONNECT_LIMIT_SECONDS = 5.0
"""What one attempt inside a deadline may spend on connecting and sending."""

RESPONSE_LIMIT_SECONDS = 30.0
"""What one attempt inside a deadline may spend on waiting and reading."""

LEAST_TIMEOUT_SECONDS = 0.001
"""To a socket, 0 means not to wait at all."""

MAX_LINE_BYTES = 65536
MAX_HEADER_LINES = 100
BUFFER_BYTES = 8192
"""Enough for most heads, and for a body such as that of the credits."""

# No part can match what the part after it matches, so no input makes the search go back
# and forth: a deadline cannot interrupt a regular expression.
_HEAD = re.compile(
    rb"HTTP/1\.(?P<minor>\d) (?P<status>[1-9]\d\d)(?:[ \t](?P<reason>[^\0\r\n]*))?\r\n"
    rb"(?P<lines>(?:[!#$%&'*+.^`|~\w-]+:[^\0\r\n]*\r\n)*)\r\n"
)
_FOLD = re.compile(rb"\r\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")

_TLS_RECORD = re.compile(rb"[\x15\x16]\x03")
_HTTP2_FRAME = re.compile(rb"(?s)HTTP/2|\0\0.[\x04\x07]")
_SOCKS_REPLY = re.compile(rb"(?s)[\0\x05].{0,7}\Z")

_CREATE_CONNECTION = connection.create_connection


class ReadLater(NamedTuple):
    """The time limit of a call whose body is read later.

    It travels as `_request_timeout`, because overrides of `call_api` and `request` that
    were written for generated clients pass that on, and know no other argument.
    """

    timeout: "float | tuple[float, float] | Clock | None"


class Clock(Timeout):
    """The time limit of one call, as urllib3 asks for it.

    `urllib3.Timeout(total=...)` is not enough: urllib3 starts its total anew once a
    tunnel stands, and for each attempt.

    Args:
        timeout: Seconds in all, or a pair (connect, read) for each attempt.
    """

    # An attribute of a class, because freezegun replaces those of modules: a clock that
    # a test has stopped must not stop a deadline.
    now = staticmethod(time.monotonic)

    reads_later = False
    """Whether the caller reads the body, and it is not read for them."""

    def __init__(self, timeout: float | tuple[float, float]) -> None:
        self.started = self.now()
        if isinstance(timeout, tuple):
            self.deadline = inf
            self._connect_limit, self._read_limit = timeout
        else:
            self.deadline = self.started + timeout
            is_limited = timeout < inf
            self._connect_limit = CONNECT_LIMIT_SECONDS if is_limited else inf
            self._read_limit = RESPONSE_LIMIT_SECONDS if is_limited else inf

    @classmethod
    def start(
        cls,
        timeout: "float | tuple[float, float] | Clock | ReadLater | None",
        default: float | tuple[float, float],
    ) -> "Clock":
        """Start the clock of a call, or return one that runs already.

        Args:
            timeout: The `_request_timeout` of the call; `None` for the default.
            default: `Configuration.timeout`.
        """
        if isinstance(timeout, ReadLater):
            clock = cls.start(timeout.timeout, default)
            clock.reads_later = True
            return clock
        if isinstance(timeout, cls):
            return timeout
        if timeout is None:
            return cls(default)
        return cls(check_timeout("_request_timeout", timeout))

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self.deadline - self.now()

    @property
    def seconds_spent(self) -> float:
        """Seconds since the call began."""
        return self.now() - self.started

    @property
    def connect_timeout(self) -> float:
        """Seconds that connecting and sending may take from now on."""
        return max(0.0, min(self._connect_limit, self.deadline - self.now()))

    @property
    def read_timeout(self) -> float:
        """Seconds that the whole response may take from now on."""
        return max(0.0, min(self._read_limit, self.deadline - self.now()))

    def clone(self) -> "Clock":
        """Return this very clock; a pool asks for a copy when an attempt begins.

        Raises:
            DeadlineError: There is no time for another attempt.
        """
        if self.now() >= self.deadline:
            raise DeadlineError("the deadline has passed")
        return self

    def start_connect(self) -> float:
        """Return when the call began: this clock runs from the beginning."""
        return self.started

    # urllib3's show what this clock does not have.
    __repr__ = object.__repr__
    __str__ = object.__repr__


class DeadlineError(HTTPError):
    """An attempt was about to begin after the deadline; urllib3 does not retry this."""


class StaleConnectionError(ConnectionResetError):
    """The server had closed an idle connection, so it has not read the request."""


class FramingError(HTTPException):
    """The head or a chunk of a response is not clear; the message says why."""


class NotHTTPError(HTTPException):
    """The peer does not speak HTTP/1; the message says what it seems to speak."""


class TimedReader(io.RawIOBase):
    """Reads a socket until a deadline: each `recv` gets only the time that is left.

    Args:
        sock: The socket.
        deadline: When reading ends, by `Clock.now()`.
        is_told: Whether the socket knows that already.
    """

    def __init__(self, sock: socket.socket, deadline: float, *, is_told: bool) -> None:
        self._sock = sock
        self._deadline = deadline
        self._socket_timeout = deadline - Clock.now() if is_told else inf
        self._held: io.BufferedReader | None = None
        self.may_end = False
        """Whether the end of the connection is the end of the message; before, it is
        a loss."""

    def makefile(self, *_: Any) -> "ResponseFile":
        """Return the file that `http.client` asks a socket for."""
        return ResponseFile(self, BUFFER_BYTES)

    def hold(self) -> None:
        """Keep the socket open until the response is read, even if its connection closes."""
        self._held = self._sock.makefile("rb")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, waiting no longer than the deadline."""
        if self._deadline < inf:
            left = self._deadline - Clock.now()
            if left <= 0.0:
                raise TimeoutError("timed out")
            if self._socket_timeout > left + 0.001:  # to be exact is a system call
                self._sock.settimeout(left)
                self._socket_timeout = left

        count = self._sock.recv_into(buffer)
        if count == 0 and not self.may_end:
            raise RemoteDisconnected("closed before the response was complete")
        return count

    def close(self) -> None:
        """Release the socket."""
        if self._held is not None:
            self._held.close()
        super().close()


class ResponseFile(io.BufferedReader):
    """What `http.client` and urllib3 read a response from, each by its own rules.

    Both read the size of a chunk with `int()`, which accepts 0x7, +7 and 1_0.
    """

    in_chunks = False
    """Whether each line that is read must be the size of a chunk."""

    def readline(self, size: int | None = -1) -> bytes:
        """Return a line; raise `FramingError` if it must be a size, and is none."""
        line = super().readline(size)
        if self.in_chunks and line.endswith(b"\n"):
            chunk = _CHUNK_SIZE.fullmatch(line)
            if not chunk:
                raise FramingError("the size of a chunk is not a number")
            self.in_chunks = int(chunk[1], 16) > 0  # trailers follow the last one
        return line


class RawMessage(HTTPMessage):
    """The headers of a response, as they were read.

    They come from latin-1, so nothing has to be encoded again. `raw_items` and `set_raw`
    are for the parsers of the standard library; with them a call takes 3 % less.
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
        # urllib3 has just told the socket, but not before it reads the answer of a proxy
        # to CONNECT, which has no method yet.
        self._reader = TimedReader(sock, deadline, is_told=method is not None)
        super().__init__(self._reader, debuglevel, method, url)  # type: ignore[arg-type]  # it needs makefile() only
        self._is_head = method == "HEAD"
        self._is_reused = is_reused

    def begin(self) -> None:
        """Read the head of the final response, more strictly than `http.client`."""
        self._wait_for_answer()
        head = read_head(self.fp)
        while head["status"].startswith(b"1"):  # 100, 102, 103 (RFC 9110 section 15.2)
            if head["status"] == b"101":
                raise FramingError("it switched to a protocol that nobody asked for")
            head = read_head(self.fp)

        self._take_head(head)
        self._choose_framing()

    def _wait_for_answer(self) -> None:
        try:
            self.fp.peek()
        except (ConnectionError, ssl.SSLEOFError) as error:
            if self._is_reused:
                raise StaleConnectionError("an idle connection had ended") from error
            raise

    def _take_head(self, head: re.Match[bytes]) -> None:
        """Store status and headers where `http.client` has them."""
        self.version = 10 if head["minor"] == b"0" else 11
        self.status = self.code = int(head["status"])
        self.reason = (head["reason"] or b"").decode("latin-1").strip()

        self.headers = self.msg = RawMessage()
        self._values: dict[str, list[str]] = {}
        for line in head["lines"].decode("latin-1").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            self.headers.set_raw(name, value)
            self._values.setdefault(name.lower(), []).append(value)

        if self.debuglevel > 0:
            status = head[0].partition(b"\r\n")[0].decode("latin-1")
            print("reply:", repr(status))  # noqa: T201  # as http.client does when told to

    def _choose_framing(self) -> None:
        """Find out where the body ends, and whether the connection serves again."""
        codings = self._values.get("transfer-encoding", [])
        lengths = self._values.get("content-length", [])
        self.chunked, self.length = read_framing(codings, lengths)
        if self._is_head or self.status in (204, 304):
            self.chunked, self.length = False, 0
        self.chunk_left = None
        self.fp.in_chunks = self.chunked  # type: ignore[attr-defined]  # a ResponseFile
        # The end of the connection ends what has no length; urllib3 counts the others.
        self._reader.may_end = not self.chunked
        has_end = self.chunked or self.length is not None

        wishes = ",".join(self._values.get("connection", [])).lower()
        # HTTP/1.0 has no chunks; whoever sends them all the same may not know when the
        # connection ends.
        asks_to_keep = "keep-alive" in wishes and not self.chunked
        keeps = self.version == 11 or asks_to_keep
        self.will_close = not has_end or "close" in wishes or not keeps
        if self.will_close:
            self._reader.hold()


def read_head(file: io.BufferedReader) -> re.Match[bytes]:
    """Read one head; most arrive in one piece and well-formed, for one search to read.

    Raises:
        NotHTTPError: It does not begin like HTTP/1.
        FramingError: It is broken, or too long.
    """
    start = file.peek()
    head = _HEAD.match(start)
    if head and head["lines"].count(b"\n") <= MAX_HEADER_LINES:
        file.read(head.end())
        return head

    if not b"HTTP/1.".startswith(start[:7]):
        raise NotHTTPError(guess_protocol(start))
    head = _HEAD.fullmatch(tidy_head(list(read_lines(file))))
    if not head:
        raise FramingError("a header line is broken")
    return head


def read_lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Yield the lines of a head, the empty one at its end included."""
    for _ in range(MAX_HEADER_LINES + 2):  # with the status line and the empty line
        line = file.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            break
        yield line
        if not line.strip(b"\r\n"):
            return
    raise FramingError(
        f"it has more than {MAX_HEADER_LINES} header lines, or one over 64 KiB"
    )


def tidy_head(lines: list[bytes]) -> bytes:
    r"""Return a head as it should have been sent (RFC 9112 sections 2.2 and 5.2).

    Lines may end without CR or with several, and may be folded. Header lines without a
    name or without a colon are left out, as curl and browsers do.

    Examples:
        >>> tidy_head([b"HTTP/1.1 200 OK", b"A: 1", b" 2", b"nonsense", b": 3", b""])
        b'HTTP/1.1 200 OK\r\nA: 1 2\r\n\r\n'
    """
    joined = b"\r\n".join(line.rstrip(b" \t\r\n") for line in lines)
    status, *fields = _FOLD.sub(b" ", joined).split(b"\r\n")
    kept = [field for field in fields if field.find(b":") > 0]
    return b"\r\n".join([status, *kept, b"", b""])


def guess_protocol(start: bytes) -> str:
    """Return what a peer seems to speak whose first bytes are not HTTP/1."""
    if _TLS_RECORD.match(start):
        return "the port speaks TLS. Use https"
    if _HTTP2_FRAME.match(start):
        return "the port speaks HTTP/2 only"
    if _SOCKS_REPLY.match(start):
        return "the port does not speak HTTP; it may be a SOCKS proxy"
    return "the response is not HTTP"


def read_framing(codings: list[str], lengths: list[str]) -> tuple[bool, int | None]:
    """Return whether a body is chunked, and its length (RFC 9112 section 6.3).

    Args:
        codings: Every `Transfer-Encoding` header.
        lengths: Every `Content-Length` header.

    Returns:
        The length is `None` if chunks or the end of the connection end the body.

    Raises:
        FramingError: They contradict each other.
    """
    if not codings:
        return False, read_length(lengths)
    if lengths:
        raise FramingError("it has both Content-Length and Transfer-Encoding")
    if len(codings) > 1 or codings[0].lower() != "chunked":
        raise FramingError("its Transfer-Encoding is not understood")
    return True, None


def read_length(lengths: list[str]) -> int | None:
    """Return the length that `Content-Length` headers agree on; `None` without any."""
    if not lengths:
        return None

    length = lengths[0]
    if len(lengths) > 1 or "," in length:
        different = {part.strip(" \t") for part in ",".join(lengths).split(",")}
        length = different.pop() if len(different) == 1 else ""
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise FramingError("its Content-Length is not a single number")
    return int(length)


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
    def timeout(self, seconds: float | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # no property there
        # urllib3's sign for its default is no number; it sets that right after.
        self._deadline = inf
        if isinstance(seconds, int | float):
            self._deadline = Clock.now() + seconds

    def response_class(self, *args: Any, **options: Any) -> StrictResponse:  # type: ignore[override]  # a class there
        """Make the response that `http.client` reads."""
        is_reused = self._used_socket is self.sock
        self._used_socket = self.sock
        return StrictResponse(
            *args, **options, deadline=self._deadline, is_reused=is_reused
        )

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
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
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]  # only shown

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


# To pyright, a property cannot take the place of the attribute `timeout`.
class TimedHTTPConnection(DialingConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A plain connection with a deadline."""


class TimedHTTPSConnection(DialingConnection, HTTPSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A TLS connection with a deadline."""
