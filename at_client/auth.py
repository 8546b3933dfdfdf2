"""Where access tokens come from: a `str`, a callable, or the password flow; and how a rejected one is replaced."""

import math
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urljoin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from at_client import exceptions
from at_client.api_response import RESTResponse, read_outcome, redact_response
from at_client.connections import Clock
from at_client.headers import Secret, check_header_value, reveal, seal
from at_client.rest import USER_AGENT, RESTClientObject
from at_client.serialization import FORM

RENEW_BEFORE_SECONDS = 60.0
"""How long before its end a token is renewed; one with a short life, after half of it."""

REFUSED_STATUSES = (400, 401, 403)
"""Statuses with which a token endpoint rejects a request for good (RFC 6749 section 5.2)."""

MISSING_CREDENTIAL = (
    "no access token: set ACCESS_TOKEN and use Configuration.from_env(), or set Configuration.access_token "
    "(an auth_token or an Authorization header also works)"
)


class RenewalLock:
    """Lets one thread at a time renew a token. It pickles, and a child process starts with a free one."""

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return RenewalLock, ()

    @contextmanager
    def hold(self, clock: Clock) -> Generator[None, None, None]:
        """Hold the lock, waiting for it no longer than the deadline allows."""
        lock = self._locks.setdefault(os.getpid(), threading.Lock())
        if not lock.acquire(
            timeout=max(
                0.0, min(clock.deadline - time.monotonic(), threading.TIMEOUT_MAX)
            )
        ):
            raise exceptions.ApiTimeoutException(
                reason="Another thread took too long to renew the access token."
            )
        try:
            yield
        finally:
            lock.release()


def ask_source(
    source: Any, rest: RESTClientObject, clock: Clock, rejected: Secret | None = None
) -> Secret:
    """Ask a token source for the present value of the `Authorization` header (RFC 6750 section 2.1).

    Args:
        source: A callable, or an object that fetches its tokens over the client.
        rest: The client.
        clock: The time of the call.
        rejected: A header value that the service did not accept, to be replaced unless that has happened already.
    """
    if hasattr(source, "fetch_token"):
        return source.fetch_token(rest, clock, rejected)  # type: ignore[no-any-return]  # anybody's
    header = _read_header(source)
    if header == rejected:
        call_source(source.renew, "access_token")
        header = _read_header(source)
    return header


def _read_header(source: Callable[[], Any]) -> Secret:
    token = call_source(source, "access_token")
    if token is None:
        raise exceptions.ApiValueError(MISSING_CREDENTIAL)
    return Secret(
        f"Bearer {check_header_value('access_token (from its source)', token)}"
    )


def call_source(source: Callable[[], Any], field: str) -> Secret | None:
    """Call what the user gave as the source of a secret; return `None` for an empty one."""
    try:
        value = seal(source() or None)
    except exceptions.OpenApiException:
        raise
    except Exception as error:
        raise exceptions.ApiException(
            reason=f"The source of {field} failed: {type(error).__name__}."
        ) from error
    if not isinstance(value, Secret | None):
        raise exceptions.ApiTypeError(
            f"{field} (from its source) must be a str or None, not {type(value).__name__}"
        )
    return value


