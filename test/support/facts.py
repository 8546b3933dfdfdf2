"""What the tests share: credits as the service sends them, and secrets that are easy to find."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN = "TOKEN-SECRET-5b1f0c"
COOKIE = "COOKIE-SECRET-9d27aa"
PROXY_USER = "proxyuser"
PROXY_PASSWORD = "PROXY-SECRET-e41c88"

CREDITS: dict[str, object] = {
    "total_credits": 1000,
    "used_credits": 250,
    "remaining_credits": 750,
    "free_credits": 100,
    "purchased_credits": 900,
    "period": "2026-11",
    "reset_date": "2026-12-01T00:00:00Z",
    "days_until_reset": 9,
    "plan_tier": "pro",
}

CREDITS_BODY = json.dumps(CREDITS).encode()


def secrets_in(*places: str | bytes) -> list[str]:
    """Name the marked secrets that show in any of the places, plain or in Basic's base64.

    Args:
        places: What a person may come to see: messages, logs, output, pickles.

    Returns:
        The secrets found; empty when nothing shows.
    """
    seen = b"\n".join(p.encode(errors="replace") if isinstance(p, str) else p for p in places)
    return [secret for secret in _forms() if secret.encode() in seen]


def _forms() -> Iterable[str]:
    yield from (TOKEN, COOKIE, PROXY_PASSWORD)
    yield base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
