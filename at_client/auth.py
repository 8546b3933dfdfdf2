"""Where access tokens come from, and how one that is no longer accepted is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from at_client.exceptions import ApiTimeoutException
from at_client.fields import check_header_value, text_secret
from at_client.sealed import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from at_client.connections import Clock
    from at_client.locks import ProcessLock


class Bearer(Secret):
    """Stands among the headers for the token of a source, which is asked when the request goes out.

    Args:
        source: Gives a token when it is called.
    """

    __slots__ = ("source",)

    def __init__(self, source: Callable[[], Any]) -> None:
        super().__init__("")
        self.source = source

    def ask(self) -> Secret | None:
        """Ask the source for its present token.

        Returns:
            The value of the `Authorization` header (RFC 6750 section 2.1); `None` if the source has no token.

        Raises:
            ApiTypeError: The source gave something that is no `str`.
            ApiValueError: No header may carry the token.
        """
        token = text_secret("access_token (from its source)", self.source())
        if token is not None:
            check_header_value("access_token (from its source)", token)
        return authorization(token)

    def renew(self, rejected: Secret, lock: ProcessLock, clock: Clock) -> Secret | None:
        """Replace a token that was rejected, once for all threads that met the rejection.

        Args:
            rejected: The header value that the service did not accept.
            lock: Held by the one thread that renews.
            clock: The time of the call.

        Returns:
            The header value to try next; `None` if the source cannot renew, or has no other token.
        """
        renew = getattr(self.source, "renew", None)
        if renew is None:
            return None
        if not lock.acquire(timeout=max(0.0, min(clock.left, MAX_WAIT))):
            raise ApiTimeoutException(reason="The access token was not renewed in time.")
        try:
            present = self.ask()
            if present == rejected:  # no other thread was here first
                renew()
                present = self.ask()
        finally:
            lock.release()
        return None if present == rejected else present


MAX_WAIT = 1e6
"""Seconds that a lock can wait; more are for ever."""


def authorization(token: Secret | None) -> Secret | None:
    """Write a bearer token, checked before, as the value of the `Authorization` header; no token gives none."""
    return None if token is None else Secret(f"Bearer {token.reveal()}")
