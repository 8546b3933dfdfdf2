"""The credits operation: its path, its parameters, its models."""

import inspect
from collections.abc import Mapping
from typing import Any

from at_client.api_client import ApiClient
from at_client.api_response import ApiResponse, RESTResponse
from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.headers import Secret, check_headers, seal
from at_client.models.credit_response import CreditResponse
from at_client.models.error_response import ErrorResponse
from at_client.models.http_validation_error import HTTPValidationError
from at_client.rest import RESTResponseType

_RESPONSES = {"200": CreditResponse, "500": ErrorResponse, "422": HTTPValidationError}
"""Status -> model; an error with another status is read as the first of the error models that fits."""

_ALLOWED: tuple[tuple[str, Any, str], ...] = (
    ("auth_token", (str, Secret), "a str"),
    ("_request_auth", Mapping, "a mapping with in, key and value"),
    ("_content_type", (str, Secret), "a str"),
    ("_headers", Mapping, "a mapping of names to values"),
)
"""Arguments, the types that they can have, and what to call these."""


class CreditsApi:
    """Reads the credits of an account: `GET /api/v1/credits`.

    Args:
        api_client: The client to call with; `None` for `ApiClient.get_default()`.

    Examples:
        >>> from at_client import ApiClient, Configuration, CreditsApi
        >>> from at_client.sandbox import Sandbox
        >>> with Sandbox() as sandbox:
        ...     configuration = Configuration(
        ...         host=sandbox.url, access_token=sandbox.token
        ...     )
        ...     with ApiClient(configuration) as client:
        ...         credits = CreditsApi(client).get_credits()
        >>> credits.total == credits.used + credits.remaining
        True
    """

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if api_client is not None and not hasattr(api_client, "call_api"):
            raise ApiTypeError(
                f"api_client must be an ApiClient, not {type(api_client).__name__}"
            )
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def __repr__(self) -> str:
        return f"CreditsApi({self.api_client!r})"

    def get_credits(
        self,
        auth_token: str | None = None,
        timeout: float | tuple[float, float] | None = None,
        **_options: Any,
    ) -> CreditResponse:
        """Get the credits of the account: total, used and remaining.

        Args:
            auth_token: Sent as the cookie `auth_token`; `None` sends none.
            timeout: Seconds for the whole call, or a pair (connect, read) for each attempt; `None` for
                `Configuration.timeout`.
            **_options: Any keyword of `get_credits_api_v1_credits_get`.

        Raises:
            ApiException: The call failed; see the class for how.
            ApiTypeError, ApiValueError: An argument is invalid, or there is no access token; nothing was sent.
        """
        auth_token, _options = (
            seal(auth_token),
            seal({"_request_timeout": timeout, **_options}),
        )
        return self.get_credits_api_v1_credits_get(auth_token, **_options)

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
            _headers: Headers for this call. They override the client's, case-insensitively, but not the credentials.
            _host_index: Must be 0: the API has one server.

        Returns:
            The credits.

        Raises:
            ApiException: The call failed; see the class for how.
            ApiTypeError, ApiValueError: An argument is invalid, or there is no access token; nothing was sent.
        """
        auth_token, _request_auth, _headers = _seal(
            auth_token, _request_auth, _content_type, _headers
        )
        response = self._call(
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        return self.api_client.response_deserialize(response, _RESPONSES).data  # type: ignore[no-any-return]  # by the map

    def get_credits_api_v1_credits_get_with_http_info(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[CreditResponse]:
        """Like `get_credits_api_v1_credits_get`, but return an `ApiResponse` with status, headers and raw body."""
        auth_token, _request_auth, _headers = _seal(
            auth_token, _request_auth, _content_type, _headers
        )
        response = self._call(
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
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
        """Like `get_credits_api_v1_credits_get`, but return urllib3's response, unread, whatever its status.

        The deadline still applies while you read it. Read it to the end or close it, so that its connection is
        returned to the pool.
        """
        auth_token, _request_auth, _headers = _seal(
            auth_token, _request_auth, _content_type, _headers
        )
        given = (
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        return self._call(*given, _preload_content=False).response  # type: ignore[no-any-return]  # urllib3's

    def _call(self, *given: Any, **options: Any) -> RESTResponse:
        """Serialize the request and send it."""
        auth_token, timeout, request_auth, content_type, headers, host_index = given
        cookies: Any = (
            {} if auth_token is None else {"cookie_params": {"auth_token": auth_token}}
        )
        content_type = {} if content_type is None else {"Content-Type": content_type}
        if type(host_index) is not int or host_index != 0:
            raise ApiValueError(
                f"_host_index must be 0, the only host; not {host_index!r}"
            )
        request = self.api_client.param_serialize(
            "GET",
            "/api/v1/credits",
            header_params={"Accept": "application/json", **headers, **content_type},
            auth_settings=["OAuth2PasswordBearer"],
            _request_auth=request_auth,
            **cookies,
        )
        return self.api_client.call_api(*request, _request_timeout=timeout, **options)


def _seal(
    auth_token: Any, request_auth: Any, content_type: Any, headers: Any
) -> tuple[Any, Any, Any]:
    """Check what may be secret among the arguments, and wrap it: no frame of a failed call shows it."""
    for value, (name, kinds, allowed) in zip(
        (auth_token, request_auth, content_type, headers), _ALLOWED, strict=True
    ):
        if value is not None and not isinstance(value, kinds):
            raise ApiTypeError(
                f"{name} must be {allowed} or None, not {type(value).__name__}"
            )
    return (
        seal(auth_token),
        request_auth and seal(dict(request_auth)),
        check_headers(headers) if headers else {},
    )


# Tools and agent frameworks read this signature; what starts with an underscore is not for them.
_signature = inspect.signature(CreditsApi.get_credits)
_shown = [
    parameter
    for name, parameter in _signature.parameters.items()
    if not name.startswith("_")
]
CreditsApi.get_credits.__signature__ = _signature.replace(parameters=_shown)  # type: ignore[attr-defined]  # PEP 362
