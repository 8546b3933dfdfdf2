"""openapi.json and the code say the same: the operation, its answers, and every property of every model."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pydantic
import pytest

from at_client import ApiException, Configuration, CreditsApi, models
from at_client.models.base import ApiModel
from support.facts import TOKEN
from support.wire import Wire, answer, reply

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
MODELS: dict[str, type[ApiModel]] = {name: getattr(models, name) for name in models.__all__}

WIDER: dict[tuple[str, str, str], tuple[Any, Any]] = {
    # Who only needs to know what is left should not fail over a missing period.
    **{
        ("CreditResponse", name, "required"): (True, False)
        for name in ("free_credits", "period", "reset_date", "days_until_reset")
    },
    # Optional fields may be null.
    **{
        ("CreditResponse", name, "nullable"): (False, True)
        for name in ("free_credits", "purchased_credits", "period", "reset_date", "days_until_reset")
    },
    ("ValidationError", "ctx", "nullable"): (False, True),
    # Services that raise their own 422 put one sentence in place of the list, or nothing.
    ("HTTPValidationError", "detail", "nullable"): (False, True),
    ("HTTPValidationError", "detail", "type"): ("list[ValidationError]", "list[ValidationError] | str"),
}
"""Where the models take more than the document says, on purpose: (model, property, fact) -> (document, code)."""


# ---- The document's side


def written(schema: dict[str, Any]) -> set[str]:
    """Write what a schema allows as Python types."""
    if "$ref" in schema:
        return {schema["$ref"].rpartition("/")[2]}
    if "anyOf" in schema:
        return set().union(*map(written, schema["anyOf"]))
    match schema.get("type"):
        case None:
            return {"Any", "None"}
        case "array":
            return {f"list[{joined(written(schema['items']))}]"}
        case "object":
            return {f"dict[str, {joined(written(schema.get('additionalProperties', {})))}]"}
        case simple:
            return {{"string": "str", "integer": "int", "null": "None"}[simple]}


def joined(kinds: set[str]) -> str:
    """Write alternatives in one way only; `None` is a fact of its own."""
    return " | ".join(sorted(kinds - {"None"}))


def documented() -> dict[tuple[str, str, str], Any]:
    """Read every fact of every property: (model, property, fact) -> what holds."""
    facts: dict[tuple[str, str, str], Any] = {}
    for model, schema in DOCUMENT["components"]["schemas"].items():
        for name, part in schema["properties"].items():
            required = name in schema.get("required", ())
            facts[model, name, "type"] = joined(written(part))
            facts[model, name, "nullable"] = "None" in written(part)
            facts[model, name, "required"] = required
            if not required:
                facts[model, name, "default"] = part.get("default")
    return facts


# ---- The code's side


def annotated(annotation: Any) -> set[str]:
    """Write what an annotation allows as Python types."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return annotated(parts[0])
    if origin in (Union, types.UnionType):
        return set().union(*map(annotated, parts))
    if origin is list:
        return {f"list[{joined(annotated(parts[0]))}]"}
    if origin is dict:
        return {f"dict[str, {joined(annotated(parts[1]))}]"}
    if annotation is type(None):
        return {"None"}
    return {"Any", "None"} if annotation is Any else {annotation.__name__}


EXAMPLES: dict[str, dict[str, Any]] = {
    "CreditResponse": {"total_credits": 3, "used_credits": 1, "remaining_credits": 2},
    "ErrorResponse": {"detail": "x"},
    "HTTPValidationError": {},
    "ValidationError": {"loc": [], "msg": "x", "type": "x"},
}


def takes_null(model: type[ApiModel], name: str) -> bool:
    try:
        model.model_validate({**EXAMPLES[model.__name__], name: None})
    except pydantic.ValidationError:
        return False
    return True


def coded() -> dict[tuple[str, str, str], Any]:
    """Read the same facts of the models."""
    facts: dict[tuple[str, str, str], Any] = {}
    for model, kind in MODELS.items():
        for attribute, field in kind.model_fields.items():
            name = field.serialization_alias or attribute
            facts[model, name, "type"] = joined(annotated(field.annotation))
            facts[model, name, "nullable"] = takes_null(kind, name)
            facts[model, name, "required"] = field.is_required()
            if not field.is_required():
                facts[model, name, "default"] = field.default
    return facts


