"""What the service answers, as FastAPI would; nothing here knows about sockets."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message
from http.client import responses
from types import NoneType

from at_client.sandbox.checks import check

CREDITS_PATH = "/api/v1/credits"

MISSING_COOKIE = {
    "type": "missing",
    "loc": ["cookie", "auth_token"],
    "msg": "Field required",
    "input": None,
}
DETAILS: dict[int, object] = {
    **responses,
    401: "Not authenticated",
    422: [MISSING_COOKIE],
}
"""What `detail` is in the body of each status."""


def get_time() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def make_secret(kind: str) -> str:
    """Return a credential that nobody can guess, marked with what it is."""
    return f"at-sandbox-{kind}-{secrets.token_hex(12)}"


@dataclass(eq=False, slots=True)
class Account:
    """Credits, and the credentials that give access to them.

    Assign to any attribute at any time; the next answer shows it.

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
    token: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check("total", self.total, int, lowest=0)
        check("used", self.used, int, lowest=0, highest=self.total)
        check(
            "purchased_credits",
            self.purchased_credits,
            int,
            lowest=0,
            highest=self.total,
        )
        check("plan_tier", self.plan_tier, str, NoneType)
        check("token", self.token, str)
        check("auth_token", self.auth_token, str)

        self.token = self.token or make_secret("token")
        self.auth_token = self.auth_token or make_secret("cookie")

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self.total - self.used

    def spend(self, amount: int) -> None:
        """Use up so many credits, 0 or more; there may be fewer than 0 left then."""
        check("amount", amount, int, lowest=0)
        self.used += amount

    def renew(self) -> str:
        """Replace the bearer token and return the new one; the old one is refused."""
        self.token = make_secret("token")
        return self.token

    def to_dict(self) -> dict[str, object]:
        """Return the body that the service sends for this account."""
        today = get_time().date()
        next_month = today.replace(day=28) + timedelta(days=4)
        reset_date = next_month.replace(day=1)

        return {
            "total_credits": self.total,
            "used_credits": self.used,
            "remaining_credits": self.remaining,
            "free_credits": self.total - self.purchased_credits,
            "purchased_credits": self.purchased_credits,
            "period": f"{today:%Y-%m}",
            "reset_date": f"{reset_date}T00:00:00+00:00",
            "days_until_reset": (reset_date - today).days,
            "plan_tier": self.plan_tier,
        }


@dataclass(eq=False)
class Request:
    """A request that the sandbox received.

    Its `repr` leaves out what may hold secrets: query, headers and body.

    Attributes:
        method: The verb, such as `GET`.
        path: The path as it was sent, without the query.
        query: What follows the `?`, undecoded; empty without one.
        headers: The headers. `headers["Host"]` and `headers.get_all("Cookie")` find
            them in any case.
        body: The body, as bytes.
        time: When it was received, in UTC.
        status: The status answered; `None` before that, and if the connection was
            dropped.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Message = field(repr=False)
    body: bytes = field(repr=False)
    time: datetime = field(default_factory=get_time)
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or 'dropped'}"


@dataclass(frozen=True)
class Answer:
    """What to answer a request with.

    Args:
        status: The status, from 200 to 599.
        body: Bytes, a string, or anything else to send as JSON; `None` means what the
            service sends with this status.
        content_type: The header `Content-Type`.
        headers: More headers, in Latin-1; these override the sandbox's own, and
            `Content-Length` as well.
        retry_after: The header `Retry-After`: seconds, or a date as text; `None` means
            that there is none.
    """

    status: int = 200
    body: object = None
    content_type: str = "application/json"
    headers: dict[str, str] | None = None
    retry_after: float | str | None = None

    def encode_body(self) -> bytes:
        """Return the body as FastAPI would write it."""
        body = self.body
        if body is None:
            body = {"detail": DETAILS.get(self.status, "Unknown")}

        if isinstance(body, bytes):
            return body

        if isinstance(body, str):
            return body.encode()

        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def make_headers(self) -> dict[str, str]:
        """Return the headers, with their names in small letters."""
        headers = {"content-type": self.content_type}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)

        for name, value in (self.headers or {}).items():
            headers[name.lower()] = value

        return headers


class Service:
    """Accounts, and the answers to requests for their credits."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.refused = {""}  # an empty credential never holds

    def respond(self, request: Request) -> Answer:
        """Return the service's answer to a request."""
        if request.path != CREDITS_PATH:
            return Answer(404)

        if request.method != "GET":
            return Answer(405, headers={"allow": "GET"})

        account = self._find_account(request.headers)
        if account is None:
            return Answer(401, headers={"www-authenticate": "Bearer"})

        return Answer(200, account.to_dict())

    def _find_account(self, headers: Message) -> Account | None:
        """Return the account of the bearer token, or else of the cookie."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer_token = token.strip() if scheme.lower() == "bearer" else ""
        cookie = str(headers.get_param("auth_token", "", header="cookie"))

        for account in self.accounts:
            if account.token == bearer_token and bearer_token not in self.refused:
                return account

        for account in self.accounts:
            if account.auth_token == cookie and cookie not in self.refused:
                return account

        return None
