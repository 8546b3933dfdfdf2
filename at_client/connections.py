"""urllib3's connections and pools, with what they lack: a clock over the whole exchange, and strict framing.

The pool sets `timeout` on a connection before it connects and again before it reads; urllib3 and `http.client` then
hand that number to single socket operations. Here, setting it starts a clock and reading it gives what is left, so
that the same code keeps a deadline.
"""

from __future__ import annotations

import functools
import http.client
import io
import queue
import socket
import ssl
from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection

from at_client.heads import closes, framing, read_head
from at_client.sealed import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

BUFFER = 8192
"""Bytes to ask a socket for at a time: the head of most responses, and a body such as ours."""

CONNECT_LIMIT = 5.0
"""Seconds of a deadline that one attempt may spend on connecting and sending."""

GRACE = 0.001
"""Seconds by which a socket may wait too long: it was told a moment ago, and telling it again is a system call."""

RESPONSE_LIMIT = 30.0
"""Seconds of a deadline that one attempt may spend on waiting for the response and reading it."""


class Clock(urllib3.Timeout):
    """The time of one call, in the form that urllib3 asks for: fresh numbers at every step.

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
        return max(0.0, min(self._limits[0], self.deadline - monotonic()))

    @property
    def read_timeout(self) -> float:
        """Seconds that the whole response may take from now on."""
        return max(0.0, min(self._limits[1], self.deadline - monotonic()))

    def clone(self) -> Clock:
        """Return this very clock: the pool asks for copies, but there is one deadline."""
        return self

    def __repr__(self) -> str:
        return f"Clock(left={self.left:.3f}, limits={self._limits})"

    def start_connect(self) -> float:
        """Say when it started; this clock runs since it was made."""
        return self._started


class StaleConnectionError(ConnectionResetError):
    """A connection that was kept for reuse had ended: the request was lost before a byte of an answer came."""


class TimedReader(io.RawIOBase):
    """Reads a socket until a deadline: each `recv` gets only the time that is left.

    Args:
        sock: The socket, plain or TLS.
        end: The deadline, by `time.monotonic()`.
    """

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock = sock
        self._hold = sock.makefile("rb", buffering=0)
        """Keeps the socket open until the response is read, should its connection be closed before."""
        self._end = end
        self.may_end = False
        """Whether the end of the connection is the end of the message; before, it is a loss."""
        self.touched = False
        """Whether anything has come."""

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Make the file that `http.client` asks a socket for."""
        return io.BufferedReader(self, BUFFER)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> Any:
        """Read what is there, waiting for no longer than the deadline."""
        if self._end < inf:
            left = self._end - monotonic()
            if left <= 0.0:
                raise TimeoutError("timed out")
            if (self._sock.gettimeout() or inf) > left + GRACE:
                self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        if count == 0 and not self.may_end:
            raise http.client.RemoteDisconnected("closed before the response was complete")
        self.touched = True
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self._hold.close()
        super().close()


class StrictResponse(http.client.HTTPResponse):
    """A response that keeps to a deadline, skips interim answers and refuses ambiguous framing.

    Args:
        sock: The socket to read from.
        end: When the last byte must be there, by `time.monotonic()`.
        reused: Whether the connection has brought a response before.
        **options: What `http.client` passes.
    """

    def __init__(self, sock: socket.socket, *, end: float, reused: bool, **options: Any) -> None:
        self._reader = TimedReader(sock, end)
        super().__init__(self._reader, **options)  # type: ignore[arg-type]  # it wants no more than makefile()
        self._reused = reused
        self._request_method: str | None = options.get("method")

    def begin(self) -> None:
        """Read the head of the final response; what `http.client` reads by its own laxer rules."""
        try:
            head = read_head(self.fp)
        except (ConnectionError, ssl.SSLEOFError) as error:
            if self._reused and not self._reader.touched:
                raise StaleConnectionError("an idle connection had ended") from error
            raise
        while head.status < 200:  # 100, 102, 103 and their kind (RFC 9110 section 15.2)
            if head.status == 101:
                raise http.client.HTTPException("it switched to a protocol that nobody asked for")
            head = read_head(self.fp)
        self.chunked, self.length = framing(self._request_method, head)
        self.version, self.status, self.reason = head.version, head.status, head.reason
        self.code = head.status
        self.headers = self.msg = head.message()
        self.chunk_left = None
        self._reader.may_end = self.length is None and not self.chunked
        self.will_close = self._reader.may_end or closes(head)


if TYPE_CHECKING:
    Mixin = HTTPConnection
else:  # it must also fit in front of connections that others put into the pools
    Mixin = object


