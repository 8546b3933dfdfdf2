"""From the bytes of a body to its type, by tables: charsets, marks, and what is no JSON."""

from __future__ import annotations

import codecs
import contextlib
import encodings.aliases
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from at_client import CreditResponse
from at_client.decoding import DecodeFault, Unpromised, decode, text, utf8
from support.facts import TOKEN, secrets_in

JSON = "application/json"
WORD = '"Größe ☃"'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (WORD.encode(), JSON),
        (WORD.encode(), None),
        (WORD.encode(), "text/html"),
        (WORD.encode(), "application/json; charset=latin-1"),
        (WORD.encode(), "application/json; charset=unknown-8bit"),
        (WORD.encode(), 'application/json; charset="utf-8"'),
        (codecs.BOM_UTF8 + WORD.encode(), JSON),
        (codecs.BOM_UTF8 + WORD.encode(), "application/json; charset=latin-1"),
        (WORD.encode("utf-16"), JSON),
        (WORD.encode("utf-16-le"), JSON),
        (WORD.encode("utf-16-be"), JSON),
        (WORD.encode("utf-32"), JSON),
        (WORD.encode("utf-32-le"), JSON),
        (b" \r\n\t" + WORD.encode() + b"\n", JSON),
    ],
)
def test_json_in_every_encoding(body: bytes, content_type: str | None) -> None:
    """JSON is read where it can be read; RFC 8259 says UTF-8, and a mark or a pattern says what else."""
    assert decode(body, content_type, Any) == "Größe ☃"


@pytest.mark.parametrize(("charset", "word"), [("latin-1", "Größe"), ("ISO-8859-15", "10 €"), ("shift_jis", "日本")])
def test_json_in_its_declared_charset(charset: str, word: str) -> None:
    """A declared charset counts where the body is not UTF-8."""
    body = json.dumps(word, ensure_ascii=False).encode(charset)
    for name in (charset, f'"{charset}"', charset.upper()):
        assert decode(body, f"application/json; charset={name}", str) == word


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "says"),
    [
        (b"", JSON, int, "the body is empty"),
        (b" \n", None, int, "the body is empty"),
        (
            b"<html>",
            "text/html; charset=utf-8",
            int,
            "text/html came instead of JSON; a captive portal or a load balancer may have answered",
        ),
        (
            b"<html>",
            None,
            int,
            (
                "something without a content type came instead of JSON; "
                "a captive portal or a load balancer may have answered"
            ),
        ),
        (b"null", JSON, CreditResponse, "body: Input should be "),
        (b"[]", JSON, CreditResponse, "body: Input should be "),
        (b"7", JSON, CreditResponse, "body: Input should be "),
        (b"{", JSON, CreditResponse, "Invalid JSON: EOF while parsing"),
        (b"{} {}", JSON, CreditResponse, "Invalid JSON: trailing characters"),
        (b"NaN", JSON, float, "NaN is no number in JSON"),
        (b"[-Infinity]", JSON, list[float], "-Infinity is no number in JSON"),
        (b'{"a": Infinity}', JSON, Any, "Infinity is no number in JSON"),
        (b'"\xff"', JSON, str, "the body is not valid utf-8 text"),
        (b'"\xff"', "application/json; charset=ascii", str, "the body is not valid ascii text"),
        (b'"\x00"\x00\x00', JSON, str, "the body is not valid utf-16-le text"),
        (b"[" * 100_000, JSON, Any, "Invalid JSON: recursion limit exceeded"),
        (b"{}", JSON, Unpromised, "nothing was promised for this status"),
        (b'{"a": "x"}', JSON, dict[str, int], "a: Input should be a valid integer"),
        (
            b"{}",
            JSON,
            CreditResponse,
            ("total_credits: Field required; used_credits: Field required; remaining_credits: Field required"),
        ),
        (
            b'["a", "b", "c"]',
            JSON,
            list[bool],
            (
                "0: Input should be a valid boolean, unable to interpret input; "
                "1: Input should be a valid boolean, unable to interpret input; "
                "2: Input should be a valid boolean, unable to interpret input"
            ),
        ),
        (
            b'["a", "b", "c", "d", "e"]',
            JSON,
            list[int],
            (
                "0: Input should be a valid integer, unable to parse string as an integer; "
                "1: Input should be a valid integer, unable to parse string as an integer; "
                "2: Input should be a valid integer, unable to parse string as an integer; and 2 more"
            ),
        ),
    ],
)
def test_what_is_not_what_was_promised(body: bytes, content_type: str | None, kind: Any, says: str) -> None:
    """The fault says which it is: nothing, something else, no JSON, or which field."""
    with pytest.raises(DecodeFault) as caught:
        decode(body, content_type, kind)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "value"),
    [
        (b'"NaN"', JSON, str, "NaN"),
        (b'{"Infinity": 1}', JSON, Any, {"Infinity": 1}),
        (b"\x00\xff", "text/html", bytes, b"\x00\xff"),
        (b"", None, bytes, b""),
        (b"text", "text/plain", str, "text"),
        (b"text", None, str, "text"),
        (b"Gr\xf6\xdfe", "text/plain; charset=latin-1", str, "Größe"),
        (b"\xff", "text/plain", str, "�"),
        (b'"text"', JSON, str, "text"),
        (b'"text"', "application/problem+json", str, "text"),
        (b"null", JSON, type(None), None),
        (b"7", JSON, Annotated[int, Field(gt=0)], 7),
        (b"7", JSON, Annotated[int, ["a list cannot be hashed"]], 7),
        (b"1" + b"0" * 300, JSON, int, 10**300),
    ],
)
def test_what_is_read(body: bytes, content_type: str | None, kind: Any, value: object) -> None:
    """Any type that pydantic knows; bytes as they are; a text that is no JSON as text."""
    assert decode(body, content_type, kind) == value


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"x", None, "x"),
        ("ä".encode(), None, "ä"),
        (b"\xe4", None, "�"),
        (b"\xe4", "text/html; charset=latin-1", "ä"),
        (b"\xe4", "text/html; CHARSET=ISO-8859-1; x=1", "ä"),
        (b"\xe4", "text/html; charset=nonsense", "�"),
        (b"\xe4", "text/html; charset=", "�"),
        (b"", "text/html", ""),
    ],
)
def test_a_body_as_text(body: bytes, content_type: str | None, shown: str) -> None:
    """In its declared charset if there is one; what does not fit is marked, never an error."""
    assert text(body, content_type) == shown