class PasswordGrant:
    """A token source for the flow that `OAuth2PasswordBearer` is named after (RFC 6749 sections 4.3 and 6).

    RFC 9700 section 2.4 advises against this grant; use it where the service offers nothing else, and a callable
    otherwise. The token is fetched at the first call, renewed a minute before it expires, and when the service
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
        >>> grant = PasswordGrant(
        ...     "api/v1/auth/token", "ada", lambda: "asked for when it is needed"
        ... )
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
        for name, value in {
            "token_url": token_url,
            "username": username,
            "password": password,
        }.items():
            if not value or not (
                isinstance(value, str) or (name == "password" and callable(value))
            ):
                raise exceptions.ApiTypeError(f"{name} must be a str that is not empty")
        for name, text in {
            "scope": scope,
            "client_id": client_id,
            "client_secret": client_secret,
        }.items():
            if not isinstance(text, str | None):
                raise exceptions.ApiTypeError(
                    f"{name} must be a str or None, not {type(text).__name__}"
                )
        self.token_url = token_url
        self.username = username
        self._password: Any = seal(password)
        self._client = {
            "scope": scope,
            "client_id": client_id,
            "client_secret": seal(client_secret),
        }
        self._access: Any = None
        self._refresh: Any = None
        self._until = 0.0
        self._lock = RenewalLock()

    def __repr__(self) -> str:
        return (
            f"PasswordGrant(token_url={self.token_url!r}, username={self.username!r})"
        )

    def renew(self) -> None:
        """Forget the present token, so that the next call fetches another."""
        self._until = 0.0

    def fetch_token(
        self, rest: RESTClientObject, clock: Clock, rejected: Any = None
    ) -> Any:
        """Return the header value for a valid token other than the rejected one, fetching it if needed.

        Raises:
            UnauthorizedException: The service rejected the password, or the refresh token without a password to use.
            ApiException: The token endpoint could not be reached, or did not answer as it should.
        """
        with self._lock.hold(clock):
            if (
                self._access is None
                or time.time() >= self._until
                or self._access == rejected
            ):
                self._fetch(rest, clock)
            return self._access

    def _fetch(self, rest: RESTClientObject, clock: Clock) -> None:
        """Get another token: with the refresh token if there is one, else with the password."""
        if self._refresh is not None:
            try:
                return self._post(
                    {"grant_type": "refresh_token", "refresh_token": self._refresh},
                    rest,
                    clock,
                )
            except exceptions.UnauthorizedException:
                self._refresh = None
                if not callable(self._password):
                    raise
        password = (
            call_source(self._password, "password")
            if callable(self._password)
            else self._password
        )
        if password is None:
            reason = "The refresh token was rejected, and the password is no longer stored; create a new PasswordGrant."
            raise exceptions.UnauthorizedException(reason=reason)
        return self._post(
            {"grant_type": "password", "username": self.username, "password": password},
            rest,
            clock,
        )

    def _post(self, form: dict[str, Any], rest: RESTClientObject, clock: Clock) -> None:
        """Post a form to the token endpoint, and store what it returns."""
        url = urljoin(f"{rest.configuration.host}/", self.token_url)
        headers = {
            "Accept": "application/json",
            "Content-Type": FORM,
            "User-Agent": USER_AGENT,
        }
        answer = read_token_answer(
            rest.request("POST", url, headers, None, {**form, **self._client}, clock)
        )
        lifetime = math.inf if answer.expires_in is None else answer.expires_in
        self._access = Secret(f"Bearer {reveal(answer.access_token)}")
        self._until = time.time() + lifetime - min(RENEW_BEFORE_SECONDS, lifetime / 2.0)
        if answer.refresh_token is not None:
            self._refresh = answer.refresh_token
            if not callable(self._password):
                self._password = None


def read_token_answer(response: RESTResponse) -> Any:
    """Return what a token endpoint grants (RFC 6749 section 5.1), or raise the error for it."""

    class TokenAnswer(
        BaseModel
    ):  # few clients need it, and it takes longer to make than a call
        model_config = ConfigDict(hide_input_in_errors=True)

        access_token: Annotated[
            str,
            Field(min_length=1),
            AfterValidator(lambda it: seal(check_header_value("it", it))),
        ]
        refresh_token: Annotated[str | None, AfterValidator(seal)] = None
        expires_in: float | None = (
            None  # without it, the token is good until it is rejected
        )

    if response.status in REFUSED_STATUSES:
        shown = redact_response(response)
        detail = exceptions.find_detail(shown.data)
        message = f"{shown.status} from {shown.source}: no access token was given{detail and f' ({detail})'}."
        raise exceptions.UnauthorizedException(http_resp=shown, message=message)
    outcome = read_outcome(response, {"2XX": TokenAnswer})
    if isinstance(outcome, exceptions.ApiException):
        if isinstance(outcome, exceptions.ApiDecodeException):
            outcome.body = None  # there may be a token in it
        raise outcome
    return outcome.data
