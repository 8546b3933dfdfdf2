r"""A raw-socket server on loopback that plays scripted trouble, byte by byte.

A script is a list of steps. Each request takes the next one; when there is none left,
the answer is a good one, so that every test can end with "and the next call works":

    wire.play(reply(b"HTTP/1.1 200 OK\r\nContent-Le", RESET), reply(answer(status=503)))

A step is made of actions, played in order: bytes are sent, the rest is one of the
classes and names below. After a step the connection stays open, unless the step has
closed it.
"""

import contextlib
import enum
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import client
from itertools import pairwise
from typing import BinaryIO

from typing_extensions import Self

from support.facts import CREDITS_BODY


@dataclass(frozen=True)
class Wait:
    """Let some seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Pieces:
    """Send the data in packets that end at the given offsets, with pauses."""

    data: bytes
    cuts: Sequence[int]
    pause: float = 0.001  # enough for each packet to be one of its own


class Drip(Pieces):
    """Send the data a byte at a time, with a pause after each."""

    def __init__(self, data: bytes, every: float = 0.02) -> None:
        super().__init__(data, range(1, len(data)), every)


@dataclass(frozen=True)
class Endless:
    """Send the same chunk again and again, until the other side has had enough."""

    chunk: bytes


class End(enum.Enum):
    """How a step can leave its connection."""

    CLOSE = "close it in order (FIN)"
    RESET = "tear it down (RST)"
    SILENCE = "say nothing more, until the other side leaves"


CLOSE = End.CLOSE
RESET = End.RESET
SILENCE = End.SILENCE

LONGEST_SECONDS = 20.0
"""After this, a connection is given up."""

Action = bytes | Wait | Pieces | Endless | End


@dataclass(frozen=True)
class Step:
    """What the server does once: with a request, or at once with a connection."""

    actions: tuple[Action, ...]
    on_connect: bool = False


def reply(*actions: Action) -> Step:
    """Make the step that answers one request."""
    return Step(actions)


def greet(*actions: Action) -> Step:
    """Make the step that meets one connection, whatever its request would have been."""
    return Step(actions, on_connect=True)


def answer(
    body: bytes = CREDITS_BODY,
    status: int = 200,
    *,
    content_type: str | None = "application/json",
    headers: Sequence[tuple[str, str]] = (),
    length: int | None = None,
) -> bytes:
    """Write one well-formed response.

    Args:
        body: The body.
        status: The status.
        content_type: The content type; `None` leaves it out.
        headers: Further headers.
        length: The length to claim; `None` for that of the body.
    """
    lines = [f"HTTP/1.1 {status} {client.responses.get(status, 'Whatever')}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    for name, value in headers:
        lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    head = "\r\n".join(lines)
    return f"{head}\r\n\r\n".encode("latin-1") + body


def chunked(*chunks: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """Write one response in chunks; `last` is what comes after them."""
    head = (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join([head, *parts, last])


class Wire:
    """The server; a context manager that leaves no thread and no socket behind.

    Args:
        tls: Speak TLS with this context; a failed handshake is forgotten.

    Attributes:
        connections: How many connections were accepted.
        requests: Every request as it came, head and body.
        times: When each request was complete, by `time.monotonic()`.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self._tls = tls
        self._script: deque[Step] = deque()
        self._otherwise = reply(answer())
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Where the server is, as a client's host."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def play(self, *steps: Step, otherwise: Step | None = None) -> None:
        """Set the script.

        Args:
            steps: A step for each request to come, or each connection (see `greet`).
            otherwise: What happens after them; `None` for good answers.
        """
        with self._lock:
            self._script = deque(steps)
            self._otherwise = otherwise or reply(answer())

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):  # wakes accept(), on every system
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            # By the method of `socket`: that of `ssl` would race with its reader.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="wire", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            self.connections += 1
            self._threads = [t for t in self._threads if t.is_alive()]
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(LONGEST_SECONDS)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.add(connection)
            self._converse(connection)
        except OSError:
            pass  # it is over: the script or the test, or the client has left
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        self._play_next(connection, on_connect=True)
        with connection.makefile("rb") as stream:
            while request := _read_request(stream):
                with self._lock:
                    self.requests.append(request)
                    self.times.append(time.monotonic())
                self._play_next(connection, on_connect=False)

    def _play_next(self, connection: socket.socket, *, on_connect: bool) -> None:
        """Play the next step of the script, if it is for this moment."""
        with self._lock:
            step = self._script[0] if self._script else self._otherwise
            if step.on_connect is not on_connect:
                return
            if self._script:
                self._script.popleft()
        for action in step.actions:
            self._perform(action, connection)

    def _perform(self, action: Action, connection: socket.socket) -> None:
        """Play one action; raise an `OSError` when the connection is to be closed."""
        if isinstance(action, bytes):
            connection.sendall(action)
        elif isinstance(action, Wait):
            self._stopping.wait(action.seconds)
        elif isinstance(action, Pieces):
            for start, end in pairwise((0, *action.cuts, len(action.data))):
                connection.sendall(action.data[start:end])
                self._stopping.wait(action.pause)
        elif isinstance(action, Endless):
            while True:
                connection.sendall(action.chunk)
        else:
            _end(action, connection)


def _end(end: End, connection: socket.socket) -> None:
    if end is RESET:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    while end is SILENCE and connection.recv(65536):
        pass
    raise ConnectionAbortedError("the script ends the connection")


def _read_request(stream: BinaryIO) -> bytes:
    """Read one request with its body; nothing when the other side has left."""
    lines = []
    length = 0
    for line in stream:
        lines.append(line)
        if line == b"\r\n":
            return b"".join([*lines, stream.read(length)])
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return b""


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """Hold a port on which every connection is refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """Hold a port that never answers a connect: its queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = held.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
