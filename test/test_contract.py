"""openapi.json and the code say the same of the operation and of every model."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from at_client import Configuration, CreditsApi, models
from support.facts import TOKEN
from support.makers import MakeApi
from support.wire import Wire

FILE = Path(__file__).parent.parent / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PATH = "/api/v1/credits"
OPERATION = DOCUMENT["paths"][PATH]["get"]
OPERATION_ID = OPERATION["operationId"]
FORMS = [
    OPERATION_ID,
    f"{OPERATION_ID}_with_http_info",
    f"{OPERATION_ID}_without_preload_content",
]


class Fact(NamedTuple):
    """What is known of a property."""

    kind: str
    required: bool = False
    default: Any = None


WIDER = {
    # Who only needs to know what is left should not fail over a missing period.
    ("CreditResponse", "free_credits"): Fact("integer | null"),
    ("CreditResponse", "period"): Fact("null | string"),
    ("CreditResponse", "reset_date"): Fact("null | string"),
    ("CreditResponse", "days_until_reset"): Fact("integer | null"),
    # Optional fields may be null.
    ("ValidationError", "ctx"): Fact("null | object"),
    # Services that raise their own 422 put one sentence in place of the list.
    ("HTTPValidationError", "detail"): Fact(
        "array of ValidationError | null | string",
    ),
}
"""Where the models take more than the document says: (model, property) -> fact."""


def name_kind(schema: dict[str, Any]) -> str:
    """Write what a schema allows."""
    if "anyOf" in schema:
        kinds = map(name_kind, schema["anyOf"])
        return " | ".join(sorted(kinds))

    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]

    kind = schema.get("type", "anything")
    inner = schema.get("items", schema.get("additionalProperties"))
    if isinstance(inner, dict):
        kind += f" of {name_kind(inner)}"
    return kind


def list_facts(schemas: dict[str, Any]) -> dict[tuple[str, str], Fact]:
    """Return every property: (model, property) -> fact."""
    facts = {}
    for model, schema in schemas.items():
        for name, part in schema["properties"].items():
            facts[model, name] = Fact(
                name_kind(part),
                required=name in schema.get("required", ()),
                default=part.get("default"),
            )
    return facts


def test_every_property_agrees() -> None:
    """Each schema has its model, with the same properties, but for what is wider."""
    coded = {}
    for name in models.__all__:
        model = getattr(models, name)
        coded[name] = model.model_json_schema()
    assert list_facts(coded) == list_facts(SCHEMAS) | WIDER


def test_every_operation_is_there() -> None:
    """The API has the documented operation in three forms, and one short name."""
    public = {name for name in vars(CreditsApi) if not name.startswith("_")}
    assert public == {
        *FORMS,
        "get_credits",
    }


@pytest.mark.parametrize("form", [*FORMS, "get_credits"])
def test_the_documented_request_is_sent(
    form: str, wire: Wire, make_api: MakeApi
) -> None:
    """Every form asks for the path, with the scheme; the parameter is a cookie."""
    (parameter,) = OPERATION["parameters"]
    assert parameter["in"] == "cookie"

    call = getattr(make_api(wire.url), form)
    call(**{parameter["name"]: "value"})

    request = wire.requests[0].decode()
    assert request.startswith(f"GET {PATH} HTTP/1.1\r\n")
    assert "\r\nCookie: auth_token=value\r\n" in request
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n" in request


def test_the_host_is_the_documented_one() -> None:
    """A configuration without a host asks the document's server."""
    assert DOCUMENT["servers"] == [{"url": Configuration().host}]


def test_the_security_scheme_is_the_documented_one() -> None:
    """The credentials of a configuration have the scheme's name and type."""
    ((name, scheme),) = DOCUMENT["components"]["securitySchemes"].items()
    settings = Configuration(access_token="x").auth_settings()
    assert settings[name]["type"] == scheme["type"]
