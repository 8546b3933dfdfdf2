"""Ways of writing requests and reading answers as generated API classes do it."""

# ruff: noqa: ANN001, ANN201, ANN204, ANN206

import json
import uuid
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from unittest import mock

import pydantic

import at_client
from at_client import models
from at_client.rest import ApiException
from ways.stage import client, host, sent, serve, telling

JSON = {"Content-Type": "application/json"}
WHEN = datetime(2026, 11, 1, 12, 30, tzinfo=timezone.utc)
url = f"{host}/things"
api_client = client()


class Color(Enum):
    RED = "red"


class Pet:
    """A model as the generator makes them, in the few lines that count here."""

    def __init__(self, name):
        self.name = name

    def to_dict(self):
        return {"petName": self.name}

    @classmethod
    def from_dict(cls, values):
        return cls(values["petName"])


def add_pet(pet):
    """Send a pet as the operation of a generated API class does."""
    kinds = ["application/xml", "application/json"]
    headers = {
        "Accept": api_client.select_header_accept(kinds),
        "Content-Type": api_client.select_header_content_type(kinds),
    }
    parts = api_client.param_serialize(
        method="POST",
        resource_path="/pets/{owner}",
        path_params={"owner": "a/b c"},
        query_params=[("tags", ["a", "b"])],
        header_params=headers,
        body=pet,
        post_params=[],
        files={},
        auth_settings=["OAuth2PasswordBearer"],
        collection_formats={"tags": "multi"},
        _host=None,
        _request_auth=None,
    )
    response = api_client.call_api(*parts, _request_timeout=5)
    response.read()
    types = {"200": "Pet", "404": "ErrorResponse"}
    return api_client.response_deserialize(
        response_data=response, response_types_map=types
    ).data


models.Pet = Pet

# %% A list, a number, a bool and an empty dict as bodies
for body in (
    [1, "two"],
    1.5,
    False,
    {},
):
    api_client.call_api("POST", url, JSON, body=body)

# %% A str as a JSON body
api_client.call_api("POST", url, JSON, body="text")

# %% A dict as a body, without a content type
# better: Bodies -> application/json
api_client.rest_client.request("PATCH", url, body={"a": 1})
print(sent("content-type"))

# %% A dict as a body of a JSON kind of its own
for kind in ("application/merge-patch+json", "application/json; charset=utf-8"):
    api_client.call_api("PATCH", url, {"Content-Type": kind}, body={"a": 1})

# %% No body at all
api_client.call_api("POST", url, JSON)
api_client.call_api("DELETE", url)

# %% `rest_client.request` by position
response = api_client.rest_client.request("POST", url, JSON, {"a": 1}, None, 5)
print(json.loads(response.read())["total_credits"])

# %% A form for `rest_client.request`
headers = {"Content-Type": "application/x-www-form-urlencoded"}
api_client.rest_client.request(
    "POST", url, headers=headers, post_params=[("a", "1"), ("b", "x y")]
)

# %% Files for `param_serialize`
# differs: Lists in one value and files -> ApiValueError
with telling(at_client.ApiValueError):
    files = {"photo": ("rex.png", b"data")}
    print(api_client.param_serialize("POST", "/x", files=files)[4])

# %% A text, bytes and YAML as bodies
api_client.call_api("POST", url, {"Content-Type": "text/plain"}, body="a text")
api_client.call_api(
    "POST", url, {"Content-Type": "application/octet-stream"}, body=b"\x00\x01"
)
api_client.call_api("POST", url, {"Content-Type": "application/yaml"}, body="a: 1")

# %% A dict with a content type that cannot carry it
# differs: Wrong arguments -> OpenApiException
with telling(ApiException, at_client.OpenApiException):
    api_client.call_api("POST", url, {"Content-Type": "text/csv"}, body={"a": 1})

# %% A body and a form at once
with telling(at_client.ApiValueError):
    api_client.rest_client.request("POST", url, body={"a": 1}, post_params=[("b", "2")])

# %% `param_serialize` gives five parts
method, target, headers, *others = api_client.param_serialize(
    "POST", "/things", None, None, {"X-A": "a"}, {"b": 1}, [("c", "d")]
)
print(
    method,
    target,
    headers["X-A"],
    "User-Agent" in headers,
    others,
)

# %% `param_serialize` with a path and a query
query = [
    ("q", "x y&z"),
    ("flag", True),
    ("n", 1.5),
    ("when", WHEN),
    ("color", Color.RED),
    ("f", {"a": [1, True]}),
]
path = {"id": 7, "name": "a/b c?"}
parts = api_client.param_serialize(
    "GET", "/u/{id}/{name}", path, query, _host="http://x"
)
print(parts[1])

