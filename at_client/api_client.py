"""From the parameters of an operation to a request, and from a response to a typed answer."""

from __future__ import annotations

import time
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from at_client import serialization, settings
from at_client.api_response import ApiResponse
from at_client.auth import Bearer, authorization, authorized, credential_of
from at_client.configuration import Configuration
from at_client.decoding import DecodeFault, decode, promised_type, text
from at_client.exceptions import ApiDecodeException, ApiException, ApiTypeError, ApiValueError, bare
from at_client.fields import (
    Headers,
    check_header_value,
    cookie_item,
    joined_cookies,
    text_secret,
)
from at_client.rest import RESTClientObject, RESTResponse
from at_client.retries import parse_retry_after
from at_client.sealed import Secret, conceal
from at_client.settings import exposed_host
from at_client.version import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from at_client.decoding import ResponseTypes
    from at_client.fields import HeaderValue
    from at_client.serialization import Params

_SECRET = {Secret, Bearer}

RequestSerialized = tuple[str, str, Headers, bytes | None]
"""A request, checked and ready for `ApiClient.call_api`: method, URL, headers, body."""


class Frame:
    """What the requests of an operation have in common while nothing changes.

    Args:
        of: What it is made of, to be compared by identity.
        host: The URL that paths are put after.
        headers: The headers, credentials included.
        cookies: What goes into the Cookie header before the cookies of the call.
    """

    def __init__(
        self,
        of: tuple[object, ...],
        host: str,
        headers: Headers,
        cookies: tuple[HeaderValue | None, ...],
    ) -> None:
        self.of = of
        self.host = host
        self.headers = headers
        self.cookies = cookies


