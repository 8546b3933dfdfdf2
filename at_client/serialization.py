"""Pure rules: how parameters are written into a path, a query and a body (OpenAPI 3.1, Parameter Object)."""

from __future__ import annotations

import json
import mimetypes
import os
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from at_client.exceptions import ApiTypeError, ApiValueError

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Parameters by name, or pairs where a name may come more than once."""

DELIMITERS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
"""What joins the items of a list, by collection format; `multi` repeats the name instead."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BYTES = "application/octet-stream"

_PLACEHOLDER = r"\{([^{}]*)\}"


def sanitize(field: str, value: Any) -> Any:
    """Reduce a value to what JSON has: models, dates, UUIDs, enumerations, decimals and the like.

    Anything with a `to_dict` method is written by it, inside lists and dictionaries too.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    with _naming(field, value):
        return _reduce(value)


def _reduce(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, date):  # or a datetime
        return value.isoformat()
    if hasattr(value, "to_dict"):
        return _reduce(value.to_dict())
    if hasattr(value, "get_secret_value"):
        return _reduce(value.get_secret_value())
    if isinstance(value, Mapping):
        return {_reduce(key): _reduce(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_reduce(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")


def write_text(field: str, value: Any) -> str:
    """Write one value as paths, queries and forms show it: `true`, `2026-12-01`, JSON for an object.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    value = sanitize(field, value)
    if isinstance(value, bool):
        return "true" if value else "false"
    with _naming(field, value):
        value = value.decode() if isinstance(value, bytes) else value
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else str(value)
        text.encode("utf-8")  # half a surrogate pair is no character
    return text


@contextmanager
def _naming(field: str, value: object) -> Generator[None, None, None]:
    """Name the parameter in the error if a value cannot be written."""
    try:
        yield
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise ApiTypeError(f"{field} cannot be written as JSON: {type(value).__name__}") from error


def write_pairs(
    params: Params | None, collection_formats: Mapping[str, str] | None = None
) -> list[tuple[str, list[str], str]]:
    """Write parameters as text; a `None` is left out.

    Args:
        params: The parameters.
        collection_formats: Name -> `multi` (the default), `csv`, `ssv`, `tsv` or `pipes`.

    Returns:
        One entry per `name=value` to write: the name, the items of the value, and what joins them.

    Raises:
        ApiValueError: A collection format is none of these.

    Examples:
        >>> write_pairs({"id": [1, 2], "all": True, "page": None})
        [('id', ['1'], ''), ('id', ['2'], ''), ('all', ['true'], '')]
        >>> write_pairs({"id": [1, 2]}, {"id": "csv"})
        [('id', ['1', '2'], ',')]
    """
    pairs: list[tuple[str, list[str], str]] = []
    for name, value in list_items(params):
        several = isinstance(value, list | tuple | set | frozenset)
        items = [write_text(name, item) for item in (value if several else [value]) if item is not None]
        style = (collection_formats or {}).get(name, "multi") if several else "multi"
        if style == "multi":
            pairs += [(name, [item], "") for item in items]
        elif style in DELIMITERS:
            pairs.append((name, items, DELIMITERS[style]))
        else:
            allowed = f"multi, {', '.join(DELIMITERS)}"
            raise ApiValueError(f"collection format of {name} must be {allowed}; not {style!r}")
    return pairs


def list_items(params: Any) -> list[tuple[str, Any]]:
    """Return parameters as pairs; `None` gives none.

    Raises:
        ApiTypeError: They are neither a mapping nor pairs, or a name is not a `str`.
    """
    if params is None:
        return []
    try:
        items = [(name, value) for name, value in (params.items() if isinstance(params, Mapping) else params)]
    except (TypeError, ValueError):
        raise ApiTypeError(f"parameters must be a mapping or pairs, not {type(params).__name__}") from None
    for name, _ in items:
        if not isinstance(name, str):
            raise ApiTypeError(f"a parameter name must be a str, not {type(name).__name__}")
    return items


def join_lists(headers: Mapping[str, Any], collection_formats: Mapping[str, str]) -> dict[str, Any]:
    """Write the lists among headers as their collection formats say."""
    if not collection_formats:
        return dict(headers)
    lists = {name: headers[name] for name in collection_formats if name in headers}
    written = {name: mark.join(items) for name, items, mark in write_pairs(lists, collection_formats)}
    return {**headers, **written}


