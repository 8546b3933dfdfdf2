"""Lets contenders take turns: each round measures all, so that noise hits all alike."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import resource
import statistics
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import processes
from benchmarks.peers import GENERATED, PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.server import Urls

FIRST_CALL = """
import sys
from benchmarks.peers import PEERS
PEERS[sys.argv[1]].prepare(sys.argv[2])()
"""


class Contender:
    """One contender in a process of its own; every measure is CPU time in milliseconds.

    Args:
        name: Which of `PEERS`.
        ahead: A folder whose packages it finds before all others.
    """

    def __init__(self, name: str, ahead: Path | None) -> None:
        self.name = name
        self.title = PEERS[name].title
        self._ahead = ahead
        self.process = processes.started(
            *("-m", "benchmarks.measures", name),
            ahead=ahead,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def first_result(self, url: str) -> float:
        """Measure from the start of another process to its first result."""
        before = children_seconds()
        with processes.started(
            *("-c", FIRST_CALL, self.name, url), ahead=self._ahead
        ) as process:
            pass
        if process.returncode:
            raise RuntimeError(f"{self.name} failed; its traceback says why")

        return (children_seconds() - before) * 1e3

    def call(self, url: str, count: int) -> float:
        """Measure one of many calls with the same client."""
        return self._order("many_calls", url, count)

    def threads(self, url: str) -> float:
        """Measure 16 threads that each make one call with the same new client."""
        return self._order("many_threads", url)

    def _order(self, measure: str, *arguments: str | int) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None

        self.process.stdin.write(json.dumps([measure, *arguments]) + "\n")
        self.process.stdin.flush()

        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} failed; its traceback says why")
        return float(answer) * 1e3


def children_seconds() -> float:
    """Return the CPU time of all processes started so far that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True)
class Contest:
    """What all benchmarks of one run share."""

    urls: Urls
    turns: int
    """Rounds to measure."""

    generated: Path | None
    """The folder of a generated client to compare with."""

    @contextlib.contextmanager
    def contenders(self, names: Iterable[str] = PEERS) -> Iterator[list[Contender]]:
        """Start those of the contenders that are installed; all end together."""
        with contextlib.ExitStack() as stack:
            started = []
            for name in filter(self._is_present, names):
                ahead = self.generated if name == GENERATED else None
                contender = Contender(name, ahead)
                stack.enter_context(contender.process)
                started.append(contender)

            yield started

    def _is_present(self, name: str) -> bool:
        if name == GENERATED:
            return self.generated is not None
        return importlib.util.find_spec(PEERS[name].needs) is not None

    def measure(
        self, contenders: Sequence[Contender], measure: Callable[[Contender], float]
    ) -> Figures:
        """Measure every contender once a round; each round starts with a different one.

        The first of several rounds is not counted: files and code are not cached yet.
        """
        figures: dict[str, list[float]] = {each.name: [] for each in contenders}
        for turn in range(self.turns):
            first = turn % len(contenders)
            for contender in [*contenders[first:], *contenders[:first]]:
                figures[contender.name].append(measure(contender))

        uncounted = 1 if self.turns > 1 else 0
        return Figures({name: found[uncounted:] for name, found in figures.items()})


@dataclass(frozen=True)
class Figures:
    """What was measured: a figure for each contender and round."""

    by_name: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Return the median of a contender's figures."""
        return statistics.median(self.by_name[name])

    def ratio(self, name: str, other: str) -> str:
        """Return the median of the rounds' ratios, a dash if one is absent."""
        if name not in self.by_name or other not in self.by_name:
            return "-"

        pairs = zip(self.by_name[name], self.by_name[other], strict=True)
        ratio = statistics.median(one / another for one, another in pairs)
        return f"{ratio:.2f}"
