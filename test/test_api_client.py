"""The generated skeleton: its steps work alone, on their own, overridden, patched, pickled and replaced."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import urllib3

from at_client import (
    ApiClient,
    ApiDecodeException,
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    Configuration,
    CreditResponse,
    CreditsApi,
    ErrorResponse,
    HTTPValidationError,
    NotFoundException,
)
from at_client.headers import Secret
from support.ending import good_call
from support.facts import CREDITS_BODY, TOKEN
from support.wire import CLOSE, Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OAUTH = ["OAuth2PasswordBearer"]
OFFLINE = "https://api.example.com"
TYPES = {"200": CreditResponse, "500": ErrorResponse, "422": HTTPValidationError}


def offline(**settings: Any) -> ApiClient:
    return ApiClient(Configuration(OFFLINE, TOKEN, **settings))


def response(status: int, data: bytes | str, **parts: Any) -> Any:
    """Make what a user's test makes in the place of a response."""
    return SimpleNamespace(status=status, reason="made", data=data, **({"headers": {}} | parts))


def test_a_request_has_five_parts() -> None:
    """Method, URL, headers, body and form fields, as generated code unpacks them; secrets are wrapped."""
    method, url, headers, body, fields = offline().param_serialize(
        "post", "/v1/{id}", {"id": "a/b"}, {"q": [1, 2]}, {"X-One": 1}, {"when": None}, auth_settings=OAUTH
    )
    assert (method, url) == ("POST", f"{OFFLINE}/v1/a%2Fb?q=1&q=2")
    assert headers == {"User-Agent": "at-client/1.0.0", "X-One": 1, "Authorization": f"Bearer {TOKEN}"}
    assert isinstance(headers["Authorization"], Secret)
    assert (body, fields) == ({"when": None}, [])


@pytest.mark.parametrize(
    ("given", "sent", "content_type"),
    [
        ({"body": {"a": [1]}}, b'{"a":[1]}', b"application/json"),
        ({"body": [1, 2]}, b"[1,2]", b"application/json"),
        ({"body": 7}, b"7", b"application/json"),
        ({"body": b"raw"}, b"raw", b"application/octet-stream"),
        ({"body": "x", "header_params": {"content-type": "text/plain"}}, b"x", b"text/plain"),
        ({"post_params": [("a", 1), ("b", "x y")]}, b"a=1&b=x+y", b"application/x-www-form-urlencoded"),
    ],
)
def test_a_body_goes_out_as_its_content_type_says(
    wire: Wire, make_client: Callable[..., ApiClient], given: dict[str, Any], sent: bytes, content_type: bytes
) -> None:
    """JSON by default; through all three steps, as generated code has them."""
    client = make_client(wire.url)
    client.call_api(*client.param_serialize("POST", "/", **given))
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert body == sent
    assert b"content-type: " + content_type in head.lower()


def test_files_go_out_as_a_form(wire: Wire, make_client: Callable[..., ApiClient], tmp_path: Path) -> None:
    """Paths are read; bytes and pairs of a name and bytes are taken as they are."""
    path = tmp_path / "note.txt"
    path.write_bytes(b"from a file")
    client = make_client(wire.url)
    files = {"one": str(path), "two": [b"bytes", ("named.json", b"{}")]}
    headers = {"Content-Type": "multipart/form-data"}
    client.call_api(*client.param_serialize("POST", "/", header_params=headers, post_params={"n": 1}, files=files))
    request = wire.requests[0]
    for part in (b'name="n"', b'filename="note.txt"', b"from a file", b'filename="named.json"', b"application/json"):
        assert part in request


def test_lists_in_headers_and_queries_follow_their_format() -> None:
    """The comma between the items of a csv list stays as it is (OpenAPI, style=form, explode=false)."""
    formats = {"q": "csv", "X-List": "csv"}
    _, url, headers, _, _ = offline().param_serialize(
        "GET", "/", query_params={"q": ["a,b", "c"]}, header_params={"X-List": [1, 2]}, collection_formats=formats
    )
    assert url.endswith("/?q=a%2Cb,c")
    assert headers["X-List"] == "1,2"