def write_path(template: str, params: Params | None, collection_formats: Mapping[str, str] | None = None) -> str:
    """Fill the placeholders of a path, percent-encoding whatever could mean something else (RFC 3986 section 2).

    Raises:
        ApiValueError: The path does not start with a slash; or a placeholder has no value, or one that would lead
            elsewhere: an empty string, `.` or `..`.

    Examples:
        >>> write_path("/teams/{team}/credits", {"team": "a/b"})
        '/teams/a%2Fb/credits'
    """
    if not isinstance(template, str):
        raise ApiTypeError(f"resource_path must be a str, not {type(template).__name__}")
    if not template.startswith("/"):
        raise ApiValueError("resource_path must start with a slash")
    if "?" in template or "#" in template:
        raise ApiValueError("resource_path must be a path alone; the query goes into query_params")
    if "{" not in template:
        return template
    # A path has one place for each name, so a list cannot be repeated.
    styles = {name: (collection_formats or {}).get(name, "csv") for name in re.findall(_PLACEHOLDER, template)}
    styles = {name: "csv" if style == "multi" else style for name, style in styles.items()}
    values = {name: mark.join(items) for name, items, mark in write_pairs(params, styles)}

    def fill(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if values.get(name, "") in ("", ".", ".."):
            raise ApiValueError(f"path parameter {name} must be given, and not be empty, '.' or '..'")
        return quote(values[name], safe="")

    return re.sub(_PLACEHOLDER, fill, template)


def check_method(method: object) -> str:
    """Return a method in capitals (RFC 9110 section 9.1).

    Raises:
        ApiTypeError: It is not a `str`.
        ApiValueError: It is not a single word.
    """
    if not isinstance(method, str):
        raise ApiTypeError(f"method must be a str, not {type(method).__name__}")
    if not (method.isascii() and method.replace("-", "").isalnum()):
        raise ApiValueError("method must be a single word, such as GET")
    return method.upper()


def write_query(params: Params | None, collection_formats: Mapping[str, str] | None = None) -> str:
    """Write a query without its question mark. The comma between the items of a `csv` list stays as it is.

    Examples:
        >>> write_query({"id": ["a,b", "c"]}, {"id": "csv"})
        'id=a%2Cb,c'
    """
    return "&".join(
        f"{quote(name, safe='')}={quote(mark, safe=',').join(quote(item, safe='') for item in items)}"
        for name, items, mark in write_pairs(params, collection_formats)
    )


def write_body(body: Any, post_params: Params | None, content_type: str | None) -> tuple[bytes | str, str]:
    """Write the body of a request that has one.

    Args:
        body: What to send: as JSON, unless it is bytes, or a `str` with another content type.
        post_params: The fields of a form; in a `multipart/form-data` form a value may be a tuple
            `(file name, data, media type)`.
        content_type: The content type from the headers; `None` for the one that fits.

    Returns:
        The body and its content type.

    Raises:
        ApiTypeError: The body cannot be written as JSON.
        ApiValueError: There are a body and a form, or the content type does not fit.
    """
    if body is not None and post_params:
        raise ApiValueError("body and post_params exclude each other; give one of them")
    if post_params and (content_type or "").startswith(MULTIPART):
        fields = [
            (name, value if isinstance(value, tuple) else write_text(name, value))
            for name, value in list_items(post_params)
        ]
        return urllib3.encode_multipart_formdata(fields)
    if post_params:
        if content_type not in (None, FORM):
            raise ApiValueError(f"a form is sent as {FORM} or {MULTIPART}, not as {content_type}")
        pairs = [(name, mark.join(items)) for name, items, mark in write_pairs(post_params)]
        return urlencode(pairs), FORM
    if isinstance(body, bytes):
        return body, content_type or BYTES
    if content_type is None or is_json(content_type):
        with _naming("body", body):
            return to_json(_reduce(body), inf_nan_mode="constants"), content_type or JSON
    if isinstance(body, str):
        return write_text("body", body).encode("utf-8"), content_type
    raise ApiValueError(f"a {type(body).__name__} is sent as {JSON}, not as {content_type}; write it as str or bytes")


def read_files(files: Mapping[str, Any]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return the fields of a multipart form for files: each a path, bytes, `(file name, bytes)`, or a list of these."""
    fields = []
    for field, value in files.items():
        for file in value if isinstance(value, list) else [value]:
            name: str = file[0] if isinstance(file, tuple) else field
            data: Any = file[1] if isinstance(file, tuple) else file
            if isinstance(data, str):
                name = os.path.basename(data)
                with open(data, "rb") as opened:
                    data = opened.read()
            fields.append((field, (name, data, mimetypes.guess_type(name)[0] or BYTES)))
    return fields


def is_json(content_type: str | None) -> bool:
    """Return whether a media type is JSON, by name or by suffix (RFC 6839 section 3.1)."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))
