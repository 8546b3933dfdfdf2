"""The retry policy by tables: what is tried again, after how long, and which redirects are followed."""

import copy
import pickle
import random
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
    Backoff,
    backoff,
    next_attempt,
    parse_retry_after,
    resolve_redirect,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
LOST = ProtocolError("closed")


def response(status: int, retry_after: float | None = None) -> urllib3.HTTPResponse:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return urllib3.HTTPResponse(status=status, headers=headers, preload_content=False)


def wait_after(
    retry: urllib3.Retry,
    method: str,
    status: int | None,
    retry_after: float | None = None,
) -> float | None:
    """Return the wait before the next attempt, `None` for no attempt; a status of `None` is a loss."""
    end = LOST if status is None else response(status, retry_after)
    step = next_attempt(retry, method, end, retry_after)
    return step and step[1]


def test_the_published_numbers() -> None:
    """The constants are those of the documentation."""
    assert (retries.FIRST_WAIT_SECONDS, retries.LONGEST_WAIT_SECONDS, retries.LONGEST_RETRY_AFTER_SECONDS) == (
        0.5,
        8,
        60,
    )
    assert sorted(retries.RETRY_STATUSES) == [408, 429, 500, 502, 503, 504]
    assert sorted(retries.IDEMPOTENT_METHODS) == [
        "DELETE",
        "GET",
        "HEAD",
        "OPTIONS",
        "PUT",
        "TRACE",
    ]
    assert sorted(retries.REDIRECT_STATUSES) == [301, 302, 303, 307, 308]
    assert retries.MAX_REDIRECTS == 5


@given(
    method=st.sampled_from(
        ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "CONNECT", "LOCK"]
    ),
    status=st.none() | st.integers(100, 599),
    retry_after=st.none() | st.sampled_from([0.0, 7.0, 60.0, 60.1, 3600.0]),
)
def test_what_is_tried_again(
    method: str, status: int | None, retry_after: float | None
) -> None:
    """Idempotent requests, after a loss or a passing trouble, when the service says; more than a minute is too long."""
    expected = method in retries.IDEMPOTENT_METHODS and (
        status is None or status in retries.RETRY_STATUSES
    )
    expected = expected and (retry_after or 0.0) <= 60.0
    wait = wait_after(Backoff(1), method, status, retry_after)
    assert (wait is not None) is expected
    assert retry_after is None or wait in (None, retry_after)
    assert wait_after(Backoff(0), method, status, retry_after) is None


@pytest.mark.parametrize(
    ("retry", "shortest", "longest"),
    [
        (Backoff(3), [0.25, 0.5, 1.0], [0.5, 1.0, 2.0]),
        (urllib3.Retry(3, backoff_factor=2), [0, 4, 8], [0, 4, 8]),
    ],
    ids=["ours", "urllib3's"],
)
def test_each_step_uses_up_one_retry(
    retry: urllib3.Retry, shortest: list[float], longest: list[float]
) -> None:
    """It waits twice as long as the last, and leaves the policy as it was, so that threads can share it."""
    waits, step = [], (retry, 0.0)
    while (step := next_attempt(step[0], "GET", LOST)) is not None:
        waits.append(step[1])
        assert type(step[0]) is type(retry)
    assert all(
        low <= wait <= high
        for low, wait, high in zip(shortest, waits, longest, strict=True)
    )
    assert (retry.total, retry.history) == (3, ())


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, lambda retry: pickle.loads(pickle.dumps(retry))],  # noqa: S301
)  # our own bytes
def test_our_policy_copies_as_urllib3s_does(twin_of: Any) -> None:
    """A copy, a pickle and `new` keep statuses and methods."""
    for twin in (twin_of(Backoff(2)), Backoff().new(total=2)):
        assert wait_after(twin, "GET", 503) is not None
        assert wait_after(twin, "POST", 503) is None