def test_cookies_are_joined() -> None:
    """Those of the client, of a header and of the call; a header of the call replaces the client's."""
    client = ApiClient(Configuration(OFFLINE, TOKEN), cookie="jar=1")
    write = client.param_serialize
    assert write("GET", "/", cookie_params={"a": "2"})[2]["Cookie"] == "jar=1; a=2"
    assert write("GET", "/", header_params={"cookie": "b=3"}, cookie_params={"a": "2"})[2]["Cookie"] == "b=3; a=2"
    assert write("GET", "/", header_params={"Cookie": ""}, cookie_params={"a": "2"})[2]["Cookie"] == "a=2"
    by_auth = {"in": "cookie", "key": "s", "value": "4"}
    assert write("GET", "/", _request_auth=by_auth)[2]["Cookie"] == "jar=1; s=4"
    assert "Cookie" not in offline().param_serialize("GET", "/")[2]


def test_credentials_of_a_call_may_be_in_the_query() -> None:
    """As generated code has it; not over plain http to another machine."""
    by_auth = {"in": "query", "key": "k", "value": "v w"}
    assert offline().param_serialize("GET", "/", _request_auth=by_auth)[1] == f"{OFFLINE}/?k=v%20w"
    with pytest.raises(ApiValueError, match="allow_insecure_http"):
        offline().param_serialize("GET", "/", _host="http://x.example", _request_auth=by_auth)


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy], ids=["pickled", "copied"])
def test_a_request_with_a_token_source_can_be_stored(
    wire: Wire, make_client: Callable[..., ApiClient], way: Callable[[Any], Any]
) -> None:
    """The source is asked when the request is sent, by the client that sends it."""
    client = make_client(wire.url, access_token=lambda: TOKEN)
    stored = way(client.param_serialize("GET", "/api/v1/credits", auth_settings=OAUTH))
    request = pickle.loads(stored) if isinstance(stored, bytes) else stored  # noqa: S301  # our own bytes
    assert client.call_api(*request).status == 200
    assert f"Authorization: Bearer {TOKEN}".encode() in wire.requests[0]


def test_default_headers_are_a_dict() -> None:
    """They can be read, copied, replaced and given to another library."""
    client = ApiClient(Configuration(OFFLINE, TOKEN), "X-Api-Key", "key")
    assert dict(client.default_headers) == {"User-Agent": "at-client/1.0.0", "X-Api-Key": "key"}
    client.default_headers = {"X-Mine": "1"}
    assert client.param_serialize("GET", "/")[2] == {"X-Mine": "1"}
    client.user_agent = "mine/2"
    assert (client.user_agent, client.default_headers["User-Agent"]) == ("mine/2", "mine/2")
    with pytest.raises(ApiValueError, match="header X-Bad has characters"):
        client.set_default_header("X-Bad", "a\nb")


def test_the_configuration_may_compute_its_credentials(wire: Wire) -> None:
    """A property, and an override of `auth_settings`, are asked like the setting; own attributes are allowed."""

    class Computed(Configuration):
        def __init__(self, host: str) -> None:
            self.tenant = "blue"
            super().__init__(host)

        @property
        def access_token(self) -> str:  # type: ignore[override]
            return f"{self.tenant}-token"

    class Overridden(Configuration):
        def auth_settings(self) -> dict[str, dict[str, Any]]:
            return {OAUTH[0]: {"in": "header", "key": "X-Own", "value": "own"}}

    for configuration in (Computed(wire.url), Overridden(wire.url)):
        with ApiClient(configuration) as client:
            assert good_call(CreditsApi(client))
    assert b"Authorization: Bearer blue-token" in wire.requests[0]
    assert b"X-Own: own" in wire.requests[1]


