"""Headers and cookies by tables: what they may carry, which are secret, how they merge, what is struck out."""

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiClient, ApiTypeError, ApiValueError, Configuration
from at_client.headers import (
    Secret,
    check_header,
    is_secret,
    merge_headers,
    redact,
    reveal,
    seal,
)
from support.facts import TOKEN, secrets_in

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))
CONTROLS = ["a\n", "a\r\nX: 1", "a\x00", "\x7f", "ä", "☃", "\ud800"]
HEADER_RULE = "a header; use visible ASCII with spaces or tabs inside, but no line break (RFC 9110 section 5.5)"
COOKIE_RULE = "a cookie; use visible ASCII without quotes, commas, semicolons and backslashes (RFC 6265 section 4.1.1)"


def test_a_secret_shows_to_nobody_who_prints_it() -> None:
    """`repr`, `str` and copies keep the value for the one who asks for it by name; it equals the `str` it holds."""
    secret = Secret(TOKEN)
    assert not secrets_in(repr(secret), str(secret), f"{secret}", repr([secret]))
    assert (secret.get_secret_value(), secret.encode("latin-1")) == (
        TOKEN,
        TOKEN.encode(),
    )
    for twin in (
        copy.copy(secret),
        copy.deepcopy(secret),
        pickle.loads(pickle.dumps(secret)),  # noqa: S301
    ):  # our own bytes
        assert twin == secret == TOKEN != Secret("other")
        assert hash(twin) == hash(TOKEN)


def test_sealing_wraps_every_str() -> None:
    """A `str`, alone or in a mapping, is wrapped; anything else stays as it is."""
    assert (
        repr([seal("x"), seal(7), seal({"a": "x", "b": 7})])
        == "[Secret('***'), 7, {'a': Secret('***'), 'b': 7}]"
    )


@pytest.mark.parametrize(
    "name",
    [7, None, "", " ", "a b", "a:", "a\n", "ä", '"', "a/b", "a\x00", "x" * 50 + "("],
)
def test_what_is_no_header_name(name: Any) -> None:
    """Anything but a token of RFC 9110 is refused, and shown in ASCII, cut short."""
    with pytest.raises(ApiValueError) as caught:
        check_header(name, "v")
    assert (
        str(caught.value)
        == f"{ascii(name)[:40]} is not a header name (RFC 9110 section 5.6.2)"
    )


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        *(
            ("X-A", value, value)
            for value in ("1", "", "a\tb  c", VISIBLE, Secret("x"))
        ),
        *(
            ("X-A", value, text)
            for value, text in ((3, "3"), (1.5, "1.5"), (True, "true"))
        ),
        ("!#$%&'*+-.^_`|~09azAZ", "x", "x"),
        *(
            ("Authorization", "x", Secret("x")),
            ("authorization", Secret("x"), Secret("x")),
        ),
    ],
)
def test_header_values(name: str, value: Any, kept: Any) -> None:
    """Visible ASCII with blanks inside, and numbers; a secret one is wrapped."""
    found = check_header(name, value)
    assert (found, type(found)) == (kept, type(kept))


def write_cookie(name: Any, value: Any) -> Any:
    """Return the header that carries a cookie; `None` if there is none."""
    client = ApiClient(Configuration(host="https://api.example.com"))
    return reveal(
        client.param_serialize("GET", "/", cookie_params={name: value})[2].get("Cookie")
    )


@pytest.mark.parametrize(
    "value", ["x", 7, Secret("x"), '""', '"b=c"', re.sub(r'[",;\\]', "", VISIBLE)]
)
def test_cookies(value: Any) -> None:
    """What RFC 6265 allows, quoted or not; without a value there is no cookie."""
    assert write_cookie("auth_token", value) == f"auth_token={reveal(value)}"
    assert [write_cookie("a", each) for each in (True, None, "")] == [
        "a=true",
        None,
        None,
    ]


@pytest.mark.parametrize("name", ["", "a b", "a="])
def test_what_is_no_cookie_name(name: str) -> None:
    """It is what a header name is."""
    with pytest.raises(
        ApiValueError,
        match=rf"^'{name}' is not a cookie name \(RFC 6265 section 4\.1\.1\)$",
    ):
        write_cookie(name, "x")


