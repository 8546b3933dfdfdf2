"""One parameter that the service refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from at_client.models.base import ApiModel, WholeNumber


class LocationName(str):
    """A name on the way to a parameter."""

    __slots__ = ()

    @property
    def actual_instance(self) -> str:
        """The same `str`: generated clients wrap it."""
        return str(self)


class LocationIndex(int):
    """An index on the way to a parameter."""

    __slots__ = ()

    @property
    def actual_instance(self) -> int:
        """The same `int`: generated clients wrap it."""
        return int(self)


class ValidationError(ApiModel):
    """What is wrong with one parameter, in FastAPI's form."""

    loc: list[Annotated[str, AfterValidator(LocationName)] | Annotated[WholeNumber, AfterValidator(LocationIndex)]]
    """The way to the parameter: where it was looked for (`query`, `cookie`, `body` ...), then names and indices."""

    msg: str
    """What is wrong, for a person."""

    type: str
    """What is wrong, for a program."""

    input: Any = None
    """The refused value."""

    ctx: dict[str, Any] | None = None
    """The limits that were not kept."""
