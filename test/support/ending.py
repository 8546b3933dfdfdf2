"""How a call must end: the checks that hold for every fault, whatever it is.

Only the package's own errors escape, in time, after the documented number of attempts; no secret
shows; the error pickles; the same client then makes a good call; nothing is left open or changed.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import at_client
from at_client import ApiClient, ApiException, Configuration, CreditsApi
from support.facts import COOKIE, CREDITS, TOKEN, secrets_in
from support.leaks import nothing_left
from support.wire import Step, Wire

PACKAGE = str(Path(at_client.__file__).parent)

SLACK = 0.4
"""Seconds that a busy machine may add to a deadline."""


@dataclass(frozen=True)
class Fault:
    """One way for a call to fail, and how it must end.

    Args:
        script: What the server does to each request or connection, in order.
        error: The exact class of the error.
        says: Texts that its message contains.
        attempts: Requests, or connections if it comes to none, that the server sees;
            `None` where the documentation leaves it open.
        timeout: Seconds for the call.
        settings: Further settings of the configuration.
    """

    script: tuple[Step, ...]
    error: type[ApiException]
    says: tuple[str, ...] = ()
    attempts: int | None = 1
    timeout: float | tuple[float, float] = 5.0
    settings: dict[str, Any] = field(default_factory=dict)


class Endings:
    """Plays faults and checks how calls end, with all that is logged and printed meanwhile."""

    def __init__(
        self, logs: pytest.LogCaptureFixture, output: pytest.CaptureFixture[str]
    ) -> None:
        self._logs = logs
        self._output = output
        self._logs.set_level(logging.DEBUG)

    def play(self, fault: Fault, tls: ssl.SSLContext | None = None) -> ApiException:
        """Play a fault on a server of its own, check all that must hold, and give the error for what is special."""
        with nothing_left(), nothing_changed(), Wire(tls=tls) as wire:
            settings = {"timeout": fault.timeout, **fault.settings}
            with ApiClient(Configuration(wire.url, TOKEN, **settings)) as client:
                wire.play(*fault.script)
                error = self.of(CreditsApi(client), fault)
                if fault.attempts is not None:
                    assert (len(wire.requests) or wire.connections) == fault.attempts
                wire.play()
                assert good_call(CreditsApi(client)), "the client is spoilt"
        return error

    def of(self, api: CreditsApi, fault: Fault) -> ApiException:
        """Make the call that must fail, and check the error alone."""
        began = time.monotonic()
        with pytest.raises(ApiException) as caught:
            api.get_credits(auth_token=COOKIE)
        took = time.monotonic() - began
        if isinstance(fault.timeout, float):
            assert took < fault.timeout + SLACK, f"the call took {took:.2f} s"
        self.check(caught.value, fault.error, *fault.says)
        return caught.value

    def check(
        self, error: ApiException, expected: type[ApiException], *says: str
    ) -> None:
        """Check an error that a call has raised."""
        message = str(error)
        assert message, "the message is empty"
        assert type(error) is expected, f"{type(error).__name__}: {message}"
        for text in says:
            assert text.lower() in message.lower(), f"{text!r} is not in {message!r}"
        assert message.isprintable(), f"the message is more than one line: {message!r}"
        assert len(message) < 1000, "the message is a dump"
        shown = (
            message,
            repr(error),
            repr(vars(error)),
            *traceback.format_exception(error),
            *_our_locals(error),
        )
        assert (
            secrets_in(
                *shown, self._logs.text, *self._output.readouterr(), pickle.dumps(error)
            )
            == []
        )
        check_pickles(error)

    @property
    def attempts_logged(self) -> int:
        """How many attempts the client has logged: one line at DEBUG each."""
        return sum(
            record.name.split(".")[0] == "at_client" for record in self._logs.records
        )


def good_call(api: CreditsApi, timeout: float | None = 5.0) -> bool:
    """Make a call that must succeed, and tell whether its answer is the expected model."""
    credits_left = api.get_credits(timeout=timeout)
    return (
        isinstance(credits_left, at_client.CreditResponse)
        and credits_left.remaining == CREDITS["remaining_credits"]
    )


def check_pickles(error: ApiException) -> None:
    """Check that an error survives every pickle protocol whole, its cause aside."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  # our own bytes
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        for name in ("status", "reason", "body", "retry_after"):
            assert getattr(copy, name) == getattr(error, name), name
        assert repr(copy.data) == repr(error.data)
        assert dict(copy.headers or {}) == dict(error.headers or {})


@contextlib.contextmanager
def nothing_changed() -> Iterator[None]:
    """Fail when the block changes something that belongs to the whole process."""
    before = _process_state()
    yield
    assert _process_state() == before, "something process-wide has changed"


def _process_state() -> dict[str, object]:
    names = ("", "urllib3", "urllib3.connectionpool", "http.client", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    return {
        "loggers": [
            (logger.name, logger.level, len(logger.handlers)) for logger in loggers
        ],
        "http.client debuglevel": http.client.HTTPConnection.debuglevel,
        "HTTPConnection.response_class": http.client.HTTPConnection.response_class,
        "default timeout": socket.getdefaulttimeout(),
        "warnings": len(warnings.filters),
        "SIGINT": signal.getsignal(signal.SIGINT),
    }


def _our_locals(error: BaseException) -> list[str]:
    """Write the locals of the package's own frames, as rich and Sentry show them."""
    shown = []
    seen: BaseException | None = error
    while seen is not None:
        frames = [frame for frame, _ in traceback.walk_tb(seen.__traceback__)]
        ours = [
            frame for frame in frames if frame.f_code.co_filename.startswith(PACKAGE)
        ]
        shown += [
            f"{name} = {value!r}"
            for frame in ours
            for name, value in frame.f_locals.items()
        ]
        seen = seen.__cause__ or seen.__context__
    return shown
