"""The body of a failed call."""

from __future__ import annotations

from at_client.models.base import ApiModel


class ErrorResponse(ApiModel):
    """What the service says about a failure."""

    detail: str
    """What went wrong, for a person."""

    code: str | None = None
    """What went wrong, for a program."""

    errors: dict[str, list[str]] | None = None
    """What is wrong with which field."""
