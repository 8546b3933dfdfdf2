"""What the tests share: credits as the service sends them, and secrets that are easy to find."""

import base64
import json

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
    """Find the marked secrets in what a person may come to see, plain or in Basic's base64."""
    login = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
    seen = b"\n".join(
        p.encode(errors="replace") if isinstance(p, str) else p for p in places
    )
    return [
        secret
        for secret in (TOKEN, COOKIE, PROXY_PASSWORD, login)
        if secret.encode() in seen
    ]
