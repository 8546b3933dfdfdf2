"""What results cost over https, where the system's CA certificates are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import AT_CLIENT, GENERATED, THREADS, URLLIB3
from benchmarks.server import CLOSING
from benchmarks.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contest import Contender, Contest

TITLE = "Over https, with the system's CA certificates"
TURNS = 30
CALLS = 200
RECONNECTS = 5


def run(contest: Contest) -> Table:
    """Measure the first result, warm calls, reconnecting, and many threads at once."""
    url = contest.urls.https
    measures: dict[str, Callable[[Contender], float]] = {
        "first result of a new process": lambda each: each.first_result(url),
        "call on an open connection": lambda each: each.call(url, CALLS),
        "call that reconnects": lambda each: each.call(url + CLOSING, RECONNECTS),
        f"{THREADS} threads at once on a new client": lambda each: each.threads(url),
    }

    with contest.contenders((URLLIB3, AT_CLIENT, GENERATED)) as contenders:
        figures = {
            title: contest.measure(contenders, measure)
            for title, measure in measures.items()
        }

    table = Table(
        "CPU, ms",
        *(each.title for each in contenders),
        "at_client / urllib3",
        "at_client / generated",
    )
    for title, found in figures.items():
        table.add(
            title,
            *(f"{found.median(each.name):.2f}" for each in contenders),
            found.ratio(AT_CLIENT, URLLIB3),
            found.ratio(AT_CLIENT, GENERATED),
        )
    return table
