"""The token endpoint of the password flow: RFC 6749, sections 4.3 (password) and 6 (refresh)."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from at_client.sandbox.messages import Answer

if TYPE_CHECKING:
    from at_client.sandbox.accounts import Account, Accounts
    from at_client.sandbox.messages import Request

FORM = "application/x-www-form-urlencoded"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
"""Section 5.1: no answer with a token may be kept."""


class OAuthError(Exception):
    """A refusal of section 5.2.

    Args:
        error: The code, such as `invalid_grant`.
        description: What a developer should read.
        status: 400, or 401 for a client that is not who it should be.
    """

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    def to_answer(self) -> Answer:
        """Return the answer that tells of it."""
        headers = {"www-authenticate": "Basic"} if self.status == HTTPStatus.UNAUTHORIZED else {}
        body = {"error": self.error, "error_description": str(self)}
        return Answer.from_value(body, status=self.status, headers={**NO_STORE, **headers})


class TokenEndpoint:
    """Gives tokens for a password or a refresh token; a refresh token works once, and is replaced.

    Args:
        accounts: Whose.
        lifetime: Seconds that a token lives, `expires_in`.
    """

    def __init__(self, accounts: Accounts, lifetime: int) -> None:
        self._accounts = accounts
        self.lifetime = lifetime
        self.client: tuple[str, str] | None = None
        """The `client_id` and `client_secret` that must be shown; `None` means that any will do."""

    def answer(self, request: Request) -> Answer:
        """Answer a request for a token.

        Args:
            request: A POST with a form.
        """
        try:
            form = read_form(request)
            self._check_client(request, form)
            account, scope = self._grant(form)
        except OAuthError as error:
            return error.to_answer()
        token, refresh_token = self._accounts.issue(account, scope, self.lifetime)
        body: dict[str, object] = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self.lifetime,
            "refresh_token": refresh_token,
        }
        if scope:
            body["scope"] = scope
        return Answer.from_value(body, headers=NO_STORE)

    def _grant(self, form: dict[str, str]) -> tuple[Account, str]:
        grant_type = require(form, "grant_type")
        if grant_type == "password":
            return self._by_password(form)
        if grant_type == "refresh_token":
            return self._by_refresh_token(form)
        raise OAuthError("unsupported_grant_type", "grant_type must be password or refresh_token")

    def _by_password(self, form: dict[str, str]) -> tuple[Account, str]:
        account = self._accounts.by_login(require(form, "username"), require(form, "password"))
        if account is None:
            raise OAuthError("invalid_grant", "Incorrect username or password")
        return account, form.get("scope", "")

    def _by_refresh_token(self, form: dict[str, str]) -> tuple[Account, str]:
        token = require(form, "refresh_token")
        account, granted = self._accounts.by_refresh(token) or (None, "")
        scope = form.get("scope", granted)
        if account is not None and not set(scope.split()) <= set(granted.split()):
            raise OAuthError("invalid_scope", "The scope is wider than the one first granted")
        if account is None or not self._accounts.use_up(token):
            raise OAuthError("invalid_grant", "The refresh token is unknown, used up or expired")
        return account, scope

    def _check_client(self, request: Request, form: dict[str, str]) -> None:
        """Check the client's own credentials, in the header or in the form (section 2.3.1)."""
        shown = (form.get("client_id", ""), form.get("client_secret", ""))
        basic = basic_credentials(request)
        if basic is not None and shown[1]:
            raise OAuthError("invalid_request", "The client is named in the header and in the form")
        if self.client is not None and (basic or shown) != self.client:
            raise OAuthError("invalid_client", "client_id or client_secret is wrong", status=401)


def read_form(request: Request) -> dict[str, str]:
    """Return the parameters of a form; those without a value count as left out (section 3.2).

    Args:
        request: The request.

    Raises:
        OAuthError: It is not a form, or a parameter is there twice.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise OAuthError("invalid_request", f"The request must be {FORM}")
    pairs = parse_qsl(request.body.decode("utf-8", "replace"))
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise OAuthError("invalid_request", f"{twice[0]} is given more than once")
    return dict(pairs)


def require(form: dict[str, str], name: str) -> str:
    """Return a parameter that must be there.

    Args:
        form: The form.
        name: The parameter.

    Raises:
        OAuthError: It is not there.
    """
    if name not in form:
        raise OAuthError("invalid_request", f"{name} is missing")
    return form[name]


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return name and secret of the client from `Authorization: Basic`, `None` without one.

    Both are form-encoded inside (section 2.3.1).

    Args:
        request: The request.

    Raises:
        OAuthError: The header cannot be read.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError(
            "invalid_client", "The Authorization header cannot be read", status=401
        ) from None
    return unquote_plus(name), unquote_plus(secret)
