"""Pure rules: how parameters are written into a path, a query and a body.

The names and the rules are those of OpenAPI 3.1, Parameter Object.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import quote, urlencode

from pydantic_core import to_json, to_jsonable_python

from at_client.exceptions import ApiTypeError, ApiValueError

T = TypeVar("T")

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Parameters by name, or pairs where a name can come more than once."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BYTES = "application/octet-stream"

_SEVERAL = (list, tuple, set, frozenset)
_PLAIN = (type(None), str, int, float, bool, bytes)
_METHODS_THAT_WRITE = ("to_dict", "isoformat", "get_secret_value")
"""What models, dates and secrets of pydantic are written by."""

_METHOD = re.compile(r"[A-Za-z0-9-]+")
_PATH = re.compile(r"/[^?#]*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_JSON_TYPE = re.compile(r"(?i)\s*application/([^;]*\+)?json\s*(;|\Z)")


class Body(NamedTuple):
    """The body of a request, as it is sent."""

    data: bytes
    content_type: str


def list_items(field: str, params: Any) -> list[tuple[str, Any]]:
    """Return parameters as pairs; `None` gives none.

    Raises:
        ApiTypeError: They are neither a mapping nor pairs, or a name is not a text.
    """
    if params is None:
        return []

    try:
        items = list(params.items() if hasattr(params, "items") else params)
        for name, _ in items:
            name.encode()  # half of a surrogate pair is no character
    except (AttributeError, TypeError, ValueError):
        raise ApiTypeError(
            f"{field} must be a mapping or pairs, with names that are text"
        ) from None

    return items


def check_method(method: object) -> str:
    """Return a method in capitals (RFC 9110 section 9.1), as a plain `str`.

    Raises:
        ApiValueError: It is not a single word.
    """
    if isinstance(method, str) and _METHOD.fullmatch(method):
        return method.upper()

    raise ApiValueError("method must be a single word, such as GET")


def check_formats(collection_formats: Any) -> None:
    """Refuse any way to write a list but to repeat its name.

    Raises:
        ApiValueError: A format is not `multi`.
    """
    for name, style in list_items("collection_formats", collection_formats):
        if style != "multi":
            raise ApiValueError(
                f"collection_formats must be 'multi' for {name}, which repeats the "
                f"name for each item, not {style!r}; join the items for another format"
            )


def refuse_files() -> NoReturn:
    """Refuse files, for there are no multipart forms."""
    raise ApiValueError(
        "files must be empty: multipart forms cannot be sent; "
        "send the bytes of one file as body"
    )


def write_path(template: Any, params: Params | None) -> str:
    """Fill the placeholders of a path, percent-encoding what could mean something else.

    A list is joined by commas (RFC 3986 section 2 has the characters).

    Raises:
        ApiValueError: This is not a path alone; or a placeholder has no value, or one
            that would lead elsewhere: an empty string, `.` or `..`.

    Examples:
        >>> write_path("/teams/{team}/credits", {"team": "a/b"})
        '/teams/a%2Fb/credits'
    """
    if not isinstance(template, str) or not _PATH.fullmatch(template):
        raise ApiValueError(
            "resource_path must be a str that starts with a slash, "
            "without a query or a fragment"
        )

    if "{" not in template:
        return template

    values = dict(list_items("path_params", params))

    def fill(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        text = ",".join(write_text(name, item) for item in _split(values.get(name)))
        if text in ("", ".", ".."):
            raise ApiValueError(
                f"path parameter {name} must be given, and not be empty, '.' or '..'"
            )

        return quote(text, safe="")

    return _PLACEHOLDER.sub(fill, template)


def write_query(params: Params | None) -> str:
    """Write a query without its question mark; a list repeats its name.

    Examples:
        >>> write_query({"tag": ["a b", "c"], "page": None})
        'tag=a%20b&tag=c'
    """
    if not params:
        return ""

    return urlencode(_write_pairs("query_params", params), quote_via=quote)


def write_body(body: Any, post_params: Params | None, content_type: str | None) -> Body:
    """Write the body of a request that has one.

    Args:
        body: What to send: as JSON, unless it is bytes, or a `str` with another content
            type.
        post_params: The fields of a form, instead of a body.
        content_type: The content type from the headers; `None` for the one that fits.

    Raises:
        ApiTypeError: The body cannot be written as JSON.
        ApiValueError: There are a body and a form, or the content type does not fit.
    """
    if post_params:
        return _write_form(body, post_params, content_type)

    if isinstance(body, bytes):
        return Body(body, content_type or BYTES)

    if content_type is None or is_json(content_type):
        return Body(_convert("body", body, _write_json), content_type or JSON)

    if isinstance(body, str):
        return Body(write_text("body", body).encode(), content_type)

    raise ApiValueError(
        f"a {type(body).__name__} is sent as {JSON}, not as {content_type}; "
        "write it as str or bytes"
    )


def write_text(field: str, value: Any) -> str:
    """Write one value as paths, queries and forms have it.

    That is `true`, `2026-12-01`, and JSON for an object.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    return _convert(field, value, _write_plain)


