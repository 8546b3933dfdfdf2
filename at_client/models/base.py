"""What all models share: how they read and write JSON, and what a whole number is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, to_json

if TYPE_CHECKING:
    from typing_extensions import Self


class ApiModel(BaseModel):
    """A JSON object of the API; what the service adds to it later is kept.

    Values are checked strictly, as JSON Schema would: a string is no number. pydantic's `ValidationError` names the
    field at fault.
    """

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        validate_assignment=True,
        populate_by_name=True,
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
        return {
            name: _plain(value) for name, value in {**known, **(self.model_extra or {})}.items()
        }

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return to_json(self.to_dict(), inf_nan_mode="null").decode("utf-8")

    def to_str(self) -> str:
        """Return `to_dict()` laid out for reading."""
        from pprint import pformat  # for who asks for it

        return pformat(self.to_dict())

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Make the model of a dictionary by wire names or attribute names.

        Args:
            obj: The dictionary; `None` gives `None`.

        Raises:
            pydantic.ValidationError: A field is missing or has the wrong type.
        """
        return None if obj is None else cls.model_validate(obj)

    @classmethod
    def from_json(cls, json_str: str | bytes) -> Self:
        """Make the model of JSON text.

        Raises:
            pydantic.ValidationError: This is no JSON, or a field is missing or has the wrong type.
        """
        return cls.model_validate_json(json_str)


def _plain(value: Any) -> Any:
    """Copy a value, models inside it as dictionaries."""
    if isinstance(value, ApiModel):
        return value.to_dict()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _integral(value: float) -> int:
    if not value.is_integer():
        raise ValueError("not integral")  # told by the custom error of WholeNumber
    return int(value)


class _WholeNumberSchema:
    """Accept `1000` and `1000.0`; refuse `12.5`, `"1000"` and `true` (JSON Schema 2020-12, validation 6.1.1)."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
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
