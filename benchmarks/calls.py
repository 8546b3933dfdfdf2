"""What one call costs the processor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.contest import Contest, contenders, costs, rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.tables import Table

TITLE = "CPU of one call"


def measure(call: Callable[[], object], calls: int) -> float:
    """Return the processor time of one call, user and system, in microseconds."""
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1e6


def run(contest: Contest) -> Table:
    """Measure every contender in turns of some hundred calls."""
    calls, turns = (20, 2) if contest.quick else (500, 40)
    names = contest.present()
    with contenders(contest, names) as started:
        by_name = {contender.name: contender for contender in started}
        for contender in started:  # connections are made, caches filled
            contender.measure("calls", calls=calls)
        figures = rounds(
            names, turns, lambda name: by_name[name].measure("calls", calls=calls)
        )
    return costs("One call", "µs", figures, contest.absent())
