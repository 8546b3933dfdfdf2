"""The service on a loopback port, with scripted faults and a log of requests."""

import os
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR
from socketserver import ThreadingTCPServer
from threading import Event, Thread
from types import NoneType
from typing import Any

from at_client.sandbox.checks import check
from at_client.sandbox.faults import (
    LONGEST_DELAY_SECONDS,
    Fault,
    FaultQueue,
    UnusedFaultError,
)
from at_client.sandbox.service import Account, Answer, Request, Service

STATUSES_WITHOUT_BODY = frozenset({204, 304})

POLL_SECONDS = 0.01
"""How long it takes the server to notice that it is to close."""


@dataclass(frozen=True)
class Reply:
    """An answer, and what becomes of it on the way."""

    answer: Answer
    fault: Fault


class Connection(BaseHTTPRequestHandler):
    """One connection, and the requests on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower

    def do_GET(self) -> None:
        """Read a request and send what the sandbox replies."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        request = Request(self.command, path, query, self.headers, body)

        reply = self.server.reply_to(request)
        if reply is None:
            self.close_connection = True
            return

        self.send_reply(reply)

    # http.server's names
    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815
    do_OPTIONS = do_TRACE = do_QUERY = do_GET  # noqa: N815

    def send_reply(self, reply: Reply) -> None:
        """Send an answer, or as much of it as the fault allows."""
        answer = reply.answer
        fault = reply.fault
        body = answer.encode_body()
        headers = answer.make_headers()
        may_have_body = answer.status not in STATUSES_WITHOUT_BODY

        # A scripted length may be too long; only closing ends the wait for the rest.
        if fault.drop or "content-length" in headers:
            self.close_connection = True

        headers.setdefault("date", self.date_time_string())
        if may_have_body:
            headers.setdefault("content-length", str(len(body)))

        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)

        if fault.drop and fault.after is None:
            self.flush_headers()  # without the line that ends them
            return

        self.end_headers()
        if may_have_body and self.command != "HEAD":
            self.wfile.write(body[: fault.after])

    def log_message(
        self,
        format: str,  # noqa: A002  # the signature is http.server's
        *args: Any,
    ) -> None:
        """Print nothing; the sandbox has its own log."""


class Server(ThreadingTCPServer):
    """The port, and a thread for each connection.

    `http.server.ThreadingHTTPServer` would do, but it looks up the name of its address
    first, which can take seconds.
    """

    request_queue_size = 128

    # Elsewhere, two servers could share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        reply_to: Callable[[Request], Reply | None],
    ) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.tls = tls
        self.reply_to = reply_to
        self._sockets: dict[Thread, Any] = {}
        self._acceptor = Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), daemon=True
        )
        self._acceptor.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread that `stop` can end."""
        thread = Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            daemon=True,
        )

        # Ended threads go here, not when they end: `stop` waits for all that may run.
        self._sockets = {
            running: sock
            for running, sock in self._sockets.items()
            if running.is_alive()
        }
        self._sockets[thread] = request
        thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection until either side closes it."""
        with suppress(OSError):  # the client may go away at any time
            if self.tls is None:
                super().finish_request(request, client_address)
                return

            # TLS takes the socket over, so it gets a copy: `stop` needs the socket.
            with self.tls.wrap_socket(request.dup(), server_side=True) as secured:
                super().finish_request(secured, client_address)

    def stop(self) -> None:
        """Close the port and all connections, and wait for their threads."""
        self.shutdown()
        self._acceptor.join()
        self.server_close()

        for thread, sock in self._sockets.items():
            with suppress(OSError):  # it has ended already
                sock.shutdown(SHUT_RDWR)
            thread.join()


