"""From parameters of an operation to a request, and from a response to an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import Self

from at_client import serialization
from at_client.api_response import ApiResponse, RESTResponse, read_outcome
from at_client.checks import check_host
from at_client.clock import Clock
from at_client.configuration import Configuration, HasDefault
from at_client.decoding import DecodeFault, ResponseTypes, decode
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    ApiTypeError,
    ApiValueError,
    drop_frames,
)
from at_client.headers import (
    add_cookie,
    check_header_name,
    check_header_value,
    merge_headers,
    pop_header,
)
from at_client.rest import USER_AGENT, RESTClientObject
from at_client.tokens import RenewalLock, SourcedToken, renew_token

RequestSerialized = tuple[str, str, dict[str, Any], Any, Any]
"""A request for `ApiClient.call_api`: method, URL, headers, body, form fields."""


class ApiClient(HasDefault):
    """Turns operations into requests and responses into models.

    Safe to share between threads. After a fork, the child opens its own connections. A
    client can be pickled, with its configuration. Leaving `with` closes every
    connection; using the client again opens new ones.

    Args:
        configuration: The settings; `None` for `Configuration.get_default()`.
        header_name: A header to send with every request.
        header_value: Its value.
        cookie: Cookies to send with every request, as `name=value; other=value`.

    Examples:
        >>> import at_client
        >>> with at_client.ApiClient(at_client.Configuration(timeout=10)) as client:
        ...     client.user_agent
        'at-client/2.0.0'
    """

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        if configuration is None:
            configuration = Configuration.get_default()
        self._renewal_lock = RenewalLock()
        self.configuration = configuration
        self.default_headers: dict[str, str] = {"User-Agent": USER_AGENT}
        """Headers to send with every request; those of a call override them."""

        if header_name is not None:
            self.set_default_header(header_name, header_value)
        self.cookie = cookie

    @property
    def configuration(self) -> Configuration:
        """The settings. Assigning others replaces `rest_client` and its connections."""
        return self._configuration

    @configuration.setter
    def configuration(self, value: Configuration) -> None:
        given: object = value
        if not isinstance(given, Configuration):
            kind = type(given).__name__
            raise ApiTypeError(f"configuration must be a Configuration, not {kind}")
        if hasattr(self, "rest_client"):
            self.close()
        self._configuration = value
        self.rest_client = RESTClientObject(value)

    @property
    def cookie(self) -> str | None:
        """Cookies to send with every request, as `name=value; other=value`."""
        return self._cookie

    @cookie.setter
    def cookie(self, value: str | None) -> None:
        self._cookie = check_header_value("cookie", value) if value else None

    @property
    def user_agent(self) -> str:
        """How the client identifies itself (RFC 9110 section 10.1.5)."""
        return self.default_headers["User-Agent"]

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.set_default_header("User-Agent", value)

    def set_default_header(self, header_name: str, header_value: Any) -> None:
        """Send a header with every request; a call can override it."""
        name = check_header_name(header_name)
        self.default_headers[name] = check_header_value(f"header {name}", header_value)

    def close(self) -> None:
        """Close every connection; the next call opens new ones."""
        if hasattr(self.rest_client, "close"):  # a user's own may lack it
            self.rest_client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.configuration!r})"

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("rest_client", "_renewal_lock")
        return {
            name: value for name, value in vars(self).items() if name not in left_out
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._renewal_lock = RenewalLock()
        self.rest_client = RESTClientObject(self.configuration)

    @drop_frames
    def param_serialize(
        self,
        method: str,
        resource_path: str,
        path_params: serialization.Params | None = None,
        query_params: serialization.Params | None = None,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: serialization.Params | None = None,
        files: Mapping[str, Any] | None = None,
        auth_settings: Sequence[str] | None = None,
        collection_formats: Mapping[str, str] | None = None,
        _host: str | None = None,
        _request_auth: Mapping[str, Any] | None = None,
        *,
        cookie_params: Mapping[str, Any] | None = None,
    ) -> RequestSerialized:
        """Build the request for an operation, without sending it.

        Args:
            method: The HTTP method.
            resource_path: The path, placeholders in braces.
            path_params: A value for each placeholder.
            query_params: Parameters of the query; a list repeats its name.
            header_params: Headers; these override `default_headers`, whatever the case.
            body: What to send as JSON; bytes are sent as they are.
            post_params: The fields of a form, instead of a body.
            files: Not supported: this API takes no files.
            auth_settings: Names of the security schemes; `OAuth2PasswordBearer` is the
                only one.
            collection_formats: Parameter name -> `multi`; this API has no other format.
            _host: URL to use instead of `Configuration.host`.
            _request_auth: Credentials to use instead of the configuration's: a mapping
                with `in` (`header`, `query` or `cookie`), `key` and `value`. They take
                precedence over headers.
            cookie_params: Cookies by name; they are added to those of the client.

        Returns:
            The request: method, URL, headers, body, form fields.

        Raises:
            ApiTypeError: A parameter has the wrong type.
            ApiValueError: A parameter has an invalid value.
        """
        method = serialization.check_method(method)
        if collection_formats:
            serialization.check_formats(collection_formats)
        if files:
            serialization.refuse_files()

        headers = self._merge_headers(header_params, cookie_params)
        queries = []
        if query_params:
            queries = serialization.list_items("query_params", query_params)
        self.update_params_for_auth(
            headers, queries, auth_settings, resource_path, method, body, _request_auth
        )

        url = self.configuration.host if _host is None else check_host("_host", _host)
        url += serialization.write_path(resource_path, path_params)
        query = serialization.write_query(queries) if queries else ""
        if query:
            url += f"?{query}"
        # What `_request_auth` names is secret wherever it goes, and whatever its name.
        if _request_auth and hasattr(self.rest_client, "check_secure"):
            self.rest_client.check_secure(url)

        if body is not None and not isinstance(body, bytes):
            body = serialization.sanitize("body", body)
        fields = []
        if post_params:
            fields = [
                (name, serialization.sanitize(name, value))
                for name, value in serialization.list_items("post_params", post_params)
            ]
        return method, url, headers, body, fields

    def _merge_headers(
        self,
        header_params: Mapping[str, Any] | None,
        cookie_params: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Return the headers of a call over those of the client, with its cookies."""
        headers = dict(self.default_headers)
        if self._cookie:
            headers["Cookie"] = self._cookie
        if header_params:
            given = serialization.list_items("header_params", header_params)
            headers = merge_headers(headers, dict(given))
        if cookie_params:
            for name, value in serialization.list_items("cookie_params", cookie_params):
                add_cookie(headers, name, value)
        return headers

    def update_params_for_auth(
        self,
        headers: dict[str, Any],
        queries: list[tuple[str, Any]],
        auth_settings: Any,
        resource_path: str,  # for subclasses that sign requests
        method: str,  # the same
        body: Any,  # the same
        request_auth: Any = None,
    ) -> None:
        """Add credentials to the headers or the query of a request, in place.

        Args:
            headers: The headers. A credential replaces a header of its name.
            queries: The parameters of the query.
            auth_settings: Names of the security schemes, looked up in
                `Configuration.auth_settings()`.
            resource_path: For subclasses that sign requests, like the next two.
            method: The HTTP method.
            body: What is sent.
            request_auth: Credentials to use instead of the configuration's.
        """
        if request_auth:
            add_credential(headers, queries, request_auth)
        elif auth_settings:
            known = self.configuration.auth_settings()
            for name in auth_settings:
                if name in known:
                    add_credential(headers, queries, known[name])

    @drop_frames
    def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | None = None,
    ) -> RESTResponse:
        """Send a request. A token of a source that can renew it is renewed after a 401.

        The first five arguments are what `param_serialize` returns; all are those of
        `RESTClientObject.request`.

        Raises:
            ApiException: There was no response, or a redirect was not followed.
            ApiTypeError, ApiValueError: An argument is invalid, or credentials would be
                sent unencrypted.
        """
        headers = header_params or {}
        token = headers.get("Authorization")
        if not isinstance(token, SourcedToken):
            return self.rest_client.request(
                method,
                url,
                headers=headers,
                body=body,
                post_params=post_params,
                _request_timeout=_request_timeout,
            )

        clock = Clock.start(_request_timeout, self.configuration.timeout)
        options: dict[str, Any] = {
            "body": body,
            "post_params": post_params,
            "_request_timeout": clock,
        }
        response = self.rest_client.request(method, url, headers=headers, **options)
        source = self.configuration.access_token
        if response.status != 401 or not hasattr(source, "renew"):
            return response

        renewed = self._renew(source, token, clock)
        if renewed is None:
            return response
        response.close()
        headers = {**headers, "Authorization": renewed}
        return self.rest_client.request(method, url, headers=headers, **options)

    def _renew(
        self, source: Any, rejected: SourcedToken, clock: Clock
    ) -> SourcedToken | None:
        """Return another token than the rejected one; one thread renews it for all."""
        with self._renewal_lock.hold(max(0.0, clock.seconds_left)):
            return renew_token(source, rejected)

    @drop_frames
    def response_deserialize(
        self, response_data: Any, response_types_map: ResponseTypes = None
    ) -> ApiResponse[Any]:
        """Turn a response into its typed result, or raise its exception.

        Args:
            response_data: Any object with `status`, `reason`, `headers` and `data` or
                `read()`.
            response_types_map: Status (`"200"`), class of statuses (`"4XX"`) or
                `"default"` -> the type of the body: any that pydantic knows, one with a
                `from_dict` method, the name of a model, `bytes`, or `None`.

        Raises:
            ApiDecodeException: The body does not have the expected type, or the status
                has none.
            ApiException: Any other status than 200 to 299; the class depends on it,
                `data` is the typed body.
        """
        if response_data.data is None:
            response_data.read()
        outcome = read_outcome(response_data, response_types_map, self.configuration)
        if isinstance(outcome, ApiException):
            raise outcome
        return outcome

    def select_header_accept(self, accepts: Sequence[str]) -> str | None:
        """Return the first media type that is JSON, else the first; `None` for none."""
        for accept in accepts:
            if serialization.is_json(accept):
                return accept
        return accepts[0] if accepts else None

    def select_header_content_type(self, content_types: Sequence[str]) -> str | None:
        """Return the content type to send, chosen by the same rule."""
        return self.select_header_accept(content_types)

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """Return a value as JSON has it; a `to_dict` method of its own is used."""
        return serialization.sanitize("the value", obj)

    @drop_frames
    def deserialize(
        self,
        response_text: str,
        response_type: Any,
        content_type: str | None = "application/json",
    ) -> Any:
        """Turn the text of a body into a typed value; a type may be named by a string.

        Raises:
            ApiDecodeException: The text is not JSON, or not of that type.
            ApiException: The content type is neither JSON nor text.
        """
        is_json = not content_type or serialization.is_json(content_type)
        if not is_json and not str(content_type).startswith("text/"):
            raise ApiException(reason=f"Unsupported content type: {content_type}")
        if response_text.strip() == "null":
            return None

        headers = {"Content-Type": content_type or serialization.JSON}
        try:
            return decode(response_text.encode(), headers, response_type)
        except DecodeFault as fault:
            problem = f"The text is not the promised type: {fault}."
        raise ApiDecodeException(reason=problem)


def add_credential(
    headers: dict[str, Any], queries: list[tuple[str, Any]], setting: Any
) -> None:
    """Add credentials in the form of generated clients to a request.

    Args:
        headers: The headers. A credential replaces a header of its name.
        queries: The parameters of the query.
        setting: A mapping with `in`, `key` and `value`.

    Raises:
        ApiTypeError, ApiValueError: One of the three is missing or not allowed.
    """
    if not hasattr(setting, "get"):
        raise ApiTypeError("_request_auth must be a mapping with in, key and value")

    place = setting.get("in")
    if place not in ("header", "query", "cookie"):
        raise ApiValueError("_request_auth['in'] must be header, query or cookie")

    name = setting.get("key")
    value = setting.get("value")
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiTypeError(
            "_request_auth['key'] and _request_auth['value'] must be str"
        )
    if place == "query" and not (name + value).isprintable():
        raise ApiValueError(
            "_request_auth['key'] and _request_auth['value'] must be printable text"
        )

    if place == "query":
        queries.append((name, value))
    elif place == "cookie":
        add_cookie(headers, name, value)
    else:
        pop_header(headers, name)
        headers[name] = value
