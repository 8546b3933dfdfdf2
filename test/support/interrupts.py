"""Exceptions that other code raises while a call is under way."""

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator


class Stopped(Exception):
    """An error that no HTTP library knows, like the time limits of job queues."""


class SocketStopped(OSError):
    """The same as a subclass of what sockets raise."""


class LateStopped(TimeoutError):
    """The same as a subclass of the builtin timeout."""


class LostStopped(ConnectionError):
    """The same as a subclass of the builtin lost connection."""


@contextlib.contextmanager
def raised_by_a_signal(error: Exception, after: float = 0.15) -> Iterator[None]:
    """Have a signal handler raise an error in this thread, some seconds from now."""

    def handle(*_: object) -> None:
        raise error

    thread = threading.get_ident()
    alarm = threading.Timer(after, signal.pthread_kill, [thread, signal.SIGUSR1])
    before = signal.signal(signal.SIGUSR1, handle)
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
        alarm.join()
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def raised_in_this_thread(kind: type[Exception], after: float = 0.15) -> Iterator[None]:
    """Have CPython raise an error in this thread, as rq does without signals."""

    def interrupt(thread: int) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(kind)
        )

    alarm = threading.Timer(after, interrupt, [threading.get_ident()])
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()
        alarm.join()