@pytest.mark.parametrize(
    ("write", "field", "value", "rule"),
    [
        *(
            (check_header, "header X", value, HEADER_RULE)
            for value in (" ", " a", "a ", "\ta", "a\t", *CONTROLS)
        ),
        *(
            (write_cookie, "X", value, COOKIE_RULE)
            for value in (" ", "a b", "a,b", "a;b", "a\\b", *CONTROLS)
        ),
        *((write_cookie, "X", value, COOKIE_RULE) for value in ('a"b', '"', '"a')),
    ],
)
def test_what_no_header_or_cookie_may_carry(
    write: Any, field: str, value: str, rule: str
) -> None:
    """The error names the field and what is allowed, and never shows the value, sealed or not."""
    for given_value in (value, Secret(value)):
        with pytest.raises(ApiValueError) as caught:
            write("X", given_value)
        assert (
            str(caught.value)
            == f"{field} has characters that are not allowed in {rule}"
        )


@pytest.mark.parametrize(
    ("write", "field"), [(check_header, "header X"), (write_cookie, "X")]
)
def test_values_of_the_wrong_type(write: Any, field: str) -> None:
    """The type that came is named."""
    for value in (b"x", ["x"]):
        with pytest.raises(
            ApiTypeError,
            match=f"^{field} must be a str or a number, not {type(value).__name__}$",
        ):
            write("X", value)


def test_which_headers_are_secret() -> None:
    """A name that speaks of credentials marks the value as secret, whatever its case."""
    plain = [
        "Accept",
        "User-Agent",
        "X-Request-Id",
        "traceparent",
        "Content-Type",
        "Host",
        "X",
    ]
    secret = [
        "Authorization",
        "Proxy-Authorization",
        "COOKIE",
        "Set-Cookie",
        "X-Auth-Token",
        "X-Api-Key",
        "key",
    ]
    secret += ["X-Secret", "Password", "X-Session-Id", "Credentials"]
    assert [name for name in (*plain, *secret) if is_secret(name)] == secret


def test_one_wrong_header_refuses_all() -> None:
    """The error names the header."""
    with pytest.raises(ApiValueError, match=r"^header X-B has"):
        Configuration(proxy_headers={"X-A": "1", "X-B": "\n"})


@pytest.mark.parametrize(
    ("headers", "merged"),
    [
        ({}, {"A": "1", "B": "1"}),
        ({"C": "2"}, {"A": "1", "B": "1", "C": "2"}),
        ({"a": "2"}, {"a": "2", "B": "1"}),
        ({"A": "1", "a": "2"}, {"a": "2", "B": "1"}),
    ],
)
def test_later_headers_take_precedence(
    headers: dict[str, str], merged: dict[str, str]
) -> None:
    """Case-insensitively, and neither source is changed."""
    defaults, before = {"A": "1", "B": "1"}, dict(headers)
    assert merge_headers(defaults, headers) == merged
    assert (defaults, headers) == ({"A": "1", "B": "1"}, before)


@pytest.mark.parametrize(
    ("text", "sent", "shown"),
    [
        ("nothing", Secret("Bearer abcdef"), "nothing"),
        ("of Bearer abcdef, abcdef!", Secret("Bearer abcdef"), "of ***, ***!"),
        ("abcdef, then ghijkl", Secret("a=abcdef; b=ghijkl"), "***, then ***"),
        ("plain abcdef", "abcdef", "plain ***"),
        *(("abc", Secret("abc"), "abc"), ("abcd", Secret("abcd"), "***")),
    ],
)
def test_what_was_sent_is_struck_out(text: str, sent: Any, shown: str) -> None:
    """A secret goes, whole or in its parts, unless it is too short to be told from other text."""
    assert redact(text, [sent]) == shown
    assert redact(text, []) == text


@given(st.text(), st.text())
def test_any_header_is_taken_or_refused(name: str, value: str) -> None:
    """Nothing but our errors escapes, and what is taken can be written on one line."""
    try:
        kept = check_header(name, value)
    except ApiValueError:
        return
    line = f"{name}: {reveal(kept)}"
    assert line.encode("ascii").splitlines() == [line.encode()]
