"""What the API says: one model a file, loaded when it is first asked for (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from at_client.models.credit_response import CreditResponse as CreditResponse
    from at_client.models.error_response import ErrorResponse as ErrorResponse
    from at_client.models.http_validation_error import HTTPValidationError as HTTPValidationError
    from at_client.models.validation_error import ValidationError as ValidationError

_MODULE_OF = {
    "CreditResponse": "credit_response",
    "ErrorResponse": "error_response",
    "HTTPValidationError": "http_validation_error",
    "ValidationError": "validation_error",
}

__all__ = ["CreditResponse", "ErrorResponse", "HTTPValidationError", "ValidationError"]


def __getattr__(name: str) -> Any:
    """Import a model, or the module that it is in, and keep it."""
    home = _MODULE_OF.get(name, name)
    if home not in _MODULE_OF.values():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{home}")
    globals()[name] = getattr(module, name, module)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*_MODULE_OF, *_MODULE_OF.values(), *globals()})
