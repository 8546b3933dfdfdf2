"""From the parameters of an operation to a request, and from a response to a typed answer."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from typing_extensions import Self

from at_client import serialization
from at_client.api_response import ApiResponse, RESTResponse, read_outcome
from at_client.auth import MISSING_CREDENTIAL, RenewalLock, ask_source
from at_client.checks import check_host
from at_client.configuration import Configuration, HasDefault, SourcedToken
from at_client.decoding import DecodeFault, ResponseTypes, decode
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    ApiTypeError,
    ApiValueError,
)
from at_client.headers import (
    add_cookie,
    check_header,
    merge_headers,
    pick_secrets,
    pop_header,
    reveal,
    seal,
)
from at_client.rest import USER_AGENT, RESTClientObject

RequestSerialized = tuple[str, str, dict[str, Any], Any, Any]
"""A request for `ApiClient.call_api`: method, URL, headers, body, form fields."""


class ApiClient(HasDefault):
    """Turns operations into requests and responses into models; safe to share between threads.

    After a fork, the child opens its own connections. A client can be pickled, with its configuration. Leaving `with`
    closes every connection; using the client again opens new ones.

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

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        if not isinstance(configuration, Configuration | None):
            raise ApiTypeError(
                f"configuration must be a Configuration, not {type(configuration).__name__}"
            )
        self.configuration = (
            Configuration.get_default() if configuration is None else configuration
        )
        self.rest_client = RESTClientObject(self.configuration)
        self._renewing = RenewalLock()
        self.default_headers: dict[str, str] = {"User-Agent": USER_AGENT}
        """Headers to send with every request; those of a call override them."""
        if header_name is not None:
            self.set_default_header(header_name, header_value)
        self.cookie = cookie

    @property
    def cookie(self) -> str | None:
        """Cookies to send with every request, as `name=value; other=value`; `None` for none."""
        return reveal(self._cookie)  # type: ignore[no-any-return]  # a str or None

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
        """Send a header with every request; a call can override it."""
        self.default_headers[header_name] = reveal(
            check_header(header_name, header_value)
        )

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
        return {
            name: value for name, value in vars(self).items() if name != "rest_client"
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.rest_client = RESTClientObject(self.configuration)

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
            ApiValueError: A parameter has an invalid value, or there is no access token.
        """
        method = serialization.check_method(method)
        formats = dict(
            serialization.list_items("collection_formats", collection_formats)
        )
        given = dict(serialization.list_items("header_params", header_params))
        if formats:
            given = serialization.join_lists(given, formats)
        defaults = (
            {**self.default_headers, "Cookie": self._cookie}
            if self._cookie
            else self.default_headers
        )
        headers = merge_headers(defaults, given)
        for name, value in serialization.list_items("cookie_params", cookie_params):
            add_cookie(headers, name, value)
        queries, before = (
            serialization.list_items("query_params", query_params),
            dict(headers),
        )
        self.update_params_for_auth(
            headers, queries, auth_settings, resource_path, method, body, _request_auth
        )
        # What has been added is a credential.
        headers = {
            name: value if before.get(name) is value else seal(value)
            for name, value in headers.items()
        }
        identified = (
            "Authorization" in headers
            or _request_auth
            or pick_secrets(headers.values())
        )
        if not identified and "OAuth2PasswordBearer" in (auth_settings or ()):
            raise ApiValueError(MISSING_CREDENTIAL)
        url = self.configuration.host if _host is None else check_host("_host", _host)
        url += serialization.write_path(resource_path, path_params, formats)
        if queries and (query := serialization.write_query(queries, formats)):
            url += f"?{query}"
            if _request_auth and _request_auth["in"] == "query":
                self.rest_client.check_secure(url)
        if body is not None and not isinstance(body, bytes):
            body = serialization.sanitize("body", body)
        fields = serialization.list_items("post_params", post_params)
        fields = [(name, serialization.sanitize(name, value)) for name, value in fields]
        return (
            method,
            url,
            headers,
            body,
            fields + (serialization.read_files(files) if files else []),
        )

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
            place, name, value = check_auth_setting(setting)
            if place == "query":
                queries.append((name, value))
            elif place == "cookie":
                add_cookie(headers, name, value)
            else:
                pop_header(headers, name)
                headers[name] = value

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | None = None,
        **options: Any,
    ) -> RESTResponse:
        """Send a request. A token source is asked now, and again after a 401 if it can renew.

        The arguments are those of `RESTClientObject.request`; the first five are what `param_serialize` returns.

        Raises:
            ApiException: There was no response, or a redirect was not followed.
            ApiTypeError, ApiValueError: An argument is invalid, or credentials would be sent unencrypted.
        """
        rest, headers = self.rest_client, dict(header_params or {})
        options |= {"body": body, "post_params": post_params}
        if not isinstance(headers.get("Authorization"), SourcedToken):
            return rest.request(
                method,
                url,
                headers=headers,
                _request_timeout=_request_timeout,
                **options,
            )
        rest.check_secure(url)
        source, clock = self.configuration.access_token, rest.clock(_request_timeout)
        rejected = headers["Authorization"] = ask_source(source, rest, clock)
        response = rest.request(
            method, url, headers=headers, _request_timeout=clock, **options
        )
        if response.status == 401 and hasattr(source, "renew"):
            with self._renewing.hold(clock):
                headers["Authorization"] = ask_source(source, rest, clock, rejected)
            if headers["Authorization"] != rejected:  # the second 401 is the answer
                response.close()
                response = rest.request(
                    method, url, headers=headers, _request_timeout=clock, **options
                )
        return response

    def response_deserialize(
        self, response_data: Any, response_types_map: ResponseTypes = None
    ) -> ApiResponse[Any]:
        """Turn a response into its typed result, or raise its exception.

        Args:
            response_data: Any object with `status`, `reason`, `headers` and `data` or `read()`.
            response_types_map: Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body:
                any that pydantic knows, one with a `from_dict` method, the name of a model, `bytes`, or `None`.

        Raises:
            ApiDecodeException: The body does not have the expected type, or the status has none.
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
        return next(
            filter(serialization.is_json, accepts), accepts[0] if accepts else None
        )

    def select_header_content_type(self, content_types: Sequence[str]) -> str | None:
        """Choose the content type to send by the same rule."""
        return self.select_header_accept(content_types)

    def sanitize_for_serialization(self, obj: Any) -> Any:
        """Convert a value to what JSON can hold; anything with a `to_dict` method is written by it."""
        return serialization.sanitize("the value", obj)

    def deserialize(
        self,
        response_text: str,
        response_type: Any,
        content_type: str | None = "application/json",
    ) -> Any:
        """Turn the text of a body into a typed value; a type may be named by a string.

        Raises:
            ApiDecodeException: The text is not JSON, or not of that type.
        """
        if (
            content_type
            and not serialization.is_json(content_type)
            and not content_type.startswith("text/")
        ):
            raise ApiException(reason=f"Unsupported content type: {content_type}")
        if response_text.strip() == "null":
            return None
        try:
            return decode(
                response_text.encode(),
                {"Content-Type": content_type or serialization.JSON},
                response_type,
            )
        except DecodeFault as fault:
            raise ApiDecodeException(
                reason=f"The text is not the promised type: {fault}."
            ) from None


def check_auth_setting(setting: Any) -> tuple[str, str, Any]:
    """Return place (`header`, `query` or `cookie`), name and value of credentials in the form of generated clients."""
    if not hasattr(setting, "get"):
        raise ApiTypeError("_request_auth must be a mapping with in, key and value")
    place, name, value = (
        reveal(setting.get("in")),
        reveal(setting.get("key")),
        reveal(setting.get("value")),
    )
    if place not in ("header", "query", "cookie"):
        raise ApiValueError("_request_auth['in'] must be header, query or cookie")
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiTypeError(
            "_request_auth['key'] and _request_auth['value'] must be str"
        )
    if place == "query" and not (name.isprintable() and value.isprintable()):
        raise ApiValueError(
            "_request_auth['key'] and _request_auth['value'] must be printable text"
        )
    return (
        place,
        name,
        setting["value"] if isinstance(setting["value"], SourcedToken) else value,
    )
