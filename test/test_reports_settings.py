"""What users reported of bodies, copies, schemas, responses and advice."""

import copy
import gzip
import json
import ssl
from collections.abc import Callable
from typing import Any

import fastapi
import pydantic
import pytest
import urllib3

from at_client import (
    ApiClient,
    ApiException,
    Configuration,
    CreditResponse,
    CreditsApi,
    ErrorResponse,
    ServiceException,
    UnauthorizedException,
)
from support.facts import COOKIE, CREDITS, CREDITS_BODY, TOKEN
from support.makers import MakeApi, MakeClient
from support.service import Service
from support.wire import CLOSE, Wire, answer, chunked, reply

# ---- Bodies of errors stay as they came


@pytest.mark.parametrize(
    ("settings", "cookie"),
    [
        ({"access_token": "true"}, None),
        ({}, "consent=true"),
        ({}, "retry=detail; consent=true"),
    ],
    ids=["a token", "a cookie", "several cookies"],
)
def test_a_common_word_as_a_credential_spoils_no_body(
    make_client: MakeClient, wire: Wire, settings: dict[str, str], cookie: str | None
) -> None:
    """A body that contains the word is still JSON, and `data` is still the model."""
    body = '{"detail": "later", "retry": true}'
    wire.play(reply(answer(body.encode(), 503)))
    client = make_client(wire.url, retries=0, **settings)
    client.cookie = cookie
    with pytest.raises(ServiceException, match="later") as caught:
        CreditsApi(client).get_credits(auth_token="true")
    assert caught.value.body == body
    assert isinstance(caught.value.data, ErrorResponse)
    assert caught.value.data.detail == "later"


@pytest.mark.parametrize("token", ["token", "invalid", "a", "expired"])
def test_a_short_credential_is_not_struck_out_of_words(
    make_api: MakeApi, wire: Wire, token: str
) -> None:
    """The message of the service reads as it was written."""
    wire.play(reply(answer(b'{"detail": "invalid_token: expired"}', 401)))
    with pytest.raises(UnauthorizedException) as caught:
        make_api(wire.url, access_token=token).get_credits()
    assert "invalid_token: expired" in str(caught.value)
    assert caught.value.body == '{"detail": "invalid_token: expired"}'


ECHOES: dict[str, Callable[[CreditsApi], object]] = {
    "the token": lambda api: api.get_credits(),
    "a cookie": lambda api: api.get_credits(auth_token=COOKIE),
    "_request_auth": lambda api: api.get_credits_api_v1_credits_get(
        _request_auth={"in": "header", "key": "X-Api-Key", "value": COOKIE}
    ),
    "_headers": lambda api: api.get_credits_api_v1_credits_get(
        _headers={"X-Api-Key": COOKIE}
    ),
}


@pytest.mark.parametrize("call", ECHOES.values(), ids=ECHOES)
def test_an_echoed_credential_is_struck_out_of_the_message(
    make_api: MakeApi, wire: Wire, call: Callable[[CreditsApi], object]
) -> None:
    """The line that is logged does not show it; `body` and `data` are what came."""
    detail = f"{TOKEN} and {COOKIE} are unknown"
    sent = TOKEN if call is ECHOES["the token"] else COOKIE
    body = json.dumps({"detail": detail})
    wire.play(reply(answer(body.encode(), 403)))
    with pytest.raises(ApiException) as caught:
        call(make_api(wire.url))
    assert "are unknown" in str(caught.value)
    assert sent not in str(caught.value)
    assert sent not in repr(caught.value)
    assert caught.value.body == body
    assert isinstance(caught.value.data, ErrorResponse)
    assert caught.value.data.detail == detail


@pytest.mark.parametrize(
    ("token", "shown"),
    [("abc-1234", False), ("abc-123", True)],
    ids=["eight characters", "seven characters"],
)
def test_a_credential_is_struck_out_from_eight_characters_on(
    make_api: MakeApi, wire: Wire, token: str, *, shown: bool
) -> None:
    """Shorter ones may be words, and are no protection anyway."""
    wire.play(reply(answer(f'{{"detail": "bad {token}!"}}'.encode(), 403)))
    with pytest.raises(ApiException) as caught:
        make_api(wire.url, access_token=token).get_credits()
    assert (token in str(caught.value)) is shown


