"""Counts what a test has left behind: open descriptors and running threads."""

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path


def open_descriptors() -> set[str]:
    """Return what this process has open, each as `number -> target`."""
    descriptors = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is gone by now
            descriptors.add(f"{entry.name} -> {entry.readlink()}")
    return descriptors


def _list_all() -> set[str]:
    left = open_descriptors()
    for thread in threading.enumerate():
        left.add(f"{thread.ident} {thread.name}")
    return left


@contextlib.contextmanager
def nothing_left(within_seconds: float = 3.0) -> Iterator[None]:
    """Fail when the block leaves a descriptor open or a thread running.

    Args:
        within_seconds: How long they have to go.
    """
    before = _list_all()
    yield
    deadline = time.monotonic() + within_seconds
    left = _list_all() - before
    while left:
        assert time.monotonic() < deadline, f"left behind: {sorted(left)}"
        gc.collect()
        time.sleep(0.01)
        left = _list_all() - before
