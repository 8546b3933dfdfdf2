"""The lock that survives forks and pickles."""

from __future__ import annotations

import copy
import os
import pickle
import threading

import pytest
from at_client.locks import ProcessLock


def free(lock: ProcessLock) -> bool:
    """Say whether another thread would get the lock now, and leave it as it was."""
    found: list[bool] = []

    def attempt() -> None:
        found.append(lock.acquire(timeout=0))
        if found[0]:
            lock.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return found[0]


def test_one_at_a_time() -> None:
    """Who has the lock keeps others out until it is released."""
    lock = ProcessLock()
    assert free(lock)
    with lock:
        assert not free(lock)
        assert lock.acquire(timeout=0) is False
        assert lock.acquire(timeout=0.001) is False
    assert free(lock)
    assert lock.acquire() is True
    lock.release()


def test_an_error_gives_it_back() -> None:
    """Leaving `with` by an error releases the lock, and the error goes on."""
    lock = ProcessLock()
    with pytest.raises(LookupError), lock:
        raise LookupError
    assert free(lock)


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda lock: pickle.loads(pickle.dumps(lock))],  # noqa: S301  # our own bytes
)
def test_a_copy_is_free(twin_of: type[ProcessLock]) -> None:
    """Whoever holds the original, a copy is a lock of its own."""
    lock = ProcessLock()
    with lock:
        twin = twin_of(lock)  # type: ignore[call-arg]  # one of the three above
        assert type(twin) is ProcessLock
        assert free(twin)
    assert free(lock)


def test_a_child_finds_it_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held when the child was born, it is free there, and a lock again from then on."""
    lock = ProcessLock()
    assert lock.acquire()
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with lock:
        assert not free(lock)
    assert free(lock)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_real_child_finds_it_free() -> None:
    """A thread that holds the lock stays behind in the parent; the child does not wait for it."""
    lock, held, done = ProcessLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    child = os.fork()
    if child == 0:  # pragma: no cover  # the child leaves without a report
        os._exit(0 if lock.acquire(timeout=1) else 1)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not free(lock)
    finally:
        done.set()
        thread.join()
