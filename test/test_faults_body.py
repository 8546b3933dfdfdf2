"""Whole answers with the wrong content: nothing, another page, broken JSON, other types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from at_client import ApiDecodeException, CreditResponse, CreditsApi
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS, CREDITS_BODY
from support.wire import Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = b"<!DOCTYPE html><html><body>Please sign in to <b>CafeNet</b></body></html>"


def changed(**fields: Any) -> bytes:
    """Write the credits with some fields changed."""
    return json.dumps({**CREDITS, **fields}).encode()


def without(*names: str) -> bytes:
    """Write the credits with some fields left out."""
    return json.dumps({k: v for k, v in CREDITS.items() if k not in names}).encode()


NOT_PROMISED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "blanks": (b" \r\n ", ""),
    "null": (b"null", ""),
    "a list": (b"[]", ""),
    "a list of credits": (b"[" + CREDITS_BODY + b"]", ""),
    "a string": (b'"1000"', ""),
    "a number": (b"1000", ""),
    "a boolean": (b"true", ""),
    "an empty object": (b"{}", "total_credits"),
    "an error with 200": (b'{"detail": "no"}', "total_credits"),
    "half a JSON": (CREDITS_BODY[:-20], "json"),
    "two JSONs": (CREDITS_BODY * 2, "json"),
    "something behind the JSON": (CREDITS_BODY + b"x", "json"),
    "single quotes": (CREDITS_BODY.replace(b'"', b"'"), "json"),
    "a trailing comma": (CREDITS_BODY[:-1] + b",}", "json"),
    "a comment": (b"// hello\n" + CREDITS_BODY, "json"),
    "NaN": (CREDITS_BODY.replace(b"1000", b"NaN"), ""),
    "Infinity": (CREDITS_BODY.replace(b"1000", b"Infinity"), ""),
    "NaN in a new field": (CREDITS_BODY[:-1] + b', "new": NaN}', ""),
    "broken UTF-8": (CREDITS_BODY.replace(b"pro", b"\xff\xfe\xfd"), ""),
    "cut-off UTF-8": (CREDITS_BODY.replace(b"pro", b"\xe2\x82"), ""),
    "a lone surrogate": (CREDITS_BODY.replace(b"pro", b"\\ud800"), ""),
    "lists in lists": (b"[" * 100_000, ""),
    "whole lists in lists": (b"[" * 5_000 + b"]" * 5_000, ""),
    "objects in objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, ""),
    "an absurd integer": (CREDITS_BODY.replace(b"1000", b"9" * 5000), ""),
    "an absurd exponent": (CREDITS_BODY.replace(b"1000", b"1e999"), ""),
    "NUL bytes": (b"\0" * 100, ""),
}


@pytest.mark.parametrize(("body", "says"), NOT_PROMISED.values(), ids=NOT_PROMISED)
def test_what_is_not_a_credit_response_is_a_decode_error(endings: Endings, body: bytes, says: str) -> None:
    """The error has the status, the headers and the body of what came; one attempt."""
    error = endings.play(Fault((reply(answer(body)),), ApiDecodeException, (says,)))
    assert error.status == 200
    assert error.headers is not None
    assert error.headers["content-type"] == "application/json"
    assert error.body == body.decode("utf-8", "replace")


@pytest.mark.parametrize("status", [201, 202, 204, 205, 206])
def test_a_success_without_credits_is_a_decode_error(endings: Endings, status: int) -> None:
    """204 and its kind have no body, and so are no answer to this call."""
    response = f"HTTP/1.1 {status} Whatever\r\n"
    response += "" if status == 204 else "Content-Length: 0\r\n"
    step = reply(response.encode() + b"\r\n")
    error = endings.play(Fault((step,), ApiDecodeException, (str(status),)))
    assert (error.status, error.body) == (status, "")


@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8"])
def test_a_page_instead_of_credits_is_said_to_be_one(endings: Endings, content_type: str | None) -> None:
    """A captive portal answers 200 with its own page; the message says so, the body is kept."""
    step = reply(answer(HTML, content_type=content_type))
    error = endings.play(Fault((step,), ApiDecodeException, ("HTML",)))
    assert error.body == HTML.decode()
    assert "CafeNet" not in str(error)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=iso-8859-1",
        "application/json; charset=nonsense",
        "application/json;;;",
        "APPLICATION/JSON",
        "application/problem+json",
        "application/vnd.credits.v2+json; charset=ascii",
        "text/json",
        "text/plain",
        "application/octet-stream",
        "nonsense",
        "",
        None,
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order mark"])
def test_json_is_read_whatever_it_is_called(
    make_api: Callable[..., CreditsApi], wire: Wire, content_type: str | None, mark: bytes
) -> None:
    """RFC 8259 says that JSON is UTF-8; a label that says otherwise is wrong."""
    body = mark + json.dumps({**CREDITS, "plan_tier": "prö €"}, ensure_ascii=False).encode()
    wire.play(reply(answer(body, content_type=content_type)))
    assert make_api(wire.url).get_credits().plan_tier == "prö €"


@pytest.mark.parametrize("field", ["total", "used", "remaining"])
@pytest.mark.parametrize(
    "value",
    ["1000", True, 12.5, None, [], {}, "", "missing"],
    ids=["text", "boolean", "fraction", "null", "list", "object", "empty text", "missing"],
)
def test_a_required_field_of_another_type_is_named(endings: Endings, field: str, value: Any) -> None:
    """Whole numbers as JSON Schema has them; the message names the field, the body is kept."""
    name = f"{field}_credits"
    body = without(name) if value == "missing" else changed(**{name: value})
    error = endings.play(Fault((reply(answer(body)),), ApiDecodeException, (name,)))
    assert (error.status, error.body) == (200, body.decode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("free_credits", "100"),
        ("free_credits", True),
        ("purchased_credits", 0.5),
        ("period", 202611),
        ("reset_date", 20261201),
        ("days_until_reset", "9"),
        ("plan_tier", ["pro"]),
    ],
)
def test_an_optional_field_of_another_type_is_named(endings: Endings, field: str, value: Any) -> None:
    """Optional means that it may be absent or null, not that it may be anything."""
    step = reply(answer(changed(**{field: value})))
    endings.play(Fault((step,), ApiDecodeException, (field,)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (changed(total_credits=1000.0), {"total": 1000}),
        (CREDITS_BODY.replace(b"1000", b"1e3"), {"total": 1000}),
        (changed(used_credits=-5), {"used": -5}),
        (changed(total_credits=10**18), {"total": 10**18}),
        (without("free_credits"), {"free_credits": None}),
        (without("purchased_credits"), {"purchased_credits": 0}),
        (without("period", "reset_date", "days_until_reset", "plan_tier"), {"period": None}),
        (changed(period=None, reset_date=None, plan_tier=None), {"reset_date": None}),
        (changed(free_credits=None, days_until_reset=None), {"free_credits": None}),
        (changed(purchased_credits=None), {"remaining": 750}),
        (b'{"total": 3, "used": 2, "remaining": 1}', {"total": 3, "used": 2, "remaining": 1}),
        (b" \r\n\t" + CREDITS_BODY + b"\n", {"total": 1000}),
        (b'{"total_credits": 1, ' + CREDITS_BODY[1:], {"total": 1000}),
    ],
)
def test_what_is_near_enough_is_accepted(
    make_api: Callable[..., CreditsApi], wire: Wire, body: bytes, expected: dict[str, Any]
) -> None:
    """Missing and null optional fields, whole floats and the short names are read."""
    wire.play(reply(answer(body)))
    got = make_api(wire.url).get_credits()
    assert type(got) is CreditResponse
    assert {name: getattr(got, name) for name in expected} == expected


def test_fields_to_come_are_kept(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """What the service adds later is readable and goes out again."""
    wire.play(reply(answer(changed(rollover_credits=7, team={"name": "x"}))))
    got = make_api(wire.url).get_credits()
    assert got.to_dict()["rollover_credits"] == 7
    assert json.loads(got.to_json())["team"] == {"name": "x"}
    assert got.rollover_credits == 7


def test_a_decode_error_spoils_no_connection(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """The response was read whole, so its connection serves the next call."""
    wire.play(reply(answer(b"[]")))
    api = make_api(wire.url)
    with pytest.raises(ApiDecodeException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 1