def test_a_part_of_a_credential_is_not_struck_out(
    make_api: MakeApi, wire: Wire
) -> None:
    """Only the whole credential counts, not what happens to be in it."""
    wire.play(reply(answer(b'{"detail": "production is down"}', 403)))
    with pytest.raises(ApiException, match="production is down"):
        make_api(wire.url, access_token="production-4711-token").get_credits()


# ---- Copies


def test_a_deep_copy_shares_no_dictionary() -> None:
    """A change to the copy's headers leaves the original alone, and the other way."""
    original = Configuration(proxy_headers={"X-Team": "blue"}, access_token=TOKEN)
    duplicate = copy.deepcopy(original)

    duplicate.proxy_headers["X-Floor"] = "3"  # type: ignore[index]
    original.proxy_headers["X-Room"] = "7"  # type: ignore[index]

    assert original.proxy_headers == {"X-Team": "blue", "X-Room": "7"}
    assert duplicate.proxy_headers == {"X-Team": "blue", "X-Floor": "3"}
    assert duplicate.access_token == TOKEN


def test_a_deep_copy_of_a_subclass_shares_none_of_its_attributes() -> None:
    """Lists and dictionaries that a subclass adds are copied, too."""

    class Mine(Configuration):
        """A configuration with an attribute of its own."""

        def __init__(self) -> None:
            super().__init__(access_token=TOKEN)
            self.tags = {"team": ["blue"]}

    original = Mine()
    duplicate = copy.deepcopy(original)
    duplicate.tags["team"].append("red")
    assert type(duplicate) is Mine
    assert original.tags == {"team": ["blue"]}


def test_a_deep_copy_shares_what_cannot_be_copied() -> None:
    """A TLS context and a token source are the same objects in the copy."""
    context = ssl.create_default_context()
    source = lambda: TOKEN  # noqa: E731  # a callable without a name
    original = Configuration(ssl_context=context, access_token=source, retries=1)
    duplicate = copy.deepcopy(original)
    assert duplicate.ssl_context is context
    assert duplicate.access_token is source
    duplicate.retries = 0
    assert original.retries == 1


def test_a_deep_copy_of_retries_is_independent() -> None:
    """A `urllib3.Retry` in the copy does what the original's does."""
    original = Configuration(retries=urllib3.Retry(4, status_forcelist=[418]))
    duplicate = copy.deepcopy(original)
    assert isinstance(duplicate.retries, urllib3.Retry)
    assert duplicate.retries.total == 4
    assert duplicate.retries.status_forcelist == [418]


# ---- Schemas and dumps

WHOLE_NUMBERS = ["total_credits", "used_credits", "remaining_credits"]
OPTIONAL_NUMBERS = ["free_credits", "days_until_reset"]


def check_schema(properties: dict[str, Any]) -> None:
    """Check that whole numbers are integers, and nothing beside."""
    for name in WHOLE_NUMBERS:
        assert properties[name]["type"] == "integer"
        assert "anyOf" not in properties[name]
    assert properties["purchased_credits"]["type"] == "integer"
    for name in OPTIONAL_NUMBERS:
        kinds = [each["type"] for each in properties[name]["anyOf"]]
        assert kinds == ["integer", "null"]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_of_a_whole_number_is_integer(mode: Any) -> None:
    """Tools and language models are told `integer`, coming and going."""
    check_schema(CreditResponse.model_json_schema(mode=mode)["properties"])
    adapter = pydantic.TypeAdapter(list[CreditResponse])
    definitions = adapter.json_schema(mode=mode)["$defs"]
    check_schema(definitions["CreditResponse"]["properties"])


