"""A lock that survives forks and pickles."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from at_client.exceptions import ApiTimeoutException

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType


class ProcessLock:
    """A lock that is free in a child process, whoever held it in the parent when the child was born.

    A plain lock that another thread holds during a fork stays held in the child for ever. It pickles as a free lock.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def acquire(self, timeout: float = -1.0) -> bool:
        """Wait for the lock.

        Args:
            timeout: Seconds to wait at most; -1 for ever.

        Returns:
            Whether the lock was had.
        """
        if self._pid != os.getpid():
            self._start()
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let the next one have the lock."""
        self._lock.release()

    @contextmanager
    def held(self, seconds: float) -> Generator[None, None, None]:
        """Hold the lock while a token is renewed; another thread may do that for as long as a call lasts.

        Args:
            seconds: How long to wait for it; `math.inf` for ever.

        Raises:
            ApiTimeoutException: It was not had in time.
        """
        if not self.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX))):
            raise ApiTimeoutException(
                reason="Another thread was renewing the access token for too long."
            )
        try:
            yield
        finally:
            self.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __reduce__(self) -> tuple[type[ProcessLock], tuple[()]]:
        return ProcessLock, ()
