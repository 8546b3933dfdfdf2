"""A `urllib3.Retry` of the user's, asked the way our own policy is asked."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable

    from at_client.retries import Attempt


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
        response = below if isinstance(below, urllib3.BaseHTTPResponse) else None
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
