"""Pure policy: is a request sent again, after how long, and where to? Nothing here sleeps or sends."""

import random
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from urllib3 import Retry

FIRST_WAIT = 0.5  # seconds before the first retry; each further wait is twice as long
LONGEST_WAIT = 8.0  # seconds; no wait of our own exceeds this
LONGEST_RETRY_AFTER = 60.0  # seconds; a longer `Retry-After` is left to the caller
RETRY_STATUSES = frozenset(
    {408, 429, 500, 502, 503, 504}
)  # another attempt may succeed
IDEMPOTENT_METHODS = frozenset(
    {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}
)  # RFC 9110 section 9.2.2
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})  # RFC 9110 section 15.4
MAX_REDIRECTS = 5  # within the origin, for one call
PORTS = {"https": 443, "http": 80}  # of an origin that names none

_HOSTLESS = r"(?i)https?:(?!//[^/?#])"  # urljoin() takes it for a path


class Backoff(Retry):
    """urllib3's `Retry` with our statuses and waits; its first argument is the number of retries."""

    def is_retry(
        self,
        method: str,
        status_code: int,
        has_retry_after: bool = False,  # noqa: ARG002
    ) -> bool:  # urllib3 asks so
        """Return whether another attempt may succeed where the last one brought this status."""
        return status_code in RETRY_STATUSES

    def get_backoff_time(self) -> float:
        """Return the seconds to wait after the failures so far."""
        return backoff(len(self.history) - 1, random.random())  # noqa: S311  # spreads clients, hides nothing


def backoff(retries: int, jitter: float) -> float:
    """Return the seconds to wait before the next attempt, after so many retries.

    Jitter, from 0.0 to 1.0, takes up to half away, so that clients that failed together do not return together.

    Examples:
        >>> [backoff(retries, jitter=0.0) for retries in range(6)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    """
    return min(FIRST_WAIT * 2.0 ** min(retries, 10), LONGEST_WAIT) * (
        1.0 - jitter / 2.0
    )


def next_attempt(
    retry: Retry, method: str, end: Any, retry_after: float | None = None
) -> tuple[Retry, float] | None:
    """Return the policy for what comes next and the seconds to wait, or `None` to give up.

    The last attempt ended with an error that lost it, or with a response, which may have asked to wait for
    `retry_after` seconds. The policy is ours or the user's own.
    """
    error, response = (end, None) if isinstance(end, Exception) else (None, end)
    final = response is not None and not retry.is_retry(
        method, response.status, retry_after is not None
    )
    if (
        final
        or method not in IDEMPOTENT_METHODS
        or (retry_after or 0.0) > LONGEST_RETRY_AFTER
    ):
        return None
    try:
        retry = retry.increment(method, response=response, error=error)
    except Exception:  # noqa: BLE001  # MaxRetryError, or the error that was given: no more attempts
        return None
    wait = retry_after if retry.respect_retry_after_header else None
    return retry, retry.get_backoff_time() if wait is None else wait


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a `Retry-After` header asks to wait from `now`, in seconds since the epoch.

    Its value is seconds, fractions allowed, or an HTTP date (RFC 9110 section 10.2.3). A date in the past gives 0.0,
    nonsense gives `None`: it must not hide the response.

    Examples:
        >>> parse_retry_after("1.5", now=0.0)
        1.5
        >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=15.0)
        45.0
    """
    if value and re.fullmatch(r"\s*\d{1,15}(\.\d{1,15})?\s*", value, re.ASCII):
        return float(value)
    try:
        date = parsedate_to_datetime(value or "")
        # "-0000" is UTC, from a server that does not know its zone.
        return max(
            0.0, date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - now
        )
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def resolve_redirect(
    method: str, url: str, location: str | None, redirects: int
) -> tuple[str, str]:
    """Return the target of a redirect and "", or "" and why it is not followed.

    Examples:
        >>> resolve_redirect(
        ...     "GET", "https://api.example.com/v1/credits", "/v2/credits", 0
        ... )
        ('https://api.example.com/v2/credits', '')
        >>> resolve_redirect(
        ...     "GET", "https://api.example.com/v1", "http://api.example.com/v1", 0
        ... )[1]
        'it redirects to http://api.example.com:80, a different origin, where credentials must not be sent'
    """
    if (
        not location
        or not location.isascii()
        or not location.isprintable()
        or re.match(_HOSTLESS, location)
    ):
        return "", "it redirects without saying where to"
    try:
        target = urlsplit(urljoin(url, location))._replace(fragment="")
        place, origin = _normalize_origin(target), _normalize_origin(urlsplit(url))
    except (ValueError, KeyError):
        host = location.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return "", f"it redirects to {host or 'somewhere'}, which is not an http(s) URL"
    if place != origin:
        return (
            "",
            f"it redirects to {place}, a different origin, where credentials must not be sent",
        )
    if method not in ("GET", "HEAD"):
        return "", f"it redirects to {place}, which is not followed for {method}"
    if redirects == MAX_REDIRECTS:
        return "", f"it redirects to {place} once more, after {redirects} redirects"
    return target.geturl(), ""


def _normalize_origin(parts: SplitResult) -> str:
    """Write scheme, host and port in one way only (RFC 6454 section 4)."""
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS[parts.scheme]}"
