"""Pure rules: which type a body was promised to be, and from its bytes to that type."""

import codecs
import contextlib
import datetime as dt
import json
import re
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from at_client import models
from at_client.models.base import ApiModel
from at_client.serialization import is_json

ResponseTypes = Mapping[str, Any] | None
"""Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body.

A type is any that pydantic knows, one with a `from_dict` method, the name of a model,
`bytes`, or `None` for no body. Without a map, no body is promised."""

NO_CHARSETS = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Codecs of Python that are no charsets of the web; one takes hours for a long body."""

MAX_PROBLEMS = 3
"""Problems of a body that a fault lists."""

_CHARSET = re.compile(r'(?i)charset="?([\w.:-]+)')

_TYPES_BY_NAME = {
    **vars(typing),
    **vars(dt),
    "decimal": Decimal,
    "UUID": UUID,
}
"""What a type can be called beside the names of models."""


class Unpromised:
    """The type of a status that an operation does not mention."""


class DecodeFault(Exception):
    """The body is not what was promised; the message says why, and shows none of it."""


READ_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)
"""What code raises that reads a body of another shape than it expects. Whatever else is
raised meanwhile, such as by a time limit, is not about the body, and passes."""


def promised_type(status: int, response_types_map: ResponseTypes) -> Any:
    """Return the type of the body for a status: by itself, by its class, the default.

    A success that is not among them has no body if no other success is; a service may
    answer a DELETE with 204 and name only its errors.
    """
    types = response_types_map or {}
    exact = str(status)
    if exact in types:
        return types[exact]
    for name in (f"{exact[0]}XX", "default"):
        if name in types:
            return types[name]

    names_success = any(name.startswith("2") for name in types)
    if 200 <= status <= 299 and not names_success:
        return None

    return Unpromised


def decode(body: bytes, headers: Mapping[str, str] | None, kind: Any) -> Any:
    """Make a value of the promised type from the decompressed body of a response.

    Args:
        body: The whole body.
        headers: For the content type, which is needed only if the body is a text, or
            JSON in another charset than UTF-8; `None` if there are none.
        kind: A type of `ResponseTypes`, or `Unpromised`.

    Raises:
        DecodeFault: The body is not JSON, or not of that type.
    """
    if isinstance(kind, str):
        kind = _resolve_name(kind)

    if kind is None:
        return None

    if kind in (bytes, bytearray):
        return body

    if kind is Unpromised:
        raise DecodeFault("the API defines none for this status")

    if kind is str and not is_json(content_type_of(headers)):
        return decode_text(body, headers)

    try:
        return _read_json(body, headers, kind)
    except ValidationError as error:
        fault = _explain(error, body, content_type_of(headers))
    except READ_ERRORS as error:
        fault = f"reading it failed: {type(error).__name__}"

    raise DecodeFault(fault)  # not from the error above, which holds the body


def decode_error(body: bytes, status: int, response_types_map: ResponseTypes) -> Any:
    """Read the body of an error as the model for its status, or another error's model.

    Returns:
        The first of them that fits; `None` if none does.
    """
    others = [
        kind
        for name, kind in (response_types_map or {}).items()
        if name.startswith(("4", "5", "default"))
    ]
    for kind in (promised_type(status, response_types_map), *others):
        with contextlib.suppress(DecodeFault):
            data = decode(body, None, kind)
            if _has_own_field(data):
                return data

    return None


def decode_text(body: bytes, headers: Any) -> str:
    """Read a body as text in its declared charset; what does not fit is marked."""
    return body.decode(_find_charset(headers), "replace")


def content_type_of(headers: Any) -> str | None:
    """Return the content type among headers of any kind; `None` if there is none."""
    if not hasattr(headers, "get"):
        return None

    value = headers.get("Content-Type") or headers.get("content-type")
    return value if isinstance(value, str) else None


def _has_own_field(data: Any) -> bool:
    """Return whether a model found a field of its own, if only optional ones."""
    if not isinstance(data, BaseModel):
        return True

    return not data.model_fields_set.isdisjoint(type(data).model_fields)


def _read_json(body: bytes, headers: Any, kind: Any) -> Any:
    """Make a value of a type from JSON, in UTF-8 or else in another charset."""
    read = _choose_reader(kind)
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        value = read(body)
    except ValueError:
        body = _convert_to_utf8(body, headers)
        value = read(body)

    # pydantic takes these for numbers; JSON has none such (RFC 8259 section 6).
    if b"NaN" in body or b"Infinity" in body:
        json.loads(body, parse_constant=_refuse_constant)

    return value


def _choose_reader(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that makes a value of a type from JSON in UTF-8."""
    if _is_model(kind):
        read: Callable[[bytes], Any] = kind.model_validate_json
        return read

    from pydantic import TypeAdapter  # credits are a model, which needs none

    if _reads_itself(kind):
        read_any = TypeAdapter(Any).validate_json
        return lambda body: kind.from_dict(read_any(body))

    items = typing.get_args(kind) if typing.get_origin(kind) is list else ()
    if items and _reads_itself(items[0]):
        read_list = TypeAdapter(list[Any]).validate_json
        return lambda body: [items[0].from_dict(value) for value in read_list(body)]

    return TypeAdapter(kind).validate_json


