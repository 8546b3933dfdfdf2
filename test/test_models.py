"""The models: what they take, refuse, keep and write, by tables and by openapi.json."""

import copy
import datetime as dt
import json
import pickle
import pprint
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from at_client.exceptions import ApiValueError
from at_client.models import (
    CreditResponse,
    ErrorResponse,
    HTTPValidationError,
    ValidationError,
)
from at_client.models.base import ApiModel, WholeNumber
from at_client.models.credit_response import format_reset
from support.facts import CREDITS, TOKEN

LEAST = {"total_credits": 1000, "used_credits": 250, "remaining_credits": 750}
SHORT = {"total": 1000, "used": 250, "remaining": 750}
MODELS = [CreditResponse, ErrorResponse, HTTPValidationError, ValidationError]

TEXTS = ["period", "reset_date", "plan_tier"]
NUMBERS = [name for name in CREDITS if name not in TEXTS]
OPTIONAL = [name for name in CREDITS if name not in LEAST]


def make(**fields: Any) -> CreditResponse:
    """Read a body that has the least there is, and these fields."""
    return CreditResponse.from_dict({**LEAST, **fields})


def fields_at_fault(error: pydantic.ValidationError) -> set[str]:
    return {str(problem["loc"][0]) for problem in error.errors()}


def test_every_field_comes_round() -> None:
    """Attributes and all that writes them have the names on the wire."""
    model = CreditResponse.from_dict(CREDITS)

    assert model.to_dict() == CREDITS
    assert model.model_dump() == CREDITS
    assert vars(model) == dict(model) == CREDITS
    assert json.loads(model.to_json()) == CREDITS
    assert json.loads(model.model_dump_json()) == CREDITS


def test_short_names_make_a_model() -> None:
    """`CreditResponse(total=...)` is the same as with `total_credits`."""
    model = CreditResponse(**SHORT)

    assert model == make()
    assert model.to_dict() == LEAST | {"purchased_credits": 0}


@pytest.mark.parametrize("short", SHORT)
def test_short_names_can_be_read_and_assigned(short: str) -> None:
    """A change by either name is seen by both."""
    full = f"{short}_credits"
    model = make()

    setattr(model, short, 7)
    assert getattr(model, full) == 7

    setattr(model, full, 8)
    assert getattr(model, short) == 8


@pytest.mark.parametrize("name", [*SHORT, *LEAST])
def test_an_assigned_value_is_checked(name: str) -> None:
    """A value that is no number is refused by either name, and the model stays."""
    model = make()
    with pytest.raises(pydantic.ValidationError, match="whole number"):
        setattr(model, name, "many")

    assert model == make()


def test_a_copy_can_change_fields() -> None:
    """`model_copy(update=...)` takes full names and short ones, and checks the values."""
    model = make()
    update = {"used_credits": 5, "remaining": 1, "later": [2]}
    changed = model.model_copy(update=update, deep=True)

    assert changed == make(used_credits=5, remaining_credits=1, later=[2])
    assert changed.model_copy() == changed
    assert model == make()
    with pytest.raises(pydantic.ValidationError, match="whole number"):
        model.model_copy(update={"used": "many"})


def test_fields_can_be_picked() -> None:
    """`exclude` and `include` of `model_dump` take the names that are written."""
    model = CreditResponse.from_dict(CREDITS)

    assert "total_credits" not in model.model_dump(exclude={"total_credits"})
    assert model.model_dump(include={"used_credits"}) == {"used_credits": 250}


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_field_may_be_absent_or_null(name: str) -> None:
    """It is `None` then, or 0 for purchased credits; a null that was given is written."""
    default = 0 if name == "purchased_credits" else None
    absent = make()
    null = make(**{name: None})

    assert getattr(absent, name) == default
    assert getattr(null, name) == default
    assert null.to_dict()[name] == default


@pytest.mark.parametrize("name", LEAST)
def test_a_missing_number_is_named(name: str) -> None:
    """Without one of the three numbers there is no model, and the error says which."""
    body = LEAST.copy()
    del body[name]

    with pytest.raises(pydantic.ValidationError, match="Field required") as caught:
        CreditResponse.from_dict(body)

    assert fields_at_fault(caught.value) == {name}


WHOLE = [
    0,
    1000,
    -5,
    1000.0,
    -0.0,
    1e18,
    2**53,
    10**30,
]


@pytest.mark.parametrize("value", WHOLE, ids=repr)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_without_a_fraction_is_whole(name: str, value: float) -> None:
    """However it is written, it is read as an `int`."""
    body = {**LEAST, name: value}
    for model in (make(**body), CreditResponse.from_json(json.dumps(body))):
        read = getattr(model, name)
        assert read == value
        assert type(read) is int


