"""How parameters and bodies are written, by tables."""

import dataclasses
import datetime as dt
import enum
import math
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, Secret, SecretStr

from at_client import ApiClient
from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.serialization import (
    BYTES,
    FORM,
    JSON,
    Body,
    check_method,
    is_json,
    refuse_files,
    sanitize,
    write_body,
    write_path,
    write_query,
)
from support.facts import TOKEN

DAY = dt.date(2026, 12, 1)


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
    born: list[Hidden] = [Hidden(DAY)]


REDUCED = {
    "a duration": (dt.timedelta(hours=1), "PT1H"),
    "a dataclass": (Point(1, SecretStr("k")), {"x": 1, "key": "k"}),
    "a model with an alias": (Job(name="x"), {"jobName": "x"}),
    "a model with bytes": (Picture(), {"raw": "_w=="}),
    "a model with secrets": ([Login()], [{"born": ["2026-12-01"]}]),
    "a set": ({3}, [3]),
    "keys": ({Colour.RED: DAY}, {"red": "2026-12-01"}),
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
    "an object": {"a": object()},
    "too many digits": 10**5000,
    "half of a character": HALF,
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_value_that_no_text_can_carry_is_refused(value: object) -> None:
    """The error names parameter and type, and does not have the value."""
    says = f"x cannot be written as JSON: {type(value).__name__}"

    with pytest.raises(ApiTypeError, match=f"^{says}$"):
        write_query({"x": value})


BAD_BODIES = {
    "a list in itself": CIRCLE,
    "half of a character": HALF,
    "half of a character as a key": {HALF: 1},
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_json_is_refused(body: object) -> None:
    """The error names the type, and does not have the value."""
    says = f"body cannot be written as JSON: {type(body).__name__}"

    with pytest.raises(ApiTypeError, match=f"^{says}$"):
        write_body(body, None, None)


QUERIES = {
    "nothing": (None, ""),
    "no value": ({"a": None}, ""),
    "zero": ({"a": 0}, "a=0"),
    "bytes": ({"a": b"x"}, "a=x"),
    "a list": ({"a": [1, None, 2]}, "a=1&a=2"),
    "a bool": ({"a b": True}, "a%20b=true"),
    "a day": ({"a": DAY}, "a=2026-12-01"),
}


@pytest.mark.parametrize(("params", "query"), QUERIES.values(), ids=QUERIES)
def test_a_query_repeats_the_name_of_a_list(params: Any, query: str) -> None:
    """`None` is left out, and names and values are percent-encoded."""
    assert write_query(params) == query


NO_PARAMS = [
    ("path_params", 7),
    ("query_params", [("a", 1, 2)]),
    ("header_params", 7),
    ("cookie_params", 7),
    ("query_params", {1: "x"}),
    ("post_params", 7),
    ("collection_formats", {HALF: "multi"}),
]


@pytest.mark.parametrize(("field", "params"), NO_PARAMS, ids=ascii)
def test_what_is_no_mapping_and_no_pairs_is_refused(field: str, params: Any) -> None:
    """The error names the argument; so it does where a name is no text."""
    says = "must be a mapping or pairs, with names that are text"
    with pytest.raises(ApiTypeError, match=f"^{field} {says}$"):
        ApiClient().param_serialize(
            "POST", "/{x}", **{"path_params": {"x": 1}, field: params}
        )


def test_files_are_refused() -> None:
    """The error says what can be sent instead; generated code gives no files."""
    with pytest.raises(ApiValueError, match=r"^files must be empty: .* as body$"):
        refuse_files()


PATHS = {
    "a name with marks": ("/{a-b.c}", {"a-b.c": "x"}, "/x"),
    "one value twice": ("/{a}{b}/{a}", {"a": 1, "b": True}, "/1true/1"),
    "a placeholder in a value": ("/{a}", [("a", "{b}"), ("b", 1)], "/%7Bb%7D"),
    "a list": ("/{a}", {"a": [1, 2]}, "/1%2C2"),
}


@pytest.mark.parametrize(("template", "params", "path"), PATHS.values(), ids=PATHS)
def test_each_placeholder_is_filled_once(template: str, params: Any, path: str) -> None:
    """Everything is encoded that could lead elsewhere; a list is joined by commas."""
    assert write_path(template, params) == path


NO_PATHS = [
    7,
    "",
    ".evil/{x}",
    "/a?b=1",
    "/a#b",
]


@pytest.mark.parametrize("template", NO_PATHS)
def test_anything_but_a_path_is_refused(template: Any) -> None:
    """Behind the name of a host, it would lead elsewhere."""
    with pytest.raises(ApiValueError, match=r"^resource_path must be a str that"):
        write_path(template, {"x": 1})


LEADING_ELSEWHERE = {
    "no parameters": None,
    "null": {"x": None},
    "an empty text": {"x": ""},
    "a dot": {"x": "."},
    "two dots": {"x": ".."},
    "an empty list": {"x": []},
}


@pytest.mark.parametrize("params", LEADING_ELSEWHERE.values(), ids=LEADING_ELSEWHERE)
def test_a_placeholder_takes_no_value_that_leads_elsewhere(params: Any) -> None:
    """Nothing and dots are refused, and the error names the placeholder."""
    with pytest.raises(ApiValueError, match=r"^path parameter x must be given"):
        write_path("/{x}", params)


METHODS = {
    "GET": "GET",
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
    "method",
    [
        "GET / x",
        "GÉT",
        "GET\n",
        7,
    ],
    ids=ascii,
)
def test_what_is_no_method_is_refused(method: object) -> None:
    """Nothing that could begin another line of a request gets there."""
    with pytest.raises(ApiValueError, match=r"^method must be a single word, such as"):
        check_method(method)


SEGMENTS = st.text("/?#%.; a", min_size=1) | st.text(min_size=1)


@given(SEGMENTS.filter(lambda value: value not in (".", "..")))
def test_any_text_stays_one_segment(value: str) -> None:
    """A path parameter comes out as it went in, and adds no segment and no query."""
    path = write_path("/a/{b}/c", {"b": value})

    assert unquote(path) == f"/a/{value}/c"
    assert path.count("/") == 3
    assert urlsplit(path).path == path


TEXTS = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_any_query_comes_out_as_it_went_in(params: list[tuple[str, str]]) -> None:
    """A server reads the same names and values."""
    assert parse_qsl(write_query(params), keep_blank_values=True) == params


MERGE = "application/merge-patch+json"

BODIES = {
    "a dict": ({"a": [None, True]}, None, Body(b'{"a":[null,true]}', JSON)),
    "JSON of another name": ([], MERGE, Body(b"[]", MERGE)),
    "a text": ("ß", None, Body(b'"\xc3\x9f"', JSON)),
    "a text that is no JSON": ("ß", "text/plain", Body(b"\xc3\x9f", "text/plain")),
    "no numbers": ([math.nan], None, Body(b"[NaN]", JSON)),
    "bytes": (b"\xff", None, Body(b"\xff", BYTES)),
}


@pytest.mark.parametrize(("body", "kind", "sent"), BODIES.values(), ids=BODIES)
def test_a_body_is_json(body: Any, kind: str | None, sent: Body) -> None:
    """Bytes are sent as they are, a text of another type in UTF-8, the rest as JSON."""
    assert write_body(body, None, kind) == sent


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
    "text/json": False,
    "application/jsonl": False,
    "image/x+json": False,
    None: False,
}


@pytest.mark.parametrize("content_type", MEDIA_TYPES)
def test_json_is_known_by_name_or_suffix(content_type: str | None) -> None:
    """Case and parameters do not matter; what only looks like it is another type."""
    assert is_json(content_type) == MEDIA_TYPES[content_type]
