"""Exceptions that other code raises while a call is under way."""

import contextlib
import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator

from support.wire import Wire

PAUSE_SECONDS = 0.05
"""How long a call may go on before it is interrupted."""


class Stopped(Exception):
    """An error that no HTTP library knows, like the time limits of job queues."""


class SocketStopped(OSError):
    """The same as a subclass of what sockets raise."""


class LateStopped(TimeoutError):
    """The same as a subclass of the builtin timeout."""


class LostStopped(ConnectionError):
    """The same as a subclass of the builtin lost connection."""


@contextlib.contextmanager
def raised_by_a_signal(error: Exception, wire: Wire | None = None) -> Iterator[None]:
    """Have a signal handler raise an error in this thread.

    Args:
        error: The error.
        wire: A server that must have been called before; `None` for at once.
    """

    def handle(*_: object) -> None:
        raise error

    def interrupt(thread: int) -> None:
        signal.pthread_kill(thread, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with _interrupted_once(interrupt, wire):
            yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def raised_in_this_thread(kind: type[Exception], wire: Wire) -> Iterator[None]:
    """Have CPython raise an error in this thread, as rq does without signals."""

    def interrupt(thread: int) -> None:
        error = ctypes.py_object(kind)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)

    with _interrupted_once(interrupt, wire):
        yield


@contextlib.contextmanager
def _interrupted_once(
    interrupt: Callable[[int], None], wire: Wire | None
) -> Iterator[None]:
    """Interrupt this thread from another one, unless the block ends before."""
    over = threading.Event()
    this_thread = threading.get_ident()
    deadline = time.monotonic() + 10

    def wait() -> None:
        while wire is not None and not wire.connections:
            if over.wait(0.005) or time.monotonic() > deadline:
                return
        if not over.wait(PAUSE_SECONDS):
            interrupt(this_thread)

    other_thread = threading.Thread(target=wait)
    other_thread.start()
    try:
        yield
    finally:
        over.set()
        other_thread.join()
