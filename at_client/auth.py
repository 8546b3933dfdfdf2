"""What a request identifies itself with: where access tokens come from, and how a rejected one is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.fields import check_header_value, header_item, text_secret
from at_client.sealed import Secret, asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from at_client.connections import Clock
    from at_client.fields import HeaderValue
    from at_client.password_grant import PasswordGrant
    from at_client.rest import RESTClientObject


def __getattr__(name: str) -> Any:
    """Import what only some clients use."""
    if name != "PasswordGrant":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from at_client.password_grant import PasswordGrant

    return PasswordGrant


__all__ = ["Bearer", "PasswordGrant", "authorization", "authorized", "credential_of"]


def authorization(token: Secret) -> Secret:
    """Write a bearer token, checked before, as the value of the `Authorization` header."""
    return Secret(f"Bearer {token.reveal()}")


class Bearer(Secret):
    """Stands among the headers for the token of a source, which is asked when the request goes out.

    Args:
        source: A callable that gives a token, or a `PasswordGrant`.
    """

    __slots__ = ("source",)

    def __init__(self, source: Any) -> None:
        super().__init__("")
        self.source = source

    def ask(self, rest: RESTClientObject, clock: Clock) -> Secret | None:
        """Ask the source for its present token.

        Args:
            rest: Sends the request of a source that fetches its tokens.
            clock: The time of the call.

        Returns:
            The value of the `Authorization` header (RFC 6750 section 2.1); `None` if the source has no token.

        Raises:
            ApiException: The source failed.
            ApiTypeError, ApiValueError: The source gave what is no token.
        """
        if not callable(self.source):  # such as a PasswordGrant
            return authorization(self.source.token(rest, clock))
        token = text_secret("access_token (from its source)", asked(self.source))
        if token is None:
            return None
        check_header_value("access_token (from its source)", token)
        return authorization(token)

    def renew(self, rejected: Secret, rest: RESTClientObject, clock: Clock) -> Secret | None:
        """Replace a token that was rejected, once for all threads that met the rejection.

        Args:
            rejected: The header value that the service did not accept.
            rest: Sends the request of a source that fetches its tokens.
            clock: The time of the call.

        Returns:
            The header value to try next; `None` if the source cannot renew, or has no other token.
        """
        if not hasattr(self.source, "renew"):
            return None
        with rest.configuration.renewing.held(clock.left):
            present = self.ask(rest, clock)
            if present == rejected:  # no other thread was here first
                asked(self.source.renew)
                present = self.ask(rest, clock)
        return None if present == rejected else present


def authorized(headers: Mapping[str, HeaderValue], token: Secret | None) -> dict[str, HeaderValue]:
    """Put a token in the place that stands for it; without one, the header is left out."""
    rest = {name: value for name, value in headers.items() if name != "Authorization"}
    return rest if token is None else {**rest, "Authorization": token}


def credential_of(request_auth: object) -> tuple[str, str, Secret]:
    """Check the credentials of one call, which come sealed, in the form of generated clients.

    Returns:
        The place (`header`, `query` or `cookie`), the name and the value.

    Raises:
        ApiTypeError, ApiValueError: A key is missing, or has a value that is not allowed.
    """
    if not isinstance(request_auth, dict):
        raise ApiTypeError("_request_auth must be a mapping with in, key and value")
    place, name, value = (request_auth.get(key) for key in ("in", "key", "value"))
    if not isinstance(place, Secret) or place.reveal() not in ("header", "query", "cookie"):
        raise ApiValueError("_request_auth['in'] must be header, query or cookie")
    if not isinstance(name, Secret) or not isinstance(value, Secret):
        raise ApiTypeError("_request_auth['key'] and _request_auth['value'] must be str")
    if place.reveal() == "header":
        header_item(name.reveal(), value)
    if not (name.reveal() + value.reveal()).isprintable():
        raise ApiValueError(
            "_request_auth['key'] and _request_auth['value'] must be printable text"
        )
    return place.reveal(), name.reveal(), value
