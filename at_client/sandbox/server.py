"""The service on a loopback port, with scripted faults and a log of requests."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from http.server import BaseHTTPRequestHandler
from itertools import repeat
from socket import SHUT_RDWR, create_server, socket
from threading import Event, Thread
from typing import Any

from at_client.sandbox.service import Answer, Request, Service


@dataclass(frozen=True)
class Fault(Answer):
    """What happens to a request. What is left out happens as usual.

    Args:
        delay: Seconds to wait before answering.
        drip: Seconds to wait before each piece of the answer; 0 sends all of it at once.
        piece: Bytes per piece.
        drip_headers: Whether status line and headers drip too, or only the body.
        drop: Whether to close the connection without an answer, or `after` some bytes of its body.
        after: Bytes of the body to send; the rest never comes. Without `drop`, the client waits for it.
        times: How many requests this happens to; `None` means all until `recover()`.
        path: The only path whose requests this happens to; `None` means any.

    Examples:
        >>> slow_outage = Fault(status=503, delay=0.5, times=2)
    """

    delay: float = 0.0
    drip: float = 0.0
    piece: int = 1
    drip_headers: bool = False
    drop: bool = False
    after: int | None = None
    times: int | None = 1
    path: str | None = None


Hook = Callable[[Request], object]


def skip(request: Request) -> None:
    """Do nothing with a request."""


class Connection(BaseHTTPRequestHandler):
    """One connection, and the requests on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Sandbox"  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]  # no BaseServer

    def do_GET(self) -> None:
        """Read a request, log it, and answer it or let its fault happen."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = Request(self.command, path, query, self.headers, body)
        self.server.requests.append(request)
        fault = self.server.take(path)
        as_usual = fault.status == 200 and fault.body is None
        silent = self.server.closing.wait(fault.delay) or (
            fault.drop and fault.after is None
        )
        answer = None if silent else self.server.respond(request) if as_usual else fault
        request.status = answer.status if answer else None
        self.server.on_request(request)
        if answer:
            self.send(answer, fault)
        # A scripted length may leave the client waiting for more; only closing ends that.
        self.close_connection |= (
            not answer
            or fault.drop
            or "content-length" in map(str.lower, answer.headers)
        )

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = (  # noqa: N815
        do_QUERY  # noqa: N815
    ) = do_GET  # http.server's

    def send(self, answer: Answer, fault: Fault) -> None:
        """Send an answer, as completely and as fast as the fault allows."""
        body, given = answer.encode()
        length = (
            {} if answer.status in {204, 304} else {"content-length": str(len(body))}
        )
        headers = {"date": self.date_time_string(), **length, **given}
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}\r\n{fields}\r\n".encode(
            "latin-1"
        )
        data = head + (
            body[: fault.after] if length and self.command != "HEAD" else b""
        )
        at_once = (
            len(data) if not fault.drip else 0 if fault.drip_headers else len(head)
        )
        self.wfile.write(data[:at_once])
        for start in range(at_once, len(data), fault.piece):
            if not self.server.closing.wait(fault.drip):
                self.wfile.write(data[start : start + fault.piece])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the signature is http.server's
        """Print nothing; the sandbox has its own log."""


class Sandbox(Service):
    """The credits API on a loopback port, with accounts, scripted faults and a log of requests.

    Use it in a `with` block, or call `start` and `close`. It does not read chunked request bodies.

    Args:
        port: The port; 0 means any free one.
        total: Credits of the first account.
        used: How many of them are spent.
        token_lifetime: Seconds until a token from the token endpoint expires.
        on_request: Called with each request just before its answer is sent, on the thread of the connection.

    Raises:
        ValueError: The port is impossible, or `used` is negative or greater than `total`.

    Examples:
        >>> import urllib.request
        >>> with Sandbox(total=100, used=40) as sandbox:
        ...     headers = {"Authorization": f"Bearer {sandbox.token}"}
        ...     request = urllib.request.Request(
        ...         sandbox.url + "/api/v1/credits", headers=headers
        ...     )
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
        on_request: Hook = skip,
    ) -> None:
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, not {port}")
        super().__init__(total, used, token_lifetime)
        self.on_request = on_request
        self.requests: list[Request] = []
        """Every request so far, in the order of arrival."""
        self._port = port
        self._thread: Thread | None = None
        self._queue: list[tuple[str | None, Iterator[Fault]]] = []

    @property
    def url(self) -> str:
        """The address to use as a client's host; a `RuntimeError` if the sandbox is not running."""
        if self._thread is None:
            raise RuntimeError(
                "the sandbox is not running: use `with Sandbox() as sandbox:`"
            )
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> "Sandbox":
        """Open the port, unless it is open already; an `OSError` if somebody else has it."""
        if self._thread is None:
            self._listener = create_server(("127.0.0.1", self._port), backlog=128)
            self._listener.settimeout(0.01)  # seconds until it notices `close`
            self.closing = Event()
            self._thread = Thread(target=self._serve, daemon=True)
            self._thread.start()
        return self

    def close(self) -> None:
        """Close the port and all connections, and end their threads. Closing twice is fine."""
        if self._thread:
            self.closing.set()
            self._thread.join()
            self._thread = None

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox {self.url if self._thread else 'closed'}, {len(self.requests)} requests>"

    def script(self, fault: Fault) -> None:
        """Queue a fault; it may combine what the other methods do."""
        self._queue.append(
            (
                fault.path,
                repeat(fault) if fault.times is None else repeat(fault, fault.times),
            )
        )

    def fail(self, status: int = 503, **more: Any) -> None:
        """Answer with an error; `more` are attributes of `Fault`, such as `retry_after`, `times` or `path`."""
        self.script(Fault(status=status, **more))

    def answer(self, body: object, **more: Any) -> None:
        """Answer with a body of your own, however wrong: bytes, a string, or anything else to send as JSON."""
        self.script(Fault(body=body, **more))

    def delay(self, seconds: float, **more: Any) -> None:
        """Answer some seconds later."""
        self.script(Fault(delay=seconds, **more))

    def drip(self, seconds: float, *, headers: bool = False, **more: Any) -> None:
        """Answer a `piece` at a time, with a wait of some seconds before each; `headers` drip too if asked."""
        self.script(Fault(drip=seconds, drip_headers=headers, **more))

    def drop(self, **more: Any) -> None:
        """Close the connection without an answer, or `after` some bytes of its body."""
        self.script(Fault(drop=True, **more))

    def recover(self) -> None:
        """Forget the faults that are still in the queue."""
        self._queue.clear()

    def take(self, path: str) -> Fault:
        """Return the next fault for a path and use it up; one without effect if there is none."""
        return next(
            (
                fault
                for only, faults in self._queue
                if only in {None, path}
                for fault in faults
            ),
            Fault(),
        )

    def _serve(self) -> None:
        """Accept connections until `close`, each on a thread of its own; then end them all."""
        running: dict[socket, Thread] = {}
        with self._listener as listener:
            while not self.closing.is_set():
                with suppress(OSError):  # nobody has come, or is gone already
                    sock, address = listener.accept()
                    running = {
                        s: thread for s, thread in running.items() if thread.is_alive()
                    }
                    running[sock] = Thread(
                        target=self._talk, args=(sock, address, self), daemon=True
                    )
                    running[sock].start()
        for sock, thread in running.items():
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
            thread.join()

    def _talk(self, sock: socket, *more: Any) -> None:
        """Serve a connection until either side closes it."""
        with suppress(OSError), sock:  # the client may go away at any time
            Connection(sock, *more)
