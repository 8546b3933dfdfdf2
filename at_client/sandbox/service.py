"""The service itself: what it answers to a request, word for word as FastAPI would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from at_client.sandbox.messages import Answer, error_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from at_client.sandbox.accounts import Accounts
    from at_client.sandbox.grants import TokenEndpoint
    from at_client.sandbox.messages import Request

CREDITS_PATH = "/api/v1/credits"
TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105  # a path, not a password


class Service:
    """Two operations: the credits of an account, and tokens for them.

    Args:
        accounts: Whose credits.
        tokens: The token endpoint.
    """

    def __init__(self, accounts: Accounts, tokens: TokenEndpoint) -> None:
        self._accounts = accounts
        self._routes: dict[str, tuple[str, Callable[[Request], Answer]]] = {
            CREDITS_PATH: ("GET", self.credits),
            TOKEN_PATH: ("POST", tokens.answer),
        }

    def answer(self, request: Request) -> Answer:
        """Answer any request.

        Args:
            request: The request.
        """
        if request.path not in self._routes:
            return self._nowhere(request)
        method, operation = self._routes[request.path]
        if request.method != method:
            return error_answer(405, {"allow": method})
        return operation(request)

    def credits(self, request: Request) -> Answer:
        """Answer with the credits of whoever asks, by bearer token or else by cookie.

        Args:
            request: The request.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = self._accounts.by_token(token.strip()) if scheme.lower() == "bearer" else None
        account = account or self._accounts.by_cookie(cookie(request, "auth_token"))
        return error_answer(401) if account is None else Answer.from_value(account.to_dict())

    def _nowhere(self, request: Request) -> Answer:
        path = request.path.rstrip("/")
        if path not in self._routes:
            return error_answer(404)
        # What Starlette does with a slash too many.
        location = f"http://{request.headers.get('host', '')}{path}"
        return Answer(307, headers={"location": location})


def cookie(request: Request, name: str) -> str:
    """Return the value of a cookie, `""` if it is not there; of several, the last.

    Args:
        request: The request.
        name: The name of the cookie.
    """
    found = ""
    for pair in request.headers.get("cookie", "").split(";"):
        key, _, value = pair.partition("=")
        if key.strip() == name:
            found = value.strip().strip('"')
    return found
