"""Scripted faults: what each is, which request it happens to, and which never did."""

from dataclasses import dataclass
from reprlib import repr as shorten
from threading import Lock
from types import NoneType

from at_client.sandbox.checks import check
from at_client.sandbox.service import Answer

LONGEST_DELAY_SECONDS = 1_000_000
"""What every platform can wait for."""


@dataclass(frozen=True, repr=False)
class Fault(Answer):
    """What happens to a request. What is left out happens as usual.

    Args:
        status: The status, from 200 to 599. With 200 and no body, the service answers
            as usual.
        body: Bytes, a string, or anything else to send as JSON; `None` means what the
            service sends with this status.
        content_type: The header `Content-Type`.
        headers: More headers, in Latin-1; these override the sandbox's own, and
            `Content-Length` as well.
        retry_after: The header `Retry-After`: seconds, or a date as text; `None` means
            that there is none.
        delay: Seconds to wait before answering, from 0 to 1,000,000.
        drop: Whether to close the connection in the middle of the answer.
        after: Bytes of the body to send; the rest never comes. Without `drop`, the
            client waits for it. `None` means all of them, and with `drop` none: then
            the headers do not end either.
        times: How many requests this happens to, 1 or more; `None` means all until
            `recover()`.
        path: The only path whose requests this happens to, without a query; `None`
            means any.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of its range.

    Examples:
        >>> slow_outage = Fault(status=503, delay=0.5, times=2)
    """

    delay: float = 0.0
    drop: bool = False
    after: int | None = None
    times: int | None = 1
    path: str | None = None

    def __post_init__(self) -> None:
        check("status", self.status, int, lowest=200, highest=599)
        check("content_type", self.content_type, str)
        check("headers", self.headers, dict, NoneType)
        check("retry_after", self.retry_after, int, float, str, NoneType, lowest=0)
        check("delay", self.delay, int, float, lowest=0, highest=LONGEST_DELAY_SECONDS)
        check("after", self.after, int, NoneType, lowest=0)
        check("times", self.times, int, NoneType, lowest=1)
        check("path", self.path, str, NoneType)

        # What cannot be sent raises here, in the caller's line.
        self.encode_body()
        for value in (self.headers or {}).values():
            check("a value in headers", value, str)
            value.encode("latin-1")

    def __repr__(self) -> str:
        changed = [
            f"{name}={shorten(value)}"
            for name, value in vars(self).items()
            if value != getattr(Fault, name)
        ]
        return f"Fault({', '.join(changed)})"

    @property
    def has_answer(self) -> bool:
        """Whether it takes the place of the service's own answer."""
        return self.status != 200 or self.body is not None


class UnusedFaultError(AssertionError):
    """A sandbox was closed before a scripted fault happened to any request."""


@dataclass
class ScriptedFault:
    """A fault in the queue, and how many requests it has happened to."""

    fault: Fault
    uses: int = 0

    def applies_to(self, path: str) -> bool:
        """Return whether it happens to the next request for a path."""
        if self.fault.path not in {None, path}:
            return False

        return self.fault.times is None or self.uses < self.fault.times


class FaultQueue:
    """The scripted faults, in their order; safe to share between threads."""

    def __init__(self) -> None:
        self._scripted: list[ScriptedFault] = []
        self._counting = Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault at the end."""
        self._scripted.append(ScriptedFault(fault))

    def take(self, path: str) -> Fault:
        """Use the first fault for a path; one without effect if there is none."""
        with self._counting:
            for scripted in self._scripted:
                if scripted.applies_to(path):
                    scripted.uses += 1
                    return scripted.fault

        return Fault()

    def clear(self) -> None:
        """Forget all faults."""
        self._scripted.clear()

    def get_unused(self) -> list[Fault]:
        """Return the faults that never happened, but for those with `times=None`."""
        return [
            scripted.fault
            for scripted in self._scripted
            if scripted.uses == 0 and scripted.fault.times is not None
        ]
