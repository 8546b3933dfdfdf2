"""The time limit of one call, as urllib3 asks for it."""

import time
from math import inf
from typing import NamedTuple

from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from at_client.checks import check_timeout

CONNECT_LIMIT_SECONDS = 5.0
"""What one attempt inside a deadline may spend on connecting and sending."""

RESPONSE_LIMIT_SECONDS = 30.0
"""What one attempt inside a deadline may spend on waiting and reading."""


class DeadlineError(HTTPError):
    """An attempt was about to begin after the deadline; urllib3 does not retry this."""


class ReadLater(NamedTuple):
    """The time limit of a call whose body is read later.

    It travels as `_request_timeout`, because overrides of `call_api` and `request` that
    were written for generated clients pass that on, and know no other argument.
    """

    timeout: "float | tuple[float, float] | Clock | None"


class Clock(Timeout):
    """The time limit of one call, as urllib3 asks for it.

    `urllib3.Timeout(total=...)` is not enough: urllib3 starts its total anew once a
    tunnel stands, and for each attempt.

    Args:
        timeout: Seconds in all, or a pair (connect, read) for each attempt.
    """

    # An attribute of a class, because freezegun replaces those of modules: a clock that
    # a test has stopped must not stop a deadline.
    now = staticmethod(time.monotonic)

    reads_later = False
    """Whether the caller reads the body, and it is not read for them."""

    def __init__(self, timeout: float | tuple[float, float]) -> None:
        self.started = self.now()
        if isinstance(timeout, tuple):
            self.deadline = inf
            self._connect_limit, self._read_limit = timeout
        else:
            self.deadline = self.started + timeout
            is_limited = timeout < inf
            self._connect_limit = CONNECT_LIMIT_SECONDS if is_limited else inf
            self._read_limit = RESPONSE_LIMIT_SECONDS if is_limited else inf

    @classmethod
    def start(
        cls,
        timeout: "float | tuple[float, float] | Clock | ReadLater | None",
        default: float | tuple[float, float],
    ) -> "Clock":
        """Start the clock of a call, or return one that runs already.

        Args:
            timeout: The `_request_timeout` of the call; `None` for the default.
            default: `Configuration.timeout`.
        """
        if isinstance(timeout, ReadLater):
            clock = cls.start(timeout.timeout, default)
            clock.reads_later = True
            return clock
        if isinstance(timeout, cls):
            return timeout
        if timeout is None:
            return cls(default)
        return cls(check_timeout("_request_timeout", timeout))

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self.deadline - self.now()

    @property
    def seconds_spent(self) -> float:
        """Seconds since the call began."""
        return self.now() - self.started

    @property
    def connect_timeout(self) -> float:
        """Seconds that connecting and sending may take from now on."""
        return max(0.0, min(self._connect_limit, self.deadline - self.now()))

    @property
    def read_timeout(self) -> float:
        """Seconds that the whole response may take from now on."""
        return max(0.0, min(self._read_limit, self.deadline - self.now()))

    def clone(self) -> "Clock":
        """Return this very clock; a pool asks for a copy when an attempt begins.

        Raises:
            DeadlineError: There is no time for another attempt.
        """
        if self.now() >= self.deadline:
            raise DeadlineError("the deadline has passed")
        return self

    def start_connect(self) -> float:
        """Return when the call began: this clock runs from the beginning."""
        return self.started

    # urllib3's show what this clock does not have.
    __repr__ = object.__repr__
    __str__ = object.__repr__
