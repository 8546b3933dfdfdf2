"""Ctrl-C: a call ends at once, whatever it is doing, and the client stays usable."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from at_client import ApiClient, Configuration, CreditsApi
from support.ending import good_call, nothing_changed
from support.facts import TOKEN
from support.leaks import nothing_left
from support.wire import SILENCE, Drip, Step, Wire, answer, deaf_port, greet, reply

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def pressing_ctrl_c(after: float = 0.2) -> Iterator[None]:
    """Send SIGINT to the main thread while the block runs, as a terminal does."""
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(after, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)


BUSY = {
    "waiting for the answer": reply(SILENCE),
    "reading headers": reply(Drip(answer())),
    "reading the body": reply(answer(b"", length=1000), Drip(b" " * 1000)),
    "waiting to try again": reply(answer(b"", 503, headers=[("Retry-After", "30")])),
    "shaking hands": greet(SILENCE),
}


# `ssl` leaves a socket whose handshake was interrupted to the garbage collector, which closes it and warns.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("step", BUSY.values(), ids=BUSY)
def test_ctrl_c_ends_a_call_at_once(step: Step, request: pytest.FixtureRequest) -> None:
    """KeyboardInterrupt comes out as itself, within a moment; the next call is good."""
    with nothing_left(), nothing_changed(), Wire() as wire, ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)
        assert good_call(api)
        wire.play(step)
        if "shaking hands" in request.node.name:
            client.configuration.host = f"https://127.0.0.1:{wire.port}"
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
            api.get_credits()
        assert time.monotonic() - began < 1.0
        client.configuration.host = wire.url
        wire.play()
        assert good_call(api)


def test_ctrl_c_ends_connecting_at_once() -> None:
    """The same while the host does not even answer to the connect."""
    with (
        nothing_left(),
        Wire() as wire,
        deaf_port() as port,
        ApiClient(Configuration(f"http://127.0.0.1:{port}", TOKEN)) as client,
    ):
        api = CreditsApi(client)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
            api.get_credits()
        assert time.monotonic() - began < 1.0
        client.configuration.host = wire.url
        assert good_call(api)


def test_an_interrupted_answer_is_not_the_next_ones() -> None:
    """What is left of the response that was being read never reaches another call."""
    with Wire() as wire, ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)
        other = answer(b'{"total_credits": 1, "used_credits": 1, "remaining_credits": 0}')
        wire.play(reply(Drip(other, every=0.01)))
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
            api.get_credits()
        wire.play()
        for _ in range(3):
            assert good_call(api)
