"""What one call costs the processor."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.contest import GENERATED, Contest, contenders, ratio_text, rounds
from benchmarks.peers import PEERS
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

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
        figures = rounds(names, turns, lambda name: by_name[name].measure("calls", calls=calls))
    return Table(
        (
            "One call",
            "best, µs",
            "median, µs",
            "to urllib3 by hand",
            "to openapi-generator",
        ),
        [
            (
                PEERS[name].title,
                f"{min(figures[name]):.0f}",
                f"{statistics.median(figures[name]):.0f}",
                ratio_text(figures, name),
                ratio_text(figures, name, GENERATED),
            )
            for name in names
        ],
        contest.absent(),
    )
