"""Pure rules of retries: how long to wait, and what `Retry-After` says."""

import contextlib
import math
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import format_datetime
from unittest import mock

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError

from at_client import retries
from at_client.clock import Clock
from at_client.retries import (
    AttemptLog,
    RetryPolicy,
    backoff,
    parse_retry_after,
    read_retry_after,
)
from support.makers import MonkeyPatch

URL = "https://api.example.com/v1"
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc).timestamp()


def test_the_published_numbers() -> None:
    """Limits and methods are those of the documentation."""
    assert retries.LONGEST_RETRY_AFTER_SECONDS == 60.0
    methods = "DELETE GET HEAD OPTIONS PUT TRACE"
    assert " ".join(sorted(retries.IDEMPOTENT_METHODS)) == methods


@pytest.mark.parametrize(
    ("tried", "jitter", "seconds"),
    [
        (0, 0.0, 0.5),
        (1, 0.0, 1.0),
        (100_000, 0.0, 8.0),
        (0, 1.0, 0.25),
        (4, 0.5, 6.0),
    ],
)
def test_the_wait_doubles_up_to_a_limit(
    tried: int, jitter: float, seconds: float
) -> None:
    """Half a second doubles to eight; jitter takes away up to half and adds nothing."""
    assert backoff(tried, jitter) == seconds


# ---- Retry-After


@pytest.fixture
def tokyo(monkeypatch: MonkeyPatch) -> Iterator[None]:
    """Stand where JST is the local zone, on systems that can change theirs."""
    tzset = getattr(time, "tzset", lambda: None)
    with monkeypatch.context() as there:
        there.setenv("TZ", "JST-9")
        tzset()
        yield
    tzset()


WAITS = {
    "0": 0.0,
    "1.5": 1.5,
    " 7 ": 7.0,
    "999999999999999": 999999999999999.0,
    "3, 5, 4": 5.0,
    "soon, 5": 5.0,
    "Sun, 22 Nov 2026 12:01:30 GMT": 90.0,
    "Sun, 22 Nov 2026 11:59:30 GMT": 0.0,
    "Sun, 22 Nov 2026 12:00:10 -0000": 10.0,
    "Sun, 22 Nov 2026 13:00:10 +0100": 10.0,
    "Sun Nov 22 12:00:10 2026": 10.0,
}


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("value", WAITS)
def test_retry_after_is_read_in_every_form(value: str) -> None:
    """`Retry-After` is read as seconds, or as an HTTP date in UTC, wherever we are."""
    assert parse_retry_after(value, NOON) == WAITS[value]


NONSENSE = [
    "",
    "soon",
    "-1",
    "1e3",
    "5.",
    "inf",
    "\u0661",
    "9999999999999999",
    "Sun, 32 Nov 2026 12:00:00 GMT",
    "Sun, 22 Nov 99999999999999999999 12:00:00 GMT",
    "Sun, 22 Nov 2026 12:00:00 +9999999999",
]


@pytest.mark.parametrize("value", NONSENSE, ids=ascii)
def test_nonsense_in_retry_after_is_no_wait(value: str) -> None:
    """A `Retry-After` that is neither seconds nor a date asks for no wait."""
    assert parse_retry_after(value, NOON) is None


any_value = st.text(max_size=60) | st.datetimes().map(format_datetime)


@given(st.dictionaries(st.sampled_from(["Retry-After", "Date"]), any_value))
def test_no_headers_are_an_error(headers: dict[str, str]) -> None:
    """Any texts as `Retry-After` and `Date` are a wait, or none, and never raise."""
    seconds = read_retry_after(urllib3.HTTPHeaderDict(headers))
    assert seconds is None or seconds >= 0.0


any_seconds = st.floats(0.0, 100.0).map("{:f}".format)


@given(any_value | any_seconds, st.sampled_from([40.0, math.inf]))
def test_no_wait_is_longer_than_a_minute_or_the_deadline(
    value: str, timeout: float
) -> None:
    """Whatever a response asks for, the call waits within its limits, or not at all."""
    log = AttemptLog("GET", URL, debug=False)
    policy = RetryPolicy("GET", URL, Clock(timeout), retries=1, log=log)
    response = urllib3.HTTPResponse(status=503, headers={"Retry-After": value})

    with mock.patch("time.sleep") as sleep, contextlib.suppress(MaxRetryError):
        policy.increment("GET", URL, response).sleep()

    for (seconds,), _ in sleep.call_args_list:
        assert 0.0 <= seconds <= min(timeout, 60.0)
