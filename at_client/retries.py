"""Pure policy: is a request sent again, after how long, and where to? Nothing here sleeps or sends."""

from __future__ import annotations

import random
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3

FIRST_WAIT = 0.5
"""The wait before the first retry; each further wait is twice as long."""

LONGEST_WAIT = 8.0
"""No wait of our own exceeds this."""

LONGEST_RETRY_AFTER = 60.0
"""A longer `Retry-After` is left to the caller."""

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Responses that another attempt may improve on."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Methods that do the same when sent twice (RFC 9110 section 9.2.2); no other is sent again."""

MAX_REDIRECTS = 5
"""Redirects within the origin that one call follows."""

REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
"""Responses that name another place (RFC 9110 section 15.4)."""

PORTS = {"https": 443, "http": 80}
"""The port of an origin that names none."""


class Backoff(urllib3.Retry):
    """urllib3's `Retry` with our waits and statuses.

    Args:
        retries: Attempts after the first.
    """

    RETRY_AFTER_STATUS_CODES = frozenset()  # only what is in RETRY_STATUSES

    def __init__(self, retries: int | None = None, **options: object) -> None:
        rules = {"allowed_methods": IDEMPOTENT_METHODS, "status_forcelist": RETRY_STATUSES}
        super().__init__(**({"total": retries, **rules} | options))  # type: ignore[arg-type]  # urllib3's own copies

    def get_backoff_time(self) -> float:
        """Return the seconds to wait after the failures so far."""
        return backoff(len(self.history) - 1, random.random())  # noqa: S311  # spreads clients, hides nothing


def backoff(retries: int, jitter: float) -> float:
    """Return the seconds to wait before the next attempt.

    The wait doubles up to `LONGEST_WAIT`. Jitter takes up to half of it away, so that clients that failed
    together do not come back together.

    Args:
        retries: Retries made so far.
        jitter: A number from 0.0 to 1.0.

    Examples:
        >>> [backoff(retries, jitter=0.0) for retries in range(6)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
        >>> backoff(0, jitter=1.0)
        0.25
    """
    longest = min(FIRST_WAIT * 2.0 ** min(retries, 10), LONGEST_WAIT)
    return longest * (1.0 - jitter / 2.0)


def next_attempt(
    retry: urllib3.Retry, method: str, end: Exception | urllib3.BaseHTTPResponse, retry_after: float | None = None
) -> tuple[urllib3.Retry, float] | None:
    """Decide whether a request is sent once more.

    Args:
        retry: The policy, ours or the user's own.
        method: The method of the request.
        end: How the last attempt ended: the error that lost it, or the response.
        retry_after: Seconds that the service asked to wait; `None` if it did not.

    Returns:
        The policy for what comes next, and the seconds to wait; `None` to give up.
    """
    error, response = (end, None) if isinstance(end, Exception) else (None, end)
    if method not in IDEMPOTENT_METHODS or (retry_after or 0.0) > LONGEST_RETRY_AFTER:
        return None
    if response is not None and not retry.is_retry(method, response.status, retry_after is not None):
        return None
    try:
        retry = retry.increment(method, response=response, error=error)
    except Exception:  # noqa: BLE001  # MaxRetryError, or the error that was given: no more attempts
        return None
    if retry_after is not None and retry.respect_retry_after_header:
        return retry, retry_after
    return retry, retry.get_backoff_time()


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110 section 10.2.3).

    Args:
        value: Seconds, fractions allowed, or an HTTP date; `None` without the header.
        now: The present time, in seconds since the epoch.

    Returns:
        Seconds from now, 0.0 for a date in the past; `None` for nonsense, which must not hide the response.

    Examples:
        >>> parse_retry_after("1.5", now=0.0)
        1.5
        >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=15.0)
        45.0
        >>> parse_retry_after("soon", now=0.0) is None
        True
    """
    if value is None:
        return None
    if seconds := re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*", value, re.ASCII):
        return float(seconds[1])
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:  # "-0000": UTC, from a server that does not know its zone
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def resolve_redirect(method: str, url: str, location: str | None, redirects: int) -> tuple[str, str]:
    """Return the target of a redirect, and what speaks against following it; an empty string if nothing does.

    Examples:
        >>> resolve_redirect("GET", "https://api.example.com/v1/credits", "/v2/credits", 0)
        ('https://api.example.com/v2/credits', '')
        >>> resolve_redirect("GET", "https://api.example.com/v1", "http://api.example.com/v1", 0)[1]
        'it redirects to http://api.example.com:80, another origin, which credentials must not reach'
    """
    if not location or not location.isascii() or not location.isprintable():
        return "", "it redirects without saying where to"
    try:
        target = urlsplit(urljoin(url, location))._replace(fragment="")
        place, origin = _normalize_origin(target), _normalize_origin(urlsplit(url))
        given = urlsplit(location)
    except (ValueError, KeyError):
        host = location.partition("://")[2].partition("/")[0].rpartition("@")[2]
        return "", f"it redirects to {host or 'somewhere'}, which is not an http(s) URL"
    if given.scheme and not given.netloc:
        return "", "it redirects without saying to which host"
    if place != origin:
        return "", f"it redirects to {place}, another origin, which credentials must not reach"
    if method not in ("GET", "HEAD"):
        return "", f"it redirects to {place}, which is not followed for {method}"
    if redirects == MAX_REDIRECTS:
        return "", f"it redirects to {place} once more, after {redirects} redirects"
    return target.geturl(), ""


def _normalize_origin(parts: SplitResult) -> str:
    """Write scheme, host and port in one way only (RFC 6454 section 4)."""
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS[parts.scheme]}"