def test_an_assigned_pool_manager_is_asked(wire: Wire, make_client: Callable[..., ApiClient]) -> None:
    """A mock, or a manager of one's own; clearing ours opens new connections."""
    client = make_client(wire.url)
    assert good_call(CreditsApi(client))
    client.rest_client.pool_manager.clear()
    assert good_call(CreditsApi(client))
    assert wire.connections == 2
    with urllib3.PoolManager(headers={"X-Theirs": "1"}) as theirs:
        client.rest_client.pool_manager = theirs
        assert good_call(CreditsApi(client))
    made = mock.Mock(status=200, reason="OK", data=CREDITS_BODY, headers={"content-type": "application/json"})
    client.rest_client.pool_manager = mock.Mock(**{"request.return_value": made})
    assert CreditsApi(client).get_credits().remaining == 750
    assert wire.connections == 3


def test_a_spied_manager_keeps_to_the_proxy(wire: Wire, make_client: Callable[..., ApiClient]) -> None:
    """Whatever looks at the requests of the manager changes nothing about their way."""
    client = make_client("http://127.0.0.2:9", proxy=wire.url)
    manager = client.rest_client.pool_manager
    with mock.patch.object(manager, "request", wraps=manager.request) as spy:
        assert good_call(CreditsApi(client))
    assert spy.call_count == 1
    assert wire.requests[0].startswith(b"GET http://127.0.0.2:9/api/v1/credits ")


def test_overrides_with_generated_signatures_work(wire: Wire) -> None:
    """`call_api` and `request` get what generated code passes, and nothing more."""

    class Mine(ApiClient):
        def call_api(self, method, url, header_params=None, body=None, post_params=None, _request_timeout=None):  # type: ignore[no-untyped-def, override]  # noqa: ANN001, ANN202
            return super().call_api(method, url, {**header_params, "X-Mine": "1"}, body, post_params, _request_timeout)

    with Mine(Configuration(wire.url, TOKEN)) as client:
        with mock.patch.object(client.rest_client, "request", wraps=client.rest_client.request) as spy:
            assert good_call(CreditsApi(client), timeout=5.0)
        assert b"X-Mine: 1" in wire.requests[0]
    assert spy.call_args.kwargs["_request_timeout"] == 5.0
    assert spy.call_args.kwargs["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_any_object_plays_a_response() -> None:
    """With `status`, `reason`, `headers` or `getheaders()`, and `data` as bytes or text."""
    client = offline()
    text = CREDITS_BODY.decode()
    for made in (response(200, CREDITS_BODY), response(200, text)):
        assert client.response_deserialize(made, TYPES).data.remaining == 750
    old = SimpleNamespace(status=404, reason="gone", data=b'{"detail": "x"}', getheaders=lambda: {"A": "b"})
    with pytest.raises(NotFoundException) as caught:
        client.response_deserialize(old, TYPES)
    assert (caught.value.headers, caught.value.reason) == ({"A": "b"}, "gone")
    unread = mock.Mock(status=200, reason="OK", data=None, headers={})
    unread.read.side_effect = lambda: setattr(unread, "data", CREDITS_BODY)
    assert client.response_deserialize(unread, TYPES).data.remaining == 750


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"detail": "why"}', ErrorResponse),
        (401, b'{"detail": [{"loc": ["a", 0], "msg": "m", "type": "t"}]}', HTTPValidationError),
        (422, b'{"detail": "why"}', HTTPValidationError),
        (500, b'{"message": "other"}', type(None)),
        (503, b"<html>", type(None)),
    ],
)
def test_data_is_the_error_model_whatever_the_status(status: int, body: bytes, kind: type) -> None:
    """The model for the status first, else any other that the body fits."""
    with pytest.raises(ApiException) as caught:
        offline().response_deserialize(response(status, body), TYPES)
    assert type(caught.value.data) is kind
    if kind is HTTPValidationError and status == 401:
        assert [step.actual_instance for step in caught.value.data.detail[0].loc] == ["a", 0]


