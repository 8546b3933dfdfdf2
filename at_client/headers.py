"""Pure rules: what headers and cookies can carry, how they merge, which are secret."""

import functools
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from at_client.exceptions import ApiTypeError, ApiValueError

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""The name of a header or a cookie (RFC 9110 section 5.6.2)."""

_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")
_HEADER_RULE = (
    "a header; use visible ASCII with spaces or tabs inside, but no line break "
    "(RFC 9110 section 5.5)"
)

_COOKIE_VALUE = re.compile(r"""("?)[!#-+\--:<-[\]-~]*\1""")  # it can be in quotes
_COOKIE_RULE = (
    "a cookie; use visible ASCII without quotes, commas, semicolons and backslashes "
    "(RFC 6265 section 4.1.1)"
)

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

MIN_REDACTED_CHARACTERS = 8
"""A credential that is shorter is also an ordinary word; messages keep it."""


@functools.lru_cache(maxsize=256)  # names repeat; this saves 3 % of a call
def is_secret(name: str) -> bool:
    """Return whether the name of a header says that its value is secret."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_WORDS)


def check_header_name(name: Any) -> str:
    """Return the name of a header; raise `ApiValueError` if it cannot be one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApiValueError(
            f"{name!a:.40} is not a header name (RFC 9110 section 5.6.2)"
        )
    return name


def check_header_value(field: str, value: Any) -> str:
    """Return the value of a header as text; an error names the field, not the value.

    Args:
        field: The argument or the setting, as the caller wrote it.
        value: A `str` or a number.
    """
    text = _write_value(field, value)
    if not _HEADER_VALUE.fullmatch(text):
        raise ApiValueError(
            f"{field} has characters that are not allowed in {_HEADER_RULE}"
        )
    return text


def _write_value(field: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value).lower()
    kind = type(value).__name__
    raise ApiTypeError(f"{field} must be a str or a number, not {kind}")


def check_headers(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Return headers with every name and value checked, and values as text."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            check_header_name(name)  # raises
        if isinstance(value, str) and _HEADER_VALUE.fullmatch(value):
            checked[name] = value
        else:
            checked[name] = check_header_value(f"header {name}", value)
    return checked


def merge_headers(
    defaults: Mapping[str, Any], headers: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge headers, case-insensitively (RFC 9110 section 5.1).

    Examples:
        >>> merge_headers({"Accept": "text/plain", "X-Trace": "7"}, {"accept": "*/*"})
        {'accept': '*/*', 'X-Trace': '7'}
    """
    spellings = {name.lower(): name for name in (*defaults, *headers)}
    values = {**defaults, **headers}
    return {name: values[name] for name in spellings.values()}


def get_header(headers: Mapping[str, Any], name: str) -> Any:
    """Return the value of a header, whatever its case; `None` if there is none."""
    lowered = name.lower()
    for key, value in headers.items():
        if key.lower() == lowered:
            return value
    return None


def pop_header(headers: MutableMapping[str, Any], name: str) -> Any:
    """Remove a header, whatever its case, and return its value; `None` without one."""
    lowered = name.lower()
    for key in headers:
        if key.lower() == lowered:
            return headers.pop(key)
    return None


def add_cookie(headers: MutableMapping[str, Any], name: Any, value: Any) -> None:
    """Add a cookie to the `Cookie` header, unless its value is `None` or empty.

    Raises:
        ApiTypeError, ApiValueError: Name or value cannot be those of a cookie.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApiValueError(
            f"{name!a:.40} is not a cookie name (RFC 6265 section 4.1.1)"
        )
    if value is None or value == "":
        return

    text = _write_value(name, value)
    if not _COOKIE_VALUE.fullmatch(text):
        raise ApiValueError(
            f"{name} has characters that are not allowed in {_COOKIE_RULE}"
        )

    cookie = f"{name}={text}"
    others = pop_header(headers, "Cookie")
    headers["Cookie"] = f"{others}; {cookie}" if others else cookie


def find_credentials(headers: Mapping[str, str]) -> list[str]:
    """Return what is secret among headers: whole values, tokens and cookies.

    Examples:
        >>> find_credentials({"Authorization": "Bearer abc", "Accept": "*/*"})
        ['Bearer abc', 'abc']
    """
    credentials = []
    for name, value in headers.items():
        if is_secret(name):
            credentials.append(value)
            credentials += split_credentials(value)
    return credentials


def split_credentials(value: str) -> list[str]:
    """Return the token of `Bearer token`, and the values of cookies."""
    pairs = value.split("; ")
    tokens = [pair.partition(" ")[2] for pair in pairs]
    cookies = [pair.partition("=")[2] for pair in pairs]
    return [part for part in (*tokens, *cookies) if part]


def redact(text: str, credentials: Iterable[str]) -> str:
    """Strike out of a text every credential that is long enough to be one.

    Examples:
        >>> redact("token abcdefgh is unknown", ["Bearer abcdefgh", "abcdefgh"])
        'token *** is unknown'
    """
    for credential in credentials:
        if len(credential) >= MIN_REDACTED_CHARACTERS:
            text = text.replace(credential, "***")
    return text
