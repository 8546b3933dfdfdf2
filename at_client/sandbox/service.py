"""What the service answers, as FastAPI would; nothing here knows about sockets."""

import math
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.message import Message
from http.client import responses

from dateutil.relativedelta import relativedelta
from pydantic_core import to_json
from urllib3 import HTTPHeaderDict

CREDITS_PATH = "/api/v1/credits"

DETAILS: dict[int, object] = {
    **responses,
    401: "Not authenticated",
    422: [
        {
            "type": "missing",
            "loc": ["cookie", "auth_token"],
            "msg": "Field required",
            "input": None,
        }
    ],
}
"""What `detail` is in the body of each status."""


def check_number(
    name: str, value: float, lowest: int, highest: float = math.inf
) -> None:
    """Raise unless a number is within its limits, both included.

    Raises:
        TypeError: The value cannot be compared with numbers.
        ValueError: The number is out of its limits.
    """
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must be from {lowest} to {highest}, not {value}")


def get_time() -> datetime:
    """Return the time in UTC."""
    return datetime.now(timezone.utc)


def make_secret(kind: str) -> str:
    """Return a credential that nobody can guess, marked with what it is."""
    return f"at-sandbox-{kind}-{secrets.token_hex(12)}"


@dataclass(eq=False)
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
        TypeError: A number is of another type.
        ValueError: A number is out of its limits.

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
        check_number("used", self.used, 0, self.total)
        check_number("purchased_credits", self.purchased_credits, 0, self.total)

        self.token = self.token or make_secret("token")
        self.auth_token = self.auth_token or make_secret("cookie")

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self.total - self.used

    def spend(self, amount: int) -> None:
        """Use up so many credits; there may be fewer than 0 left then."""
        self.used += amount

    def renew(self) -> str:
        """Replace the bearer token and return the new one; the old one is refused."""
        self.token = make_secret("token")
        return self.token

    def to_dict(self) -> dict[str, object]:
        """Return the body that the service sends for this account."""
        today = get_time().date()
        reset_date = today + relativedelta(months=1, day=1)

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


@dataclass
class Request:
    """A request that the sandbox received.

    It is shown as `GET /api/v1/credits 200`, without what may hold secrets.

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
    query: str
    headers: Message
    body: bytes
    time: datetime = field(default_factory=get_time)
    status: int | None = None

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {self.status or 'dropped'}"


@dataclass
class Answer:
    """What to answer a request with; `Fault` says what each part means."""

    status: int = 200
    body: object = None
    content_type: str = "application/json"
    headers: dict[str, str] | None = None
    retry_after: float | str | None = None

    def encode_body(self) -> bytes:
        """Return bytes as they are, a string as UTF-8, and anything else as JSON."""
        body = self.body
        if body is None:
            body = {"detail": DETAILS.get(self.status, "Unknown")}

        if isinstance(body, bytes):
            return body

        return body.encode() if isinstance(body, str) else to_json(body)

    def make_headers(self) -> HTTPHeaderDict:
        """Return the headers that go with the body."""
        headers = HTTPHeaderDict(
            {
                "Content-Type": self.content_type,
                "Content-Length": str(len(self.encode_body())),
            }
        )
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)

        headers.update(self.headers or {})
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
            return Answer(405, headers={"Allow": "GET"})

        account = self._find_account(request.headers)
        if account is None:
            return Answer(401, headers={"WWW-Authenticate": "Bearer"})

        return Answer(200, account.to_dict())

    def _find_account(self, headers: Message) -> Account | None:
        """Return the first account whose bearer token or cookie is given."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = ""

        cookie = headers.get_param("auth_token", "", header="cookie")

        for account in self.accounts:
            if self._accepts(token, account.token):
                return account
            if self._accepts(cookie, account.auth_token):
                return account

        return None

    def _accepts(self, given: object, credential: str) -> bool:
        """Return whether a credential is the right one and has not expired."""
        return given == credential and credential not in self.refused
