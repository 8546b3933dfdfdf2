"""The generated skeleton: its steps work alone, on their own, pickled and replaced."""

import copy
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from at_client import (
    ApiClient,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditResponse,
    CreditsApi,
)
from at_client.exceptions import NotFoundException
from at_client.headers import Secret
from support.ending import good_call
from support.facts import CREDITS, CREDITS_BODY, TOKEN
from support.makers import MakeClient
from support.wire import Wire, answer, reply

OAUTH = ["OAuth2PasswordBearer"]
OFFLINE = "https://api.example.com"
BY_QUERY = {"in": "query", "key": "key", "value": "SECRET"}


@pytest.fixture
def offline(make_client: MakeClient) -> ApiClient:
    """A client that writes and reads, and sends nothing."""
    return make_client(OFFLINE)


def test_a_request_has_five_parts(offline: ApiClient) -> None:
    """Method, URL, headers, body and form fields, as generated code unpacks them; secrets are wrapped."""
    method, url, headers, body, fields = offline.param_serialize(
        "post",
        "/v1/{id}",
        {"id": "a/b"},
        {"q": [1, 2]},
        {"X-One": 1},
        {"when": None},
        auth_settings=OAUTH,
    )
    assert (method, url) == ("POST", f"{OFFLINE}/v1/a%2Fb?q=1&q=2")
    assert headers == {
        "User-Agent": "at-client/1.0.0",
        "X-One": 1,
        "Authorization": f"Bearer {TOKEN}",
    }
    assert isinstance(headers["Authorization"], Secret)
    assert (body, fields) == ({"when": None}, [])


@pytest.mark.parametrize(
    "way",
    [lambda made: pickle.loads(pickle.dumps(made)), copy.deepcopy],  # noqa: S301
)  # our own bytes
def test_a_request_with_a_source_can_be_stored(
    wire: Wire, make_client: MakeClient, way: Callable[[Any], Any]
) -> None:
    """The source is asked when the request is sent, by the client that sends it."""
    client = make_client(wire.url, access_token=lambda: TOKEN)
    request = way(client.param_serialize("GET", "/api/v1/credits", auth_settings=OAUTH))
    assert client.call_api(*request).status == 200
    assert f"Authorization: Bearer {TOKEN}".encode() in wire.requests[0]


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
    """It is urllib3's, redirects included."""
    manager = make_client(wire.url).rest_client.pool_manager
    wire.play(reply(answer(b"", 302, headers=[("Location", "/elsewhere")])))
    assert manager.request("GET", wire.url).status == 200
    assert wire.requests[1].startswith(b"GET /elsewhere ")
    manager.clear()


def test_any_object_plays_a_response(offline: ApiClient) -> None:
    """With `status`, `reason`, `headers` or `getheaders()`, and `data` as bytes or text, maybe still to be read."""
    unread = mock.Mock(status=200, reason="OK", data=None, headers={})
    unread.read.side_effect = lambda: setattr(unread, "data", CREDITS_BODY)
    read = mock.Mock(status=200, reason="OK", data=CREDITS_BODY.decode(), headers={})
    for made in (unread, read):
        assert (
            offline.response_deserialize(made, {"200": CreditResponse}).data.remaining
            == 750
        )
    old = SimpleNamespace(
        status=404,
        reason="gone",
        data=b'{"detail": "x"}',
        getheaders=lambda: {"A": "b"},
    )
    with pytest.raises(NotFoundException) as caught:
        offline.response_deserialize(old)
    assert (caught.value.headers, caught.value.reason) == ({"A": "b"}, "gone")


def test_small_steps_of_generated_code(offline: ApiClient) -> None:
    """A client writes models as the wire has them, and shows its configuration."""
    models = [CreditResponse.from_dict(CREDITS)]
    assert offline.sanitize_for_serialization({"c": models}) == {"c": [CREDITS]}
    assert (
        repr(offline)
        == f"ApiClient(Configuration(host='{OFFLINE}', access_token=Secret('***')))"
    )


def test_wrong_steps_are_refused(wire: Wire, make_client: MakeClient) -> None:
    """By name, before anything is sent."""
    client = make_client(wire.url)
    write, send = client.param_serialize, client.call_api
    for use, error, says in (
        (lambda: write(5, "/"), ApiValueError, "method"),  # type: ignore[arg-type]
        (lambda: write("GET", "credits"), ApiValueError, "path"),
        (lambda: write("GET", "/", _host="nowhere"), ApiValueError, "_host"),
        (
            lambda: write("GET", "/", _host="http://x.example", _request_auth=BY_QUERY),
            ApiValueError,
            "x.example",
        ),
        (lambda: write("GET", "/", _request_auth=[1]), ApiTypeError, "_request_auth"),  # type: ignore[arg-type]
        (lambda: send("GET", "ftp://x"), ApiValueError, "url"),
        (lambda: send("GET", 5), ApiTypeError, "url"),  # type: ignore[arg-type]
        (lambda: send("GET", wire.url, {"X-Key": "tök"}), ApiValueError, "X-Key"),
        (
            lambda: ApiClient(OFFLINE),
            ApiTypeError,
            "configuration must be a Configuration",
        ),  # type: ignore[arg-type]
        (
            lambda: CreditsApi(Configuration()),
            ApiTypeError,
            "api_client must be an ApiClient",
        ),  # type: ignore[arg-type]
    ):
        with pytest.raises(error, match=says):
            use()
    assert wire.connections == 0
