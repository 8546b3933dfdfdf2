"""The body of a 422."""

from at_client.models.base import ApiModel
from at_client.models.validation_error import ValidationError


class HTTPValidationError(ApiModel):
    """The parameters that the service rejected.

    Attributes:
        detail: One entry per problem; it can be one sentence instead.
    """

    detail: list[ValidationError] | str | None = None
