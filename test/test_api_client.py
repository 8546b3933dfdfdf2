"""The skeleton of generated clients: each step works alone, and can be replaced."""

import pickle
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from at_client import (
    ApiClient,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
)
from at_client.exceptions import NotFoundException
from support.ending import good_call
from support.facts import COOKIE, TOKEN
from support.makers import MakeClient
from support.service import Service
from support.wire import Wire, answer, reply

OAUTH = ["OAuth2PasswordBearer"]
OFFLINE = "https://api.example.com"


@pytest.fixture
def offline(make_client: MakeClient) -> ApiClient:
    """A client that writes and reads, and sends nothing."""
    return make_client(OFFLINE)


# ---- From parameters to a request


def test_a_stored_request_can_still_be_renewed(
    wire: Wire, make_client: MakeClient
) -> None:
    """A token that a source gave is known as such after a pickle."""
    source = mock.Mock(side_effect=["stale", "stale", TOKEN])
    client = make_client(wire.url, access_token=source)
    request = client.param_serialize("GET", "/api/v1/credits", auth_settings=OAUTH)
    stored = pickle.dumps(request)
    wire.play(reply(answer(b"", 401)))

    response = client.call_api(*pickle.loads(stored))  # noqa: S301  # our own bytes

    assert response.status == 200

    assert source.renew.call_count == 1
    assert f"Authorization: Bearer {TOKEN}".encode() in wire.requests[1]


def call_echo(client: ApiClient, method: str, path: str, **parameters: Any) -> Any:
    """Call an operation that the package does not have, by the three steps."""
    request = client.param_serialize(
        method, f"/api/v1/echo{path}", auth_settings=OAUTH, **parameters
    )
    response = client.call_api(*request)
    return client.response_deserialize(response, {"2XX": dict[str, Any]}).data


def test_the_three_steps_send_every_kind_of_parameter(
    service: Service, make_client: MakeClient
) -> None:
    """Path, query, headers and cookies arrive as FastAPI reads them."""
    seen = call_echo(
        make_client(service.url),
        "GET",
        "/items/{id}",
        path_params={"id": 7},
        query_params={"tag": ["a b", "ä"]},
        header_params={"X-Note": "hello"},
        cookie_params={"flavour": "oat"},
    )
    assert seen == {
        "item_id": 7,
        "tags": ["a b", "ä"],
        "note": "hello",
        "flavour": "oat",
    }


def test_the_three_steps_send_forms(service: Service, make_client: MakeClient) -> None:
    """The fields of a form are encoded, and a list repeats its name."""
    form = {"name": "a&b", "colour": ["x", "y"]}

    seen = call_echo(make_client(service.url), "POST", "/form", post_params=form)

    assert seen == {"name": "a&b", "colours": ["x", "y"]}


BY_QUERY = {
    "in": "query",
    "key": "key",
    "value": COOKIE,
}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a method of two words": ({"method": "GET x"}, "method must be a single word"),
    "a list in one value": (
        {"collection_formats": {"tag": "csv"}},
        "collection_formats .* for tag",
    ),
    "a host that is no URL": ({"_host": "nowhere"}, "_host must be a URL"),
    "credentials in a list": ({"_request_auth": [1]}, "_request_auth must be"),
    "a credential in the open": (
        {"_host": "http://x.example", "_request_auth": BY_QUERY},
        "unencrypted to .*x.example",
    ),
}


@pytest.mark.parametrize(("parameters", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_parameter_is_refused(
    offline: ApiClient, parameters: dict[str, Any], says: str
) -> None:
    """The error names the parameter or the host at fault, and no credential."""
    usual = {"method": "GET", "resource_path": "/"}
    with pytest.raises((ApiTypeError, ApiValueError), match=says) as caught:
        offline.param_serialize(**usual | parameters)
    assert COOKIE not in str(caught.value)


def test_a_token_replaces_a_header_of_its_name(offline: ApiClient) -> None:
    """The configured token goes out alone, whatever the case of the other header."""
    given = {"authorization": "Bearer other"}
    _, _, headers, *_ = offline.param_serialize(
        "GET", "/", header_params=given, auth_settings=OAUTH
    )

    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in headers


# ---- From a response to an answer


def test_an_unread_response_is_read(offline: ApiClient) -> None:
    """A response without its body yet is asked for it."""
    response = mock.Mock(status=200, reason="OK", data=None, headers={})
    response.read.side_effect = lambda: setattr(response, "data", b"[1]")
    assert offline.response_deserialize(response, {"200": list[int]}).data == [1]


def test_a_response_with_getheaders_is_read(offline: ApiClient) -> None:
    """Older generated code has no `headers`, and a test double may have a text."""
    response = SimpleNamespace(
        status=404,
        reason="gone",
        data="text",
        getheaders=lambda: {"A": "b"},
    )
    with pytest.raises(NotFoundException) as caught:
        offline.response_deserialize(response)
    assert caught.value.headers == {"A": "b"}
    assert caught.value.body == "text"


# ---- The client itself


def test_a_client_shows_its_configuration(offline: ApiClient) -> None:
    """Client and operation show the host, and no token."""
    shown = f"ApiClient(Configuration(host='{OFFLINE}', access_token='***'))"
    assert repr(offline) == shown
    assert repr(CreditsApi(offline)) == f"CreditsApi({shown})"


def test_a_client_needs_a_configuration_and_an_operation_a_client() -> None:
    """The error says what came instead."""
    wrong: Any = OFFLINE
    with pytest.raises(ApiTypeError, match="must be a Configuration, not str"):
        ApiClient(wrong)
    with pytest.raises(ApiTypeError, match="must be an ApiClient, not str"):
        CreditsApi(wrong)


def test_assigning_a_configuration_moves_the_client(
    wire: Wire, offline: ApiClient
) -> None:
    """The next call goes to the host that was assigned, by another transport."""
    replaced = offline.rest_client
    offline.configuration = Configuration(wire.url, TOKEN)

    assert good_call(CreditsApi(offline))
    assert offline.rest_client is not replaced


def test_an_empty_cookie_is_none(offline: ApiClient) -> None:
    """The cookie of a client can be taken away again."""
    offline.cookie = "a=1"
    offline.cookie = ""
    assert offline.cookie is None


def test_a_refusal_brings_no_other_error_along() -> None:
    """What was handled inside has frames, with the values that were passed."""
    with pytest.raises(ApiTypeError) as caught:
        ApiClient().param_serialize("GET", "/", header_params={1: "SECRET"})  # type: ignore[dict-item]  # wrong

    assert caught.value.__context__ is None
