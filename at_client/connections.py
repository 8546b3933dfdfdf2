"""urllib3's connections, with what they lack: a deadline over the whole exchange, and strict framing.

The pool sets `timeout` on a connection before it connects and again before it reads; urllib3 and `http.client` then
pass that number to single socket operations. Here, setting it starts a clock, and reading it gives what is left.
"""

import io
import re
import socket
import ssl
from http.client import HTTPException, HTTPMessage, HTTPResponse, RemoteDisconnected
from math import inf
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import Timeout, connection

CONNECT_LIMIT = 5.0  # seconds that one attempt inside a deadline may spend on connecting and sending
RESPONSE_LIMIT = (
    30.0  # seconds that one attempt inside a deadline may spend on waiting and reading
)
MAX_LINE_BYTES = 65536

# No part can match what the part after it matches, so no input makes the search go back and forth.
_HEAD = re.compile(
    rb"HTTP/1\.(\d) ([1-9]\d\d)(?:[ \t]([^\0\r\n]*))?\r\n((?:[!#$%&'*+.^`|~\w-]+:[^\0\r\n]*\r\n)*)\r\n"
)
_CHUNK_SIZE = rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n"

# What a peer seems to speak whose first bytes do not begin an HTTP/1 response.
_PROTOCOLS = {
    rb"[\x15\x16]\x03": "the port speaks TLS. Use https",
    rb"(?s)HTTP/2|\0\0.[\x04\x07]": "the port speaks HTTP/2 only",
    rb"(?s)[\0\x05].{0,7}\Z": "the port does not speak HTTP; it may be a SOCKS proxy",
}


class Clock(Timeout):
    """The time limit of one call, as urllib3 asks for it: seconds in all, or a pair (connect, read) for each attempt.

    `urllib3.Timeout(total=...)` is not enough: `urlopen` starts its total anew once a tunnel stands.
    """

    def __init__(self, timeout: float | tuple[float, float]) -> None:
        self._started = monotonic()
        if isinstance(timeout, tuple):
            self.deadline, self._limits = inf, timeout
        else:
            self.deadline = self._started + timeout
            self._limits = (
                (CONNECT_LIMIT, RESPONSE_LIMIT) if timeout < inf else (inf, inf)
            )

    @property
    def connect_timeout(self) -> float:
        """Seconds that connecting and sending may take from now on."""
        return max(0.0, min(self._limits[0], self.deadline - monotonic()))

    @property
    def read_timeout(self) -> float:
        """Seconds that the whole response may take from now on."""
        return max(0.0, min(self._limits[1], self.deadline - monotonic()))

    def clone(self) -> "Clock":
        """Return this very clock: the pool asks for copies, but there is one deadline."""
        return self

    def start_connect(self) -> float:
        """Return when the call began, by `time.monotonic()`: this clock runs from the beginning."""
        return self._started

    __repr__ = object.__repr__  # urllib3's shows what this clock does not have


class StaleConnectionError(ConnectionResetError):
    """The server closed an idle connection before it was used again, so the request was not read."""


class NotHTTPError(HTTPException):
    """The peer does not speak HTTP/1; the message says what it seems to speak."""


