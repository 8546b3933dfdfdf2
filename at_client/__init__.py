"""The Python client for the credits endpoint of the Agent Toolkit API.

Examples:
    >>> import at_client
    >>> configuration = at_client.Configuration(access_token="s3cr3t")
    >>> with at_client.ApiClient(configuration) as api_client:
    ...     api = at_client.CreditsApi(api_client)
"""

from at_client.api.credits_api import CreditsApi
from at_client.api_client import ApiClient
from at_client.api_response import ApiResponse
from at_client.configuration import Configuration
from at_client.exceptions import (
    ApiAttributeError,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiKeyError,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    OpenApiException,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from at_client.models import (
    CreditResponse,
    ErrorResponse,
    HTTPValidationError,
    ValidationError,
)
from at_client.version import __version__

__all__ = [
    "ApiAttributeError",
    "ApiClient",
    "ApiConnectionException",
    "ApiDecodeException",
    "ApiException",
    "ApiKeyError",
    "ApiResponse",
    "ApiTimeoutException",
    "ApiTypeError",
    "ApiValueError",
    "BadRequestException",
    "Configuration",
    "ConflictException",
    "CreditResponse",
    "CreditsApi",
    "ErrorResponse",
    "ForbiddenException",
    "HTTPValidationError",
    "NotFoundException",
    "OpenApiException",
    "ServiceException",
    "TooManyRequestsException",
    "UnauthorizedException",
    "UnprocessableEntityException",
    "ValidationError",
    "__version__",
]
