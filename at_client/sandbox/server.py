"""The service on a loopback port, with scripted faults and a log of requests."""

import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Lock, Thread
from typing import Any

from at_client.sandbox.faults import Fault, UnusedFaultError
from at_client.sandbox.service import Account, Request, Service, check_number

POLL_SECONDS = 0.01
"""How long it takes the server to notice that it is to close."""


class Connection(BaseHTTPRequestHandler):
    """One connection, and the requests on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower

    def do_GET(self) -> None:
        """Read a request, and send the reply to it."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)

        request = Request(self.command, path, query, self.headers, body)
        self.send_reply(self.server.reply_to(request))

    # http.server's names
    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815
    do_OPTIONS = do_TRACE = do_QUERY = do_GET  # noqa: N815

    def send_reply(self, reply: Fault) -> None:
        """Send an answer, or only its headers if it is to be dropped."""
        self.send_response(reply.status)
        for name, value in reply.make_headers().items():
            self.send_header(name, value)
        self.end_headers()

        if reply.drop:
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(reply.encode_body())

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
    allow_reuse_address = True

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        reply_to: Callable[[Request], Fault],
    ) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.reply_to = reply_to
        if tls is not None:
            # The handshake is done on the connection's thread, with its first read.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

        acceptor = Thread(target=self.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self.sockets = {acceptor: self.socket}
        acceptor.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own.

        A thread of `ThreadingTCPServer` either keeps a program from ending while its
        client is connected, or cannot be waited for.
        """
        thread = Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            daemon=True,
        )
        self.sockets[thread] = request
        thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection until either side closes it."""
        with suppress(OSError):  # the client may go away at any time
            super().finish_request(request, client_address)

    def stop(self) -> None:
        """Close the port and all connections, and wait for their threads."""
        self.shutdown()
        self.server_close()

        for thread, sock in self.sockets.items():
            with suppress(OSError):  # it may be closed already
                # An `SSLSocket` would drop its TLS state, which the thread still uses.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
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
        TypeError: A number is of another type.
        ValueError: A number is out of its limits, or `tls` is a context for clients.

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
        check_number("port", port, 0, 65535)

        if tls is not None and tls.protocol == ssl.PROTOCOL_TLS_CLIENT:
            raise ValueError(
                "tls must be a context for servers, such as"
                " ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)"
            )

        self.on_request = on_request
        """Called with each request; may be assigned at any time."""

        self.requests: list[Request] = []
        """Every request so far, in the order of arrival."""

        self._port = port
        self._tls = tls
        self._closing = Event()
        self._server: Server | None = None
        self._faults: list[Fault] = []
        self._counting = Lock()
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

        scheme = "https" if self._tls else "http"
        port = self._server.server_address[1]
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

        unused = [
            fault
            for fault in self._faults
            if fault.times is not None and not fault.uses
        ]
        self.recover()

        if unused and sys.exc_info()[1] is None:
            raise UnusedFaultError(
                f"scripted, but happened to no request: {unused}."
                " Call recover() to forget faults before the sandbox is closed."
            )

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.close()

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
            ValueError: A number is out of its limits.
        """
        account = Account(total, used, purchased_credits, plan_tier, token, auth_token)
        self._service.accounts.append(account)
        return account

    def expire(self, token: str) -> None:
        """Refuse a bearer token, or the value of a cookie, from now on."""
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

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: A number is out of its limits, or something cannot be sent.
        """
        check_number("status", status, 400, 599)
        self.script(
            Fault(
                status=status,
                body=body,
                content_type=content_type,
                headers=headers,
                retry_after=retry_after,
                times=times,
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
    ) -> None:
        """Answer with a body of your own, however wrong.

        Args:
            body: Bytes, a string, or anything else to send as JSON.
            status: The status, from 200 to 599.
            content_type: The header `Content-Type`.
            headers: More headers; these override the sandbox's own.
            times: How many requests are answered so, 1 or more; `None` means all until
                `recover()`.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: A number is out of its limits, or something cannot be sent.
        """
        self.script(
            Fault(
                status=status,
                body=b"null" if body is None else body,
                content_type=content_type,
                headers=headers,
                times=times,
            )
        )

    def delay(self, seconds: float, *, times: int | None = 1) -> None:
        """Answer as usual, but later.

        Args:
            seconds: How much later, from 0 to 1,000,000 seconds.
            times: How many answers are late, 1 or more; `None` means all until
                `recover()`.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: A number is out of its limits.
        """
        self.script(Fault(delay=seconds, times=times))

    def drop(self, *, times: int | None = 1) -> None:
        """Close the connection in the middle of the answer, after its headers.

        Args:
            times: How many answers are lost, 1 or more; `None` means all until
                `recover()`.

        Raises:
            TypeError: `times` is no number.
            ValueError: `times` is less than 1.
        """
        self.script(Fault(drop=True, times=times))

    def script(self, fault: Fault) -> None:
        """Queue a fault, which may combine what the other methods do."""
        self._faults.append(replace(fault))

    def recover(self) -> None:
        """Forget the faults that are still in the queue."""
        self._faults.clear()

    def _reply_to(self, request: Request) -> Fault:
        """Log a request, wait if it is to be delayed, and return the reply to it."""
        self.requests.append(request)

        reply = self._take_fault()
        self._closing.wait(reply.delay)
        if reply.status == 200 and reply.body is None:
            answer = self._service.respond(request)
            reply = replace(reply, **vars(answer))

        if not reply.drop:
            request.status = reply.status

        if self.on_request is not None:
            self.on_request(request)

        return reply

    def _take_fault(self) -> Fault:
        """Return the first fault that is left, or one without effect."""
        with self._counting:
            for fault in self._faults:
                if fault.times is None or fault.uses < fault.times:
                    fault.uses += 1
                    return fault

        return Fault()