@pytest.mark.parametrize(
    ("tried", "jitter", "wait"),
    [
        *((n, 0.0, wait) for n, wait in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 8.0])),
        *(
            (100_000, 0.0, 8.0),
            (0, 1.0, 0.25),
            (0, 0.5, 0.375),
            (1, 1.0, 0.5),
            (4, 0.5, 6.0),
        ),
    ],
)
def test_the_wait_doubles_up_to_a_limit(tried: int, jitter: float, wait: float) -> None:
    """Half a second doubles to eight; jitter takes away up to half, never adds."""
    assert backoff(tried, jitter) == wait


def test_jitter_is_random() -> None:
    """The policy draws from `random`."""
    random.seed(7)
    wait = wait_after(Backoff(1), "GET", None)
    random.seed(7)
    assert wait == backoff(0, random.random())


def in_seconds(seconds: int) -> str:
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


NONSENSE = [
    "",
    " ",
    "soon",
    "-1",
    "+1",
    "1e3",
    "0x10",
    ".5",
    "5.",
    "1,5",
    "1 2",
    "nan",
    "inf",
    "\x00",
]
NONSENSE += [
    "\u0661",
    "9" * 16,
    "1." + "5" * 16,
    "9" * 400,
    "Sun, 32 Nov 2026 12:00:00 GMT",
]
NONSENSE += ["Sun, 22 Nov 99999 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 +9999999999"]


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *((text, None) for text in (None, *NONSENSE)),
        *(
            ("0", 0.0),
            ("1", 1.0),
            ("1.5", 1.5),
            ("0.001", 0.001),
            (" 7 ", 7.0),
            ("\t7", 7.0),
            ("007", 7.0),
        ),
        *(("9" * 15, float("9" * 15)), ("1." + "5" * 15, 1.555555555555555)),
        *((in_seconds(n), max(0.0, n)) for n in (30, 90, 0, -30)),
        ("Sun, 22 Nov 2026 12:00:10 -0000", 10.0),
        ("Sun, 22 Nov 2026 13:00:10 +0100", 10.0),
        ("Sunday, 22-Nov-26 12:00:10 GMT", 10.0),
        ("Sun Nov 22 12:00:10 2026", 10.0),
    ],
)
def test_retry_after_in_every_form(header: str | None, seconds: float | None) -> None:
    """Seconds, fractions and the three forms of an HTTP date, which is in UTC wherever the client is; else no wait."""
    assert parse_retry_after(header, NOON.timestamp()) == seconds


@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
)
def test_any_retry_after_is_a_wait_or_none(header: str) -> None:
    """Whatever a server sends there, it is a wait of 0 or more, or none; never an error."""
    seconds = parse_retry_after(header, NOON.timestamp())
    assert seconds is None or seconds >= 0.0


# ---- A policy of the user's own


@pytest.mark.parametrize(
    ("retry", "status", "retry_after", "wait"),
    [
        *(
            (urllib3.Retry(1, backoff_factor=factor), None, None, 0)
            for factor in (0, 2)
        ),
        *((urllib3.Retry(total), None, None, None) for total in (0, False)),
        *(
            (urllib3.Retry(1, read=0), None, None, None),
            (urllib3.Retry(1), 503, None, None),
        ),
        *(
            (urllib3.Retry(1, status_forcelist=[503]), status, None, wait)
            for status, wait in ((503, 0), (502, None))
        ),
        (urllib3.Retry(1, status_forcelist=[418]), 418, None, 0),
        *(
            (urllib3.Retry(1), 503, asked, wait)
            for asked, wait in ((3.0, 3.0), (100.0, None))
        ),
        (urllib3.Retry(1, respect_retry_after_header=False), 503, 3.0, None),
        (
            urllib3.Retry(1, respect_retry_after_header=False, status_forcelist=[503]),
            503,
            3.0,
            0,
        ),
    ],
)
def test_a_users_retry(
    retry: urllib3.Retry,
    status: int | None,
    retry_after: float | None,
    wait: float | None,
) -> None:
    """Statuses, counts and `Retry-After` go by the user's policy, not by ours."""
    assert wait_after(retry, "GET", status, retry_after) == wait


