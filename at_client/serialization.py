"""Pure rules: how parameters are written into a path, a query and a body (OpenAPI 3.1, Parameter Object)."""

import json
import mimetypes
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from pydantic_core import to_json, to_jsonable_python

from at_client.checks import check_file
from at_client.exceptions import ApiTypeError, ApiValueError

Params = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Parameters by name, or pairs where a name can come more than once."""

Formats = Mapping[str, str] | None
"""Parameter name -> how a list is written: `multi` (the default), `csv`, `ssv`, `tsv` or `pipes`."""

DELIMITERS = {"multi": "", "csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
"""What joins the items of a list, by collection format; `multi` repeats the name instead."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BYTES = "application/octet-stream"


def _reduce(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, date):  # or a datetime
        return value.isoformat()
    for method in ("to_dict", "get_secret_value"):
        if hasattr(value, method):
            return _reduce(getattr(value, method)())
    if isinstance(value, Mapping):
        return {_reduce(key): _reduce(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return (tuple if isinstance(value, tuple) else list)(map(_reduce, value))
    return to_jsonable_python(value, by_alias=True, inf_nan_mode="constants")


def sanitize(field: str, value: Any, write: Callable[[Any], Any] = _reduce) -> Any:
    """Reduce a value to what JSON has; anything with a `to_dict` method is written by it, at any depth.

    Raises:
        ApiTypeError: There is no way to write it.
    """
    try:
        return write(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise ApiTypeError(
            f"{field} cannot be written as JSON: {type(value).__name__}"
        ) from error


def write_text(field: str, value: Any) -> str:
    """Write one value as paths, queries and forms show it: `true`, `2026-12-01`, JSON for an object."""
    return sanitize(field, value, _write)  # type: ignore[no-any-return]  # as _write has it


def _write(value: Any) -> str:
    value = _reduce(value)
    if isinstance(value, bool | dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    data = (
        value if isinstance(value, bytes) else str(value).encode()
    )  # half a surrogate pair is no character
    return data.decode()


def write_items(
    params: Params | None, collection_formats: Formats = None
) -> Iterator[tuple[str, list[str], str]]:
    """Write each parameter as its name, the items of its value, and what joins them; `None` has no items.

    Examples:
        >>> list(write_items({"id": [1, None, True], "page": [2, 3]}, {"page": "csv"}))
        [('id', ['1', 'true'], ''), ('page', ['2', '3'], ',')]
    """
    for name, value in list_items("parameters", params):
        several = isinstance(value, list | tuple | set | frozenset)
        style = (
            str((collection_formats or {}).get(name, "multi")) if several else "multi"
        )
        if style not in DELIMITERS:
            raise ApiValueError(
                f"collection format of {name} must be {', '.join(DELIMITERS)}; not {style!r}"
            )
        items = [
            write_text(name, item)
            for item in (value if several else [value])
            if item is not None
        ]
        yield name, items, DELIMITERS[style]


def list_items(field: str, params: Any) -> list[tuple[str, Any]]:
    """Return parameters as pairs; `None` gives none."""
    if params is None:
        return []
    try:
        items = list(params.items() if hasattr(params, "items") else params)
        for name, _ in items:
            name.encode()  # half a surrogate pair is no character
    except (AttributeError, TypeError, ValueError):
        raise ApiTypeError(
            f"{field} must be a mapping or pairs, with names that are text"
        ) from None
    return items


def join_lists(
    params: dict[str, Any], collection_formats: Mapping[str, str]
) -> dict[str, Any]:
    """Write the lists that have a collection format; without a name to repeat, `multi` is `csv`."""
    lists = {
        name: value for name, value in params.items() if name in collection_formats
    }
    return params | {
        name: (mark or ",").join(items)
        for name, items, mark in write_items(lists, collection_formats)
    }


def write_path(
    template: Any, params: Params | None, collection_formats: Formats = None
) -> str:
    """Fill the placeholders of a path, percent-encoding whatever could mean something else (RFC 3986 section 2).

    Raises:
        ApiValueError: This is not a path alone; or a placeholder has no value, or one that would lead elsewhere: an
            empty string, `.` or `..`.

    Examples:
        >>> write_path("/teams/{team}/credits", {"team": "a/b"})
        '/teams/a%2Fb/credits'
    """
    if (
        not isinstance(template, str)
        or template[:1] != "/"
        or "?" in template
        or "#" in template
    ):
        raise ApiValueError(
            "resource_path must be a str that starts with a slash, without a query or a fragment"
        )
    if "{" not in template:
        return template
    values = {
        name: (mark or ",").join(items)
        for name, items, mark in write_items(params, collection_formats)
    }

    def fill(placeholder: re.Match[str]) -> str:
        value = values.get(placeholder[1], "")
        if value in ("", ".", ".."):
            raise ApiValueError(
                f"path parameter {placeholder[1]} must be given, and not be empty, '.' or '..'"
            )
        return quote(value, safe="")

    return re.sub(r"\{([^{}]*)\}", fill, template)


def check_method(method: Any) -> str:
    """Return a method in capitals (RFC 9110 section 9.1)."""
    if (
        not isinstance(method, str)
        or not method.isascii()
        or not method.replace("-", "").isalnum()
    ):
        raise ApiValueError("method must be a single word, such as GET")
    return method.upper()


def write_query(params: Params | None, collection_formats: Formats = None) -> str:
    """Write a query without its question mark. The comma between the items of a `csv` list stays as it is.

    Examples:
        >>> write_query({"id": ["a,b", "c"]}, {"id": "csv"})
        'id=a%2Cb,c'
    """
    pairs = []
    for name, items, mark in write_items(params, collection_formats):
        quoted = [quote(item, safe="") for item in items]
        values = [quote(mark, safe=",").join(quoted)] if mark else quoted
        pairs += [f"{quote(name, safe='')}={value}" for value in values]
    return "&".join(pairs)


def write_body(
    body: Any, post_params: Params | None, content_type: str | None
) -> tuple[bytes | str, str]:
    """Write the body of a request that has one, and return it with its content type.

    Args:
        body: What to send: as JSON, unless it is bytes, or a `str` with another content type.
        post_params: The fields of a form; in a `multipart/form-data` form a value can be a tuple
            `(file name, data, media type)`.
        content_type: The content type from the headers; `None` for the one that fits.

    Raises:
        ApiTypeError: The body cannot be written as JSON.
        ApiValueError: There are a body and a form, or the content type does not fit.
    """
    if post_params:
        if body is not None:
            raise ApiValueError(
                "body and post_params exclude each other; give one of them"
            )
        if (content_type or "").startswith(MULTIPART):
            fields = list_items("post_params", post_params)
            parts = [
                (name, value if isinstance(value, tuple) else write_text(name, value))
                for name, value in fields
            ]
            return urllib3.encode_multipart_formdata(parts)
        if content_type not in (None, FORM):
            raise ApiValueError(
                f"a form is sent as {FORM} or {MULTIPART}, not as {content_type}"
            )
        return urlencode(
            [(name, items) for name, items, _ in write_items(post_params)], doseq=True
        ), FORM
    if isinstance(body, bytes):
        return body, content_type or BYTES
    if content_type is None or is_json(content_type):
        return sanitize(
            "body", body, lambda raw: to_json(_reduce(raw), inf_nan_mode="constants")
        ), content_type or JSON
    if isinstance(body, str):
        return write_text("body", body).encode(), content_type
    raise ApiValueError(
        f"a {type(body).__name__} is sent as {JSON}, not as {content_type}; write it as str or bytes"
    )


def read_files(files: Any) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return the fields of a multipart form for files.

    Args:
        files: Field -> a path, bytes, `(file name, bytes)`, or a list of these.
    """
    fields = []
    for field, value in list_items("files", files):
        for file in value if isinstance(value, list) else [value]:
            name, data = (
                file if isinstance(file, tuple) and len(file) == 2 else (field, file)
            )
            if isinstance(data, str | os.PathLike):
                path = Path(check_file(field, data))
                name, data = path.name, path.read_bytes()
            if not isinstance(name, str) or not isinstance(data, bytes):
                raise ApiTypeError(
                    f"{field} must be a path, bytes, (file name, bytes), or a list of these"
                )
            fields.append((field, (name, data, mimetypes.guess_type(name)[0] or BYTES)))
    return fields


def is_json(content_type: str | None) -> bool:
    """Return whether a media type is JSON, by name or by suffix (RFC 6839 section 3.1)."""
    return (
        re.match(r"(?i)\s*application/([^;]*\+)?json\s*(;|\Z)", content_type or "")
        is not None
    )
