"""The body of a failed call."""

from at_client.models.base import ApiModel


class ErrorResponse(ApiModel):
    """What the service says about a failure.

    Attributes:
        detail: What went wrong, for a person.
        code: What went wrong, for a program.
        errors: What is wrong with which field.
    """

    detail: str
    code: str | None = None
    errors: dict[str, list[str]] | None = None
