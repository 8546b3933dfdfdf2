"""What users reported of bodies, copies, schemas, responses and advice."""

import copy
import gzip
import json
import ssl
from typing import Any

import fastapi
import pydantic
import pytest

from at_client import (
    ApiException,
    Configuration,
    CreditResponse,
    CreditsApi,
    ErrorResponse,
    ServiceException,
    UnauthorizedException,
)
from support.ending import good_call
from support.facts import COOKIE, CREDITS, CREDITS_BODY, TOKEN, secrets_in
from support.makers import MakeApi, MakeClient
from support.service import Service
from support.wire import Wire, answer, chunked, reply

# ---- Bodies of errors stay as they came


def test_a_common_word_as_a_credential_spoils_no_body(
    make_client: MakeClient, wire: Wire
) -> None:
    """A body that contains the word is still JSON, and `data` is still the model."""
    body = b'{"detail": "later", "retry": true}'
    wire.play(reply(answer(body, 503)))
    client = make_client(wire.url, retries=0, access_token="true")
    client.cookie = "retry=detail; consent=true"

    with pytest.raises(ServiceException, match="later") as caught:
        CreditsApi(client).get_credits(auth_token="true")

    error = caught.value
    assert error.body == body.decode()
    assert error.data.detail == "later"


def test_an_echoed_credential_is_struck_out_of_the_message(
    make_api: MakeApi, wire: Wire
) -> None:
    """The line that is logged does not show it; `body` and `data` are what came."""
    detail = f"{TOKEN} and {COOKIE} are unknown"
    body = json.dumps({"detail": detail})
    wire.play(reply(answer(body.encode(), 403)))

    with pytest.raises(ApiException, match="are unknown") as caught:
        make_api(wire.url).get_credits(auth_token=COOKIE)

    error = caught.value
    assert secrets_in(f"{error} {error!r}") == []
    assert error.body == body
    assert error.data.detail == detail


# ---- Copies


class Tagged(Configuration):
    """A configuration with an attribute of its own."""

    tags: list[str]


def test_a_deep_copy_shares_no_dictionary() -> None:
    """Neither headers nor what a subclass adds belong to the copy and the original."""
    original = Tagged(proxy_headers={"X-Team": "blue"})
    original.tags = ["a"]
    duplicate = copy.deepcopy(original)

    original.proxy_headers["X-Room"] = "7"  # type: ignore[index]
    original.tags.append("b")

    assert duplicate.proxy_headers == {"X-Team": "blue"}
    assert duplicate.tags == ["a"]


def test_a_deep_copy_shares_what_cannot_be_copied() -> None:
    """A TLS context and a token source are the same objects in the copy."""
    context = ssl.create_default_context()
    source = iter([TOKEN]).__next__
    original = Configuration(ssl_context=context, access_token=source)
    duplicate = copy.deepcopy(original)
    assert duplicate.ssl_context is context
    assert duplicate.access_token is source


# ---- Schemas


def test_fastapi_documents_whole_numbers_as_integers() -> None:
    """An application that returns or takes the model shows integers in its document."""
    app = fastapi.FastAPI()

    @app.post("/credits")
    def forward(credits: CreditResponse) -> CreditResponse:
        return credits

    schema = app.openapi()["components"]["schemas"]["CreditResponse"]
    assert schema["properties"]["total_credits"]["type"] == "integer"
    assert '"number"' not in json.dumps(schema)


# ---- The raw response

BODIES = {
    "with a length": answer(),
    "in chunks": chunked(CREDITS_BODY[:20], CREDITS_BODY[20:]),
    "compressed": answer(
        gzip.compress(CREDITS_BODY),
        headers=[("Content-Encoding", "gzip")],
    ),
    "an error": answer(CREDITS_BODY, 500),
}


@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
def test_the_raw_response_of_call_api_has_the_body(
    make_client: MakeClient, wire: Wire, sent: bytes
) -> None:
    """What urllib3 offers to read a body gives the bytes, as in a generated client."""
    wire.play(otherwise=reply(sent))
    client = make_client(wire.url, retries=0)

    def call() -> Any:
        """Return the raw response of a call."""
        return client.call_api("GET", wire.url).response

    assert call().read() == CREDITS_BODY
    assert call().json() == CREDITS
    assert b"".join(call().stream(7)) == CREDITS_BODY