NOT_WHOLE = [
    12.5,
    -0.1,
    1e30,
    float("nan"),
    float("inf"),
    "1000",
    "",
    b"1",
    True,
    [],
    [1],
    {},
]


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
@pytest.mark.parametrize("name", NUMBERS)
def test_anything_else_is_no_whole_number(name: str, value: object) -> None:
    """It is refused, and the error names the field."""
    with pytest.raises(pydantic.ValidationError, match="a whole number") as caught:
        make(**{name: value})

    assert fields_at_fault(caught.value) == {name}


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_of_a_whole_number_says_integer(mode: Any) -> None:
    """FastAPI and agents read the JSON schema, of the model and of the type alone."""
    schema = CreditResponse.model_json_schema(mode=mode)
    assert list(schema["properties"]) == list(CREDITS)
    assert schema["properties"]["total_credits"]["type"] == "integer"
    assert "number" not in str(schema["properties"])

    adapter = pydantic.TypeAdapter(WholeNumber)
    assert adapter.json_schema(mode=mode) == {"type": "integer"}


NOT_TEXTS = {
    "int": 0,
    "float": 1.5,
    "bool": True,
    "list": [TOKEN],
    "dict": {},
    "bytes": b"x",
}


@pytest.mark.parametrize("value", NOT_TEXTS.values(), ids=NOT_TEXTS)
@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_turned_into_text(name: str, value: object) -> None:
    """The error names the field, and hides its value, which may be a secret."""
    with pytest.raises(pydantic.ValidationError) as caught:
        make(**{name: value})

    assert fields_at_fault(caught.value) == {name}
    assert TOKEN not in str(caught.value)


def test_what_is_written_belongs_to_the_caller() -> None:
    """A change to the dictionary of `to_dict` does not reach the model."""
    body = {"detail": "x", "errors": {"a": ["b"]}, "later": {"c": ["d"]}}
    model = ErrorResponse.from_dict(body)

    written = model.to_dict()
    written["errors"]["a"].append("more")
    written["later"]["c"].append("more")

    assert model.to_dict() == body


def test_a_number_that_json_lacks_is_written_as_null() -> None:
    """`to_json` writes JSON that any parser reads."""
    text = make(odd=float("nan")).to_json()

    assert json.loads(text, parse_constant=pytest.fail)["odd"] is None


PROBLEM = ValidationError(loc=["query", 0], msg="m", type="t")

SAMPLES = {
    "the least": make(),
    "every field": make(**CREDITS),
    "a null": make(period=None),
    "a later object": make(team={"name": "ä", "ids": [1, None]}),
    "a later field named as a method": make(to_dict=1),
    "a later field without a name": make(**{"": None}),
    "an error": ErrorResponse(detail="x"),
    "an error with a null": ErrorResponse(detail="x", code=None, errors={}),
    "no detail": HTTPValidationError(),
    "a sentence": HTTPValidationError(detail="One sentence"),
    "a list": HTTPValidationError(detail=[PROBLEM]),
    "a problem": PROBLEM,
}


@pytest.mark.parametrize("model", SAMPLES.values(), ids=SAMPLES)
def test_every_form_gives_the_model_again(model: ApiModel) -> None:
    """Dictionary, JSON, pickle and copy come round, with nested and later fields."""
    kind = type(model)
    written = model.to_dict()
    text = model.to_json()

    assert json.loads(text) == written
    assert model.to_str() == pprint.pformat(written)
    twins = [
        kind.from_dict(written),
        kind.from_json(text),
        kind.from_json(text.encode()),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),  # noqa: S301  # our own bytes
    ]
    for twin in twins:
        assert twin == model
        assert twin.to_dict() == written


def test_a_way_to_a_parameter_is_names_and_indices() -> None:
    """Each step is a plain `str` or `int`; an index may be written as 1.0."""
    problem = ValidationError(loc=["a", 1.0], msg="", type="")

    assert str(problem.loc) == "['a', 1]"


@pytest.mark.parametrize("kind", MODELS)
def test_null_gives_no_model(kind: type[ApiModel]) -> None:
    """`None` and the text `null` are `None`, as in generated clients."""
    assert kind.from_dict(None) is None
    assert kind.from_json("null") is None
    assert kind.from_json(b" null\n") is None


NO_OBJECTS = [
    "",
    "[",
    "{broken",
    "[]",
    '"x"',
    "7",
    "{}}",
    b"\xff",
]


@pytest.mark.parametrize("text", NO_OBJECTS, ids=repr)
@pytest.mark.parametrize("kind", MODELS)
def test_what_is_no_object_is_refused(kind: type[ApiModel], text: str | bytes) -> None:
    """The error is pydantic's, which is a `ValueError`."""
    with pytest.raises(pydantic.ValidationError) as caught:
        kind.from_json(text)

    assert isinstance(caught.value, ValueError)


FIRST = dt.datetime(2026, 12, 1, tzinfo=dt.timezone.utc)
MORNING = FIRST.replace(hour=10, minute=30)

