"""What a call answers when the model alone is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """A successful response: the typed data, and what it came with.

    Headers and raw bytes stay out of the `repr`: a service may send secrets in them.
    """

    status_code: int
    """The HTTP status, 200 to 299."""

    data: T
    """The body as the promised type; `None` if the operation promises no body."""

    headers: Mapping[str, str] = field(repr=False)
    """The response headers, looked up without regard to case."""

    raw_data: bytes = field(repr=False)
    """The body as it came, decompressed."""
