"""The accounts of the sandbox, and the tokens that open them."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def start_of_next_month(now: datetime) -> datetime:
    """Return the first moment of the month after `now`.

    Args:
        now: An aware time.
    """
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (month + timedelta(days=32)).replace(day=1)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(timezone.utc)


def new_secret(kind: str) -> str:
    """Return a token that nobody can guess, and that shows what it is.

    Args:
        kind: What it is, in a word.
    """
    return f"at-sandbox-{kind}-{secrets.token_hex(12)}"


@dataclass(eq=False)
class Account:
    """Credits, and the credentials that may see them.

    Each attribute may be assigned at any time; the next answer tells of it.

    Examples:
        >>> account = Account(total=100, used=40)
        >>> account.spend(10)
        >>> account.remaining
        50
    """

    total: int = 1000
    """Credits of the period, purchased ones included."""

    used: int = 250
    """Credits spent."""

    purchased_credits: int = 0
    """Those of `total` that were bought."""

    plan_tier: str | None = "free"
    """The plan."""

    reset_date: datetime = field(default_factory=lambda: start_of_next_month(utc_now()))
    """When the period ends; aware."""

    extra: Mapping[str, object] = field(default_factory=dict[str, object])
    """Fields to send beside the documented ones, or in their place."""

    username: str | None = None
    """Name for the password flow; `None` means that the account cannot use it."""

    password: str = field(default="", repr=False)
    """Password for the password flow, made up if left out."""

    token: str = field(default="", repr=False)
    """The bearer token, made up if left out; the token endpoint issues others beside it."""

    auth_token: str = field(default="", repr=False)
    """The value of the cookie `auth_token`, made up if left out."""

    def __post_init__(self) -> None:
        if not 0 <= self.used <= self.total:
            raise ValueError(f"used must be from 0 to total ({self.total}), not {self.used}")
        self.token = self.token or new_secret("token")
        self.auth_token = self.auth_token or new_secret("cookie")
        self.password = self.password or new_secret("password")

    @property
    def remaining(self) -> int:
        """Credits left."""
        return self.total - self.used

    def spend(self, amount: int) -> None:
        """Use credits up.

        Args:
            amount: How many, 0 or more.

        Raises:
            ValueError: Fewer are left, or the number is negative.
        """
        if not 0 <= amount <= self.remaining:
            raise ValueError(f"can spend from 0 to {self.remaining} credits, not {amount}")
        self.used += amount

    def renew(self) -> str:
        """Replace the bearer token, so that the old one is refused, and return the new one."""
        self.token = new_secret("token")
        return self.token

    def to_dict(self) -> dict[str, object]:
        """Return what the service sends about the account."""
        now = utc_now()
        return {
            "total_credits": self.total,
            "used_credits": self.used,
            "remaining_credits": self.remaining,
            "free_credits": self.total - self.purchased_credits,
            "purchased_credits": self.purchased_credits,
            "period": f"{now:%Y-%m}",
            "reset_date": self.reset_date.isoformat(),
            "days_until_reset": max(0, math.ceil((self.reset_date - now) / timedelta(days=1))),
            "plan_tier": self.plan_tier,
            **self.extra,
        }


class Accounts:
    """Every account of a sandbox, found by what a request shows.

    Args:
        clock: Seconds that only grow; tests hold it still.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: list[Account] = []
        self._issued: dict[str, tuple[Account, float]] = {}
        self._refreshes: dict[str, tuple[Account, str]] = {}
        self._expired: set[str] = set()

    def add(self, account: Account) -> None:
        """Let an account be found by its token, its cookie and its username.

        Args:
            account: The account.

        Raises:
            ValueError: Another account has one of them.
        """
        for other in self._accounts:
            for name in ("token", "auth_token", "username"):
                value = getattr(account, name)
                if value is not None and value == getattr(other, name):
                    raise ValueError(f"another account has this {name}")
        self._accounts.append(account)

    def expire(self, token: str) -> None:
        """End a bearer token, a refresh token or a cookie before its time.

        Args:
            token: Its value.

        Raises:
            ValueError: Nothing of this value is valid.
        """
        if self._refreshes.pop(token, None) or self._issued.pop(token, None):
            return
        if not (self.by_token(token) or self.by_cookie(token)):
            raise ValueError("no token, refresh token or cookie of this value is valid")
        self._expired.add(token)

    def by_token(self, token: str) -> Account | None:
        """Return the account that a bearer token opens, `None` if it opens none or has expired.

        Args:
            token: The token.
        """
        account, end = self._issued.get(token, (None, math.inf))
        if account is None:
            account = self._first("token", token)
        return account if self._clock() < end else None

    def by_cookie(self, value: str) -> Account | None:
        """Return the account that a cookie opens, `None` if it opens none or has expired.

        Args:
            value: The value of the cookie `auth_token`.
        """
        return self._first("auth_token", value)

    def by_login(self, username: str, password: str) -> Account | None:
        """Return the account of a username, `None` if there is none or the password is another.

        Args:
            username: The name.
            password: The password.
        """
        account = self._first("username", username)
        return account if account is not None and account.password == password else None

    def issue(self, account: Account, scope: str, expires_in: float) -> tuple[str, str]:
        """Return a new bearer token and a new refresh token.

        Args:
            account: What they open.
            scope: What the refresh token may ask for again; `""` for nothing in particular.
            expires_in: Seconds that the bearer token lives.
        """
        token, refresh_token = new_secret("issued"), new_secret("refresh")
        self._issued[token] = account, self._clock() + expires_in
        self._refreshes[refresh_token] = account, scope
        return token, refresh_token

    def by_refresh(self, token: str) -> tuple[Account, str] | None:
        """Return the account and the scope of a refresh token, `None` if it is not valid.

        Args:
            token: The refresh token.
        """
        return self._refreshes.get(token)

    def use_up(self, token: str) -> bool:
        """End a refresh token, and return whether this call did: of two threads, one succeeds.

        Args:
            token: The refresh token.
        """
        return self._refreshes.pop(token, None) is not None

    def _first(self, name: str, value: str) -> Account | None:
        if value in self._expired:
            return None
        return next((each for each in self._accounts if getattr(each, name) == value), None)
