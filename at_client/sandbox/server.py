"""The service on a loopback port, with scripted faults and a log of requests."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from socket import SHUT_RDWR, socket
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

from at_client.sandbox.service import Answer, Request, Service, make_answer


@dataclass(frozen=True)
class Fault:
    """What happens to a request. What is left out happens as usual.

    Raises:
        ValueError: `status`, `delay`, `drip` or `piece` is out of range.

    Examples:
        >>> slow_outage = Fault(status=503, delay=0.5, times=2)
    """

    status: int = 200
    """The status to answer with, from 200 to 599."""

    body: Any = None
    """The body to answer with: bytes, a string, or anything else to send as JSON; `None` means what
    the service sends with the status."""

    content_type: str = "application/json"
    """The media type of this body."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """More headers; these override the sandbox's own, `content-length` included."""

    retry_after: float | str | None = None
    """The header `Retry-After`: seconds or an HTTP date."""

    delay: float = 0.0
    """Seconds to wait before answering."""

    drip: float = 0.0
    """Seconds to wait before each piece of the answer; 0 sends all of it at once."""

    piece: int = 1
    """Bytes per piece."""

    drip_headers: bool = False
    """Whether status line and headers drip too, or only the body."""

    drop: bool = False
    """Whether to close the connection without an answer, or `after` some bytes of its body."""

    after: int | None = None
    """Bytes of the body to send; the rest never comes. Without `drop`, the client waits for it."""

    times: int | None = 1
    """How many requests this happens to; `None` means all until `recover()`."""

    path: str | None = None
    """The only path whose requests this happens to; `None` means any."""

    def __post_init__(self) -> None:
        if self.status not in range(200, 600) or min(self.delay, self.drip, self.piece - 1) < 0:
            raise ValueError(f"status must be 200 to 599, waits >= 0 and piece >= 1: {self}")

    def make_answer(self) -> Answer | None:
        """Return the answer to send instead of the service's; `None` if that is as usual."""
        if self.body is None and self.status == 200:
            return None
        given = {"content-type": self.content_type, "retry-after": self.retry_after, **self.headers}
        headers = {name.lower(): str(value) for name, value in given.items() if value is not None}
        return make_answer(self.status, self.body, headers)


class Faults:
    """A queue of faults; each request takes the first one that is meant for it.

    Every method takes the attributes of `Fault` as keyword arguments, `times` and `path` among
    them. A request for which there is no fault is answered normally.
    """

    def __init__(self) -> None:
        self._queue: list[tuple[str | None, Iterator[Fault]]] = []

    def script(self, fault: Fault) -> None:
        """Queue a fault; it may combine what the other methods do.

        Args:
            fault: What happens.
        """
        times = () if fault.times is None else (fault.times,)
        self._queue.append((fault.path, repeat(fault, *times)))

    def fail(self, status: int = 503, **more: Any) -> None:
        """Answer with an error.

        Args:
            status: The status, from 200 to 599.
            **more: Attributes of `Fault`, such as `retry_after`, `times` or `path`.
        """
        self.script(Fault(status=status, **more))

    def answer(self, body: object, **more: Any) -> None:
        """Answer with a body of your own, however wrong.

        Args:
            body: Bytes, a string, or anything else to send as JSON.
            **more: Attributes of `Fault`, such as `content_type`, `times` or `path`.
        """
        self.script(Fault(body=body, **more))

    def delay(self, seconds: float, **more: Any) -> None:
        """Answer later.

        Args:
            seconds: How much later.
            **more: Attributes of `Fault`, such as `times` or `path`.
        """
        self.script(Fault(delay=seconds, **more))

    def drip(self, seconds: float, *, headers: bool = False, **more: Any) -> None:
        """Answer a few bytes at a time.

        Args:
            seconds: The wait before each piece.
            headers: Whether status line and headers drip too.
            **more: Attributes of `Fault`, such as `piece`, `times` or `path`.
        """
        self.script(Fault(drip=seconds, drip_headers=headers, **more))

    def drop(self, **more: Any) -> None:
        """Close the connection without an answer, or in the middle of one.

        Args:
            **more: Attributes of `Fault`, such as `after`, `times` or `path`.
        """
        self.script(Fault(drop=True, **more))

    def recover(self) -> None:
        """Forget the faults that are still in the queue."""
        self._queue.clear()

    def take(self, path: str) -> Fault:
        """Return the next fault for a path and use it up; `NORMAL` if there is none."""
        meant = (faults for only, faults in self._queue if only in {None, path})
        return next(chain.from_iterable(meant), NORMAL)


NORMAL = Fault()


