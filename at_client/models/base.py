"""What all models share: how they read and write JSON, and what a whole number is."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, GetPydanticSchema
from pydantic_core import CoreSchema, core_schema, to_jsonable_python
from typing_extensions import Self


# Errors hide the input: a body may echo what a caller sent, and that may be a secret.
class ApiModel(
    BaseModel,
    extra="allow",
    strict=True,
    validate_assignment=True,
    hide_input_in_errors=True,
):
    """A JSON object of the API; fields that the service adds later are kept.

    Values are checked strictly, as JSON Schema would: a string is not a number. A value that does not fit, and text
    that is not JSON, raise pydantic's `ValidationError`, which names the field.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by their names on the wire; a field that is `None` only if it was given."""
        kept = {
            **self.model_dump(exclude_none=True),
            **self.model_dump(exclude_unset=True),
        }
        return {
            name: kept[name] for name in self.model_dump() if name in kept
        }  # in the order of the fields

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(to_jsonable_python(self.to_dict(), inf_nan_mode="null"))

    def to_str(self) -> str:
        """Return `to_dict()` laid out for reading."""
        from pprint import pformat  # few need it

        return pformat(self.to_dict())

    def model_copy(
        self, *, update: Mapping[str, Any] | None = None, deep: bool = False
    ) -> Self:
        """Return a copy; `update` accepts the names on the wire as well."""
        names = {
            field.serialization_alias: name
            for name, field in type(self).model_fields.items()
        }
        return super().model_copy(
            update={names.get(key, key): item for key, item in (update or {}).items()},
            deep=deep,
        )

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Make the model from a dictionary by names on the wire or attribute names; `None` gives `None`."""
        return None if obj is None else cls.model_validate(obj)

    @classmethod
    def from_json(cls, json_str: str | bytes) -> Self | None:
        """Make the model from JSON text; `null` gives `None`."""
        return (
            None
            if json_str.strip() in ("null", b"null")
            else cls.model_validate_json(json_str)
        )


def _integral(value: float) -> int:
    if not value.is_integer():
        raise ValueError("not integral")  # told by the custom error of WholeNumber
    return int(value)


def _whole_number_schema(_source: Any, _handler: Any) -> CoreSchema:
    """Accept `1000` and `1000.0`; reject `12.5`, `"1000"` and `true` (JSON Schema 2020-12, validation 6.1.1)."""
    integral = core_schema.no_info_after_validator_function(
        _integral, core_schema.float_schema(strict=True)
    )
    choices: Any = [core_schema.int_schema(strict=True), integral]
    words: Any = {
        "custom_error_type": "whole_number",
        "custom_error_message": "Input should be a whole number",
    }
    return core_schema.union_schema(choices, mode="left_to_right", **words)


WholeNumber = Annotated[int, GetPydanticSchema(_whole_number_schema)]
"""An integer as JSON Schema defines it."""
