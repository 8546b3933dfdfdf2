"""What it costs from the start of a process to the first result: what a cron job pays."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from benchmarks import processes
from benchmarks.contest import costs, rounds

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contest import Contest
    from benchmarks.tables import Table

TITLE = "From the start of the process to the first result"

FIRST_CALL = """
import sys
from benchmarks.peers import PEERS
PEERS[sys.argv[1]].prepare(sys.argv[2])()
"""


def cpu_of(*arguments: str, ahead: Path | None = None) -> float:
    """Return the processor time of a whole Python process, user and system, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with processes.started(*arguments, ahead=ahead) as process:
        pass
    assert process.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def run(contest: Contest) -> Table:
    """Start every contender in turns."""
    turns = 1 if contest.quick else 60
    names = contest.present()

    def first_call(name: str) -> float:
        return cpu_of("-c", FIRST_CALL, name, contest.url, ahead=contest.ahead(name))

    if not contest.quick:  # bytecode is written, files are in the system's cache
        rounds(names, 1, first_call)
    figures = rounds(names, turns, first_call)
    return costs("First result", "ms", figures, contest.absent())
