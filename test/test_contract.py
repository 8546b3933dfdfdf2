"""openapi.json and the code say the same of the operation and of every model."""

import inspect
import json
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pydantic
import pytest

from at_client import ApiException, Configuration, CreditsApi, models
from support.facts import CREDITS, TOKEN
from support.makers import MakeApi
from support.wire import Wire, answer, reply

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "openapi.json").read_text()
)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PATH = "/api/v1/credits"
OPERATION = DOCUMENT["paths"][PATH]["get"]
PARAMETERS = OPERATION["parameters"]
OPERATION_ID = OPERATION["operationId"]
FORMS = [
    OPERATION_ID,
    f"{OPERATION_ID}_with_http_info",
    f"{OPERATION_ID}_without_preload_content",
]
COMMON = [
    "_request_timeout",
    "_request_auth",
    "_content_type",
    "_headers",
    "_host_index",
]
"""What every operation takes beside its parameters."""


class Fact(NamedTuple):
    """What is known of a property."""

    kind: str
    required: bool
    default: Any


def optional(kind: str) -> Fact:
    """Return what is known of a property that may be null or left out."""
    return Fact(kind, required=False, default=None)


WIDER = {
    # Who only needs to know what is left should not fail over a missing period.
    ("CreditResponse", "free_credits"): optional("integer | null"),
    ("CreditResponse", "period"): optional("null | string"),
    ("CreditResponse", "reset_date"): optional("null | string"),
    ("CreditResponse", "days_until_reset"): optional("integer | null"),
    # Optional fields may be null.
    ("ValidationError", "ctx"): optional("null | object"),
    # Services that raise their own 422 put one sentence in place of the list.
    ("HTTPValidationError", "detail"): optional(
        "array of ValidationError | null | string"
    ),
}
"""Where the models take more than the document says: (model, property) -> fact."""


def name_kind(schema: dict[str, Any]) -> str:
    """Write what a schema allows."""
    if "anyOf" in schema:
        return " | ".join(sorted(name_kind(part) for part in schema["anyOf"]))

    name = schema.get("$ref", schema.get("type", "anything")).rpartition("/")[2]
    inner = schema.get("items", schema.get("additionalProperties"))
    return f"{name} of {name_kind(inner)}" if isinstance(inner, dict) else name


def list_facts(schemas: dict[str, Any]) -> dict[tuple[str, str], Fact]:
    """Return every property: (model, property) -> fact."""
    facts = {}
    for model, schema in schemas.items():
        for name, part in schema["properties"].items():
            required = name in schema.get("required", ())
            fact = Fact(name_kind(part), required, part.get("default"))
            facts[model, name] = fact
    return facts


def test_every_property_agrees() -> None:
    """Each schema has its model, with the same properties, but for what is wider."""
    coded = {name: getattr(models, name).model_json_schema() for name in models.__all__}
    assert sorted(coded) == sorted(SCHEMAS)
    assert list_facts(coded) == list_facts(SCHEMAS) | WIDER


def test_every_operation_is_there() -> None:
    """The API has the documented operation in three forms, and one short name."""
    public = {name for name in vars(CreditsApi) if not name.startswith("_")}
    assert public == {*FORMS, "get_credits"}


def test_the_short_name_takes_keywords() -> None:
    """`get_credits` takes the token, the cookie and the time, by keyword only."""
    _, *parameters = inspect.signature(CreditsApi.get_credits).parameters.values()
    assert [each.name for each in parameters] == [
        "access_token",
        "auth_token",
        "timeout",
    ]
    assert {each.kind for each in parameters} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("form", [*FORMS, "get_credits"])
def test_the_documented_request_is_sent(
    form: str, wire: Wire, make_api: MakeApi
) -> None:
    """Every form asks for the path, with the scheme; the parameter is a cookie."""
    assert OPERATION["security"] == [{"OAuth2PasswordBearer": []}]
    assert [each["in"] for each in PARAMETERS] == ["cookie"]

    getattr(make_api(wire.url), form)(auth_token="value")
    line, *headers = wire.requests[0].decode().split("\r\n")
    assert line == f"GET {PATH} HTTP/1.1"
    assert "Accept: application/json" in headers
    assert f"Authorization: Bearer {TOKEN}" in headers
    assert "Cookie: auth_token=value" in headers


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_the_documented_signature(form: str) -> None:
    """The documented parameters come first, those of every operation after them."""
    _, *names = inspect.signature(getattr(CreditsApi, form)).parameters
    assert names == [*(each["name"] for each in PARAMETERS), *COMMON]

    hints = get_type_hints(getattr(CreditsApi, form))
    for each in PARAMETERS:
        schema = pydantic.TypeAdapter(hints[each["name"]]).json_schema()
        assert name_kind(schema) == name_kind(each["schema"])


@pytest.mark.parametrize("status", OPERATION["responses"])
def test_a_status_has_its_model(status: str, wire: Wire, make_api: MakeApi) -> None:
    """Each documented status comes as its model, an error's as its data."""
    body = json.dumps({**CREDITS, "detail": "x"}).encode()
    wire.play(reply(answer(body, int(status))))
    api = make_api(wire.url, retries=0)
    found: Any = None
    try:
        found = api.get_credits()
    except ApiException as error:
        found = error.data

    content = OPERATION["responses"][status]["content"]
    assert type(found).__name__ == name_kind(content["application/json"]["schema"])


def test_the_host_is_the_documented_one() -> None:
    """A configuration without a host asks the document's server."""
    assert DOCUMENT["servers"] == [{"url": Configuration().host}]


def test_the_security_scheme_is_the_documented_one() -> None:
    """The credentials of a configuration have the scheme's name and type."""
    schemes = DOCUMENT["components"]["securitySchemes"]
    settings = Configuration(access_token="x").auth_settings()
    assert list(settings) == list(schemes)
    assert settings["OAuth2PasswordBearer"]["type"] == "oauth2"
    assert schemes["OAuth2PasswordBearer"]["type"] == "oauth2"
