"""Whether memory grows with the number of calls."""

from __future__ import annotations

import gc
import resource
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contest import Contest, contenders
from benchmarks.peers import PEERS
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

TITLE = "Growth of memory"
NAMES = ("urllib3", "at_client", "generated")
KIB = 1024


def measure(
    call: Callable[[], object], calls: int, warm_up: int
) -> tuple[float, float]:
    """Return by how many KiB the process has grown over the calls: as the system sees it, as Python does."""
    return _growth(call, calls, warm_up, resident), _growth(
        call, calls, warm_up, allocated
    )


def _growth(
    call: Callable[[], object], calls: int, warm_up: int, size: Callable[[], int]
) -> float:
    if size is allocated:
        tracemalloc.start()
    for _ in range(warm_up):
        call()
    gc.collect()
    before = size()
    for _ in range(calls):
        call()
    gc.collect()
    after = size()
    tracemalloc.stop()
    return (after - before) / KIB


def allocated() -> int:
    """Return the bytes of all Python objects since tracing began."""
    return tracemalloc.get_traced_memory()[0]


def resident() -> int:
    """Return the bytes of this process in memory: now, or at most so far where the system tells no more."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def run(contest: Contest) -> Table:
    """Let each make 10,000 calls, and as many again while Python's allocations are traced."""
    calls, warm_up = (20, 5) if contest.quick else (10_000, 1_000)
    names = contest.present(*NAMES)
    with contenders(contest, names) as started:
        growth = {
            contender.name: contender.measure("memory", calls=calls, warm_up=warm_up)
            for contender in started
        }
    return Table(
        (f"After {calls:,} calls", "process, KiB", "Python objects, KiB"),
        [
            (PEERS[name].title, *(f"{grown:+,.0f}" for grown in growth[name]))
            for name in names
        ],
        contest.absent(*NAMES),
    )
