"""Whole answers with the wrong content: nothing, another page, broken JSON, other types."""

import json
from typing import Any

import pytest

from at_client import ApiDecodeException, CreditResponse
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS, CREDITS_BODY
from support.makers import MakeApi
from support.wire import CLOSE, Wire, answer, reply

HTML = b"<!DOCTYPE html><html><head><title>Welcome to CafeNet</title></head><body>Please sign in.</body></html>"


def changed(**fields: Any) -> bytes:
    """Write the credits with some fields changed."""
    return json.dumps({**CREDITS, **fields}).encode()


def without(*names: str) -> bytes:
    """Write the credits with some fields left out."""
    return json.dumps({k: v for k, v in CREDITS.items() if k not in names}).encode()


# What the message then says -> bodies.
NOT_PROMISED: dict[str, list[bytes]] = {
    "empty": [b"", b" \r\n "],
    "body: Input should be": [
        b"null",
        b"[]",
        b"[" + CREDITS_BODY + b"]",
        b'"1000"',
        b"1000",
        b"true",
    ],
    "total_credits": [
        *(b"{}", b'{"detail": "no"}'),
        *(
            CREDITS_BODY.replace(b"1000", number)
            for number in (b"NaN", b"Infinity", b"1e999")
        ),
    ],
    "NaN is not a number": [CREDITS_BODY[:-1] + b', "new": NaN}'],
    "Invalid JSON": [
        *(
            CREDITS_BODY[:-20],
            CREDITS_BODY * 2,
            CREDITS_BODY + b"x",
            CREDITS_BODY.replace(b'"', b"'"),
            b"\0" * 100,
        ),
        *(
            CREDITS_BODY[:-1] + b",}",
            b"// hello\n" + CREDITS_BODY,
            CREDITS_BODY.replace(b"pro", b"\\ud800"),
        ),
        *(
            b"[" * 100_000,
            b"[" * 5_000 + b"]" * 5_000,
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        ),
        CREDITS_BODY.replace(b"1000", b"9" * 5000),
    ],
    "not valid utf-8": [
        CREDITS_BODY.replace(b"pro", broken)
        for broken in (b"\xff\xfe\xfd", b"\xe2\x82")
    ],
}


@pytest.mark.parametrize(
    ("says", "body"),
    [(says, body) for says, bodies in NOT_PROMISED.items() for body in bodies],
    ids=lambda cell: cell if isinstance(cell, str) else "",
)
def test_what_is_not_a_credit_response_is_a_decode_error(
    endings: Endings, says: str, body: bytes
) -> None:
    """The error has the status, the headers and the body of what came; one attempt."""
    error = endings.play(Fault((reply(answer(body)),), ApiDecodeException, (says,)))
    assert error.status == 200
    assert error.headers is not None
    assert error.headers["content-type"] == "application/json"
    assert error.body == body.decode("utf-8", "replace")


@pytest.mark.parametrize("status", [201, 202, 204, 205, 206])
def test_a_success_without_credits_is_a_decode_error(
    endings: Endings, status: int
) -> None:
    """204 and its kind have no body, and so are no answer to this call."""
    step = reply(b"HTTP/1.1 %d Whatever\r\n\r\n" % status, CLOSE)
    error = endings.play(Fault((step,), ApiDecodeException, (str(status),)))
    assert (error.status, error.body) == (status, "")


def test_a_page_instead_of_credits_is_said_to_be_one(endings: Endings) -> None:
    """A captive portal answers 200 with its own page; the message says so and tells its title, the body is kept."""
    step = reply(answer(HTML, content_type="TEXT/HTML; charset=utf-8"))
    error = endings.play(
        Fault((step,), ApiDecodeException, ("text/html", "Welcome to CafeNet"))
    )
    assert error.body == HTML.decode()
    assert "sign in" not in str(error)


