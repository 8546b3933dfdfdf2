"""The policy of one call: is the request sent again, after how long, and where to?"""

import copy
import logging
import random
import re
import sys
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import urllib3
from typing_extensions import Self
from urllib3.exceptions import MaxRetryError

from at_client.clock import Clock
from at_client.failures import find_foreign, is_lost, is_stale
from at_client.pools import close_idle
from at_client.redirects import resolve_redirect

FIRST_WAIT_SECONDS = 0.5
"""The wait before the first retry; each further one is twice as long."""

LONGEST_WAIT_SECONDS = 8.0
"""No wait of our own exceeds this."""

LONGEST_RETRY_AFTER_SECONDS = 60.0
"""A longer `Retry-After` is left to the caller."""

LONGEST_DRAINED_BYTES = 65536
"""A longer body of an answer that nobody reads costs more than a new connection."""

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""With these, another attempt may succeed."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Sending these twice does no harm (RFC 9110 section 9.2.2)."""

_SECONDS = re.compile(r"\s*\d{1,15}(\.\d{1,15})?\s*", re.ASCII)

logger = logging.getLogger("at_client")


class AttemptLog:
    """Writes a line for each attempt of a call: method, path, outcome, milliseconds.

    Args:
        method: The method.
        url: The URL; its query, which could hold a key, is left out.
        debug: Whether to also write to stderr.
    """

    def __init__(self, method: str, url: str, *, debug: bool) -> None:
        self._method = method
        self._url = url
        self._debug = debug
        self._started = Clock.now()

    def restart(self, url: str) -> None:
        """Begin the next attempt, at the URL to which a redirect may have led."""
        self._url = url
        self._started = Clock.now()

    def write(self, outcome: object) -> None:
        """Write how an attempt ended: with a status, or the name of an error."""
        if not self._debug and not logger.isEnabledFor(logging.DEBUG):
            return

        milliseconds = (Clock.now() - self._started) * 1000.0
        path = urlsplit(self._url).path or "/"
        line = f"{self._method} {path} {outcome} {milliseconds:.1f} ms"
        logger.debug("%s", line)
        if self._debug:
            write_to_stderr(f"at_client: {line}\n")


def write_to_stderr(text: str) -> None:
    """Write to stderr; do nothing if it is closed or missing."""
    try:
        sys.stderr.write(text)
    except (AttributeError, OSError, ValueError):
        return


