"""A text that is used but never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from at_client.exceptions import ApiException, OpenApiException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHORTEST_SECRET = 4
"""Characters below which a text is too common to be struck out of other texts."""

Text = TypeVar("Text", str, bytes)


class Secret:
    """Holds a token, a cookie or a password so that no `repr`, log, traceback or dump shows it.

    It is not a `str` on purpose: tools that print local variables cut and print any `str` themselves. As a header
    value it goes through urllib3 unopened, because `http.client` writes whatever has an `encode` method.

    Args:
        value: The text to hide.

    Examples:
        >>> token = Secret("s3cr3t")
        >>> token
        Secret('***')
        >>> token.reveal()
        's3cr3t'
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the text; use it in an expression, never bind it to a name."""
        return self.__value

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the text as bytes, as `str.encode` does."""
        return self.__value.encode(encoding, errors)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.__value,)


def conceal(value: Any) -> Any:
    """Seal a text, or every text in a mapping, before anything can go wrong with it.

    A function that takes a secret as an argument rebinds the argument to this first: from then on no traceback of its
    frame shows it.
    """
    if value is None or isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Mapping):
        return {name: conceal(item) for name, item in value.items()}
    return value


def asked(source: Callable[[], Any]) -> Any:
    """Call what the user gave as the source of a secret, and seal its answer.

    Raises:
        ApiException: It failed; its own error is the cause.
    """
    try:
        return conceal(source())
    except OpenApiException:
        raise
    except Exception as error:
        raise ApiException(
            reason=f"The source of access_token failed: {type(error).__name__}."
        ) from error


def opened(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """Open every sealed value, for a library that takes plain ones only."""
    return {
        name: str(value.reveal() if isinstance(value, Secret) else value)
        for name, value in values.items()
    }


def redact(text: Text, secrets: Iterable[Secret]) -> Text:
    """Strike secrets out of a text that came from elsewhere, should it repeat one.

    Args:
        text: What a server wrote.
        secrets: Header values that were sent to it.

    Examples:
        >>> redact("token abcdef is not known", [Secret("Bearer abcdef")])
        'token *** is not known'
    """
    for secret in secrets:
        for part in _parts(secret):
            if len(part.reveal()) < SHORTEST_SECRET:
                continue
            if isinstance(text, bytes):
                text = text.replace(part.encode("latin-1", "replace"), b"***")
            else:
                text = text.replace(part.reveal(), "***")
    return text


def _parts(secret: Secret) -> Iterator[Secret]:
    """Take the secret parts out of a header value: `Bearer abc`, `name=value; other=value`, or all of it."""
    yield secret
    for pair in secret.reveal().split("; "):
        yield Secret(pair.partition(" ")[2])
        yield Secret(pair.partition("=")[2])