def test_from_response_raises() -> None:
    """As a statement, as generated code has it, and behind `raise`."""
    with pytest.raises(BadRequestException, match="400 Bad Request: why"):
        ApiException.from_response(http_resp=response(400, b'{"detail": "why"}'), body=None, data=None)


def test_text_is_deserialized_by_the_name_of_its_type() -> None:
    """Names as generated code has them; what is not of the type is an error of ours."""
    read = offline().deserialize
    assert read(CREDITS_BODY.decode(), "CreditResponse", "application/json").remaining == 750
    assert read("[1]", "List[int]", None) == [1]
    for text, kind, content_type in (("{}", "NoSuchType", None), ("{}", "int", None), ("{}", "object", "image/png")):
        with pytest.raises(ApiException):
            read(text, kind, content_type)


def test_types_with_a_from_dict_of_their_own_are_read_by_it() -> None:
    """Generated models and unions are; an error inside is one of ours."""

    class Pet:
        def __init__(self, name: str) -> None:
            self.name = name

        @classmethod
        def from_dict(cls, value: dict[str, str]) -> Pet:
            return cls(value["name"])

    read = offline().response_deserialize
    assert read(response(200, b'{"name": "Rex"}'), {"200": Pet}).data.name == "Rex"
    assert [pet.name for pet in read(response(200, b'[{"name": "Rex"}]'), {"200": list[Pet]}).data] == ["Rex"]
    with pytest.raises(ApiDecodeException, match="from_dict failed: KeyError"):
        read(response(200, b"{}"), {"200": Pet})


def test_small_steps_of_generated_code() -> None:
    """Each is a line over the rooms that do the work."""
    client = offline()
    assert client.select_header_accept(["text/plain", "application/json"]) == "application/json"
    assert client.select_header_content_type([]) is None
    assert (
        client.sanitize_for_serialization({"c": CreditResponse(total=1, used=0, remaining=1)})["c"]["used_credits"] == 0
    )
    assert repr(client).startswith("ApiClient(Configuration(")
    assert good_json(client.response_deserialize(response(200, CREDITS_BODY), TYPES).model_dump_json())


def good_json(text: str) -> bool:
    return bool(json.loads(text)["data"]["remaining_credits"] == 750)


def test_an_answer_dumps_like_a_model() -> None:
    """`with_http_info(...)` then `.model_dump()`: four keys, headers as a plain dict."""
    dumped = offline().response_deserialize(response(200, CREDITS_BODY), TYPES).model_dump()
    assert (dumped["status_code"], dumped["headers"], dumped["data"]["total_credits"]) == (200, {}, 1000)


def test_wrong_steps_are_refused(wire: Wire, make_client: Callable[..., ApiClient]) -> None:
    """By name, before anything is sent."""
    client = make_client(wire.url)
    for use, error in (
        (lambda: client.param_serialize(5, "/"), ApiTypeError),  # type: ignore[arg-type]
        (lambda: client.param_serialize("GET", "credits"), ApiValueError),
        (lambda: client.param_serialize("GET", "/", _host="nowhere"), ApiValueError),
        (lambda: client.call_api("GET", "ftp://x"), ApiValueError),
        (lambda: client.call_api("GET", 5), ApiTypeError),  # type: ignore[arg-type]
        (lambda: client.call_api("GET", wire.url, {"X": "a\nb"}), ApiValueError),
        (lambda: client.call_api("GET", wire.url, {"X-Key": "tök"}), ApiValueError),
    ):
        with pytest.raises(error):
            use()
    assert wire.connections == 0


def test_an_unread_response_stays_within_its_own_errors(wire: Wire, make_client: Callable[..., ApiClient]) -> None:
    """Reading later still raises nothing but ours."""
    client = make_client(wire.url)
    wire.play(reply(answer(b"x", length=9), CLOSE))
    unread = client.call_api("GET", wire.url, _preload_content=False)
    with pytest.raises(ApiException, match="before the response was complete"):
        unread.read()
