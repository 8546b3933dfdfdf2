"""What the credits API answers, byte for byte as FastAPI would; nothing here knows about sockets."""

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl, quote_plus

METHODS = {"/api/v1/credits": "GET", "/api/v1/auth/token": "POST"}
MISSING = {
    "type": "missing",
    "loc": ["cookie", "auth_token"],
    "msg": "Field required",
    "input": None,
}
DETAILS: dict[int, object] = {**responses, 401: "Not authenticated", 422: [MISSING]}


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def make_secret(kind: str) -> str:
    """Return a token that nobody can guess, marked with what it is."""
    return f"at-sandbox-{kind}-{secrets.token_hex(12)}"


@dataclass(eq=False)
class Account:
    """Credits, and the credentials that give access to them.

    Assign to any attribute at any time; the next answer shows it. Credentials that are left out are made up.

    Args:
        total: Credits of the period, including purchased ones.
        used: Credits spent.
        purchased_credits: How many of `total` were bought.
        plan_tier: Name of the plan.
        username: Username for the token endpoint; `None` means that the account has no password login.
        password: Password for the token endpoint.
        token: The bearer token. Tokens from the token endpoint are valid in addition to it.
        auth_token: The value of the cookie `auth_token`.

    Raises:
        ValueError: `used` is negative, or greater than `total`.

    Examples:
        >>> account = Account(total=100, used=40)
        >>> account.spend(10)
        >>> account.remaining
        50
    """

    total: int = 1000
    used: int = 250
    purchased_credits: int = 0
    plan_tier: str | None = "free"
    username: str | None = None
    password: str = field(default_factory=lambda: make_secret("password"), repr=False)
    token: str = field(default_factory=lambda: make_secret("token"), repr=False)
    auth_token: str = field(default_factory=lambda: make_secret("cookie"), repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.used <= self.total:
            raise ValueError(
                f"used must be from 0 to total ({self.total}), not {self.used}"
            )

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self.total - self.used

    def spend(self, amount: int) -> None:
        """Use up so many credits."""
        self.used += amount

    def renew(self) -> str:
        """Replace the bearer token and return the new one; the old one is refused from now on."""
        self.token = make_secret("token")
        return self.token

    def to_dict(self) -> dict[str, object]:
        """Return the body that the service sends for this account."""
        today = now().date()
        reset = (today.replace(day=28) + timedelta(days=4)).replace(
            day=1
        )  # the first of the next month
        counts = {
            "total_credits": self.total,
            "used_credits": self.used,
            "remaining_credits": self.remaining,
        }
        origins = {
            "free_credits": self.total - self.purchased_credits,
            "purchased_credits": self.purchased_credits,
        }
        period = {"period": f"{today:%Y-%m}", "reset_date": f"{reset}T00:00:00+00:00"}
        return {
            **counts,
            **origins,
            **period,
            "days_until_reset": (reset - today).days,
            "plan_tier": self.plan_tier,
        }


@dataclass(eq=False)
class Request:
    """A request that the sandbox received. Its `repr` leaves out what may hold secrets: query, headers and body.

    Attributes:
        method: The verb, such as `GET`.
        path: The path as it was sent, without the query.
        query: What follows the `?`, undecoded; empty without one.
        headers: The headers, looked up case-insensitively: `headers["Host"]`, `headers.get_all("Cookie")`.
        time: When it was received, in UTC.
        status: The status answered; `None` before that, and if the connection was dropped instead.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Message = field(repr=False)
    body: bytes = field(repr=False)
    time: datetime = field(default_factory=now)
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or 'dropped'}"


@dataclass(frozen=True)
class Answer:
    """What to answer a request with.

    Args:
        body: Bytes, a string, or anything else to send as JSON; `None` means what the service sends with the status.
        headers: More headers; these override the sandbox's own, `content-length` included.
        retry_after: The header `Retry-After`: seconds or an HTTP date.
    """

    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    retry_after: float | str | None = None

    def encode(self) -> tuple[bytes, dict[str, str]]:
        """Return the body as FastAPI would write it, and the headers."""
        body = (
            {"detail": DETAILS.get(self.status, "Unknown")}
            if self.body is None
            else self.body
        )
        if not isinstance(body, bytes | str):
            body = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        given = {
            "content-type": self.content_type,
            "retry-after": self.retry_after,
            **self.headers,
        }
        headers = {
            name.lower(): str(value)
            for name, value in given.items()
            if value is not None
        }
        return body if isinstance(body, bytes) else body.encode(), headers


class Service:
    """Accounts, and the answers to requests for their credits and for tokens."""

    def __init__(self, total: int, used: int, token_lifetime: int) -> None:
        self._accounts: list[Account] = []
        self._issued: dict[tuple[str, str], Account] = {}
        self._ends: dict[str, datetime] = {}
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

    def add_account(
        self, total: int = 1000, used: int = 250, **attributes: Any
    ) -> Account:
        """Add an account and return it; `attributes` are those of `Account`, such as `plan_tier` or `username`."""
        self._accounts.append(Account(total, used, **attributes))
        return self._accounts[-1]

    def expire(self, token: str) -> None:
        """Make a bearer token, a refresh token or a cookie invalid from now on."""
        self._ends[token] = now()

    def require_client(self, client_id: str, client_secret: str) -> None:
        """Make the token endpoint refuse clients that do not send these, in the form or as `Authorization: Basic`."""
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"  # encoded first: RFC 6749, section 2.3.1
        self._client = {
            f"Basic {b64encode(pair.encode()).decode()}",
            (client_id, client_secret),
        }

    def respond(self, request: Request) -> Answer:
        """Return the service's answer to a request."""
        method = METHODS.get(request.path)
        if request.method != method:
            return Answer(405, headers={"allow": method}) if method else Answer(404)
        return (
            self._answer_credits(request)
            if method == "GET"
            else self._answer_token(request)
        )

    def _find(self, kind: str, value: str) -> Account | None:
        """Return the account with this token, cookie or username, unless that has expired."""
        if not value or (value in self._ends and now() >= self._ends[value]):
            return None
        return next(
            (a for a in self._accounts if getattr(a, kind, None) == value),
            self._issued.get((kind, value)),
        )

    def _answer_credits(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = (
            self._find("token", token.strip()) if scheme.lower() == "bearer" else None
        )
        account = account or self._find(
            "auth_token",
            str(request.headers.get_param("auth_token", "", header="cookie")),
        )
        return (
            Answer(200, account.to_dict())
            if account
            else Answer(401, headers={"www-authenticate": "Bearer"})
        )

    def _answer_token(self, request: Request) -> Answer:
        """Answer a password or refresh grant (RFC 6749, sections 4.3 and 6), or refuse it (section 5.2)."""
        form = dict(parse_qsl(request.body.decode(errors="replace")))
        client = form.get("client_id"), form.get("client_secret")
        if self._client and self._client.isdisjoint(
            {client, request.headers["authorization"]}
        ):
            return Answer(
                401,
                {
                    "error": "invalid_client",
                    "error_description": "wrong client_id or client_secret",
                },
            )
        if form.get("grant_type") == "password":
            owner = self._find("username", form.get("username", ""))
            account = (
                owner if owner and owner.password == form.get("password") else None
            )
        elif form.get("grant_type") == "refresh_token":
            key = "refresh_token", form.get("refresh_token", "")
            account = self._find(*key) and self._issued.pop(key, None)  # works once
        else:
            return Answer(
                400,
                {
                    "error": "unsupported_grant_type",
                    "error_description": "unknown grant_type",
                },
            )
        if account is None:
            return Answer(
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "wrong username, password or token",
                },
            )
        token, refresh_token = make_secret("issued"), make_secret("refresh")
        self._issued |= {
            ("token", token): account,
            ("refresh_token", refresh_token): account,
        }
        self._ends[token] = now() + timedelta(seconds=self._token_lifetime)
        body = {
            "access_token": token,
            "token_type": "bearer",
            "refresh_token": refresh_token,
        }
        return Answer(200, {**body, "expires_in": self._token_lifetime})
