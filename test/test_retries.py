"""The retry policy, by tables: which ends are tried again, after how long, and what the budget allows."""

from __future__ import annotations

import copy
import pickle
import random
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from at_client import retries
from at_client.retries import (
    IDEMPOTENT_METHODS,
    RETRY_STATUSES,
    Attempt,
    ObeyedRetry,
    RetryBudget,
    RetryPolicy,
    backoff,
    is_retryable,
    parse_retry_after,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
NOW = NOON.timestamp()


def in_seconds(seconds: int) -> str:
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("attempt", "again"),
    [
        (Attempt("GET", status=408), True),
        (Attempt("GET", status=429), True),
        (Attempt("GET", status=500), True),
        (Attempt("GET", status=502), True),
        (Attempt("GET", status=503), True),
        (Attempt("GET", status=504), True),
        (Attempt("GET", lost=True), True),
        (Attempt("HEAD", lost=True), True),
        (Attempt("PUT", lost=True), True),
        (Attempt("DELETE", lost=True), True),
        (Attempt("OPTIONS", lost=True), True),
        (Attempt("TRACE", lost=True), True),
        (Attempt("GET", lost=False), False),
        (Attempt("GET", status=200), False),
        (Attempt("GET", status=302), False),
        (Attempt("GET", status=400), False),
        (Attempt("GET", status=401), False),
        (Attempt("GET", status=404), False),
        (Attempt("GET", status=407), False),
        (Attempt("GET", status=422), False),
        (Attempt("GET", status=501), False),
        (Attempt("GET", status=505), False),
        (Attempt("POST", status=503), False),
        (Attempt("POST", lost=True), False),
        (Attempt("PATCH", lost=True), False),
        (Attempt("CONNECT", lost=True), False),
        (Attempt("get", lost=True), False),
        (Attempt("GET", status=503, retry_after=0.0), True),
        (Attempt("GET", status=503, retry_after=60.0), True),
        (Attempt("GET", status=503, retry_after=60.1), False),
        (Attempt("GET", status=404, retry_after=1.0), False),
        (Attempt("POST", status=429, retry_after=1.0), False),
    ],
    ids=str,
)
def test_which_ends_are_tried_again(attempt: Attempt, again: bool) -> None:
    """Only idempotent requests, after a loss or a passing trouble, and no wait beyond a minute."""
    assert is_retryable(attempt) is again


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "CONNECT", "LOCK"]),
    status=st.none() | st.integers(100, 599),
    lost=st.booleans(),
)
def test_nothing_else_is_tried_again(method: str, status: int | None, lost: bool) -> None:
    """The two published sets decide, and nothing beside them."""
    expected = method in IDEMPOTENT_METHODS and (lost or status in RETRY_STATUSES)
    assert is_retryable(Attempt(method, status, lost=lost)) is expected


def test_the_published_numbers() -> None:
    """The constants are those of the documentation."""
    assert (retries.FIRST_WAIT, retries.LONGEST_WAIT, retries.LONGEST_RETRY_AFTER) == (0.5, 8, 60)
    assert sorted(RETRY_STATUSES) == [408, 429, 500, 502, 503, 504]
    assert sorted(IDEMPOTENT_METHODS) == ["DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"]


@pytest.mark.parametrize(
    ("tried", "jitter", "wait"),
    [
        (0, 0.0, 0.5),
        (1, 0.0, 1.0),
        (2, 0.0, 2.0),
        (3, 0.0, 4.0),
        (4, 0.0, 8.0),
        (5, 0.0, 8.0),
        (100_000, 0.0, 8.0),
        (0, 1.0, 0.25),
        (0, 0.5, 0.375),
        (1, 1.0, 0.5),
        (4, 1.0, 4.0),
        (4, 0.5, 6.0),
    ],
)
def test_the_wait_doubles_up_to_a_limit(tried: int, jitter: float, wait: float) -> None:
    """Half a second doubles to eight; jitter takes away up to half, never adds."""
    assert backoff(tried, jitter) == wait


@pytest.mark.parametrize(("longest", "last"), [(1e9, 512.0), (600.0, 512.0), (500.0, 500.0)])
def test_a_wait_never_overflows(monkeypatch: pytest.MonkeyPatch, longest: float, last: float) -> None:
    """However many retries there were, two to their power stays a number: it stops doubling after ten."""
    monkeypatch.setattr(retries, "LONGEST_WAIT", longest)
    assert [backoff(tried, 0.0) for tried in (10, 11, 5000)] == [last] * 3


