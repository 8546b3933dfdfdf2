"""Where access tokens come from, and how one that was rejected is replaced."""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from at_client.exceptions import ApiTimeoutException, ApiTypeError
from at_client.headers import check_header_value

TokenSource = Callable[[], "str | None"]
"""A callable that returns the bearer token, or `None` to send none.

If it has a method `renew()`, that is called after the service has rejected the token;
the callable must return another one from then on.
"""


class SourcedToken(str):
    """The value of an `Authorization` header whose token came from a source.

    It tells a header that can be renewed after a 401 from one that the caller wrote.
    """

    __slots__ = ()


def ask_source(source: Callable[[], Any]) -> SourcedToken | None:
    """Return the `Authorization` header (RFC 6750 section 2.1) with a source's token.

    Raises:
        ApiTypeError, ApiValueError: The source returned what cannot be a token.
        Exception: Whatever the source raises.
    """
    token = source()
    if token is None or token == "":
        return None

    if not isinstance(token, str):
        kind = type(token).__name__
        raise ApiTypeError(
            f"access_token (its source) must be a str or None, not {kind}"
        )
    return SourcedToken(
        f"Bearer {check_header_value('access_token (its source)', token)}"
    )


class RenewalLock:
    """Lets one thread at a time renew a token; a child process has its own."""

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    @contextmanager
    def hold(self, seconds: float) -> Generator[None, None, None]:
        """Hold the lock.

        Args:
            seconds: How long to wait for it.

        Raises:
            ApiTimeoutException: Another thread held it all that time.
        """
        lock = self._locks.setdefault(os.getpid(), threading.Lock())
        if not lock.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            raise ApiTimeoutException(
                reason="Another thread took too long to renew the access token."
            )
        try:
            yield
        finally:
            lock.release()


def renew_token(source: Any, rejected: str) -> SourcedToken | None:
    """Return another token than the rejected one, unless the source has none.

    Somebody else may have renewed it already; then `renew()` is not called.
    """
    token = ask_source(source)
    if token == rejected:
        source.renew()
        token = ask_source(source)
    return None if token == rejected else token
