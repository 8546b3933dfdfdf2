"""What the API says, one model per file."""

from at_client.models.credit_response import CreditResponse
from at_client.models.error_response import ErrorResponse
from at_client.models.http_validation_error import HTTPValidationError
from at_client.models.validation_error import ValidationError

__all__ = ["CreditResponse", "ErrorResponse", "HTTPValidationError", "ValidationError"]
