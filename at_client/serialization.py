"""Pure rules: how parameters are written into a path, a query and a body (OpenAPI 3.1, Parameter Object)."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from at_client.exceptions import ApiTypeError, ApiValueError

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Parameters by name, or pairs where a name may come more than once."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What nearly every method is, and needs no look at its letters."""

DELIMITERS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
"""What joins the items of a list, by collection format; `multi` repeats the name instead."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BYTES = "application/octet-stream"

_PLACEHOLDER = r"\{([^{}]*)\}"


def plain(field: str, value: Any) -> Any:
    """Reduce a value to what JSON knows: models, dates, UUIDs, enumerations, decimals and the like.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    with _written_for(field, value):
        return to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")


def text(field: str, value: Any) -> str:
    """Write one value the way paths, queries and forms show it: `true`, `2026-12-01`, JSON for an object.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    value = plain(field, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    with _written_for(field, value):
        written = (
            json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
        )
        written.encode("utf-8")  # half a surrogate pair is no character
    return written


@contextmanager
def _written_for(field: str, value: object) -> Generator[None, None, None]:
    """Turn the failure to write a value into an error that names the parameter."""
    try:
        yield
    except (PydanticSerializationError, ValueError) as error:
        raise ApiTypeError(f"{field} cannot be written as JSON: {type(value).__name__}") from error


def pairs(
    params: Params | None, collection_formats: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Write parameters as pairs of texts; a `None` is left out, a list repeats its name or is joined.

    Args:
        params: The parameters.
        collection_formats: Name -> `multi` (the default), `csv`, `ssv`, `tsv` or `pipes`.

    Raises:
        ApiValueError: A collection format is none of these.

    Examples:
        >>> pairs({"id": [1, 2], "all": True, "page": None})
        [('id', '1'), ('id', '2'), ('all', 'true')]
        >>> pairs({"id": [1, 2]}, {"id": "csv"})
        [('id', '1,2')]
    """
    written: list[tuple[str, str]] = []
    for name, value in items(params):
        if not isinstance(value, list | tuple | set | frozenset):
            if value is not None:
                written.append((name, text(name, value)))
            continue
        texts = [text(name, item) for item in value if item is not None]
        style = (collection_formats or {}).get(name, "multi")
        if style == "multi":
            written += [(name, item) for item in texts]
        elif style in DELIMITERS:
            written.append((name, DELIMITERS[style].join(texts)))
        else:
            raise ApiValueError(
                f"collection format of {name} must be multi, {', '.join(DELIMITERS)}; not {style!r}"
            )
    return written


def items(params: Any) -> list[tuple[str, Any]]:
    """List parameters as pairs.

    Raises:
        ApiTypeError: They are neither a mapping nor pairs, or a name is no `str`.
    """
    try:
        given = params.items() if isinstance(params, Mapping) else params or ()
        found = [(name, value) for name, value in given]
    except (TypeError, ValueError):
        raise ApiTypeError(
            f"parameters must be a mapping or pairs, not {type(params).__name__}"
        ) from None
    for name, _ in found:
        if not isinstance(name, str):
            raise ApiTypeError(f"a parameter name must be a str, not {type(name).__name__}")
    return found


def path(
    template: str, params: Params | None, collection_formats: Mapping[str, str] | None = None
) -> str:
    """Fill the placeholders of a path, every character encoded that could mean something else (RFC 3986 section 2).

    Raises:
        ApiValueError: The path does not start with a slash; or a placeholder has no value, or one that would lead
            elsewhere: empty, `.` or `..`.

    Examples:
        >>> path("/teams/{team}/credits", {"team": "a/b"})
        '/teams/a%2Fb/credits'
    """
    if not isinstance(template, str):
        raise ApiTypeError(f"resource_path must be a str, not {type(template).__name__}")
    if not template.startswith("/"):
        raise ApiValueError("resource_path must start with a slash")
    if "?" in template or "#" in template:
        raise ApiValueError("resource_path must be a path alone; the query goes into query_params")
    if "{" not in template and not params:
        return template
    formats = {
        **dict.fromkeys(re.findall(_PLACEHOLDER, template), "csv"),
        **(collection_formats or {}),
    }
    # A path has one place for each name, so there is nothing to repeat.
    formats = {name: "csv" if style == "multi" else style for name, style in formats.items()}
    values = dict(pairs(params, formats))

    def fill(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if values.get(name, "") in ("", ".", ".."):
            raise ApiValueError(
                f"path parameter {name} must be given, and not be empty, '.' or '..'"
            )
        return quote(values[name], safe="")

    return re.sub(_PLACEHOLDER, fill, template)


def checked_method(method: object) -> str:
    """Return a method in capitals (RFC 9110 section 9.1).

    Raises:
        ApiTypeError: It is no `str`.
        ApiValueError: It is no token.
    """
    if not isinstance(method, str):
        raise ApiTypeError(f"method must be a str, not {type(method).__name__}")
    if method in METHODS:
        return method
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", method):
        raise ApiValueError("method must be a single word, such as GET")
    return method.upper()


def query(params: Params | None, collection_formats: Mapping[str, str] | None = None) -> str:
    """Write a query with its question mark; empty for no parameters."""
    written = (
        urlencode(pairs(params, collection_formats), quote_via=quote, safe="") if params else ""
    )
    return f"?{written}" if written else ""


def content(body: Any, post_params: Params | None, content_type: str | None) -> tuple[bytes, str]:
    """Write the body of a request that has one.

    Args:
        body: What to send: JSON, unless it is bytes or the content type says that it is a text of another kind.
        post_params: The fields of a form.
        content_type: The content type asked for, or `None`.

    Returns:
        The body and its content type.

    Raises:
        ApiTypeError: The body cannot be written as JSON.
        ApiValueError: There are a body and a form, or the content type does not fit.
    """
    if body is not None and post_params:
        raise ApiValueError("body and post_params exclude each other; give one of them")
    if post_params:
        if content_type not in (None, FORM):
            raise ApiValueError(f"a form is sent as {FORM}, not as {content_type}")
        return urlencode(pairs(post_params)).encode("ascii"), FORM
    if isinstance(body, bytes):
        return body, content_type or BYTES
    if content_type is None or is_json(content_type):
        with _written_for("body", body):
            written = to_json(plain("body", body), inf_nan_mode="constants")
        return written, content_type or JSON
    if isinstance(body, str):
        return text("body", body).encode("utf-8"), content_type
    raise ApiValueError(
        f"a {type(body).__name__} is sent as {JSON}, not as {content_type}; write it as str or bytes"
    )


def is_json(content_type: str | None) -> bool:
    """Say whether a media type is JSON, by name or by suffix (RFC 6839 section 3.1)."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))
