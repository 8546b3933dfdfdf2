"""Scripted trouble: what the sandbox does instead of answering as usual."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from at_client.sandbox.messages import Answer, error_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from at_client.sandbox.messages import Request


@dataclass(frozen=True)
class Trouble:
    """What happens to one request; parts that are left out are as usual.

    Examples:
        >>> slow_outage = Trouble(delay=0.5, answer=Answer(503))
    """

    answer: Answer | None = None
    """Sent in place of the usual answer."""

    delay: float = 0.0
    """Seconds before the answer starts."""

    drip: float = 0.0
    """Seconds before each piece of the answer, which is sent at once if this is 0."""

    piece: int = 1
    """Bytes in a piece."""

    drip_headers: bool = False
    """Whether status line and headers drip too, and not the body alone."""

    drop: bool = False
    """Whether the connection is closed before the answer is complete."""

    after: int | None = None
    """With `drop`: bytes of the body that are sent first; `None` means not even the headers."""

    def __post_init__(self) -> None:
        for name in ("delay", "drip", "after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative, and is {value}")
        if self.piece < 1:
            raise ValueError(f"piece must be at least 1 byte, not {self.piece}")
        if self.after is not None and not self.drop:
            raise ValueError("after says when to drop, and goes with drop=True")


@dataclass
class _Entry:
    trouble: Trouble
    left: int | None
    path: str | None


class Script:
    """A queue of trouble: each request takes the first entry that is meant for it.

    Every method takes `times`, the number of requests that it is for (`None`: all until
    `recover()`), and `path`, the only path that it is for (`None`: any). A request that finds no
    entry is answered as usual.

    Examples:
        >>> from at_client.sandbox import Request
        >>> script = Script()
        >>> script.fail(status=503, times=2)
        >>> script.drop()
        >>> taken = [script.take(Request("GET", "/")) for _ in range(4)]
        >>> taken[2:] == [Trouble(drop=True), None]
        True
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = Lock()

    def script(self, trouble: Trouble, *, times: int | None = 1, path: str | None = None) -> None:
        """Put any combination of trouble at the end of the queue; the other methods use this one.

        Args:
            trouble: What happens.
            times: To how many requests; `None` means all until `recover()`.
            path: To which path only; `None` means any.

        Raises:
            ValueError: `times` is less than 1.
        """
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        with self._lock:
            self._entries.append(_Entry(trouble, times, path))

    def fail(
        self,
        status: int = 503,
        *,
        body: object = None,
        retry_after: float | str | None = None,
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Answer with a status.

        Args:
            status: The status, from 200 to 599.
            body: Bytes, text, or what is sent as JSON; `None` means what the service sends with
                this status.
            retry_after: The `Retry-After` header: seconds, or any text.
            headers: Further headers.
            times: How many requests; `None` means all until `recover()`.
            path: Which path only; `None` means any.
        """
        given = dict(headers or {})
        if retry_after is not None:
            given["retry-after"] = str(retry_after)
        answer = (
            error_answer(status, given)
            if body is None
            else Answer.from_value(body, status=status, headers=given)
        )
        self.script(Trouble(answer), times=times, path=path)

    def answer(
        self,
        body: object,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Answer with a body of your own, however wrong.

        Args:
            body: Bytes, text, or what is sent as JSON.
            status: The status, from 200 to 599.
            content_type: The media type that is claimed.
            headers: Further headers.
            times: How many requests; `None` means all until `recover()`.
            path: Which path only; `None` means any.
        """
        answer = Answer.from_value(body, status=status, content_type=content_type, headers=headers)
        self.script(Trouble(answer), times=times, path=path)

    def delay(self, seconds: float, *, times: int | None = 1, path: str | None = None) -> None:
        """Answer as usual, but later.

        Args:
            seconds: How much later.
            times: How many requests; `None` means all until `recover()`.
            path: Which path only; `None` means any.
        """
        self.script(Trouble(delay=seconds), times=times, path=path)

    def drip(
        self,
        seconds: float,
        *,
        piece: int = 1,
        headers: bool = False,
        times: int | None = 1,
        path: str | None = None,
    ) -> None:
        """Answer as usual, but a few bytes at a time.

        Args:
            seconds: The wait before each piece.
            piece: Bytes in a piece.
            headers: Whether status line and headers drip too.
            times: How many requests; `None` means all until `recover()`.
            path: Which path only; `None` means any.
        """
        trouble = Trouble(drip=seconds, piece=piece, drip_headers=headers)
        self.script(trouble, times=times, path=path)

    def drop(
        self, *, after: int | None = None, times: int | None = 1, path: str | None = None
    ) -> None:
        """Close the connection without an answer, or in the middle of one.

        Args:
            after: Bytes of the body to send first; `None` means not even the headers.
            times: How many requests; `None` means all until `recover()`.
            path: Which path only; `None` means any.
        """
        self.script(Trouble(drop=True, after=after), times=times, path=path)

    def recover(self) -> None:
        """Forget all trouble that is still in the queue."""
        with self._lock:
            self._entries.clear()

    def take(self, request: Request) -> Trouble | None:
        """Return what happens to a request, and count it; `None` means nothing.

        Args:
            request: The request.
        """
        with self._lock:
            for entry in self._entries:
                if entry.path in {None, request.path}:
                    if entry.left is not None:
                        entry.left -= 1
                        if not entry.left:
                            self._entries.remove(entry)
                    return entry.trouble
        return None
