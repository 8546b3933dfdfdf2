"""How the source of a token is asked, by one thread at a time where that matters."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from at_client.exceptions import ApiException, ApiTimeoutException, OpenApiException
from at_client.sealed import conceal
from at_client.settings import FOR_EVER

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from at_client.connections import Clock
    from at_client.locks import ProcessLock


@contextmanager
def held(lock: ProcessLock, clock: Clock) -> Generator[None, None, None]:
    """Hold a lock that others hold during their calls, waiting for no longer than this call may last.

    Raises:
        ApiTimeoutException: It was not had in time.
    """
    if not lock.acquire(timeout=clock.left if clock.left < FOR_EVER else -1.0):
        raise ApiTimeoutException(
            reason="Another thread was renewing the access token for too long."
        )
    try:
        yield
    finally:
        lock.release()


def asked(function: Callable[[], Any]) -> Any:
    """Call what the user gave, sealing its answer; its error becomes the cause of ours."""
    try:
        return conceal(function())
    except OpenApiException:
        raise
    except Exception as error:
        raise ApiException(
            reason=f"The source of access_token failed: {type(error).__name__}."
        ) from error
