"""HTTP/1.1 on loopback: connections in, requests read, answers or trouble out."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from at_client.sandbox.messages import Answer, Headers, Request, phrase
from at_client.sandbox.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOPBACK = "127.0.0.1"

MAX_LINE = 65536
"""Bytes of the first line of a request."""

MAX_BODY = 1024 * 1024
"""Bytes of the body of a request."""

BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
"""Statuses that never have a body (RFC 9110 section 6.4.1)."""

USUAL = Trouble()


class LoopbackServer(socketserver.ThreadingTCPServer):
    """Accepts connections on loopback, a daemon thread each, all of which end with it.

    Args:
        port: The port; 0 means any that is free.
        respond: What to do with each request.
    """

    # On Windows, this would let two servers have one port.
    allow_reuse_address = sys.platform != "win32"
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Callable[[Request, Connection], None]) -> None:
        self.respond = respond
        self.closing = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__((LOOPBACK, port), Connection)
        self._acceptor = threading.Thread(target=self._accept, name="at-sandbox", daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a new connection its thread.

        Args:
            request: The socket.
            client_address: Who connected.
        """
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="at-sandbox-connection",
            daemon=True,
        )
        # Only the acceptor changes this, and `close` reads it when the acceptor is done.
        self._open = {sock: other for sock, other in self._open.items() if other.is_alive()}
        self._open[request] = thread
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client go that has gone itself; a fault of ours is printed.

        Args:
            request: The socket.
            client_address: Who connected.
        """
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End the port, every connection and every thread."""
        self.closing.set()
        # A connection is what wakes the acceptor at once, on every platform.
        with contextlib.suppress(OSError):
            socket.create_connection(self.socket.getsockname(), timeout=1).close()
        self._acceptor.join()
        self.server_close()
        for connection, thread in self._open.items():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class Connection(BaseHTTPRequestHandler):
    """One connection, and the requests on it.

    Args:
        request: The socket.
        client_address: Who connected.
        server: The server.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, request: Any, client_address: Any, server: LoopbackServer) -> None:
        self._home = server
        super().__init__(request, client_address, server)

    def handle_one_request(self) -> None:
        """Read a request and have it answered."""
        self.raw_requestline = self.rfile.readline(MAX_LINE + 1)
        self.close_connection = True  # until the request says otherwise
        self.command = ""
        if len(self.raw_requestline) > MAX_LINE:
            self.send_error(414)
        elif self.raw_requestline and self.parse_request():
            body = self._read_body()
            if body is not None:
                headers = Headers(self.headers.items())
                request = Request.parse(self.command, self.path, headers, body)
                self._home.respond(request, self)

    def _read_body(self) -> bytes | None:
        if "transfer-encoding" in self.headers:
            self.send_error(411)
            return None
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            self.send_error(400)
            return None
        if int(length) > MAX_BODY:
            self.send_error(413)
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002  # the signature is http.server's
        explain: str | None = None,  # noqa: ARG002  # the same
    ) -> None:
        """Answer what is not HTTP, as uvicorn does, and close.

        Args:
            code: The status.
            message: Not told.
            explain: Not told.
        """
        self.close_connection = True
        self.send(Answer.from_value("Invalid HTTP request received.", status=code), USUAL)

    def send(self, answer: Answer, trouble: Trouble) -> None:
        """Send an answer, as whole and as fast as the trouble lets it.

        Args:
            answer: The answer.
            trouble: The trouble.
        """
        body = b"" if self.command == "HEAD" or answer.status in BODILESS else answer.body
        # A scripted length can leave the client waiting for more: only closing ends that.
        self.close_connection |= trouble.drop or "content-length" in answer.headers
        head = self._head(answer)
        body = body[: trouble.after]
        if not trouble.drip:
            self.wfile.write(head + body)
            return
        if not trouble.drip_headers:
            self.wfile.write(head)
        for piece in pieces(head + body if trouble.drip_headers else body, trouble.piece):
            if self.wait(trouble.drip):
                break
            self.wfile.write(piece)

    def _head(self, answer: Answer) -> bytes:
        headers = {"date": formatdate(usegmt=True), "server": "at-client-sandbox"}
        if answer.status != HTTPStatus.NO_CONTENT:
            headers["content-length"] = str(len(answer.body))
        headers |= answer.headers
        if self.close_connection:
            headers["connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than the sandbox runs; return whether it is closing.

        Args:
            seconds: How long.
        """
        return seconds > 0 and self._home.closing.wait(seconds)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the same
        """Say nothing: the sandbox has a log of its own."""


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into pieces.

    Args:
        data: The bytes.
        size: Bytes in a piece.
    """
    return (data[start : start + size] for start in range(0, len(data), size))
