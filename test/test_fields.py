"""What header fields and cookies may carry, by tables, and which of them are secret."""

from __future__ import annotations

import copy
import pickle
import string
from typing import Any

import pytest
from at_client.fields import (
    Headers,
    check_cookie_value,
    check_header_value,
    cookie_item,
    header_item,
    joined_cookies,
    text_secret,
)
from at_client.sealed import Secret
from hypothesis import given
from hypothesis import strategies as st

from at_client import ApiTypeError, ApiValueError
from support.facts import TOKEN, secrets_in

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))


@pytest.mark.parametrize("name", ["X", "x-a", "X_A", "0", "!#$%&'*+-.^_`|~", string.ascii_letters])
def test_header_names(name: str) -> None:
    """Any token of RFC 9110 is a name."""
    assert header_item(name, Secret("v"))[0] == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\n", "ä", '"', "a/b", "[]", "a\x00"])
def test_what_is_no_header_name(name: str) -> None:
    """Anything else is refused, and shown in ASCII, cut short."""
    with pytest.raises(ApiValueError) as caught:
        header_item(name, Secret("v"))
    assert str(caught.value) == f"{name!a} is not a header name (RFC 9110 section 5.6.2)"
    with pytest.raises(ApiValueError, match=r"^'\(x{39}' is not"):
        header_item("(" + "x" * 100, Secret("v"))


@pytest.mark.parametrize("value", ["", "x", "a b", "a\tb", "a  b", VISIBLE, "a " + "x" * 10_000])
def test_header_values(value: str) -> None:
    """Visible ASCII, with blanks inside."""
    check_header_value("x", Secret(value))
    assert header_item("X", Secret(value)) == ("X", value)


@pytest.mark.parametrize(
    "value",
    [" ", " a", "a ", "\ta", "a\t", "a\n", "a\r\nX: 1", "a\x00", "\x7f", "ä", "☃", "\ud800"],
    ids=ascii,
)
def test_what_no_header_may_carry(value: str) -> None:
    """The field is named."""
    with pytest.raises(ApiValueError) as caught:
        check_header_value("access_token", Secret(value))
    assert str(caught.value) == (
        "access_token has characters that no header may carry; allowed are visible ASCII characters "
        "with blanks or tabs inside, but no line break (RFC 9110 section 5.5)"
    )


def test_a_refused_value_is_not_shown() -> None:
    """Neither that of a header nor that of a cookie."""
    for check in (check_header_value, check_cookie_value):
        with pytest.raises(ApiValueError) as caught:
            check("x", Secret(f"{TOKEN}\n"))
        assert not secrets_in(str(caught.value), repr(caught.value))


@pytest.mark.parametrize("value", ["", "x", '""', '"a=b"', "a=b", VISIBLE.translate({ord(c): None for c in '",;\\'})])
def test_cookie_values(value: str) -> None:
    """What RFC 6265 allows, quoted or not."""
    check_cookie_value("x", Secret(value))


@pytest.mark.parametrize("value", [" ", "a b", "a,b", "a;b", "a\\b", 'a"b', '"', '"a', 'a"', "a\n", "ä", "\x7f"])
def test_what_no_cookie_may_carry(value: str) -> None:
    """The cookie is named, the value never shown."""
    with pytest.raises(ApiValueError) as caught:
        cookie_item("auth_token", Secret(value))
    assert str(caught.value) == (
        "auth_token has characters that no cookie may carry; allowed are visible ASCII characters "
        "other than the double quote, comma, semicolon and backslash (RFC 6265 section 4.1.1)"
    )


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("Proxy-Authorization", True),
        ("authorization", True),
        ("Cookie", True),
        ("X-Auth", True),
        ("X-Api-Key", True),
        ("X-CSRF-Token", True),
        ("Client-Secret", True),
        ("X-Password", True),
        ("Session-Id", True),
        ("X-Credential", True),
        ("Accept", False),
        ("Content-Type", False),
        ("User-Agent", False),
        ("X-Request-Id", False),
    ],
)
def test_which_headers_are_secret(name: str, secret: bool) -> None:
    """The name says so; a secret value stays sealed, any other is plain."""
    assert header_item(name, Secret("v")) == (name, Secret("v") if secret else "v")


@pytest.mark.parametrize(
    ("value", "written"), [(1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), (-0.0, "-0.0")]
)
def test_numbers_are_written(value: float, written: str) -> None:
    """Numbers and truth values become text, in headers and in cookies."""
    assert header_item("X", value) == ("X", written)
    assert cookie_item("x", value) == Secret(f"x={written}")


@pytest.mark.parametrize("value", [None, b"x", [], {}, object()], ids=lambda v: type(v).__name__)
def test_what_is_neither_text_nor_number(value: object) -> None:
    """It is refused by the name of its field and its type."""
    with pytest.raises(ApiTypeError) as caught:
        header_item("X", value)
    assert str(caught.value) == f"header X must be a str or a number, not {type(value).__name__}"


@pytest.mark.parametrize(
    ("value", "sealed"),
    [(None, None), ("", None), (Secret(""), None), ("x", Secret("x")), (Secret("x"), Secret("x"))],
)
def test_a_text_that_must_not_be_shown(value: object, sealed: Secret | None) -> None:
    """It is sealed; an empty one is none."""
    assert text_secret("x", value) == sealed


