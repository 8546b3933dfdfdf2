"""The skeleton of generated clients: each step works alone, and can be replaced."""

import copy
import io
import pickle
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import urllib3

from at_client import (
    ApiClient,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditResponse,
    CreditsApi,
)
from at_client.exceptions import NotFoundException
from at_client.rest import RESTResponse
from support.ending import good_call
from support.facts import COOKIE, CREDITS_BODY, TOKEN
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


def test_a_request_has_five_parts(offline: ApiClient) -> None:
    """Method, URL, headers, body and form fields are plain values."""
    method, url, headers, body, fields = offline.param_serialize(
        "post",
        "/v1/{id}",
        {"id": "a/b"},
        {"q": [1, 2]},
        {"X-One": 1},
        {"when": None},
        auth_settings=OAUTH,
    )
    assert method == "POST"
    assert url == f"{OFFLINE}/v1/a%2Fb?q=1&q=2"
    assert headers == {
        "User-Agent": offline.user_agent,
        "X-One": 1,
        "Authorization": f"Bearer {TOKEN}",
    }
    assert body == {"when": None}
    assert fields == []


def by_pickle(request: Any) -> Any:
    """Copy a request as another process gets it."""
    return pickle.loads(pickle.dumps(request))  # noqa: S301  # our own bytes


@pytest.mark.parametrize("stored", [by_pickle, copy.deepcopy])
def test_a_stored_request_can_still_be_renewed(
    wire: Wire, make_client: MakeClient, stored: Any
) -> None:
    """A token that a source gave is known as such after a pickle or a copy."""
    source = mock.Mock(side_effect=["stale", "stale", TOKEN])
    client = make_client(wire.url, access_token=source)
    request = client.param_serialize("GET", "/api/v1/credits", auth_settings=OAUTH)
    wire.play(reply(answer(b"", 401)))

    assert client.call_api(*stored(request)).status == 200

    assert source.renew.call_count == 1
    assert f"Authorization: Bearer {TOKEN}".encode() in wire.requests[1]


def call_echo(client: ApiClient, method: str, path: str, **parameters: Any) -> Any:
    """Call an operation that the package does not have, by the three steps."""
    request = client.param_serialize(
        method, f"/api/v1/echo/{path}", auth_settings=OAUTH, **parameters
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
        "items/{id}",
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


def test_the_three_steps_send_json(service: Service, make_client: MakeClient) -> None:
    """A body of plain values goes out as JSON, and comes back as the type asked for."""
    body = {"name": "ä", "count": 2}
    assert call_echo(make_client(service.url), "POST", "json", body=body) == body


def test_the_three_steps_send_a_form(service: Service, make_client: MakeClient) -> None:
    """Fields are encoded, and a list repeats its name."""
    form = {"name": "a&b", "colour": ["x", "y"]}
    seen = call_echo(make_client(service.url), "POST", "form", post_params=form)
    assert seen == {"name": "a&b", "colours": ["x", "y"]}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_three_steps_send_any_method(
    service: Service, make_client: MakeClient, method: str
) -> None:
    """Each verb takes bytes as they are, with the token of the configuration."""
    seen = call_echo(make_client(service.url), method, "x", body=b"raw")
    assert seen["method"] == method
    assert seen["body"] == "raw"
    assert seen["headers"]["content-length"] == "3"
    assert seen["headers"]["authorization"] == f"Bearer {TOKEN}"


BY_QUERY = {"in": "query", "key": "key", "value": COOKIE}
FAR = "http://x.example"

WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "method": ({"method": 5}, ApiValueError),
    "_host": ({"_host": "nowhere"}, ApiValueError),
    "x.example": ({"_host": FAR, "_request_auth": BY_QUERY}, ApiValueError),
    "_request_auth": ({"_request_auth": [1]}, ApiTypeError),
}
"""What an error names -> parameters of a request, and the class of the error."""


@pytest.mark.parametrize("named", WRONG)
def test_a_wrong_parameter_is_refused(offline: ApiClient, named: str) -> None:
    """The error names the parameter or the place at fault."""
    parameters, kind = WRONG[named]
    usual = {"method": "GET", "resource_path": "/"}
    with pytest.raises(kind, match=named) as caught:
        offline.param_serialize(**{**usual, **parameters})
    assert COOKIE not in str(caught.value)


# ---- Sending


@pytest.mark.parametrize(
    ("url", "headers", "named"),
    [
        ("ftp://x", {}, "url"),
        (OFFLINE, {"X-Key": "tök"}, "X-Key"),
        (OFFLINE, {"X Key": "x"}, "X Key"),
    ],
)
def test_a_wrong_request_is_not_sent(
    offline: ApiClient, url: str, headers: dict[str, str], named: str
) -> None:
    """`call_api` checks what it is given, wherever it comes from."""
    with pytest.raises(ApiValueError, match=named):
        offline.call_api("GET", url, headers)


