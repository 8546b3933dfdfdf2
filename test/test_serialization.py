"""How parameters and bodies are written, by tables; and read again by a real service."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from at_client import ApiClient, ApiTypeError, ApiValueError, CreditResponse
from at_client.serialization import (
    check_method,
    is_json,
    list_items,
    read_files,
    sanitize,
    write_body,
    write_path,
    write_query,
    write_text,
)
from support.facts import TOKEN
from support.service import Service

OAUTH = ["OAuth2PasswordBearer"]
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
JSON, FORM, BYTES = ("application/json", "application/x-www-form-urlencoded", "application/octet-stream")


class Colour(enum.Enum):
    RED = "red"


class Job(BaseModel):
    name: str = Field(serialization_alias="jobName")


@dataclasses.dataclass
class Point:
    x: int


class Speaking:
    """Knows by itself how to be written."""

    def to_dict(self) -> dict[str, Any]:
        return {"spoken": Colour.RED}

    def __repr__(self) -> str:
        return "Speaking()"


CREDITS = CreditResponse(total=2, used=1, remaining=1)
WRITTEN = {"total_credits": 2, "used_credits": 1, "remaining_credits": 1, "purchased_credits": 0}


@pytest.mark.parametrize(
    ("value", "reduced"),
    [
        *((value, value) for value in (None, "x", 1, 1.5, True)),
        (Colour.RED, "red"),
        (ID, str(ID)),
        (dt.date(2026, 12, 1), "2026-12-01"),
        (dt.datetime(2026, 12, 1, 10, tzinfo=dt.timezone.utc), "2026-12-01T10:00:00+00:00"),
        (dt.timedelta(hours=1), "PT1H"),
        (decimal.Decimal("1.50"), "1.50"),
        (Job(name="x"), {"jobName": "x"}),
        (Point(1), {"x": 1}),
        ([Speaking()], [{"spoken": "red"}]),
        ({"a": CREDITS}, {"a": WRITTEN}),
        (SecretStr("open"), "open"),
        ([1, [2, {3}], frozenset({4})], [1, [2, [3]], [4]]),
        ({"a": [Colour.RED]}, {"a": ["red"]}),
    ],
    ids=repr,
)
def test_a_value_is_reduced_to_json(value: object, reduced: object) -> None:
    """Models, dates, UUIDs, enumerations, decimals and secrets become what JSON knows, at any depth."""
    assert sanitize("x", value) == reduced


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)
HALF = "\ud800"


@pytest.mark.parametrize(
    "value", [object(), open, CIRCLE, {"a": object()}, {"a": b"\xff"}, 10**5000, HALF], ids=lambda v: type(v).__name__
)
def test_what_no_text_can_carry(value: object) -> None:
    """The error is ours, and names the parameter and the type."""
    says = rf"^x cannot be written as JSON: {type(value).__name__}$"
    for write in (
        lambda: write_text("x", value),
        lambda: write_query([("x", value)] if isinstance(value, list) else {"x": value}),
        lambda: write_path("/{x}", {"x": [value]}),
        lambda: write_body(None, {"x": [value]}, None),
    ):
        with pytest.raises(ApiTypeError, match=says.replace("list", ".*")):
            write()


@pytest.mark.parametrize("body", [object(), CIRCLE, HALF, [HALF], {HALF: 1}], ids=ascii)
def test_a_body_that_is_no_json(body: object) -> None:
    """The error is ours, whatever is wrong with it."""
    with pytest.raises(ApiTypeError, match=r"^body cannot be written as JSON: "):
        write_body(body, None, None)
    if body == HALF:
        with pytest.raises(ApiTypeError, match=r"^body cannot be written as JSON: str$"):
            write_body(body, None, "text/plain")


@pytest.mark.parametrize(
    ("params", "formats", "query"),
    [
        *((None, None, ""), ({}, None, ""), ([], None, ""), ({"a": None}, None, "")),
        *(({"a": ""}, None, "a="), ({"a": 0}, None, "a=0"), ({"a": []}, None, "")),
        ({"a": "x y&z=/ä"}, None, "a=x%20y%26z%3D%2F%C3%A4"),
        ({"ä&": 1}, None, "%C3%A4%26=1"),
        ([("a", 1), ("b", 2), ("a", 3)], None, "a=1&b=2&a=3"),
        ({"a": [1, None, 2]}, None, "a=1&a=2"),
        ({"a": (1, 2)}, {"a": "multi", "b": "csv"}, "a=1&a=2"),
        ({"a": {1}, "b": frozenset({2})}, None, "a=1&b=2"),
        ({"a": []}, {"a": "csv"}, "a="),
        ({"a": ["x,y", "z"]}, {"a": "csv"}, "a=x%2Cy,z"),
        ({"a": [1, 2]}, {"a": "ssv"}, "a=1%202"),
        ({"a": [1, 2]}, {"a": "tsv"}, "a=1%092"),
        ({"a": [1, 2]}, {"a": "pipes"}, "a=1%7C2"),
        ({"a": "12"}, {"a": "csv"}, "a=12"),
        ({"a": {"b": 1}}, None, "a=%7B%22b%22%3A%201%7D"),
        ({"a": [1.5, True, Colour.RED, dt.date(2026, 12, 1), math.inf]}, None, "a=1.5&a=true&a=red&a=2026-12-01&a=inf"),
    ],
)
def test_queries(params: Any, formats: Any, query: str) -> None:
    """`None` is left out; a list repeats its name, or is joined as its format says; the comma of csv stays."""
    assert write_query(params, formats) == query


@pytest.mark.parametrize(
    ("params", "says"),
    [
        (7, "parameters must be a mapping or pairs, not int"),
        ("abc", "parameters must be a mapping or pairs, not str"),
        ([("a", 1, 2)], "parameters must be a mapping or pairs, not list"),
        ({1: "x"}, "a parameter name must be a str, not int"),
    ],
)
def test_what_are_no_parameters(params: Any, says: str) -> None:
    """They are refused by what came, and so is a collection format that does not exist."""
    with pytest.raises(ApiTypeError, match=f"^{says}$"):
        list_items(params)
    with pytest.raises(ApiValueError, match=r"^collection format of a must be multi, csv, ssv, tsv, pipes; not 'CSV'$"):
        write_query({"a": [1]}, {"a": "CSV"})


@pytest.mark.parametrize(
    ("template", "params", "formats", "path"),
    [
        ("/a", None, None, "/a"),
        ("/a", {"b": 1}, None, "/a"),
        ("/{a}{b}/{a}", {"a": 1, "b": True}, None, "/1true/1"),
        ("/{a}", [("a", "x/y?z#ä %")], None, "/x%2Fy%3Fz%23%C3%A4%20%25"),
        ("/{a}", {"a": "{b}", "b": 1}, None, "/%7Bb%7D"),
        ("/{a}", {"a": "..."}, None, "/..."),
        ("/{a-b.c}", {"a-b.c": "x"}, None, "/x"),
        ("/{a}", {"a": [1, 2]}, None, "/1%2C2"),
        ("/{a}", {"a": [1, 2]}, {"a": "multi"}, "/1%2C2"),
        ("/{a}", {"a": [1, 2]}, {"a": "pipes"}, "/1%7C2"),
    ],
)
def test_paths(template: str, params: Any, formats: Any, path: str) -> None:
    """Each placeholder is filled once, with everything encoded that could lead elsewhere."""
    assert write_path(template, params, formats) == path


@pytest.mark.parametrize(
    ("template", "kind", "says"),
    [
        (7, ApiTypeError, "resource_path must be a str, not int"),
        *((wrong, ApiValueError, "resource_path must start with a slash") for wrong in ("", "a", ".evil/{x}")),
        *((wrong, ApiValueError, "resource_path must be a path alone") for wrong in ("/a?b=1", "/a#b")),
        *((f"/{{{name}}}", ApiValueError, f"path parameter {name} must be given, and not be empty") for name in "vwyz"),
    ],
)
def test_templates_that_are_refused(template: Any, kind: type[Exception], says: str) -> None:
    """Behind the name of a host, anything but a path would lead elsewhere."""
    with pytest.raises(kind, match=f"^{says}"):
        write_path(template, {"x": 1, "w": "", "y": "..", "z": []})


def test_methods() -> None:
    """HTTP's methods are case-sensitive, callers are not; one word is allowed."""
    assert [check_method(given) for given in ("GET", "patch", "m-search")] == ["GET", "PATCH", "M-SEARCH"]
    for wrong in ("GET / x", "", "GÉT", "A\nB"):
        with pytest.raises(ApiValueError, match=r"^method must be a single word"):
            check_method(wrong)
    with pytest.raises(ApiTypeError, match=r"^method must be a str, not int$"):
        check_method(7)


