"""Pure rules: which type an operation promises for a body, and from the bytes of the body to that type."""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from at_client.serialization import is_json

if TYPE_CHECKING:
    from collections.abc import Callable

_CHARSET = r'(?i)charset="?([\w.:-]+)'

_NO_CHARSETS = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)
"""Codecs of Python that make text of bytes, but are no charset of the web; one takes hours for a long body."""

ResponseTypes = Mapping[str, Any]
"""Status (`"200"`), class of statuses (`"4XX"`) or `"default"` -> the type of the body: any that pydantic knows,
`bytes`, or `None` for no body; or a function that gives the type, called when such a body has come."""


class Unpromised:
    """Stands for the type of a status that an operation says nothing about."""


class DecodeFault(Exception):
    """The body is not what was promised; the message tells why, and shows none of it."""


def promised_type(status: int, response_types_map: ResponseTypes | None) -> Any:
    """Look up the type of the body that goes with a status: by itself, by its class, by default."""
    if not response_types_map:
        return None
    exact = str(status)
    key = exact if exact in response_types_map else f"{exact[0]}XX"
    kind = response_types_map.get(key, response_types_map.get("default", Unpromised))
    return kind() if isinstance(kind, FunctionType) else kind


def decode(body: bytes, content_type: str | None, kind: Any) -> Any:
    """Make a typed value of a body.

    Args:
        body: The body, decompressed.
        content_type: The header of that name, or `None`.
        kind: The promised type: any that pydantic knows; `bytes` for the body as it is.

    Raises:
        DecodeFault: The body is no JSON, or not of that type.
    """
    if kind is bytes:
        return body
    if kind is Unpromised:
        raise DecodeFault("nothing was promised for this status")
    if kind is str and not is_json(content_type):
        return text(body, content_type)
    try:
        value = _validated(_validator(kind), body, content_type)
        # pydantic reads these; RFC 8259 section 6 knows no such numbers.
        if b"NaN" in body or b"Infinity" in body:
            json.loads(body, parse_constant=_refuse)
    except ValidationError as error:
        fault = _explain(error, body, content_type)
    except ValueError as error:
        fault = str(error)
    else:
        return value
    raise DecodeFault(fault)  # not from the error above, which holds the body


def _validated(validate: Callable[[bytes], Any], body: bytes, content_type: str | None) -> Any:
    """Read JSON as the UTF-8 that it should be, and only what is not as something else."""
    try:
        return validate(body)
    except ValidationError:
        converted = utf8(body, content_type)
        if converted == body:
            raise
    return validate(converted)


def text(body: bytes, content_type: str | None) -> str:
    """Show a body as text in its declared charset; what does not fit is marked, never an error."""
    try:
        return body.decode(_charset(content_type), "replace")
    except (UnicodeError, LookupError):  # a codec that is no charset, or takes no replacements
        return body.decode("utf-8", "replace")


def utf8(body: bytes, content_type: str | None) -> bytes:
    """Bring JSON text into UTF-8 (RFC 8259 section 8.1), whatever it came in.

    A byte-order mark is dropped, UTF-16 and UTF-32 are recognized; a declared charset counts only where the body is
    not UTF-8.

    Raises:
        DecodeFault: The body is no text in any of them.
    """
    if body.startswith(codecs.BOM_UTF8):
        return body[len(codecs.BOM_UTF8) :]
    encoding: str = json.detect_encoding(body)
    if encoding == "utf-8":
        if _is_utf8(body):
            return body
        encoding = _charset(content_type)
    try:
        return body.decode(encoding).encode("utf-8")
    except (UnicodeError, LookupError) as error:
        raise DecodeFault(f"the body is not valid {encoding} text") from error


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _charset(content_type: str | None) -> str:
    """Name the declared charset, if Python knows it; else UTF-8."""
    match = re.search(_CHARSET, content_type or "")
    try:
        name = codecs.lookup(match[1]).name if match else "utf-8"
    except LookupError:
        return "utf-8"
    return "utf-8" if name in _NO_CHARSETS else name


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def _explain(error: ValidationError, body: bytes, content_type: str | None) -> str:
    """Say what is wrong with a body: not JSON at all, or which field."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] != "json_invalid":
        shown = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:3]
        )
        return shown if len(faults) <= 3 else f"{shown}; and {len(faults) - 3} more"
    if not body.strip():
        return "the body is empty"
    if not is_json(content_type):
        kind = (content_type or "").partition(";")[0].strip() or "something without a content type"
        return f"{kind} came instead of JSON; a captive portal or a load balancer may have answered"
    return faults[0]["msg"]


def _validator(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that makes a promised type of JSON."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate_json
    try:
        return _adapter(kind)
    except TypeError:  # an annotation that cannot be hashed
        return _adapter.__wrapped__(kind)


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> Callable[[bytes], Any]:
    from pydantic import TypeAdapter  # credits are a model, which needs none

    return TypeAdapter(kind).validate_json
