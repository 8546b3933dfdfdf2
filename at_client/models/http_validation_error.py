"""The body of a 422."""

from __future__ import annotations

from at_client.models.base import ApiModel
from at_client.models.validation_error import ValidationError


class HTTPValidationError(ApiModel):
    """The parameters that the service refused; some services put one sentence in place of the list."""

    detail: list[ValidationError] | str | None = None
    """One entry a parameter, or a sentence."""
