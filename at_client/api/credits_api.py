"""The credits operation: its path, its parameters, its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from at_client import models
from at_client.api_client import ApiClient
from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.fields import Headers
from at_client.models.credit_response import CreditResponse
from at_client.sealed import Secret, conceal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from at_client.api_response import ApiResponse
    from at_client.rest import RESTResponse, RESTResponseType

_ACCEPT = Headers({"Accept": "application/json"})
_RESPONSES = {
    "200": CreditResponse,
    "422": lambda: models.HTTPValidationError,
    "500": lambda: models.ErrorResponse,
}
"""Status -> model; those of errors are loaded for the first error, which most programs never meet."""


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
            _request_auth: Credentials to use in place of the access token: a mapping with `in` (`header`, `query` or
                `cookie`), `key` and `value`.
            _content_type: A `Content-Type` header to send; the request has no body that would need one.
            _headers: Headers of this call; they go before the client's, whatever their case.
            _host_index: Which of the service's hosts; there is one, 0.

        Returns:
            The credits.

        Raises:
            ApiException: The call failed; the subclass says how.
            ApiTypeError, ApiValueError: An argument or a setting is not usable; nothing was sent.
        """
        auth_token, _request_auth, _headers = map(conceal, (auth_token, _request_auth, _headers))
        response = self._call(
            auth_token, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
        credits: CreditResponse = self.api_client.response_deserialize(response, _RESPONSES).data
        return credits

    get_credits = get_credits_api_v1_credits_get

    def get_credits_api_v1_credits_get_with_http_info(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[CreditResponse]:
        """Get the credits with status, headers and raw body; all else as `get_credits`."""
        auth_token, _request_auth, _headers = map(conceal, (auth_token, _request_auth, _headers))
        response = self._call(
            auth_token, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
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
        """Get urllib3's response, unread and whatever its status; all else as `get_credits`.

        The deadline goes on while you read it; read it to the end or close it, so that its connection is given back.
        """
        auth_token, _request_auth, _headers = map(conceal, (auth_token, _request_auth, _headers))
        return self._call(
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
            preload=False,
        ).response

    def _call(
        self,
        auth_token: Any,
        timeout: float | tuple[float, float] | None,
        request_auth: Any,
        content_type: str | None,
        headers: Any,
        host_index: int,
        *,
        preload: bool = True,
    ) -> RESTResponse:
        _check("auth_token", auth_token, Secret, "a str")
        _check("_request_auth", request_auth, dict, "a mapping with in, key and value")
        _check("_content_type", content_type, str, "a str")
        _check("_headers", headers, dict, "a mapping of names to values")
        if type(host_index) is not int or host_index != 0:
            raise ApiValueError(f"_host_index must be 0, the one host there is; not {host_index!r}")
        given = _ACCEPT
        if content_type is not None:
            given |= Headers({"Content-Type": content_type})
        if headers:
            given |= Headers(headers)
        request = self.api_client.param_serialize(
            "GET",
            "/api/v1/credits",
            header_params=given,
            cookie_params=None if auth_token is None else {"auth_token": auth_token},
            auth_settings=("OAuth2PasswordBearer",),
            _request_auth=request_auth,
        )
        return self.api_client.call_api(
            *request, _request_timeout=timeout, _preload_content=preload
        )


def _check(name: str, value: object, kind: type, allowed: str) -> None:
    """Refuse an argument of the wrong type; texts come sealed."""
    if value is not None and not isinstance(value, kind):
        raise ApiTypeError(f"{name} must be {allowed} or None, not {type(value).__name__}")