class RetryPolicy(urllib3.Retry):
    """urllib3's `Retry` for one call, with our rules.

    urllib3 asks a policy for its successor after each attempt. This one serves a single
    call, so it counts in place and returns itself.

    Args:
        method: The method of the request.
        url: Its URL.
        clock: The time limit of the call.
        retries: Retries after the first attempt.
        log: Where to write how each attempt ended.
    """

    def __init__(
        self, method: str, url: str, clock: Clock, retries: int, log: AttemptLog
    ) -> None:
        super().__init__(
            retries,
            raise_on_redirect=False,
            raise_on_status=False,
            remove_headers_on_redirect=(),  # no redirect leaves the origin
        )
        self.method = method
        self.url = url
        """Where the next request goes; redirects change it."""

        self.attempts = 1
        self.redirects = 0
        self._clock = clock
        self._retries_left = retries
        self._log = log
        self._has_reconnected = False
        self._wait_seconds = 0.0

    def is_retry(
        self,
        method: str,  # noqa: ARG002  # urllib3 passes it
        status_code: int,
        has_retry_after: bool = False,  # noqa: ARG002  # the same
    ) -> bool:
        """Return whether another attempt may succeed after this status."""
        return status_code in RETRY_STATUSES

    def increment(
        self,
        method: str | None = None,  # noqa: ARG002  # a redirect may have changed it
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Prepare the next attempt, or give up.

        Raises:
            MaxRetryError: The response is the answer; urllib3 returns it.
            Exception: The error is the answer, or other people's code raised it.
        """
        if error is not None:
            self._retry_after_error(error, _pool)
            return self

        if response is None or not self._may_go_on(response):
            raise MaxRetryError(_pool, url or "")
        self._log.write(response.status)
        self._log.restart(self.url)
        close_if_long(response)
        return self

    def sleep(
        self,
        response: urllib3.BaseHTTPResponse | None = None,  # noqa: ARG002  # the same
    ) -> None:
        """Wait for as long as `increment` has decided."""
        if self._wait_seconds:
            time.sleep(self._wait_seconds)
        self._log.restart(self.url)

    def _retry_after_error(self, error: Exception, pool: Any) -> None:
        foreign = find_foreign(error)
        if foreign is not None:
            raise foreign

        close_idle(pool)
        if is_stale(error) and self._may_reconnect():
            self._has_reconnected = True
            self._wait_seconds = 0.0
            self._log.write("idle connection closed")
            return
        if not is_lost(error) or not self._may_retry(self._next_backoff()):
            raise error
        self._log.write(type(error).__name__)

    def _may_go_on(self, response: urllib3.BaseHTTPResponse) -> bool:
        """Decide about a response that a redirect or a retry may follow."""
        location = response.get_redirect_location()
        if location:
            return self._may_follow(location)

        retry_after = read_retry_after(response.headers)
        if retry_after is None:
            return self._may_retry(self._next_backoff())
        if retry_after > LONGEST_RETRY_AFTER_SECONDS:
            return False
        return self._may_retry(retry_after)

    def _may_follow(self, location: str) -> bool:
        redirect = resolve_redirect(self.method, self.url, location, self.redirects)
        if redirect.problem:
            return False
        self.redirects += 1
        self.url = redirect.url
        return True

    def _may_reconnect(self) -> bool:
        """Return whether the one silent reconnect is left; it counts as no retry."""
        return not self._has_reconnected and self.method in IDEMPOTENT_METHODS

    def _may_retry(self, wait_seconds: float) -> bool:
        """Take one of the retries, if there is one, and time for its wait."""
        if not self._retries_left or self.method not in IDEMPOTENT_METHODS:
            return False
        if wait_seconds > self._clock.seconds_left:
            return False

        self._retries_left -= 1
        self.attempts += 1
        self._wait_seconds = wait_seconds
        return True

    def _next_backoff(self) -> float:
        jitter = random.random()  # noqa: S311  # it spreads clients, and hides nothing
        return backoff(self.attempts - 1, jitter)


def backoff(retries: int, jitter: float) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        retries: How many there have been.
        jitter: From 0.0 to 1.0: takes up to half away, so that clients that failed
            together do not return together.

    Examples:
        >>> [backoff(retries, jitter=0.0) for retries in range(6)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    """
    longest = min(FIRST_WAIT_SECONDS * 2.0 ** min(retries, 10), LONGEST_WAIT_SECONDS)
    return longest * (1.0 - jitter / 2.0)


def bound_policy(
    policy: urllib3.Retry, timeout_seconds: float, secret_headers: list[str]
) -> urllib3.Retry:
    """Return a copy of a user's own policy that fits a call of ours.

    Responses and redirects are returned instead of raised, as the errors for them are
    ours; secret headers do not leave the origin; no wait is longer than the whole call
    may take.
    """
    bounded = copy.copy(policy)
    bounded.raise_on_status = False
    bounded.raise_on_redirect = False
    bounded.remove_headers_on_redirect = frozenset(
        {*policy.remove_headers_on_redirect, *map(str.lower, secret_headers)}
    )
    bounded.backoff_max = min(policy.backoff_max, timeout_seconds)
    longest: Any = min(policy.retry_after_max, timeout_seconds)  # urllib3 says int
    bounded.retry_after_max = longest
    return bounded


def close_if_long(response: urllib3.BaseHTTPResponse) -> None:
    """Close an answer that nobody reads, unless it is short enough to be drained."""
    length = (
        response.length_remaining if isinstance(response, urllib3.HTTPResponse) else 0
    )
    if length is None or length > LONGEST_DRAINED_BYTES:
        response.close()


def read_retry_after(headers: Any) -> float | None:
    """Return the seconds that a response asks to wait; `None` if it does not.

    A date is read against the response's own `Date`, as either clock may be wrong.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    now = parse_date(headers.get("Date"))
    return parse_retry_after(value, time.time() if now is None else now)


def parse_retry_after(value: str, now: float) -> float | None:
    """Return the seconds that a `Retry-After` header asks to wait.

    Args:
        value: Seconds, fractions allowed, or an HTTP date (RFC 9110 section 10.2.3). If
            the header came several times, the longest of these counts.
        now: The time to count from, in seconds since the epoch.

    Returns:
        0.0 for a date in the past; `None` for nonsense.

    Examples:
        >>> parse_retry_after("1.5", now=0.0)
        1.5
        >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=15.0)
        45.0
    """
    numbers = [part for part in value.split(", ") if _SECONDS.fullmatch(part)]
    if numbers:
        return max(map(float, numbers))

    date = parse_date(value)
    return None if date is None else max(0.0, date - now)


def parse_date(value: str | None) -> float | None:
    """Return an HTTP date in seconds since the epoch; `None` for anything else."""
    try:
        date = parsedate_to_datetime(value or "")
        # "-0000" is UTC, from a server that does not know its zone.
        return date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
