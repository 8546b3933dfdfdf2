"""The sandbox: one object that runs the service, scripts its trouble and remembers the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from at_client.sandbox.accounts import Account, Accounts
from at_client.sandbox.grants import TokenEndpoint
from at_client.sandbox.server import LOOPBACK, USUAL, Connection, LoopbackServer
from at_client.sandbox.service import Service
from at_client.sandbox.trouble import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from at_client.sandbox.messages import Request


class Sandbox(Script):
    """The credits API on a loopback port, with accounts, scripted trouble and a log of requests.

    Use it in a `with` block, or call `start` and `close`. One account is there from the beginning.

    Args:
        port: The port; 0 means any that is free.
        total: Credits of the ready account.
        used: How many of them are spent.
        token_lifetime: Seconds that a token of the token endpoint lives.
        on_request: Called with each request just before its answer is sent, on a thread of its
            connection.

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
        super().__init__()
        self._port = port
        self._on_request = on_request
        self._accounts = Accounts()
        self._tokens = TokenEndpoint(self._accounts, token_lifetime)
        self._service = Service(self._accounts, self._tokens)
        self._server: LoopbackServer | None = None
        self.requests: list[Request] = []
        """Every request so far, in the order in which they had been read."""
        self.account = self.add_account(total, used, username="sandbox")
        """The ready account; it may use the password flow."""

    @property
    def url(self) -> str:
        """The host to give to a client.

        Raises:
            RuntimeError: The sandbox is not running.
        """
        if self._server is None:
            raise RuntimeError("the sandbox is not running: use `with Sandbox() as sandbox:`")
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def token(self) -> str:
        """The bearer token of the ready account."""
        return self.account.token

    @property
    def auth_token(self) -> str:
        """The value of the cookie `auth_token` of the ready account."""
        return self.account.auth_token

    def add_account(
        self,
        total: int = 1000,
        used: int = 250,
        *,
        purchased_credits: int = 0,
        plan_tier: str | None = "free",
        extra: Mapping[str, object] | None = None,
        username: str | None = None,
        password: str = "",
        token: str = "",
        auth_token: str = "",
    ) -> Account:
        """Return a new account; what is left out of its credentials is made up.

        Args:
            total: Its credits.
            used: How many of them are spent.
            purchased_credits: How many of them were bought.
            plan_tier: Its plan.
            extra: Fields to send beside the documented ones, or in their place.
            username: Name for the password flow; `None` means that it cannot use it.
            password: Password for the password flow.
            token: Bearer token.
            auth_token: Value of the cookie `auth_token`.

        Raises:
            ValueError: More is used than there is, or another account has one of the credentials.
        """
        account = Account(
            total,
            used,
            purchased_credits,
            plan_tier,
            extra=extra or {},
            username=username,
            password=password,
            token=token,
            auth_token=auth_token,
        )
        self._accounts.add(account)
        return account

    def expire(self, token: str) -> None:
        """End a bearer token, a refresh token or a cookie before its time.

        Args:
            token: Its value.

        Raises:
            ValueError: Nothing of this value is valid.
        """
        self._accounts.expire(token)

    def require_client(self, client_id: str, client_secret: str) -> None:
        """Give tokens to this client only, by the token endpoint.

        Args:
            client_id: Its name.
            client_secret: Its password.
        """
        self._tokens.client = (client_id, client_secret)

    def start(self) -> Self:
        """Open the port.

        Raises:
            OSError: The port is taken.
            RuntimeError: The sandbox is running.
        """
        if self._server is not None:
            raise RuntimeError("the sandbox is running already")
        self._server = LoopbackServer(self._port, self._respond)
        return self

    def close(self) -> None:
        """Close the port and every connection, and see their threads end; twice is fine."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _respond(self, request: Request, connection: Connection) -> None:
        """Log a request, and answer it as scripted or as usual."""
        self.requests.append(request)
        trouble = self.take(request) or USUAL
        closing = connection.wait(trouble.delay)
        dropped = closing or (trouble.drop and trouble.after is None)
        answer = None if dropped else trouble.answer or self._service.answer(request)
        request.status = answer.status if answer else None
        if self._on_request is not None:
            self._on_request(request)
        if answer is None:
            connection.close_connection = True
        else:
            connection.send(answer, trouble)
