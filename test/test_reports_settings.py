"""What users reported of bodies, copies, schemas, responses and advice."""

import copy
import gzip
import json
import ssl
from dataclasses import dataclass, field
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


def test_a_deep_copy_shares_no_dictionary() -> None:
    """A change to the copy's headers leaves the original alone, and the other way."""
    original = Configuration(proxy_headers={"X-Team": "blue"})
    duplicate = copy.deepcopy(original)

    duplicate.proxy_headers["X-Floor"] = "3"  # type: ignore[index]
    original.proxy_headers["X-Room"] = "7"  # type: ignore[index]

    assert original.proxy_headers == {"X-Team": "blue", "X-Room": "7"}
    assert duplicate.proxy_headers == {"X-Team": "blue", "X-Floor": "3"}


def test_a_deep_copy_of_a_subclass_shares_none_of_its_attributes() -> None:
    """Lists and dictionaries that a subclass adds are copied, too."""

    class Mine(Configuration):
        """A configuration with an attribute of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.tags = {"team": ["blue"]}

    original = Mine()
    duplicate = copy.deepcopy(original)
    duplicate.tags["team"].append("red")
    assert original.tags == {"team": ["blue"]}


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
    properties = schema["properties"]
    assert properties["total_credits"]["type"] == "integer"
    assert '"number"' not in json.dumps(properties)


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
    request = client.param_serialize("GET", "/api/v1/credits")

    def call() -> Any:
        """Return the raw response of a call."""
        return client.call_api(*request).response

    assert call().read() == CREDITS_BODY
    assert call().data == CREDITS_BODY
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


@pytest.mark.parametrize(
    ("status", "body", "types"),
    [
        (200, b'{"deleted": true}', {"404": "ErrorResponse"}),
        (202, b"accepted", {"4XX": ErrorResponse}),
        (204, b"", {}),
        (200, b"", None),
    ],
    ids=[
        "a status of an error",
        "a class of errors",
        "an empty map",
        "no map",
    ],
)
def test_an_undeclared_success_is_none(
    make_client: MakeClient, wire: Wire, status: int, body: bytes, types: Any
) -> None:
    """A DELETE of which only failures are declared has no data once it is done."""
    wire.play(reply(answer(body, status)))
    client = make_client(wire.url)
    request = client.param_serialize("DELETE", "/api/v1/keys/7")

    response = client.call_api(*request)
    result = client.response_deserialize(response, types)

    assert result.data is None
    assert result.status_code == status
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


def request_auth(place: str, name: str = "x-api-key") -> dict[str, Any]:
    """Write credentials of a call as generated code gives them."""
    return {"_request_auth": {"in": place, "key": name, "value": WRONG}}


@dataclass(frozen=True)
class Used:
    """What a call has for its credentials, and what the advice names."""

    says: str
    token: Any = None
    arguments: dict[str, Any] = field(default_factory=dict)
    cookie: str | None = None


CREDENTIALS = {
    "nothing": Used("No access token was set: set ACCESS_TOKEN"),
    "a token": Used("access_token (ACCESS_TOKEN) is wrong", token=WRONG),
    "a source": Used("source", token=lambda: WRONG),
    "a source without a token": Used("source", token=no_token),
    "a cookie": Used("auth_token", arguments={"auth_token": WRONG}),
    "a cookie of the client": Used("cookie", cookie=f"auth_token={WRONG}"),
    "a header of the call": Used("_request_auth", arguments=request_auth("header")),
    "a cookie of the call": Used("_request_auth", arguments=request_auth("cookie")),
    "a header of the call without a telling name": Used(
        "_request_auth", token=WRONG, arguments=request_auth("header", "X-Any")
    ),
    "a query of the call": Used("_request_auth", arguments=request_auth("query")),
}


@pytest.mark.parametrize("used", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_401_names_what_was_used(
    make_api: MakeApi, service: Service, used: Used
) -> None:
    """The advice is about the credential of this call, and about no other."""
    api = make_api(service.url, access_token=used.token)
    api.api_client.cookie = used.cookie

    with pytest.raises(UnauthorizedException) as caught:
        api.get_credits_api_v1_credits_get(**used.arguments)

    message = str(caught.value)
    assert used.says in message
    assert ("ACCESS_TOKEN" in message) is ("ACCESS_TOKEN" in used.says)
    assert WRONG not in message
    assert len(service.requests) == 1


def test_a_401_names_the_token_of_the_call(make_api: MakeApi, service: Service) -> None:
    """A token of the call is named by its argument."""
    api = make_api(service.url, access_token=None)
    with pytest.raises(UnauthorizedException, match="access_token"):
        api.get_credits(access_token=WRONG)