class TimedReader(io.RawIOBase):
    """Reads a socket until a deadline by `time.monotonic()`: each `recv` gets only the time that is left."""

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock = sock
        self._held: Any = None
        self._end = end
        self.may_end = False
        """Whether the end of the connection is the end of the message; before, it is a loss."""

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return the file that `http.client` asks a socket for."""
        return io.BufferedReader(
            self, 8192
        )  # enough for most heads, and for a body such as ours

    def hold(self) -> None:
        """Keep the socket open until the response is read, even if its connection is closed first."""
        self._held = self._sock.makefile("rb")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> Any:
        """Read what is there, waiting no longer than the deadline."""
        left = self._end - monotonic()
        if left <= 0.0:
            raise TimeoutError("timed out")
        if (
            self._sock.gettimeout() or inf
        ) > left + 0.001:  # to be exact would cost a system call each time
            self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        if count == 0 and not self.may_end:
            raise RemoteDisconnected("closed before the response was complete")
        return count

    def close(self) -> None:
        """Release the socket."""
        if self._held is not None:
            self._held.close()
        super().close()


class RawMessage(HTTPMessage):
    """The headers of a response. They come from latin-1, so nobody has to look for surrogates each time."""

    def items(self) -> list[tuple[str, str]]:
        """Return the headers as they were received."""
        return list(self.raw_items())


class StrictResponse(HTTPResponse):
    """Keeps to a deadline, skips interim responses, and refuses ambiguous framing."""

    def __init__(
        self, sock: socket.socket, *args: Any, end: float, reused: bool, **options: Any
    ) -> None:
        self._reader = TimedReader(sock, end)
        super().__init__(self._reader, *args, **options)  # type: ignore[arg-type]  # it needs makefile() only
        self._reused = reused

    def begin(self) -> None:
        """Read the head of the final response, more strictly than `http.client`."""
        try:
            self.fp.peek()
        except (ConnectionError, ssl.SSLEOFError) as error:
            if self._reused:
                raise StaleConnectionError("an idle connection had ended") from error
            raise
        head = read_head(self.fp)
        while head[2][:1] == b"1":  # 100, 102, 103 and the like (RFC 9110 section 15.2)
            if head[2] == b"101":
                raise HTTPException("it switched to a protocol that nobody asked for")
            head = read_head(self.fp)
        self.version = 10 if head[1] == b"0" else 11
        self.status = self.code = int(head[2])
        self.reason = (head[3] or b"").decode("latin-1").strip()
        self.headers = self.msg = RawMessage()
        found: dict[str, list[str]] = {
            "transfer-encoding": [],
            "content-length": [],
            "connection": [],
        }
        for line in head[4].decode("latin-1").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            self.headers.set_raw(
                name, value
            )  # as the parsers of the standard library do
            found.setdefault(name.lower(), []).append(value)
        self.chunked, self.length = read_framing(
            found["transfer-encoding"], found["content-length"]
        )
        if self._method == "HEAD" or self.status in (204, 304):  # type: ignore[attr-defined]  # typeshed leaves it out
            self.chunked, self.length = False, 0
        self.chunk_left = None
        if self.debuglevel > 0:
            print("reply:", repr(head[0].decode("latin-1")))  # noqa: T201  # as http.client does when told to
        self._reader.may_end = self.length is None and not self.chunked
        wishes = ",".join(found["connection"]).lower()
        # HTTP/1.0 has no chunks; whoever sends them all the same may not know when the connection ends.
        keeps = self.version == 11 or ("keep-alive" in wishes and not self.chunked)
        self.will_close = self._reader.may_end or "close" in wishes or not keeps
        if self.will_close:
            self._reader.hold()

    def _read_next_chunk_size(self) -> int:
        # http.client and urllib3 read it with int(), which accepts 0x7, +7 and 1_0.
        if not (size := re.fullmatch(_CHUNK_SIZE, self.fp.readline(MAX_LINE_BYTES))):
            raise HTTPException("the size of a chunk is not a number")
        return int(size[1], 16)


def read_head(file: io.BufferedReader) -> re.Match[bytes]:
    """Read one head: the digit after `HTTP/1.`, the status, the reason, and the header lines.

    Most heads arrive in one piece and well-formed: one search reads them. All others are read line by line and tidied
    as RFC 9112 allows (sections 2.2 and 5.2): line ends without CR or with several, folded lines.
    """
    start = file.peek()
    if (head := _HEAD.match(start)) and head[4].count(b"\n") <= 100:
        file.read(head.end())
        return head
    if not b"HTTP/1.".startswith(start[:7]):
        guesses = (text for first, text in _PROTOCOLS.items() if re.match(first, start))
        raise NotHTTPError(next(guesses, "the response is not HTTP"))
    lines: list[bytes] = []
    while not lines or lines[-1].strip(b"\r\n"):
        lines.append(file.readline(MAX_LINE_BYTES + 1))
        if (
            len(lines) > 102 or len(lines[-1]) > MAX_LINE_BYTES
        ):  # the status line and the empty line included
            raise HTTPException("it has more than 100 header lines, or one over 64 KiB")
    first, *rest = [line.rstrip(b"\r\n") + b"\r\n" for line in lines]
    if not (
        head := _HEAD.fullmatch(first + re.sub(rb"\r\n[ \t]+", b" ", b"".join(rest)))
    ):
        raise HTTPException("a header line is broken")
    return head


def read_framing(codings: list[str], lengths: list[str]) -> tuple[bool, int | None]:
    """Return whether a body is chunked, and its length; `None` if chunks or the connection end it (RFC 9112 6.3)."""
    if codings and lengths:
        raise HTTPException("it has both Content-Length and Transfer-Encoding")
    if codings and (len(codings) > 1 or codings[0].lower() != "chunked"):
        raise HTTPException("its Transfer-Encoding is not understood")
    if not lengths:
        return bool(codings), None
    length, *others = {
        part.strip(" \t") for value in lengths for part in value.split(",")
    }
    if others or not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise HTTPException("its Content-Length is not a single number")
    return False, int(length)


class TimedConnection(HTTPConnection):
    """Mixed into a connection class: `timeout` is a clock, responses are strict."""

    _end = inf
    _served: object = None

    @property
    def timeout(self) -> float | None:
        """Seconds left on the clock, never 0, which would mean "do not wait"; `None` for no limit."""
        left = self._end - monotonic()
        return max(left, 0.001) if left < inf else None

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # no property there
        # Neither a number nor None is urllib3's sign for its default, which it sets right after.
        self._end = monotonic() + seconds if isinstance(seconds, (int, float)) else inf

    def response_class(self, *args: Any, **options: Any) -> StrictResponse:  # type: ignore[override]  # a class there
        """Make the response that `http.client` reads; a method knows the clock, and which socket has served before."""
        response = StrictResponse(
            *args, **options, end=self._end, reused=self._served is self.sock
        )
        self._served = self.sock
        return response


class DialingConnection(TimedConnection):
    """Connects by itself, so that each address of a host gets its share of the time, and TLS what is left."""

    def _new_conn(
        self,
    ) -> (
        socket.socket
    ):  # urllib3's SOCKS connection replaces it, too; there is no public place
        family = connection.allowed_gai_family()
        try:
            addresses = socket.getaddrinfo(
                self._dns_host, self.port, family, socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, None, error) from error  # type: ignore[arg-type]  # only shown
        failure = OSError("the host name has no address")
        for count, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(
                    self.timeout and self.timeout / (len(addresses) - count)
                )
                sock.connect(address)
                sock.settimeout(self.timeout)
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):  # Ctrl-C
                    raise
                failure = error
        wrap: Any = (
            ConnectTimeoutError
            if isinstance(failure, TimeoutError)
            else NewConnectionError
        )
        raise wrap(None, str(failure)) from failure