class ApiClient:
    """Turns operations into requests and responses into models; safe to share between threads.

    After a fork, a child starts with connections of its own. A client pickles, configuration included. Leaving `with`
    closes every connection; a closed client that is used again starts afresh.

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
        header_value, cookie = conceal(header_value), conceal(cookie)
        if not isinstance(configuration, Configuration | None):
            raise ApiTypeError(
                f"configuration must be a Configuration, not {type(configuration).__name__}"
            )
        self.configuration = Configuration.get_default() if configuration is None else configuration
        self.rest_client = RESTClientObject(self.configuration)
        self.default_headers = Headers({"User-Agent": USER_AGENT})
        """Headers to send with every request; those of a call go before them."""
        if header_name is not None:
            self.set_default_header(header_name, header_value)
        self.cookie = cookie
        self._last_frame: Frame | None = None

    @property
    def cookie(self) -> str | None:
        """Cookies to send with every request, as `name=value; other=value`; `None` for none."""
        return self._cookie.reveal() if self._cookie else None

    @cookie.setter
    def cookie(self, value: str | None) -> None:
        value = conceal(value)
        secret = text_secret("cookie", value)
        if secret is not None:
            check_header_value("cookie", secret)
        self._cookie = secret

    @property
    def user_agent(self) -> str:
        """How the client names itself (RFC 9110 section 10.1.5)."""
        return str(self.default_headers["User-Agent"])

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.default_headers["User-Agent"] = value

    def set_default_header(self, header_name: str, header_value: str | None) -> None:
        """Send a header with every request; a call can replace it.

        Raises:
            ApiTypeError, ApiValueError: HTTP does not allow the name or the value.
        """
        header_value = conceal(header_value)
        self.default_headers[header_name] = header_value

    @classmethod
    def get_default(cls) -> ApiClient:
        """Return the client that `CreditsApi()` uses, made on first use."""
        if ApiClient._default is None:
            ApiClient._default = cls()
        return ApiClient._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        """Choose the client that `CreditsApi()` uses; `None` for a fresh one."""
        ApiClient._default = default

    def close(self) -> None:
        """Close every connection; the next call opens new ones. Closing twice does no harm."""
        self.rest_client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.configuration!r})"

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"rest_client": None, "_last_frame": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.rest_client = RESTClientObject(self.configuration)

    def select_header_accept(self, accepts: Sequence[str]) -> str | None:
        """Choose what to accept: the first media type that is JSON, else the first of all, `None` of none."""
        return next(filter(serialization.is_json, accepts), accepts[0] if accepts else None)

    def param_serialize(
        self,
        method: str,
        resource_path: str,
        path_params: Params | None = None,
        query_params: Params | None = None,
        header_params: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Params | None = None,
        auth_settings: Sequence[str] = (),
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
            header_params: Headers; they go before `default_headers`, whatever their case.
            body: What to send as JSON; bytes are sent as they are.
            post_params: The fields of a form, in place of a body.
            auth_settings: Names of the security schemes; `OAuth2PasswordBearer` is the one there is.
            collection_formats: Parameter name -> `multi`, `csv`, `ssv`, `tsv` or `pipes`, for lists.
            _host: URL to use in place of `Configuration.host`.
            _request_auth: Credentials to use in place of the configuration's: a mapping with `in` (`header`, `query`
                or `cookie`), `key` and `value`.
            cookie_params: Cookies by name; they are added to `cookie`.

        Returns:
            The request: method, URL, headers, body.

        Raises:
            ApiTypeError: A parameter has the wrong type.
            ApiValueError: A parameter has a value that it cannot have in its place.
        """
        method = serialization.checked_method(method)
        if not isinstance(header_params, Headers):
            header_params = Headers(conceal(header_params))
        cookie_params, _request_auth = conceal(cookie_params), conceal(_request_auth)
        frame = self._frame(header_params, () if _request_auth else auth_settings)
        headers, cookies = frame.headers, list(frame.cookies)
        url = frame.host if _host is None else settings.host("_host", conceal(_host))
        url += serialization.path(resource_path, path_params, collection_formats)
        url += serialization.query(query_params, collection_formats)
        if cookie_params:
            cookies += [cookie_item(*item) for item in serialization.items(cookie_params)]
        if _request_auth:
            place, name, credential = credential_of(_request_auth)
            if place == "header":
                headers |= Headers.checked((name, credential)) | header_params
            elif place == "cookie":
                cookies.append(cookie_item(name, credential))
            else:
                self._check_secure(url)
                url += ("&" if "?" in url else "?") + urlencode({name: credential.reveal()})
        if cookie := joined_cookies(cookies):
            headers |= Headers.checked(("Cookie", cookie))
        content = None
        if body is not None or post_params:
            asked = headers.found("content-type")
            content, content_type = serialization.content(
                body, post_params, str(asked) if asked else None
            )
            headers |= Headers.checked(("Content-Type", content_type))
        return method, url, headers, content

    def _frame(self, given: Headers, auth_settings: Sequence[str]) -> Frame:
        """Put together what is the same for every call of an operation; the last frame is kept until something changes.

        Args:
            given: The headers of the call.
            auth_settings: Names of the security schemes.
        """
        now = (
            self.configuration,
            self.configuration.revision,
            self.default_headers.state,
            given.state,
            self._cookie,
            auth_settings,
        )
        frame = self._last_frame
        if frame is None or not all(map(is_, now, frame.of)):
            headers = self.default_headers | given
            token = Configuration.access_token.kept(self.configuration)
            if "OAuth2PasswordBearer" in auth_settings and token is not None:
                value = authorization(token) if isinstance(token, Secret) else Bearer(token)
                headers = self.default_headers | Headers.checked(("Authorization", value)) | given
            cookies = (headers.found("cookie"), None if "Cookie" in given else self._cookie)
            frame = Frame(now, self.configuration.host, headers, cookies)
            self._last_frame = frame
        return frame

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        _request_timeout: float | tuple[float, float] | None = None,
        _preload_content: bool = True,
    ) -> RESTResponse:
        """Send a request; a token source is asked now, and once more if it can renew what was rejected.

        Args:
            method: The HTTP method, in capitals.
            url: The absolute URL.
            header_params: All headers.
            body: The body, ready to be sent.
            _request_timeout: As `Configuration.timeout`, which `None` stands for.
            _preload_content: Whether to read the body before returning.

        Returns:
            The response, whatever its status.

        Raises:
            ApiException: There was no response; or a redirect that is not to be followed.
            ApiTypeError, ApiValueError: An argument is not usable; or credentials would go out unprotected.
        """
        if not isinstance(header_params, Headers):
            header_params = Headers(conceal(header_params))
        headers = header_params.to_dict()
        if not _SECRET.isdisjoint(map(type, headers.values())):
            self._check_secure(url)
        clock = self.rest_client.clock(_request_timeout)
        bearer = headers.get("Authorization")
        if not isinstance(bearer, Bearer):
            return self.rest_client.request(method, url, headers, body, clock, _preload_content)

        token = bearer.ask(self.rest_client, clock)
        response = self.rest_client.request(
            method, url, authorized(headers, token), body, clock, _preload_content
        )
        if response.status == 401 and token is not None:
            renewed = bearer.renew(token, self.rest_client, clock)
            if renewed is not None:
                response.discard()
                return self.rest_client.request(
                    method, url, authorized(headers, renewed), body, clock, _preload_content
                )
        return response

    def response_deserialize(
        self, response_data: RESTResponse, response_types_map: ResponseTypes | None = None
    ) -> ApiResponse[Any]:
        """Make the typed answer of a response, or raise what it stands for.

        Args:
            response_data: The response.
            response_types_map: Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body:
                any that pydantic knows, `bytes`, `None` for no body, or a function that gives the type.

        Raises:
            ApiDecodeException: The body of a success is not of its type, or the status was not promised.
            ApiException: Any other status than 200 to 299; the class says which, `data` is the typed body.
        """
        response_data.read()
        if not 200 <= response_data.status <= 299:
            raise error_of(response_data, response_types_map)
        promised = promised_type(response_data.status, response_types_map)
        content_type = response_data.headers.get("Content-Type")
        try:
            data = None
            if promised is not None:
                data = decode(response_data.data or b"", content_type, promised)
        except DecodeFault as fault:
            shown = response_data.shown()
            raise ApiDecodeException(
                http_resp=shown,
                body=text(shown.data, content_type),
                message=f"{shown.status} from {shown.source}, but not the promised answer: {fault}.",
            ) from bare(fault)
        return ApiResponse(response_data.status, data, response_data.headers, response_data.read())

    def _check_secure(self, url: str) -> None:
        """Refuse to send credentials where anybody can read them.

        Raises:
            ApiValueError: The URL is plain http to another machine, and the configuration does not allow it.
        """
        exposed = exposed_host(url)
        if exposed is not None and not self.configuration.allow_insecure_http:
            raise ApiValueError(
                f"host: credentials would go unencrypted to {exposed}; use https, "
                "or set allow_insecure_http=True if the network in between is safe"
            )


def error_of(response: RESTResponse, response_types_map: ResponseTypes | None) -> ApiException:
    """Make the exception for a response that is no success; a body that cannot be read is no second error."""
    shown = response.shown()
    content_type = response.headers.get("Content-Type")
    try:
        promised = promised_type(shown.status, response_types_map)
        data = decode(shown.data, content_type, promised)
    except (DecodeFault, OSError):  # loading a model takes an open file, which there may not be
        data = None
    return ApiException.from_response(
        http_resp=shown,
        body=text(shown.data, content_type),
        data=data,
        retry_after=parse_retry_after(response.headers.get("Retry-After"), time.time()),
    )
