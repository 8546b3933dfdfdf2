"""Where the time of one call goes: samples of the running program, by the library that it was in."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contest import Contest, contenders
from benchmarks.peers import PEERS
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

TITLE = "Where the time of one call goes"
NAMES = ("urllib3", "at_client", "generated")

LAYERS = {
    "the client itself": ("at_client", "benchmarks"),
    "urllib3": ("urllib3",),
    "`http.client`, `email`, `socket`": ("http", "email", "socket.py"),
    "pydantic, `json`": ("pydantic", "json"),
}
"""Names of files or folders, by layer; what is in none of them counts for its caller."""

SYSTEM = "system calls: send, wait, receive"
SYSTEM_CALLERS = {
    ("client.py", "send"),
    ("connections.py", "readinto"),
    ("socket.py", "readinto"),
    ("wait.py", "do_poll"),
}
"""Functions that do little but enter the kernel; Python sees a sample there only after the return."""

TICK = 0.001
"""Seconds of processor time between two samples, if the system's clock is as fine."""


def measure(call: Callable[[], object], calls: int) -> dict[str, float]:
    """Return the microseconds of processor time that each layer takes of one call.

    Args:
        call: Makes one call.
        calls: How many to look at.
    """
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        seen[layer_of(frame)] += 1

    previous: Any = signal.signal(signal.SIGPROF, look)
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, TICK, TICK)
    try:
        for _ in range(calls):
            call()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
    cost = (time.process_time() - started) / calls * 1e6
    samples = seen.total() or 1
    return {layer: cost * seen[layer] / samples for layer in (*LAYERS, SYSTEM)}


def layer_of(frame: FrameType | None) -> str:
    """Name the layer that a frame belongs to: its own, or that of whoever called it."""
    if frame is not None:
        code = frame.f_code
        if (Path(code.co_filename).name, code.co_name) in SYSTEM_CALLERS:
            return SYSTEM
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts[-4:]
        for layer, names in LAYERS.items():
            if any(name in parts for name in names):
                return layer
        frame = frame.f_back
    return next(iter(LAYERS))


def run(contest: Contest) -> Table:
    """Look at some ten thousand calls of each."""
    calls, turns = (100, 1) if contest.quick else (5_000, 8)
    names = contest.present(*NAMES)
    costs: dict[str, Counter[str]] = {name: Counter() for name in names}
    with contenders(contest, names) as started:
        for contender in started:
            contender.measure("calls", calls=calls)
        for _ in range(turns):
            for contender in started:
                costs[contender.name].update(contender.measure("layers", calls=calls))
    shown = [*LAYERS, SYSTEM]
    rows = [
        (layer, *(f"{costs[name][layer] / turns:.0f}" for name in names))
        for layer in shown
    ]
    rows.append(("all", *(f"{costs[name].total() / turns:.0f}" for name in names)))
    return Table(
        ("µs of one call", *(PEERS[name].title for name in names)),
        rows,
        contest.absent(*NAMES),
    )