def test_fastapi_documents_whole_numbers_as_integers() -> None:
    """An application that returns or takes the model shows integers in its document."""
    app = fastapi.FastAPI()

    @app.post("/credits")
    def forward(credits: CreditResponse) -> CreditResponse:
        return credits

    schemas = app.openapi()["components"]["schemas"]
    for name, schema in schemas.items():
        if name.startswith("CreditResponse"):
            check_schema(schema["properties"])


@pytest.mark.parametrize("name", sorted(CREDITS))
def test_a_dump_excludes_by_wire_name(name: str) -> None:
    """`exclude` takes the names that the dump has, in every form of it."""
    model = CreditResponse.model_validate(CREDITS)
    rest = {key: value for key, value in CREDITS.items() if key != name}
    assert model.model_dump(exclude={name}) == rest
    assert json.loads(model.model_dump_json(exclude={name})) == rest


@pytest.mark.parametrize("name", ["total_credits", "plan_tier"])
def test_a_dump_includes_by_wire_name(name: str) -> None:
    """`include` takes the same names."""
    model = CreditResponse.model_validate(CREDITS)
    assert model.model_dump(include={name}) == {name: CREDITS[name]}


@pytest.mark.parametrize("text", ["{broken", "", "[1", '{"total_credits": }'])
def test_broken_json_is_a_value_error(text: str) -> None:
    """`from_json` raises a `ValueError`, as the one of a generated client does."""
    with pytest.raises(ValueError, match=r"."):
        CreditResponse.from_json(text)


# ---- The raw response

BODIES = {
    "with a length": answer(),
    "in chunks": chunked(CREDITS_BODY[:20], CREDITS_BODY[20:]),
    "compressed": answer(
        gzip.compress(CREDITS_BODY), headers=[("Content-Encoding", "gzip")]
    ),
    "an error": answer(CREDITS_BODY, 500),
}

