"""What an HTTP field may carry, and which fields are secret.

All rules are told by name only: a message never shows the value that broke one.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.sealed import Secret, conceal

_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
"""What the name of a header or a cookie is made of (RFC 9110 section 5.6.2)."""

_NEVER_IN_COOKIES = frozenset('",;\\')
"""Visible characters that no cookie value may have (RFC 6265 section 4.1.1)."""

_SECRET_WORDS = ("auth", "cookie", "token", "secret", "key", "password", "session", "credential")
"""Parts of a header name that make its value a secret."""

HeaderValue = str | Secret
"""A header value as it travels inside the client."""


def is_token(name: str) -> bool:
    """Say whether this is a token, such as a header name is."""
    return name != "" and name.strip(_TOKEN) == ""


def is_visible(text: Secret) -> bool:
    """Say whether a text has visible ASCII characters only (RFC 5234 appendix B.1); the empty text has."""
    return text.reveal().isascii() and text.reveal().isprintable() and " " not in text.reveal()


def text_secret(field: str, value: object) -> Secret | None:
    """Seal a text that must not be shown; an empty one is none.

    Args:
        field: The name to use in an error.
        value: A `str`, a `Secret`, or `None`.

    Raises:
        ApiTypeError: The value is something else.
    """
    if isinstance(value, str):
        value = Secret(value)
    if value is None or isinstance(value, Secret):
        return value or None
    raise ApiTypeError(f"{field} must be a str or None, not {type(value).__name__}")


def check_header_value(field: str, value: Secret) -> None:
    """Refuse a value that no header may carry.

    Raises:
        ApiValueError: A control character, a line break, a non-ASCII character, or blanks at an end.
    """
    between = Secret(value.reveal().replace(" ", "").replace("\t", ""))
    if not is_visible(between) or value.reveal() != value.reveal().strip(" \t"):
        raise ApiValueError(
            f"{field} has characters that no header may carry; allowed are visible ASCII characters "
            "with blanks or tabs inside, but no line break (RFC 9110 section 5.5)"
        )


def check_cookie_value(field: str, value: Secret) -> None:
    """Refuse a value that no cookie may carry.

    Raises:
        ApiValueError: A control character, blank, comma, semicolon, backslash, inner quote or non-ASCII character.
    """
    quoted = len(value.reveal()) > 1 and value.reveal()[0] == value.reveal()[-1] == '"'
    inner = Secret(value.reveal()[1:-1]) if quoted else value
    if not is_visible(inner) or not _NEVER_IN_COOKIES.isdisjoint(inner.reveal()):
        raise ApiValueError(
            f"{field} has characters that no cookie may carry; allowed are visible ASCII characters "
            "other than the double quote, comma, semicolon and backslash (RFC 6265 section 4.1.1)"
        )


def header_item(name: object, value: object) -> tuple[str, HeaderValue]:
    """Check one header; its value stays sealed only if the name says that it is secret.

    Args:
        name: The field name.
        value: A sealed text, or a number.

    Raises:
        ApiTypeError: The name is no `str`, or the value is neither text nor number.
        ApiValueError: HTTP does not allow the name or the value.
    """
    if not isinstance(name, str):
        raise ApiTypeError(f"a header name must be a str, not {type(name).__name__}")
    if not is_token(name):
        raise ApiValueError(f"{name[:40]!a} is not a header name (RFC 9110 section 5.6.2)")
    if isinstance(value, int | float):
        value = Secret(str(value).lower())
    if not isinstance(value, Secret):
        raise ApiTypeError(f"header {name} must be a str or a number, not {type(value).__name__}")
    check_header_value(f"header {name}", value)
    secret = any(word in name.lower() for word in _SECRET_WORDS)
    return name, value if secret else value.reveal()


def cookie_item(name: object, value: object) -> Secret | None:
    """Write a cookie parameter as `name=value`; `None` and the empty text are no cookie.

    Raises:
        ApiTypeError: The value is no `str`.
        ApiValueError: No cookie may carry it.
    """
    if not isinstance(name, str) or not is_token(name):
        raise ApiValueError(f"{name!a:.40} is not a cookie name (RFC 6265 section 4.1.1)")
    if isinstance(value, int | float):
        value = str(value).lower()
    secret = text_secret(name, value)
    if secret is None:
        return None
    check_cookie_value(name, secret)
    return Secret(f"{name}={secret.reveal()}")


def joined_cookies(cookies: Sequence[HeaderValue | None]) -> Secret | None:
    """Write cookies into one header (RFC 6265 section 4.2.1); none of them is no header."""
    given = [cookie for cookie in cookies if isinstance(cookie, Secret)]
    if len(given) < 2:
        return given[0] if given else None
    return Secret("; ".join([cookie.reveal() for cookie in given]))


class Headers(MutableMapping[str, HeaderValue]):
    """Headers by name, without regard to case (RFC 9110 section 5.1); each is checked, secret ones come back sealed.

    Args:
        items: The first headers.
    """

    _items: dict[str, tuple[str, HeaderValue]]
    """Name in small letters -> name and value; replaced at every change, so that another thread can go on reading."""

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items = {}
        if items is not None:
            self.update(items)

    def __getitem__(self, name: str) -> HeaderValue:
        return self._items[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __setitem__(self, name: str, value: Any) -> None:
        value = conceal(value)
        item = header_item(name, value)
        self._items = {**self._items, item[0].lower(): item}

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several headers; they are sealed before anything can go wrong with one."""
        args, kwargs = tuple(map(conceal, args)), conceal(kwargs)
        try:
            items = dict(*args, **kwargs)
        except (TypeError, ValueError):
            raise ApiTypeError("headers must be a mapping of names to values") from None
        for name, value in items.items():
            self[name] = value

    def __delitem__(self, name: str) -> None:
        self._items = {
            key: item for key, item in self._items.items() if item is not self._items[name.lower()]
        }

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._items.values()])

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Headers({self.to_dict()!r})"

    def __or__(self, other: Headers) -> Headers:
        """Return both; where both have a name, the other's value counts."""
        return self._of({**self._items, **other._items})

    @classmethod
    def checked(cls, *items: tuple[str, HeaderValue]) -> Headers:
        """Make headers of items that need no check any more."""
        return cls._of({name.lower(): (name, value) for name, value in items})

    @classmethod
    def _of(cls, items: dict[str, tuple[str, HeaderValue]]) -> Headers:
        headers = cls.__new__(cls)
        headers._items = items  # noqa: SLF001  # its own
        return headers

    @property
    def state(self) -> object:
        """Something that is the very same object for as long as the headers are the same."""
        return self._items

    def found(self, name: str) -> HeaderValue | None:
        """Return a header by its name in small letters; `None` if there is none."""
        item = self._items.get(name)
        return None if item is None else item[1]

    def to_dict(self) -> dict[str, HeaderValue]:
        """Return the headers as a new dictionary, secret ones sealed."""
        return dict(self._items.values())
