"""Headers and cookies by tables: what they may carry, which are secret, how they merge, what is struck out."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiTypeError, ApiValueError
from at_client.headers import (
    Secret,
    check_header,
    check_header_value,
    check_headers,
    is_secret,
    merge_headers,
    pop_header,
    redact,
    reveal,
    reveal_all,
    seal,
    seal_headers,
    write_cookie,
)
from support.facts import TOKEN, secrets_in

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))
CONTROLS = ["a\n", "a\r\nX: 1", "a\x00", "\x7f", "ä", "☃", "\ud800"]


def test_a_secret_shows_to_nobody_who_prints_it() -> None:
    """`repr`, `str` and pickling keep the value for the one who asks for it by name."""
    secret = Secret(TOKEN)
    assert not secrets_in(repr(secret), str(secret), f"{secret}", repr([secret]))
    assert secret.reveal() == TOKEN
    assert secret.encode("latin-1") == TOKEN.encode()
    for twin in (copy.copy(secret), copy.deepcopy(secret), pickle.loads(pickle.dumps(secret))):  # noqa: S301  # our own bytes
        assert twin == secret


def test_a_secret_equals_its_value() -> None:
    """It compares and hashes as the `str` that it holds, and is as true."""
    assert Secret("a") == Secret("a") == "a"
    assert Secret("a") != "b"
    assert hash(Secret("a")) == hash("a")
    assert Secret("a")
    assert not Secret("")


@pytest.mark.parametrize(
    ("value", "sealed"), [(None, None), (7, 7), ("x", Secret("x")), ({"a": "x", "b": 1}, {"a": Secret("x"), "b": 1})]
)
def test_seal_wraps_every_str(value: Any, sealed: Any) -> None:
    """A `str`, alone or in a mapping, is wrapped; anything else stays as it is."""
    found = seal(value)
    assert (found, type(found)) == (sealed, type(sealed))
    assert reveal(Secret("x")) == "x"
    assert reveal(7) == 7


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\n", "ä", '"', "a/b", "a\x00", "x" * 50 + "("])
def test_what_is_no_header_name(name: str) -> None:
    """Anything but a token of RFC 9110 is refused, and shown in ASCII, cut short."""
    with pytest.raises(ApiValueError) as caught:
        check_header(name, "v")
    assert str(caught.value) == f"{name[:40]!a} is not a header name (RFC 9110 section 5.6.2)"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("X-A", "1", "1"),
        ("!#$%&'*+-.^_`|~09azAZ", "", ""),
        ("X", "a\tb  c", "a\tb  c"),
        ("X", VISIBLE, VISIBLE),
        ("X", 3, "3"),
        ("X", 1.5, "1.5"),
        ("X", True, "true"),
        ("Authorization", "x", Secret("x")),
        ("authorization", Secret("x"), Secret("x")),
        ("X", Secret("x"), Secret("x")),
    ],
)
def test_header_values(name: str, value: Any, kept: Any) -> None:
    """Visible ASCII with blanks inside, and numbers; a secret one is wrapped."""
    found = check_header(name, value)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize("value", [" ", " a", "a ", "\ta", "a\t", *CONTROLS], ids=ascii)
def test_what_no_header_may_carry(value: str) -> None:
    """The error names the field and what is allowed, and never shows the value."""
    with pytest.raises(ApiValueError) as caught:
        check_header_value("access_token", TOKEN + value if value[0] == "a" else value)
    assert str(caught.value) == (
        "access_token has characters that no header may carry; allowed are visible ASCII characters "
        "with spaces or tabs inside, but no line break (RFC 9110 section 5.5)"
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (7, "x", "a header name must be a str, not int"),
        ("X", None, "header X must be a str or a number, not NoneType"),
        ("X", b"x", "header X must be a str or a number, not bytes"),
    ],
)
def test_a_header_of_the_wrong_type(name: Any, value: Any, says: str) -> None:
    """The type that came is named."""
    with pytest.raises(ApiTypeError, match=f"^{says}$"):
        check_header(name, value)


@pytest.mark.parametrize(
    ("secret", "names"),
    [
        (True, "Authorization Proxy-Authorization COOKIE Set-Cookie X-Auth-Token X-Api-Key"),
        (True, "X-Secret Password X-Session-Id Credentials key"),
        (False, "Accept User-Agent X-Request-Id traceparent Content-Type Host X"),
    ],
)
def test_which_headers_are_secret(secret: bool, names: str) -> None:
    """A name that speaks of credentials marks the value as secret, whatever its case."""
    assert {name: is_secret(name) for name in names.split()} == dict.fromkeys(names.split(), secret)


def test_headers_are_checked_and_sealed_together() -> None:
    """One wrong header refuses all; what is wrapped already was checked before."""
    checked = check_headers({"Authorization": "x", "X-A": 1, "X-Plain": Secret("y")})
    assert checked == {"Authorization": Secret("x"), "X-A": "1", "X-Plain": Secret("y")}
    assert reveal_all(checked) == {"Authorization": "x", "X-A": "1", "X-Plain": "y"}
    assert repr(seal_headers({"Cookie": "x", "X-A": "1"})) == "{'Cookie': Secret('***'), 'X-A': '1'}"
    with pytest.raises(ApiValueError, match=r"^header X-B has"):
        check_headers({"X-A": "1", "X-B": "\n"})


@pytest.mark.parametrize(
    ("defaults", "headers", "merged"),
    [
        ({}, {}, {}),
        ({"A": "1"}, {}, {"A": "1"}),
        ({"A": "1", "B": "1"}, {"C": "2"}, {"A": "1", "B": "1", "C": "2"}),
        ({"A": "1", "B": "1"}, {"a": "2"}, {"a": "2", "B": "1"}),
        ({}, {"A": "1", "a": "2"}, {"a": "2"}),
    ],
)
def test_later_headers_take_precedence(
    defaults: dict[str, str], headers: dict[str, str], merged: dict[str, str]
) -> None:
    """Case-insensitively, and neither source is changed."""
    before = dict(defaults), dict(headers)
    assert merge_headers(defaults, headers) == merged
    assert (defaults, headers) == before


def test_a_header_is_taken_out_whatever_its_case() -> None:
    """Its value comes back; `None` if there is none."""
    headers = {"X-A": "1", "X-B": "2"}
    assert [pop_header(headers, name) for name in ("X-A", "x-b", "x-c")] == ["1", "2", None]
    assert headers == {}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("", ""),
        ("x", "a=x"),
        (7, "a=7"),
        (True, "a=true"),
        (Secret("x"), "a=x"),
        ('""', 'a=""'),
        ('"b=c"', 'a="b=c"'),
        (VISIBLE.translate(dict.fromkeys(map(ord, '",;\\'))), None),
    ],
)
def test_cookies(value: Any, written: str | None) -> None:
    """What RFC 6265 allows, quoted or not; without a value there is no cookie."""
    assert write_cookie("a", value) == (f"a={value}" if written is None else written)


@pytest.mark.parametrize("value", [" ", "a b", "a,b", "a;b", "a\\b", 'a"b', '"', '"a', *CONTROLS], ids=ascii)
def test_what_no_cookie_may_carry(value: str) -> None:
    """The cookie is named, the value never shown."""
    with pytest.raises(ApiValueError) as caught:
        write_cookie("auth_token", value)
    assert str(caught.value) == (
        "auth_token has characters that no cookie may carry; allowed are visible ASCII characters "
        "other than the double quote, comma, semicolon and backslash (RFC 6265 section 4.1.1)"
    )


def test_a_cookie_needs_a_name_and_a_text() -> None:
    """A wrong name, and a value that is no text, are refused by what they are."""
    for name in ("", "a b", "a=", 7):
        with pytest.raises(ApiValueError, match="is not a cookie name"):
            write_cookie(name, "x")
    with pytest.raises(ApiTypeError, match=r"^a must be a str or None, not list$"):
        write_cookie("a", ["x"])


@pytest.mark.parametrize(
    ("text", "sent", "shown"),
    [
        ("nothing", [Secret("Bearer abcdef")], "nothing"),
        ("of Bearer abcdef", [Secret("Bearer abcdef")], "of ***"),
        ("token abcdef!", [Secret("Bearer abcdef")], "token ***!"),
        ("abcdef, then ghijkl", [Secret("a=abcdef; b=ghijkl")], "***, then ***"),
        ("plain abcdef", ["abcdef"], "plain ***"),
        ("abc", [Secret("abc")], "abc"),
        ("abcd", [Secret("abcd")], "***"),
        ("", [], ""),
    ],
)
def test_what_was_sent_is_struck_out(text: str, sent: list[Any], shown: str) -> None:
    """A secret goes, whole or in its parts, unless it is too short to be told from other text."""
    assert redact(text, sent) == shown


@given(st.text(), st.text())
def test_any_header_is_taken_or_refused(name: str, value: str) -> None:
    """Nothing but our errors escapes, and what is taken can be written on one line."""
    try:
        kept = check_header(name, value)
    except ApiValueError:
        return
    line = f"{name}: {reveal(kept)}"
    assert line.encode("ascii").splitlines() == [line.encode()]