READERS: dict[str, Callable[[Any], bytes]] = {
    "response.read()": lambda answered: answered.response.read(),
    "response.data": lambda answered: answered.response.data,
    "response.json()": lambda answered: json.dumps(answered.response.json()).encode(),
    "response.stream()": lambda answered: b"".join(answered.response.stream(7)),
    "read()": lambda answered: answered.read(),
    "data after read()": lambda answered: answered.read() and answered.data,
    "response.data after read()": lambda answered: (
        answered.read() and answered.response.data
    ),
    "read() after response.data": lambda answered: (
        answered.response.data and answered.read()
    ),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
def test_the_raw_response_of_call_api_has_the_body(
    make_client: MakeClient, wire: Wire, sent: bytes, read: Callable[[Any], bytes]
) -> None:
    """What urllib3 offers to read a body gives the bytes, as in a generated client."""
    wire.play(reply(sent))
    client = make_client(wire.url, retries=0)
    answered = client.call_api(*client.param_serialize("GET", "/api/v1/credits"))
    assert read(answered) == CREDITS_BODY


def test_a_raw_response_that_is_read_leaves_the_connection_usable(
    make_client: MakeClient, wire: Wire
) -> None:
    """Reading the raw response gives its connection back for the next call."""
    client = make_client(wire.url)
    request = client.param_serialize("GET", "/api/v1/credits")
    for _ in range(3):
        assert client.call_api(*request).response.read() == CREDITS_BODY
    assert wire.connections == 1


UNREAD_READERS: dict[str, Callable[[urllib3.BaseHTTPResponse], bytes]] = {
    "read()": lambda response: response.read(),
    "read(7)": lambda response: b"".join(iter(lambda: response.read(7), b"")),
    "read1()": lambda response: b"".join(iter(lambda: response.read1(), b"")),
    "stream()": lambda response: b"".join(response.stream()),
    "data": lambda response: response.data,
    "iteration": b"".join,
}


@pytest.mark.parametrize("read", UNREAD_READERS.values(), ids=UNREAD_READERS)
def test_an_unread_body_without_a_length_is_read_to_its_end(
    make_api: MakeApi, wire: Wire, read: Callable[[urllib3.BaseHTTPResponse], bytes]
) -> None:
    """The end of the connection is the end of the body, for every way to read it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    wire.play(reply(head, CREDITS_BODY, CLOSE))
    api = make_api(wire.url)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    assert read(response) == CREDITS_BODY


# ---- What is sent


class Login(pydantic.BaseModel):
    """A model of a user's own, with secrets."""

    user: str
    password: pydantic.SecretStr
    pin: pydantic.SecretBytes | None = None
    others: list[pydantic.SecretStr] = []


class Outer(pydantic.BaseModel):
    """A model that has such a model inside."""

    login: Login


LOGIN = Login(
    user="ada",
    password=pydantic.SecretStr("pw-1"),
    pin=pydantic.SecretBytes(b"1234"),
    others=[pydantic.SecretStr("pw-2")],
)

WRITTEN = {"user": "ada", "password": "pw-1", "pin": "1234", "others": ["pw-2"]}

SECRET_BODIES: dict[str, tuple[object, object]] = {
    "a model": (LOGIN, WRITTEN),
    "a model in a model": (Outer(login=LOGIN), {"login": WRITTEN}),
    "a model in a list": ([LOGIN], [WRITTEN]),
    "a model in a dictionary": ({"login": LOGIN}, {"login": WRITTEN}),
    "a secret in a dictionary": ({"password": LOGIN.password}, {"password": "pw-1"}),
    "a secret in a list": ([LOGIN.password], ["pw-1"]),
}


@pytest.mark.parametrize(("body", "sent"), SECRET_BODIES.values(), ids=SECRET_BODIES)
def test_a_secret_in_a_body_is_sent_as_its_value(
    make_client: MakeClient, wire: Wire, body: object, sent: object
) -> None:
    """Secrets of pydantic reach the service; stars are for people who look on."""
    client = make_client(wire.url)
    request = client.param_serialize("POST", "/x", body=body)
    client.call_api(*request).read()
    client.call_api("POST", f"{wire.url}/x", {}, body).read()
    client.rest_client.request("POST", f"{wire.url}/x", body=body).read()
    bodies = [each.partition(b"\r\n\r\n")[2] for each in wire.requests]
    assert [json.loads(each) for each in bodies] == [sent, sent, sent]


def test_a_secret_in_a_form_is_sent_as_its_value(
    make_client: MakeClient, wire: Wire
) -> None:
    """The fields of a form take pydantic's secrets, too."""
    client = make_client(wire.url)
    request = client.param_serialize(
        "POST",
        "/x",
        header_params={"Content-Type": "application/x-www-form-urlencoded"},
        post_params={"user": "ada", "password": LOGIN.password},
    )
    client.call_api(*request).read()
    assert wire.requests[0].endswith(b"\r\n\r\nuser=ada&password=pw-1")


# ---- A success that no map declares


@pytest.mark.parametrize(
    "types",
    [
        None,
        {},
        {"404": "ErrorResponse"},
        {"4XX": ErrorResponse, "422": "HTTPValidationError"},
    ],
    ids=["no map", "an empty map", "a status of an error", "a class of errors"],
)
@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"deleted": true}'), (202, b"accepted"), (204, b""), (200, b"")],
    ids=["json", "text", "no content", "an empty body"],
)
def test_an_undeclared_success_is_none(
    make_client: MakeClient, wire: Wire, status: int, body: bytes, types: Any
) -> None:
    """A DELETE of which only failures are declared has no data once it is done."""
    wire.play(reply(answer(body, status)))
    client = make_client(wire.url)
    answered = client.call_api(*client.param_serialize("DELETE", "/api/v1/keys/7"))
    answered.read()
    result = client.response_deserialize(answered, types)
    assert result.data is None
    assert result.status_code == status
    assert result.raw_data == body


# ---- No token, and advice after a 401


def test_without_a_token_the_call_is_sent(make_api: MakeApi, wire: Wire) -> None:
    """A sidecar may add the token, and a mock needs none: nothing is refused here."""
    assert make_api(wire.url, access_token=None).get_credits().total == 1000
    assert b"authorization" not in wire.requests[0].lower()
    assert b"cookie" not in wire.requests[0].lower()


