"""What a fleet of clients does to a service in trouble: a simulation, without sockets and without chance."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import urllib3

from at_client.retries import Backoff, next_attempt
from benchmarks.tables import Table

if TYPE_CHECKING:
    from benchmarks.contest import Contest

TITLE = "A fleet against an outage"
CALLS_A_SECOND = 50
"""Of the whole fleet: the rarer its calls, the more clients it has, and each row counts as many calls."""

OUTAGE_SECONDS = 60.0
"""For so long, attempts are answered with 503 at once; before and after, all is well."""

OUTAGES = {"all attempts fail": 1.0, "half of them fail": 0.5}
"""The share of attempts that fail."""

INTERVALS = (1, 5, 10, 30, 60)
"""Seconds between the calls of one client."""

RETRIES = 2
"""The default of `Configuration(retries=)`."""

BUSY = urllib3.HTTPResponse(status=503)


class Load(NamedTuple):
    """What came of the calls that were begun during the outage."""

    calls: int
    requests: int
    """Requests that they sent."""

    successes: int
    """Calls that ended well."""


def simulate(clients: int, interval: float, share: float, *, flag: bool) -> Load:
    """Play the outage of a service.

    Args:
        clients: How many there are; their first calls are spread over the first interval.
        interval: Seconds from one call of a client to its next.
        share: The share of attempts that fail, from 0.0 to 1.0.
        flag: Whether a client sends each call once after one that failed, until one succeeds.
    """
    random.seed(0)  # the same figures every time
    calls = requests = successes = 0
    for number in range(clients):
        down = False
        now = due = interval * number / clients
        while now < OUTAGE_SECONDS:
            sent, succeeded, now = _call(now, 0 if flag and down else RETRIES, share)
            down = not succeeded
            calls, requests, successes = (
                calls + 1,
                requests + sent,
                successes + succeeded,
            )
            due += interval
            now = max(now, due)
    return Load(calls, requests, successes)


def _call(now: float, retries: int, share: float) -> tuple[int, bool, float]:
    """Make one call; return how many requests it sent, whether it succeeded, and when it ended."""
    retry: urllib3.Retry = Backoff(retries)
    sent = 1
    while now < OUTAGE_SECONDS and random.random() < share:  # noqa: S311  # it hides nothing
        step = next_attempt(retry, "GET", BUSY)
        if step is None:
            return sent, False, now
        retry, wait = step
        now += wait
        sent += 1
    return sent, True, now


def run(contest: Contest) -> Table:
    """Compare a client that always retries with one that remembers that the last call failed."""
    rows = []
    for outage, share in OUTAGES.items():
        for interval in INTERVALS:
            clients = interval * (1 if contest.quick else CALLS_A_SECOND)
            loads = [
                simulate(clients, interval, share, flag=flag) for flag in (False, True)
            ]
            rows.append(
                (
                    f"{interval} s, {outage}",
                    *(f"{load.requests / load.calls:.2f}" for load in loads),
                    *(
                        f"{load.successes / load.calls:.0%}".replace("%", " %")
                        for load in loads
                    ),
                )
            )
    return Table(
        (
            "A call every",
            "requests: always 2 retries",
            "requests: **at_client**",
            "succeeded: always 2 retries",
            "succeeded: **at_client**",
        ),
        rows,
    )