# ---- The models


def test_every_property_agrees() -> None:
    """Type, whether it is required, default and nullability are those of the document, but for what is wider."""
    there, here = documented(), coded()
    differing = {fact: (there.get(fact), here.get(fact)) for fact in there | here if there.get(fact) != here.get(fact)}
    assert differing == WIDER


def test_models_and_schemas_are_the_same() -> None:
    """There is a model for every schema, and none without."""
    assert sorted(MODELS) == sorted(DOCUMENT["components"]["schemas"])


# ---- The operation

((PATH, VERBS),) = DOCUMENT["paths"].items()
((VERB, OPERATION),) = VERBS.items()
NAME = OPERATION["operationId"]
FORMS = [NAME, f"{NAME}_with_http_info", f"{NAME}_without_preload_content"]
COMMON = ["_request_timeout", "_request_auth", "_content_type", "_headers", "_host_index"]
"""What every operation takes beside its parameters."""


def test_every_operation_is_there() -> None:
    """The API has the documented operation in its three forms, and one short name that shows no underscored keyword."""
    assert {name for name in vars(CreditsApi) if name[0] != "_"} == {*FORMS, "get_credits"}
    assert list(inspect.signature(CreditsApi.get_credits).parameters) == ["self", "auth_token", "timeout"]


@pytest.mark.parametrize("form", [*FORMS, "get_credits"])
def test_what_goes_out(form: str, wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Every form asks for the documented path by its verb, with its scheme; each parameter goes to its place."""
    values = {parameter["name"]: "value" for parameter in OPERATION["parameters"]}
    getattr(make_api(wire.url), form)(**values)
    (line, *headers) = wire.requests[0].decode().split("\r\n")
    assert line == f"{VERB.upper()} {PATH} HTTP/1.1"
    media = {kind for response in OPERATION["responses"].values() for kind in response["content"]}
    assert {f"Accept: {kind}" for kind in media} < set(headers)
    assert OPERATION["security"] == [{"OAuth2PasswordBearer": []}]
    assert f"Authorization: Bearer {TOKEN}" in headers
    assert {parameter["in"] for parameter in OPERATION["parameters"]} == {"cookie"}
    assert [h for h in headers if h.startswith("Cookie")] == [f"Cookie: {name}=value" for name in values]
    assert "requestBody" not in OPERATION


@pytest.mark.parametrize("form", FORMS)
def test_signatures(form: str) -> None:
    """The documented parameters come first, the optional ones with a default, the common ones after them."""
    hints = get_type_hints(getattr(CreditsApi, form))
    parameters = inspect.signature(getattr(CreditsApi, form)).parameters
    names = [parameter["name"] for parameter in OPERATION["parameters"]]
    assert list(parameters) == ["self", *names, *COMMON]
    for parameter in OPERATION["parameters"]:
        name = parameter["name"]
        assert (parameters[name].default is inspect.Parameter.empty) is parameter["required"], name
        assert annotated(hints[name]) == {*written(parameter["schema"]), "None"}


def test_statuses(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Each documented status comes as its model, an error's as its data."""
    for status, response in OPERATION["responses"].items():
        model = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        wire.play(otherwise=reply(answer(json.dumps({**EXAMPLES[model], "detail": "x"}).encode(), int(status))))
        api = make_api(wire.url, retries=0)
        try:
            found = api.get_credits()
        except ApiException as error:
            found = error.data
        assert type(found).__name__ == model


def test_the_service_and_its_scheme() -> None:
    """The default host and the security scheme are the documented ones."""
    (server,) = DOCUMENT["servers"]
    assert Configuration().host == server["url"]
    schemes = DOCUMENT["components"]["securitySchemes"]
    (setting,) = Configuration(access_token="x").auth_settings().items()
    assert {setting[0]: setting[1]["type"]} == {name: scheme["type"] for name, scheme in schemes.items()}