RESETS = {
    "": None,
    "2026-12-01": FIRST,
    "1 December 2026": FIRST,
    "2026-12-01 00:00 UTC": FIRST,
    "2026-12-01T10:30:00": MORNING,
    "2026-12-01T10:30:00Z": MORNING,
    "2026-12-01T10:30:00+00:00": MORNING,
    "2026-12-01T12:30:00+02:00": MORNING,
    "2026-12-01 02:30 -0800": MORNING,
    "2026-12-01T10:30:00.25Z": MORNING.replace(microsecond=250_000),
    "Tue, 01 Dec 2026 10:30:00 GMT": MORNING,
}


@pytest.mark.parametrize("reset_date", RESETS)
def test_a_reset_is_an_aware_moment(reset_date: str) -> None:
    """`resets_at` keeps an offset, and takes UTC if there is none."""
    resets_at = make(reset_date=reset_date).resets_at

    assert resets_at == RESETS[reset_date]
    assert resets_at is None or resets_at.utcoffset() is not None


NO_DATES = {
    "a word": "soon",
    "a blank": " ",
    "month 13": "2026-13-01",
    "400 digits": "9" * 400,
    "hour 25": "2026-12-01T25:00",
    "offset 99:99": "2026-12-01T10:00+99:99",
    "EST": "2026-12-01 00:00 EST",
    "CET": "2026-12-01 00:00 CET",
    "the local zone": "2026-12-01 00:00 JST",
    "an unknown zone": "2026-12-01 00:00 XYZ",
}


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("reset_date", NO_DATES.values(), ids=NO_DATES)
def test_a_text_that_is_no_date_is_quoted(reset_date: str) -> None:
    """Our error shows forty characters; the name of a zone alone is no date."""
    model = make(reset_date=reset_date)
    with pytest.raises(ApiValueError) as caught:
        _ = model.resets_at

    assert str(caught.value) == f"reset_date is not a date: {reset_date[:40]!r}"
    assert model.reset_date == reset_date


ANY_TEXT = st.text(max_size=30)
LIKE_A_DATE = st.text("0123456789:-+TZ /.,", max_size=30)


@settings(deadline=None)  # the first example imports dateutil
@given(ANY_TEXT | LIKE_A_DATE)
def test_any_reset_date_is_a_moment_or_our_error(reset_date: str) -> None:
    """Whatever the service writes, no other error escapes, and the card has words."""
    model = make(reset_date=reset_date)
    assert format_reset(model).startswith("Resets ") == bool(reset_date)
    try:
        moment = model.resets_at
    except ApiValueError:
        return

    assert moment is None or moment.utcoffset() is not None


FRACTIONS = [
    (0, 1000, 0.0),
    (250, 1000, 0.25),
    (1000, 1000, 1.0),
    (1500, 1000, 1.0),
    (0, 0, 0.0),
    (5, 0, 1.0),
    (-5, 1000, 0.0),
    (-5, -10, 0.0),
    (5, -10, 1.0),
    (10**15, 10**16, 0.1),
]


@pytest.mark.parametrize(("used", "total", "fraction"), FRACTIONS)
def test_the_used_fraction_is_from_0_to_1(
    used: int, total: int, fraction: float
) -> None:
    """It is a float whatever the numbers are; nothing is divided by zero."""
    model = CreditResponse(total=total, used=used, remaining=0)

    assert model.used_fraction == fraction
    assert type(model.used_fraction) is float


JSON = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=2)
WHOLE_NUMBERS = st.integers() | st.integers(-1000, 1000).map(float)
CREDIT_OBJECTS = st.fixed_dictionaries(
    dict.fromkeys(LEAST, WHOLE_NUMBERS),
    optional={"period": st.text(), "free_credits": WHOLE_NUMBERS},
)


@given(known=CREDIT_OBJECTS, later=OBJECTS)
def test_whatever_satisfies_the_schema_comes_round(
    known: dict[str, Any], later: dict[str, Any]
) -> None:
    """Each field of a valid body is kept, whatever the service adds to it."""
    body = {**later, **known}
    model = CreditResponse.from_dict(body)

    assert model.to_dict() == {"purchased_credits": 0, **body}
    assert CreditResponse.from_json(json.dumps(body)) == model
    assert CreditResponse.from_json(model.to_json()) == model


@pytest.mark.parametrize("kind", MODELS)
@given(body=OBJECTS, detail=JSON)
def test_any_json_makes_a_model_or_is_refused(
    kind: type[ApiModel], body: dict[str, Any], detail: object
) -> None:
    """No other error than pydantic's escapes, and a model that is made comes round."""
    body["detail"] = detail
    try:
        model = kind.from_dict(body)
    except pydantic.ValidationError:
        return

    assert kind.from_json(model.to_json()) == model
