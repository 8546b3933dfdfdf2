"""Pure rules of headers and cookies: what they carry and hide, and how they merge."""

import re
import string
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

VISIBLE = string.digits + string.ascii_letters + string.punctuation

HEADER_RULE = (
    "has characters that are not allowed in a header; use visible ASCII with spaces or "
    "tabs inside, but no line break (RFC 9110 section 5.5)"
)
COOKIE_RULE = (
    "has characters that are not allowed in a cookie; use visible ASCII without "
    "quotes, commas, semicolons and backslashes (RFC 6265 section 4.1.1)"
)


def write_cookie(value: Any, name: Any = "auth_token") -> str | None:
    """Return the header that carries a cookie; `None` if there is none."""
    headers: dict[str, str] = {}
    add_cookie(headers, name, value)
    return headers.get("Cookie")


NO_NAMES = [
    7,
    "",
    "a b",
    "a:",
    "a\n",
    "ä",
    "x" * 50 + "(",
]


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
def test_no_other_name_is_accepted(name: Any) -> None:
    """The error shows the name in ASCII and cut short, as it can be anything."""
    shown = re.escape(ascii(name)[:40])
    with pytest.raises(ApiValueError, match=f"^{shown} is not a header name"):
        check_headers({name: "x"})
    with pytest.raises(ApiValueError, match=f"^{shown} is not a cookie name"):
        write_cookie("x", name)


def test_every_sign_of_a_token_is_accepted_in_a_name() -> None:
    """RFC 9110 has more signs than letters and digits."""
    name = "!#$%&'*+-.^_`|~09azAZ"
    assert check_header_name(name) == name


VALUES = {
    "": "",
    VISIBLE: VISIBLE,
    "a\tb  c": "a\tb  c",
    3: "3",
    1.5: "1.5",
    True: "true",
}


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_header_carries_visible_text_and_numbers(value: Any) -> None:
    """Blanks may stand inside a value, and what is no text becomes one."""
    assert check_header_value("X", value) == VALUES[value]


@pytest.mark.parametrize("value", [7, '"b=c"', re.sub(r'[",;\\]', "", VISIBLE)])
def test_a_cookie_carries_what_rfc_6265_allows(value: Any) -> None:
    """The value may be in quotes, and a number becomes a text."""
    assert write_cookie(value) == f"auth_token={value}"


def test_a_cookie_without_a_value_is_not_sent() -> None:
    """An empty text makes no header."""
    assert write_cookie("") is None


UNSENDABLE = [
    " a",
    "a\t",
    "a\n",
    "a\r\n folded",
    "a\x00",
    "\x7f",
    "ä",
    "\ud800",
]


@pytest.mark.parametrize("value", UNSENDABLE, ids=ascii)
def test_an_unsendable_header_is_refused(value: str) -> None:
    """The error names the field and what is allowed, and does not show the value."""
    with pytest.raises(ApiValueError) as caught:
        check_headers({"X-A": "1", "X-B": value})
    assert str(caught.value) == f"header X-B {HEADER_RULE}"


NO_COOKIES = [
    *UNSENDABLE,
    "a b",
    "a,b",
    "a;b",
    "a\\b",
    'a"b',
    '"a',
]


@pytest.mark.parametrize("value", NO_COOKIES, ids=ascii)
def test_an_unsendable_cookie_is_refused(value: str) -> None:
    """The error names the cookie and what is allowed, and does not show the value."""
    with pytest.raises(ApiValueError) as caught:
        write_cookie(value)
    assert str(caught.value) == f"auth_token {COOKIE_RULE}"


def test_a_value_of_another_type_is_refused() -> None:
    """The error names the type that came."""
    says = "auth_token must be a str or a number, not bytes"
    with pytest.raises(ApiTypeError, match=f"^{says}$"):
        write_cookie(b"x")


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

NAMES = {
    "Proxy-Authorization": True,
    "COOKIE": True,
    "X-Token": True,
    "X-Api-Key": True,
    "X-Secret": True,
    "Password": True,
    "X-Session-Id": True,
    "Credentials": True,
    "Accept": False,
    "User-Agent": False,
    "X-Request-Id": False,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_speaks_of_credentials_is_secret(name: str) -> None:
    """The value of such a header is not shown, whatever the case of the name."""
    assert is_secret(name) == NAMES[name]


def test_credentials_are_found_whole_and_in_parts() -> None:
    """A service may repeat the whole header, the token or one of the cookies."""
    headers = {
        "Accept": "*/*",
        "authorization": "Bearer abc",
        "Cookie": "a=bc; d=ef",
    }
    found = ["Bearer abc", "abc", "a=bc; d=ef", "bc", "ef"]
    assert find_credentials(headers) == found


def test_long_credentials_are_struck_out() -> None:
    """From eight characters on, a credential is replaced wherever it stands."""
    text = "abcdefgh, not abcdefg nor 1234567, but abcdefgh"
    shown = "***, not abcdefg nor 1234567, but ***"
    assert redact(text, ["abcdefgh", "1234567"]) == shown


# ---- Merging


def test_a_header_is_found_whatever_its_case() -> None:
    """Reading and removing a header ignore case; one that is missing is `None`."""
    headers = {"X-One": "1"}

    assert get_header(headers, "x-one") == "1"
    assert pop_header(headers, "X-ONE") == "1"
    assert headers == {}
    assert pop_header(headers, "X-One") is None


any_headers = st.dictionaries(st.text("aAbB", min_size=1, max_size=2), st.text())


@given(any_headers, any_headers)
def test_merged_headers_keep_the_last_of_each_name(
    defaults: dict[str, str], headers: dict[str, str]
) -> None:
    """Every name is there once, with the value that was given last for it."""
    last = {name.lower(): value for name, value in defaults.items()}
    last |= {name.lower(): value for name, value in headers.items()}

    merged = merge_headers(defaults, headers)
    assert {name.lower(): value for name, value in merged.items()} == last
    assert len(merged) == len(last)