class Sandbox:
    """The credits API on a loopback port, with accounts, faults and a log of requests.

    Use it in a `with` block, or call `start` and `close`. It does not read chunked
    request bodies.

    Args:
        port: The port; 0 means any free one.
        total: Credits of the first account.
        used: How many of them are spent.
        tls: The server's side of TLS, with a certificate; the sandbox is at an `https`
            address then. `None` means plain `http`.
        on_request: Called with each request just before its answer is sent, on the
            thread of the connection; `None` means nothing is called.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is out of its range, or `tls` is a context for clients.

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
        tls: ssl.SSLContext | None = None,
        on_request: Callable[[Request], object] | None = None,
    ) -> None:
        check("port", port, int, lowest=0, highest=65535)
        check("tls", tls, ssl.SSLContext, NoneType)

        if tls is not None and tls.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError(
                "tls must be a context for servers, such as"
                " ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)"
            )

        if on_request is not None and not callable(on_request):
            raise TypeError(f"on_request must be callable, not {on_request!r}")

        self.on_request = on_request
        """Called with each request; may be assigned at any time."""

        self.requests: list[Request] = []
        """Every request so far, in the order of arrival."""

        self._port = port
        self._tls = tls
        self._closing = Event()
        self._server: Server | None = None
        self._faults = FaultQueue()
        self._service = Service()

        self.account = self.add_account(total, used)
        """The first account."""

    @property
    def url(self) -> str:
        """The address to use as a client's host.

        Raises:
            RuntimeError: The sandbox is not running.
        """
        if self._server is None:
            raise RuntimeError(
                "the sandbox is not running: use `with Sandbox() as sandbox:`"
            )

        scheme = "http" if self._tls is None else "https"
        port = self._server.socket.getsockname()[1]
        return f"{scheme}://127.0.0.1:{port}"

    @property
    def token(self) -> str:
        """The bearer token of the first account."""
        return self.account.token

    @property
    def auth_token(self) -> str:
        """The value of the cookie `auth_token` of the first account."""
        return self.account.auth_token

    def start(self) -> "Sandbox":
        """Open the port, unless it is open already.

        Raises:
            OSError: The port is taken.
        """
        if self._server is None:
            self._closing.clear()
            self._server = Server(self._port, self._tls, self._reply_to)

        return self

    def close(self) -> None:
        """Close the port and all connections, and end their threads.

        Closing twice is fine.

        Raises:
            UnusedFaultError: A scripted fault never happened. It is not raised for
                `times=None`, nor while another exception is under way.
        """
        if self._server is not None:
            self._closing.set()
            self._server.stop()
            self._server = None

        unused = self._faults.get_unused()
        self._faults.clear()

        if unused and sys.exc_info()[1] is None:
            raise UnusedFaultError(
                f"scripted, but happened to no request: {', '.join(map(repr, unused))}."
                " Call recover() to forget faults before the sandbox is closed."
            )

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        address = "closed" if self._server is None else self.url
        return f"<Sandbox {address}, {len(self.requests)} requests>"

    def add_account(
        self,
        total: int = 1000,
        used: int = 250,
        *,
        purchased_credits: int = 0,
        plan_tier: str | None = "free",
        token: str = "",
        auth_token: str = "",
    ) -> Account:
        """Add an account and return it.

        Args:
            total: Credits of the period, including purchased ones; 0 or more.
            used: Credits spent, from 0 to `total`.
            purchased_credits: How many of `total` were bought, from 0 to `total`.
            plan_tier: Name of the plan; `None` if there is none.
            token: The bearer token; an empty one means that it is made up.
            auth_token: The value of the cookie; an empty one means that it is made up.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: A number is out of its range.
        """
        account = Account(total, used, purchased_credits, plan_tier, token, auth_token)
        self._service.accounts.append(account)
        return account

    def expire(self, token: str) -> None:
        """Refuse a bearer token, or the value of a cookie, from now on."""
        check("token", token, str)
        self._service.refused.add(token)

    def fail(
        self,
        status: int = 503,
        *,
        body: object = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        retry_after: float | str | None = None,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Answer with an error.

        Args:
            status: The status, from 400 to 599.
            body: Bytes, a string, or anything else to send as JSON; `None` means what
                the service sends with this status.
            content_type: The header `Content-Type`.
            headers: More headers; these override the sandbox's own.
            retry_after: The header `Retry-After`: seconds, or a date as text; `None`
                means that there is none.
            times: How many requests fail, 1 or more; `None` means all until
                `recover()`.
            path: The only path to fail, without a query; `None` means any.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument is out of its range.
        """
        check("status", status, int, lowest=400, highest=599)
        self.script(
            Fault(
                status=status,
                body=body,
                content_type=content_type,
                headers=headers,
                retry_after=retry_after,
                times=times,
                path=path,
            )
        )

    def answer(
        self,
        body: object,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Answer with a body of your own, however wrong.

        Args:
            body: Bytes, a string, or anything else to send as JSON.
            status: The status, from 200 to 599.
            content_type: The header `Content-Type`.
            headers: More headers; these override the sandbox's own.
            times: How many requests are answered so, 1 or more; `None` means all until
                `recover()`.
            path: The only path to answer so, without a query; `None` means any.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument is out of its range.
        """
        self.script(
            Fault(
                status=status,
                body=b"null" if body is None else body,
                content_type=content_type,
                headers=headers,
                times=times,
                path=path,
            )
        )

    def delay(
        self, seconds: float, *, times: int | None = 1, path: str | None = None
    ) -> None:
        """Answer as usual, but later.

        Args:
            seconds: How much later, from 0 to 1,000,000 seconds.
            times: How many answers are late, 1 or more; `None` means all until
                `recover()`.
            path: The only path to delay, without a query; `None` means any.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument is out of its range.
        """
        check("seconds", seconds, int, float, lowest=0, highest=LONGEST_DELAY_SECONDS)
        self.script(Fault(delay=seconds, times=times, path=path))

    def drop(
        self,
        *,
        after: int | None = None,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Close the connection in the middle of the answer.

        Args:
            after: Bytes of the body to send first, 0 or more; `None` means to close
                before the headers end.
            times: How many answers are lost, 1 or more; `None` means all until
                `recover()`.
            path: The only path to drop, without a query; `None` means any.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument is out of its range.
        """
        self.script(Fault(drop=True, after=after, times=times, path=path))

    def script(self, fault: Fault) -> None:
        """Queue a fault, which may combine what the other methods do."""
        check("fault", fault, Fault)
        self._faults.add(fault)

    def recover(self) -> None:
        """Forget the faults that are still in the queue."""
        self._faults.clear()

    def _reply_to(self, request: Request) -> Reply | None:
        """Return the reply to a request; `None` if the sandbox closes before it."""
        self.requests.append(request)

        fault = self._faults.take(request.path)
        if self._closing.wait(fault.delay):
            return None

        answer = fault if fault.has_answer else self._service.respond(request)
        if not fault.drop:
            request.status = answer.status

        if self.on_request is not None:
            self.on_request(request)

        return Reply(answer, fault)