@pytest.mark.parametrize("value", [7, b"x", [], True])
def test_what_is_no_text(value: object) -> None:
    """The field is named, and the type."""
    with pytest.raises(ApiTypeError) as caught:
        text_secret("auth_token", value)
    assert str(caught.value) == f"auth_token must be a str or None, not {type(value).__name__}"


@pytest.mark.parametrize(
    ("name", "value", "item"),
    [
        ("a", None, None),
        ("a", "", None),
        ("a", "x", Secret("a=x")),
        ("a", Secret("x"), Secret("a=x")),
        ("__Host-a", "x", Secret("__Host-a=x")),
    ],
)
def test_a_cookie(name: str, value: Any, item: Secret | None) -> None:
    """Name and value, sealed; nothing without a value."""
    assert cookie_item(name, value) == item


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;", "ä", "a\n"])
def test_what_is_no_cookie_name(name: str) -> None:
    """It is refused even without a value."""
    with pytest.raises(ApiValueError, match=r"is not a cookie name \(RFC 6265 section 4.1.1\)$"):
        cookie_item(name, None)


@pytest.mark.parametrize(
    ("cookies", "joined"),
    [
        ([], None),
        ([None], None),
        ([None, Secret("a=1")], Secret("a=1")),
        ([Secret("a=1"), None, Secret("b=2; c=3")], Secret("a=1; b=2; c=3")),
    ],
)
def test_cookies_go_into_one_header(cookies: list[Secret | None], joined: Secret | None) -> None:
    """In their order, and none of them is no header."""
    assert joined_cookies(cookies) == joined


def test_headers_know_no_case() -> None:
    """A name is found, replaced and removed however it is written; the last way of writing it stays."""
    headers = Headers({"X-A": "1", "x-b": "2"})
    assert headers["x-a"] == headers["X-A"] == "1"
    assert "X-B" in headers
    assert "x-c" not in headers
    assert 7 not in headers
    headers["X-a"] = "3"
    assert dict(headers) == {"X-a": "3", "x-b": "2"}
    del headers["X-B"]
    assert list(headers) == ["X-a"]
    assert len(headers) == 1
    with pytest.raises(KeyError):
        headers["x-b"]
    with pytest.raises(KeyError):
        del headers["x-b"]
    assert headers.get("x-b") is None


def test_the_later_headers_count() -> None:
    """Both, and where both have a name, the other's value and way of writing it; neither is changed."""
    one, two = Headers({"X-A": "1", "X-B": "1"}), Headers({"x-a": "2", "X-C": "2"})
    both = one | two
    assert both.to_dict() == {"x-a": "2", "X-B": "1", "X-C": "2"}
    assert (one.to_dict(), two.to_dict()) == ({"X-A": "1", "X-B": "1"}, {"x-a": "2", "X-C": "2"})
    one |= two
    assert one.to_dict() == both.to_dict()


def test_headers_can_be_read_while_they_change() -> None:
    """Another thread goes on with what there was."""
    headers = Headers({"a": "1", "b": "2"})
    seen = []
    for name in headers:
        headers["c"] = "3"
        seen.append(name)
    assert seen == ["a", "b"]


def test_headers_check_what_they_are_given() -> None:
    """In the constructor, in an assignment, and in `update`; a refused one changes nothing."""
    headers = Headers({"A": "1"})
    for change in (
        lambda: Headers({"A": "x\n"}),
        lambda: headers.__setitem__("A", "x\n"),
        lambda: headers.update({"bad name": "x"}),
    ):
        with pytest.raises(ApiValueError):
            change()
    assert headers.to_dict() == {"A": "1"}


def test_secret_headers_stay_sealed() -> None:
    """In `repr`, as values, and as a dictionary; they go through a pickle and a copy."""
    headers = Headers({"Authorization": TOKEN, "X-A": "1"})
    assert repr(headers) == "Headers({'Authorization': Secret('***'), 'X-A': '1'})"
    assert headers.to_dict() == {"Authorization": Secret(TOKEN), "X-A": "1"}
    for twin in (pickle.loads(pickle.dumps(headers)), copy.deepcopy(headers), copy.copy(headers)):  # noqa: S301  # our own bytes
        assert twin == headers
        twin["X-A"] = "2"
        assert headers["X-A"] == "1"


def test_headers_that_are_checked_before() -> None:
    """What comes from within is taken as it is, sealed or not."""
    headers = Headers.checked(("X-Plain", Secret(TOKEN)), ("X-A", "1"))
    assert headers.to_dict() == {"X-Plain": Secret(TOKEN), "X-A": "1"}


@given(st.text(), st.text())
def test_any_header_is_taken_or_refused(name: str, value: str) -> None:
    """Nothing but our errors escapes, and what is taken can be written on one line."""
    try:
        headers = Headers({name: value})
    except ApiValueError:
        return
    ((taken, kept),) = headers.items()
    line = f"{taken}: {kept.reveal() if isinstance(kept, Secret) else kept}"
    assert line.encode("ascii").splitlines() == [line.encode()]
