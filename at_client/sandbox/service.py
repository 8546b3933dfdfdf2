"""What the credits API answers, byte for byte as FastAPI would; nothing here knows about sockets."""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message
from http.client import responses
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus

METHODS = {"/api/v1/credits": "GET", "/api/v1/auth/token": "POST"}
"""The method of each path."""

MISSING = {"type": "missing", "loc": ["cookie", "auth_token"], "msg": "Field required"}
BODIES: dict[int, dict[str, object]] = {
    401: {"detail": "Not authenticated"},
    422: {"detail": [{**MISSING, "input": None}]},
}
"""Bodies that say more than the phrase of their status."""

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
"""Tokens must not be cached (RFC 6749, section 5.1)."""


def make_secret(kind: str) -> str:
    """Return a token that nobody can guess, marked with what it is."""
    return f"at-sandbox-{kind}-{secrets.token_hex(12)}"


@dataclass(eq=False)
class Account:
    """Credits, and the credentials that give access to them.

    Assign to any attribute at any time; the next answer shows it. Credentials that are left out are
    made up.

    Raises:
        ValueError: `used` is negative, or greater than `total`.

    Examples:
        >>> account = Account(total=100, used=40)
        >>> account.spend(10)
        >>> account.remaining
        50
    """

    total: int = 1000
    """Credits of the period, including purchased ones."""

    used: int = 250
    """Credits spent."""

    purchased_credits: int = 0
    """How many of `total` were bought."""

    plan_tier: str | None = "free"
    """Name of the plan."""

    username: str | None = None
    """Username for the token endpoint; `None` means that the account has no password login."""

    password: str = field(default_factory=lambda: make_secret("password"), repr=False)
    """Password for the token endpoint."""

    token: str = field(default_factory=lambda: make_secret("token"), repr=False)
    """The bearer token. Tokens from the token endpoint are valid in addition to it."""

    auth_token: str = field(default_factory=lambda: make_secret("cookie"), repr=False)
    """The value of the cookie `auth_token`."""

    def __post_init__(self) -> None:
        if not 0 <= self.used <= self.total:
            raise ValueError(f"used must be from 0 to total ({self.total}), not {self.used}")

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self.total - self.used

    def spend(self, amount: int) -> None:
        """Use up credits.

        Args:
            amount: How many, from 0 to `remaining`.

        Raises:
            ValueError: The amount is negative, or more than is left.
        """
        if not 0 <= amount <= self.remaining:
            raise ValueError(f"can spend from 0 to {self.remaining} credits, not {amount}")
        self.used += amount

    def renew(self) -> str:
        """Replace the bearer token and return the new one; the old one is refused from now on."""
        self.token = make_secret("token")
        return self.token

    def to_dict(self) -> dict[str, object]:
        """Return the body that the service sends for this account."""
        now = datetime.now(timezone.utc)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        reset_date = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        return {
            "total_credits": self.total,
            "used_credits": self.used,
            "remaining_credits": self.remaining,
            "free_credits": self.total - self.purchased_credits,
            "purchased_credits": self.purchased_credits,
            "period": f"{now:%Y-%m}",
            "reset_date": reset_date.isoformat(),
            "days_until_reset": (reset_date - now).days + 1,
            "plan_tier": self.plan_tier,
        }


@dataclass(eq=False)
class Request:
    """A request that the sandbox received, and the status it answered with.

    Query, headers and body may hold secrets, so the `repr` leaves them out.
    """

    method: str
    """The verb, such as `GET`."""

    path: str
    """The path, percent-decoded, without the query."""

    query: str = field(repr=False)
    """What follows the `?`, undecoded; empty without one."""

    headers: Message = field(repr=False)
    """The headers, looked up case-insensitively: `headers["Host"]`, `headers.get_all("Cookie")`."""

    body: bytes = field(repr=False)
    """The body."""

    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    """When it was received, in UTC."""

    status: int | None = None
    """The status answered; `None` before that, and if the connection was dropped instead."""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or 'dropped'}"


