"""What a fleet of clients does to a service that is down: a simulation, without sockets and without chance."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from at_client.retries import Attempt, RetryBudget, RetryPolicy
from benchmarks.tables import Table

if TYPE_CHECKING:
    from benchmarks.contest import Contest

TITLE = "A fleet against an outage"
CLIENTS = 1_000
DOWN_FROM, LATE_FROM, UP_FROM, END = 60.0, 110.0, 120.0, 180.0
"""The service fails in the middle of three minutes, by answering 503 at once; the last ten seconds of that are late."""

INTERVALS = (1, 2, 5, 10, 30)
"""Seconds between the calls of one client."""

RETRIES = 2
"""The default of `Configuration(retries=)`."""


class Load(NamedTuple):
    """What the service had to bear while it was down."""

    calls: int
    """Calls that were begun."""

    requests: int
    """Requests that they sent."""

    late_calls: int
    """Calls that were begun late."""

    late_requests: int
    """Requests that were sent late."""


def simulate(clients: int, interval: float, retries: int, *, budget: bool) -> Load:
    """Play three minutes of a fleet.

    Args:
        clients: How many there are; their first calls are spread over the first interval.
        interval: Seconds from one call of a client to its next.
        retries: What each call may make.
        budget: Whether every client has a `RetryBudget`.
    """
    chance = random.Random(0)  # noqa: S311  # the same figures every time
    calls: list[float] = []
    requests: list[float] = []
    for number in range(clients):
        bucket = RetryBudget() if budget else None
        now = due = interval * number / clients
        while due < END:
            now = max(now, due)
            calls.append(now)
            requests += _call(now, retries, bucket, chance)
            now = requests[-1]
            due += interval
    return Load(
        *(_between(DOWN_FROM, UP_FROM, moments) for moments in (calls, requests)),
        *(_between(LATE_FROM, UP_FROM, moments) for moments in (calls, requests)),
    )


def _between(start: float, end: float, moments: list[float]) -> int:
    return sum(start <= moment < end for moment in moments)


def _call(now: float, retries: int, budget: RetryBudget | None, chance: random.Random) -> list[float]:
    """Make one call; gives the times at which it sends a request."""
    policy = RetryPolicy(retries)
    sent = [now]
    while DOWN_FROM <= now < UP_FROM:
        step = policy.next(Attempt("GET", status=503), chance.random)
        if step is None or (budget is not None and not budget.take()):
            return sent
        policy, wait = step
        now += wait
        sent.append(now)
    if budget is not None:
        budget.refund()
    return sent


def run(contest: Contest) -> Table:
    """Compare no retries, retries, and retries within a budget."""
    clients = 20 if contest.quick else CLIENTS
    rows = []
    for interval in INTERVALS:
        without = simulate(clients, interval, 0, budget=False)
        unbound = simulate(clients, interval, RETRIES, budget=False)
        bound = simulate(clients, interval, RETRIES, budget=True)
        rows.append(
            (
                f"{interval} s",
                *(f"{load.requests / load.calls:.2f}" for load in (without, unbound, bound)),
                *(f"{load.late_requests / load.late_calls:.2f}" for load in (unbound, bound)),
            )
        )
    return Table(
        (
            "A call every",
            "no retries",
            "2 retries",
            "2 retries, budget",
            "late: 2 retries",
            "late: 2 retries, budget",
        ),
        rows,
    )
