"""What all models share: how they read and write JSON, and what a whole number is."""

import json
from typing import Annotated, Any, overload

from pydantic import BaseModel, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema, to_jsonable_python
from typing_extensions import Self


# Errors hide the input: a body may echo what a caller sent, and that may be a secret.
class ApiModel(
    BaseModel,
    extra="allow",
    serialize_by_alias=True,  # for models that inherit from ours
    strict=True,
    validate_assignment=True,
    hide_input_in_errors=True,
):
    """A JSON object of the API; fields that the service adds later are kept.

    Values are checked strictly, as JSON Schema would: a string is not a number. A value
    that does not fit, and text that is not JSON, raise pydantic's `ValidationError`, a
    `ValueError` that names the field.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name; a `None` is left out unless it was given."""
        known = self.model_dump(exclude_none=True)
        given = self.model_dump(exclude_unset=True)
        return known | given

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text; a number that JSON does not have is null."""
        return json.dumps(to_jsonable_python(self.to_dict(), inf_nan_mode="null"))

    def to_str(self) -> str:
        """Return `to_dict()` laid out for reading."""
        from pprint import pformat  # few need it

        return pformat(self.to_dict())

    @overload
    @classmethod
    def from_dict(cls, obj: dict[str, Any]) -> Self: ...

    @overload
    @classmethod
    def from_dict(cls, obj: None) -> None: ...

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Make the model from a dictionary; `None` gives `None`.

        Raises:
            pydantic.ValidationError: A field is missing, or has the wrong type.
        """
        if obj is None:
            return None

        return cls.model_validate(obj)

    @classmethod
    def from_json(cls, json_str: str | bytes) -> Self | None:
        """Make the model from JSON text; the text `null` gives `None`.

        Raises:
            pydantic.ValidationError: The text is not JSON, or a field is missing or has
                the wrong type.
        """
        if json_str.strip() in ("null", b"null"):
            return None

        return cls.model_validate_json(json_str)


def make_whole_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    """Return the rule of a whole number; all of it is checked outside of Python."""
    integer = core_schema.int_schema(strict=True)
    number = core_schema.float_schema(strict=True)
    no_fraction = core_schema.int_schema(strict=False)
    return core_schema.union_schema(
        [integer, core_schema.chain_schema([number, no_fraction])],
        mode="left_to_right",
        custom_error_type="whole_number",
        custom_error_message="Input should be a whole number",
    )


WholeNumber = Annotated[
    int,
    GetPydanticSchema(make_whole_schema),
    WithJsonSchema({"type": "integer"}),
]
"""An integer as JSON Schema defines it (draft 2020-12, validation, section 6.1.1):
`1000` and `1000.0` are whole numbers; `12.5`, `"1000"` and `true` are not, nor is a
number with a point beyond 64 bits, which is not exact."""
