"""The credits operation: its path, its parameters, its models."""

from collections.abc import Mapping
from typing import Any

from at_client.api_client import ApiClient
from at_client.api_response import ApiResponse, RESTResponse
from at_client.checks import check_timeout
from at_client.clock import ReadLater
from at_client.exceptions import ApiTypeError, ApiValueError, drop_frames
from at_client.headers import check_header_value, check_headers, merge_headers
from at_client.models.credit_response import CreditResponse
from at_client.models.error_response import ErrorResponse
from at_client.models.http_validation_error import HTTPValidationError
from at_client.rest import RESTResponseType

PATH = "/api/v1/credits"

RESPONSE_TYPES: dict[str, Any] = {
    "200": CreditResponse,
    "500": ErrorResponse,
    "422": HTTPValidationError,
}
"""Status -> model; an error with another status is read as the first error model that
fits."""


class CreditsApi:
    """Reads the credits of an account: `GET /api/v1/credits`.

    Args:
        api_client: The client to call with; `None` for `ApiClient.get_default()`.

    Examples:
        >>> from at_client import ApiClient, Configuration, CreditsApi
        >>> from at_client.sandbox import Sandbox
        >>> with Sandbox() as sandbox:
        ...     configuration = Configuration(sandbox.url, sandbox.token)
        ...     with ApiClient(configuration) as client:
        ...         credits = CreditsApi(client).get_credits()
        >>> credits.total == credits.used + credits.remaining
        True
    """

    def __init__(self, api_client: ApiClient | None = None) -> None:
        if api_client is None:
            api_client = ApiClient.get_default()
        elif not hasattr(api_client, "call_api"):
            kind = type(api_client).__name__
            raise ApiTypeError(f"api_client must be an ApiClient, not {kind}")
        self.api_client = api_client

    def __repr__(self) -> str:
        return f"CreditsApi({self.api_client!r})"

    @drop_frames
    def get_credits(
        self,
        *,
        access_token: str | None = None,
        auth_token: str | None = None,
        timeout: float | tuple[float, float] | None = None,
    ) -> CreditResponse:
        """Get the credits of the account: total, used and remaining.

        Args:
            access_token: A bearer token for this call alone; `None` for
                `Configuration.access_token`.
            auth_token: Sent as the cookie `auth_token`; `None` sends none.
            timeout: Seconds for the whole call, or a pair (connect, read) for each
                attempt; `None` for `Configuration.timeout`.

        Raises:
            ApiException: The call failed; see the class for how.
            ApiTypeError, ApiValueError: An argument is invalid; nothing was sent.
        """
        if timeout is not None:
            timeout = check_timeout("timeout", timeout)

        request_auth = None
        if access_token is not None:
            _check_text("access_token", access_token)
            token = check_header_value("access_token", access_token)
            request_auth = {
                "in": "header",
                "key": "Authorization",
                "value": f"Bearer {token}",
            }
        return self.get_credits_api_v1_credits_get(
            auth_token, _request_timeout=timeout, _request_auth=request_auth
        )

    @drop_frames
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
            _request_timeout: Seconds for the whole call, or a pair (connect, read) for
                each attempt; `None` for `Configuration.timeout`.
            _request_auth: Credentials to use instead of the access token: a mapping
                with `in` (`header`, `query` or `cookie`), `key` and `value`.
            _content_type: A `Content-Type` header to send; the request has no body that
                would need one.
            _headers: Headers for this call. They override the client's,
                case-insensitively, but not the credentials.
            _host_index: Must be 0: the API has one server.

        Returns:
            The credits.

        Raises:
            ApiException: The call failed; see the class for how.
            ApiTypeError, ApiValueError: An argument is invalid; nothing was sent.
        """
        response = self._send(
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer = self.api_client.response_deserialize(response, RESPONSE_TYPES)
        credits: CreditResponse = answer.data
        return credits

    @drop_frames
    def get_credits_api_v1_credits_get_with_http_info(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[CreditResponse]:
        """Like `get_credits_api_v1_credits_get`, with status, headers and raw body."""
        response = self._send(
            auth_token,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        return self.api_client.response_deserialize(response, RESPONSE_TYPES)

    @drop_frames
    def get_credits_api_v1_credits_get_without_preload_content(
        self,
        auth_token: str | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: Mapping[str, Any] | None = None,
        _host_index: int = 0,
    ) -> RESTResponseType:
        """Like `get_credits_api_v1_credits_get`, but return urllib3's response, unread.

        The status is not checked. The deadline still applies while you read it, and
        what goes wrong then is an error of urllib3. Read it to the end or close it, so
        that its connection is returned to the pool.
        """
        response = self._send(
            auth_token,
            ReadLater(_request_timeout),
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        raw: RESTResponseType = response.response
        return raw

    def _send(
        self,
        auth_token: str | None,
        timeout: float | tuple[float, float] | ReadLater | None,
        request_auth: Mapping[str, Any] | None,
        content_type: str | None,
        headers: Mapping[str, Any] | None,
        host_index: int,
    ) -> RESTResponse:
        """Serialize the request and send it."""
        if type(host_index) is not int or host_index != 0:
            raise ApiValueError(
                f"_host_index must be 0, the only host; not {host_index!r}"
            )
        if request_auth is not None:
            wanted = "a mapping with in, key and value"
            _check_mapping("_request_auth", request_auth, wanted)

        cookies: dict[str, Any] = {}
        if auth_token is not None:
            _check_text("auth_token", auth_token)
            # A subclass with a generated client's signature knows nothing of these.
            cookies["cookie_params"] = {"auth_token": auth_token}

        request = self.api_client.param_serialize(
            "GET",
            PATH,
            header_params=choose_headers(content_type, headers),
            auth_settings=["OAuth2PasswordBearer"],
            _request_auth=request_auth,
            **cookies,
        )
        timing: Any = timeout
        return self.api_client.call_api(*request, _request_timeout=timing)


def choose_headers(
    content_type: str | None, headers: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the headers of a call: what it accepts, then those given."""
    chosen: dict[str, Any] = {"Accept": "application/json"}
    if headers is not None:
        _check_mapping("_headers", headers, "a mapping of names to values")
        chosen = merge_headers(chosen, check_headers(headers))
    if content_type is not None:
        _check_text("_content_type", content_type)
        chosen = merge_headers(chosen, {"Content-Type": content_type})
    return chosen


def _check_text(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise ApiTypeError(f"{field} must be a str or None, not {type(value).__name__}")


def _check_mapping(field: str, value: object, wanted: str) -> None:
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise ApiTypeError(f"{field} must be {wanted} or None, not {kind}")
