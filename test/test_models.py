"""The models: what they take, refuse, keep and write."""

import contextlib
import copy
import datetime as dt
import json
import pickle
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client.exceptions import ApiValueError
from at_client.models import (
    CreditResponse,
    ErrorResponse,
    HTTPValidationError,
    ValidationError,
)
from at_client.models.base import ApiModel
from support.facts import CREDITS, TOKEN

LEAST = {
    "total_credits": 1000,
    "used_credits": 250,
    "remaining_credits": 750,
}

OPTIONAL = [name for name in CREDITS if name not in LEAST]


def make(**fields: Any) -> CreditResponse:
    """Read a body that has the least there is, and these fields."""
    return CreditResponse.from_dict({**LEAST, **fields})


@pytest.mark.parametrize("short", ["total", "used", "remaining"])
def test_short_names_can_be_read_and_assigned(short: str) -> None:
    """A change by either name is seen by both, and what is no number is refused."""
    full = f"{short}_credits"
    model = make()

    setattr(model, short, 7)
    assert getattr(model, full) == 7

    setattr(model, full, 8)
    with pytest.raises(pydantic.ValidationError, match="whole number"):
        setattr(model, short, "many")
    assert getattr(model, short) == 8


def test_a_copy_can_change_fields() -> None:
    """`model_copy(update=...)` takes full and short names, and checks the values."""
    model = make()
    changed = model.model_copy(update={"used_credits": 5, "remaining": 1})

    assert changed == make(used_credits=5, remaining_credits=1)
    with pytest.raises(pydantic.ValidationError, match="whole number"):
        model.model_copy(update={"used": "many"})
    assert model == make()


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_field_may_be_absent_or_null(name: str) -> None:
    """It is `None` then, or 0 for purchased credits; a given null is written."""
    default = 0 if name == "purchased_credits" else None
    absent = make()
    null = make(**{name: None})

    assert getattr(absent, name) == default
    assert null.to_dict()[name] == default


WHOLE = [
    1000.0,
    -0.0,
    1e18,
    10**30,
]


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_a_number_without_a_fraction_is_whole(value: float) -> None:
    """However a whole number is written, it is read as an `int`."""
    model = make(purchased_credits=value)

    assert model.purchased_credits == value
    assert type(model.purchased_credits) is int


NOT_WHOLE = [
    12.5,
    1e30,
    float("nan"),
    "1000",
    True,
]


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
@pytest.mark.parametrize("name", ["used_credits", "purchased_credits"])
def test_anything_else_is_no_whole_number(name: str, value: object) -> None:
    """A fraction, a text and a bool are refused, and the error names the field."""
    with pytest.raises(pydantic.ValidationError, match=f"{name}\n.*a whole number"):
        make(**{name: value})


@pytest.mark.parametrize("value", [0, [TOKEN]], ids=["a number", "a list"])
def test_nothing_is_turned_into_text(value: object) -> None:
    """The error names the field, and hides its value, which may be a secret."""
    with pytest.raises(pydantic.ValidationError, match="plan_tier") as caught:
        make(plan_tier=value)

    assert TOKEN not in str(caught.value)


def test_what_is_written_belongs_to_the_caller() -> None:
    """A change to the dictionary of `to_dict` does not reach the model."""
    model = make(later={"a": ["b"]})

    model.to_dict()["later"]["a"].append("more")

    assert model.to_dict()["later"] == {"a": ["b"]}


def test_a_number_that_json_lacks_is_written_as_null() -> None:
    """`to_json` writes JSON that any parser reads."""
    text = make(odd=float("nan")).to_json()

    assert json.loads(text, parse_constant=pytest.fail)["odd"] is None


SAMPLES = {
    "every field": make(**CREDITS),
    "a null": make(period=None),
    "a later object": make(team={"name": "ä", "ids": [1, None]}),
    "a later field named as a method": make(to_dict=1),
    "a sentence": HTTPValidationError(detail="One sentence"),
    "a list": HTTPValidationError(
        detail=[ValidationError(loc=["query", 0], msg="m", type="t")],
    ),
}


