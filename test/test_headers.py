"""Pure rules of headers and cookies: what they carry and hide, and how they merge."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiTypeError, ApiValueError
from at_client.headers import (
    add_cookie,
    check_header_name,
    check_header_value,
    check_headers,
    find_credentials,
    get_header,
    is_secret,
    merge_headers,
    pop_header,
    redact,
)

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))

UNSENDABLE = [
    " ",
    "a\n",
    "a\rb",
    "a\r\nX: 1",
    "a\r\n folded",
    "a\x00",
    "\x7f",
    "\x1b[2J",
    "ä",
    "☃",
    "\u2028",
    "\ud800",
]
"""What neither a header nor a cookie may carry."""


@pytest.mark.parametrize(
    "name",
    [7, None, "", " ", "a b", "a:", "a\n", "ä", '"', "a/b", "a\x00", "x" * 50 + "("],
    ids=ascii,
)
def test_no_other_header_name_is_accepted(name: Any) -> None:
    """The error shows the name in ASCII and cut short, as it can be anything."""
    with pytest.raises(ApiValueError) as caught:
        check_header_name(name)
    rule = "is not a header name (RFC 9110 section 5.6.2)"
    assert str(caught.value) == f"{ascii(name)[:40]} {rule}"


def test_every_sign_of_a_token_is_accepted_in_a_name() -> None:
    """RFC 9110 has more signs than letters and digits."""
    name = "!#$%&'*+-.^_`|~09azAZ"
    assert check_header_name(name) == name


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", ""),
        (VISIBLE, VISIBLE),
        ("a\tb  c", "a\tb  c"),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
    ],
)
def test_a_header_carries_visible_text_and_numbers(value: Any, written: str) -> None:
    """Blanks may stand inside a value, and what is no text becomes one."""
    assert check_header_value("X", value) == written


def write_cookie(value: Any, name: Any = "auth_token") -> str | None:
    """Return the header that carries a cookie; `None` if there is none."""
    headers: dict[str, str] = {}
    add_cookie(headers, name, value)
    return headers.get("Cookie")


@pytest.mark.parametrize(
    "value", ["x", 7, '""', '"b=c"', re.sub(r'[",;\\]', "", VISIBLE)]
)
def test_a_cookie_carries_what_rfc_6265_allows(value: Any) -> None:
    """The value may be in quotes, and a number becomes a text."""
    assert write_cookie(value) == f"auth_token={value}"


@pytest.mark.parametrize("value", [None, ""])
def test_a_cookie_without_a_value_is_not_sent(value: str | None) -> None:
    """Neither `None` nor an empty text makes a header."""
    assert write_cookie(value) is None


def test_a_cookie_joins_the_others() -> None:
    """All cookies stand in one header, whatever the case of its name."""
    headers = {"cookie": "a=1"}
    add_cookie(headers, "b", value="2")
    assert headers == {"Cookie": "a=1; b=2"}


@pytest.mark.parametrize("name", ["", "a b", "a=", 7], ids=ascii)
def test_no_other_cookie_name_is_accepted(name: Any) -> None:
    """A name that could end the name or begin a value is refused."""
    with pytest.raises(ApiValueError, match="is not a cookie name"):
        write_cookie("x", name)


@pytest.mark.parametrize("value", [*UNSENDABLE, " a", "a ", "\ta", "a\t"], ids=ascii)
def test_an_unsendable_header_is_refused(value: str) -> None:
    """The error names the field and what is allowed, and does not show the value."""
    with pytest.raises(ApiValueError) as caught:
        check_header_value("header X", value)
    assert str(caught.value) == (
        "header X has characters that are not allowed in a header; use visible ASCII "
        "with spaces or tabs inside, but no line break (RFC 9110 section 5.5)"
    )


@pytest.mark.parametrize(
    "value",
    [*UNSENDABLE, "a b", "a,b", "a;b", "a\\b", 'a"b', '"', '"a'],
    ids=ascii,
)
def test_an_unsendable_cookie_is_refused(value: str) -> None:
    """The error names the cookie and what is allowed, and does not show the value."""
    with pytest.raises(ApiValueError) as caught:
        write_cookie(value)
    assert str(caught.value) == (
        "auth_token has characters that are not allowed in a cookie; use visible ASCII "
        "without quotes, commas, semicolons and backslashes (RFC 6265 section 4.1.1)"
    )


@pytest.mark.parametrize("value", [b"x", ["x"]], ids=["bytes", "list"])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    """The error names the type that came."""
    says = f"must be a str or a number, not {type(value).__name__}"
    with pytest.raises(ApiTypeError, match=f"^header X {says}$"):
        check_header_value("header X", value)
    with pytest.raises(ApiTypeError, match=f"^auth_token {says}$"):
        write_cookie(value)


def test_one_wrong_header_refuses_all() -> None:
    """The error names the header at fault."""
    with pytest.raises(ApiValueError, match=r"^header X-B has"):
        check_headers({"X-A": "1", "X-B": "\n"})


@given(st.text(), st.text())
def test_any_header_is_accepted_or_refused(name: str, value: str) -> None:
    """What is accepted stays on one line; nothing but our errors is raised."""
    try:
        headers = check_headers({name: value})
    except ApiValueError:
        return
    line = f"{name}: {headers[name]}".encode("ascii")
    assert line.splitlines() == [line]


# ---- Secret headers


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "COOKIE",
        "Set-Cookie",
        "X-Auth-Token",
        "X-Api-Key",
        "X-Secret",
        "Password",
        "X-Session-Id",
        "Credentials",
    ],
)
def test_a_name_that_speaks_of_credentials_is_secret(name: str) -> None:
    """The value of such a header is not shown, whatever the case of the name."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["Accept", "User-Agent", "X-Request-Id", "Host"])
