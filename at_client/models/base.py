"""What all models share: how they read and write JSON, and what a whole number is."""

import json
from pprint import pformat
from typing import Annotated, Any, overload

from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError, to_jsonable_python
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


def read_whole_number(value: object) -> int:
    """Return an integer, also from a float without a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value

    if isinstance(value, float) and value.is_integer():
        return int(value)

    raise PydanticCustomError("whole_number", "Input should be a whole number")


WholeNumber = Annotated[int, BeforeValidator(read_whole_number)]
"""An integer as JSON Schema defines it (draft 2020-12, validation, section 6.1.1):
`1000` and `1000.0` are whole numbers; `12.5`, `"1000"` and `true` are not."""