@pytest.mark.parametrize("model", SAMPLES.values(), ids=SAMPLES)
def test_every_form_gives_the_model_again(model: ApiModel) -> None:
    """Dictionary, JSON, pickle and copy come round, with nested and later fields."""
    written = model.to_dict()
    text = model.to_json()
    twins = [
        type(model).from_dict(written),
        type(model).from_json(text.encode()),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),  # noqa: S301  # our own bytes
    ]

    assert json.loads(text) == written
    for twin in twins:
        assert twin == model
        assert twin.to_dict() == written


def test_a_way_to_a_parameter_is_names_and_indices() -> None:
    """Each step is a plain `str` or `int`; an index may be written as 1.0."""
    problem = ValidationError(loc=["a", 1.0], msg="", type="")

    assert str(problem.loc) == "['a', 1]"


@pytest.mark.parametrize("text", ["null", b" null\n"])
def test_null_gives_no_model(text: str | bytes) -> None:
    """The text `null` is `None`, as in generated clients, blanks around it or not."""
    assert ErrorResponse.from_json(text) is None


FIRST = dt.datetime(2026, 12, 1, tzinfo=dt.timezone.utc)
MORNING = FIRST.replace(hour=10, minute=30)

RESETS = {
    "": None,
    "2026-12-01": FIRST,
    "1 December 2026": FIRST,
    "2026-12-01 00:00 UTC": FIRST,
    "2026-12-01T10:30:00": MORNING,
    "2026-12-01 02:30 -0800": MORNING,
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
    "month 13": "2026-13-01",
    "400 digits": "9" * 400,
    "offset 99:99": "2026-12-01T10:00+99:99",
    "EST": "2026-12-01 00:00 EST",
}


@pytest.mark.parametrize("reset_date", NO_DATES.values(), ids=NO_DATES)
def test_a_text_that_is_no_date_is_quoted(reset_date: str) -> None:
    """Our error shows forty characters; the name of a zone alone is no date."""
    with pytest.raises(ApiValueError) as caught:
        _ = make(reset_date=reset_date).resets_at

    assert str(caught.value) == f"reset_date is not a date: {reset_date[:40]!r}"


ANY_TEXT = st.text(max_size=30)
LIKE_A_DATE = st.text("0123456789:-+TZ /.,", max_size=30)


@given(ANY_TEXT | LIKE_A_DATE)
def test_any_reset_date_is_a_moment_or_our_error(reset_date: str) -> None:
    """Whatever the service writes, no other error escapes."""
    with contextlib.suppress(ApiValueError):
        moment = make(reset_date=reset_date).resets_at
        assert moment is None or moment.utcoffset() is not None


FRACTIONS = [
    (250, 1000, 0.25),
    (1500, 1000, 1.0),
    (0, 0, 0.0),
    (5, 0, 1.0),
    (-5, -10, 0.0),
]


@pytest.mark.parametrize(("used", "total", "fraction"), FRACTIONS)
def test_the_used_fraction_is_from_0_to_1(
    used: int, total: int, fraction: float
) -> None:
    """It is a float whatever the numbers are; nothing is divided by zero."""
    model = make(used_credits=used, total_credits=total)

    assert model.used_fraction == fraction
    assert type(model.used_fraction) is float


WHOLE_NUMBERS = st.integers() | st.integers(-1000, 1000).map(float)


@given(
    known=st.fixed_dictionaries(dict.fromkeys(LEAST, WHOLE_NUMBERS)),
    later=st.dictionaries(st.text("XYZ"), st.lists(st.none() | st.text())),
)
def test_whatever_satisfies_the_schema_comes_round(
    known: dict[str, Any], later: dict[str, Any]
) -> None:
    """Each field of a valid body is kept, whatever the service adds to it."""
    body = {**later, **known}
    model = CreditResponse.from_dict(body)

    assert model.to_dict() == {"purchased_credits": 0, **body}
    assert CreditResponse.from_json(model.to_json()) == model
