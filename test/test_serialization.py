"""How parameters and bodies are written, by tables; and read again by a real service."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from at_client import (
    ApiClient,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditResponse,
    serialization,
)
from at_client.serialization import (
    read_files,
    sanitize,
    write_body,
    write_path,
    write_query,
    write_text,
)
from support.facts import TOKEN
from support.makers import MakeClient
from support.service import Service

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
JSON, FORM, BYTES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
)


Colour = enum.Enum("Colour", {"RED": "red"})
Point = dataclasses.make_dataclass("Point", ["x"])


class Job(BaseModel):
    name: str = Field(serialization_alias="jobName")


class Speaking:
    """Knows by itself how to be written."""

    def to_dict(self) -> dict[str, Any]:
        return {"spoken": Colour.RED}


CREDITS = CreditResponse(total=2, used=1, remaining=1)
WRITTEN = {
    "total_credits": 2,
    "used_credits": 1,
    "remaining_credits": 1,
    "purchased_credits": 0,
}


@pytest.mark.parametrize(
    ("value", "reduced"),
    [
        *((value, value) for value in (None, "x", 1, 1.5, True)),
        *(
            (Colour.RED, "red"),
            (ID, str(ID)),
            (decimal.Decimal("1.50"), "1.50"),
            (SecretStr("open"), "open"),
        ),
        *((dt.date(2026, 12, 1), "2026-12-01"), (dt.timedelta(hours=1), "PT1H")),
        (
            dt.datetime(2026, 12, 1, 10, tzinfo=dt.timezone.utc),
            "2026-12-01T10:00:00+00:00",
        ),
        *(
            (Job(name="x"), {"jobName": "x"}),
            (Point(1), {"x": 1}),
            ([Speaking()], [{"spoken": "red"}]),
        ),
        *(({"a": CREDITS}, {"a": WRITTEN}), ({"a": [Colour.RED]}, {"a": ["red"]})),
        ([1, [2, {3}], frozenset({4})], [1, [2, [3]], [4]]),
    ],
)
def test_a_value_is_reduced_to_json(value: object, reduced: object) -> None:
    """Models, dates, UUIDs, enumerations, decimals and secrets become what JSON knows, at any depth."""
    assert sanitize("x", value) == reduced


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)
HALF = "\ud800"


@pytest.mark.parametrize(
    "value",
    [object(), open, CIRCLE, {"a": object()}, {"a": b"\xff"}, 10**5000, HALF],
    ids=lambda v: type(v).__name__,
)
def test_what_no_text_can_carry(value: object) -> None:
    """The error is ours, and names the parameter and the type."""
    says = rf"^x cannot be written as JSON: {type(value).__name__}$"
    for write in (
        lambda: write_text("x", value),
        lambda: write_query(
            [("x", value)] if isinstance(value, list) else {"x": value}
        ),
        lambda: write_path("/{x}", {"x": [value]}),
        lambda: write_body(None, {"x": [value]}, None),
    ):
        with pytest.raises(ApiTypeError, match=says.replace("list", ".*")):
            write()


@pytest.mark.parametrize(
    "body", [object(), CIRCLE, HALF, [HALF], {HALF: 1}], ids=lambda v: type(v).__name__
)
def test_a_body_that_is_no_json(body: object) -> None:
    """The error is ours, whatever is wrong with it."""
    with pytest.raises(ApiTypeError, match=r"^body cannot be written as JSON: "):
        write_body(body, None, None)
    if body == HALF:
        with pytest.raises(
            ApiTypeError, match=r"^body cannot be written as JSON: str$"
        ):
            write_body(body, None, "text/plain")


@pytest.mark.parametrize(
    ("params", "formats", "query"),
    [
        *((None, None, ""), ({}, None, ""), ([], None, ""), ({"a": None}, None, "")),
        *(({"a": ""}, None, "a="), ({"a": 0}, None, "a=0"), ({"a": []}, None, "")),
        *(
            ({"a": "x y&z=/ä"}, None, "a=x%20y%26z%3D%2F%C3%A4"),
            ({"ä&": 1}, None, "%C3%A4%26=1"),
        ),
        *(
            ([("a", 1), ("b", 2), ("a", 3)], None, "a=1&b=2&a=3"),
            ({"a": [1, None, 2]}, None, "a=1&a=2"),
        ),
        *(
            ({"a": (1, 2)}, {"a": "multi", "b": "csv"}, "a=1&a=2"),
            ({"a": {1}, "b": frozenset({2})}, None, "a=1&b=2"),
        ),
        *(
            ({"a": x}, {"a": "csv"}, f"a={text}")
            for x, text in (([], ""), (["x,y", "z"], "x%2Cy,z"), ("12", "12"))
        ),
        *(
            ({"a": [1, 2]}, {"a": x}, f"a=1{joint}2")
            for x, joint in (("ssv", "%20"), ("tsv", "%09"), ("pipes", "%7C"))
        ),
        ({"a": {"b": 1}}, None, "a=%7B%22b%22%3A%201%7D"),
        (
            {"a": [1.5, True, Colour.RED, dt.date(2026, 12, 1), math.inf]},
            None,
            "a=1.5&a=true&a=red&a=2026-12-01&a=inf",
        ),
    ],
)
def test_queries(params: Any, formats: Any, query: str) -> None:
    """`None` is left out; a list repeats its name, or is joined as its format says; the comma of csv stays."""
    assert write_query(params, formats) == query


ARGUMENTS = (
    "query_params",
    "header_params",
    "post_params",
    "cookie_params",
    "files",
    "collection_formats",
)


@pytest.mark.parametrize(
    ("argument", "field"),
    [("path_params", "parameters"), *((name, name) for name in ARGUMENTS)],
)
@pytest.mark.parametrize(
    "params", [7, "abc", [("a", 1, 2)], {1: "x"}, {HALF: "x"}], ids=ascii
)
def test_what_are_no_parameters(argument: str, field: str, params: Any) -> None:
    """They are refused, and the error names the argument."""
    with pytest.raises(
        ApiTypeError,
        match=rf"^{field} must be a mapping or pairs, with names that are text$",
    ):
        ApiClient(Configuration()).param_serialize(
            "GET", "/{x}", **{"path_params": {"x": 1}, argument: params}
        )


def test_a_collection_format_that_does_not_exist() -> None:
    """It is refused, and the error names the parameter."""
    with pytest.raises(
        ApiValueError,
        match=r"^collection format of a must be multi, csv, ssv, tsv, pipes; not 'CSV'$",
    ):
        write_query({"a": [1]}, {"a": "CSV"})


@pytest.mark.parametrize(
    ("template", "params", "formats", "path"),
    [
        *(
            ("/a", None, None, "/a"),
            ("/a", {"b": 1}, None, "/a"),
            ("/{a-b.c}", {"a-b.c": "x"}, None, "/x"),
        ),
        ("/{a}{b}/{a}", {"a": 1, "b": True}, None, "/1true/1"),
        ("/{a}", [("a", "x/y?z#ä %")], None, "/x%2Fy%3Fz%23%C3%A4%20%25"),
        *(
            ("/{a}", {"a": "{b}", "b": 1}, None, "/%7Bb%7D"),
            ("/{a}", {"a": "..."}, None, "/..."),
        ),
        *(
            ("/{a}", {"a": [1, 2]}, formats, "/1%2C2")
            for formats in (None, {"a": "multi"})
        ),
        ("/{a}", {"a": [1, 2]}, {"a": "pipes"}, "/1%7C2"),
    ],
)
def test_paths(template: str, params: Any, formats: Any, path: str) -> None:
    """Each placeholder is filled once, with everything encoded that could lead elsewhere."""
    assert write_path(template, params, formats) == path


@pytest.mark.parametrize("template", [7, None, "", "a", ".evil/{x}", "/a?b=1", "/a#b"])
def test_what_is_no_path(template: Any) -> None:
    """Behind the name of a host, anything but a path would lead elsewhere."""
    says = "^resource_path must be a str that starts with a slash, without a query or a fragment$"
    with pytest.raises(ApiValueError, match=says):
        write_path(template, {"x": 1})


@pytest.mark.parametrize(
    "params", [None, {}, *({"x": value} for value in (None, "", ".", "..", []))]
)
def test_what_no_placeholder_takes(params: Any) -> None:
    """Nothing, and what would lead elsewhere."""
    with pytest.raises(
        ApiValueError,
        match=r"^path parameter x must be given, and not be empty, '\.' or '\.\.'$",
    ):
        write_path("/{x}", params)


def test_methods() -> None:
    """HTTP's methods are case-sensitive, callers are not; one word is allowed."""
    assert [
        serialization.check_method(given) for given in ("GET", "patch", "m-search")
    ] == ["GET", "PATCH", "M-SEARCH"]
    for wrong in ("GET / x", "", "GÉT", "A\nB", 7):
        with pytest.raises(
            ApiValueError, match=r"^method must be a single word, such as GET$"
        ):
            serialization.check_method(wrong)


