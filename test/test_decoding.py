"""From the bytes of a body to its type, by tables: charsets, types, faults."""

import contextlib
import dataclasses
import datetime as dt
import encodings.aliases
from typing import Annotated, Any

import pydantic
import pytest

from at_client.decoding import (
    DecodeFault,
    Unpromised,
    content_type_of,
    decode,
    decode_error,
    decode_text,
    promised_type,
)
from at_client.models import CreditResponse, ErrorResponse, HTTPValidationError

JSON = "application/json"


def headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type}


@dataclasses.dataclass
class Generated:
    """A model as some generators write it: made by `from_dict`, which may fail."""

    value: Any

    @classmethod
    def from_dict(cls, obj: Any) -> "Generated":
        return cls(obj["a"])


class Loose(pydantic.BaseModel):
    """A model that any object fits."""

    a: int | None = None


class Strict(pydantic.BaseModel, strict=True):
    """A model that takes a date in JSON from a text only."""

    day: dt.date


DECLARED = [
    '"latin-1"',
    "ISO-8859-1",
    "nonsense; charset=latin-1",
]


@pytest.mark.parametrize("declared", DECLARED)
def test_a_declared_charset_counts_where_a_body_is_not_utf_8(declared: str) -> None:
    """JSON in another charset is read by the first name that Python knows."""
    content_type = f"application/json; charset={declared}"

    assert decode(b'{"a": "\xf6"}', headers(content_type), Generated) == Generated("ö")


DAY = dt.date(2026, 12, 1)

READ = {
    "bytes": (b"\x00\xff", bytes, b"\x00\xff"),
    "a text of JSON": (b'"text"', str, "text"),
    "a note that has no hash": (b"7", Annotated[int, ["a list"]], 7),
    "a strict model": (b'{"day": "2026-12-01"}', Strict, Strict(day=DAY)),
    "from_dict in a list": (b'[{"a": 1}]', list[Generated], [Generated(1)]),
    "a model by name": (b'{"detail": "x"}', "ErrorResponse", ErrorResponse(detail="x")),
}


@pytest.mark.parametrize(("body", "kind", "value"), READ.values(), ids=READ)
def test_json_becomes_the_promised_type(body: bytes, kind: Any, value: object) -> None:
    """Any type that pydantic knows, one with `from_dict`, or the name of one."""
    assert decode(body, headers(JSON), kind) == value


def test_a_text_that_is_no_json_is_read_as_text() -> None:
    """Where a text is promised, the content type says how it is written."""
    assert decode(b'"text"', headers("application/problem+json"), str) == "text"
    assert decode(b'"text"', None, str) == '"text"'
    assert decode(b"\xf6", headers("text/plain; charset=latin-1"), "str") == "ö"


FAULTS = {
    "infinite": (b"[Infinity]", Any, "Infinity is not a number in JSON"),
    "not promised": (b"{}", Unpromised, "the API defines none for this status"),
    "an item": (b'["a"]', list[int], "0: Input should be a valid integer"),
    "no key for from_dict": (b"{}", Generated, "reading it failed: KeyError"),
    "an unknown name": (b"{}", "Unknown", "'Unknown' is not a type"),
}


@pytest.mark.parametrize(("body", "kind", "says"), FAULTS.values(), ids=FAULTS)
def test_a_fault_says_what_is_wrong(body: bytes, kind: Any, says: str) -> None:
    """A body of another shape or type is told by what is wrong, or which field."""
    with pytest.raises(DecodeFault, match=f"^{says}.*$"):
        decode(body, headers(JSON), kind)


def test_a_fault_names_three_problems_at_most() -> None:
    """A long list of wrong items makes no long message."""
    with pytest.raises(DecodeFault) as caught:
        decode(b'["a", "a", "a", "a"]', None, list[int])

    assert str(caught.value).count("Input should be") == 3


PAGES = {
    "text/html; charset=latin-1": "text/html came instead of JSON; a captive portal",
    "": "something without a content type came instead of JSON",
    "application/json; charset=ascii": "the body is not valid ascii text",
}


