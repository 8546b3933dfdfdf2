"""What one call costs over http, when the connection is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import GENERATED, URLLIB3
from benchmarks.tables import Table

if TYPE_CHECKING:
    from benchmarks.contest import Contest

TITLE = "One call over http"
TURNS = 100
CALLS = 200


def run(contest: Contest) -> Table:
    """Measure every contender in rounds of some hundred calls each."""
    url = contest.urls.http
    with contest.contenders() as contenders:
        figures = contest.measure(contenders, lambda each: each.call(url, CALLS))

    table = Table("CPU of one call", "µs", "to urllib3 by hand", "to openapi-generator")
    for contender in contenders:
        name = contender.name
        table.add(
            contender.title,
            f"{figures.median(name) * 1e3:.0f}",
            figures.ratio(name, URLLIB3),
            figures.ratio(name, GENERATED),
        )
    return table
