"""The credits operation: its path, its parameters, its models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from at_client.api_client import ApiClient
from at_client.api_response import ApiResponse, RESTResponse
from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.headers import HeaderValue, check_headers, seal
from at_client.models.credit_response import CreditResponse
from at_client.models.error_response import ErrorResponse
from at_client.models.http_validation_error import HTTPValidationError
from at_client.rest import RESTResponseType

_RESPONSES = {"200": CreditResponse, "500": ErrorResponse, "422": HTTPValidationError}
"""Status -> model; an error with another status is read as the first of the error models that fits."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _hide_underscored(function: _Function) -> _Function:
    """Leave parameters that start with an underscore out of the signature that tools and agent frameworks read."""
    signature = inspect.signature(function, eval_str=True)
    shown = [each for each in signature.parameters.values() if not each.name.startswith("_")]
    function.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]  # PEP 362
    return function


class CreditsApi:
    """Reads the credits of an account: `GET /api/v1/credits`.

    Args:
        api_client: The client to call with; `None` for `ApiClient.get_default()`.

    Examples:
        >>> from at_client import ApiClient, Configuration, CreditsApi
        >>> from at_client.sandbox import Sandbox
        >>> with Sandbox() as sandbox:
        ...     configuration = Configuration(host=sandbox.url, access_token=sandbox.token)
        ...     with ApiClient(configuration) as client:
        ...         credits = CreditsApi(client).get_credits()
        >>> credits.total == credits.used + credits.remaining
        True
    """

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if api_client is not None and not hasattr(api_client, "call_api"):
            raise ApiTypeError(f"api_client must be an ApiClient, not {type(api_client).__name__}")
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def __repr__(self) -> str:
        return f"CreditsApi({self.api_client!r})"

    @_hide_underscored
    def get_credits(
        self,
        auth_token: str | None = None,
        timeout: float | tuple[float, float] | None = None,
        *,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> CreditResponse:
        """Get the credits of the account: total, used and remaining.

        It accepts the keywords of `get_credits_api_v1_credits_get` as well.

        Args:
            auth_token: Sent as the cookie `auth_token`; `None` sends none.
            timeout: Seconds for the whole call, or a pair (connect, read) for each attempt; `None` for
                `Configuration.timeout`.

        Raises:
            ApiException: The call failed; the class depends on how.
            ApiTypeError, ApiValueError: An argument is not usable, or there is no access token; nothing was sent.
        """
        auth_token, _request_auth, _headers = _seal(auth_token, _request_auth, _headers)
        timeout = _request_timeout if timeout is None else timeout
        response = self._call(auth_token, timeout, _request_auth, _content_type, _headers, _host_index)
        credits: CreditResponse = self.api_client.response_deserialize(response, _RESPONSES).data
        return credits

    def get_credits_api_v1_credits_get(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> CreditResponse:
        """Get the credits of the account: `GET /api/v1/credits`.

        Args:
            auth_token: Sent as the cookie `auth_token`; `None` sends none.
            _request_timeout: Seconds for the whole call, or a pair (connect, read) for each attempt; `None` for
                `Configuration.timeout`.
            _request_auth: Credentials to use instead of the access token: a mapping with `in` (`header`, `query` or
                `cookie`), `key` and `value`.
            _content_type: A `Content-Type` header to send; the request has no body that would need one.
            _headers: Headers of this call; these override the client's, case-insensitively, but not the credentials.
            _host_index: Which of the service's hosts; there is one, 0.

        Returns:
            The credits.

        Raises:
            ApiException: The call failed; the class depends on how.
            ApiTypeError, ApiValueError: An argument is not usable, or there is no access token; nothing was sent.
        """
        auth_token, _request_auth, _headers = _seal(auth_token, _request_auth, _headers)
        response = self._call(auth_token, _request_timeout, _request_auth, _content_type, _headers, _host_index)
        credits: CreditResponse = self.api_client.response_deserialize(response, _RESPONSES).data
        return credits

    def get_credits_api_v1_credits_get_with_http_info(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[CreditResponse]:
        """Get the credits with status, headers and raw body; otherwise as `get_credits_api_v1_credits_get`."""
        auth_token, _request_auth, _headers = _seal(auth_token, _request_auth, _headers)
        response = self._call(auth_token, _request_timeout, _request_auth, _content_type, _headers, _host_index)
        return self.api_client.response_deserialize(response, _RESPONSES)

    def get_credits_api_v1_credits_get_without_preload_content(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> RESTResponseType:
        """Get urllib3's response, unread and whatever its status; otherwise as `get_credits_api_v1_credits_get`.

        The deadline still applies while you read it. Read it to the end or close it, so that its connection is
        returned to the pool.
        """
        auth_token, _request_auth, _headers = _seal(auth_token, _request_auth, _headers)
        unread = {"_preload_content": False}
        sent = self._call(auth_token, _request_timeout, _request_auth, _content_type, _headers, _host_index, **unread)
        response: RESTResponseType = sent.response
        return response

    def _call(
        self,
        auth_token: Any,
        timeout: float | tuple[float, float] | None,
        request_auth: Any,
        content_type: str | None,
        headers: Any,
        host_index: int,
        **options: Any,
    ) -> RESTResponse:
        """Serialize the request and send it."""
        _check("_content_type", content_type, str, "a str")
        if type(host_index) is not int or host_index != 0:
            raise ApiValueError(f"_host_index must be 0, the only host; not {host_index!r}")
        given = {"Accept": "application/json", **headers}
        if content_type is not None:
            given["Content-Type"] = content_type
        cookies: dict[str, Any] = {} if auth_token is None else {"cookie_params": {"auth_token": auth_token}}
        request = self.api_client.param_serialize(
            "GET",
            "/api/v1/credits",
            header_params=given,
            auth_settings=["OAuth2PasswordBearer"],
            _request_auth=request_auth,
            **cookies,
        )
        return self.api_client.call_api(*request, _request_timeout=timeout, **options)


def _seal(auth_token: Any, request_auth: Any, headers: Any) -> tuple[Any, Any, dict[str, HeaderValue]]:
    """Check what may be secret among the arguments, and wrap it: no frame of a failed call shows it."""
    _check("auth_token", auth_token, str, "a str")
    _check("_request_auth", request_auth, Mapping, "a mapping with in, key and value")
    _check("_headers", headers, Mapping, "a mapping of names to values")
    return seal(auth_token), seal(request_auth), check_headers(headers) if headers else {}


def _check(name: str, value: object, kind: type, allowed: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise ApiTypeError(f"{name} must be {allowed} or None, not {type(value).__name__}")