@given(tried=st.integers(0, 10_000), jitter=st.floats(0.0, 1.0))
def test_every_wait_is_within_bounds(tried: int, jitter: float) -> None:
    """No wait is shorter than a quarter of a second or longer than eight seconds."""
    assert 0.25 <= backoff(tried, jitter) <= 8.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("1", 1.0),
        ("120", 120.0),
        ("1.5", 1.5),
        ("0.001", 0.001),
        (" 7 ", 7.0),
        ("\t7", 7.0),
        ("007", 7.0),
        ("9" * 15, float("9" * 15)),
        ("9" * 16, None),
        ("1." + "5" * 15, 1.555555555555555),
        ("1." + "5" * 16, None),
        ("9" * 400, None),
        (in_seconds(30), 30.0),
        (in_seconds(90), 90.0),
        (in_seconds(0), 0.0),
        (in_seconds(-30), 0.0),
        ("Sun, 22 Nov 2026 12:00:10 -0000", 10.0),
        ("Sun, 22 Nov 2026 13:00:10 +0100", 10.0),
        ("Sunday, 22-Nov-26 12:00:10 GMT", 10.0),
        ("Sun Nov 22 12:00:10 2026", 10.0),
        ("", None),
        (" ", None),
        ("soon", None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("0x10", None),
        (".5", None),
        ("5.", None),
        ("1,5", None),
        ("1 2", None),
        ("nan", None),
        ("inf", None),
        ("\u0661", None),  # digits of other scripts are no digits of HTTP
        ("Sun, 32 Nov 2026 12:00:00 GMT", None),
        ("Sun, 22 Nov 99999 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:00 +9999999999", None),
        ("\x00", None),
    ],
)
def test_retry_after_in_every_form(header: str | None, seconds: float | None) -> None:
    """Seconds, fractions and the three forms of an HTTP date are read; nonsense is no wait."""
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a system that can change its zone")
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says it does not know its zone means UTC, wherever the client stands."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    try:
        assert parse_retry_after("Sun, 22 Nov 2026 12:00:10 -0000", NOW) == 10.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_retry_after_is_a_wait_or_none(header: str) -> None:
    """Whatever a server sends there, it is a wait of 0 or more, or none; never an error."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or seconds >= 0.0


@pytest.mark.parametrize(
    ("policy", "attempt", "jitter", "step"),
    [
        (RetryPolicy(2), Attempt("GET", lost=True), 0.0, (1, 1, 0.5)),
        (RetryPolicy(1, 1), Attempt("GET", lost=True), 0.0, (0, 2, 1.0)),
        (RetryPolicy(1, 1), Attempt("GET", lost=True), 1.0, (0, 2, 0.5)),
        (RetryPolicy(0, 2), Attempt("GET", lost=True), 0.0, None),
        (RetryPolicy(0), Attempt("GET", status=503), 0.0, None),
        (RetryPolicy(5, 3), Attempt("GET", status=503), 0.0, (4, 4, 4.0)),
        (RetryPolicy(2), Attempt("GET", status=404), 0.0, None),
        (RetryPolicy(2), Attempt("POST", status=503), 0.0, None),
        (RetryPolicy(2), Attempt("GET", status=429, retry_after=7.0), 0.0, (1, 1, 7)),
        (RetryPolicy(2), Attempt("GET", status=429, retry_after=7.0), 1.0, (1, 1, 7)),
        (RetryPolicy(2), Attempt("GET", status=429, retry_after=0.0), 0.0, (1, 1, 0)),
        (RetryPolicy(2), Attempt("GET", status=429, retry_after=61.0), 0.0, None),
    ],
    ids=str,
)
def test_the_policy_step_by_step(
    policy: RetryPolicy,
    attempt: Attempt,
    jitter: float,
    step: tuple[int, int, float] | None,
) -> None:
    """A retry leaves one fewer and waits twice as long; what the service asks for goes before."""
    following = policy.next(attempt, lambda: jitter)
    assert step == (following and (following[0].retries, following[0].tried, following[1]))


def test_a_policy_is_changed_by_copying() -> None:
    """A step leaves the policy as it was, so that threads can share it."""
    policy = RetryPolicy(2)
    assert policy.next(Attempt("GET", lost=True)) is not None
    assert (policy.retries, policy.tried) == (2, 0)


def test_jitter_is_random_unless_given() -> None:
    """Without a source of jitter, the policy draws from `random`."""
    random.seed(7)
    step = RetryPolicy(1).next(Attempt("GET", lost=True))
    random.seed(7)
    assert step is not None
    assert step[1] == backoff(0, random.random())


def test_jitter_is_drawn_only_for_a_wait_of_our_own() -> None:
    """A service that says how long to wait is taken by its word, without a draw."""

    def never() -> float:
        raise AssertionError("drawn")

    assert RetryPolicy(1).next(Attempt("GET", status=503, retry_after=2.0), never) is not None
    assert RetryPolicy(0).next(Attempt("GET", status=503), never) is None


def test_our_policy_has_a_budget_and_the_users_has_none() -> None:
    """A `urllib3.Retry` of the user's is obeyed, so the budget has no say in it."""
    assert RetryPolicy(1).budgeted is True
    assert ObeyedRetry(urllib3.Retry(1)).budgeted is False


def test_a_full_budget_pays_for_ten_retries() -> None:
    """Ten tokens, one a retry; then none is left."""
    budget = RetryBudget()
    assert [budget.take() for _ in range(12)] == [True] * 10 + [False] * 2


def test_ten_successes_pay_for_one_retry() -> None:
    """A success gives a tenth of a token back: nine are not enough, the tenth is."""
    budget = RetryBudget(1)
    assert [budget.take(), budget.take()] == [True, False]
    for _ in range(9):
        budget.refund()
    assert budget.take() is False
    budget.refund()
    assert [budget.take(), budget.take()] == [True, False]


