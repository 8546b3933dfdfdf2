"""Pure rules: which type an operation promises for a body, and from the bytes of the body to that type."""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from at_client import models
from at_client.models.base import ApiModel
from at_client.serialization import is_json

_CHARSET = r'(?i)charset="?([\w.:-]+)'

_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
"""Codecs of Python that turn bytes into text, but are no charset of the web; one takes hours for a long body."""

ResponseTypes = Mapping[str, Any]
"""Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body: any that pydantic knows, one
with a `from_dict` method, the name of a model, `bytes`, or `None` for no body."""


class Unpromised:
    """The type of a status that an operation does not mention."""


class DecodeFault(Exception):
    """The body is not what was promised; the message says why, and shows none of it."""


def promised_type(status: int, response_types_map: ResponseTypes | None) -> Any:
    """Look up the type of the body for a status: by itself, by its class, then the default."""
    if not response_types_map:
        return None
    exact = str(status)
    key = exact if exact in response_types_map else f"{exact[0]}XX"
    return response_types_map.get(key, response_types_map.get("default", Unpromised))


def decode_error(body: bytes, status: int, response_types_map: ResponseTypes | None) -> Any:
    """Read the body of an error as the model for its status, else as any other error model of the operation.

    Returns:
        The model; `None` if the body is none of them.
    """
    others = [kind for key, kind in (response_types_map or {}).items() if key[0] in "45d"]
    for kind in [promised_type(status, response_types_map), *others]:
        try:
            data = decode(body, None, kind)
        except DecodeFault:
            continue
        # A model whose fields are all optional reads any object; one that found no field of its own does not fit.
        if not isinstance(data, BaseModel) or not data.model_fields_set.isdisjoint(type(data).model_fields):
            return data
    return None


def decode(body: bytes, headers: Mapping[str, str] | None, kind: Any) -> Any:
    """Make a typed value from a body.

    Args:
        body: The body, decompressed.
        headers: The headers of the response, or `None`.
        kind: The promised type, see `ResponseTypes`.

    Raises:
        DecodeFault: The body is not JSON, or not of that type.
    """
    if kind is None:
        return None
    if kind is bytes or kind == "bytearray":
        return body
    if kind is Unpromised:
        raise DecodeFault("nothing was promised for this status")
    if (kind is str or kind == "str") and not is_json(content_type_of(headers)):
        return decode_text(body, headers)
    try:
        value = _validate(_validator(kind), body, headers)
        # pydantic reads these; RFC 8259 section 6 has no such numbers.
        if b"NaN" in body or b"Infinity" in body:
            json.loads(body, parse_constant=_refuse)
    except ValidationError as error:
        fault = _explain(error, body, content_type_of(headers))
    except ValueError as error:
        fault = str(error)
    else:
        return value
    raise DecodeFault(fault)  # not from the error above, which holds the body


def _validate(validate: Callable[[bytes], Any], body: bytes, headers: Mapping[str, str] | None) -> Any:
    """Read JSON as UTF-8, and only if that fails as something else."""
    try:
        return validate(body)
    except ValueError:
        converted = convert_to_utf8(body, content_type_of(headers))
        if converted == body:
            raise
    return validate(converted)


def content_type_of(headers: Any) -> str | None:
    """Return the content type among headers of any kind; `None` if there is none."""
    if not hasattr(headers, "get"):
        return None
    value = headers.get("Content-Type") or headers.get("content-type")
    return value if isinstance(value, str) else None


def decode_text(body: bytes, headers: Any) -> str:
    """Read a body as text in its declared charset; what does not fit is marked, never an error."""
    try:
        return body.decode(_charset(content_type_of(headers)), "replace")
    except (UnicodeError, LookupError):  # a codec that is no charset, or takes no replacements
        return body.decode("utf-8", "replace")


def convert_to_utf8(body: bytes, content_type: str | None) -> bytes:
    """Convert JSON text to UTF-8 (RFC 8259 section 8.1).

    A byte-order mark is dropped, UTF-16 and UTF-32 are recognized; a declared charset counts only where the body is
    not UTF-8.

    Raises:
        DecodeFault: The body is not text in any of them.
    """
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :]
    encoding: str = json.detect_encoding(body)
    if encoding == "utf-8":
        try:
            body.decode("utf-8")
            return body
        except UnicodeDecodeError:
            encoding = _charset(content_type)
    try:
        return body.decode(encoding).encode("utf-8")
    except (UnicodeError, LookupError) as error:
        raise DecodeFault(f"the body is not valid {encoding} text") from error


def _charset(content_type: str | None) -> str:
    """Return the declared charset if Python knows it, else UTF-8."""
    match = re.search(_CHARSET, content_type or "")
    try:
        name = codecs.lookup(match[1]).name if match else "utf-8"
    except LookupError:
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in JSON")


def _explain(error: ValidationError, body: bytes, content_type: str | None) -> str:
    """Return what is wrong with a body: not JSON at all, or which field."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] != "json_invalid":
        lines = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:3]]
        more = [f"and {len(faults) - 3} more"] if len(faults) > 3 else []
        return "; ".join(lines + more)
    if not body.strip():
        return "the body is empty"
    if not is_json(content_type):
        kind = (content_type or "").partition(";")[0].strip() or "something without a content type"
        return f"{kind} came instead of JSON; a captive portal or a load balancer may have answered"
    return faults[0]["msg"]


def _validator(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that makes a value of a type from JSON."""
    if isinstance(kind, str):
        kind = _resolve(kind)
    if isinstance(kind, type) and issubclass(kind, ApiModel):
        return kind.model_validate_json
    if hasattr(kind, "from_dict"):  # of a generated client: it may choose between classes
        return lambda body: _read_from_dict(kind, json.loads(body))
    item: Any = get_args(kind)[0] if get_origin(kind) is list else None
    if hasattr(item, "from_dict") and not issubclass(item, ApiModel):
        return lambda body: [_read_from_dict(item, value) for value in json.loads(body)]
    try:
        return _adapter(kind)
    except TypeError:  # an annotation that cannot be hashed
        return _adapter.__wrapped__(kind)


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> Callable[[bytes], Any]:
    from pydantic import TypeAdapter  # credits are a model, which needs none

    return TypeAdapter(kind).validate_json


def _read_from_dict(kind: Any, value: Any) -> Any:
    try:
        return kind.from_dict(value)
    except Exception as error:
        raise DecodeFault(f"{kind.__name__}.from_dict failed: {type(error).__name__}") from error


def _resolve(name: str) -> Any:
    """Return the type that generated code names by a string, such as `List[CreditResponse]`."""
    import datetime as dt
    import typing
    from decimal import Decimal
    from uuid import UUID

    known = {"object": Any, "decimal": Decimal, "UUID": UUID, "date": dt.date, "datetime": dt.datetime}
    names = {**vars(typing), **vars(models), **known}
    try:
        return get_type_hints(SimpleNamespace(__annotations__={"named": name}), names)["named"]
    except Exception as error:
        raise DecodeFault(f"{name!r} is not a type") from error