def _is_model(kind: Any) -> bool:
    # Not by `issubclass`, which fails for `list[int]`.
    return ApiModel in getattr(kind, "__mro__", ())


def _reads_itself(kind: Any) -> bool:
    """Return whether a type is made by a `from_dict`, as generated models are."""
    return hasattr(kind, "from_dict") and not _is_model(kind)


def _refuse_constant(constant: str) -> None:
    raise DecodeFault(f"{constant} is not a number in JSON")


def _convert_to_utf8(body: bytes, headers: Any) -> bytes:
    """Convert JSON to UTF-8 from UTF-16 or UTF-32, or from its declared charset."""
    if b"\0" in body:
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(body)).encode()

    charset = _find_charset(headers)
    try:
        return body.decode(charset).encode()
    except UnicodeError:
        fault = f"the body is not valid {charset} text"

    raise DecodeFault(fault)


def _find_charset(headers: Any) -> str:
    """Return the declared charset if Python knows it, else UTF-8."""
    for declared in _CHARSET.findall(content_type_of(headers) or ""):
        with contextlib.suppress(LookupError):
            name = codecs.lookup(declared).name
            if name not in NO_CHARSETS:
                "".encode(name)  # fails for a codec that is not of text
                return name

    return "utf-8"


def _explain(error: ValidationError, body: bytes, content_type: str | None) -> str:
    """Return what is wrong with a body: not JSON at all, or which field."""
    problems = error.errors(
        include_url=False, include_context=False, include_input=False
    )
    if problems[0]["type"] == "json_invalid":
        return _explain_syntax(problems[0]["msg"], body, content_type)

    texts = []
    for problem in problems[:MAX_PROBLEMS]:
        path = ".".join(map(str, problem["loc"])) or "body"
        texts.append(f"{path}: {problem['msg']}")

    return "; ".join(texts)


def _explain_syntax(message: str, body: bytes, content_type: str | None) -> str:
    """Return what came instead of JSON, or where the JSON is broken."""
    if not body.strip():
        return "the body is empty"

    if is_json(content_type):
        return message

    came = content_type or "something without a content type"
    return (
        f"{came.partition(';')[0]} came instead of JSON; "
        "a captive portal or a load balancer may have answered"
    )


def _resolve_name(name: str) -> Any:
    """Return the type that generated code names, such as `List[CreditResponse]`."""

    def named() -> None: ...

    named.__annotations__["return"] = name
    types = {**_TYPES_BY_NAME, **vars(models)}  # users add models of their own
    try:
        return typing.get_type_hints(named, types)["return"]
    except (NameError, SyntaxError, TypeError, AttributeError) as error:
        raise DecodeFault(f"{name!r} is not a type") from error
