"""From the parameters of an operation to a request, and from a response to a typed answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

from typing_extensions import Self

from at_client.api_response import ApiResponse, RESTResponse, redact_response
from at_client.auth import MISSING_CREDENTIAL, ask_source, check_request_auth, renew_token
from at_client.checks import check_host
from at_client.configuration import Configuration, SourcedToken
from at_client.decoding import DecodeFault, ResponseTypes, decode, decode_error, promised_type
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    ApiTypeError,
    ApiValueError,
    exception_class,
    find_detail,
    headers_of,
)
from at_client.headers import Secret, check_header, merge_headers, pop_header, reveal, seal_headers, write_cookie
from at_client.rest import RESTClientObject
from at_client.retries import parse_retry_after
from at_client.serialization import (
    JSON,
    Params,
    check_method,
    is_json,
    join_lists,
    list_items,
    read_files,
    sanitize,
    write_path,
    write_query,
)
from at_client.version import USER_AGENT

RequestSerialized = tuple[str, str, dict[str, Any], Any, Any]
"""A request for `ApiClient.call_api`: method, URL, headers, body, form fields."""


class ApiClient:
    """Turns operations into requests and responses into models; safe to share between threads.

    After a fork, a child starts with connections of its own. A client pickles, configuration included. Leaving `with`
    closes every connection; a closed client that is used again opens new ones.

    Args:
        configuration: The settings; `None` for `Configuration.get_default()`.
        header_name: A header to send with every request.
        header_value: Its value.
        cookie: Cookies to send with every request, as `name=value; other=value`.

    Examples:
        >>> import at_client
        >>> with at_client.ApiClient(at_client.Configuration(timeout=10)) as client:
        ...     client.user_agent
        'at-client/1.0.0'
    """

    _default: ClassVar[ApiClient | None] = None

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        if not isinstance(configuration, Configuration | None):
            raise ApiTypeError(f"configuration must be a Configuration, not {type(configuration).__name__}")
        self.configuration = Configuration.get_default() if configuration is None else configuration
        self.rest_client = RESTClientObject(self.configuration)
        self.default_headers: dict[str, str] = {"User-Agent": USER_AGENT}
        """Headers to send with every request; those of a call override them."""
        if header_name is not None:
            self.set_default_header(header_name, header_value)
        self.cookie = cookie

    @property
    def cookie(self) -> str | None:
        """Cookies to send with every request, as `name=value; other=value`; `None` for none."""
        return reveal(self._cookie)  # type: ignore[no-any-return]

    @cookie.setter
    def cookie(self, value: str | None) -> None:
        self._cookie = check_header("cookie", value) if value else None

    @property
    def user_agent(self) -> str:
        """How the client identifies itself (RFC 9110 section 10.1.5)."""
        return self.default_headers["User-Agent"]

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.set_default_header("User-Agent", value)

    def set_default_header(self, header_name: str, header_value: Any) -> None:
        """Send a header with every request; a call can override it.

        Raises:
            ApiTypeError, ApiValueError: HTTP does not allow the name or the value.
        """
        self.default_headers[header_name] = reveal(check_header(header_name, header_value))

    @classmethod
    def get_default(cls) -> ApiClient:
        """Return the client that `CreditsApi()` uses, made on first use."""
        if ApiClient._default is None:
            ApiClient._default = cls()
        return ApiClient._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        """Choose the client that `CreditsApi()` uses; `None` for a new one."""
        ApiClient._default = default

    def close(self) -> None:
        """Close every connection; the next call opens new ones. Closing twice does no harm."""
        self.rest_client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.configuration!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "rest_client"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.rest_client = RESTClientObject(self.configuration)

    def param_serialize(
        self,
        method: str,
        resource_path: str,
        path_params: Params | None = None,
        query_params: Params | None = None,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Params | None = None,
        files: Mapping[str, Any] | None = None,
        auth_settings: Sequence[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
        _host: str | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        *,
        cookie_params: Mapping[str, Any] | None = None,
    ) -> RequestSerialized:
        """Write the parameters of an operation into a request; nothing is sent.

        Args:
            method: The HTTP method.
            resource_path: The path, placeholders in braces.
            path_params: A value for each placeholder.
            query_params: Parameters of the query; a list repeats its name.
            header_params: Headers; these override `default_headers`, case-insensitively.
            body: What to send as JSON; bytes are sent as they are.
            post_params: The fields of a form, instead of a body.
            files: Files of a `multipart/form-data` form by field: a path, bytes, or `(file name, bytes)`.
            auth_settings: Names of the security schemes; `OAuth2PasswordBearer` is the only one.
            collection_formats: Parameter name -> `multi`, `csv`, `ssv`, `tsv` or `pipes`, for lists.
            _host: URL to use instead of `Configuration.host`.
            _request_auth: Credentials to use instead of the configuration's: a mapping with `in` (`header`, `query`
                or `cookie`), `key` and `value`. They take precedence over headers.
            cookie_params: Cookies by name; they are added to those of the client.

        Returns:
            The request: method, URL, headers (secret ones wrapped), body, form fields.

        Raises:
            ApiTypeError: A parameter has the wrong type.
            ApiValueError: A parameter has a value that it cannot have in its place; or there is no access token.
        """
        method = check_method(method)
        given = join_lists(header_params or {}, collection_formats or {})
        headers = merge_headers(self.default_headers, given)
        cookies = [pop_header(headers, "Cookie"), None if "cookie" in map(str.lower, given) else self._cookie]
        cookies += [write_cookie(*item) for item in list_items(cookie_params)]
        queries, before = list_items(query_params), dict(headers)
        self.update_params_for_auth(
            headers, queries, auth_settings, resource_path, method, body, request_auth=_request_auth
        )
        for name, value in headers.items():
            if isinstance(value, str) and before.get(name) is not value:  # what has been added is a credential
                headers[name] = Secret(value)
        cookies.append(headers.pop("Cookie", None))
        if cookie := "; ".join(map(reveal, filter(None, cookies))):
            headers["Cookie"] = Secret(cookie)
        identified = _request_auth or any(isinstance(value, Secret) for value in headers.values())
        if not identified and "OAuth2PasswordBearer" in (auth_settings or ()):
            raise ApiValueError(MISSING_CREDENTIAL)
        url = self.configuration.host if _host is None else check_host("_host", _host)
        url += write_path(resource_path, path_params, collection_formats)
        if queries and (query := write_query(queries, collection_formats)):
            url += f"?{query}"
        if _request_auth and reveal(_request_auth["in"]) == "query":
            self.rest_client.check_secure(url)
        if body is not None and not isinstance(body, bytes):
            body = sanitize("body", body)
        fields = [(name, sanitize(name, value)) for name, value in list_items(post_params)]
        return method, url, headers, body, fields + (read_files(files) if files else [])

    def update_params_for_auth(
        self,
        headers: MutableMapping[str, Any],
        queries: list[tuple[str, Any]],
        auth_settings: Sequence[str] | None,
        resource_path: str = "",
        method: str = "",
        body: Any = None,
        request_auth: Mapping[str, Any] | None = None,
    ) -> None:
        """Add credentials to the headers or the query of a request, in place.

        Args:
            headers: The headers. A credential replaces a header of its name.
            queries: The parameters of the query.
            auth_settings: Names of the security schemes, looked up in `Configuration.auth_settings()`.
            resource_path: For subclasses that sign requests, like the next two.
            method: The HTTP method.
            body: What is sent.
            request_auth: Credentials to use instead of the configuration's.
        """
        settings: list[Any] = [request_auth] if request_auth else []
        if auth_settings and not request_auth:
            known = self.configuration.auth_settings()
            settings = [known[name] for name in auth_settings if name in known]
        for setting in settings:
            place, name, value = check_request_auth(setting)
            if place == "query":
                queries.append((name, value.reveal()))
            elif place == "cookie":
                headers["Cookie"] = write_cookie(name, value)
            else:
                pop_header(headers, name)
                headers[name] = value if isinstance(value, SourcedToken) else value.reveal()

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | None = None,
        *,
        _preload_content: bool = True,
    ) -> RESTResponse:
        """Send a request; a token source is asked now, and once more if it can renew what was rejected.

        Args:
            method: The HTTP method, in capitals.
            url: The absolute URL.
            header_params: All headers.
            body: What to send, as JSON unless a header says otherwise.
            post_params: The fields of a form.
            _request_timeout: As `Configuration.timeout`, which `None` stands for.
            _preload_content: Whether to read the body before returning.

        Returns:
            The response, whatever its status.

        Raises:
            ApiException: There was no response; or a redirect that is not followed.
            ApiTypeError, ApiValueError: An argument is not usable; or credentials would go out unencrypted.
        """
        header_params = seal_headers(header_params or {})
        options: dict[str, Any] = {} if _preload_content else {"_preload_content": False}
        if not isinstance(header_params.get("Authorization"), SourcedToken):
            return self.rest_client.request(
                method,
                url,
                headers=header_params,
                body=body,
                post_params=post_params,
                _request_timeout=_request_timeout,
                **options,
            )
        self.rest_client.check_secure(url)
        source, rest = self.configuration.access_token, self.rest_client
        clock = rest.clock(_request_timeout)
        token: Secret = ask_source(source, rest, clock)
        while True:
            response = rest.request(
                method, url, {**header_params, "Authorization": token}, body, post_params, clock, **options
            )
            renewed = renew_token(source, token, rest, clock) if response.status == 401 else None
            if renewed is None:
                return response
            response.close()
            token, source = renewed, None  # the second 401 is the answer

    def response_deserialize(
        self, response_data: Any, response_types_map: ResponseTypes | None = None
    ) -> ApiResponse[Any]:
        """Make the typed answer from a response, or raise the exception for it.

        Args:
            response_data: The response: any object with `status`, `reason`, `headers` and `data` or `read()`.
            response_types_map: Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body:
                any that pydantic knows, one with a `from_dict` method, the name of a model, `bytes`, or `None`.

        Raises:
            ApiDecodeException: The body of a success is not of its type, or the status was not promised.
            ApiException: Any other status than 200 to 299; the class depends on it, `data` is the typed body.
        """
        if response_data.data is None:
            response_data.read()
        outcome = read_outcome(response_data, response_types_map)
        if isinstance(outcome, ApiException):
            raise outcome
        return outcome

    def select_header_accept(self, accepts: Sequence[str]) -> str | None:
        """Return what to accept: the first media type that is JSON, else the first of all; `None` for none."""
        return next(filter(is_json, accepts), accepts[0] if accepts else None)

    def select_header_content_type(self, content_types: Sequence[str]) -> str | None:
        """Return what to send, in the same way."""
        return self.select_header_accept(content_types)

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """Reduce a value to what JSON has; anything with a `to_dict` method is written by it."""
        return sanitize("the value", obj)

    def deserialize(self, response_text: str, response_type: Any, content_type: str | None = JSON) -> Any:
        """Make a typed value from the text of a body; a type may be named by a string.

        Raises:
            ApiDecodeException: The text is not JSON, or not of that type.
        """
        if content_type and not is_json(content_type) and not content_type.startswith("text/"):
            raise ApiException(reason=f"Unsupported content type: {content_type}")
        if response_text.strip() == "null":
            return None
        try:
            return decode(response_text.encode("utf-8"), {"Content-Type": content_type or JSON}, response_type)
        except DecodeFault as fault:
            raise ApiDecodeException(reason=f"The text is not the promised type: {fault}.") from None


def read_outcome(response: Any, response_types_map: ResponseTypes | None) -> ApiResponse[Any] | ApiException:
    """Read a response as an answer or an error, which is not raised here: this frame holds what the service wrote."""
    status, headers = response.status, headers_of(response)
    if not 200 <= status <= 299:
        shown = redact_response(response)
        return exception_class(status)(
            http_resp=shown,
            data=decode_error(shown.data.encode(), status, response_types_map),
            retry_after=parse_retry_after(shown.headers.get("Retry-After"), time.time()),
        )
    raw = response.data.encode() if isinstance(response.data, str) else response.data
    try:
        data = decode(raw, headers, promised_type(status, response_types_map))
    except DecodeFault as fault:
        shown = redact_response(response)
        words = [str(fault), find_detail(shown.data)]
        if coding := shown.headers.get("Content-Encoding"):
            words.append(f"its Content-Encoding is {coding[:40]!a}")
        message = f"{status} from {shown.source}, but not the promised answer: {'; '.join(filter(None, words))}."
        return ApiDecodeException(http_resp=shown, message=message)
    return ApiResponse(status, data, headers, raw)
