"""Pure rules: what headers and cookies can contain, which of them are secret, and how headers are merged."""

import functools
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from at_client.exceptions import ApiTypeError, ApiValueError

_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""The name of a header or a cookie (RFC 9110 section 5.6.2)."""

_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_RULE = "a header; use visible ASCII with spaces or tabs inside, but no line break (RFC 9110 section 5.5)"
"""What the value of a header is made of, and what to say of any other."""

_COOKIE_VALUE = re.compile(r"""("?)[!#-+\--:<-[\]-~]*\1""")  # it can be in quotes
_COOKIE_RULE = "a cookie; use visible ASCII without quotes, commas, semicolons and backslashes (RFC 6265 section 4.1.1)"


_SECRET_WORDS = (
    "auth",
    "cookie",
    "token",
    "secret",
    "key",
    "password",
    "session",
    "credential",
)


class Secret:
    """Wraps a token, a cookie or a password so that no `repr`, log or traceback shows it.

    It is not a `str`, and has slots: tools that print local variables print every `str` and every `__dict__`.
    It equals the `str` that it holds, and other HTTP libraries accept it as the value of a header.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the value; pydantic's `SecretStr` has the same method."""
        return self._value

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the value as bytes; `http.client` calls this on header values."""
        return self._value.encode(encoding, errors)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return bool(self._value == reveal(other))

    def __hash__(self) -> int:
        return hash(self._value)


HeaderValue = str | Secret
"""A header value inside the client: a secret one is wrapped."""


def seal(value: Any) -> Any:
    """Wrap a `str`, or every `str` in a `dict`, so that the local variables of a failed call do not show it."""
    if isinstance(value, str):
        return Secret(value)
    return (
        {name: seal(item) for name, item in value.items()}
        if isinstance(value, dict)
        else value
    )


def reveal(value: Any) -> Any:
    """Undo `seal` for one value; return any other value as it is."""
    return value.get_secret_value() if isinstance(value, Secret) else value


def reveal_all(headers: Mapping[str, HeaderValue]) -> dict[str, str]:
    """Unwrap every secret among headers, for the library that sends them."""
    return {
        name: value.get_secret_value() if isinstance(value, Secret) else value
        for name, value in headers.items()
    }


def pick_secrets(values: Iterable[Any]) -> tuple[Secret, ...]:
    """Return the wrapped ones among values."""
    return tuple([value for value in values if isinstance(value, Secret)])


@functools.lru_cache(maxsize=256)  # saves 3 % of a call
def is_secret(name: Any) -> bool:
    """Check the name of a header, and return whether it says that the value is secret."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ApiValueError(
            f"{name!a:.40} is not a header name (RFC 9110 section 5.6.2)"
        )
    return any(word in name.lower() for word in _SECRET_WORDS)


def check_header(name: Any, value: Any) -> HeaderValue:
    """Check the name and the value of a header, and return the value, wrapped if it is secret."""
    return check_headers({name: value})[name]


def check_header_value(
    field: str, value: Any, allowed: re.Pattern[str] = _VALUE, rule: str = _RULE
) -> str:
    """Return a value as the text to send, be it a `str`, a number or a secret; an error does not show it."""
    text = reveal(value)
    if isinstance(text, (int, float)):
        text = str(text).lower()
    if not isinstance(text, str):
        raise ApiTypeError(
            f"{field} must be a str or a number, not {type(text).__name__}"
        )
    if not allowed.fullmatch(text):
        raise ApiValueError(f"{field} has characters that are not allowed in {rule}")
    return text


def check_headers(headers: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """Check every header, and wrap secret values."""
    checked: dict[str, HeaderValue] = {}
    for name, value in headers.items():
        secret, text = is_secret(name), reveal(value)
        # Most values pass at once, in half the time that the pattern takes.
        if not (
            isinstance(text, str)
            and text.isascii()
            and text.isprintable()
            and text.strip(" ") == text
        ):
            text = check_header_value(f"header {name}", text)
        checked[name] = (
            value if isinstance(value, Secret) else Secret(text) if secret else text
        )
    return checked


def merge_headers(
    defaults: Mapping[str, Any], headers: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge headers, case-insensitively (RFC 9110 section 5.1), and wrap secret values: `headers` override `defaults`.

    Examples:
        >>> merge_headers({"Accept": "text/plain", "X-Api-Key": "k"}, {"accept": "*/*"})
        {'accept': '*/*', 'X-Api-Key': Secret('***')}
    """
    merged: dict[str, tuple[str, Any]] = {}
    for name, value in (*defaults.items(), *headers.items()):
        sealed = seal(value) if is_secret(name) else value
        merged[name.lower()] = name, sealed
    return dict(merged.values())


def pop_header(headers: MutableMapping[str, Any], name: str) -> Any:
    """Remove a header, whatever its case, and return its value; `None` if there is none."""
    lowered = name.lower()
    for key in headers:
        if key.lower() == lowered:
            return headers.pop(key)
    return None


def add_cookie(headers: MutableMapping[str, Any], name: Any, value: Any) -> None:
    """Add a cookie to the `Cookie` header, unless its value is `None` or empty."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ApiValueError(
            f"{name!a:.40} is not a cookie name (RFC 6265 section 4.1.1)"
        )
    if reveal(value) not in (None, ""):
        cookie = (
            f"{name}={check_header_value(name, value, _COOKIE_VALUE, _COOKIE_RULE)}"
        )
        others = reveal(pop_header(headers, "Cookie"))
        headers["Cookie"] = Secret(f"{others}; {cookie}" if others else cookie)


def redact(text: str, secrets: Iterable[HeaderValue]) -> str:
    """Strike out of a text what was sent as a secret; of `Bearer abc` and `name=abc; other=def` the parts, too.

    Examples:
        >>> redact("token abcdef is unknown", [Secret("Bearer abcdef")])
        'token *** is unknown'
    """
    for secret in map(reveal, secrets):
        parts = [
            pair.partition(mark)[2]
            for pair in secret.split("; ")
            for mark in (" ", "=")
        ]
        for part in [secret, *parts]:
            if len(part) > 3:  # shorter ones are too common
                text = text.replace(part, "***")
    return text