@given(st.text(min_size=1).filter(lambda value: value not in (".", "..")))
def test_any_text_stays_one_segment(value: str) -> None:
    """Whatever a path parameter holds, it comes out at the other end, and adds no segment and no query."""
    parts = urlsplit(f"https://api.example.com{write_path('/a/{b}/c', {'b': value})}")
    assert (parts.query, parts.fragment) == ("", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", value, "c"]


@given(st.lists(st.tuples(st.text("abc&=?#ä ", min_size=1), st.text(st.characters(codec="utf-8")))))
def test_any_query_comes_out_as_it_went_in(params: list[tuple[str, str]]) -> None:
    """Names and values are encoded so that a server reads the same pairs."""
    assert parse_qsl(write_query(params), keep_blank_values=True) == params


@pytest.mark.parametrize(
    ("body", "form", "content_type", "written", "sent_as"),
    [
        ({"a": 1, "b": [None, True]}, None, None, b'{"a":1,"b":[null,true]}', JSON),
        *((body, None, None, json.dumps(body).encode(), JSON) for body in ([], 0, False, "", "text")),
        ("Größe", None, None, '"Größe"'.encode(), JSON),
        (CREDITS, None, None, json.dumps(WRITTEN, separators=(",", ":")).encode(), JSON),
        ([Job(name="x")], None, None, b'[{"jobName":"x"}]', JSON),
        *(
            ({"a": x}, None, None, b'{"a":%s}' % text, JSON)
            for x, text in ((math.nan, b"NaN"), (math.inf, b"Infinity"))
        ),
        ({"a": 1}, None, "application/merge-patch+json", b'{"a":1}', "application/merge-patch+json"),
        (b"\x00\xff", None, None, b"\x00\xff", BYTES),
        (b"a,b", None, "text/csv", b"a,b", "text/csv"),
        ("Größe", None, "text/plain", "Größe".encode(), "text/plain"),
        (None, {"a": "x y", "b": [1, 2], "c": None}, None, "a=x+y&b=1&b=2", FORM),
        (None, [("a", "ä"), ("a", True)], FORM, "a=%C3%A4&a=true", FORM),
    ],
)
def test_bodies(body: Any, form: Any, content_type: Any, written: Any, sent_as: str) -> None:
    """Anything that pydantic knows goes out as JSON, a form as a form, bytes and other texts as they are."""
    assert write_body(body, form, content_type) == (written, sent_as)


@pytest.mark.parametrize(
    ("body", "form", "content_type", "says"),
    [
        (1, {"a": 1}, None, "body and post_params exclude each other"),
        (None, {"a": 1}, "text/plain", f"a form is sent as {FORM} or multipart/form-data, not as text/plain"),
        ({"a": 1}, None, "text/plain", f"a dict is sent as {JSON}, not as text/plain"),
    ],
)
def test_bodies_that_contradict(body: Any, form: Any, content_type: Any, says: str) -> None:
    """A body and a form, or a content type that does not fit, are refused."""
    with pytest.raises(ApiValueError, match=f"^{says}"):
        write_body(body, form, content_type)


def test_files_of_a_form(tmp_path: Path) -> None:
    """A path, bytes, a pair of name and bytes, or a list of these; the name tells the media type."""
    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    files = {"f": str(path), "g": b"raw", "h": [("x.txt", b"text"), ("y", b"?")]}
    assert read_files(files) == [
        ("f", ("a.png", b"png", "image/png")),
        ("g", ("g", b"raw", BYTES)),
        ("h", ("x.txt", b"text", "text/plain")),
        ("h", ("y", b"?", BYTES)),
    ]


@pytest.mark.parametrize(
    ("json_is_it", "media"),
    [
        (True, [JSON, "Application/JSON ; charset=utf-8", "application/problem+json", "application/x+json;x=1"]),
        (False, ["text/json", "text/html", "application/jsonl", "image/x+json", "json", "", None]),
    ],
)
def test_what_is_json(json_is_it: bool, media: list[str | None]) -> None:
    """By name or by suffix, whatever its case and parameters."""
    assert {each: is_json(each) for each in media} == dict.fromkeys(media, json_is_it)


def test_the_three_steps_reach_any_operation(service: Service, make_client: Callable[..., ApiClient]) -> None:
    """`call_api(*param_serialize(...))` calls operations that the package knows nothing of, by any verb."""
    client = make_client(service.url)

    def call(method: str, path: str, **arguments: Any) -> Any:
        request = client.param_serialize(method, f"/api/v1/echo/{path}", auth_settings=OAUTH, **arguments)
        return client.response_deserialize(client.call_api(*request), {"2XX": dict[str, Any]}).data

    given = {"path_params": {"id": 7}, "query_params": {"tag": ["a b", "ä"]}, "header_params": {"X-Note": "hello"}}
    seen = {"item_id": 7, "tags": ["a b", "ä"], "note": "hello", "flavour": "oat"}
    assert call("GET", "items/{id}", **given, cookie_params={"flavour": "oat"}) == seen
    assert call("POST", "json", body={"name": "ä", "count": 2}) == {"name": "ä", "count": 2}
    form = {"name": "a&b", "colour": ["x", "y"]}
    assert call("POST", "form", post_params=form) == {"name": "a&b", "colours": ["x", "y"]}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        found = call(method, "x", body=b"raw")
        assert (found["method"], found["body"], found["headers"]["content-length"]) == (method, "raw", "3")
        assert found["headers"]["authorization"] == f"Bearer {TOKEN}"