@pytest.mark.parametrize("end", [response(503, 3.0), LOST])
def test_a_retry_of_the_users_is_told_what_came(end: Any) -> None:
    """A class of the user's own sees the response or the error as urllib3 gave it."""
    told: list[object] = []

    class Telling(urllib3.Retry):
        def increment(self, *arguments: Any, **named: Any) -> urllib3.Retry:
            told.extend(named.values())
            return super().increment(*arguments, **named)

    assert (
        next_attempt(Telling(2), "GET", end, 3.0 if end is not LOST else None)
        is not None
    )
    assert end in told


# ---- Redirects

URL = "https://api.example.com/v1/credits?key=hidden"
ORIGIN = "https://api.example.com:443"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        *(
            ("/v2", "/v2"),
            ("other", "/v1/other"),
            ("../v2?x=1", "/v2?x=1"),
            ("/v2#there", "/v2"),
        ),
        *(
            ("?x=1", "/v1/credits?x=1"),
            ("//api.example.com/v2", "/v2"),
            ("https://api.example.com/v2", "/v2"),
        ),
        *(
            ("https://api.example.com:443/v2", ":443/v2"),
            ("HTTPS://API.EXAMPLE.COM/v2", "/v2"),
        ),
    ],
)
def test_redirects_within_the_origin(method: str, location: str, target: str) -> None:
    """They are followed five times, relative or absolute, without the fragment."""
    followed, fault = resolve_redirect(method, URL, location, 4)
    assert (followed.lower(), fault) == (f"https://api.example.com{target}", "")
    fault = f"it redirects to {ORIGIN} once more, after 5 redirects"
    assert resolve_redirect(method, URL, location, 5) == ("", fault)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_reading_follows(method: str) -> None:
    """A request that writes is not sent to another place; where it would go is said."""
    fault = f"it redirects to {ORIGIN}, which is not followed for {method}"
    assert resolve_redirect(method, URL, "/v2", 0) == ("", fault)


@pytest.mark.parametrize(
    ("location", "where"),
    [
        *(
            (location, "without saying where to")
            for location in (None, "", "/ä", "/a\nb", "/a\x00b")
        ),
        *(
            (location, "without saying where to")
            for location in ("https:/path", "https:path", "https://")
        ),
        *(
            (location, "to https://evil.example:443")
            for location in ("https://evil.example/x?key=1", "//evil.example")
        ),
        ("http://api.example.com/v1", "to http://api.example.com:80"),
        ("https://api.example.com:8443/", "to https://api.example.com:8443"),
        ("https://api.example.com@evil.example/", "to https://evil.example:443"),
        ("ftp://evil.example/", "to evil.example, which is not an http(s) URL"),
        (
            "https://u:p@api.example.com:99999/",
            "to api.example.com:99999, which is not an http(s) URL",
        ),
        *(
            (location, "to somewhere, which is not an http(s) URL")
            for location in ("javascript:alert(1)", "data:x")
        ),
    ],
)
def test_redirects_that_are_refused(location: str | None, where: str) -> None:
    """The fault names the host that it leads to, and no path, query or password."""
    elsewhere = (
        ", a different origin, where credentials must not be sent"
        if "://" in where
        else ""
    )
    assert resolve_redirect("GET", URL, location, 0) == (
        "",
        f"it redirects {where}{elsewhere}",
    )


@given(st.text() | st.text(":/?#[]@.abhtps", max_size=30))
def test_no_location_leads_out(location: str) -> None:
    """Whatever a server sends, it is followed within the origin or it is a fault."""
    target, fault = resolve_redirect("GET", URL, location, 0)
    assert bool(target) is not bool(fault)
    parts = urllib3.util.parse_url(target)
    assert not target or (parts.scheme, parts.host, parts.port or 443) == (
        "https",
        "api.example.com",
        443,
    )
