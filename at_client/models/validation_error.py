"""One parameter that the service refused."""

from __future__ import annotations

from typing import Any

from at_client.models.base import ApiModel, WholeNumber


class ValidationError(ApiModel):
    """What is wrong with one parameter, in FastAPI's form."""

    loc: list[str | WholeNumber]
    """The way to the parameter: where it was looked for (`query`, `cookie`, `body` ...), then names and indices."""

    msg: str
    """What is wrong, for a person."""

    type: str
    """What is wrong, for a program."""

    input: Any = None
    """The refused value."""

    ctx: dict[str, Any] | None = None
    """The limits that were not kept."""
