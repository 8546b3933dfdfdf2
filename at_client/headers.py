"""Pure rules: what headers and cookies may carry, which of them are secret, and how headers are merged."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from at_client.exceptions import ApiTypeError, ApiValueError

SHORTEST_SECRET = 4
"""Characters below which a value is too common to be struck out of other texts."""

_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
"""What the name of a header or a cookie is made of (RFC 9110 section 5.6.2)."""

_NEVER_IN_COOKIES = frozenset('",;\\ ')
"""Printable characters that no cookie value may have (RFC 6265 section 4.1.1)."""

_BLANKS = (" ", "\t")

_SENSITIVE = "auth|cookie|token|secret|key|password|session|credential"


class Secret:
    """Wraps a token, a cookie or a password so that no `repr`, log or traceback shows it.

    It is not a `str`, because tools that print local variables cut and print every `str` themselves. It equals the
    `str` that it holds, and `http.client` and urllib3 accept it as the value of a header.

    Examples:
        >>> token = Secret("s3cr3t")
        >>> token, token.reveal()
        (Secret('***'), 's3cr3t')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value."""
        return self._value

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the value as bytes; `http.client` calls this on header values."""
        return self._value.encode(encoding, errors)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self._value == (other._value if isinstance(other, Secret) else other)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._value,)


HeaderValue = str | Secret
"""A header value inside the client: a secret one is wrapped."""


def seal(value: Any) -> Any:
    """Wrap a `str`, or every `str` value of a mapping, so that the local variables of a failed call do not show it."""
    if value is None or isinstance(value, str):
        return None if value is None else Secret(value)
    if isinstance(value, Mapping):
        return {name: seal(item) for name, item in value.items()}
    return value


def reveal(value: Any) -> Any:
    """Undo `seal` for one value; return any other value as it is."""
    return value.reveal() if isinstance(value, Secret) else value


def reveal_all(headers: Mapping[str, HeaderValue]) -> dict[str, str]:
    """Unwrap every secret among headers, for the library that sends them."""
    return {name: reveal(value) for name, value in headers.items()}


@functools.lru_cache(maxsize=256)  # a call asks ten times, and this saves 3 % of it
def is_secret(name: str) -> bool:
    """Return whether the name of a header says that its value is secret.

    Raises:
        ApiValueError: It is not the name of a header.
    """
    if not name or name.strip(_TOKEN):
        raise ApiValueError(f"{name[:40]!a} is not a header name (RFC 9110 section 5.6.2)")
    return re.search(_SENSITIVE, name.lower()) is not None


def check_header(name: Any, value: Any) -> HeaderValue:
    """Check one header, and return its value, wrapped if it is secret.

    Raises:
        ApiTypeError: The name is not a `str`, or the value is neither a `str` nor a number.
        ApiValueError: HTTP does not allow the name or the value, which the message does not show.
    """
    if not isinstance(name, str):
        raise ApiTypeError(f"a header name must be a str, not {type(name).__name__}")
    secret, text = is_secret(name), reveal(value)
    if isinstance(text, (int, float)):
        text = str(text).lower()
    if not isinstance(text, str):
        raise ApiTypeError(f"header {name} must be a str or a number, not {type(text).__name__}")
    check_header_value(f"header {name}", text)
    if isinstance(value, Secret):
        return value
    return Secret(text) if secret else text


def check_header_value(field: str, value: str) -> None:
    """Refuse a value that no header may carry, naming the field and not the value.

    Raises:
        ApiValueError: A control character, a line break, a non-ASCII character, or whitespace at an end.
    """
    if not (value.isascii() and (value.isprintable() or value.replace("\t", " ").isprintable())) or (
        value[:1] in _BLANKS or value[-1:] in _BLANKS
    ):
        raise ApiValueError(
            f"{field} has characters that no header may carry; allowed are visible ASCII characters with spaces "
            "or tabs inside, but no line break (RFC 9110 section 5.5)"
        )


def check_headers(headers: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """Check every header, and wrap secret values."""
    return {name: check_header(name, value) for name, value in headers.items()}


def seal_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap the values of headers whose names say that they are secret."""
    return {
        name: Secret(value) if isinstance(value, str) and is_secret(name) else value for name, value in headers.items()
    }


def merge_headers(defaults: Mapping[str, Any], headers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge headers, case-insensitively (RFC 9110 section 5.1): `headers` override `defaults`.

    Examples:
        >>> merge_headers({"Accept": "text/plain", "X-Api-Key": "k"}, {"accept": "*/*"})
        {'accept': '*/*', 'X-Api-Key': Secret('***')}
    """
    merged = {name.lower(): (name, value) for source in (defaults, headers) for name, value in source.items()}
    return seal_headers(dict(merged.values()))


def pop_header(headers: MutableMapping[str, Any], name: str) -> Any:
    """Remove a header, whatever its case, and return its value; `None` if there is none."""
    if name in headers:
        return headers.pop(name)
    lowered = name.lower()
    key = next((key for key in headers if key.lower() == lowered), None)
    return None if key is None else headers.pop(key)


def write_cookie(name: object, value: object) -> str:
    """Write one cookie as `name=value`; an empty string for the value `None` and for an empty one.

    Raises:
        ApiTypeError: The value is neither a `str` nor a number.
        ApiValueError: No cookie may have the name or carry the value, which the message does not show.
    """
    if not isinstance(name, str) or not name or name.strip(_TOKEN):
        raise ApiValueError(f"{name!a:.40} is not a cookie name (RFC 6265 section 4.1.1)")
    text = reveal(value)
    if text is None or text == "":
        return ""
    if isinstance(text, (int, float)):
        text = str(text).lower()
    if not isinstance(text, str):
        raise ApiTypeError(f"{name} must be a str or None, not {type(text).__name__}")
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not (inner.isascii() and inner.isprintable() and _NEVER_IN_COOKIES.isdisjoint(inner)):
        raise ApiValueError(
            f"{name} has characters that no cookie may carry; allowed are visible ASCII characters "
            "other than the double quote, comma, semicolon and backslash (RFC 6265 section 4.1.1)"
        )
    return f"{name}={text}"


def redact(text: str, secrets: Iterable[HeaderValue]) -> str:
    """Strike secrets out of a text that somebody else wrote, should it repeat one.

    Args:
        text: What a service or a proxy wrote.
        secrets: Header values that were sent to it. Of `Bearer abc` and of `name=abc; other=def`, the parts are
            struck out as well.

    Examples:
        >>> redact("token abcdef is unknown", [Secret("Bearer abcdef")])
        'token *** is unknown'
    """
    for secret in map(reveal, secrets):
        pairs = secret.split("; ")
        parts = [secret, *(pair.partition(mark)[2] for pair in pairs for mark in (" ", "="))]
        for part in parts:
            if len(part) >= SHORTEST_SECRET:
                text = text.replace(part, "***")
    return text