class Connection(BaseHTTPRequestHandler):
    """One connection, and the requests on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Read a request, log it, and answer it or let its fault happen."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = Request(self.command, unquote(path), query, self.headers, body)
        sandbox = self.server.sandbox
        sandbox.requests.append(request)
        fault = sandbox.take(request.path)
        dropped = self.server.closing.wait(fault.delay) or (fault.drop and fault.after is None)
        answer = None if dropped else fault.make_answer() or sandbox.respond(request)
        request.status = answer.status if answer else None
        sandbox.on_request(request)
        if answer:
            self.send(answer, fault)
        # A scripted length may leave the client waiting for more; only closing ends that.
        self.close_connection |= not answer or fault.drop or "content-length" in answer.headers

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_QUERY = do_GET  # noqa: N815

    def send(self, answer: Answer, fault: Fault) -> None:
        """Send an answer, as completely and as fast as the fault allows."""
        empty = answer.status in {204, 304}
        length = {} if empty else {"content-length": str(len(answer.body))}
        headers = {"date": self.date_time_string(), **length, **answer.headers}
        headers |= {"connection": "close"} if self.close_connection else {}
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        phrase, *_ = self.responses.get(answer.status, ("Unknown",))
        head = f"HTTP/1.1 {answer.status} {phrase}\r\n{fields}\r\n".encode("latin-1")
        data = head + (b"" if empty or self.command == "HEAD" else answer.body[: fault.after])
        at_once = len(data) if not fault.drip else 0 if fault.drip_headers else len(head)
        self.wfile.write(data[:at_once])
        for start in range(at_once, len(data), fault.piece):
            if self.server.closing.wait(fault.drip):
                break
            self.wfile.write(data[start : start + fault.piece])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the same
        """Print nothing; the sandbox has its own log."""


class Server(ThreadingTCPServer):
    """Gives each connection a daemon thread, and ends all of them when it is closed.

    It is not an `http.server.HTTPServer`, which looks up the name of its own address; on a badly
    configured machine, that takes seconds.
    """

    allow_reuse_address = sys.platform != "win32"  # there, it lets two servers share a port
    request_queue_size = 128

    def __init__(self, port: int, sandbox: "Sandbox") -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.sandbox, self.closing = sandbox, Event()
        self._running: dict[socket, Thread] = {}
        self._run(self.socket, self.serve_forever, 0.01)  # seconds until it notices `shutdown`

    def _run(self, sock: socket, work: Callable[..., None], *args: Any) -> None:
        """Start a thread for a socket, and forget the threads that have ended."""
        self._running = {s: thread for s, thread in self._running.items() if thread.is_alive()}
        self._running[sock] = Thread(target=work, args=args, daemon=True)
        self._running[sock].start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a new connection its thread."""
        self._run(request, self.process_request_thread, request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that went away; print anything else, since it is a bug of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Close the port and every connection, and wait for the threads."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for sock, thread in self._running.items():
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
            thread.join()


class Sandbox(Service, Faults):
    """The credits API on a loopback port, with accounts, scripted faults and a log of requests.

    Use it in a `with` block, or call `start` and `close`. It has one account to begin with. It reads
    request bodies that have a `Content-Length`, not chunked ones.

    Args:
        port: The port; 0 means any free one.
        total: Credits of the first account.
        used: How many of them are spent.
        token_lifetime: Seconds until a token from the token endpoint expires.
        on_request: Called with each request just before its answer is sent, on the thread of the
            connection.

    Raises:
        ValueError: `used` is negative, or greater than `total`.

    Examples:
        >>> import urllib.request
        >>> with Sandbox(total=100, used=40) as sandbox:
        ...     request = urllib.request.Request(sandbox.url + "/api/v1/credits")
        ...     request.add_header("Authorization", f"Bearer {sandbox.token}")
        ...     with urllib.request.urlopen(request) as response:
        ...         response.status
        200
        >>> [str(request) for request in sandbox.requests]
        ['GET /api/v1/credits 200']
    """

    def __init__(
        self,
        port: int = 0,
        *,
        total: int = 1000,
        used: int = 250,
        token_lifetime: int = 3600,
        on_request: Callable[[Request], None] | None = None,
    ) -> None:
        Service.__init__(self, total, used, token_lifetime)
        Faults.__init__(self)
        self._port = port
        self.on_request = on_request or (lambda _: None)
        self._server: Server | None = None
        self.requests: list[Request] = []
        """Every request so far, in the order of arrival."""

    @property
    def url(self) -> str:
        """The address to use as a client's host.

        Raises:
            RuntimeError: The sandbox is not running.
        """
        if self._server is None:
            raise RuntimeError("the sandbox is not running: use `with Sandbox() as sandbox:`")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> "Sandbox":
        """Open the port, unless it is open already.

        Raises:
            OSError: The port is taken.
        """
        self._server = self._server or Server(self._port, self)
        return self

    def close(self) -> None:
        """Close the port and all connections, and end their threads. Closing twice is fine."""
        if self._server:
            self._server.close()
            self._server = None

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.url if self._server else 'closed'}, {len(self.requests)} requests>"
