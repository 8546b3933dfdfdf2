"""The models by tables, and by whatever openapi.json allows: what they take, refuse, keep and write."""

import copy
import datetime as dt
import json
import pickle
import pprint
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client import (
    ApiValueError,
    CreditResponse,
    ErrorResponse,
    HTTPValidationError,
    ValidationError,
)
from at_client.models.base import ApiModel
from support.facts import CREDITS, TOKEN

LEAST = {"total_credits": 1000, "used_credits": 250, "remaining_credits": 750}
MODELS = [CreditResponse, ErrorResponse, HTTPValidationError, ValidationError]

NUMBERS = [name for name, value in CREDITS.items() if isinstance(value, int)]
TEXTS = [name for name, value in CREDITS.items() if isinstance(value, str)]


read = CreditResponse.from_dict


def credit_response(**fields: Any) -> CreditResponse:
    """Read a body that has the least there is, and these fields."""
    return CreditResponse.model_validate({**LEAST, **fields})


def faults(caught: pytest.ExceptionInfo[pydantic.ValidationError]) -> set[str]:
    return {str(error["loc"][0]) for error in caught.value.errors()}


@pytest.mark.parametrize("wire", CREDITS)
def test_a_field_is_read_and_written_by_its_wire_name(wire: str) -> None:
    """The attribute has the value, also if it came by the attribute's name; writing speaks the wire name only."""
    attribute = wire.removesuffix("_credits") if wire in LEAST else wire
    value: Any = 7 if wire in NUMBERS else "text"
    rest = {key: n for key, n in CREDITS.items() if key != wire}
    for name in (wire, attribute):
        model = read({**rest, name: value})
        assert getattr(model, attribute) == getattr(model, wire) == value
        for written in (
            model.to_dict(),
            model.model_dump(),
            json.loads(model.model_dump_json()),
        ):
            assert written == {**CREDITS, wire: value}


@pytest.mark.parametrize("wire", [name for name in CREDITS if name not in LEAST])
def test_an_optional_field_may_be_absent_or_null(wire: str) -> None:
    """It is then `None`, or 0 for purchased credits; a `None` is written only where null was given."""
    rest = {key: n for key, n in CREDITS.items() if key != wire}
    null, absent = {**rest, wire: None}, 0 if wire == "purchased_credits" else None
    assert getattr(read(rest), wire) == getattr(read(null), wire) == absent
    assert read(rest).to_dict() == (rest if absent is None else {**rest, wire: 0})
    assert read(null).to_dict() == {**rest, wire: absent}


@pytest.mark.parametrize("wire", NUMBERS)
def test_whole_numbers(wire: str) -> None:
    """A number without a fraction is whole, however it is written; anything else is refused by name."""
    for value in (0, 1000, -5, 1000.0, -0.0, 2**53, 10**30):
        for model in (
            credit_response(**{wire: value}),
            CreditResponse.from_json(json.dumps({**LEAST, wire: value})),
        ):
            assert getattr(model, wire) == value
            assert type(getattr(model, wire)) is int
    for wrong in (
        12.5,
        -0.1,
        "1000",
        "",
        True,
        [],
        [1],
        {},
        float("nan"),
        float("inf"),
        b"1",
    ):
        with pytest.raises(
            pydantic.ValidationError, match="should be a whole number"
        ) as caught:
            credit_response(**{wire: wrong})
        assert faults(caught) == {wire}


@pytest.mark.parametrize("wire", TEXTS)
def test_what_is_no_text(wire: str) -> None:
    """Nothing is turned into text; the field is named, and its value, which may be a secret, is not shown."""
    for value in (0, 1.5, True, [TOKEN], {}, b"x"):
        with pytest.raises(pydantic.ValidationError) as caught:
            credit_response(**{wire: value}, total_credits=TOKEN)
        assert faults(caught) == {wire, "total_credits"}
        assert TOKEN not in str(caught.value)


def test_the_wire_names_can_be_read_and_assigned() -> None:
    """`total_credits` and the like are the same as the short names, both ways, and assignments are checked."""
    model = credit_response()
    model.total_credits, model.used_credits, model.remaining_credits = 10, 4, 6
    assert (model.total, model.used, model.remaining) == (10, 4, 6)
    for name in ("total", "total_credits", "used_credits", "remaining_credits"):
        with pytest.raises(pydantic.ValidationError, match="whole number"):
            setattr(model, name, "many")
    assert model == CreditResponse(total=10, used=4, remaining=6)


