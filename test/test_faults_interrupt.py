"""Ctrl-C: a call ends at once, whatever it is doing, and the client stays usable."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from support.ending import good_call
from support.facts import CREDITS_BODY
from support.leaks import nothing_left
from support.makers import MakeApi
from support.wire import SILENCE, Drip, Step, Wire, answer, deaf_port, greet, reply

PAUSE_SECONDS = 0.2
"""How long a call may go on before Ctrl-C is pressed."""


@contextlib.contextmanager
def pressing_ctrl_c() -> Iterator[None]:
    """Send SIGINT to this thread while the block runs, as a terminal does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    this_thread = threading.get_ident()
    press = threading.Timer(
        PAUSE_SECONDS, signal.pthread_kill, (this_thread, signal.SIGINT)
    )
    press.start()
    try:
        yield
    finally:
        press.cancel()
        press.join()
        signal.signal(signal.SIGINT, before)


def interrupt(make_api: MakeApi, wire: Wire, host: str) -> None:
    """Interrupt a call to a host; check that it ends, and that the next one is good."""
    api = make_api(wire.url)
    configuration = api.api_client.configuration
    with nothing_left():
        configuration.host = host
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt), pressing_ctrl_c():
            api.get_credits()
        assert time.monotonic() - began < 1.0

        configuration.host = wire.url
        wire.play()
        assert good_call(api)
        api.api_client.close()


OTHER_ANSWER = answer(CREDITS_BODY.replace(b"750", b"1"))
"""What is left of it must not reach the next call."""

BUSY = {
    "waiting for the answer": reply(SILENCE),
    "reading headers": reply(Drip(OTHER_ANSWER)),
    "reading the body": reply(answer(b"", length=1000), Drip(b" " * 1000)),
    "waiting to try again": reply(answer(b"", 503, headers=[("Retry-After", "30")])),
}


@pytest.mark.parametrize("step", BUSY.values(), ids=BUSY)
def test_ctrl_c_ends_a_call_at_once(make_api: MakeApi, wire: Wire, step: Step) -> None:
    """Ctrl-C ends a call within a moment, as KeyboardInterrupt."""
    wire.play(step)
    interrupt(make_api, wire, wire.url)


def test_ctrl_c_ends_connecting(make_api: MakeApi, wire: Wire) -> None:
    """Ctrl-C ends connecting to a host that never answers."""
    with deaf_port() as port:
        interrupt(make_api, wire, f"http://127.0.0.1:{port}")


# `ssl` leaves the socket of a handshake to the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_ctrl_c_ends_a_handshake(make_api: MakeApi, wire: Wire) -> None:
    """Ctrl-C ends a TLS handshake with a server that says nothing."""
    wire.play(greet(SILENCE))
    interrupt(make_api, wire, f"https://127.0.0.1:{wire.port}")
