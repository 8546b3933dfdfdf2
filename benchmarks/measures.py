"""What a contender measures in a process of its own: CPU time, user and system."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TYPE_CHECKING

from benchmarks.peers import PEERS, THREADS

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def shared_call(name: str, url: str) -> Callable[[], object]:
    """Return the call of a client that has its first call behind it."""
    call = PEERS[name].prepare(url)
    call()
    return call


def many_calls(name: str, url: str, count: int) -> float:
    """Return the seconds of one of many calls with the same client."""
    call = shared_call(name, url)

    started = time.process_time()
    for _ in range(count):
        call()

    return (time.process_time() - started) / count


def many_threads(name: str, url: str) -> float:
    """Return the seconds until 16 threads have a result each from one new client."""
    barrier = Barrier(THREADS)

    def work(call: Callable[[], object]) -> None:
        barrier.wait()
        call()

    with ThreadPoolExecutor(THREADS) as threads:
        started = time.process_time()
        call = PEERS[name].prepare(url)
        list(threads.map(work, [call] * THREADS))
        return time.process_time() - started


MEASURES: dict[str, Callable[..., float]] = {
    "many_calls": many_calls,
    "many_threads": many_threads,
}


def main(name: str) -> None:
    """Be a contender: read orders from stdin, a JSON line each; print each result."""
    for line in sys.stdin:
        measure, *arguments = json.loads(line)
        print(MEASURES[measure](name, *arguments), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
