"""Ctrl-C: a call ends at once, whatever it is doing, and the client stays usable."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from at_client import CreditsApi
from support.ending import good_call, nothing_changed
from support.leaks import nothing_left
from support.makers import MakeApi, MakeClient
from support.wire import SILENCE, Drip, Wire, answer, deaf_port, greet, reply


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
    "connecting": (),
    "shaking hands": (greet(SILENCE),),
    "waiting for the answer": (reply(SILENCE),),
    "reading headers": (reply(Drip(answer())),),
    "reading the body": (reply(answer(b"", length=1000), Drip(b" " * 1000)),),
    "waiting to try again": (reply(answer(b"", 503, headers=[("Retry-After", "30")])),),
}


# `ssl` leaves a socket whose handshake was interrupted to the garbage collector, which closes it and warns.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("busy", BUSY)
def test_ctrl_c_ends_a_call_at_once(make_client: MakeClient, busy: str) -> None:
    """KeyboardInterrupt comes out as itself, within a moment; the next call is good."""
    with (
        nothing_left(),
        nothing_changed(),
        Wire() as wire,
        deaf_port() as deaf,
        make_client(wire.url) as client,
    ):
        api = CreditsApi(client)
        assert good_call(api)
        wire.play(*BUSY[busy])
        hosts = {
            "connecting": f"http://127.0.0.1:{deaf}",
            "shaking hands": f"https://127.0.0.1:{wire.port}",
        }
        client.configuration.host = hosts.get(busy, wire.url)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
            api.get_credits()
        assert time.monotonic() - began < 1.0
        client.configuration.host = wire.url
        wire.play()
        assert good_call(api)


def test_an_interrupted_answer_is_not_the_next_ones(
    make_api: MakeApi, wire: Wire
) -> None:
    """What is left of the response that was being read never reaches another call."""
    other = answer(b'{"total_credits": 1, "used_credits": 1, "remaining_credits": 0}')
    wire.play(reply(Drip(other, every=0.01)))
    api = make_api(wire.url)
    with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
        api.get_credits()
    wire.play()
    for _ in range(3):
        assert good_call(api)
