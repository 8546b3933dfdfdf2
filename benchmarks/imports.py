"""What importing the package costs, and what the command line imports to say its version."""

from __future__ import annotations

import json
import statistics
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import processes
from benchmarks.contest import GENERATED, Contest, ratio_text, rounds
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLE = "Import"

TIMED = """
import sys, time
before, started = set(sys.modules), time.process_time()
try:
    {}
except SystemExit:
    pass
cost, loaded = (time.process_time() - started) * 1e3, set(sys.modules) - before
import json
heavy = sorted(loaded & {{"urllib3", "pydantic"}})
print(json.dumps([cost, len(loaded), heavy]), file=sys.stderr)
"""

STATEMENTS = {
    "`import at_client`": "import at_client",
    "`at_client.Configuration()`": "import at_client; at_client.Configuration()",
    "`python -m at_client --version`": "from at_client.cli import main; main(['--version'])",
    "`python -m at_client --help`": "from at_client.cli import main; main(['--help'])",
    "`at_client.CreditsApi`": "import at_client; at_client.CreditsApi",
    "`import urllib3, pydantic`, and a model": (
        "import urllib3; from benchmarks.peers import credits_by_hand; credits_by_hand()"
    ),
    GENERATED: "import at_client",
}
"""What is run, by how the table names it."""


class Cost(NamedTuple):
    """What a statement costs in a fresh process."""

    cpu: float
    """Milliseconds."""

    modules: int
    """Modules that it loads."""

    heavy: Sequence[str]
    """Those of the two big libraries that it loads."""


def cost(contest: Contest, name: str) -> Cost:
    """Run one of the statements in a fresh process."""
    with processes.started(
        *("-c", TIMED.format(STATEMENTS[name])),
        ahead=contest.ahead(name),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        return Cost(*json.loads(process.stderr.read().splitlines()[-1]))


def run(contest: Contest) -> Table:
    """Run every statement in turns."""
    turns = 1 if contest.quick else 25
    names = [
        name
        for name in STATEMENTS
        if name != GENERATED or contest.generated is not None
    ]
    last: dict[str, Cost] = {}

    def measure(name: str) -> float:
        last[name] = cost(contest, name)
        return last[name].cpu

    figures = rounds(names, turns, measure)
    return Table(
        (
            "In a fresh process",
            "CPU, ms",
            "modules",
            "of these",
            "to openapi-generator",
        ),
        [
            (
                "`import` of the client by openapi-generator"
                if name == GENERATED
                else name,
                f"{statistics.median(figures[name]):.1f}",
                str(last[name].modules),
                ", ".join(last[name].heavy) or "-",
                ratio_text(figures, name, GENERATED),
            )
            for name in names
        ],
        contest.absent(GENERATED),
    )