@pytest.mark.parametrize("content_type", PAGES)
def test_a_fault_names_what_came_instead(content_type: str) -> None:
    """A page of a captive portal is known by its content type, in any charset."""
    with pytest.raises(DecodeFault, match=PAGES[content_type]):
        decode("<html>ä".encode(), headers(content_type), Generated)


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_unicode_needs_no_declared_charset(charset: str) -> None:
    """JSON in any form of Unicode is read, with and without a byte-order mark."""
    assert decode('["ä"]'.encode(charset), headers(JSON), list[str]) == ["ä"]


MAP = {
    "200": CreditResponse,
    "422": HTTPValidationError,
    "4XX": ErrorResponse,
    "default": str,
}
ERRORS = {"404": ErrorResponse}

PROMISES = {
    "itself before its class": (422, MAP, HTTPValidationError),
    "its class": (404, MAP, ErrorResponse),
    "the default": (500, MAP, str),
    "another success": (204, {"200": int}, Unpromised),
    "another error": (500, ERRORS, Unpromised),
}


@pytest.mark.parametrize(("status", "types", "kind"), PROMISES.values(), ids=PROMISES)
def test_a_status_has_its_type(status: int, types: Any, kind: Any) -> None:
    """The status itself counts before its class, and that before the default."""
    assert promised_type(status, types) is kind


DOCUMENTED = {"200": CreditResponse, "422": HTTPValidationError, "500": ErrorResponse}
DETAIL = b'{"detail": "x"}'
ERROR = ErrorResponse(detail="x")
INVALID = HTTPValidationError(detail="x")

ERROR_BODIES = {
    "its own model": (500, DETAIL, DOCUMENTED, ERROR),
    "another": (404, DETAIL, DOCUMENTED, INVALID),
    "nothing": (404, b"", DOCUMENTED, None),
    "a dictionary": (404, DETAIL, {"404": dict[str, str]}, {"detail": "x"}),
    "no field of its own": (404, b'{"b": 1}', {"404": Loose}, None),
}


@pytest.mark.parametrize(
    ("status", "body", "types", "data"), ERROR_BODIES.values(), ids=ERROR_BODIES
)
def test_an_error_is_read_as_a_model_that_fits(
    status: int, body: bytes, types: Any, data: object
) -> None:
    """The model for its status, else of any error; a bad body is no second error."""
    assert decode_error(body, status, types) == data


SHOWN = {
    "no UTF-8": (b"\xe4", "text/html", "�"),
    "capitals": (b"\xe4", "text/html; CHARSET=ISO-8859-1; x=1", "ä"),
    "an unknown charset": (b"\xe4", "text/html; charset=nonsense", "�"),
    # Python's punycode takes time by the square of the length.
    "punycode": (b"a" * 500_000, "text/html; charset=punycode", "a" * 500_000),
}


@pytest.mark.parametrize(("body", "content_type", "text"), SHOWN.values(), ids=SHOWN)
def test_any_body_is_shown_as_text(body: bytes, content_type: str, text: str) -> None:
    """What does not fit the declared charset is marked, and never an error."""
    assert decode_text(body, headers(content_type)) == text


CONTENT_TYPES = {
    "a text": ("x", None),
    "a number": ({"Content-Type": 7}, None),
    "small letters": ({"content-type": "x"}, "x"),
}


@pytest.mark.parametrize(
    ("given", "content_type"), CONTENT_TYPES.values(), ids=CONTENT_TYPES
)
def test_headers_of_any_kind_are_searched(given: object, content_type: object) -> None:
    """Mocks and recorders have headers of many kinds."""
    assert content_type_of(given) == content_type


CODECS = {
    *encodings.aliases.aliases.values(),
    "idna",
    "undefined",
    "utf_8_sig",
}

ODD_BODIES = [
    b'"\xff"',
    b"7",
    b"xn--\xff-a",
    b"\x80" * 7,
]


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_no_codec_raises_an_error_of_its_own(codec: str) -> None:
    """Python has more codecs than there are charsets, and a server may name any."""
    content_type = headers(f"application/json; charset={codec}")
    for body in ODD_BODIES:
        assert isinstance(decode_text(body, content_type), str)
        with contextlib.suppress(DecodeFault):
            assert isinstance(decode(body, content_type, str), str)
