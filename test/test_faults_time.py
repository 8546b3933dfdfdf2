"""Calls that would never end: silence, drips, and answers always about to come."""

import contextlib
import math
import socket
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from at_client import (
    ApiClient,
    ApiTimeoutException,
    Configuration,
    CreditsApi,
    clock,
)
from support.ending import SLACK_SECONDS, Endings, good_call
from support.facts import CREDITS_BODY, TOKEN
from support.makers import MakeApi, MonkeyPatch
from support.tls import Authority
from support.wire import (
    CLOSE,
    SILENCE,
    Drip,
    Step,
    Wait,
    Wire,
    answer,
    chunked,
    deaf_port,
    greet,
    reply,
)

pytestmark = pytest.mark.usefixtures("short_waits")

DEADLINE_SECONDS = 0.4

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
CHUNKED = chunked(CREDITS_BODY[:20], CREDITS_BODY[20:])
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
ERROR = answer(b"", 400, length=5000)
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5000\r\n\r\n"
BLANKS = Drip(b" " * 5000)

SLOW = {
    "no answer at all": greet(SILENCE),
    "no answer to the request": reply(SILENCE),
    "half the headers": reply(HEAD[:40], SILENCE),
    "no body": reply(HEAD, SILENCE),
    "half a chunk": reply(CHUNKED[:-60], SILENCE),
    "headers that drip": reply(Drip(HEAD)),
    "a body that drips": reply(HEAD, BLANKS),
    "chunks that drip": reply(Drip(CHUNKED)),
    "interim answers": reply(*[INTERIM, Wait(0.05)] * 40),
    "an error whose body drips": reply(ERROR, BLANKS),
    "a redirect whose body drips": reply(REDIRECT, BLANKS),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_a_slow_answer_ends_at_the_deadline(endings: Endings, step: Step) -> None:
    """However a server wastes the time, the call ends at its deadline."""
    began = time.monotonic()
    endings.play(step, error=ApiTimeoutException, timeout=DEADLINE_SECONDS)
    assert time.monotonic() - began > DEADLINE_SECONDS - 0.05


@pytest.mark.parametrize("name", ["no answer to the request", "a body that drips"])
def test_a_slow_answer_over_tls_ends_at_the_deadline(
    endings: Endings, authority: Authority, name: str
) -> None:
    """Through TLS, too, a call ends at its deadline, however the time is wasted."""
    endings.play(
        SLOW[name],
        error=ApiTimeoutException,
        timeout=DEADLINE_SECONDS,
        ssl_ca_cert=authority.ca_file,
        tls=authority.server_context("127.0.0.1"),
    )


def test_a_handshake_without_an_answer_ends_at_the_deadline(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """A server that accepts and then says nothing does not hold a TLS client."""
    wire.play(greet(SILENCE))
    api = make_api(f"https://127.0.0.1:{wire.port}", timeout=DEADLINE_SECONDS)
    endings.play_on(api, error=ApiTimeoutException, timeout=DEADLINE_SECONDS)


def test_a_pair_bounds_each_attempt(endings: Endings) -> None:
    """The second of a pair of timeouts bounds the whole response of each attempt."""
    began = time.monotonic()
    endings.play(
        SLOW["a body that drips"],
        error=ApiTimeoutException,
        attempts=3,
        timeout=(5.0, 0.2),
    )
    assert 0.55 < time.monotonic() - began < 1.5


def test_attempts_share_the_deadline(endings: Endings) -> None:
    """A lost connection may be tried again, but only with the time that is left."""
    endings.play(
        reply(Wait(0.25), CLOSE),
        reply(SILENCE),
        error=ApiTimeoutException,
        attempts=2,
        timeout=DEADLINE_SECONDS,
    )


def test_in_a_deadline_one_attempt_has_its_own_bound(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """An attempt has half a minute (here 0.2 s) of a longer deadline."""
    assert clock.RESPONSE_LIMIT_SECONDS == 30.0
    monkeypatch.setattr(clock, "RESPONSE_LIMIT_SECONDS", 0.2)
    wire.play(reply(SILENCE))
    began = time.monotonic()
    assert good_call(make_api(wire.url), timeout=30.0)
    assert 0.15 < time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("timeout", "shortest"),
    [
        (0.6, 0.55),
        ((0.2, 30.0), 0.55),
        (30.0, 0.85),
    ],
    ids=["a deadline", "a pair", "a bound of its own"],
)
def test_connecting_has_its_own_bound(
    endings: Endings,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
    timeout: Any,
    shortest: float,
) -> None:
    """To connect, each attempt has the first of a pair, or 5 s (here 0.3 s)."""
    assert clock.CONNECT_LIMIT_SECONDS == 5.0
    monkeypatch.setattr(clock, "CONNECT_LIMIT_SECONDS", 0.3)
    with deaf_port() as port:
        began = time.monotonic()
        api = make_api(f"http://127.0.0.1:{port}", timeout=timeout)
        endings.play_on(api, error=ApiTimeoutException, timeout=timeout)
        assert shortest < time.monotonic() - began < 1.5


def test_each_address_of_a_host_has_its_share_of_the_time(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """An address that never answers leaves time to connect to the next one."""
    with deaf_port() as deaf:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
            for port in (deaf, wire.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: addresses)
        api = make_api(wire.url, retries=0, timeout=(0.6, 5.0))
        began = time.monotonic()
        assert good_call(api, timeout=None)
        assert time.monotonic() - began < 0.5


def test_without_a_limit_there_is_none(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """`math.inf` takes the bounds of a single attempt away, too."""
    monkeypatch.setattr(clock, "RESPONSE_LIMIT_SECONDS", 0.1)
    wire.play(reply(Wait(0.4), answer()))
    assert good_call(make_api(wire.url, timeout=math.inf, retries=0), timeout=None)


SCHEDULES = st.lists(
    st.tuples(st.floats(0.0, 0.15), st.integers(1, 200)), min_size=1, max_size=6
)
"""Pauses in seconds, each with how many bytes follow it."""


@settings(max_examples=12)
@given(schedule=SCHEDULES, data=st.sampled_from([answer(), CHUNKED]))
def test_the_deadline_holds_for_any_schedule_of_drips(
    schedule: list[tuple[float, int]], data: bytes
) -> None:
    """Whatever bytes come when, a call ends in time, and half an answer is none."""
    actions: list[Wait | bytes] = []
    sent = 0
    for pause, size in schedule:
        actions += [Wait(pause), data[sent : sent + size]]
        sent += size

    credits = None
    with Wire() as wire:
        wire.play(reply(*actions, SILENCE))
        configuration = Configuration(wire.url, TOKEN, retries=0, timeout=0.25)
        with ApiClient(configuration) as client:
            began = time.monotonic()
            with contextlib.suppress(ApiTimeoutException):
                credits = CreditsApi(client).get_credits()
            took = time.monotonic() - began

    assert took < 0.25 + SLACK_SECONDS
    assert credits is None or sent >= len(data)