def ask_with_token(api: CreditsApi) -> None:
    """Call with a token in the configuration."""
    api.api_client.configuration.access_token = "wrong-token-4711"
    api.get_credits()


def ask_with_source(api: CreditsApi) -> None:
    """Call with a callable in the configuration."""
    api.api_client.configuration.access_token = lambda: "wrong-token-4711"
    api.get_credits()


def ask_with_empty_source(api: CreditsApi) -> None:
    """Call with a callable that has no token to give."""
    api.api_client.configuration.access_token = lambda: None
    api.get_credits()


def ask_with_argument(api: CreditsApi) -> None:
    """Call with a token of its own."""
    api.get_credits(access_token="wrong-token-4711")  # type: ignore[call-arg]


def ask_with_cookie(api: CreditsApi) -> None:
    """Call with the cookie alone."""
    api.get_credits(auth_token="wrong-cookie-4711")


def ask_with_client_cookie(api: CreditsApi) -> None:
    """Call with a cookie of the client alone."""
    api.api_client.cookie = "auth_token=wrong-cookie-4711"
    api.get_credits()


def ask_with_request_auth(place: str) -> Callable[[CreditsApi], object]:
    """Call with credentials given as generated code gives them."""
    auth = {"in": place, "key": "x-api-key", "value": "wrong-key-4711"}
    return lambda api: api.get_credits_api_v1_credits_get(_request_auth=auth)


ADVICE: dict[str, tuple[Callable[[CreditsApi], object], str]] = {
    "a token": (ask_with_token, r"access_token"),
    "a token of the call": (ask_with_argument, r"access_token"),
    "a source": (ask_with_source, r"source"),
    "a source without a token": (ask_with_empty_source, r"source"),
    "a cookie": (ask_with_cookie, r"auth_token"),
    "a cookie of the client": (ask_with_client_cookie, r"cookie"),
    "a header by _request_auth": (ask_with_request_auth("header"), r"_request_auth"),
    "a cookie by _request_auth": (ask_with_request_auth("cookie"), r"_request_auth"),
    "a query by _request_auth": (ask_with_request_auth("query"), r"_request_auth"),
    "nothing": (lambda api: api.get_credits(), r"No access token was set"),
}


@pytest.mark.parametrize(("call", "says"), ADVICE.values(), ids=ADVICE)
def test_a_401_names_what_was_used(
    make_api: MakeApi, service: Service, call: Callable[[CreditsApi], object], says: str
) -> None:
    """The advice is about the credential of this call."""
    with pytest.raises(UnauthorizedException, match=says) as caught:
        call(make_api(service.url, access_token=None))
    assert "4711" not in str(caught.value)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "call",
    [
        ask_with_source,
        ask_with_cookie,
        ask_with_client_cookie,
        ask_with_request_auth("header"),
        ask_with_request_auth("cookie"),
        ask_with_request_auth("query"),
    ],
    ids=[
        "a source",
        "a cookie",
        "a cookie of the client",
        "a header by _request_auth",
        "a cookie by _request_auth",
        "a query by _request_auth",
    ],
)
def test_a_401_does_not_advise_what_would_not_help(
    make_api: MakeApi, service: Service, call: Callable[[CreditsApi], object]
) -> None:
    """Whoever uses another credential is not told to set the environment's token."""
    with pytest.raises(UnauthorizedException) as caught:
        call(make_api(service.url, access_token=None))
    assert "set ACCESS_TOKEN" not in str(caught.value)


def test_a_401_without_a_token_says_how_to_set_one(service: Service) -> None:
    """Whoever has set none is told of the variable and of the setting."""
    with (
        ApiClient(Configuration(host=service.url)) as client,
        pytest.raises(UnauthorizedException) as caught,
    ):
        CreditsApi(client).get_credits()
    assert "ACCESS_TOKEN" in str(caught.value)
    assert "access_token" in str(caught.value)