# %% `param_serialize` with lists in every format
# differs: Lists in one value and files -> ApiValueError | ApiValueError
for form in ("csv", "pipes", "multi"):
    query = [("ids", ["a", "b c"])]
    with telling(at_client.ApiValueError):
        parts = api_client.param_serialize(
            "GET", "/x", None, query, collection_formats={"ids": form}
        )
        api_client.call_api(*parts)

# %% A body with dates, decimals, enums, UUIDs and secrets
body = {
    "when": WHEN,
    "day": WHEN.date(),
    "sum": Decimal("1.10"),
    "id": uuid.UUID(int=5),
    "none": None,
    "pair": (1, "x"),
    "secret": pydantic.SecretStr("s3"),
}
print(api_client.param_serialize("POST", "/x", body=body)[3])

# %% A model as a body, alone, in a list, in a dict
error = models.ErrorResponse(detail="x")
for body in (
    error,
    [Pet("Rex"), error],
    {"error": error},
):
    print(api_client.param_serialize("POST", "/x", body=body)[3])

# %% `sanitize_for_serialization`
for value in (
    None,
    "text",
    1.5,
    True,
    b"bytes",
    (1, "x"),
    {"k": [WHEN, Color.RED]},
):
    print(repr(api_client.sanitize_for_serialization(value)))

# %% `deserialize` into a model, a list and a dict of models
for text, kind in (
    ('{"detail": "x"}', "ErrorResponse"),
    ('[{"detail": "x"}]', "List[ErrorResponse]"),
    ('{"a": {"detail": "x"}}', "Dict[str, ErrorResponse]"),
):
    print(api_client.deserialize(text, kind, "application/json"))

# %% `deserialize` into plain types
kinds = {
    "str": '"text"',
    "int": "1",
    "float": "1.5",
    "bool": "true",
    "object": '{"a": [1]}',
    "decimal": '"2.50"',
    "List[List[int]]": "[[1]]",
    "Dict[str, Dict[str, int]]": '{"a": {"b": 1}}',
    "date": '"1997-07-16"',
    "datetime": '"1997-07-16T19:20:30+01:00"',
    "UUID": "null",
}
for kind, text in kinds.items():
    read = api_client.deserialize(text, kind, "application/json")
    print(type(read).__name__, read)
with telling(ApiException):
    api_client.deserialize('"someday"', "date", "application/json")

# %% `deserialize` by content type
for kind in (
    "application/json",
    "application/vnd.api+json; charset=utf-8",
    "APPLICATION/JSON",
    None,
):
    print(api_client.deserialize('{"a": "a"}', "Dict[str, str]", kind))
for kind in ("text/plain", "text/csv"):
    print(api_client.deserialize('{"a": "a"}', "str", kind))

# %% `deserialize` of a content type that it cannot read
for kind in ("text", "application/jsonnnnn", "image/png"):
    with telling(ApiException):
        api_client.deserialize("{}", "object", kind)

# %% `update_params_for_auth`
headers, queries = {"X-A": "a"}, []
api_client.update_params_for_auth(
    headers, queries, ["OAuth2PasswordBearer", "unknown"], "/x", "GET", None
)
auth = {"in": "query", "type": "apiKey", "key": "k", "value": "v"}
api_client.update_params_for_auth(
    headers, queries, ["any"], "/x", "GET", None, request_auth=auth
)
print(headers, queries)

# %% `select_header_accept` and `select_header_content_type`
for kinds in (
    ["text/plain", "APPLICATION/JSON"],
    ["a/xml", "text/plain"],
    [],
):
    print(
        api_client.select_header_accept(kinds),
        api_client.select_header_content_type(kinds),
    )

# %% `response_deserialize` with types by name, by class of statuses and by default
for status, kinds in (
    (200, {"200": "object"}),
    (206, {"2XX": "List[int]"}),
    (299, {"default": "object"}),
):
    made = mock.Mock(
        status=status, data=b"[1]", headers={"content-type": "application/json"}
    )
    print(
        status,
        api_client.response_deserialize(made, kinds).data,
    )

# %% An operation of a generated API class
serve(b'{"petName": "Rex"}')
print(add_pet(Pet("Rex")).name)

# %% An operation of a generated API class: an error with its model
serve(b'{"detail": "no such owner"}', 404)
try:
    add_pet(Pet("Rex"))
except at_client.exceptions.NotFoundException as e:
    print(
        type(e.data).__name__,
        e.data.detail,
    )

# %% Steps inside `param_serialize`: `parameters_to_url_query`
# differs: Steps inside `param_serialize` -> AttributeError
with telling(AttributeError):
    print(api_client.parameters_to_url_query([("a", True), ("b", "x y")], {}))