class Answer(NamedTuple):
    """What is sent for a request."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def make_answer(status: int, body: object = None, headers: Mapping[str, str] = {}) -> Answer:
    """Return an answer with a body of bytes, of a string, or else of JSON as FastAPI writes it.

    Without a body, it has what the service sends with this status, in the shapes of `openapi.json`.

    Examples:
        >>> make_answer(500).body
        b'{"detail":"Internal Server Error","code":"internal_server_error","errors":null}'
    """
    if body is None:
        phrase = responses.get(status, "Unknown")
        code = {"code": phrase.lower().replace(" ", "_"), "errors": None} if status >= 500 else {}
        body = BODIES.get(status, {"detail": phrase, **code})
    if not isinstance(body, bytes | str):
        body = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    data = body.encode() if isinstance(body, str) else body
    challenge = {"www-authenticate": "Bearer"} if status == 401 else {}
    return Answer(status, data, {"content-type": "application/json", **challenge, **headers})


def refuse(error: str, description: str, status: int = 400) -> Answer:
    """Return a refusal by the token endpoint (RFC 6749, section 5.2)."""
    challenge = {"www-authenticate": "Basic"} if status == 401 else {}
    body = {"error": error, "error_description": description}
    return make_answer(status, body, NO_STORE | challenge)


class Service:
    """Accounts, and the answers to requests for their credits and for tokens.

    Args:
        total: Credits of the first account.
        used: How many of them are spent.
        token_lifetime: Seconds until a token from the token endpoint expires.
    """

    def __init__(self, total: int = 1000, used: int = 250, token_lifetime: int = 3600) -> None:
        self._accounts: list[Account] = []
        self._issued: dict[tuple[str, str], Account] = {}
        self._ends: dict[str, float] = {}
        self._client: set[object] = set()
        self._token_lifetime = token_lifetime
        self.account = self.add_account(total, used, username="sandbox")
        """The first account; its username is `sandbox`."""

    @property
    def token(self) -> str:
        """The bearer token of the first account."""
        return self.account.token

    @property
    def auth_token(self) -> str:
        """The value of the cookie `auth_token` of the first account."""
        return self.account.auth_token

    def add_account(self, total: int = 1000, used: int = 250, **attributes: Any) -> Account:
        """Add an account and return it.

        Args:
            total: Its credits.
            used: How many of them are spent.
            **attributes: Any other attribute of `Account`, such as `plan_tier` or `username`.

        Raises:
            ValueError: `used` is negative, or greater than `total`.
        """
        self._accounts.append(Account(total, used, **attributes))
        return self._accounts[-1]

    def expire(self, token: str) -> None:
        """Make a bearer token, a refresh token or a cookie invalid from now on.

        Args:
            token: Its value.
        """
        self._ends[token] = 0.0

    def require_client(self, client_id: str, client_secret: str) -> None:
        """Make the token endpoint refuse every client but this one (RFC 6749, section 2.3.1).

        The client sends both values in the form or as `Authorization: Basic`. Without this call,
        the endpoint does not look at them.
        """
        basic = b64encode(f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()).decode()
        self._client = {f"Basic {basic}", (client_id, client_secret)}

    def respond(self, request: Request) -> Answer:
        """Return the service's answer to a request."""
        method = METHODS.get(request.path)
        if request.method != method:
            return make_answer(405, headers={"allow": method}) if method else make_answer(404)
        return self._answer_credits(request) if method == "GET" else self._answer_token(request)

    def _find(self, kind: str, value: str) -> Account | None:
        """Return the account with this token, cookie or username, unless that has expired."""
        if not value or (value in self._ends and time.monotonic() >= self._ends[value]):
            return None
        owners = (each for each in self._accounts if getattr(each, kind, None) == value)
        return next(owners, self._issued.get((kind, value)))

    def _answer_credits(self, request: Request) -> Answer:
        cookie = str(request.headers.get_param("auth_token", "", header="cookie"))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = self._find("token", token.strip()) if scheme.lower() == "bearer" else None
        account = account or self._find("auth_token", cookie)
        return make_answer(200, account.to_dict()) if account else make_answer(401)

    def _answer_token(self, request: Request) -> Answer:
        """Answer a password or refresh grant (RFC 6749, sections 4.3 and 6)."""
        is_form = request.headers.get_content_type() == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(request.body.decode(errors="replace"))) if is_form else {}
        client = form.get("client_id"), form.get("client_secret")
        if self._client and self._client.isdisjoint({client, request.headers["authorization"]}):
            return refuse("invalid_client", "client_id or client_secret is wrong", 401)
        if form.get("grant_type") == "password":
            owner = self._find("username", form.get("username", ""))
            account = owner if owner and owner.password == form.get("password") else None
        elif form.get("grant_type") == "refresh_token":
            key = "refresh_token", form.get("refresh_token", "")
            account = self._find(*key) and self._issued.pop(key, None)  # works once
        else:
            return refuse("unsupported_grant_type", "use password or refresh_token")
        if account is None:
            return refuse("invalid_grant", "wrong username, password or refresh token")
        token, refresh_token = make_secret("issued"), make_secret("refresh")
        self._issued |= {("token", token): account, ("refresh_token", refresh_token): account}
        self._ends[token] = time.monotonic() + self._token_lifetime
        body = {"access_token": token, "token_type": "bearer", "refresh_token": refresh_token}
        return make_answer(200, {**body, "expires_in": self._token_lifetime}, NO_STORE)
