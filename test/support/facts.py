"""What the tests share: credits as the service sends them, and marked secrets."""

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


PROXY_LOGIN = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
"""The credentials of the proxy as Basic authentication writes them."""


def secrets_in(*places: str | bytes) -> list[str]:
    """Return the marked secrets in what a person may come to see."""
    texts = [
        place if isinstance(place, str) else place.decode("latin-1") for place in places
    ]
    seen = "\n".join(texts)
    secrets = (TOKEN, COOKIE, PROXY_PASSWORD, PROXY_LOGIN)
    return [secret for secret in secrets if secret in seen]
