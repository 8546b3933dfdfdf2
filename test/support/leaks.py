"""Counts what a test has left behind: open descriptors and running threads."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def open_descriptors() -> set[str]:
    """Tell what this process has open, each as `number -> target`."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
            found.add(f"{entry.name} -> {entry.readlink()}")
    return found


def running_threads() -> set[threading.Thread]:
    """Tell which threads run."""
    return set(threading.enumerate())


@contextlib.contextmanager
def nothing_left(within: float = 3.0) -> Iterator[None]:
    """Fail when the block leaves a descriptor open or a thread running.

    Args:
        within: Seconds that the other side of a connection, or a thread, has to go.
    """
    descriptors, threads = open_descriptors(), running_threads()
    yield
    deadline = time.monotonic() + within
    while True:
        left = sorted(open_descriptors() - descriptors)
        left += sorted(thread.name for thread in running_threads() - threads)
        if not left:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"left behind: {left}")
        gc.collect()
        time.sleep(0.01)
