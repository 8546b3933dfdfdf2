"""Whole answers with the wrong content: nothing, a page, broken JSON, other types."""

import json
import math
from typing import Any

import pytest

from at_client import ApiDecodeException
from support.ending import Endings, good_call
from support.facts import CREDITS, CREDITS_BODY
from support.makers import MakeApi
from support.wire import Wire, answer, reply

INPUT = "body: Input should be"
SYNTAX = "Invalid JSON"


def change(**fields: Any) -> bytes:
    """Write the credits with some fields changed."""
    return json.dumps({**CREDITS, **fields}).encode()


NOT_PROMISED = {
    "nothing": (b"", "empty"),
    "null": (b"null", INPUT),
    "a list of credits": (b"[" + CREDITS_BODY + b"]", INPUT),
    "a string": (b'"1000"', INPUT),
    "a number": (b"1000", INPUT),
    "another object": (b'{"detail": "no"}', "total_credits"),
    "a field of another type": (change(plan_tier=[]), "plan_tier"),
    "NaN": (change(new=math.nan), "NaN is not a number"),
    "an absurd integer": (CREDITS_BODY.replace(b"1000", b"9" * 5000), SYNTAX),
    "half an object": (CREDITS_BODY[:-20], SYNTAX),
    "trailing data": (CREDITS_BODY + b"x", SYNTAX),
    "half a surrogate": (CREDITS_BODY.replace(b"pro", b"\\ud800"), SYNTAX),
    "deep lists": (b"[" * 5_000 + b"]" * 5_000, SYNTAX),
    "no UTF-8": (CREDITS_BODY.replace(b"pro", b"\xe2\x82"), "not valid utf-8"),
}


@pytest.mark.parametrize(("body", "says"), NOT_PROMISED.values(), ids=NOT_PROMISED)
def test_what_is_not_a_credit_response_is_a_decode_error(
    endings: Endings, body: bytes, says: str
) -> None:
    """A body that is no credits is an error with its status, headers and text."""
    error = endings.play(reply(answer(body)), error=ApiDecodeException, says=(says,))
    assert error.status == 200
    assert error.body == body.decode("utf-8", "replace")
    assert error.headers is not None
    assert error.headers["content-type"] == "application/json"


def test_a_success_without_credits_is_a_decode_error(endings: Endings) -> None:
    """A success without a body, such as a 204, is no answer to this call."""
    step = reply(answer(b"", 204))
    endings.play(step, error=ApiDecodeException, says=("204",))


def test_a_page_instead_of_credits_is_said_to_be_one(endings: Endings) -> None:
    """A captive portal answers 200: the message has the page's title, and no more."""
    page = b"<!DOCTYPE html><title>Welcome to CafeNet</title>Please sign in."
    step = reply(answer(page, content_type="TEXT/HTML; charset=utf-8"))
    says = ("text/html", "Welcome to CafeNet")
    error = endings.play(step, error=ApiDecodeException, says=says)
    assert "sign in" not in str(error)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "a mark"])
@pytest.mark.parametrize(
    "content_type",
    [
        "APPLICATION/JSON;;;",
        "application/json; charset=iso-8859-1",
        "application/problem+json",
        "text/plain",
        None,
    ],
)
def test_json_is_read_whatever_its_name(
    make_api: MakeApi, wire: Wire, content_type: str | None, mark: bytes
) -> None:
    """JSON is UTF-8 (RFC 8259), whatever its label says, with or without a mark."""
    body = CREDITS_BODY.replace(b"pro", "prö €".encode())
    wire.play(reply(answer(mark + body, content_type=content_type)))
    assert make_api(wire.url).get_credits().plan_tier == "prö €"


@pytest.mark.parametrize(
    "body",
    [
        b'{"total": 1000, "used": 250, "remaining": 750}',
        change(remaining_credits=750.0),
        change(free_credits=None, period=None),
        change(rollover_credits=7),
    ],
    ids=["short names", "a whole float", "nulls", "a new field"],
)
def test_what_is_near_enough_is_accepted(
    make_api: MakeApi, wire: Wire, body: bytes
) -> None:
    """Null optional fields, whole floats, short names and fields to come are read."""
    wire.play(reply(answer(body)))
    assert good_call(make_api(wire.url))
