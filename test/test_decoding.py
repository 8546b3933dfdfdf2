"""From the bytes of a body to its type, by tables: charsets, marks, types by name, and what is no JSON."""

import codecs
import contextlib
import dataclasses
import datetime as dt
import encodings.aliases
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from at_client import CreditResponse, ErrorResponse, HTTPValidationError, decoding
from at_client.decoding import (
    DecodeFault,
    Unpromised,
    decode,
    decode_error,
    decode_text,
)
from support.facts import CREDITS_BODY, TOKEN, secrets_in

JSON = "application/json"
WORD = '"Größe ☃"'
LATIN = "application/json; charset=latin-1"


def headers(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"Content-Type": content_type}


@dataclasses.dataclass
class Generated:
    """A model as some generators write it: with `from_dict`, which may refuse in its own way."""

    value: Any

    @classmethod
    def from_dict(cls, obj: Any) -> "Generated":
        return cls(obj["a"])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        *((WORD.encode(), kind) for kind in (JSON, None, "text/html", LATIN)),
        (WORD.encode(), "application/json; charset=unknown-8bit"),
        *((codecs.BOM_UTF8 + WORD.encode(), kind) for kind in (JSON, LATIN)),
        *(
            (WORD.encode(code), JSON)
            for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
        ),
        (b" \r\n\t" + WORD.encode() + b"\n", JSON),
    ],
)
def test_json_in_every_encoding(body: bytes, content_type: str | None) -> None:
    """JSON is read where it can be read; RFC 8259 says UTF-8, and a mark or a pattern says what else."""
    assert decode(body, headers(content_type), Any) == "Größe ☃"


@pytest.mark.parametrize(
    ("charset", "word"), [("latin-1", "Größe"), ("shift_jis", "日本")]
)
def test_json_in_its_declared_charset(charset: str, word: str) -> None:
    """A declared charset counts where the body is not UTF-8."""
    body = json.dumps(word, ensure_ascii=False).encode(charset)
    for name in (charset, f'"{charset}"', charset.upper()):
        assert decode(body, headers(f"application/json; charset={name}"), str) == word


PORTAL = "came instead of JSON; a captive portal or a load balancer may have answered"
INTEGER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "says"),
    [
        *(
            (body, kind, int, "the body is empty")
            for body, kind in ((b"", JSON), (b" \n", None))
        ),
        (b"<html>", "text/html; charset=utf-8", int, f"text/html {PORTAL}"),
        (b"<html>", None, int, f"something without a content type {PORTAL}"),
        *(
            (body, JSON, CreditResponse, "body: Input should be ")
            for body in (b"null", b"[]", b"7")
        ),
        (b"{", JSON, CreditResponse, "Invalid JSON: EOF while parsing"),
        (b"{} {}", JSON, CreditResponse, "Invalid JSON: trailing characters"),
        (b"NaN", JSON, float, "NaN is not a number in JSON"),
        *(
            (f"[{x}]".encode(), JSON, Any, f"{x} is not a number in JSON")
            for x in ("NaN", "Infinity", "-Infinity")
        ),
        (b'"\xff"', JSON, str, "the body is not valid utf-8 text"),
        (
            b'"\xff"',
            "application/json; charset=ascii",
            str,
            "the body is not valid ascii text",
        ),
        (b'"\x00\xff\x00"', JSON, str, "the body is not valid utf-8 text"),
        (b"[" * 100_000, JSON, Any, "Invalid JSON: recursion limit exceeded"),
        (b"{}", JSON, Unpromised, "the API defines none for this status"),
        (b'{"a": "x"}', JSON, dict[str, int], "a: Input should be a valid integer"),
        (b'["a", "b"]', JSON, list[int], f"0: {INTEGER}; 1: {INTEGER}"),
        (
            b'["a", "b", "c", "d", "e"]',
            JSON,
            list[int],
            f"0: {INTEGER}; 1: {INTEGER}; 2: {INTEGER}; and 2 more",
        ),
        (b"{}", JSON, Generated, "reading it failed: KeyError"),
        (b"{", JSON, Generated, "Expecting property name"),
        *(
            (b"{}", JSON, name, f"{name!r} is not a type")
            for name in ("Unknown", "List[")
        ),
    ],
)
def test_what_is_not_what_was_promised(
    body: bytes, content_type: str | None, kind: Any, says: str
) -> None:
    """The fault says which it is: nothing, something else, no JSON, or which field."""
    with pytest.raises(DecodeFault) as caught:
        decode(body, headers(content_type), kind)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "value"),
    [
        (b"{}", JSON, None, None),
        (b'"NaN"', JSON, str, "NaN"),
        (b'{"Infinity": 1}', JSON, Any, {"Infinity": 1}),
        (b"\x00\xff", "text/html", bytes, b"\x00\xff"),
        (b"", None, "bytearray", b""),
        *(
            (b"text", media, kind, "text")
            for media, kind in (("text/plain", str), (None, str), ("text/plain", "str"))
        ),
        (b"Gr\xf6\xdfe", "text/plain; charset=latin-1", str, "Größe"),
        *(
            (b'"text"', kind, str, "text")
            for kind in (JSON, "application/problem+json")
        ),
        (b"null", JSON, type(None), None),
        *(
            (b"7", JSON, Annotated[int, note], 7)
            for note in (Field(gt=0), ["a list cannot be hashed"])
        ),
        (b"1" + b"0" * 300, JSON, int, 10**300),
        (b"[1]", JSON, "List[int]", [1]),
        (b'{"a": 7}', JSON, Generated, Generated(7)),
        (b'[{"a": 1}, {"a": 2}]', JSON, list[Generated], [Generated(1), Generated(2)]),
        (b'{"a": "2026-12-01"}', JSON, "Dict[str, date]", {"a": dt.date(2026, 12, 1)}),
        (b'[{"a": 1}]', JSON, "object", [{"a": 1}]),
        *(
            (CREDITS_BODY, JSON, x, CreditResponse.from_json(CREDITS_BODY))
            for x in ("CreditResponse", CreditResponse)
        ),
    ],
)
def test_what_is_read(
    body: bytes, content_type: str | None, kind: Any, value: object
) -> None:
    """Any type that pydantic knows, or its name; bytes as they are; a text that is no JSON as text."""
    assert decode(body, headers(content_type), kind) == value