CODECS = sorted({*encodings.aliases.aliases.values(), "idna", "punycode", "undefined", "utf_8_sig"})


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_that_are_no_charsets(codec: str) -> None:
    """Python knows more codecs than there are charsets; whatever a server names, nothing but our fault comes of it."""
    content_type = f"application/json; charset={codec}"
    for body in (b'"\xff"', b"7", b"xn--\xff-a", b"\x80" * 7):
        assert isinstance(text(body, content_type), str)
        with contextlib.suppress(DecodeFault):
            decode(body, content_type, str)


def test_a_charset_that_would_take_hours() -> None:
    """Python's punycode takes time by the square of the length, so it is no charset to us."""
    body = b"a" * 500_000 + b"-" + b"9" * 500_000
    assert text(body, "text/html; charset=punycode") == body.decode()


def test_utf8_is_left_alone() -> None:
    """The very bytes come back, not a copy of them."""
    body = WORD.encode()
    assert utf8(body, None) is body
    assert utf8(body, "text/html; charset=latin-1") is body


@given(
    body=st.binary(max_size=50),
    content_type=st.none() | st.sampled_from([JSON, "text/html", "x; charset=utf-16", "x; charset=hex"]),
    kind=st.sampled_from([int, str, bytes, list[int], CreditResponse]),
)
def test_any_body_is_read_or_our_fault(body: bytes, content_type: str | None, kind: Any) -> None:
    """Nothing else escapes, whatever the bytes are."""
    with contextlib.suppress(DecodeFault):
        decode(body, content_type, kind)


def test_a_fault_holds_no_body() -> None:
    """Neither its message nor its chain shows what came."""
    with pytest.raises(DecodeFault) as caught:
        decode(f'{{"total_credits": "{TOKEN}"}}'.encode(), JSON, CreditResponse)
    fault = caught.value
    assert not secrets_in(str(fault), repr(fault), repr(fault.__cause__), repr(fault.__context__))
