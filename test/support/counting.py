"""Counts calls of C functions with Python's own profiling hook: nothing is replaced."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def count_calls(name: str) -> Iterator[list[str]]:
    """Note every call of the C functions of that name, here and on threads to come.

    Args:
        name: The function's own name, without its class or module.

    Returns:
        The names of the calling functions, one for each call.
    """
    callers: list[str] = []

    def note(frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and getattr(function, "__name__", "") == name:
            callers.append(frame.f_code.co_name)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield callers
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