MAP = {
    "200": CreditResponse,
    "422": HTTPValidationError,
    "4XX": ErrorResponse,
    "default": str,
}


@pytest.mark.parametrize(
    ("status", "types", "kind"),
    [
        *((200, MAP, CreditResponse), (201, MAP, str), (404, MAP, ErrorResponse)),
        *((422, MAP, HTTPValidationError), (500, MAP, str), (200, {"2XX": int}, int)),
        *(
            (500, {"200": str}, Unpromised),
            (200, None, None),
            (200, {}, None),
            (204, {"204": None}, None),
        ),
    ],
)
def test_the_type_for_a_status(status: int, types: Any, kind: Any) -> None:
    """The status itself, then its class, then the default; without any types there is no body to read."""
    assert decoding.promised_type(status, types) is kind


class Loose(BaseModel):
    a: int | None = None


ERRORS = {"200": CreditResponse, "422": HTTPValidationError, "500": ErrorResponse}


@pytest.mark.parametrize(
    ("status", "body", "types", "data"),
    [
        (500, b'{"detail": "x"}', ERRORS, ErrorResponse(detail="x")),
        (404, b'{"detail": "x"}', ERRORS, HTTPValidationError(detail="x")),
        (
            404,
            b'{"detail": "x"}',
            {"default": ErrorResponse},
            ErrorResponse(detail="x"),
        ),
        (
            422,
            b'{"detail": "x", "code": "y"}',
            ERRORS,
            HTTPValidationError(detail="x", code="y"),
        ),
        *(
            (404, body, ERRORS, None)
            for body in (b"", b"<html>", b"{}", b'{"other": 1}', CREDITS_BODY)
        ),
        *(
            (404, b'{"detail": "x"}', types, None)
            for types in (None, {}, {"200": int}, {"404": None})
        ),
        (404, b"7", {"4XX": int}, 7),
        *(
            (404, body, {"404": Loose}, data)
            for body, data in ((b'{"a": 1}', Loose(a=1)), (b'{"b": 1}', None))
        ),
    ],
)
def test_the_error_model_is_read_whatever_the_status(
    status: int, body: bytes, types: Any, data: Any
) -> None:
    """The model for the status, else one that fits and has a field of the body; a bad body is no second error."""
    found = decode_error(body, status, types)
    assert (found, type(found)) == (data, type(data))


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        *(
            (b"x", None, "x"),
            ("ä".encode(), None, "ä"),
            (b"\xe4", None, "�"),
            (b"", "text/html", ""),
        ),
        *(
            (b"\xe4", f"text/html; {x}", "ä")
            for x in ("charset=latin-1", "CHARSET=ISO-8859-1; x=1")
        ),
        *((b"\xe4", f"text/html; charset={x}", "�") for x in ("nonsense", "")),
        # Python's punycode takes time by the square of the length, so it is no charset to us.
        (b"a" * 500_000 + b"-9", "text/html; charset=punycode", "a" * 500_000 + "-9"),
    ],
)
def test_a_body_as_text(body: bytes, content_type: str | None, shown: str) -> None:
    """In its declared charset if there is one; what does not fit is marked, never an error."""
    assert decode_text(body, headers(content_type)) == shown


def test_the_content_type_of_any_headers() -> None:
    """Mocks have headers of many kinds; one without a usable content type has none."""
    assert decoding.content_type_of({"content-type": "x"}) == "x"
    assert [
        decoding.content_type_of(given)
        for given in (None, "x", {}, {"Content-Type": 7})
    ] == [None] * 4


CODECS = sorted({*encodings.aliases.aliases.values(), "idna", "undefined", "utf_8_sig"})


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_that_are_no_charsets(codec: str) -> None:
    """Python knows more codecs than there are charsets; whatever a server names, only our fault comes of it."""
    content_type = headers(f"application/json; charset={codec}")
    for body in (b'"\xff"', b"7", b"xn--\xff-a", b"\x80" * 7):
        assert isinstance(decode_text(body, content_type), str)
        with contextlib.suppress(DecodeFault):
            decode(body, content_type, str)


@given(
    body=st.binary(max_size=50),
    content_type=st.none()
    | st.sampled_from([JSON, "text/html", "x; charset=utf-16", "x; charset=hex"]),
    kind=st.sampled_from(
        [int, str, bytes, list[int], CreditResponse, "List[str]", Generated]
    ),
)
def test_any_body_is_read_or_our_fault(
    body: bytes, content_type: str | None, kind: Any
) -> None:
    """Nothing else escapes, whatever the bytes are."""
    with contextlib.suppress(DecodeFault):
        decode(body, headers(content_type), kind)
    assert decode_error(body, 500, ERRORS) is None or body


def test_a_fault_holds_no_body() -> None:
    """Neither its message nor its chain shows what came."""
    with pytest.raises(DecodeFault) as caught:
        decode(
            f'{{"total_credits": "{TOKEN}"}}'.encode(), headers(JSON), CreditResponse
        )
    fault = caught.value
    assert not secrets_in(
        str(fault), repr(fault), repr(fault.__cause__), repr(fault.__context__)
    )
