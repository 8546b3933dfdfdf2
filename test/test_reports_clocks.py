"""Calls under clocks that stand still, jump or differ, here and at the service."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, cast

import pytest

from at_client import (
    ApiTimeoutException,
    CreditsApi,
    ServiceException,
    TooManyRequestsException,
)
from at_client.sandbox import Sandbox
from support.ending import good_call
from support.makers import MakeApi
from support.wire import SILENCE, Wire, answer, reply

freezegun = pytest.importorskip("freezegun")
time_machine = pytest.importorskip("time_machine")

LONG_AGO = datetime(1999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
LATER = datetime(2037, 1, 1, tzinfo=timezone.utc)

# ---- The clock of a user's tests

Clock = Callable[[], AbstractContextManager[Any]]


def freeze(at: datetime, **options: Any) -> AbstractContextManager[Any]:
    """Freeze all clocks but the one of asyncio, where other tests have servers."""
    frozen = freezegun.freeze_time(at, ignore=["asyncio"], **options)
    return cast("AbstractContextManager[Any]", frozen)


CLOCKS: dict[str, Clock] = {
    "freezegun, standing": lambda: freeze(LONG_AGO),
    "freezegun, 15 s at each look": lambda: freeze(LONG_AGO, auto_tick_seconds=15),
    "time-machine, standing": lambda: time_machine.travel(LONG_AGO, tick=False),
    "time-machine, running": lambda: time_machine.travel(LATER, tick=True),
}
every_clock = pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)


@contextmanager
def in_real_seconds(at_least: float, at_most: float) -> Iterator[None]:
    """Check how long a block takes, by a clock that nobody replaces inside."""
    began = time.monotonic()
    yield
    assert at_least <= time.monotonic() - began <= at_most


@every_clock
def test_a_call_under_a_clock(wire: Wire, make_api: MakeApi, clock: Clock) -> None:
    """A call is answered, whenever its client was made."""
    before = make_api(wire.url)
    assert good_call(before)

    with clock():
        assert good_call(before)
        assert good_call(make_api(wire.url))


@every_clock
def test_a_deadline_under_a_clock(wire: Wire, make_api: MakeApi, clock: Clock) -> None:
    """The time of a call is real time: it ends when it should, and says so."""
    api = make_api(wire.url)
    wire.play(otherwise=reply(SILENCE))

    with in_real_seconds(0.3, 1.0), clock(), pytest.raises(ApiTimeoutException):
        api.get_credits(timeout=0.3)


@every_clock
def test_a_client_waits_under_a_clock(
    wire: Wire, make_api: MakeApi, clock: Clock
) -> None:
    """A wait that the service asks for takes its time, and the call goes on."""
    api = make_api(wire.url)
    busy = answer(b"", 503, headers=[("Retry-After", "0.3")])
    wire.play(reply(busy))

    with in_real_seconds(0.3, 2.0), clock():
        assert good_call(api)

    assert len(wire.requests) == 2


@every_clock
def test_the_sandbox_under_a_clock(make_api: MakeApi, clock: Clock) -> None:
    """The sandbox starts, answers and stops."""
    with clock(), Sandbox() as sandbox:
        api = make_api(sandbox.url, access_token=sandbox.token)
        assert api.get_credits(timeout=5).total == 1000


DAY = timedelta(days=1)


@pytest.mark.parametrize("by", [-DAY, DAY], ids=["back", "on"])
def test_a_clock_that_steps(wire: Wire, make_api: MakeApi, by: timedelta) -> None:
    """A clock that is set during a call neither ends the call nor prolongs it.

    freezegun sets the monotonic clocks as well.
    """
    with in_real_seconds(0.3, 3.0), freeze(LATER) as frozen:

        def source() -> str:
            """Set the clock, in the middle of a call."""
            frozen.tick(by)
            return "token"

        api = make_api(wire.url, access_token=source)
        assert good_call(api)
        wire.play(otherwise=reply(SILENCE))
        with pytest.raises(ApiTimeoutException):
            api.get_credits(timeout=0.3)


# ---- The clock of the service


def http_date(when: datetime) -> str:
    """Write a date as HTTP does."""
    return format_datetime(when, usegmt=True)


def wait_from(now: datetime, seconds: float) -> list[tuple[str, str]]:
    """Make the headers of a service that asks to wait, by its own clock."""
    until = now + timedelta(seconds=seconds)
    return [("Date", http_date(now)), ("Retry-After", http_date(until))]


def asked_wait(wire: Wire, api: CreditsApi, headers: list[tuple[str, str]]) -> Any:
    """Have the service ask to wait for too long, and return how long the error says."""
    wire.play(reply(answer(b"{}", 429, headers=headers)))
    with pytest.raises(TooManyRequestsException) as caught:
        api.get_credits(timeout=30)

    assert len(wire.requests) == 1
    return caught.value.retry_after


NOW = datetime.now(timezone.utc)
SERVICE_CLOCKS = {
    "right": NOW,
    "a day slow": NOW - DAY,
    "a day fast": NOW + DAY,
    "long ago": LONG_AGO,
    "later": LATER,
}


@pytest.mark.parametrize("now", SERVICE_CLOCKS.values(), ids=SERVICE_CLOCKS)
def test_retry_after_by_the_clock_of_the_service(
    wire: Wire, make_api: MakeApi, now: datetime
) -> None:
    """A date in `Retry-After` is as far away as the answer's own `Date` says."""
    headers = wait_from(now, 120)
    assert asked_wait(wire, make_api(wire.url), headers) == 120