def test_other_headers_are_not_secret(name: str) -> None:
    """Names that say nothing of credentials leave the value alone."""
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("headers", "credentials"),
    [
        ({"Accept": "*/*"}, []),
        ({"X-Key": "abc"}, ["abc"]),
        ({"authorization": "Bearer abc"}, ["Bearer abc", "abc"]),
        ({"Cookie": "a=bc; d=ef"}, ["a=bc; d=ef", "bc", "ef"]),
    ],
    ids=["no credential", "a key", "a token", "cookies"],
)
def test_credentials_are_found_whole_and_in_parts(
    headers: dict[str, str], credentials: list[str]
) -> None:
    """A service may repeat the whole header, the token or one of the cookies."""
    assert find_credentials(headers) == credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing", "nothing"),
        ("abcdefgh, then abcdefgh!", "***, then ***!"),
        ("1234567 is short", "1234567 is short"),
        ("abcdefg is a part", "abcdefg is a part"),
    ],
)
def test_long_credentials_are_struck_out(text: str, shown: str) -> None:
    """From eight characters on, a credential is replaced wherever it stands."""
    assert redact(text, ["abcdefgh", "1234567"]) == shown


# ---- Merging


@pytest.mark.parametrize(
    ("headers", "merged"),
    [
        ({}, {"A": "1", "B": "1"}),
        ({"C": "2"}, {"A": "1", "B": "1", "C": "2"}),
        ({"a": "2"}, {"B": "1", "a": "2"}),
    ],
    ids=["none", "another", "the same in another case"],
)
def test_headers_override_defaults(
    headers: dict[str, str], merged: dict[str, str]
) -> None:
    """A header of a call takes the place of the default one; the defaults stay."""
    defaults = {"A": "1", "B": "1"}
    assert merge_headers(defaults, headers) == merged
    assert defaults == {"A": "1", "B": "1"}


def test_a_header_is_found_whatever_its_case() -> None:
    """Reading and removing a header ignore case; one that is missing is `None`."""
    headers = {"X-One": "1", "X-Two": "2"}
    assert get_header(headers, "x-one") == "1"
    assert get_header(headers, "x") is None
    assert pop_header(headers, "X-TWO") == "2"
    assert pop_header(headers, "x-two") is None
    assert headers == {"X-One": "1"}


any_headers = st.dictionaries(st.text("aAbB", min_size=1, max_size=2), st.text())


@given(any_headers, any_headers)
def test_merged_headers_keep_the_last_of_each_name(
    defaults: dict[str, str], headers: dict[str, str]
) -> None:
    """Every name is there, with the value that was given last for it."""
    last = {name.lower(): value for name, value in defaults.items()}
    last |= {name.lower(): value for name, value in headers.items()}
    merged = merge_headers(defaults, headers)
    assert {name.lower(): value for name, value in merged.items()} == last
    assert len(merged) == len(last)
