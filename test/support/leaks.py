"""Counts what a test has left behind: open descriptors and running threads."""

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path


def open_descriptors() -> set[str]:
    """Tell what this process has open, each as `number -> target`."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(
            OSError
        ):  # the listing's own descriptor is gone by now
            found.add(f"{entry.name} -> {entry.readlink()}")
    return found


@contextlib.contextmanager
def nothing_left(within: float = 3.0) -> Iterator[None]:
    """Fail when the block leaves a descriptor open or a thread running, which have some seconds to go."""
    descriptors, threads = open_descriptors(), set(threading.enumerate())
    yield
    deadline = time.monotonic() + within
    while True:
        left = sorted(open_descriptors() - descriptors)
        left += sorted(thread.name for thread in set(threading.enumerate()) - threads)
        if not left:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"left behind: {left}")
        gc.collect()
        time.sleep(0.01)
