"""Where access tokens come from: a `str`, a callable, or the password flow; and how a rejected one is replaced."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import urlencode, urljoin

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from at_client.api_response import RESTResponse, redact_response
from at_client.configuration import SourcedToken
from at_client.connections import Clock
from at_client.decoding import DecodeFault, decode
from at_client.exceptions import (
    ApiDecodeException,
    ApiException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    OpenApiException,
    UnauthorizedException,
    exception_class,
)
from at_client.headers import Secret, check_header, check_header_value, reveal, seal
from at_client.rest import RESTClientObject
from at_client.version import USER_AGENT

RENEW_BEFORE_SECONDS = 60.0
"""How long before its end a token is renewed; one with a short life, after half of it."""

REFUSED_STATUSES = (400, 401, 403)
"""Responses of a token endpoint that say no (RFC 6749 section 5.2), where trying again would not help."""

MISSING_CREDENTIAL = (
    "no access token: set ACCESS_TOKEN and use Configuration.from_env(), or set Configuration.access_token "
    "(an auth_token or an Authorization header does, too)"
)


def ask_source(source: Any, rest: RESTClientObject, clock: Clock, rejected: Secret | None = None) -> Secret:
    """Ask a token source for its present token.

    Args:
        source: A callable, or an object that fetches its tokens over the client.
        rest: The client.
        clock: The time of the call.
        rejected: A header value that the service did not accept.

    Returns:
        The value of the `Authorization` header (RFC 6750 section 2.1).

    Raises:
        ApiException: The source failed.
        ApiTypeError, ApiValueError: The source gave something that is not a token.
    """
    if hasattr(source, "fetch_token"):
        token = source.fetch_token(rest, clock, rejected)
    else:
        token = seal(call_source(source))
        if not token:
            raise ApiValueError(MISSING_CREDENTIAL)
        if not isinstance(token, Secret):
            raise ApiTypeError(f"access_token (from its source) must be a str or None, not {type(token).__name__}")
        check_header_value("access_token (from its source)", token.reveal())
    return Secret(f"Bearer {token.reveal()}")


def renew_token(source: Any, rejected: Secret, rest: RESTClientObject, clock: Clock) -> Secret | None:
    """Replace a token that was rejected, once for all threads that met the rejection.

    Returns:
        The header value to try next; `None` if the source cannot renew, or has no other token.
    """
    if hasattr(source, "fetch_token"):
        renewed = ask_source(source, rest, clock, rejected)
    elif hasattr(source, "renew"):
        with hold(rest.renewing, clock):
            renewed = ask_source(source, rest, clock)
            if renewed == rejected:  # no other thread was here first
                call_source(source.renew)
                renewed = ask_source(source, rest, clock)
    else:
        return None
    return None if renewed == rejected else renewed


def call_source(source: Callable[[], Any]) -> Any:
    """Call what the user gave as the source of a secret.

    Raises:
        ApiException: It failed; its own error is the cause.
    """
    try:
        return source()
    except OpenApiException:
        raise
    except Exception as error:
        raise ApiException(reason=f"The source of access_token failed: {type(error).__name__}.") from error


@contextmanager
def hold(lock: threading.Lock, clock: Clock) -> Generator[None, None, None]:
    """Hold a lock, waiting for it no longer than the call may take.

    Raises:
        ApiTimeoutException: Another thread held it for too long.
    """
    if not lock.acquire(timeout=max(0.0, min(clock.left, threading.TIMEOUT_MAX))):
        raise ApiTimeoutException(reason="Another thread was renewing the access token for too long.")
    try:
        yield
    finally:
        lock.release()


def check_request_auth(request_auth: Any) -> tuple[str, str, Secret]:
    """Check credentials in the form of generated clients.

    Returns:
        The place (`header`, `query` or `cookie`), the name and the value.

    Raises:
        ApiTypeError, ApiValueError: A key is missing, or has a value that is not allowed.
    """
    if not isinstance(request_auth, Mapping):
        raise ApiTypeError("_request_auth must be a mapping with in, key and value")
    get = request_auth.get
    place, name, value = reveal(get("in")), reveal(get("key")), get("value")
    if isinstance(value, SourcedToken):
        return place, name, value
    value = reveal(value)
    if place not in ("header", "query", "cookie"):
        raise ApiValueError("_request_auth['in'] must be header, query or cookie")
    if not isinstance(name, str) or not isinstance(value, str):
        raise ApiTypeError("_request_auth['key'] and _request_auth['value'] must be str")
    if place == "header":
        check_header(name, value)
    elif not (name.isprintable() and value.isprintable()):
        raise ApiValueError("_request_auth['key'] and _request_auth['value'] must be printable text")
    return place, name, Secret(value)


class PasswordGrant:
    """A token source for the flow that `OAuth2PasswordBearer` is named after (RFC 6749 sections 4.3 and 6).

    RFC 9700 section 2.4 advises against this grant; use it where the service offers nothing else, and a callable
    otherwise. The token is fetched at the first call, renewed a minute before it ends, and renewed when the service
    rejects it: with the refresh token if there is one, else with the password. One grant may serve many clients.

    Args:
        token_url: The token endpoint; relative to `Configuration.host`.
        username: The name of the account.
        password: Its password, or a callable that returns it. A `str` is forgotten once there is a refresh token.
        scope: The scopes to ask for, separated by spaces; `None` for the service's default.
        client_id: The client's name for the service; `None` if it needs none.
        client_secret: Its secret. Both go into the form, where FastAPI reads them.

    Examples:
        >>> from at_client import Configuration
        >>> grant = PasswordGrant("api/v1/auth/token", "ada", lambda: "asked for when it is needed")
        >>> configuration = Configuration(access_token=grant)
    """

    def __init__(
        self,
        token_url: str,
        username: str,
        password: str | Callable[[], str],
        scope: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> None:
        required: dict[str, object] = {"token_url": token_url, "username": username}
        for name, value in required.items():
            if not isinstance(value, str) or not value:
                raise ApiTypeError(f"{name} must be a str that is not empty")
        if not isinstance(client_secret, str | None):
            raise ApiTypeError(f"client_secret must be a str or None, not {type(client_secret).__name__}")
        self.token_url = token_url
        self.username = username
        self._password = password if callable(password) else _check_password(password)
        self._client = {"scope": scope, "client_id": client_id, "client_secret": seal(client_secret)}
        self._access: Secret | None = None
        self._refresh: Secret | None = None
        self._until = 0.0
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"PasswordGrant(token_url={self.token_url!r}, username={self.username!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def renew(self) -> None:
        """Forget the present token, so that the next call fetches another."""
        self._until = 0.0

    def fetch_token(self, rest: RESTClientObject, clock: Clock, rejected: Any = None) -> Secret:
        """Return a token that is good for now, and not the rejected one; fetch it if there is none.

        Args:
            rest: Sends the request.
            clock: The time of the call.
            rejected: A header value that the service did not accept; `None` for none.

        Raises:
            UnauthorizedException: The service refused the password, or the refresh token without a password to use.
            ApiException: The token endpoint could not be reached, or did not answer as it should.
        """
        if self._pid != os.getpid():  # the lock may have been held during the fork
            self._start()
        with hold(self._lock, clock):
            stale = self._access is None or time.time() >= self._until
            if stale or rejected == f"Bearer {reveal(self._access)}":
                self._fetch(rest, clock)
            assert self._access is not None
            return self._access

    def _fetch(self, rest: RESTClientObject, clock: Clock) -> None:
        """Get another token: with the refresh token, which stays good unless it is refused or replaced."""
        if self._refresh is not None:
            try:
                return self._post({"grant_type": "refresh_token", "refresh_token": self._refresh}, rest, clock)
            except UnauthorizedException:
                self._refresh = None
                if not callable(self._password):
                    raise
        password = self._password
        if callable(password):
            password = _check_password(call_source(password))
        if password is None:
            reason = "The refresh token was refused, and the password is forgotten; make a new PasswordGrant."
            raise UnauthorizedException(reason=reason)
        return self._post({"grant_type": "password", "username": self.username, "password": password}, rest, clock)

    def _post(self, form: dict[str, Any], rest: RESTClientObject, clock: Clock) -> None:
        """Post a form to the token endpoint, and store what it returns."""
        url = urljoin(f"{rest.configuration.host}/", self.token_url)
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": USER_AGENT,
        }
        fields = {name: value for name, value in (form | self._client).items() if value is not None}
        body = SealedForm(urlencode({name: reveal(value) for name, value in fields.items()}))
        body.parts = tuple(value for value in fields.values() if isinstance(value, Secret))
        response = rest.request("POST", url, headers, body, None, clock)
        answer = read_token_answer(response)
        lifetime = math.inf if answer.expires_in is None else answer.expires_in
        self._access = Secret(answer.access_token.get_secret_value())
        self._until = time.time() + lifetime - min(RENEW_BEFORE_SECONDS, lifetime / 2.0)
        if answer.refresh_token is not None:
            self._refresh = Secret(answer.refresh_token.get_secret_value())
            if isinstance(self._password, Secret):
                self._password = None


class SealedForm(Secret):
    """The body of a token request; an error must not repeat its parts."""

    __slots__ = ("parts",)
    parts: tuple[Secret, ...]


def _check_password(password: object) -> Secret | None:
    if not isinstance(password, str | None):
        raise ApiTypeError(f"password must be a str or None, not {type(password).__name__}")
    return Secret(password) if password else None


def _check_token(token: SecretStr) -> SecretStr:
    """Refuse a token that no `Authorization` header may carry."""
    if not token.get_secret_value():
        raise ValueError("it is empty")
    check_header_value("it", token.get_secret_value())
    return token


class TokenAnswer(BaseModel):
    """What a token endpoint returns (RFC 6749 section 5.1)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[SecretStr, AfterValidator(_check_token)]
    refresh_token: SecretStr | None = None
    expires_in: float | None = None
    """Seconds; without it, the token is good until it is rejected."""


