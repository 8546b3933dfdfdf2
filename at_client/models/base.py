"""What all models share: how they read and write JSON, and what a whole number is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, to_jsonable_python
from typing_extensions import Self


class ApiModel(BaseModel):
    """A JSON object of the API; fields that the service adds later are kept.

    Values are checked strictly, as JSON Schema would: a string is not a number. pydantic's `ValidationError` names the
    field at fault. Whatever writes the model speaks the names on the wire.
    """

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        validate_assignment=True,
        populate_by_name=True,
        serialize_by_alias=True,
        # A body may echo what a caller sent, and that may be a secret.
        hide_input_in_errors=True,
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by their names on the wire; a field that is `None` only if it was given."""
        known = {
            field.serialization_alias or name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name in self.model_fields_set or getattr(self, name) is not None
        }
        return {name: _write(value) for name, value in {**known, **(self.model_extra or {})}.items()}

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(to_jsonable_python(self.to_dict(), inf_nan_mode="null"))

    def to_str(self) -> str:
        """Return `to_dict()` laid out for reading."""
        from pprint import pformat  # few need it

        return pformat(self.to_dict())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; `update` accepts the names on the wire as well."""
        names = {field.serialization_alias: name for name, field in type(self).model_fields.items()}
        renamed = {names.get(name, name): value for name, value in (update or {}).items()}
        return super().model_copy(update=renamed, deep=deep)

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Make the model from a dictionary by names on the wire or attribute names.

        Args:
            obj: The dictionary; `None` gives `None`.

        Raises:
            pydantic.ValidationError: A field is missing or has the wrong type.
        """
        return None if obj is None else cls.model_validate(obj)

    @classmethod
    def from_json(cls, json_str: str | bytes) -> Self | None:
        """Make the model from JSON text; `null` gives `None`.

        Raises:
            pydantic.ValidationError: This is not JSON, or a field is missing or has the wrong type.
        """
        return None if json_str.strip() in ("null", b"null") else cls.model_validate_json(json_str)


def _write(value: Any) -> Any:
    """Copy a value, models inside it as dictionaries."""
    if isinstance(value, ApiModel):
        return value.to_dict()
    if isinstance(value, dict):
        return {name: _write(item) for name, item in value.items()}
    return [_write(item) for item in value] if isinstance(value, list) else value


def _integral(value: float) -> int:
    if not value.is_integer():
        raise ValueError("not integral")  # told by the custom error of WholeNumber
    return int(value)


class _WholeNumberSchema:
    """Accept `1000` and `1000.0`; refuse `12.5`, `"1000"` and `true` (JSON Schema 2020-12, validation 6.1.1)."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.int_schema(strict=True),
                core_schema.no_info_after_validator_function(
                    _integral, core_schema.float_schema(strict=True, allow_inf_nan=False)
                ),
            ],
            mode="left_to_right",
            custom_error_type="whole_number",
            custom_error_message="Input should be a whole number",
        )


WholeNumber = Annotated[int, _WholeNumberSchema]
"""An integer as JSON Schema has it."""
