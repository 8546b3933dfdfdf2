"""Calls under clocks that stand still, jump or differ, here and at the service."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from at_client import ApiTimeoutException, TooManyRequestsException
from at_client.sandbox import Sandbox
from support.ending import good_call
from support.makers import MakeApi
from support.wire import SILENCE, Wire, answer, reply

freezegun = pytest.importorskip("freezegun")
time_machine = pytest.importorskip("time_machine")

LONG_AGO = datetime(1999, 12, 31, tzinfo=timezone.utc)

# ---- The clock of a user's tests

Clock = Callable[[], AbstractContextManager[Any]]


freeze = partial(freezegun.freeze_time, ignore=["asyncio"])
"""Freezes all clocks but the one of asyncio, where other tests have servers."""

CLOCKS: dict[str, Clock] = {
    "freezegun, standing": lambda: freeze(LONG_AGO),
    "freezegun, 15 s at each look": lambda: freeze(LONG_AGO, auto_tick_seconds=15),
    "time-machine, standing": lambda: time_machine.travel(LONG_AGO, tick=False),
}
every_clock = pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)


WAIT_SECONDS = 0.3
LONGEST_SECONDS = 8.0
"""What freezegun may need to look through every module; a wrong wait takes longer."""


@contextmanager
def in_real_time() -> Iterator[None]:
    """Check that a block takes as long as it waits, by a clock that nobody replaces."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert WAIT_SECONDS <= took <= LONGEST_SECONDS


@every_clock
def test_a_call_under_a_clock(wire: Wire, make_api: MakeApi, clock: Clock) -> None:
    """A call is answered, whenever its client was made; the sandbox answers, too."""
    before = make_api(wire.url)
    assert good_call(before)

    with clock(), Sandbox() as sandbox:
        assert good_call(before)

        made_now = make_api(sandbox.url, access_token=sandbox.token)
        assert good_call(made_now)


@every_clock
def test_a_deadline_under_a_clock(wire: Wire, make_api: MakeApi, clock: Clock) -> None:
    """The time of a call is real time: it ends when it should, and says so."""
    api = make_api(wire.url)
    wire.play(otherwise=reply(SILENCE))

    with (
        in_real_time(),
        clock(),
        pytest.raises(ApiTimeoutException),
    ):
        api.get_credits(timeout=WAIT_SECONDS)


@every_clock
def test_a_client_waits_under_a_clock(
    wire: Wire, make_api: MakeApi, clock: Clock
) -> None:
    """A wait that the service asks for takes its time, and the call goes on."""
    api = make_api(wire.url)
    wait = ("Retry-After", f"{WAIT_SECONDS}")
    wire.play(reply(answer(b"", 503, headers=[wait])))

    with (
        in_real_time(),
        clock(),
    ):
        assert good_call(api)

    assert len(wire.requests) == 2


# ---- The clock of the service

NOW = datetime.now(timezone.utc)
SERVICE_CLOCKS = {
    "a day slow": NOW - timedelta(days=1),
    "a day fast": NOW + timedelta(days=1),
}


@pytest.mark.parametrize("now", SERVICE_CLOCKS.values(), ids=SERVICE_CLOCKS)
def test_retry_after_by_the_clock_of_the_service(
    wire: Wire, make_api: MakeApi, now: datetime
) -> None:
    """A date in `Retry-After` is as far away as the answer's own `Date` says.

    A proxy that repeats the header does not hide it.
    """
    until = now + timedelta(seconds=120)
    asked = ("Retry-After", format_datetime(until, usegmt=True))
    date = ("Date", format_datetime(now, usegmt=True))
    refusal = answer(b"{}", 429, headers=[date, asked, asked])
    wire.play(reply(refusal))

    with pytest.raises(TooManyRequestsException) as caught:
        make_api(wire.url).get_credits()

    assert caught.value.retry_after == 120
