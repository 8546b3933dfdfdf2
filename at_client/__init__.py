"""The Python client for the credits endpoint of the Agent Toolkit API.

Every name is resolved on first use (PEP 562), so that importing the package costs next to nothing; type checkers see
all of them.

Examples:
    >>> import at_client
    >>> configuration = at_client.Configuration(access_token="s3cr3t")
    >>> with at_client.ApiClient(configuration) as api_client:
    ...     api = at_client.CreditsApi(api_client)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from at_client.version import __version__ as __version__

if TYPE_CHECKING:
    from at_client.api.credits_api import CreditsApi as CreditsApi
    from at_client.api_client import ApiClient as ApiClient
    from at_client.api_response import ApiResponse as ApiResponse
    from at_client.auth import PasswordGrant as PasswordGrant
    from at_client.configuration import Configuration as Configuration
    from at_client.exceptions import ApiAttributeError as ApiAttributeError
    from at_client.exceptions import ApiConnectionException as ApiConnectionException
    from at_client.exceptions import ApiDecodeException as ApiDecodeException
    from at_client.exceptions import ApiException as ApiException
    from at_client.exceptions import ApiKeyError as ApiKeyError
    from at_client.exceptions import ApiTimeoutException as ApiTimeoutException
    from at_client.exceptions import ApiTypeError as ApiTypeError
    from at_client.exceptions import ApiValueError as ApiValueError
    from at_client.exceptions import BadRequestException as BadRequestException
    from at_client.exceptions import ConflictException as ConflictException
    from at_client.exceptions import ForbiddenException as ForbiddenException
    from at_client.exceptions import NotFoundException as NotFoundException
    from at_client.exceptions import OpenApiException as OpenApiException
    from at_client.exceptions import ServiceException as ServiceException
    from at_client.exceptions import TooManyRequestsException as TooManyRequestsException
    from at_client.exceptions import UnauthorizedException as UnauthorizedException
    from at_client.exceptions import UnprocessableEntityException as UnprocessableEntityException
    from at_client.models.credit_response import CreditResponse as CreditResponse
    from at_client.models.error_response import ErrorResponse as ErrorResponse
    from at_client.models.http_validation_error import HTTPValidationError as HTTPValidationError
    from at_client.models.validation_error import ValidationError as ValidationError

_HOMES = {
    "api.credits_api": ("CreditsApi",),
    "api_client": ("ApiClient",),
    "auth": ("PasswordGrant",),
    "api_response": ("ApiResponse",),
    "configuration": ("Configuration",),
    "exceptions": (
        "ApiAttributeError",
        "ApiConnectionException",
        "ApiDecodeException",
        "ApiException",
        "ApiKeyError",
        "ApiTimeoutException",
        "ApiTypeError",
        "ApiValueError",
        "BadRequestException",
        "ConflictException",
        "ForbiddenException",
        "NotFoundException",
        "OpenApiException",
        "ServiceException",
        "TooManyRequestsException",
        "UnauthorizedException",
        "UnprocessableEntityException",
    ),
    "models": ("CreditResponse", "ErrorResponse", "HTTPValidationError", "ValidationError"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}
_SUBMODULES = ("api", "api_client", "api_response", "auth", "configuration", "exceptions", "models", "rest", "sandbox")

__all__ = [*sorted(_MODULE_OF), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]  # it reads the imports above


def __getattr__(name: str) -> Any:
    """Import what a public name stands for, and keep it."""
    if name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES})