@given(st.text(min_size=1).filter(lambda value: value not in (".", "..")))
def test_any_text_stays_one_segment(value: str) -> None:
    """Whatever a path parameter holds, it comes out at the other end, and adds no segment and no query."""
    parts = urlsplit(f"https://api.example.com{write_path('/a/{b}/c', {'b': value})}")
    assert (parts.query, parts.fragment) == ("", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", value, "c"]


@given(
    st.lists(
        st.tuples(
            st.text("abc&=?#ä ", min_size=1), st.text(st.characters(codec="utf-8"))
        )
    )
)
def test_any_query_comes_out_as_it_went_in(params: list[tuple[str, str]]) -> None:
    """Names and values are encoded so that a server reads the same pairs."""
    assert parse_qsl(write_query(params), keep_blank_values=True) == params


@pytest.mark.parametrize(
    ("body", "form", "content_type", "written", "sent_as"),
    [
        ({"a": 1, "b": [None, True]}, None, None, b'{"a":1,"b":[null,true]}', JSON),
        *(
            (body, None, None, json.dumps(body).encode(), JSON)
            for body in ([], 0, False, "", "text")
        ),
        ("Größe", None, None, '"Größe"'.encode(), JSON),
        (
            CREDITS,
            None,
            None,
            json.dumps(WRITTEN, separators=(",", ":")).encode(),
            JSON,
        ),
        ([Job(name="x")], None, None, b'[{"jobName":"x"}]', JSON),
        ([math.nan, math.inf], None, None, b"[NaN,Infinity]", JSON),
        (
            {"a": 1},
            None,
            "application/merge-patch+json",
            b'{"a":1}',
            "application/merge-patch+json",
        ),
        *(
            (b"\x00\xff", None, kind, b"\x00\xff", kind or BYTES)
            for kind in (None, "text/csv")
        ),
        ("Größe", None, "text/plain", "Größe".encode(), "text/plain"),
        (None, {"a": "x y", "b": [1, 2], "c": None}, None, "a=x+y&b=1&b=2", FORM),
        (None, [("a", "ä"), ("a", True)], FORM, "a=%C3%A4&a=true", FORM),
    ],
)
def test_bodies(
    body: Any, form: Any, content_type: Any, written: Any, sent_as: str
) -> None:
    """Anything that pydantic knows goes out as JSON, a form as a form, bytes and other texts as they are."""
    assert write_body(body, form, content_type) == (written, sent_as)


@pytest.mark.parametrize(
    ("body", "form", "says"),
    [
        (1, {"a": 1}, "body and post_params exclude each other"),
        (
            None,
            {"a": 1},
            f"a form is sent as {FORM} or multipart/form-data, not as text/plain",
        ),
        ({"a": 1}, None, f"a dict is sent as {JSON}, not as text/plain"),
    ],
)
def test_bodies_that_contradict(body: Any, form: Any, says: str) -> None:
    """A body and a form, or a content type that does not fit, are refused."""
    with pytest.raises(ApiValueError, match=f"^{says}"):
        write_body(body, form, "text/plain")


def test_files_of_a_form(tmp_path: Path) -> None:
    """A path, bytes, a pair of name and bytes, or a list of these; the name tells the media type."""
    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    files = {"f": str(path), "g": b"raw", "h": [("x.txt", b"text"), ("y", b"?")]}
    single = [("f", ("a.png", b"png", "image/png")), ("g", ("g", b"raw", BYTES))]
    assert read_files(files) == [
        *single,
        ("h", ("x.txt", b"text", "text/plain")),
        ("h", ("y", b"?", BYTES)),
    ]
    for wrong in (7, (1, b"x"), ("x", 7), ("x", b"x", "text/plain")):
        with pytest.raises(
            ApiTypeError,
            match=r"^f must be a path, bytes, \(file name, bytes\), or a list of these$",
        ):
            read_files({"f": wrong})


def test_lists_in_headers() -> None:
    """They are joined as their format says; `multi` is `csv`, as there is no name to repeat."""
    given = {"X-A": [1, 2], "X-B": [1, 2], "X-C": "12"}
    formats = {"X-A": "multi", "X-B": "pipes", "X-C": "csv"}
    headers = ApiClient(Configuration()).param_serialize(
        "GET", "/", None, None, given, collection_formats=formats
    )[2]
    assert headers == {
        "User-Agent": headers["User-Agent"],
        "X-A": "1,2",
        "X-B": "1|2",
        "X-C": "12",
    }


def test_what_is_json() -> None:
    """By name or by suffix, whatever its case and parameters."""
    others = [
        "text/json",
        "text/html",
        "application/jsonl",
        "image/x+json",
        "json",
        "",
        None,
    ]
    json_kinds = [
        JSON,
        "Application/JSON ; charset=utf-8",
        "application/problem+json",
        "application/x+json;x=1",
    ]
    assert [
        kind for kind in (*others, *json_kinds) if serialization.is_json(kind)
    ] == json_kinds


def test_the_three_steps_reach_any_operation(
    service: Service, make_client: MakeClient
) -> None:
    """`call_api(*param_serialize(...))` calls operations that the package knows nothing of, by any verb."""
    client = make_client(service.url)

    def call(method: str, path: str, **arguments: Any) -> Any:
        arguments["auth_settings"] = ["OAuth2PasswordBearer"]
        request = client.param_serialize(method, f"/api/v1/echo/{path}", **arguments)
        return client.response_deserialize(
            client.call_api(*request), {"2XX": dict[str, Any]}
        ).data

    given = {
        "path_params": {"id": 7},
        "query_params": {"tag": ["a b", "ä"]},
        "header_params": {"X-Note": "hello"},
    }
    seen = {"item_id": 7, "tags": ["a b", "ä"], "note": "hello", "flavour": "oat"}
    assert call("GET", "items/{id}", **given, cookie_params={"flavour": "oat"}) == seen
    assert call("POST", "json", body={"name": "ä", "count": 2}) == {
        "name": "ä",
        "count": 2,
    }
    form = {"name": "a&b", "colour": ["x", "y"]}
    assert call("POST", "form", post_params=form) == {
        "name": "a&b",
        "colours": ["x", "y"],
    }
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        found = call(method, "x", body=b"raw")
        assert (found["method"], found["body"], found["headers"]["content-length"]) == (
            method,
            "raw",
            "3",
        )
        assert found["headers"]["authorization"] == f"Bearer {TOKEN}"