def test_a_spied_manager_keeps_to_the_proxy(
    wire: Wire, make_client: MakeClient
) -> None:
    """Whatever looks at the requests of the manager changes nothing about their way."""
    client = make_client("http://127.0.0.2:9", proxy=wire.url)
    manager = client.rest_client.pool_manager
    with mock.patch.object(manager, "request", wraps=manager.request) as spy:
        assert good_call(CreditsApi(client))
    assert spy.call_count == 1
    assert wire.requests[0].startswith(b"GET http://127.0.0.2:9/api/v1/credits ")


def test_the_pool_manager_serves_other_urls(
    wire: Wire, make_client: MakeClient
) -> None:
    """A request by hand is urllib3's, redirects included."""
    manager = make_client(wire.url).rest_client.pool_manager
    wire.play(reply(answer(b"", 302, headers=[("Location", "/elsewhere")])))
    assert manager.request("GET", wire.url).status == 200
    assert wire.requests[1].startswith(b"GET /elsewhere ")
    manager.clear()


# ---- From a response to an answer


def test_an_unread_response_is_read(offline: ApiClient) -> None:
    """A response without its body yet is asked for it."""
    response = mock.Mock(status=200, reason="OK", data=None, headers={})
    response.read.side_effect = lambda: setattr(response, "data", CREDITS_BODY)
    answer = offline.response_deserialize(response, {"200": CreditResponse})
    assert answer.data.remaining == 750


def test_a_response_with_a_text_is_read(offline: ApiClient) -> None:
    """A body that a test double has as text is as good as bytes."""
    text = CREDITS_BODY.decode()
    response = SimpleNamespace(status=200, reason="OK", data=text, headers={})
    answer = offline.response_deserialize(response, {"200": CreditResponse})
    assert answer.data.remaining == 750


def test_a_response_with_getheaders_is_read(offline: ApiClient) -> None:
    """Older generated code has no `headers` on its responses."""
    response = SimpleNamespace(
        status=404,
        reason="gone",
        data=b'{"detail": "x"}',
        getheaders=lambda: {"A": "b"},
    )
    with pytest.raises(NotFoundException) as caught:
        offline.response_deserialize(response)
    assert caught.value.headers == {"A": "b"}
    assert caught.value.reason == "gone"


def test_a_body_that_is_no_text_is_left_out_of_an_error(offline: ApiClient) -> None:
    """A test double may have anything as its body."""
    response = SimpleNamespace(status=404, reason="gone", data=7, headers={})
    with pytest.raises(NotFoundException) as caught:
        offline.response_deserialize(response)
    assert caught.value.body == ""


def test_a_response_made_by_hand_is_read() -> None:
    """`RESTResponse` takes urllib3's response alone, as generated code does."""
    raw = urllib3.HTTPResponse(io.BytesIO(b"body"), status=200, preload_content=False)
    response = RESTResponse(raw)
    assert response.read() == response.data == b"body"


# ---- The client itself


def test_a_client_shows_its_configuration(offline: ApiClient) -> None:
    """Client and operation show the host, and no token."""
    shown = f"ApiClient(Configuration(host='{OFFLINE}', access_token='***'))"
    assert repr(offline) == shown
    assert repr(CreditsApi(offline)) == f"CreditsApi({shown})"


def test_a_client_needs_a_configuration() -> None:
    """A host alone is not one; the error says what came."""
    host: Any = OFFLINE
    with pytest.raises(ApiTypeError, match="must be a Configuration, not str"):
        ApiClient(host)


def test_an_operation_needs_a_client() -> None:
    """A configuration in the place of a client is refused at once."""
    configuration: Any = Configuration()
    with pytest.raises(ApiTypeError, match="must be an ApiClient, not Configuration"):
        CreditsApi(configuration)


def test_assigning_a_configuration_moves_the_client(
    wire: Wire, offline: ApiClient
) -> None:
    """The next call goes to the host of the configuration that was assigned."""
    offline.configuration = Configuration(wire.url, TOKEN)
    assert good_call(CreditsApi(offline))


def test_default_instances_are_used_where_none_is_given() -> None:
    """Operation, client and configuration fall back to their defaults."""
    client = ApiClient.get_default()
    try:
        assert CreditsApi().api_client is client
        assert client.configuration is Configuration.get_default()
    finally:
        ApiClient.set_default(None)
        Configuration.set_default(None)


def test_an_empty_cookie_is_none(offline: ApiClient) -> None:
    """The cookie of a client can be taken away again."""
    offline.cookie = "a=1"
    assert offline.cookie == "a=1"
    offline.cookie = ""
    assert offline.cookie is None
