"""openapi.json and the code say the same: the operation, its answers, and every property of every model."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pydantic
import pytest

from at_client import ApiException, Configuration, CreditsApi, models
from support.facts import CREDITS, TOKEN
from support.wire import Wire, answer, reply

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "openapi.json").read_text()
)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
((PATH, VERBS),) = DOCUMENT["paths"].items()
((VERB, OPERATION),) = VERBS.items()
FORMS = [
    OPERATION["operationId"] + end
    for end in ("", "_with_http_info", "_without_preload_content")
]
COMMON = [
    "_request_timeout",
    "_request_auth",
    "_content_type",
    "_headers",
    "_host_index",
]
"""What every operation takes beside its parameters."""

WIDER = {
    # Who only needs to know what is left should not fail over a missing period.
    ("CreditResponse", "free_credits"): ("integer | null", False, None),
    ("CreditResponse", "period"): ("null | string", False, None),
    ("CreditResponse", "reset_date"): ("null | string", False, None),
    ("CreditResponse", "days_until_reset"): ("integer | null", False, None),
    # Optional fields may be null.
    ("ValidationError", "ctx"): ("null | object", False, None),
    # Services that raise their own 422 put one sentence in place of the list, or nothing.
    ("HTTPValidationError", "detail"): (
        "array of ValidationError | null | string",
        False,
        None,
    ),
}
"""Where the models take more than the document says, on purpose: (model, property) -> facts."""


def kind(schema: dict[str, Any]) -> str:
    """Write what a schema allows; whole numbers such as 1000.0 are integers."""
    if "anyOf" in schema:
        return " | ".join(sorted({kind(part) for part in schema["anyOf"]} - {"number"}))
    name = schema.get("$ref", schema.get("type", "anything")).rpartition("/")[2]
    inner = schema.get("items", schema.get("additionalProperties"))
    return f"{name} of {kind(inner)}" if isinstance(inner, dict) else name


def facts(schemas: dict[str, Any]) -> dict[tuple[str, str], tuple[str, bool, Any]]:
    """Read every property: (model, property) -> its kind, whether it is required, and its default."""
    return {
        (model, name): (
            kind(part),
            name in schema.get("required", ()),
            part.get("default"),
        )
        for model, schema in schemas.items()
        for name, part in schema["properties"].items()
    }


def test_every_property_agrees() -> None:
    """There is a model for every schema; its properties are those of the document, but for what is wider."""
    coded = {name: getattr(models, name).model_json_schema() for name in models.__all__}
    assert facts(coded) == facts(SCHEMAS) | WIDER
    assert sorted(coded) == sorted(SCHEMAS)


def test_every_operation_is_there() -> None:
    """The API has the documented operation in its three forms, and one short name that shows no underscored keyword."""
    assert {name for name in vars(CreditsApi) if name[0] != "_"} == {
        *FORMS,
        "get_credits",
    }
    assert list(inspect.signature(CreditsApi.get_credits).parameters) == [
        "self",
        "auth_token",
        "timeout",
    ]


@pytest.mark.parametrize("form", [*FORMS, "get_credits"])
def test_what_goes_out(
    form: str, wire: Wire, make_api: Callable[..., CreditsApi]
) -> None:
    """Every form asks for the documented path by its verb, with its scheme; each parameter goes to its place."""
    values = {parameter["name"]: "value" for parameter in OPERATION["parameters"]}
    getattr(make_api(wire.url), form)(**values)
    (line, *headers) = wire.requests[0].decode().split("\r\n")
    assert line == f"{VERB.upper()} {PATH} HTTP/1.1"
    media = {
        kind
        for response in OPERATION["responses"].values()
        for kind in response["content"]
    }
    assert {f"Accept: {kind}" for kind in media} < set(headers)
    assert OPERATION["security"] == [{"OAuth2PasswordBearer": []}]
    assert f"Authorization: Bearer {TOKEN}" in headers
    assert {parameter["in"] for parameter in OPERATION["parameters"]} == {"cookie"}
    assert [h for h in headers if h.startswith("Cookie")] == [
        f"Cookie: {name}=value" for name in values
    ]
    assert "requestBody" not in OPERATION


@pytest.mark.parametrize("form", FORMS)
def test_signatures(form: str) -> None:
    """The documented parameters come first, the optional ones with a default, the common ones after them."""
    hints = get_type_hints(getattr(CreditsApi, form))
    parameters = inspect.signature(getattr(CreditsApi, form)).parameters
    assert list(parameters) == [
        "self",
        *(each["name"] for each in OPERATION["parameters"]),
        *COMMON,
    ]
    for each in OPERATION["parameters"]:
        assert (parameters[each["name"]].default is inspect.Parameter.empty) is each[
            "required"
        ]
        assert kind(pydantic.TypeAdapter(hints[each["name"]]).json_schema()) == kind(
            each["schema"]
        )


@pytest.mark.parametrize("status", OPERATION["responses"])
def test_statuses(status: str, wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Each documented status comes as its model, an error's as its data."""
    schema = OPERATION["responses"][status]["content"]["application/json"]["schema"]
    wire.play(
        otherwise=reply(
            answer(json.dumps({**CREDITS, "detail": "x"}).encode(), int(status))
        )
    )
    try:
        found = make_api(wire.url, retries=0).get_credits()
    except ApiException as error:
        found = error.data
    assert type(found).__name__ == kind(schema)


def test_the_service_and_its_scheme() -> None:
    """The default host and the security scheme are the documented ones."""
    assert [{"url": Configuration().host}] == [
        {"url": server["url"]} for server in DOCUMENT["servers"]
    ]
    settings = Configuration(access_token="x").auth_settings()
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {name: each["type"] for name, each in settings.items()} == {
        name: s["type"] for name, s in schemes.items()
    }
