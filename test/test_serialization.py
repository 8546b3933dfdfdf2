"""How parameters are written, by tables; and read again by a real service."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from at_client import ApiClient, ApiTypeError, ApiValueError, CreditResponse
from at_client.serialization import content, is_json, pairs, path, plain, query, text
from support.facts import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service import Service

OAUTH = ("OAuth2PasswordBearer",)
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


class Colour(enum.Enum):
    RED = "red"


class Job(BaseModel):
    name: str = Field(serialization_alias="jobName")


@dataclasses.dataclass
class Point:
    x: int


class Speaking:
    """What knows by itself how to be written."""

    def to_dict(self) -> dict[str, int]:
        return {"spoken": 1}

    def __repr__(self) -> str:
        return "Speaking()"


@pytest.mark.parametrize(
    ("value", "reduced"),
    [
        (None, None),
        ("x", "x"),
        (1, 1),
        (1.5, 1.5),
        (True, True),
        (Colour.RED, "red"),
        (ID, str(ID)),
        (dt.date(2026, 12, 1), "2026-12-01"),
        (dt.datetime(2026, 12, 1, 10, tzinfo=dt.timezone.utc), "2026-12-01T10:00:00Z"),
        (dt.timedelta(hours=1), "PT1H"),
        (decimal.Decimal("1.50"), "1.50"),
        (Job(name="x"), {"jobName": "x"}),
        (Point(1), {"x": 1}),
        (Speaking(), {"spoken": 1}),
        (
            CreditResponse(total=2, used=1, remaining=1),
            {"total_credits": 2, "used_credits": 1, "remaining_credits": 1, "purchased_credits": 0},
        ),
        (SecretStr("open"), "open"),
        ([1, (2, {3})], [1, [2, [3]]]),
        ({"a": [Colour.RED]}, {"a": ["red"]}),
    ],
    ids=repr,
)
def test_a_value_is_reduced_to_json(value: object, reduced: object) -> None:
    """Models, dates, UUIDs, enumerations, decimals and secrets become what JSON knows."""
    assert plain("x", value) == reduced


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)
SURROGATE = "\ud800"


@pytest.mark.parametrize("value", [CIRCLE, b"\xff"], ids=ascii)
def test_what_no_text_can_carry(value: object) -> None:
    """A circle, and bytes that are no text: an error of ours that names the parameter."""
    for write in (
        lambda: query({"x": {"in": value}}),
        lambda: path("/{x}", {"x": {"in": value}}),
        lambda: content(None, {"x": {"in": value}}, None),
        lambda: content({"in": value}, None, None),
    ):
        with pytest.raises((ApiTypeError, ApiValueError), match=r"^(x|body) "):
            write()


def test_an_integer_of_thousands_of_digits() -> None:
    """Python refuses to write it, and so do we."""
    with pytest.raises((ApiTypeError, ApiValueError), match=r"^x "):
        query({"x": 10**5000})


@pytest.mark.parametrize("template", ["v1", "v1/{x}", "", ".evil.example/"])
def test_a_path_starts_with_a_slash(template: str) -> None:
    """Behind the name of a host, anything else would name another host."""
    with pytest.raises(ApiValueError, match=r"^resource_path must start with a slash$"):
        path(template, {"x": 1})


def test_half_a_character() -> None:
    """Half of a surrogate pair is no character, wherever it stands."""
    for write in (
        lambda: query({"x": SURROGATE}),
        lambda: path("/{x}", {"x": SURROGATE}),
        lambda: content(None, {"x": SURROGATE}, None),
        lambda: content(SURROGATE, None, None),
        lambda: content(SURROGATE, None, "text/plain"),
        lambda: content({SURROGATE: 1}, None, None),
        lambda: content([SURROGATE], None, None),
    ):
        with pytest.raises((ApiTypeError, ApiValueError), match=r"^(x|body) "):
            write()


@pytest.mark.parametrize("value", [object(), lambda: 1, [object()], {"a": open}])
def test_what_json_cannot_say(value: object) -> None:
    """The error names the parameter and the type."""
    kind = type(value).__name__
    with pytest.raises(ApiTypeError, match=rf"^x cannot be written as JSON: {kind}$"):
        plain("x", value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("x", "x"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, "None"),
        (Colour.RED, "red"),
        (dt.date(2026, 12, 1), "2026-12-01"),
        ({"a": 1}, '{"a": 1}'),
        ([1, "x"], '[1, "x"]'),
        (math.inf, "inf"),
    ],
)
def test_one_value_as_text(value: object, written: str) -> None:
    """The way paths, queries and forms show it."""
    assert text("x", value) == written


@pytest.mark.parametrize(
    ("params", "formats", "written"),
    [
        (None, None, []),
        ({}, None, []),
        ([], None, []),
        ({"a": None}, None, []),
        ({"a": ""}, None, [("a", "")]),
        ({"a": 0}, None, [("a", "0")]),
        ([("a", 1), ("a", 2)], None, [("a", "1"), ("a", "2")]),
        ({"a": [1, None, 2]}, None, [("a", "1"), ("a", "2")]),
        ({"a": []}, None, []),
        ({"a": []}, {"a": "csv"}, [("a", "")]),
        ({"a": (1, 2)}, {"a": "csv"}, [("a", "1,2")]),
        ({"a": [1, 2]}, {"a": "ssv"}, [("a", "1 2")]),
        ({"a": [1, 2]}, {"a": "tsv"}, [("a", "1\t2")]),
        ({"a": [1, 2]}, {"a": "pipes"}, [("a", "1|2")]),
        ({"a": [1, 2]}, {"a": "multi"}, [("a", "1"), ("a", "2")]),
        ({"a": {1}}, None, [("a", "1")]),
        ({"a": frozenset({1})}, None, [("a", "1")]),
        ({"a": {"b": 1}}, None, [("a", '{"b": 1}')]),
        ({"a": "12"}, {"a": "csv"}, [("a", "12")]),
    ],
)
def test_parameters_as_pairs(params: Any, formats: Any, written: list[tuple[str, str]]) -> None:
    """`None` is left out; a list repeats its name or is joined, as its format says."""
    assert pairs(params, formats) == written


def test_an_unknown_format_is_refused() -> None:
    """The error names the parameter and what there is."""
    with pytest.raises(ApiValueError, match=r"^collection format of a must be multi, csv, ssv, tsv"):
        pairs({"a": [1]}, {"a": "CSV"})


@pytest.mark.parametrize(
    ("template", "params", "filled"),
    [
        ("/a", None, "/a"),
        ("/a", {"b": 1}, "/a"),
        ("/{a}", {"a": 1}, "/1"),
        ("/{a}{b}/{a}", {"a": 1, "b": 2}, "/12/1"),
        ("/{a}", {"a": "x/y"}, "/x%2Fy"),
        ("/{a}", {"a": "{b}", "b": 1}, "/%7Bb%7D"),
        ("/{a}", {"a": "..."}, "/..."),
        ("/{a}", {"a": [1, 2]}, "/1%2C2"),
        ("/{a-b.c}", {"a-b.c": "x"}, "/x"),
    ],
)
def test_paths(template: str, params: Any, filled: str) -> None:
    """Each placeholder is filled once, with everything encoded that could lead elsewhere."""
    assert path(template, params) == filled


@given(st.text(min_size=1).filter(lambda value: value not in (".", "..")))
def test_any_text_stays_one_segment(value: str) -> None:
    """Whatever a path parameter holds, it comes out at the other end, and adds no segment and no query."""
    filled = path("/a/{b}/c", {"b": value})
    parts = urlsplit(f"https://api.example.com{filled}")
    assert (parts.query, parts.fragment) == ("", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", value, "c"]


@given(st.lists(st.tuples(st.text("abc&=?#ä ", min_size=1), st.text(st.characters(codec="utf-8")))))
def test_any_query_comes_out_as_it_went_in(params: list[tuple[str, str]]) -> None:
    """Names and values are encoded so that a server reads the same pairs."""
    assert parse_qsl(query(params).removeprefix("?"), keep_blank_values=True) == params


@pytest.mark.parametrize(
    ("media", "json_is_it"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/vnd.api+json;x=1", True),
        ("text/json", False),
        ("text/html", False),
        ("application/jsonl", False),
        ("image/x+json", False),
        ("json", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_json(media: str | None, json_is_it: bool) -> None:
    """By name or by suffix, whatever its case and parameters."""
    assert is_json(media) is json_is_it


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_does_not_have(value: float) -> None:
    """They are written as pydantic reads them."""
    body, _ = content({"a": value}, None, None)
    assert body is not None
    assert json.loads(body)["a"] == pytest.approx(value, nan_ok=True)


# ---- All three steps over a real socket


@pytest.mark.parametrize(
    ("method", "arguments", "kind", "data"),
    [
        (
            "GET",
            {
                "resource_path": "/api/v1/echo/items/{item_id}",
                "path_params": {"item_id": 7},
                "query_params": {"tag": ["a b", "ä"]},
                "header_params": {"X-Note": "hello"},
                "cookie_params": {"flavour": "oat"},
            },
            dict[str, Any],
            {"item_id": 7, "tags": ["a b", "ä"], "note": "hello", "flavour": "oat"},
        ),
        (
            "POST",
            {"resource_path": "/api/v1/echo/json", "body": {"name": "ä", "count": 2}},
            dict[str, Any],
            {"name": "ä", "count": 2},
        ),
        (
            "POST",
            {
                "resource_path": "/api/v1/echo/form",
                "post_params": {"name": "a&b", "colour": ["x", "y"]},
            },
            dict[str, Any],
            {"name": "a&b", "colours": ["x", "y"]},
        ),
    ],
    ids=["places", "json", "form"],
)
def test_the_three_steps_reach_any_operation(
    service: Service,
    make_client: Callable[..., ApiClient],
    method: str,
    arguments: dict[str, Any],
    kind: Any,
    data: Any,
) -> None:
    """`call_api(*param_serialize(...))` calls an operation that the package knows nothing of."""
    client = make_client(service.url)
    response = client.call_api(*client.param_serialize(method, **arguments))
    assert client.response_deserialize(response, {"2XX": kind}).data == data


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_verb_with_any_body(service: Service, make_client: Callable[..., ApiClient], method: str) -> None:
    """Every verb carries bytes as they are, and says how many."""
    client = make_client(service.url)
    request = client.param_serialize(method, "/api/v1/echo/x", body=b"raw", auth_settings=OAUTH)
    seen = client.response_deserialize(client.call_api(*request), {"200": dict[str, Any]}).data
    assert (seen["method"], seen["body"]) == (method, "raw")
    assert seen["headers"]["content-length"] == "3"
    assert seen["headers"]["authorization"] == f"Bearer {TOKEN}"
