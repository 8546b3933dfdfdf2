"""How many calls a second 32 threads get out of one client."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.contest import Contest, contenders, ratio_text, rounds
from benchmarks.peers import PEERS, THREADS
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = f"Throughput of {THREADS} threads"
NAMES = ("urllib3", "at_client", "generated")


def measure(call: Callable[[], object], calls: int) -> float:
    """Return the calls a second of all threads together.

    Args:
        call: Makes one call.
        calls: How many each thread makes.
    """

    def work(_: int) -> None:
        for _ in range(calls):
            call()

    with ThreadPoolExecutor(THREADS) as pool:
        started = time.perf_counter()
        list(pool.map(work, range(THREADS)))
        return THREADS * calls / (time.perf_counter() - started)


def run(contest: Contest) -> Table:
    """Measure those that are made for threads."""
    calls, turns = (2, 2) if contest.quick else (60, 15)
    names = contest.present(*NAMES)
    with contenders(contest, names) as started:
        by_name = {contender.name: contender for contender in started}
        for contender in started:
            contender.measure("threads", calls=calls)
        figures = rounds(
            names, turns, lambda name: by_name[name].measure("threads", calls=calls)
        )
    return Table(
        ("One client", "calls a second", "to urllib3 by hand"),
        [
            (
                PEERS[name].title,
                f"{statistics.median(figures[name]):,.0f}",
                ratio_text(figures, name),
            )
            for name in names
        ],
        contest.absent(*NAMES),
    )
