"""How parameters and bodies are written, by tables."""

import dataclasses
import datetime as dt
import decimal
import enum
import math
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, Secret, SecretStr

from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.models import CreditResponse
from at_client.serialization import (
    BYTES,
    FORM,
    JSON,
    Body,
    check_formats,
    check_method,
    is_json,
    refuse_files,
    sanitize,
    write_body,
    write_path,
    write_query,
)
from support.facts import TOKEN, secrets_in

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
DAY = dt.date(2026, 12, 1)
NOON = dt.datetime(2026, 12, 1, 12, tzinfo=dt.timezone.utc)


class Colour(enum.Enum):
    RED = "red"


class Method(str, enum.Enum):
    HEAD = "HEAD"


@dataclasses.dataclass
class Point:
    x: int
    key: SecretStr


class Job(BaseModel):
    name: str = Field(serialization_alias="jobName")


class Picture(BaseModel, ser_json_bytes="base64"):
    """A model whose JSON is not what its Python values would become by themselves."""

    raw: bytes = b"\xff"


class Hidden(Secret[dt.date]):
    """A secret that is shown in another way than by asterisks."""

    def _display(self) -> str:
        return "----"


class Login(BaseModel):
    """A model with secrets in several places."""

    codes: list[SecretStr] = [SecretStr("one")]
    password: SecretStr = SecretStr("pass")
    by_number: dict[int, SecretStr] = {7: SecretStr("b")}
    born: Hidden = Hidden(DAY)


LOGIN = {
    "codes": ["one"],
    "password": "pass",
    "by_number": {7: "b"},
    "born": "2026-12-01",
}


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

REDUCED = {
    "null": (None, None),
    "a text": ("x", "x"),
    "a number": (1.5, 1.5),
    "a bool": (True, True),
    "an enumeration": (Colour.RED, "red"),
    "a UUID": (ID, str(ID)),
    "a decimal": (decimal.Decimal("1.50"), "1.50"),
    "a day": (DAY, "2026-12-01"),
    "a moment": (NOON, "2026-12-01T12:00:00+00:00"),
    "a duration": (dt.timedelta(hours=1), "PT1H"),
    "a secret": (SecretStr("open"), "open"),
    "a dataclass": (Point(1, SecretStr("k")), {"x": 1, "key": "k"}),
    "a model with an alias": (Job(name="x"), {"jobName": "x"}),
    "a model with bytes": (Picture(), {"raw": "_w=="}),
    "a model with secrets": ([Login()], [LOGIN]),
    "a model of ours": ({"a": CREDITS}, {"a": WRITTEN}),
    "to_dict": ([Speaking()], [{"spoken": "red"}]),
    "a tuple": ((1, Colour.RED), (1, "red")),
    "a set": ({3}, [3]),
    "a frozen set": (frozenset({4}), [4]),
    "keys": ({Colour.RED: Colour.RED}, {"red": "red"}),
}


@pytest.mark.parametrize(("value", "reduced"), REDUCED.values(), ids=REDUCED)
def test_a_value_is_reduced_to_json(value: object, reduced: object) -> None:
    """Each becomes what JSON knows, at any depth, as pydantic would write it."""
    assert sanitize("x", value) == reduced


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)
HALF = f"{TOKEN}\ud800"
"""A text that ends in half of a surrogate pair, which no encoding can write."""