class TimedConnection(Mixin):
    """What is mixed into the connection class of a pool: `timeout` is a clock, responses are strict."""

    _end = inf
    _reused = False

    @property
    def timeout(self) -> float | None:
        """Seconds left on the clock, never none: 0 would mean "do not wait"; `None` for no limit."""
        left = self._end - monotonic()
        return max(left, 0.001) if left < inf else None

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]  # as ever
        self._end = inf if seconds is None else monotonic() + seconds

    def response_class(  # type: ignore[override]  # a class there, called the same way
        self, sock: socket.socket, **options: Any
    ) -> StrictResponse:
        """Make the response that `http.client` reads; a method, where a class is expected, knows the clock."""
        response = StrictResponse(sock, end=self._end, reused=self._reused, **options)
        self._reused = True
        return response

    def connect(self) -> None:
        """Connect, through a tunnel if need be."""
        super().connect()
        self._reused = False

    def set_tunnel(
        self,
        host: str,
        port: int | None = None,
        headers: Mapping[str, Any] | None = None,
        scheme: str = "http",
    ) -> None:
        """Prepare the tunnel through a proxy; some versions of Python write sealed headers of it as they show."""
        super().set_tunnel(host, port, opened(headers or {}), scheme)


class DialingConnection(TimedConnection):
    """Connects by itself: each address of the host gets its share of the time, what is left goes to TLS.

    `_new_conn` is where urllib3's own SOCKS connection steps in, too; there is no public place for it.
    """

    def _new_conn(self) -> socket.socket:
        try:
            host, family = _as_looked_up(self._dns_host), connection.allowed_gai_family()
            found = socket.getaddrinfo(host, self.port, family, socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, None, error) from error  # type: ignore[arg-type]  # only shown
        failure: OSError | None = None
        for waiting, (family, kind, protocol, _, address) in zip(
            range(len(found), 0, -1), found, strict=True
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                left = self.timeout
                sock.settimeout(None if left is None else left / waiting)
                sock.connect(address)
                sock.settimeout(self.timeout)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError("no answer to the connect") from failure
        raise NewConnectionError(None, str(failure)) from failure  # type: ignore[arg-type]  # only shown


def _as_looked_up(host: str) -> str | bytes:
    """Give a host, which is ASCII, in the form that Python looks up as it is.

    For a `str` it first loads the tables of IDNA, which is a millisecond of every start. Whatever else stands in the
    place of `getaddrinfo` gets the `str` that it expects.
    """
    return host.encode("ascii") if socket.getaddrinfo.__module__ == "socket" else host


class UnsealingConnection(TimedConnection):
    """What is mixed into a class that others put into the pools: it may look at a request, so it gets plain text."""

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Send a request, or whatever the class does in its place."""
        if body is not None:
            body = b"".join(body) if not isinstance(body, bytes) else body
        super().request(method, url, body, opened(headers or {}), **options)


class IdleConnections:
    """The idle connections of a pool, the last one used on top; needs no lock, so a fork cannot find it held.

    Args:
        maxsize: How many to keep; one more is closed quietly.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._stack: deque[HTTPConnection] = deque()

    def put(self, conn: HTTPConnection | None, block: bool = True) -> None:  # noqa: ARG002  # as queue.Queue
        """Keep a connection; `None` stands for one that is gone."""
        if conn is not None and len(self._stack) < self._maxsize:
            self._stack.append(conn)
        elif conn is not None:
            conn.close()

    def get(self, block: bool = True, timeout: float | None = None) -> HTTPConnection:  # noqa: ARG002  # the same
        """Take the connection that was used last.

        Raises:
            queue.Empty: There is none; the pool makes a new one.
        """
        try:
            return self._stack.pop()
        except IndexError:
            raise queue.Empty from None


def use_timed_connections(manager: urllib3.PoolManager, *, dial: bool) -> None:
    """Have the pools of a manager make timed connections.

    Args:
        manager: A manager that has no pools yet.
        dial: Whether the connections connect by themselves; a SOCKS connection does it in its own way.
    """
    mixin = DialingConnection if dial else TimedConnection
    manager.pool_classes_by_scheme = {
        scheme: _timed_pool(pool, mixin) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@functools.cache
def _timed_pool(base: type[HTTPConnectionPool], mixin: Any) -> type[HTTPConnectionPool]:
    """Derive a pool class that asks `base` at every new connection which class it has just then."""

    class TimedPool(base):  # type: ignore[valid-type,misc]
        QueueCls = IdleConnections

        @property
        def ConnectionCls(self) -> Any:  # noqa: N802  # pyright: ignore[reportIncompatibleVariableOverride]  # urllib3's, read alike
            return _timed_connection(super().ConnectionCls, mixin)

    return TimedPool


@functools.cache
def _timed_connection(base: type[HTTPConnection], mixin: Any) -> type[HTTPConnection]:
    if not base.__module__.startswith("urllib3."):
        mixin = UnsealingConnection
    return type(f"Timed{base.__name__}", (mixin, base), {})
