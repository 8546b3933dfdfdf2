"""openapi.json and the code say the same: the operation, its answers, and every property of every model."""

from __future__ import annotations

import copy
import inspect
import json
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import pydantic
import pytest

from at_client import ApiClient, Configuration, CreditsApi, models
from at_client.decoding import promised_type
from at_client.headers import Secret

if TYPE_CHECKING:
    from at_client.models.base import ApiModel

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
MODELS: dict[str, type[ApiModel]] = {name: getattr(models, name) for name in models.__all__}

COMMON = ["_request_timeout", "_request_auth", "_content_type", "_headers", "_host_index"]
"""What every operation takes beside its parameters."""

WIDER: dict[tuple[str, str, str], tuple[Any, Any]] = {
    # Who only needs to know what is left should not fail over a missing period.
    **{
        ("CreditResponse", name, "required"): (True, False)
        for name in ("free_credits", "period", "reset_date", "days_until_reset")
    },
    # Optional fields may be null.
    **{
        ("CreditResponse", name, "nullable"): (False, True)
        for name in (
            "free_credits",
            "purchased_credits",
            "period",
            "reset_date",
            "days_until_reset",
        )
    },
    ("ValidationError", "ctx", "nullable"): (False, True),
    # Services that raise their own 422 put one sentence in place of the list, or nothing.
    ("HTTPValidationError", "detail", "nullable"): (False, True),
    ("HTTPValidationError", "detail", "type"): (
        "list[ValidationError]",
        "list[ValidationError] | str",
    ),
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


def documented(document: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """Read every fact of every property: (model, property, fact) -> what holds."""
    facts: dict[tuple[str, str, str], Any] = {}
    for model, schema in document["components"]["schemas"].items():
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


def differences(document: dict[str, Any]) -> list[str]:
    """Say where models and document differ, the differences on purpose aside; each line names the field."""
    there, here = documented(document), coded()
    found = []
    for fact in sorted(there.keys() | here.keys()):
        pair = (there.get(fact), here.get(fact))
        required_there_only = fact[2] == "default" and fact not in there
        if pair[0] == pair[1] or WIDER.get(fact) == pair or (required_there_only and not pair[1]):
            continue
        model, name, what = fact
        found.append(f"{model}.{name}: {what} is {pair[0]!r} in openapi.json, {pair[1]!r} in code")
    return found


# ---- The models


def test_every_property_agrees() -> None:
    """Type, whether it is required, default and nullability are those of the document."""
    assert differences(DOCUMENT) == []


def test_every_exception_is_needed() -> None:
    """A difference that was done away with is taken off the list."""
    there, here = documented(DOCUMENT), coded()
    assert {fact: (there[fact], here[fact]) for fact in WIDER} == WIDER


@pytest.mark.parametrize(
    ("model", "name", "change", "says"),
    [
        (
            "CreditResponse",
            "period",
            {"type": "integer"},
            "CreditResponse.period: type is 'int' in openapi.json, 'str' in code",
        ),
        (
            "CreditResponse",
            "plan_tier",
            {"type": "string"},
            "CreditResponse.plan_tier: nullable is False in openapi.json, True in code",
        ),
        (
            "CreditResponse",
            "purchased_credits",
            {"type": "integer", "default": 5},
            "CreditResponse.purchased_credits: default is 5 in openapi.json, 0 in code",
        ),
        (
            "CreditResponse",
            "total_credits",
            None,
            "CreditResponse.total_credits: type is None in openapi.json, 'int' in code",
        ),
        (
            "ErrorResponse",
            "trace",
            {"type": "string"},
            "ErrorResponse.trace: type is 'str' in openapi.json, None in code",
        ),
        (
            "ValidationError",
            "loc",
            {"type": "array", "items": {"type": "string"}},
            "ValidationError.loc: type is 'list[str]' in openapi.json, 'list[int | str]' in code",
        ),
        (
            "HTTPValidationError",
            "detail",
            {"type": "array", "items": {"$ref": "#/components/schemas/ErrorResponse"}},
            (
                "HTTPValidationError.detail: type is 'list[ErrorResponse]' in openapi.json, "
                "'list[ValidationError] | str' in code"
            ),
        ),
    ],
)
def test_a_changed_property_is_named(model: str, name: str, change: dict[str, Any] | None, says: str) -> None:
    """When the service changes its document, the difference says which field of which model."""
    document = copy.deepcopy(DOCUMENT)
    properties = document["components"]["schemas"][model]["properties"]
    if change is None:
        del properties[name]
    else:
        properties[name] = change
    assert says in differences(document)


@pytest.mark.parametrize(
    ("model", "name", "required"),
    [
        (model, name, name in schema.get("required", ()))
        for model, schema in DOCUMENT["components"]["schemas"].items()
        for name in schema["properties"]
        if (model, name, "required") not in WIDER
    ],
)
def test_a_changed_requirement_is_named(model: str, name: str, required: bool) -> None:
    """A field that becomes required, or no longer is, is found whatever it is."""
    document = copy.deepcopy(DOCUMENT)
    needed = document["components"]["schemas"][model].setdefault("required", [])
    if required:
        needed.remove(name)
    else:
        needed.append(name)
    says = f"{model}.{name}: required is {not required} in openapi.json, {required} in code"
    assert says in differences(document)


def test_models_and_schemas_are_the_same() -> None:
    """There is a model for every schema, and none without."""
    assert sorted(MODELS) == sorted(DOCUMENT["components"]["schemas"])


# ---- The operation


class Recorder(ApiClient):
    """A client that notes what an operation asks of it, and sends nothing."""

    def __init__(self) -> None:
        super().__init__(Configuration())
        self.noted: dict[str, Any] = {}

    def param_serialize(self, *arguments: Any, **named: Any) -> Any:
        bound = inspect.signature(ApiClient.param_serialize).bind(self, *arguments, **named)
        self.noted.update(bound.arguments)
        return super().param_serialize(*arguments, **named)

    def call_api(self, *_: Any, **__: Any) -> Any:
        return types.SimpleNamespace(response=None)

    def response_deserialize(self, *arguments: Any) -> Any:
        self.noted["response_types_map"] = arguments[1]
        return types.SimpleNamespace(data=None)


OPERATIONS = [(path, verb, operation) for path, verbs in DOCUMENT["paths"].items() for verb, operation in verbs.items()]
by_operation = pytest.mark.parametrize(
    "operation", [operation for _, _, operation in OPERATIONS], ids=lambda o: o["operationId"]
)
FORMS = ("", "_with_http_info", "_without_preload_content")


def noted_of(operation: dict[str, Any], form: str = "") -> dict[str, Any]:
    """Call an operation with a value for each documented parameter, and give what it asks of the client."""
    client = Recorder()
    values = {parameter["name"]: "value" for parameter in operation["parameters"]}
    getattr(CreditsApi(client), operation["operationId"] + form)(**values)
    return client.noted


def test_every_operation_is_there() -> None:
    """The API has the documented operations in their three forms, and one short name."""
    names = {operation["operationId"] + form for _, _, operation in OPERATIONS for form in FORMS}
    assert {name for name in vars(CreditsApi) if name[0] != "_"} == names | {"get_credits"}


@pytest.mark.parametrize(("path", "verb", "operation"), OPERATIONS)
@pytest.mark.parametrize("form", FORMS)
def test_path_verb_and_scheme(path: str, verb: str, operation: Any, form: str) -> None:
    """Every form asks for the documented path, by the documented verb, with the documented security."""
    noted = noted_of(operation, form)
    assert noted["resource_path"] == path
    assert noted["method"] == verb.upper()
    assert list(noted["auth_settings"]) == [name for needs in operation["security"] for name in needs]
    media = {kind for response in operation["responses"].values() for kind in response["content"]}
    assert {noted["header_params"]["Accept"]} == media


@by_operation
@pytest.mark.parametrize("form", FORMS)
def test_parameters(operation: Any, form: str) -> None:
    """Each parameter goes to its place under its name; nothing goes elsewhere."""
    noted = noted_of(operation, form)
    for place in ("path", "query", "cookie"):
        expected = {p["name"] for p in operation["parameters"] if p["in"] == place}
        assert set(noted.get(f"{place}_params") or {}) == expected, place
    for parameter in operation["parameters"]:
        sent = noted[f"{parameter['in']}_params"][parameter["name"]]
        assert sent == Secret("value"), parameter["name"]
    assert "body" not in operation
    assert noted.get("body") is None


@by_operation
@pytest.mark.parametrize("form", FORMS)
def test_signatures(operation: Any, form: str) -> None:
    """The documented parameters come first, the optional ones with a default, the common ones after them."""
    signature = inspect.signature(getattr(CreditsApi, operation["operationId"] + form))
    names = [parameter["name"] for parameter in operation["parameters"]]
    assert list(signature.parameters) == ["self", *names, *COMMON]
    for parameter in operation["parameters"]:
        default = signature.parameters[parameter["name"]].default
        assert (default is inspect.Parameter.empty) is parameter["required"], parameter["name"]
        kinds = joined(written(parameter["schema"]))
        assert signature.parameters[parameter["name"]].annotation == f"{kinds} | None"


@by_operation
@pytest.mark.parametrize("form", FORMS[:2])
def test_statuses(operation: Any, form: str) -> None:
    """Each documented status has its model, and no other has one."""
    expected = {
        status: MODELS[response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        for status, response in operation["responses"].items()
    }
    promised = noted_of(operation, form)["response_types_map"]
    assert {status: promised_type(int(status), promised) for status in promised} == expected


def test_the_service_and_its_scheme() -> None:
    """The default host and the security scheme are the documented ones."""
    (server,) = DOCUMENT["servers"]
    assert Configuration().host == server["url"]
    schemes = DOCUMENT["components"]["securitySchemes"]
    (setting,) = Configuration(access_token="x").auth_settings().items()
    assert {setting[0]: setting[1]["type"]} == {name: scheme["type"] for name, scheme in schemes.items()}
