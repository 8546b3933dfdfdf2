"""What a call answers when the model alone is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """A successful response: the typed data, and what it came with.

    Headers and raw bytes stay out of the `repr`: a service may send secrets in them.
    """

    status_code: int
    """The HTTP status, 200 to 299."""

    data: T
    """The body as the promised type; `None` if the operation promises no body."""

    headers: Mapping[str, str]
    """The response headers, looked up without regard to case."""

    raw_data: bytes
    """The body as it came, decompressed."""

    def __init__(
        self, status_code: int, data: T, headers: Mapping[str, str], raw_data: bytes
    ) -> None:
        self.status_code = status_code
        self.data = data
        self.headers = headers
        self.raw_data = raw_data

    def __repr__(self) -> str:
        return f"ApiResponse(status_code={self.status_code!r}, data={self.data!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiResponse) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # what can be changed and compares by its parts has none
