"""Pure rules: which type an operation promises for a body, and from the bytes of the body to that type."""

import codecs
import contextlib
import datetime as dt
import json
import re
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from at_client import models
from at_client.models.base import ApiModel
from at_client.serialization import is_json

_NO_CHARSETS = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Codecs of Python that turn bytes into text, but are no charset of the web; one takes hours for a long body."""

ResponseTypes = Mapping[str, Any] | None
"""Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body: any that pydantic knows, one
with a `from_dict` method, the name of a model, `bytes`, or `None` for no body. Without a map, no body is promised."""


class Unpromised:
    """The type of a status that an operation does not mention."""


class DecodeFault(Exception):
    """The body is not what was promised; the message says why, and shows none of it."""


def promised_type(status: int, response_types_map: ResponseTypes) -> Any:
    """Look up the type of the body for a status: by itself, by its class, then the default."""
    types = response_types_map or {"default": None}
    exact = str(status)
    return (
        types[exact]
        if exact in types
        else types.get(f"{exact[0]}XX", types.get("default", Unpromised))
    )


def decode_error(body: bytes, status: int, response_types_map: ResponseTypes) -> Any:
    """Read the body of an error as the model for its status, else as any other error model; `None` if none fits."""
    others = [
        kind for key, kind in (response_types_map or {}).items() if key[0] in "45d"
    ]
    for kind in [promised_type(status, response_types_map), *others]:
        with contextlib.suppress(DecodeFault):
            data = decode(body, None, kind)
            # A model with only optional fields reads any object; it does not fit if it found no field of its own.
            if (
                not isinstance(data, BaseModel)
                or data.model_fields_set & type(data).model_fields.keys()
            ):
                return data
    return None


def decode(body: bytes, headers: Mapping[str, str] | None, kind: Any) -> Any:
    """Make a value of the promised type from the decompressed body of a response.

    Raises:
        DecodeFault: The body is not JSON, or not of that type.
    """
    if kind in (None, bytes, "bytearray"):
        return body if kind else None
    if kind is Unpromised:
        raise DecodeFault("the API defines none for this status")
    if kind in (str, "str") and not is_json(content_type_of(headers)):
        return decode_text(body, headers)
    try:
        validate = _validator(kind)
        try:
            value = validate(body)
        except ValueError:  # it may be JSON in another charset than UTF-8
            value = validate(convert_to_utf8(body, content_type_of(headers)))
        if (
            b"NaN" in body or b"Infinity" in body
        ):  # pydantic reads these; RFC 8259 section 6 has no such numbers
            json.loads(body, parse_constant=_refuse)
        return value
    except Exception as error:  # noqa: BLE001  # somebody's own `from_dict`
        fault = _explain(error, body, content_type_of(headers))
    raise DecodeFault(fault)  # not from the error above, which holds the body


def content_type_of(headers: Any) -> str | None:
    """Return the content type among headers of any kind; `None` if there is none."""
    value = hasattr(headers, "get") and (
        headers.get("Content-Type") or headers.get("content-type")
    )
    return value if isinstance(value, str) else None


def decode_text(body: bytes, headers: Any) -> str:
    """Read a body as text in its declared charset; what does not fit is marked, never an error."""
    with contextlib.suppress(
        UnicodeError, LookupError
    ):  # a codec that is no charset, or takes no replacements
        return body.decode(_charset(content_type_of(headers)), "replace")
    return body.decode("utf-8", "replace")


def convert_to_utf8(body: bytes, content_type: str | None) -> bytes:
    """Convert JSON text from its byte-order mark's or its declared charset to UTF-8 (RFC 8259 section 8.1)."""
    for name in (json.detect_encoding(body), _charset(content_type)):
        with contextlib.suppress(UnicodeError, LookupError):
            return body.decode(name).encode()
    raise DecodeFault(f"the body is not valid {name} text")


def _charset(content_type: str | None) -> str:
    """Return the declared charset if Python knows it, else UTF-8."""
    match = re.search(r'(?i)charset="?([\w.:-]+)', content_type or "")
    with contextlib.suppress(LookupError):
        if match and (name := codecs.lookup(match[1]).name) not in _NO_CHARSETS:
            return name
    return "utf-8"


def _refuse(constant: str) -> None:
    raise DecodeFault(f"{constant} is not a number in JSON")


def _explain(error: Exception, body: bytes, content_type: str | None) -> str:
    """Return what is wrong with a body: not JSON at all, or which field."""
    if not isinstance(error, ValidationError):
        own = isinstance(error, DecodeFault | json.JSONDecodeError)
        return str(error) if own else f"reading it failed: {type(error).__name__}"
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] != "json_invalid":
        lines = [
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
            for fault in faults[:3]
        ]
        return "; ".join(lines + [f"and {len(faults) - 3} more"] * (len(faults) > 3))
    if not body.strip():
        return "the body is empty"
    if not is_json(content_type):
        kind = (content_type or "").partition(";")[
            0
        ].strip() or "something without a content type"
        return f"{kind} came instead of JSON; a captive portal or a load balancer may have answered"
    return faults[0]["msg"]


def _validator(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that makes a value of a type from JSON."""
    kind = _resolve(kind) if isinstance(kind, str) else kind
    if ApiModel in getattr(kind, "__mro__", ()):
        return kind.model_validate_json  # type: ignore[no-any-return]  # of a model
    item, *_ = (
        (*typing.get_args(kind), Any) if typing.get_origin(kind) is list else (kind,)
    )
    if hasattr(item, "from_dict") and ApiModel not in getattr(
        item, "__mro__", ()
    ):  # a generated client's
        make = item.from_dict
        return lambda body: (
            make(json.loads(body))
            if item is kind
            else [make(value) for value in json.loads(body)]
        )
    from pydantic import TypeAdapter  # credits are a model, which needs none

    return TypeAdapter(kind).validate_json


def _resolve(name: str) -> Any:
    """Return the type that generated code names by a string, such as `List[CreditResponse]`."""
    names = {
        **vars(typing),
        **vars(models),
        **vars(dt),
        "decimal": Decimal,
        "UUID": UUID,
    }
    try:
        return typing.get_type_hints(
            SimpleNamespace(__annotations__={"named": name}), names
        )["named"]
    except Exception as error:
        raise DecodeFault(f"{name!r} is not a type") from error
