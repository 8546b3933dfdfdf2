"""Access tokens by the password flow that `OAuth2PasswordBearer` is named after (RFC 6749)."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode, urljoin

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from at_client.decoding import DecodeFault, decode
from at_client.exceptions import (
    ApiDecodeException,
    ApiTypeError,
    ApiValueError,
    UnauthorizedException,
    exception_class,
)
from at_client.fields import check_header_value, text_secret
from at_client.locks import ProcessLock
from at_client.sealed import Secret, asked, conceal
from at_client.settings import exposed_host
from at_client.version import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from at_client.connections import Clock
    from at_client.exchange import RESTResponse
    from at_client.rest import RESTClientObject

EARLY = 60.0
"""Seconds before its end at which a token is renewed; of a short life, half of it."""

REFUSALS = (400, 401, 403)
"""Answers of a token endpoint that say no (RFC 6749 section 5.2), where trying again would not help."""


class PasswordGrant:
    """A token source for the flow that `OAuth2PasswordBearer` is named after (RFC 6749 sections 4.3 and 6).

    RFC 9700 section 2.4 advises against this grant; use it where the service offers nothing else, and a callable
    otherwise. The token is fetched at the first call, renewed a minute before it ends, and renewed when the service
    rejects it: with the refresh token if there is one, else with the password. One grant may serve many clients.

    Args:
        token_url: Where tokens are had; relative to `Configuration.host`.
        username: The name of the account.
        password: Its password, or a callable that gives it. A `str` is forgotten once a refresh token has been had.
        scope: The scopes to ask for, separated by blanks; `None` for the service's default.
        client_id: What names the client to the service; `None` if it needs none.
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
        password, client_secret = conceal(password), conceal(client_secret)
        required: dict[str, object] = {"token_url": token_url, "username": username}
        for name, value in required.items():
            if not isinstance(value, str) or not value:
                raise ApiTypeError(f"{name} must be a str that is not empty")
        self.token_url = token_url
        self.username = username
        self._password = password if callable(password) else text_secret("password", password)
        self._client = {
            "scope": scope,
            "client_id": client_id,
            "client_secret": text_secret("client_secret", client_secret),
        }
        self._access: Secret | None = None
        self._refresh: Secret | None = None
        self._until = 0.0
        self._lock = ProcessLock()

    def __repr__(self) -> str:
        return f"PasswordGrant(token_url={self.token_url!r}, username={self.username!r})"

    def renew(self) -> None:
        """Forget the present token, so that the next call fetches another."""
        self._until = 0.0

    def token(self, rest: RESTClientObject, clock: Clock) -> Secret:
        """Return a token that is good for now, fetched if there is none.

        Args:
            rest: Sends the request.
            clock: The time of the call.

        Raises:
            UnauthorizedException: The service refused the password, or the refresh token with no password to go on.
            ApiException: The token endpoint could not be reached, or did not answer as it should.
        """
        with self._lock.held(clock.left):
            if self._access is None or time.time() >= self._until:
                self._fetch(rest, clock)
            assert self._access is not None
            return self._access

    def _fetch(self, rest: RESTClientObject, clock: Clock) -> None:
        """Get another token: with the refresh token, which stays good unless it is refused or replaced."""
        form: dict[str, str | Secret | None]
        if self._refresh is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
            try:
                return self._ask(form, rest, clock)
            except UnauthorizedException:
                self._refresh = None
                if not callable(self._password):
                    raise
        password = self._password
        if callable(password):
            password = text_secret("password", asked(password))
        if password is None:
            reason = "The refresh token was refused, and the password is forgotten; make a new PasswordGrant."
            raise UnauthorizedException(reason=reason)
        form = {"grant_type": "password", "username": self.username, "password": password}
        return self._ask(form, rest, clock)

    def _ask(
        self, form: Mapping[str, str | Secret | None], rest: RESTClientObject, clock: Clock
    ) -> None:
        """Post a form to the token endpoint, and keep what it gives."""
        url = urljoin(f"{rest.configuration.host}/", self.token_url)
        exposed = exposed_host(url)
        if exposed is not None and not rest.configuration.allow_insecure_http:
            raise ApiValueError(
                f"token_url: the password would go unencrypted to {exposed}; use https"
            )
        body = SealedForm({**form, **self._client})
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            "User-Agent": USER_AGENT,
        }
        answer = token_answer(rest.request("POST", url, headers, body, clock))
        lifetime = math.inf if answer.expires_in is None else answer.expires_in
        self._access = Secret(answer.access_token.get_secret_value())
        self._until = time.time() + lifetime - min(EARLY, lifetime / 2.0)
        if answer.refresh_token is not None:
            self._refresh = Secret(answer.refresh_token.get_secret_value())
            if isinstance(self._password, Secret):
                self._password = None


class SealedForm:
    """A form body that shows in no traceback; http.client sends what iterating over it gives.

    Args:
        fields: The fields, secret ones sealed; one that is `None` is left out.
    """

    def __init__(self, fields: Mapping[str, str | Secret | None]) -> None:
        self.secrets = tuple(value for value in fields.values() if isinstance(value, Secret))
        """What a response must not repeat in an error."""
        self._text = Secret(
            urlencode(
                {
                    name: value.reveal() if isinstance(value, Secret) else value
                    for name, value in fields.items()
                    if value is not None
                }
            )
        )

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode("ascii")

    def __len__(self) -> int:
        return len(self._text.encode("ascii"))


def _usable(token: SecretStr) -> SecretStr:
    """Refuse a token that no `Authorization` header may carry."""
    if not token.get_secret_value():
        raise ValueError("it is empty")
    check_header_value("it", Secret(token.get_secret_value()))
    return token


class TokenAnswer(BaseModel):
    """What a token endpoint gives (RFC 6749 section 5.1)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[SecretStr, AfterValidator(_usable)]
    refresh_token: SecretStr | None = None
    expires_in: float | None = None
    """Seconds; of a service that says nothing, the token is good until it is rejected."""


def token_answer(response: RESTResponse) -> TokenAnswer:
    """Read the answer of a token endpoint.

    Raises:
        UnauthorizedException: It refused.
        ApiException: It failed, or answered with something else.
    """
    shown = response.shown()
    if response.status in REFUSALS:
        reason = _refusal(shown.data)
        raise UnauthorizedException(
            http_resp=shown,
            message=f"{shown.status} from {shown.source}: no access token was given{reason}.",
        )
    if not 200 <= response.status <= 299:
        raise exception_class(response.status)(http_resp=shown)
    try:
        answer: TokenAnswer = decode(
            response.read(), response.headers.get("Content-Type"), TokenAnswer
        )
    except DecodeFault as fault:
        # Neither the body nor a traceback that holds it: there may be a token in it.
        message = f"{shown.status} from {shown.source}, but not the promised token: {fault}."
        raise ApiDecodeException(shown.status, shown.reason, message=message) from None
    return answer


class _Refusal(BaseModel):
    """Why a token endpoint says no (RFC 6749 section 5.2), or FastAPI in its place."""

    error: str = ""
    error_description: str = ""
    detail: str = ""


def _refusal(body: bytes) -> str:
    """Write the reason of a refusal as the end of a sentence; empty if none was given."""
    try:
        said: _Refusal = decode(body, None, _Refusal)
    except DecodeFault:
        return ""
    words = [said.error, said.error_description or said.detail]
    line = ": ".join(" ".join(word.split())[:200] for word in words if word)
    return f" ({line.rstrip('.')})" if line.isprintable() and line else ""