class TokenRefusal(BaseModel):
    """Why a token endpoint says no (RFC 6749 section 5.2), or FastAPI in its place."""

    error: str = ""
    error_description: str = ""
    detail: str = ""


def read_token_answer(response: RESTResponse) -> TokenAnswer:
    """Read the response of a token endpoint.

    Raises:
        UnauthorizedException: It refused.
        ApiException: It failed, or answered with something else.
    """
    if not 200 <= response.status <= 299:
        raise _refuse(redact_response(response))
    try:
        answer: TokenAnswer = decode(response.read(), response.headers, TokenAnswer)
    except DecodeFault as fault:
        # Neither the body nor a traceback that holds it: there may be a token in it.
        message = f"{response.status} from {response.source}, but not the promised token: {fault}."
        raise ApiDecodeException(response.status, redact_response(response).reason, message=message) from None
    return answer


def _refuse(shown: SimpleNamespace) -> ApiException:
    if shown.status not in REFUSED_STATUSES:
        return exception_class(shown.status)(http_resp=shown)
    message = f"{shown.status} from {shown.source}: no access token was given{_read_refusal(shown)}."
    return UnauthorizedException(http_resp=shown, message=message)


def _read_refusal(shown: SimpleNamespace) -> str:
    """Write the reason of a refusal as the end of a sentence; an empty string if none was given."""
    try:
        refusal: TokenRefusal = decode(shown.data.encode(), None, TokenRefusal)
    except DecodeFault:
        return ""
    words = [refusal.error, refusal.error_description or refusal.detail]
    line = ": ".join(" ".join(word.split())[:200] for word in words if word)
    return f" ({line.rstrip('.')})" if line.isprintable() and line else ""
