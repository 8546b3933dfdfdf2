"""One parameter that the service rejected."""

from typing import Any

from at_client.models.base import ApiModel, WholeNumber


class ValidationError(ApiModel):
    """What is wrong with one parameter, in FastAPI's form.

    Attributes:
        loc: The path to the parameter: where it belongs (`query`, `cookie` and so on),
            then names and indices.
        msg: What is wrong, for a person.
        type: What is wrong, for a program.
        input: The rejected value.
        ctx: The limits that it broke.
    """

    loc: list[str | WholeNumber]
    msg: str
    type: str
    input: Any = None
    ctx: dict[str, Any] | None = None
