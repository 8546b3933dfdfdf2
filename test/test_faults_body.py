"""Whole answers with the wrong content: nothing, a page, broken JSON, other types."""

import json
from typing import Any

import pytest

from at_client import ApiDecodeException, CreditResponse
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS, CREDITS_BODY
from support.makers import MakeApi
from support.wire import CLOSE, Wire, answer, reply

INPUT = "body: Input should be"
SYNTAX = "Invalid JSON"
ENCODING = "not valid utf-8"


def change(**fields: Any) -> bytes:
    """Write the credits with some fields changed."""
    return json.dumps({**CREDITS, **fields}).encode()


def put(number: bytes) -> bytes:
    """Write the credits with the total as it is given."""
    return CREDITS_BODY.replace(b"1000", number)


NOT_PROMISED = {
    "nothing": (b"", "empty"),
    "blanks": (b" \r\n ", "empty"),
    "null": (b"null", INPUT),
    "an empty list": (b"[]", INPUT),
    "a list of credits": (b"[" + CREDITS_BODY + b"]", INPUT),
    "a string": (b'"1000"', INPUT),
    "a number": (b"1000", INPUT),
    "an empty object": (b"{}", "total_credits"),
    "another object": (b'{"detail": "no"}', "total_credits"),
    "NaN as the total": (put(b"NaN"), "total_credits"),
    "a total beyond floats": (put(b"1e999"), "total_credits"),
    "NaN elsewhere": (CREDITS_BODY[:-1] + b', "new": NaN}', "NaN is not a number"),
    "an absurd integer": (put(b"9" * 5000), SYNTAX),
    "half an object": (CREDITS_BODY[:-20], SYNTAX),
    "two objects": (CREDITS_BODY * 2, SYNTAX),
    "trailing data": (CREDITS_BODY + b"x", SYNTAX),
    "single quotes": (CREDITS_BODY.replace(b'"', b"'"), SYNTAX),
    "half a surrogate": (CREDITS_BODY.replace(b"pro", b"\\ud800"), SYNTAX),
    "open lists": (b"[" * 100_000, SYNTAX),
    "deep lists": (b"[" * 5_000 + b"]" * 5_000, SYNTAX),
    "zero bytes": (bytes(100), SYNTAX),
    "no UTF-8": (CREDITS_BODY.replace(b"pro", b"\xff\xfe\xfd"), ENCODING),
    "cut UTF-8": (CREDITS_BODY.replace(b"pro", b"\xe2\x82"), ENCODING),
}


@pytest.mark.parametrize(("body", "says"), NOT_PROMISED.values(), ids=NOT_PROMISED)
def test_what_is_not_a_credit_response_is_a_decode_error(
    endings: Endings, body: bytes, says: str
) -> None:
    """The error has the status, the headers and the body of what came."""
    fault = Fault((reply(answer(body)),), ApiDecodeException, says=(says,))
    error = endings.play(fault)
    assert error.status == 200
    assert error.body == body.decode("utf-8", "replace")
    assert error.headers is not None
    assert error.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [201, 202, 204, 205, 206])
def test_a_success_without_credits_is_a_decode_error(
    endings: Endings, status: int
) -> None:
    """204 and its kind have no body, and so are no answer to this call."""
    step = reply(b"HTTP/1.1 %d Whatever\r\n\r\n" % status, CLOSE)
    error = endings.play(Fault((step,), ApiDecodeException, says=(str(status),)))
    assert error.status == status
    assert error.body == ""


def test_a_page_instead_of_credits_is_said_to_be_one(endings: Endings) -> None:
    """A captive portal answers 200: the message has the page's title, and no more."""
    page = b"<!DOCTYPE html><title>Welcome to CafeNet</title>Please sign in."
    step = reply(answer(page, content_type="TEXT/HTML; charset=utf-8"))
    says = ("text/html", "Welcome to CafeNet")
    error = endings.play(Fault((step,), ApiDecodeException, says))
    assert error.body == page.decode()
    assert "sign in" not in str(error)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON;;;",
        "application/json; charset=iso-8859-1",
        "application/json; charset=nonsense",
        "application/problem+json",
        "text/plain",
        "",
        None,
    ],
)
def test_json_is_read_whatever_its_name(
    make_api: MakeApi, wire: Wire, content_type: str | None, mark: bytes
) -> None:
    """RFC 8259 says that JSON is UTF-8; a label that says otherwise is wrong."""
    text = json.dumps({**CREDITS, "plan_tier": "prö €"}, ensure_ascii=False)
    wire.play(reply(answer(mark + text.encode(), content_type=content_type)))
    assert make_api(wire.url).get_credits().plan_tier == "prö €"


@pytest.mark.parametrize("field", ["total_credits", "plan_tier"])
@pytest.mark.parametrize("value", [True, 12.5, []], ids=repr)
def test_a_field_of_another_type_is_named(
    endings: Endings, field: str, value: object
) -> None:
    """Whole numbers are as JSON Schema has them; the body is kept."""
    body = change(**{field: value})
    error = endings.play(Fault((reply(answer(body)),), ApiDecodeException, (field,)))
    assert error.body == body.decode()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"total": 3, "used": 2, "remaining": 1}', 1),
        (change(remaining_credits=750.0), 750),
        (change(free_credits=None, period=None), 750),
    ],
    ids=["short names", "a whole float", "nulls"],
)
def test_what_is_near_enough_is_accepted(
    make_api: MakeApi, wire: Wire, body: bytes, value: int
) -> None:
    """Null optional fields, whole floats and the short names are read."""
    wire.play(reply(answer(body)))
    credits = make_api(wire.url).get_credits()
    assert type(credits) is CreditResponse
    assert credits.remaining == value


def test_fields_to_come_are_kept(make_api: MakeApi, wire: Wire) -> None:
    """What the service adds later is readable and goes out again."""
    wire.play(reply(answer(change(rollover_credits=7, team={"name": "x"}))))
    credits = make_api(wire.url).get_credits()
    assert credits.rollover_credits == 7
    assert credits.to_dict()["rollover_credits"] == 7
    assert json.loads(credits.to_json())["team"] == {"name": "x"}


def test_a_decode_error_spoils_no_connection(make_api: MakeApi, wire: Wire) -> None:
    """The response was read whole, so its connection serves the next call."""
    wire.play(reply(answer(b"[]")))
    api = make_api(wire.url)
    with pytest.raises(ApiDecodeException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 1
