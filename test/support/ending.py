"""How a call must end: the checks that hold for every fault, whatever it is.

Only the package's own errors escape, in time, after the documented number of attempts;
no secret shows; the error pickles; the same client then makes a good call; nothing is
left open or changed.
"""

import contextlib
import http.client
import logging
import pickle
import signal
import socket
import ssl
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import at_client
from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiException,
    Configuration,
    CreditsApi,
)
from support.facts import COOKIE, CREDITS, TOKEN, secrets_in
from support.leaks import nothing_left
from support.wire import Step, Wire

SLACK_SECONDS = 0.4
"""What a busy machine may add to a deadline."""


class Endings:
    """Plays faults and checks how calls end, with all that is logged and printed.

    Args:
        logs: What is logged in the test.
        output: What is printed in it.
    """

    def __init__(
        self, logs: pytest.LogCaptureFixture, output: pytest.CaptureFixture[str]
    ) -> None:
        self._logs = logs
        self._output = output
        self._logs.set_level(logging.DEBUG)

    def play(
        self,
        *script: Step,
        error: type[ApiException] = ApiConnectionException,
        says: tuple[str, ...] = (),
        attempts: int = 1,
        timeout: float | tuple[float, float] = 5.0,
        tls: ssl.SSLContext | None = None,
        **settings: Any,
    ) -> ApiException:
        """Play a fault on a server of its own, and check all that must hold.

        Args:
            script: What the server does to each request or connection, in order; the
                last step goes on.
            error: The exact class of the error.
            says: Texts that its message contains.
            attempts: Requests, or connections if it comes to none, that it takes.
            timeout: Seconds for the call, or the pair (connect, read).
            tls: The TLS context of the server; `None` for plain HTTP.
            settings: Further settings of the configuration.

        Returns:
            The error, for what is special about it.
        """
        with nothing_left(), nothing_changed(), Wire(tls=tls) as wire:
            configuration = Configuration(wire.url, TOKEN, timeout=timeout, **settings)
            with ApiClient(configuration) as client:
                api = CreditsApi(client)
                wire.play(*script, otherwise=script[-1])
                says = ("127.0.0.1", *says)
                caught = self.play_on(api, error=error, says=says, timeout=timeout)
                assert (len(wire.requests) or wire.connections) == attempts

                wire.play()
                assert good_call(api), "the client is spoilt"
        return caught

    def play_on(
        self,
        api: CreditsApi,
        error: type[ApiException] = ApiConnectionException,
        says: tuple[str, ...] = (),
        timeout: float | tuple[float, float] = 5.0,
    ) -> ApiException:
        """Make a call that must fail on a client of one's own, and check the error."""
        began = time.monotonic()
        with pytest.raises(error) as caught:
            api.get_credits(auth_token=COOKIE)
        took = time.monotonic() - began

        if isinstance(timeout, float):
            assert took < timeout + SLACK_SECONDS
        assert caught.type is error
        check_message(str(caught.value), says)
        check_pickles(caught.value)
        assert (
            secrets_in(
                repr(caught.value),
                repr(vars(caught.value)),
                *traceback.format_exception(caught.value),
                pickle.dumps(caught.value),
                self._logs.text,
                *self._output.readouterr(),
            )
            == []
        )
        return caught.value

    @property
    def attempts_logged(self) -> int:
        """How many attempts the client has logged: one line at DEBUG each."""
        names = [record.name for record in self._logs.records]
        return names.count("at_client")


def good_call(api: CreditsApi, timeout: float | None = 5.0) -> bool:
    """Make a call that must succeed; return whether its answer is as expected."""
    answer = api.get_credits(timeout=timeout)
    is_model = isinstance(answer, at_client.CreditResponse)
    return is_model and answer.remaining == CREDITS["remaining_credits"]


def check_message(message: str, says: tuple[str, ...]) -> None:
    """Check that a message is one readable line with certain texts."""
    assert message.isprintable(), f"the message is more than one line: {message!r}"
    assert 0 < len(message) < 1000
    for text in says:
        assert text.lower() in message.lower()


def check_pickles(error: ApiException) -> None:
    """Check that an error survives every pickle protocol whole, its cause aside."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  # ours
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert repr(vars(copy)) == repr(vars(error))


@contextlib.contextmanager
def nothing_changed() -> Iterator[None]:
    """Fail when the block changes something that belongs to the whole process."""
    before = _read_process_state()
    yield
    assert _read_process_state() == before, "something process-wide has changed"


def _read_process_state() -> list[object]:
    urllib3_logger = logging.getLogger("urllib3")
    return [
        http.client.HTTPConnection.debuglevel,
        socket.getdefaulttimeout(),
        warnings.filters[:],
        signal.getsignal(signal.SIGINT),
        logging.root.level,
        logging.root.handlers[:],
        urllib3_logger.level,
        urllib3_logger.handlers[:],
    ]
