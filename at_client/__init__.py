"""The Python client for the credits endpoint of the Agent Toolkit API.

Every name is resolved on first use (PEP 562), so that importing the package costs next to nothing; type checkers see
all of them.

Examples:
    >>> import at_client
    >>> configuration = at_client.Configuration(access_token="s3cr3t")
    >>> with at_client.ApiClient(configuration) as api_client:
    ...     api = at_client.CreditsApi(api_client)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from at_client.api.credits_api import CreditsApi as CreditsApi
    from at_client.api_client import ApiClient as ApiClient
    from at_client.api_response import ApiResponse as ApiResponse
    from at_client.auth import PasswordGrant as PasswordGrant
    from at_client.configuration import Configuration as Configuration
    from at_client.exceptions import *  # noqa: F403  # each name stands once, below
    from at_client.models import *  # noqa: F403  # the same

__version__ = "1.0.0"

_NAMES = {
    "api.credits_api": "CreditsApi",
    "api_client": "ApiClient",
    "api_response": "ApiResponse",
    "auth": "PasswordGrant",
    "configuration": "Configuration",
    "exceptions": "ApiAttributeError ApiConnectionException ApiDecodeException ApiException ApiKeyError "
    "ApiTimeoutException ApiTypeError ApiValueError BadRequestException ConflictException ForbiddenException "
    "NotFoundException OpenApiException ServiceException TooManyRequestsException UnauthorizedException "
    "UnprocessableEntityException",
    "models": "CreditResponse ErrorResponse HTTPValidationError ValidationError",
}
_MODULE_OF = {
    name: module for module, names in _NAMES.items() for name in names.split()
}
_SUBMODULES = (
    "api",
    "api_client",
    "api_response",
    "auth",
    "configuration",
    "exceptions",
    "models",
    "rest",
    "sandbox",
)

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