def test_a_copy_can_change_fields_by_either_name() -> None:
    """`model_copy(update=...)` knows the wire names, which take precedence where both come, and the attributes."""
    model = credit_response(total=5).model_copy(
        update={"used_credits": 5, "remaining": 1}, deep=True
    )
    assert (model.total, model.used, model.remaining) == (1000, 5, 1)
    assert model.model_copy() == model


def test_what_is_written_belongs_to_the_caller() -> None:
    """A change to the dictionary does not reach the model."""
    model = ErrorResponse(detail="x", errors={"a": ["b"]}, later={"c": ["d"]})
    written = model.to_dict()
    written["errors"]["a"].append("more")
    written["later"]["c"].append("more")
    assert model.to_dict() == {
        "detail": "x",
        "errors": {"a": ["b"]},
        "later": {"c": ["d"]},
    }


def test_json_has_no_nan() -> None:
    """A number that JSON does not have is written as null."""
    text = credit_response(odd=float("nan")).to_json()
    assert json.loads(text, parse_constant=pytest.fail)["odd"] is None


LATER = {
    "overdraft": 5,
    "team": {"name": "ä", "ids": [1, None]},
    "to_dict": 1,
    "": None,
}
"""Fields that the service might add; none takes a method's place."""


@pytest.mark.parametrize(
    "model",
    [
        *(
            credit_response(**fields)
            for fields in ({}, CREDITS, LATER, {"period": None})
        ),
        *(
            ErrorResponse(detail="x"),
            ErrorResponse(detail="x", code=None, errors={"a": ["b", "c"]}),
        ),
        *(HTTPValidationError(), HTTPValidationError(detail="One sentence")),
        HTTPValidationError(
            detail=[ValidationError(loc=["query", 0], msg="m", type="t")]
        ),
        ValidationError(loc=[], msg="m", type="t", input={"a": 1}, ctx={"limit": 3}),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_form_is_the_same_model(model: ApiModel) -> None:
    """Dictionary, JSON, pickle and copy give the model again, nested ones too; the text is the dictionary, laid out."""
    kind, written, text = type(model), model.to_dict(), model.to_json()
    assert json.loads(text) == written
    assert model.to_str() == pprint.pformat(written)
    read = kind.from_dict(written), kind.from_json(text), kind.from_json(text.encode())
    for twin in (*read, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  # our own bytes
        assert twin == model
        assert twin.to_dict() == written  # type: ignore[union-attr]  # not None


def test_a_way_to_a_parameter_is_read_as_in_generated_clients() -> None:
    """They wrap each step; here it is a `str` or an `int` that has the wrapper's `actual_instance` as well."""
    steps = ValidationError(loc=["query", 0], msg="m", type="t").loc
    assert steps == ["query", 0] == [step.actual_instance for step in steps]


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_makes_no_model(kind: type[ApiModel]) -> None:
    """Null is `None`, as in generated clients; anything else but an object is an error of pydantic's."""
    assert [
        kind.from_dict(None),
        kind.from_json("null"),
        kind.from_json(b" null\n"),
    ] == [None] * 3
    for text in ("", "[", "[]", '"x"', "7", "{}}", b"\xff"):
        with pytest.raises(pydantic.ValidationError):
            kind.from_json(text)


FIRST = dt.datetime(2026, 12, 1, tzinfo=dt.timezone.utc)
HALF_PAST_TEN = FIRST.replace(hour=10, minute=30)


@pytest.mark.parametrize(
    ("reset_date", "moment"),
    [
        *((None, None), ("", None), ("2026-12-01", FIRST), ("1 December 2026", FIRST)),
        *(
            (f"2026-12-01T10:30:00{zone}", HALF_PAST_TEN)
            for zone in ("", "Z", "+00:00")
        ),
        ("2026-12-01T10:30:00.25Z", HALF_PAST_TEN.replace(microsecond=250_000)),
        ("2026-12-01T12:30:00+02:00", HALF_PAST_TEN),
        ("2026-12-01 02:30 -0800", HALF_PAST_TEN),
        ("2026-12-01 00:00 UTC", FIRST),
        ("Tue, 01 Dec 2026 10:30:00 GMT", HALF_PAST_TEN),
    ],
)
def test_when_the_credits_are_reset(
    reset_date: str | None, moment: dt.datetime | None
) -> None:
    """`resets_at` is aware: an offset is kept, without one it is UTC."""
    found = credit_response(reset_date=reset_date).resets_at
    assert found == moment
    assert found is None or found.utcoffset() is not None


NO_DATES = [
    "soon",
    " ",
    "2026-13-01",
    "9" * 400,
    "2026-12-01T25:00",
    "2026-12-01T10:00+99:99",
]
NO_DATES += [f"2026-12-01 00:00 {zone}" for zone in ("EST", "CET", "JST", "XYZ")]


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("reset_date", NO_DATES)
def test_a_reset_date_that_is_none(reset_date: str) -> None:
    """What the name of a zone means depends on the machine, so it is no date; our error quotes forty characters."""
    model = credit_response(reset_date=reset_date)
    with pytest.raises(ApiValueError) as caught:
        _ = model.resets_at
    assert str(caught.value) == f"reset_date is not a date: {reset_date[:40]!r}"
    assert model.reset_date == reset_date


@given(st.text(max_size=30) | st.text("0123456789:-+TZ /.,", max_size=30))
def test_any_reset_date_is_a_moment_or_our_error(reset_date: str) -> None:
    """Whatever the service writes there, nothing but our error escapes, and a moment is aware."""
    model = credit_response(reset_date=reset_date)
    try:
        moment = model.resets_at
    except ApiValueError:
        return
    assert moment is None or moment.utcoffset() is not None


@pytest.mark.parametrize(
    ("used", "total", "fraction"),
    [
        *(
            (0, 1000, 0.0),
            (250, 1000, 0.25),
            (1, 3, 1 / 3),
            (1000, 1000, 1.0),
            (1500, 1000, 1.0),
        ),
        *(
            (0, 0, 0.0),
            (5, 0, 1.0),
            (-5, 1000, 0.0),
            (-5, -10, 0.0),
            (5, -10, 1.0),
            (10**399, 10**400, 0.1),
        ),
    ],
)
def test_the_fraction_that_is_used(used: int, total: int, fraction: float) -> None:
    """From 0 to 1, whatever the numbers; it never divides by zero."""
    found = CreditResponse(total=total, used=used, remaining=0).used_fraction
    assert (found, type(found)) == (fraction, float)


# ---- Whatever the published document allows

DOCUMENT = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

WHOLE = st.integers() | st.integers(-(2**53), 2**53).map(float)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)
SIMPLE = {"string": st.text(), "integer": WHOLE, "null": st.none()}


def matching(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw whatever a schema of openapi.json allows, fields that it does not name included."""
    if "$ref" in schema:
        return matching(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([matching(part) for part in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "array":
        return st.lists(matching(schema["items"]), max_size=3)
    if kind == "object" and "properties" not in schema:
        return st.dictionaries(
            st.text(), matching(schema.get("additionalProperties", {}))
        )
    if kind == "object":
        named = {name: matching(part) for name, part in schema["properties"].items()}
        needed = {name: named[name] for name in schema.get("required", ())}
        optional = {name: part for name, part in named.items() if name not in needed}
        others = st.dictionaries(
            st.text().filter(lambda name: name not in named), JSON, max_size=2
        )
        known = st.fixed_dictionaries(needed, optional=optional)
        return st.tuples(others, known).map(lambda parts: {**parts[0], **parts[1]})
    return SIMPLE[kind] if kind else JSON


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
def test_whatever_satisfies_the_schema_parses(
    data: st.DataObject, kind: type[ApiModel]
) -> None:
    """A body that openapi.json allows makes a model, keeps every field, and comes round."""
    body = data.draw(matching(SCHEMAS[kind.__name__]))
    model = kind.from_dict(body)
    assert model is not None
    written = model.to_dict()
    assert {name: written[name] for name in body} == body
    assert kind.from_dict(written) == model
    assert kind.from_json(model.to_json()) == model
    assert kind.from_json(json.dumps(body)) == model
