"""A lock that survives forks and pickles."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