CONTENT_TYPES = [
    *(
        f"application/json; charset={charset}"
        for charset in ("utf-8", "iso-8859-1", "nonsense")
    ),
    *(
        "application/json",
        "application/json;;;",
        "APPLICATION/JSON",
        "application/problem+json",
        "text/json",
    ),
    *(
        "application/vnd.credits.v2+json; charset=ascii",
        "text/plain",
        "application/octet-stream",
        "nonsense",
        "",
        None,
    ),
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize(
    "mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order mark"]
)
def test_json_is_read_whatever_its_name(
    make_api: MakeApi, wire: Wire, content_type: str | None, mark: bytes
) -> None:
    """RFC 8259 says that JSON is UTF-8; a label that says otherwise is wrong."""
    body = (
        mark
        + json.dumps({**CREDITS, "plan_tier": "prö €"}, ensure_ascii=False).encode()
    )
    wire.play(reply(answer(body, content_type=content_type)))
    assert make_api(wire.url).get_credits().plan_tier == "prö €"


MISSING = object()
NOT_WHOLE: tuple[object, ...] = ("1000", True, 12.5, None, [], {}, "", MISSING)
WRONG: list[tuple[str, object]] = [
    *(
        (name, value)
        for name in ("total_credits", "used_credits", "remaining_credits")
        for value in NOT_WHOLE
    ),
    *(
        ("free_credits", "100"),
        ("free_credits", True),
        ("purchased_credits", 0.5),
        ("days_until_reset", "9"),
    ),
    *(("period", 202611), ("reset_date", 20261201), ("plan_tier", ["pro"])),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_field_of_another_type_is_named(
    endings: Endings, field: str, value: object
) -> None:
    """Whole numbers as JSON Schema has them; optional means absent or null, not anything; the body is kept."""
    body = without(field) if value is MISSING else changed(**{field: value})
    error = endings.play(Fault((reply(answer(body)),), ApiDecodeException, (field,)))
    assert (error.status, error.body) == (200, body.decode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (changed(total_credits=1000.0), {"total": 1000}),
        (CREDITS_BODY.replace(b"1000", b"1e3"), {"total": 1000}),
        (changed(used_credits=-5), {"used": -5}),
        (changed(total_credits=10**18), {"total": 10**18}),
        (without("free_credits"), {"free_credits": None}),
        (without("purchased_credits"), {"purchased_credits": 0}),
        (
            without("period", "reset_date", "days_until_reset", "plan_tier"),
            {"period": None},
        ),
        (changed(period=None, reset_date=None, plan_tier=None), {"reset_date": None}),
        (changed(free_credits=None, days_until_reset=None), {"free_credits": None}),
        (changed(purchased_credits=None), {"remaining": 750}),
        (
            b'{"total": 3, "used": 2, "remaining": 1}',
            {"total": 3, "used": 2, "remaining": 1},
        ),
        (b" \r\n\t" + CREDITS_BODY + b"\n", {"total": 1000}),
        (b'{"total_credits": 1, ' + CREDITS_BODY[1:], {"total": 1000}),
    ],
)
def test_what_is_near_enough_is_accepted(
    make_api: MakeApi, wire: Wire, body: bytes, expected: dict[str, Any]
) -> None:
    """Missing and null optional fields, whole floats and the short names are read."""
    wire.play(reply(answer(body)))
    got = make_api(wire.url).get_credits()
    assert type(got) is CreditResponse
    assert {name: getattr(got, name) for name in expected} == expected


def test_fields_to_come_are_kept(make_api: MakeApi, wire: Wire) -> None:
    """What the service adds later is readable and goes out again."""
    wire.play(reply(answer(changed(rollover_credits=7, team={"name": "x"}))))
    got = make_api(wire.url).get_credits()
    assert got.rollover_credits == got.to_dict()["rollover_credits"] == 7
    assert json.loads(got.to_json())["team"] == {"name": "x"}


def test_a_decode_error_spoils_no_connection(make_api: MakeApi, wire: Wire) -> None:
    """The response was read whole, so its connection serves the next call."""
    wire.play(reply(answer(b"[]")))
    api = make_api(wire.url)
    with pytest.raises(ApiDecodeException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 1