@every_clock
def test_retry_after_under_a_clock(wire: Wire, make_api: MakeApi, clock: Clock) -> None:
    """The clock of this machine has no part in it."""
    headers = wait_from(NOW, 120)
    with clock():
        assert asked_wait(wire, make_api(wire.url), headers) == 120


def test_a_short_wait_by_the_clock_of_the_service(
    wire: Wire, make_api: MakeApi
) -> None:
    """The client itself waits by it, too, before the next attempt."""
    busy = answer(b"{}", 503, headers=wait_from(LONG_AGO, 1))
    wire.play(reply(busy))

    with in_real_seconds(1.0, 2.5):
        assert good_call(make_api(wire.url))


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 99:99:99 GMT"])
def test_a_broken_date(wire: Wire, make_api: MakeApi, date: str) -> None:
    """An answer whose `Date` is none is read by the clock of this machine."""
    (_, asked) = wait_from(datetime.now(timezone.utc), 120)
    wait = asked_wait(wire, make_api(wire.url), [("Date", date), asked])
    assert wait == pytest.approx(120, abs=3)


@pytest.mark.parametrize(
    "repeated",
    [("Retry-After", "120"), wait_from(LATER, 120)[1]],
    ids=["seconds", "a date"],
)
def test_retry_after_twice(
    wire: Wire, make_api: MakeApi, repeated: tuple[str, str]
) -> None:
    """A proxy that repeats `Retry-After` does not hide it."""
    headers = [("Date", http_date(LATER)), repeated, repeated]
    assert asked_wait(wire, make_api(wire.url), headers) == 120


def test_retry_after_twice_and_different(wire: Wire, make_api: MakeApi) -> None:
    """Of two that differ, one is taken."""
    headers = [("Retry-After", "90"), ("Retry-After", "120")]
    assert asked_wait(wire, make_api(wire.url), headers) in {90, 120}


def test_retry_after_in_the_past(wire: Wire, make_api: MakeApi) -> None:
    """A date that is over by the service's own clock asks for no wait at all."""
    headers = wait_from(LONG_AGO, -5)
    wire.play(reply(answer(b"{}", 500, headers=headers)))

    with pytest.raises(ServiceException) as caught:
        make_api(wire.url, retries=0).get_credits()

    assert caught.value.retry_after == 0
