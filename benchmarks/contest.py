"""Lets contenders take turns: every round measures each of them once, so that a noisy moment hits all alike."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import statistics
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import processes
from benchmarks.peers import PEERS, YARDSTICK
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

GENERATED = "generated"


class Contest(NamedTuple):
    """What all benchmarks of one run share."""

    url: str
    """Where the server is."""

    quick: bool
    """Whether to show only that it works, in seconds."""

    generated: Path | None
    """The folder of a generated client to compare with."""

    def ahead(self, name: str) -> Path | None:
        """Return the folder whose packages a contender must find before all others."""
        return self.generated if name == GENERATED else None

    def present(self, *names: str) -> list[str]:
        """Choose those of the contenders that can take part; all, if none is named."""
        return [name for name in names or PEERS if self._is_present(name)]

    def absent(self, *names: str) -> str:
        """Say which of the contenders cannot take part, and why; empty if all can."""
        missing = [name for name in names or PEERS if not self._is_present(name)]
        return f"Not installed, so left out: {', '.join(missing)}." if missing else ""

    def _is_present(self, name: str) -> bool:
        if name == GENERATED:
            return self.generated is not None
        return importlib.util.find_spec(PEERS[name].needs) is not None


class Contender:
    """One contender in a process of its own.

    Args:
        name: Which of `PEERS`.
        process: A process that runs this very module.
    """

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process

    def measure(self, room: str, **options: int) -> Any:
        """Have the contender measure itself.

        Args:
            room: The module of `benchmarks` whose `measure` is to be called with the contender's call.
            **options: Its further arguments.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([room, options]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} failed; what it wrote to stderr says why")
        return json.loads(answer)


@contextlib.contextmanager
def contenders(contest: Contest, names: Sequence[str]) -> Iterator[list[Contender]]:
    """Start a process for each contender; all end together."""
    with contextlib.ExitStack() as stack:
        yield [
            Contender(
                name,
                stack.enter_context(
                    processes.started(
                        *("-m", "benchmarks.contest", name, contest.url),
                        ahead=contest.ahead(name),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                    )
                ),
            )
            for name in names
        ]


def rounds(
    names: Sequence[str], count: int, measure: Callable[[str], float]
) -> dict[str, list[float]]:
    """Measure every contender once a round, beginning with another one each time.

    Returns:
        The figures of each contender, one a round.
    """
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            figures[name].append(measure(name))
    return figures


def ratio(figures: dict[str, list[float]], name: str, other: str = YARDSTICK) -> float:
    """Compare two contenders: the median over the rounds of one's figure over the other's."""
    return statistics.median(
        mine / theirs
        for mine, theirs in zip(figures[name], figures[other], strict=True)
    )


def ratio_text(
    figures: dict[str, list[float]], name: str, other: str = YARDSTICK
) -> str:
    """Write a ratio for a table; a dash if the other one did not take part."""
    return f"{ratio(figures, name, other):.2f}" if other in figures else "-"


def costs(what: str, unit: str, figures: dict[str, list[float]], note: str) -> Table:
    """Lay out what something costs each contender, beside the two that all are compared with."""
    return Table(
        (
            what,
            f"best, {unit}",
            f"median, {unit}",
            "to urllib3 by hand",
            "to openapi-generator",
        ),
        [
            (
                PEERS[name].title,
                f"{min(own):.0f}",
                f"{statistics.median(own):.0f}",
                ratio_text(figures, name),
                ratio_text(figures, name, GENERATED),
            )
            for name, own in figures.items()
        ],
        note,
    )


def main(name: str, url: str) -> None:
    """Be a contender: measure what stdin asks for, one JSON line each, and answer on stdout."""
    call = PEERS[name].prepare(url)
    for line in sys.stdin:
        room, options = json.loads(line)
        figure = import_module(f"benchmarks.{room}").measure(call, **options)
        print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
