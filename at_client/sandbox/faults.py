"""Scripted faults: what each does, and whether it has happened."""

from dataclasses import dataclass, field

from at_client.sandbox.service import Answer, check_number

LONGEST_DELAY_SECONDS = 1_000_000
"""What every platform can wait for."""


@dataclass
class Fault(Answer):
    """What happens to a request. What is left out happens as usual.

    Args:
        status: The status, from 200 to 599. With 200 and no body, the service answers
            as usual.
        body: Bytes, a string, or anything else to send as JSON; `None` means what the
            service sends with this status. A 204 or 304 needs `b""`.
        content_type: The header `Content-Type`.
        headers: More headers, in Latin-1; these override the sandbox's own, and
            `Content-Length` as well.
        retry_after: The header `Retry-After`: seconds, or a date as text; `None` means
            that there is none.
        delay: Seconds to wait before answering, from 0 to 1,000,000.
        drop: Whether to close the connection instead of sending the body.
        times: How many requests this happens to, 1 or more; `None` means all until
            `recover()`.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A number is out of its limits, or something cannot be sent.

    Examples:
        >>> slow_outage = Fault(status=503, delay=0.5, times=2)
    """

    delay: float = 0.0
    drop: bool = False
    times: int | None = 1
    uses: int = field(default=0, init=False)  # counted by the sandbox, on a copy

    def __post_init__(self) -> None:
        check_number("status", self.status, 200, 599)
        check_number("delay", self.delay, 0, LONGEST_DELAY_SECONDS)
        if self.times is not None:
            check_number("times", self.times, 1)

        # What cannot be sent raises here, in the caller's line.
        "".join(self.make_headers().values()).encode("latin-1")


class UnusedFaultError(AssertionError):
    """A sandbox was closed before a scripted fault happened to any request."""