UNWRITABLE = {
    "an object": object(),
    "a function": open,
    "an object in a dict": {"a": object()},
    "bytes that are no text": {"a": b"\xff"},
    "too many digits": 10**5000,
    "half of a character": HALF,
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_value_that_no_text_can_carry_is_refused(value: object) -> None:
    """The error names parameter and type, and nothing in it has the value."""
    with pytest.raises(ApiTypeError) as caught:
        write_query({"x": value})

    error = caught.value
    assert str(error) == f"x cannot be written as JSON: {type(value).__name__}"
    assert error.__context__ is None


BAD_BODIES = {
    "an object": object(),
    "a list in itself": CIRCLE,
    "half of a character": HALF,
    "half of a character in a list": [HALF],
    "half of a character as a key": {HALF: 1},
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_json_is_refused(body: object) -> None:
    """The error names the type, and nothing in it has the value."""
    with pytest.raises(
        ApiTypeError, match=r"^body cannot be written as JSON:"
    ) as caught:
        write_body(body, None, None)

    assert not secrets_in(str(caught.value))
    assert caught.value.__context__ is None


QUERIES = {
    "nothing": (None, ""),
    "no value": ({"a": None}, ""),
    "an empty value": ({"a": ""}, "a="),
    "zero": ({"a": 0}, "a=0"),
    "bytes": ({"a": b"x"}, "a=x"),
    "an empty list": ({"a": []}, ""),
    "what must be encoded": ({"a": "x y&z=/ä"}, "a=x%20y%26z%3D%2F%C3%A4"),
    "a name that must be encoded": ({"ä&": 1}, "%C3%A4%26=1"),
    "pairs": ([("a", 1), ("b", 2), ("a", 3)], "a=1&b=2&a=3"),
    "a list": ({"a": [1, None, 2]}, "a=1&a=2"),
    "an object": ({"a": {"b": 1}}, "a=%7B%22b%22%3A%201%7D"),
    "bool, enumeration, day": (
        {"a": [True, Colour.RED, DAY]},
        "a=true&a=red&a=2026-12-01",
    ),
}


@pytest.mark.parametrize(("params", "query"), QUERIES.values(), ids=QUERIES)
def test_a_query_repeats_the_name_of_a_list(params: Any, query: str) -> None:
    """`None` is left out, and names and values are percent-encoded."""
    assert write_query(params) == query


NO_PARAMS = {
    "a number": 7,
    "a text": "abc",
    "triples": [("a", 1, 2)],
    "a number as a name": {1: "x"},
    "half of a character as a name": {HALF: "x"},
}


TAKERS = {
    "path_params": lambda params: write_path("/{x}", params),
    "query_params": write_query,
    "post_params": lambda params: write_body(None, params, None),
    "collection_formats": check_formats,
}


@pytest.mark.parametrize("params", NO_PARAMS.values(), ids=NO_PARAMS)
@pytest.mark.parametrize("field", TAKERS)
def test_what_is_no_mapping_and_no_pairs_is_refused(field: str, params: Any) -> None:
    """The error names the argument."""
    says = "must be a mapping or pairs, with names that are text"
    with pytest.raises(ApiTypeError, match=f"^{field} {says}$"):
        TAKERS[field](params)


@pytest.mark.parametrize("style", ["csv", "ssv", "tsv", "pipes", "MULTI", "", None])
def test_a_list_is_written_in_one_way_only(style: object) -> None:
    """Another collection format than `multi` is refused, by the parameter's name."""
    with pytest.raises(ApiValueError, match=r"^collection_formats .* 'multi' for tag"):
        check_formats({"id": "multi", "tag": style})


@pytest.mark.parametrize("formats", [None, {}, {"tag": "multi"}], ids=repr)
def test_the_one_collection_format_is_allowed(formats: Any) -> None:
    """Generated code gives it, or an empty dict."""
    assert check_formats(formats) is None


def test_files_are_refused() -> None:
    """The error says what can be sent instead; generated code gives no files."""
    with pytest.raises(ApiValueError, match=r"^files must be empty: .* as body$"):
        refuse_files({"f": "a.png"})

    assert refuse_files(None) is None
    assert refuse_files({}) is None


PATHS = {
    "no placeholder": ("/a", {"b": 1}, "/a"),
    "a name with marks": ("/{a-b.c}", {"a-b.c": "x"}, "/x"),
    "one value twice": ("/{a}{b}/{a}", {"a": 1, "b": True}, "/1true/1"),
    "what must be encoded": ("/{a}", [("a", "x/y?z#ä %")], "/x%2Fy%3Fz%23%C3%A4%20%25"),
    "a placeholder in a value": ("/{a}", {"a": "{b}", "b": 1}, "/%7Bb%7D"),
    "a list": ("/{a}", {"a": [1, 2]}, "/1%2C2"),
}


@pytest.mark.parametrize(("template", "params", "path"), PATHS.values(), ids=PATHS)
def test_each_placeholder_is_filled_once(template: str, params: Any, path: str) -> None:
    """Everything is encoded that could lead elsewhere; a list is joined by commas."""
    assert write_path(template, params) == path


NO_PATHS = [
    7,
    None,
    "",
    "a",
    ".evil/{x}",
    "/a?b=1",
    "/a#b",
]


@pytest.mark.parametrize("template", NO_PATHS, ids=repr)
def test_anything_but_a_path_is_refused(template: Any) -> None:
    """Behind the name of a host, it would lead elsewhere."""
    with pytest.raises(
        ApiValueError, match=r"^resource_path must be a str that starts"
    ):
        write_path(template, {"x": 1})


LEADING_ELSEWHERE = [
    None,
    "",
    ".",
    "..",
    [],
]


@pytest.mark.parametrize("value", LEADING_ELSEWHERE, ids=repr)
def test_a_placeholder_takes_no_value_that_leads_elsewhere(value: object) -> None:
    """Nothing and dots are refused, and the error names the placeholder."""
    for params in ({"x": value}, {"y": 1}):
        with pytest.raises(ApiValueError, match=r"^path parameter x must be given"):
            write_path("/{x}", params)


METHODS = {
    "GET": "GET",
    "patch": "PATCH",
    "m-search": "M-SEARCH",
    Method.HEAD: "HEAD",
}


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_method_is_a_word_in_capitals(method: str) -> None:
    """HTTP's methods are case-sensitive, callers are not; the result is a plain str."""
    checked = check_method(method)

    assert checked == METHODS[method]
    assert type(checked) is str


@pytest.mark.parametrize(
    "method", ["GET / x", "", "GÉT", "A\nB", "GET\n", 7, []], ids=repr
)
def test_what_is_no_method_is_refused(method: object) -> None:
    """Nothing that could begin another line of a request gets there."""
    with pytest.raises(ApiValueError, match=r"^method must be a single word, such as"):
        check_method(method)


@given(st.text(min_size=1).filter(lambda value: value not in (".", "..")))
def test_any_text_stays_one_segment(value: str) -> None:
    """A path parameter comes out as it went in, and adds no segment and no query."""
    path = write_path("/a/{b}/c", {"b": value})
    parts = urlsplit(f"https://api.example.com{path}")

    assert parts.query == parts.fragment == ""
    segments = parts.path.split("/")
    assert segments[:2] == ["", "a"]
    assert segments[3:] == ["c"]
    assert unquote(segments[2]) == value


NAMES = st.text("abc&=?#ä ", min_size=1)
VALUES = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_any_query_comes_out_as_it_went_in(params: list[tuple[str, str]]) -> None:
    """A server reads the same names and values."""
    assert parse_qsl(write_query(params), keep_blank_values=True) == params


JSON_BODIES = {
    "a dict": ({"a": [None, True]}, b'{"a":[null,true]}'),
    "an empty list": ([], b"[]"),
    "an empty text": ("", b'""'),
    "a text": ("Größe", b'"Gr\xc3\xb6\xc3\x9fe"'),
    "models": ([Job(name="x")], b'[{"jobName":"x"}]'),
    "no numbers": ([math.nan, math.inf], b"[NaN,Infinity]"),
}


@pytest.mark.parametrize(("body", "data"), JSON_BODIES.values(), ids=JSON_BODIES)
def test_a_body_is_json(body: Any, data: bytes) -> None:
    """Whatever is no bytes is written as JSON, under any name of it."""
    merge = "application/merge-patch+json"

    assert write_body(body, None, None) == Body(data, JSON)
    assert write_body(body, None, merge) == Body(data, merge)


def test_bytes_are_a_body_as_they_are() -> None:
    """They are a stream of bytes unless their content type is given."""
    assert write_body(b"\xff", None, None) == Body(b"\xff", BYTES)
    assert write_body(b"\xff", None, JSON) == Body(b"\xff", JSON)


def test_a_text_of_another_type_is_a_body_as_it_is() -> None:
    """It goes out in UTF-8."""
    sent = write_body("Größe", None, "text/plain")

    assert sent == Body("Größe".encode(), "text/plain")


def test_a_secret_in_a_body_is_sent() -> None:
    """Where pydantic writes asterisks for logs, the service gets the value."""
    sent = write_body(Login(), None, None)

    assert b'"password":"pass"' in sent.data
    assert b"--" not in sent.data
    assert b"**" not in sent.data


FORMS = {
    "a dict": ({"a": "x y", "b": [1, 2], "c": None}, b"a=x+y&b=1&b=2"),
    "pairs": ([("a", "ä"), ("a", True)], b"a=%C3%A4&a=true"),
}


@pytest.mark.parametrize("content_type", [None, FORM])
@pytest.mark.parametrize(("fields", "data"), FORMS.values(), ids=FORMS)
def test_a_form_repeats_the_name_of_a_list(
    fields: Any, data: bytes, content_type: str | None
) -> None:
    """Fields go out as `application/x-www-form-urlencoded`."""
    assert write_body(None, fields, content_type) == Body(data, FORM)


CONTRADICTIONS = {
    "body and post_params exclude each other": (1, {"a": 1}, None),
    f"a form is sent as {FORM}, not as text/plain": (None, {"a": 1}, "text/plain"),
    f"a dict is sent as {JSON}, not as text/plain": ({"a": 1}, None, "text/plain"),
}


@pytest.mark.parametrize("says", CONTRADICTIONS)
def test_a_body_that_contradicts_is_refused(says: str) -> None:
    """A body and a form, or a content type that does not fit, are not sent."""
    with pytest.raises(ApiValueError, match=f"^{says}"):
        write_body(*CONTRADICTIONS[says])


MEDIA_TYPES = {
    "application/json": True,
    "Application/JSON ; charset=utf-8": True,
    "application/problem+json": True,
    "application/x+json;x=1": True,
    "text/json": False,
    "application/jsonl": False,
    "image/x+json": False,
    "json": False,
    "": False,
    None: False,
}


@pytest.mark.parametrize("content_type", MEDIA_TYPES)
def test_json_is_known_by_name_or_suffix(content_type: str | None) -> None:
    """Case and parameters do not matter; what only looks like it is another type."""
    assert is_json(content_type) == MEDIA_TYPES[content_type]