def sanitize(field: str, value: Any) -> Any:
    """Reduce a value to what JSON has.

    Anything with a `to_dict` method is written by it, at any depth; a secret of
    pydantic is written by its value; bytes stay.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    return _convert(field, value, _reduce)


def is_json(content_type: str | None) -> bool:
    """Return whether a media type is JSON, by name or suffix (RFC 6839 section 3.1)."""
    return _JSON_TYPE.match(content_type or "") is not None


def _write_form(body: Any, post_params: Params, content_type: str | None) -> Body:
    """Write the fields of a form, where a list repeats its name."""
    if body is not None:
        raise ApiValueError("body and post_params exclude each other; give one of them")

    if content_type not in (None, FORM):
        raise ApiValueError(f"a form is sent as {FORM}, not as {content_type}")

    text = urlencode(_write_pairs("post_params", post_params))
    return Body(text.encode(), FORM)


def _write_pairs(field: str, params: Params) -> list[tuple[str, str]]:
    """Return a pair of name and text for each item of each parameter."""
    return [
        (name, write_text(name, item))
        for name, value in list_items(field, params)
        for item in _split(value)
    ]


def _split(value: Any) -> list[Any]:
    """Return the items of a list, or one value as the only item; `None` is left out."""
    items = value if isinstance(value, _SEVERAL) else [value]
    return [item for item in items if item is not None]


def _convert(field: str, value: Any, write: Callable[[Any], T]) -> T:
    """Return `write(value)`; an error names the field, and does not hold the value."""
    try:
        return write(value)
    except (ValueError, TypeError, RecursionError):
        kind = type(value).__name__

    raise ApiTypeError(f"{field} cannot be written as JSON: {kind}")


def _write_json(value: Any) -> bytes:
    return to_json(_reduce(value), inf_nan_mode="constants")


def _write_plain(value: Any) -> str:
    reduced = _reduce(value)
    if isinstance(reduced, bytes):
        return reduced.decode()

    if not isinstance(reduced, str):
        return json.dumps(reduced)

    reduced.encode()  # half of a surrogate pair is no character
    return reduced


def _reduce(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value

    for method in _METHODS_THAT_WRITE:
        if hasattr(value, method):
            return _reduce(getattr(value, method)())

    if isinstance(value, Mapping):
        return {_reduce(key): _reduce(item) for key, item in value.items()}

    if isinstance(value, _SEVERAL):
        items = map(_reduce, value)
        return tuple(items) if isinstance(value, tuple) else list(items)

    return _reduce_object(value)


def _reduce_object(value: Any) -> Any:
    """Return what pydantic makes of a model, a dataclass, an enumeration and so on."""
    from pydantic import TypeAdapter  # plain values need none

    parts = TypeAdapter(Any).dump_python(value, by_alias=True)
    if _has_secret(parts):  # for JSON, pydantic would write asterisks
        return _reduce(parts)

    return to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")


def _has_secret(parts: Any) -> bool:
    if isinstance(parts, Mapping):
        return any(map(_has_secret, parts.values()))

    if isinstance(parts, _SEVERAL):
        return any(map(_has_secret, parts))

    return hasattr(parts, "get_secret_value")
