"""One parameter that the service rejected."""

from typing import Annotated, Any

from pydantic import AfterValidator

from at_client.models.base import ApiModel, WholeNumber


class LocationName(str):
    """A name in the path to a parameter."""

    __slots__ = ()
    actual_instance = property(str, doc="The same `str`: generated clients wrap it.")


class LocationIndex(int):
    """An index in the path to a parameter."""

    __slots__ = ()
    actual_instance = property(int, doc="The same `int`: generated clients wrap it.")


class ValidationError(ApiModel):
    """What is wrong with one parameter, in FastAPI's form.

    Attributes:
        loc: The path to the parameter: where it belongs (`query`, `cookie` ...), then names and indices.
        msg: What is wrong, for a person.
        type: What is wrong, for a program.
        input: The rejected value.
        ctx: The limits that it broke.
    """

    loc: list[
        Annotated[str, AfterValidator(LocationName)]
        | Annotated[WholeNumber, AfterValidator(LocationIndex)]
    ]
    msg: str
    type: str
    input: Any = None
    ctx: dict[str, Any] | None = None