# ---- What is sent


class Login(pydantic.BaseModel):
    """A model of a user's own, with a secret."""

    password: pydantic.SecretStr


def test_a_secret_in_a_body_is_sent_as_its_value(
    make_client: MakeClient, wire: Wire
) -> None:
    """Secrets of pydantic reach the service; stars are for people who look on."""
    login = Login(password=pydantic.SecretStr("pw-1"))
    body = {"user": "ada", "logins": [login]}
    client = make_client(wire.url)

    client.call_api("POST", f"{wire.url}/x", {}, body)

    written = b'{"user":"ada","logins":[{"password":"pw-1"}]}'
    assert wire.requests[0].endswith(written)


# ---- A success that no map declares


TYPES: dict[str, Any] = {
    "a status of an error": {"404": "ErrorResponse"},
    "a class of errors": {"4XX": ErrorResponse},
    "no map": None,
}


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("body", [b"accepted", b""], ids=["a body", "no body"])
def test_an_undeclared_success_is_none(
    make_client: MakeClient, wire: Wire, body: bytes, types: Any
) -> None:
    """A DELETE of which only failures are declared has no data once it is done."""
    wire.play(reply(answer(body, 202)))
    client = make_client(wire.url)

    response = client.call_api("DELETE", wire.url)
    result = client.response_deserialize(response, types)

    assert result.data is None
    assert result.status_code == 202
    assert result.raw_data == body


# ---- No token, and advice after a 401


def no_token() -> None:
    """Stand for a source that has no token to give."""


@pytest.mark.parametrize("token", [None, no_token])
def test_without_a_token_the_call_is_sent(
    make_api: MakeApi, wire: Wire, token: Any
) -> None:
    """A mock needs none, and a sidecar may add one: here it is a default header."""
    api = make_api(wire.url, access_token=token)
    assert good_call(api)
    assert b"authorization" not in wire.requests[0].lower()

    api.api_client.set_default_header("Authorization", "Bearer mine")
    assert good_call(api)
    assert b"Authorization: Bearer mine\r\n" in wire.requests[1]


WRONG = "wrong-4711"


def request_auth(place: str, name: str) -> dict[str, Any]:
    """Write credentials of a call as generated code gives them."""
    return {"_request_auth": {"in": place, "key": name, "value": WRONG}}


USED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "nothing": (None, {}, "No access token was set: set ACCESS_TOKEN"),
    "a token": (WRONG, {}, "access_token (ACCESS_TOKEN) is wrong"),
    "a source": (lambda: WRONG, {}, "source"),
    "a source without a token": (no_token, {}, "source"),
    "a cookie": (None, {"auth_token": WRONG}, "auth_token"),
    "a header": (WRONG, request_auth("header", "X-Any"), "_request_auth"),
    "a query": (None, request_auth("query", "key"), "_request_auth"),
}
"""What is used -> the token, further arguments, and what the advice says."""


@pytest.mark.parametrize(("token", "arguments", "says"), USED.values(), ids=USED)
def test_a_401_names_what_was_used(
    make_api: MakeApi,
    service: Service,
    token: Any,
    arguments: dict[str, Any],
    says: str,
) -> None:
    """The advice is about the credential of this call, and about no other."""
    api = make_api(service.url, access_token=token)

    with pytest.raises(UnauthorizedException) as caught:
        api.get_credits_api_v1_credits_get(**arguments)

    message = str(caught.value)
    assert says in message
    assert ("ACCESS_TOKEN" in message) is ("ACCESS_TOKEN" in says)
    assert WRONG not in message


def test_a_401_names_the_cookie_of_the_client(
    make_api: MakeApi, service: Service
) -> None:
    """A cookie of the client is named as such."""
    api = make_api(service.url, access_token=None)
    api.api_client.cookie = f"auth_token={WRONG}"
    with pytest.raises(UnauthorizedException, match="cookie"):
        api.get_credits()


def test_a_401_names_the_token_of_the_call(make_api: MakeApi, service: Service) -> None:
    """A token of the call is named by its argument."""
    api = make_api(service.url, access_token=None)
    with pytest.raises(UnauthorizedException, match="access_token"):
        api.get_credits(access_token=WRONG)