def test_a_budget_is_never_more_than_full() -> None:
    """Whatever went well before, an outage finds as many tokens as a bucket holds."""
    budget = RetryBudget(2)
    for _ in range(1000):
        budget.refund()
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(21):
        budget.refund()
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_a_budget_without_tokens_pays_for_nothing() -> None:
    """Zero tokens forbid every retry, and a success does not change that."""
    budget = RetryBudget(0)
    budget.refund()
    assert budget.take() is False


@pytest.mark.parametrize("twin", [copy.copy, lambda budget: pickle.loads(pickle.dumps(budget))])  # noqa: S301  # our own bytes
def test_a_budget_can_be_sent_to_another_process(twin: object) -> None:
    """A copy is as full as the original was."""
    budget = RetryBudget(2)
    assert budget.take()
    other = twin(budget)  # type: ignore[operator]  # one of the two above
    assert [other.take(), other.take()] == [True, False]


# The policy of the user's own: a real urllib3.Retry, obeyed.

ANSWER = urllib3.HTTPResponse(status=503, headers={"Retry-After": "3"}, preload_content=False)


@pytest.mark.parametrize(
    ("retry", "attempt", "wait"),
    [
        (urllib3.Retry(1), Attempt("GET", lost=True, below=ProtocolError("x")), 0),
        (urllib3.Retry(1, backoff_factor=2), Attempt("GET", lost=True, below=ProtocolError()), 0),
        (urllib3.Retry(0), Attempt("GET", lost=True, below=ProtocolError("x")), None),
        (urllib3.Retry(total=False), Attempt("GET", lost=True, below=ProtocolError("x")), None),
        (urllib3.Retry(1, read=0), Attempt("GET", lost=True, below=ProtocolError("x")), None),
        (urllib3.Retry(1), Attempt("POST", lost=True, below=ProtocolError("x")), None),
        (
            urllib3.Retry(1, allowed_methods=["POST"]),
            Attempt("POST", lost=True, below=ProtocolError("x")),
            0,
        ),
        (urllib3.Retry(1), Attempt("GET", status=503, below=ANSWER), None),
        (urllib3.Retry(1, status_forcelist=[503]), Attempt("GET", status=503, below=ANSWER), 0),
        (urllib3.Retry(1, status_forcelist=[503]), Attempt("GET", status=502), None),
        (urllib3.Retry(1, status_forcelist=[503]), Attempt("POST", status=503), None),
        (
            urllib3.Retry(1),
            Attempt("GET", status=503, retry_after=3.0, below=ANSWER),
            3.0,
        ),
        (
            urllib3.Retry(1, respect_retry_after_header=False, status_forcelist=[503]),
            Attempt("GET", status=503, retry_after=3.0, below=ANSWER),
            0,
        ),
        (
            urllib3.Retry(1, respect_retry_after_header=False),
            Attempt("GET", status=503, retry_after=3.0, below=ANSWER),
            None,
        ),
        (urllib3.Retry(1), Attempt("GET", status=503, retry_after=100.0, below=ANSWER), 100.0),
        (urllib3.Retry(1, status_forcelist=[200]), Attempt("GET", status=None), None),
        (urllib3.Retry(1), Attempt("GET", lost=False, below=ProtocolError("x")), None),
    ],
)
def test_a_retry_of_the_users_is_obeyed(retry: urllib3.Retry, attempt: Attempt, wait: float | None) -> None:
    """Statuses, methods, counts and Retry-After go by the user's policy, not by ours."""
    step = ObeyedRetry(retry).next(attempt)
    assert (None if step is None else step[1]) == wait


def test_a_retry_of_the_users_counts_down_and_backs_off() -> None:
    """Each step uses up one retry and waits as urllib3 says; what is not counted leaves none."""
    policy = ObeyedRetry(urllib3.Retry(3, backoff_factor=2))
    waits = []
    for _ in range(5):
        step = policy.next(Attempt("GET", lost=True, below=ProtocolError("closed")))
        if step is None:
            break
        policy, wait = step
        waits.append(wait)
    assert waits == [0, 4, 8]


@pytest.mark.parametrize(
    "attempt",
    [
        Attempt("GET", status=503, retry_after=3.0, below=ANSWER),
        Attempt("GET", lost=True, below=ProtocolError("closed")),
    ],
)
def test_a_retry_of_the_users_is_told_what_came(attempt: Attempt) -> None:
    """A class of the user's own sees the response or the error as urllib3 gave it, and goes on as itself."""
    told: list[Any] = []

    class Telling(urllib3.Retry):
        def increment(self, *arguments: Any, **named: Any) -> urllib3.Retry:
            told.append((arguments, named))
            return super().increment(*arguments, **named)

    step = ObeyedRetry(Telling(2)).next(attempt)
    assert step is not None
    assert step[0].next(attempt) is not None
    error = attempt.below if isinstance(attempt.below, Exception) else None
    response = ANSWER if error is None else None
    assert told == [(("GET",), {"response": response, "error": error})] * 2
