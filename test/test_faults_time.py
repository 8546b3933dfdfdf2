"""Calls that would never end: silence, drips, and answers that are always about to come."""

import math
import time
from typing import Any

import pytest

from at_client import ApiTimeoutException, ServiceException, connections
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS_BODY
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

DEADLINE = 0.4

HEAD, BODY = answer().removesuffix(CREDITS_BODY), CREDITS_BODY
CHUNKED = chunked(CREDITS_BODY[:20], CREDITS_BODY[20:])

SLOW = {
    "no answer at all": greet(SILENCE),
    "no answer to the request": reply(SILENCE),
    "half a status line": reply(HEAD[:9], SILENCE),
    "half the headers": reply(HEAD[:40], SILENCE),
    "no body": reply(HEAD, SILENCE),
    "half the body": reply(HEAD, BODY[:50], SILENCE),
    "half a chunk": reply(CHUNKED[:-60], SILENCE),
    "no last chunk": reply(CHUNKED[:-5], SILENCE),
    "headers that drip": reply(Drip(HEAD + BODY)),
    "body that drips": reply(HEAD, Drip(BODY)),
    "chunks that drip": reply(Drip(CHUNKED)),
    "body without a length that drips": reply(
        b"HTTP/1.1 200 OK\r\n\r\n", Drip(BODY), CLOSE
    ),
    "interim answers without end": reply(
        *((b"HTTP/1.1 102 Processing\r\n\r\n", Wait(0.05)) * 40)
    ),
    "error whose body drips": reply(answer(b"", 400, length=5000), Drip(b" " * 5000)),
    "redirect whose body drips": reply(
        answer(b"", 302, headers=[("Location", "/x")], length=5000), Drip(b" " * 5000)
    ),
}


@pytest.mark.parametrize("step", SLOW.values(), ids=SLOW)
def test_a_slow_answer_ends_at_the_deadline(endings: Endings, step: Step) -> None:
    """However the time is wasted, the call ends when its own time is over, after one attempt."""
    began = time.monotonic()
    error = endings.play(
        Fault((step,), ApiTimeoutException, ("127.0.0.1",), timeout=DEADLINE)
    )
    assert time.monotonic() - began > DEADLINE - 0.05
    assert error.status == 0


@pytest.mark.parametrize(
    "name", ["no answer to the request", "headers that drip", "body that drips"]
)
def test_a_slow_answer_over_tls_ends_at_the_deadline(
    endings: Endings, authority: Authority, name: str
) -> None:
    """The same through TLS, whose records are read apart from the socket."""
    trust = {"ssl_ca_cert": authority.ca_file}
    fault = Fault((SLOW[name],), ApiTimeoutException, timeout=DEADLINE, settings=trust)
    endings.play(fault, tls=authority.server_context("127.0.0.1"))


def test_a_handshake_without_an_answer_ends_at_the_deadline(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """A server that accepts and then says nothing does not hold a TLS client."""
    wire.play(otherwise=greet(SILENCE))
    api = make_api(f"https://127.0.0.1:{wire.port}", timeout=DEADLINE)
    endings.of(api, Fault((), ApiTimeoutException, ("127.0.0.1",), timeout=DEADLINE))


@pytest.mark.parametrize(
    "name", ["no answer to the request", "headers that drip", "body that drips"]
)
def test_a_pair_bounds_each_attempt(endings: Endings, name: str) -> None:
    """The second of `(connect, read)` is for a whole response, and each attempt has it anew."""
    began = time.monotonic()
    endings.play(
        Fault((SLOW[name],) * 3, ApiTimeoutException, attempts=3, timeout=(5.0, 0.2))
    )
    assert 0.55 < time.monotonic() - began < 1.5


def test_attempts_share_the_deadline(endings: Endings) -> None:
    """A lost connection may be tried again, but only with the time that is left."""
    script = (reply(Wait(0.25), CLOSE), reply(SILENCE))
    endings.play(Fault(script, ApiTimeoutException, attempts=2, timeout=DEADLINE))


def test_a_wait_that_does_not_fit_is_not_begun(
    endings: Endings, monkeypatch: MonkeyPatch
) -> None:
    """When the deadline would pass while waiting, the last failure is told at once."""
    monkeypatch.setattr("at_client.retries.FIRST_WAIT_SECONDS", 4.0)
    began = time.monotonic()
    endings.play(
        Fault((reply(answer(b"{}", 503)),), ServiceException, ("503",), timeout=1.0)
    )
    assert time.monotonic() - began < 0.9


def test_each_read_has_only_the_time_that_is_left(endings: Endings) -> None:
    """A byte late in the time does not start the time anew."""
    step = reply(HEAD, Wait(0.9), BODY[:1], SILENCE)
    endings.play(Fault((step,), ApiTimeoutException, timeout=1.0))


def test_in_a_deadline_one_attempt_has_its_own_bound(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """A response gets half a minute of a deadline (here: 0.2 s), then there is another attempt."""
    assert connections.RESPONSE_LIMIT_SECONDS == 30.0
    monkeypatch.setattr(connections, "RESPONSE_LIMIT_SECONDS", 0.2)
    wire.play(reply(SILENCE))
    began = time.monotonic()
    assert make_api(wire.url, timeout=30.0).get_credits().remaining == 750
    assert 0.15 < time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("timeout", "shortest"), [(0.6, 0.55), ((0.2, 30.0), 0.55), (30.0, 0.85)]
)
def test_connecting_has_its_own_bound(
    endings: Endings,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
    timeout: Any,
    shortest: float,
) -> None:
    """The deadline is for the whole call; each of three attempts has the first of a pair, or 5 s (here: 0.3 s)."""
    assert connections.CONNECT_LIMIT_SECONDS == 5.0
    monkeypatch.setattr(connections, "CONNECT_LIMIT_SECONDS", 0.3)
    with deaf_port() as port:
        began = time.monotonic()
        api = make_api(f"http://127.0.0.1:{port}", timeout=timeout)
        endings.of(
            api, Fault((), ApiTimeoutException, (f"127.0.0.1:{port}",), timeout=timeout)
        )
        assert shortest < time.monotonic() - began < 1.5


def test_the_timeout_of_a_call_goes_before_the_configured_one(
    make_api: MakeApi, wire: Wire
) -> None:
    """`_request_timeout` is for this call only; `None` stands for what is configured."""
    api = make_api(wire.url, timeout=30)
    wire.play(greet(SILENCE))
    began = time.monotonic()
    with pytest.raises(ApiTimeoutException, match=r"127\.0\.0\.1"):
        api.get_credits(timeout=0.3)
    assert 0.25 < time.monotonic() - began < 0.8
    for timeout in (5, (1, 2.5), (1.5, math.inf), math.inf, None):
        assert api.get_credits(timeout=timeout).remaining == 750


@pytest.mark.parametrize(
    "timeout", [math.inf, (math.inf, math.inf)], ids=["inf", "pair"]
)
def test_without_a_limit_there_is_none(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch, timeout: Any
) -> None:
    """`math.inf` takes the bounds of a single attempt away, too."""
    monkeypatch.setattr(connections, "RESPONSE_LIMIT_SECONDS", 0.1)
    wire.play(reply(Wait(0.4), answer()))
    assert good_call(make_api(wire.url, timeout=timeout, retries=0), timeout=None)


def test_a_slow_but_whole_answer_within_the_time_is_a_success(
    make_api: MakeApi, wire: Wire
) -> None:
    """Dripping is no fault by itself."""
    wire.play(reply(Drip(HEAD + BODY, every=0.001)))
    assert good_call(make_api(wire.url))
