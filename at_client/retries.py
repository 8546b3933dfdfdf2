"""Pure policy: may a call be tried again, and after how long?

Nothing here sleeps, sends or reads a clock by itself, so every rule is tested by a table.
"""

from __future__ import annotations

import random
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from at_client.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3

FIRST_WAIT = 0.5
"""Seconds before the first retry; each further wait is twice as long."""

LONGEST_WAIT = 8.0
"""Seconds that no wait of our own exceeds."""

LONGEST_RETRY_AFTER = 60.0
"""Seconds of `Retry-After` that are waited for; a longer one is left to the caller."""

TENTHS = 10
"""The budget counts in tenths of a token, whole numbers: ten successes are worth exactly one retry."""

RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that another attempt may better."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Methods that do the same when sent twice (RFC 9110 section 9.2.2); no other is ever sent again."""


class Attempt:
    """How one attempt ended, as far as the decision about the next one goes.

    Args:
        method: The HTTP method, in capitals.
        status: The status of a complete response; `None` if there was none.
        lost: Whether the connection was lost or never made, and trying again may help.
        retry_after: Seconds that the service asked to wait; `None` if it did not.
        below: The response or the error as urllib3 gave it, for a policy of its own kind.
    """

    def __init__(
        self,
        method: str,
        status: int | None = None,
        *,
        lost: bool = False,
        retry_after: float | None = None,
        below: urllib3.BaseHTTPResponse | BaseException | None = None,
    ) -> None:
        self.method = method
        self.status = status
        self.lost = lost
        self.retry_after = retry_after
        self.below = below


class RetryPolicy:
    """How often to try again, and how long to wait before; each retry makes the next policy by copying.

    Args:
        retries: Retries that are left; 0 for none.
        tried: Retries made so far.
    """

    budgeted = True
    """Whether a `RetryBudget` has a say as well."""

    def __init__(self, retries: int, tried: int = 0) -> None:
        self.retries = retries
        self.tried = tried

    def next(
        self, attempt: Attempt, jitter: Callable[[], float] = random.random
    ) -> tuple[RetryPolicy, float] | None:
        """Decide about one more attempt.

        Args:
            attempt: How the last one ended.
            jitter: Gives a number from 0.0 to 1.0; 1.0 is the shortest wait.

        Returns:
            The policy for what comes after, and the seconds to wait; `None` to give up.
        """
        if self.retries < 1 or not is_retryable(attempt):
            return None
        wait = attempt.retry_after
        if wait is None:
            wait = backoff(self.tried, jitter())
        return RetryPolicy(self.retries - 1, self.tried + 1), wait


class ObeyedRetry:
    """A `urllib3.Retry` of the user's, asked the way our own policy is asked.

    Args:
        retry: The policy; each retry makes the next one by copying.
    """

    budgeted = False

    def __init__(self, retry: urllib3.Retry) -> None:
        self._retry = retry

    def next(
        self, attempt: Attempt, _jitter: Callable[[], float] = random.random
    ) -> tuple[ObeyedRetry, float] | None:
        """Decide about one more attempt; the jitter is the user's `backoff_jitter`."""
        retry, below = self._retry, attempt.below
        error = below if isinstance(below, Exception) else None
        response = None if isinstance(below, BaseException) else below
        asked = attempt.retry_after is not None
        if not attempt.lost and not (
            attempt.status and retry.is_retry(attempt.method, attempt.status, has_retry_after=asked)
        ):
            return None
        try:
            retry = retry.increment(attempt.method, response=response, error=error)
        except Exception:  # noqa: BLE001  # "no more": raises MaxRetryError, or whatever error it was given
            return None
        if attempt.retry_after is not None and retry.respect_retry_after_header:
            return ObeyedRetry(retry), attempt.retry_after
        return ObeyedRetry(retry), retry.get_backoff_time()


def is_retryable(attempt: Attempt) -> bool:
    """Say whether the same request may be sent again after this end."""
    if attempt.method not in IDEMPOTENT_METHODS:
        return False
    if attempt.retry_after is not None and attempt.retry_after > LONGEST_RETRY_AFTER:
        return False
    return attempt.lost or attempt.status in RETRY_STATUSES


def backoff(tried: int, jitter: float) -> float:
    """Seconds to wait before the next attempt.

    The wait doubles from `FIRST_WAIT` to `LONGEST_WAIT`; jitter takes up to half of it away, so that clients that
    failed together do not come back together.

    Args:
        tried: Retries made so far.
        jitter: A number from 0.0 to 1.0.

    Examples:
        >>> [backoff(tried, jitter=0.0) for tried in range(6)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
        >>> backoff(0, jitter=1.0)
        0.25
    """
    longest: float = min(FIRST_WAIT * 2.0 ** min(tried, 10), LONGEST_WAIT)
    return longest * (1.0 - jitter / 2.0)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110 section 10.2.3).

    Args:
        value: Seconds, fractions allowed, or an HTTP date; `None` without the header.
        now: The present time, in seconds since the epoch.

    Returns:
        Seconds from now, 0.0 for a date gone by; `None` for nonsense, which must not hide the answer it came with.

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
        if date.tzinfo is None:  # "-0000": UTC, said by a server that does not know its zone
            date = date.replace(tzinfo=timezone.utc)
        return max(0.0, date.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


class RetryBudget:
    """Keeps the clients of a fleet from multiplying an outage: a token bucket, one a client.

    A retry takes one token and is not made without; a success gives a tenth back. While the service is well, every
    retry is affordable; while it is down, a client soon sends each call once.

    Args:
        tokens: Retries that a full bucket pays for.
    """

    def __init__(self, tokens: int = 10) -> None:
        self._full = tokens * TENTHS
        self._left = self._full
        self._lock = ProcessLock()

    def take(self) -> bool:
        """Pay for one retry; False if the bucket holds less than a token."""
        with self._lock:
            affordable = self._left >= TENTHS
            if affordable:
                self._left -= TENTHS
            return affordable

    def refund(self) -> None:
        """Note a success."""
        if self._left < self._full:
            with self._lock:
                self._left = min(self._full, self._left + 1)
