"""The three steps of ApiClient by tables: parameters to a request, the call, and the typed answer."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import errno
import pickle
import time
import traceback
import uuid
from email.utils import formatdate
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import urllib3
from at_client.exchange import Request, RESTResponse
from at_client.fields import Headers
from at_client.sealed import Secret
from pydantic import BaseModel, SecretStr

import at_client
from at_client import (
    ApiClient,
    ApiDecodeException,
    ApiException,
    ApiResponse,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    Configuration,
    CreditResponse,
    ErrorResponse,
    HTTPValidationError,
    PasswordGrant,
    ServiceException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from at_client.connections import Clock
from at_client.decoding import Unpromised, promised_type
from at_client.failures import Peer
from at_client.rest import RESTClientObject
from support.facts import COOKIE, CREDITS, CREDITS_BODY, TOKEN, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HOST = "https://api.example.com"
AGENT = f"at-client/{at_client.__version__}"
OAUTH = ("OAuth2PasswordBearer",)


def answer(
    status: int = 200,
    body: bytes = b"{}",
    content_type: str | None = "application/json",
    *,
    sent: Mapping[str, Any] | None = None,
    **headers: str,
) -> RESTResponse:
    """Make a response that nobody has read yet."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        fields["Content-Type"] = content_type
    return RESTResponse(
        urllib3.HTTPResponse(BytesIO(body), fields, status, reason="R", preload_content=False),
        Request("GET", f"{HOST}/v1?key=hidden", sent or {}),
        Peer("api.example.com:443"),
        Clock(60.0),
        1000,
    )


class Written(NamedTuple):
    """A request, its parts by name."""

    method: str
    url: str
    header_params: Headers
    body: bytes | None


def written(client: ApiClient, *arguments: Any, **named: Any) -> Written:
    """Have a client write a request."""
    return Written(*client.param_serialize(*arguments, **named))


class StubRest:
    """Stands in for the room below: notes every request, and answers as told."""

    def __init__(self, configuration: Configuration, *answers: RESTResponse) -> None:
        self.configuration = configuration
        self.answers = list(answers)
        self.requests: list[tuple[Any, ...]] = []
        self.timeouts: list[object] = []
        self.closed = 0

    def clock(self, timeout: float | tuple[float, float] | None) -> Clock:
        self.timeouts.append(timeout)
        return Clock(7.0)

    def request(self, *arguments: Any) -> RESTResponse:
        self.requests.append(arguments)
        return self.answers.pop(0)

    def close(self) -> None:
        self.closed += 1


def client_of(*answers: RESTResponse, **settings: Any) -> tuple[ApiClient, StubRest]:
    """Make a client over a stub."""
    client = ApiClient(Configuration(host=HOST, **settings))
    stub = StubRest(client.configuration, *answers)
    client.rest_client = stub  # type: ignore[assignment]  # it does what is asked of it
    return client, stub


def shown(headers: Mapping[str, Any]) -> dict[str, str]:
    """Open sealed headers, so that they can be compared; the agent, always there, is left out."""
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers.items()}
    assert plain.pop("User-Agent") == AGENT
    return plain


@pytest.fixture
def no_default() -> Iterator[None]:
    """Leave the process-wide defaults as they were."""
    ApiClient.set_default(None)
    Configuration.set_default(None)
    yield
    ApiClient.set_default(None)
    Configuration.set_default(None)


# ---- Parameters to a request


class Colour(enum.Enum):
    RED = "red"


class Job(BaseModel):
    name: str
    due: dt.date | None = None


ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({}, "/teams"),
        ({"resource_path": "/teams/{a}/{b}", "path_params": {"a": 1, "b": "x"}}, "/teams/1/x"),
        (
            {"resource_path": "/{a}", "path_params": [("a", "x/y?z#ä %")]},
            "/x%2Fy%3Fz%23%C3%A4%20%25",
        ),
        ({"resource_path": "/{a}", "path_params": {"a": [1, 2]}}, "/1%2C2"),
        (
            {
                "resource_path": "/{a}",
                "path_params": {"a": [1, 2]},
                "collection_formats": {"a": "pipes"},
            },
            "/1%7C2",
        ),
        ({"resource_path": "/{a}", "path_params": {"a": True}}, "/true"),
        ({"resource_path": "/{a}", "path_params": {"a": ID}}, f"/{ID}"),
        ({"query_params": {}}, "/teams"),
        ({"query_params": {"a": None}}, "/teams"),
        ({"query_params": {"a": ""}}, "/teams?a="),
        ({"query_params": {"a": "x y&z=/ä"}}, "/teams?a=x%20y%26z%3D%2F%C3%A4"),
        ({"query_params": {"a": 1.5, "b": False}}, "/teams?a=1.5&b=false"),
        ({"query_params": [("a", 1), ("b", 2), ("a", 3)]}, "/teams?a=1&b=2&a=3"),
        ({"query_params": {"a": [1, None, 2]}}, "/teams?a=1&a=2"),
        ({"query_params": {"a": ()}}, "/teams"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"a": "multi"}}, "/teams?a=1&a=2"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"a": "csv"}}, "/teams?a=1%2C2"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"a": "ssv"}}, "/teams?a=1%202"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"a": "tsv"}}, "/teams?a=1%092"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"a": "pipes"}}, "/teams?a=1%7C2"),
        ({"query_params": {"a": [1, 2]}, "collection_formats": {"b": "csv"}}, "/teams?a=1&a=2"),
        ({"query_params": {"a": Colour.RED}}, "/teams?a=red"),
        ({"query_params": {"a": dt.date(2026, 12, 1)}}, "/teams?a=2026-12-01"),
        ({"query_params": {"a": {"x": 1}}}, "/teams?a=%7B%22x%22%3A%201%7D"),
        ({"_host": "http://other.example:81/X/"}, "http://other.example:81/X/teams"),
    ],
)
def test_paths_and_queries(arguments: dict[str, Any], url: str) -> None:
    """Placeholders are filled, lists repeat or are joined, and every character that could mean more is encoded."""
    client, _ = client_of()
    made = written(client, "GET", **{"resource_path": "/teams", **arguments})
    assert made.url == (url if url.startswith("http") else HOST + url)
    assert made.body is None
    assert shown(made.header_params) == {}


def test_the_host_may_carry_a_path_prefix() -> None:
    """The prefix of the configuration goes before the path."""
    client = ApiClient(Configuration(host="https://api.example.com/prefix/"))
    assert written(client, "GET", "/v1").url == "https://api.example.com/prefix/v1"


@pytest.mark.parametrize(
    ("given", "method"),
    [("GET", "GET"), ("post", "POST"), ("Patch", "PATCH"), ("delete", "DELETE")],
)
def test_methods_are_capitals(given: str, method: str) -> None:
    """HTTP methods are case-sensitive, callers are not."""
    client, _ = client_of()
    assert written(client, given, "/v1").method == method


@pytest.mark.parametrize(
    ("arguments", "body", "content_type"),
    [
        ({"body": {"a": 1, "b": [None, True]}}, b'{"a":1,"b":[null,true]}', "application/json"),
        ({"body": []}, b"[]", "application/json"),
        ({"body": 0}, b"0", "application/json"),
        ({"body": False}, b"false", "application/json"),
        ({"body": ""}, b'""', "application/json"),
        ({"body": "text"}, b'"text"', "application/json"),
        ({"body": "Größe"}, '"Größe"'.encode(), "application/json"),
        (
            {"body": CreditResponse(total=2, used=1, remaining=1)},
            b'{"total_credits":2,"used_credits":1,"remaining_credits":1,"purchased_credits":0}',
            "application/json",
        ),
        (
            {"body": [Job(name="x", due=dt.date(2026, 12, 1))]},
            b'[{"name":"x","due":"2026-12-01"}]',
            "application/json",
        ),
        (
            {"body": {"id": ID, "sum": decimal.Decimal("1.50"), "in": Colour.RED}},
            b'{"id":"12345678-1234-5678-1234-567812345678","sum":"1.50","in":"red"}',
            "application/json",
        ),
        ({"body": SecretStr("open")}, b'"open"', "application/json"),
        ({"body": b"\x00\xff"}, b"\x00\xff", "application/octet-stream"),
        ({"body": b""}, b"", "application/octet-stream"),
        (
            {"body": b"a,b", "header_params": {"content-type": "text/csv"}},
            b"a,b",
            "text/csv",
        ),
        (
            {"body": "Größe", "header_params": {"Content-Type": "text/plain"}},
            "Größe".encode(),
            "text/plain",
        ),
        (
            {"body": {"a": 1}, "header_params": {"Content-Type": "application/merge-patch+json"}},
            b'{"a":1}',
            "application/merge-patch+json",
        ),
        (
            {
                "body": {"a": 1},
                "header_params": {"Content-Type": "Application/JSON; charset=utf-8"},
            },
            b'{"a":1}',
            "Application/JSON; charset=utf-8",
        ),
        (
            {"post_params": {"a": "x y", "b": [1, 2], "c": None}},
            b"a=x+y&b=1&b=2",
            "application/x-www-form-urlencoded",
        ),
        (
            {"post_params": [("a", "ä"), ("a", True)]},
            b"a=%C3%A4&a=true",
            "application/x-www-form-urlencoded",
        ),
        ({"header_params": {"Content-Type": "text/plain"}}, None, "text/plain"),
        ({"post_params": {}}, None, None),
        ({"body": None}, None, None),
    ],
)
def test_bodies(arguments: dict[str, Any], body: bytes | None, content_type: str | None) -> None:
    """Anything that pydantic knows goes out as JSON, a form as a form, bytes and texts as they are."""
    client, _ = client_of()
    made = written(client, "POST", "/v1", **arguments)
    assert made.body == body
    assert made.header_params.get("Content-Type") == content_type
    assert len([name for name in made.header_params if name.lower() == "content-type"]) <= 1


@pytest.mark.parametrize(
    ("default", "given", "sent"),
    [
        ({}, None, {}),
        ({}, {}, {}),
        ({"X-A": "1"}, None, {"X-A": "1"}),
        ({"X-A": "1"}, {"X-B": "2"}, {"X-A": "1", "X-B": "2"}),
        ({"X-A": "1"}, {"x-a": "2"}, {"x-a": "2"}),
        ({}, {"X-Count": 3}, {"X-Count": "3"}),
        ({}, {"X-Flag": True}, {"X-Flag": "true"}),
        ({}, {"X-Empty": ""}, {"X-Empty": ""}),
        ({"Authorization": "Basic abc"}, None, {"Authorization": "Basic abc"}),
        ({}, Headers({"X-Checked": "before"}), {"X-Checked": "before"}),
    ],
)
def test_headers(default: dict[str, str], given: Mapping[str, Any] | None, sent: dict[str, str]) -> None:
    """Those of the call go before those of the client, whatever their case."""
    client, _ = client_of()
    for name, value in default.items():
        client.set_default_header(name, value)
    made = written(client, "GET", "/v1", header_params=given)
    assert shown(made.header_params) == sent


def test_the_agent_names_client_and_version() -> None:
    """The client says what it is; who wants another name may have it."""
    client, _ = client_of()
    assert client.user_agent == f"at-client/{at_client.__version__}"
    assert written(client, "GET", "/").header_params["user-agent"] == client.user_agent
    client.user_agent = "job/7"
    assert client.user_agent == "job/7"
    assert written(client, "GET", "/").header_params["User-Agent"] == "job/7"
    made = written(client, "GET", "/", header_params={"USER-AGENT": "call/8"})
    assert made.header_params["user-agent"] == "call/8"
    assert len(made.header_params) == 1


@pytest.mark.parametrize(
    ("clients", "given", "headers", "sent"),
    [
        (None, None, {}, None),
        (None, {}, {}, None),
        (None, {"a": "1"}, {}, "a=1"),
        (None, {"a": "1", "b": "2"}, {}, "a=1; b=2"),
        (None, {"a": None}, {}, None),
        (None, {"a": ""}, {}, None),
        (None, {"a": 7, "b": True}, {}, "a=7; b=true"),
        ("z=0", None, {}, "z=0"),
        ("z=0", {"a": "1"}, {}, "z=0; a=1"),
        ("z=0; y=1", {"a": "1"}, {}, "z=0; y=1; a=1"),
        ("", {"a": "1"}, {}, "a=1"),
        ("z=0", None, {"Cookie": "h=9"}, "h=9"),
        ("z=0", {"a": "1"}, {"cookie": "h=9"}, "h=9; a=1"),
        (None, {"a": "1"}, {"Cookie": "h=9"}, "h=9; a=1"),
    ],
)
def test_cookies(clients: str | None, given: dict[str, Any] | None, headers: dict[str, str], sent: str | None) -> None:
    """Those of the client and of the call go into one header; a Cookie header of the call replaces the client's."""
    client = ApiClient(Configuration(host=HOST), cookie=clients)
    made = written(client, "GET", "/", header_params=headers, cookie_params=given)
    assert shown(made.header_params) == ({} if sent is None else {"Cookie": sent})
    assert isinstance(made.header_params.get("Cookie"), Secret | None)


def test_a_default_cookie_header_is_kept() -> None:
    """Cookies that were set as a default header are sent before all others."""
    client = ApiClient(Configuration(host=HOST), "Cookie", "d=1", cookie="z=0")
    made = written(client, "GET", "/", cookie_params={"a": "2"})
    assert shown(made.header_params) == {"Cookie": "d=1; z=0; a=2"}


@pytest.mark.parametrize(
    ("auth_settings", "token", "headers", "sent"),
    [
        (OAUTH, TOKEN, {}, {"Authorization": f"Bearer {TOKEN}"}),
        (["OAuth2PasswordBearer", "other"], TOKEN, {}, {"Authorization": f"Bearer {TOKEN}"}),
        ((), TOKEN, {}, {}),
        (["other"], TOKEN, {}, {}),
        (OAUTH, None, {}, {}),
        (OAUTH, "", {}, {}),
        (OAUTH, TOKEN, {"authorization": "Basic x"}, {"authorization": "Basic x"}),
    ],
)
def test_the_access_token(auth_settings: Any, token: str | None, headers: dict[str, str], sent: dict[str, str]) -> None:
    """The bearer token goes out where the scheme is asked for; a header of the call goes before it."""
    client, _ = client_of(access_token=token)
    made = written(client, "GET", "/", auth_settings=auth_settings, header_params=headers)
    assert shown(made.header_params) == sent
    assert not secrets_in(repr(made))


def test_the_access_token_goes_before_a_default_header() -> None:
    """What the configuration says of the token is newer than a default header."""
    client, _ = client_of(access_token=TOKEN)
    client.set_default_header("authorization", "Basic old")
    made = written(client, "GET", "/", auth_settings=OAUTH)
    assert shown(made.header_params) == {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("auth", "query", "url", "sent"),
    [
        (
            {"in": "header", "key": "X-Key", "value": TOKEN},
            None,
            "/",
            {"X-Key": TOKEN},
        ),
        (
            {"type": "oauth2", "in": "header", "key": "Authorization", "value": f"Bearer {TOKEN}"},
            None,
            "/",
            {"Authorization": f"Bearer {TOKEN}"},
        ),
        ({"in": "header", "key": "X-Plain", "value": TOKEN}, None, "/", {"X-Plain": TOKEN}),
        (
            {"in": "cookie", "key": "sid", "value": TOKEN},
            None,
            "/",
            {"Cookie": f"z=0; sid={TOKEN}"},
        ),
        ({"in": "cookie", "key": "sid", "value": ""}, None, "/", {"Cookie": "z=0"}),
        ({"in": "query", "key": "key", "value": "a b/ä"}, None, "/?key=a+b%2F%C3%A4", {}),
        ({"in": "query", "key": "key", "value": "v"}, {"q": 1}, "/?q=1&key=v", {}),
        ({}, None, "/", {"Authorization": "Bearer static"}),
        (None, None, "/", {"Authorization": "Bearer static"}),
    ],
)
def test_credentials_of_one_call(auth: Any, query: dict[str, Any] | None, url: str, sent: dict[str, str]) -> None:
    """`_request_auth` takes the place of the configuration's token: as a header, a cookie or in the query."""
    client = ApiClient(Configuration(host=HOST, access_token="static"), cookie="z=0")
    made = written(client, "GET", "/", query_params=query, auth_settings=OAUTH, _request_auth=auth)
    assert made.url == HOST + url
    assert shown(made.header_params) == {"Cookie": "z=0", **sent}


def test_credentials_of_one_call_stay_sealed() -> None:
    """Whatever its name, a header of `_request_auth` is a secret; one given by the call goes before it."""
    client, _ = client_of()
    auth = {"in": "header", "key": "X-Plain", "value": TOKEN}
    made = written(client, "GET", "/", _request_auth=auth)
    assert made.header_params["x-plain"] == Secret(TOKEN)
    made = written(client, "GET", "/", {}, {}, {"x-plain": "own"}, _request_auth=auth)
    assert shown(made.header_params) == {"x-plain": "own"}


@pytest.mark.parametrize("place", ["header", "query", "cookie"])
def test_a_source_that_has_no_token_is_no_credential(place: str) -> None:
    """A source is not asked while the request is written, and a call's own credentials leave it alone."""

    def never() -> str:
        raise AssertionError("asked")

    client, _ = client_of(access_token=never)
    auth = {"in": place, "key": "k", "value": "v"}
    written(client, "GET", "/", auth_settings=OAUTH, _request_auth=auth)
    made = written(client, "GET", "/", auth_settings=OAUTH)
    assert made.header_params["Authorization"] == Secret("")


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ({"resource_path": "/{a}"}, ApiValueError, "path parameter a must be given"),
        ({"resource_path": "/{a}", "path_params": {"a": ""}}, ApiValueError, "path parameter a"),
        ({"resource_path": "/{a}", "path_params": {"a": "."}}, ApiValueError, "path parameter a"),
        ({"resource_path": "/{a}", "path_params": {"a": ".."}}, ApiValueError, "path parameter a"),
        ({"resource_path": "/{a}", "path_params": {"a": None}}, ApiValueError, "path parameter a"),
        (
            {"query_params": {"a": [1]}, "collection_formats": {"a": "xml"}},
            ApiValueError,
            "collection format of a must be multi, csv, ssv, tsv, pipes; not 'xml'",
        ),
        ({"query_params": {"a": object()}}, ApiTypeError, "a cannot be written as JSON: object"),
        ({"body": object()}, ApiTypeError, "body cannot be written as JSON: object"),
        ({"body": {"x": object()}}, ApiTypeError, "body cannot be written as JSON: dict"),
        ({"body": 1, "post_params": {"a": 1}}, ApiValueError, "exclude each other"),
        (
            {"post_params": {"a": 1}, "header_params": {"Content-Type": "text/plain"}},
            ApiValueError,
            "a form is sent as application/x-www-form-urlencoded, not as text/plain",
        ),
        (
            {"body": {"a": 1}, "header_params": {"Content-Type": "text/plain"}},
            ApiValueError,
            "a dict is sent as application/json, not as text/plain",
        ),
        ({"header_params": {"bad name": "x"}}, ApiValueError, "'bad name' is not a header name"),
        ({"header_params": {"X": "a\nb"}}, ApiValueError, "header X has characters"),
        ({"header_params": {"X": None}}, ApiTypeError, "header X must be a str or a number"),
        ({"header_params": {7: "x"}}, ApiTypeError, "a header name must be a str, not int"),
        ({"cookie_params": {"a": "x;y"}}, ApiValueError, "a has characters that no cookie"),
        ({"cookie_params": {"a b": "x"}}, ApiValueError, "'a b' is not a cookie name"),
        ({"cookie_params": {"a": []}}, ApiTypeError, "a must be a str or None, not list"),
        ({"_request_auth": {"in": "body"}}, ApiValueError, r"_request_auth\['in'\] must be"),
        ({"_request_auth": {"key": "a"}}, ApiValueError, r"_request_auth\['in'\] must be"),
        ({"_request_auth": {"in": 7}}, ApiValueError, r"_request_auth\['in'\] must be"),
        ({"_request_auth": {"in": "query", "key": "a"}}, ApiTypeError, "must be str"),
        (
            {"_request_auth": {"in": "header", "key": 1, "value": "x"}},
            ApiTypeError,
            r"_request_auth\['key'\] and _request_auth\['value'\] must be str",
        ),
        (
            {"_request_auth": {"in": "header", "key": "X", "value": "a\r\nb"}},
            ApiValueError,
            "header X has characters that no header may carry",
        ),
        (
            {"_request_auth": {"in": "cookie", "key": "a", "value": "x y"}},
            ApiValueError,
            "a has characters that no cookie may carry",
        ),
        (
            {
                "_host": "http://api.example.com",
                "_request_auth": {"in": "query", "key": "a", "value": "x"},
            },
            ApiValueError,
            (
                "host: credentials would go unencrypted to api.example.com; use https, "
                "or set allow_insecure_http=True if the network in between is safe"
            ),
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(arguments: dict[str, Any], kind: type[Exception], says: str) -> None:
    """The error says which parameter it is and what is allowed; nothing is sent."""
    client, stub = client_of()
    with pytest.raises(kind, match=says) as caught:
        written(client, "POST", **{"resource_path": "/v1", **arguments})
    assert type(caught.value) is kind
    assert stub.requests == []


def test_arguments_by_position_are_those_of_the_generator() -> None:
    """The order of the parameters is the generated client's."""
    client, _ = client_of()
    made = written(
        client,
        "POST",
        "/{a}",
        {"a": [1, 2]},
        {"q": [3, 4]},
        {"X-H": "h"},
        None,
        {"f": 1},
        OAUTH,
        {"a": "pipes", "q": "csv"},
        "https://other.example",
        {"in": "header", "key": "X-Auth", "value": "v"},
    )
    method, url, headers, body = made
    assert (method, url) == ("POST", "https://other.example/1%7C2?q=3%2C4")
    assert shown(headers) == {
        "X-H": "h",
        "X-Auth": "v",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert body == b"f=1"


# ---- The call


def test_a_call_is_handed_down_whole() -> None:
    """Method, URL, headers and body reach the room below, with a clock that already runs."""
    came = answer()
    client, stub = client_of(came)
    response = client.call_api("PUT", f"{HOST}/v1", {"X-A": "1"}, b"body", 3.5, _preload_content=False)
    assert response is came
    assert stub.timeouts == [3.5]
    ((method, url, headers, body, clock, preload),) = stub.requests
    assert (method, url, headers, body, preload) == (
        "PUT",
        f"{HOST}/v1",
        {"X-A": "1"},
        b"body",
        False,
    )
    assert isinstance(clock, Clock)
    assert clock.deadline - time.monotonic() < 7.0


def test_a_call_reads_the_body_unless_told_otherwise() -> None:
    """Without further arguments the configured time holds, and the body is read."""
    client, stub = client_of(answer())
    client.call_api("GET", f"{HOST}/v1")
    assert stub.timeouts == [None]
    ((_, _, headers, body, _, preload),) = stub.requests
    assert (headers, body, preload) == ({}, None, True)


def test_headers_are_checked_whoever_wrote_them() -> None:
    """`call_api` refuses a header that HTTP does not allow, and shows no value."""
    client, stub = client_of()
    with pytest.raises(ApiValueError, match="header Authorization has characters") as caught:
        client.call_api("GET", HOST, {"Authorization": f"{TOKEN}\n"})
    assert not secrets_in(str(caught.value), repr(caught.value))
    assert stub.requests == []


@pytest.mark.parametrize(
    ("url", "headers", "insecure", "sent"),
    [
        ("https://api.example.com/", {"Authorization": "x"}, False, True),
        ("http://127.0.0.1:80/", {"Authorization": "x"}, False, True),
        ("http://[::1]/", {"Cookie": "a=1"}, False, True),
        ("http://localhost/", {"X-Api-Key": "x"}, False, True),
        ("http://api.example.com/", {"X-Other": "x"}, False, True),
        ("http://api.example.com/", {}, False, True),
        ("http://api.example.com/", {"Authorization": "x"}, False, False),
        ("http://api.example.com/", {"Cookie": "a=1"}, False, False),
        ("http://10.0.0.1/", {"X-Session-Id": "x"}, False, False),
        ("http://api.example.com/", {"Authorization": "x"}, True, True),
    ],
)
def test_secrets_go_out_encrypted_or_not_at_all(url: str, headers: dict[str, str], insecure: bool, sent: bool) -> None:
    """Plain http to another machine carries credentials only where the configuration allows it."""
    client, stub = client_of(answer(), allow_insecure_http=insecure)
    if sent:
        client.call_api("GET", url, headers)
    else:
        with pytest.raises(ApiValueError, match="credentials would go unencrypted to"):
            client.call_api("GET", url, headers)
    assert len(stub.requests) == sent


class Renewable:
    """A token source that can renew, and counts how often it is asked."""

    def __init__(self, *tokens: str | None) -> None:
        self.tokens = list(tokens)
        self.renewed = 0

    def __call__(self) -> str | None:
        return self.tokens[0]

    def renew(self) -> None:
        self.renewed += 1
        if len(self.tokens) > 1:
            del self.tokens[0]


def call_with(source: Any, *answers: RESTResponse) -> tuple[RESTResponse, StubRest]:
    client, stub = client_of(*answers, access_token=source)
    request = written(client, "PUT", "/v1", body=b"body", auth_settings=OAUTH)
    return client.call_api(*request, 3.5, _preload_content=False), stub


def tokens_of(stub: StubRest) -> list[str | None]:
    """List what each request identified itself with."""
    sent = [headers.get("Authorization") for _, _, headers, *_ in stub.requests]
    return [value.reveal() if isinstance(value, Secret) else value for value in sent]


def test_a_source_is_asked_when_the_request_goes_out() -> None:
    """A callable gives the token of each call, and all else is as with a static one."""
    came = answer()
    response, stub = call_with(lambda: TOKEN, came)
    assert response is came
    assert tokens_of(stub) == [f"Bearer {TOKEN}"]
    ((method, url, headers, body, clock, preload),) = stub.requests
    assert (method, url, body, preload) == ("PUT", f"{HOST}/v1", b"body", False)
    assert isinstance(clock, Clock)
    assert headers["User-Agent"] == AGENT


@pytest.mark.parametrize("token", [None, ""])
def test_a_source_without_a_token_sends_none(token: str | None) -> None:
    """An empty token is no token: the header is left out, and a 401 is not worth a second try."""
    came = answer(401)
    response, stub = call_with(Renewable(token, "other"), came)
    assert response is came
    assert tokens_of(stub) == [None]


def test_a_rejected_token_is_renewed_once() -> None:
    """A 401 to a renewable token renews it, and the very same request is sent once more."""
    first, second = answer(401), answer(200)
    source = Renewable("old", "new")
    response, stub = call_with(source, first, second)
    assert response is second
    assert source.renewed == 1
    assert tokens_of(stub) == ["Bearer old", "Bearer new"]
    before, after = stub.requests
    assert before[:2] == after[:2] == ("PUT", f"{HOST}/v1")
    assert before[3:] == after[3:]
    assert after[5] is False
    assert first.response.closed


def test_a_grant_fetches_its_token_within_the_call() -> None:
    """A `PasswordGrant` asks the token endpoint over the same client, on the clock of the call."""
    source = PasswordGrant("token", "ada", "PASSWORD")
    issued = [b'{"access_token": "%d", "token_type": "bearer"}' % number for number in (1, 2)]
    steps = [answer(200, issued[0]), answer(401), answer(200, issued[1]), answer(200)]
    response, stub = call_with(source, *steps)
    assert response is steps[-1]
    assert [request[:2] for request in stub.requests] == [
        ("POST", f"{HOST}/token"),
        ("PUT", f"{HOST}/v1"),
    ] * 2
    assert tokens_of(stub) == [None, "Bearer 1", None, "Bearer 2"]
    assert len({id(request[4]) for request in stub.requests}) == 1


def test_a_token_that_is_rejected_twice_ends_the_call() -> None:
    """The second 401 is the answer."""
    first, second = answer(401), answer(401)
    response, stub = call_with(Renewable("old", "new", "newer"), first, second)
    assert response is second
    assert tokens_of(stub) == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda: Renewable("same"), 401),
        (lambda: lambda: "old", 401),
        (lambda: Renewable("old", None), 401),
        (lambda: Renewable("old", "new"), 403),
        (lambda: Renewable("old", "new"), 200),
    ],
    ids=["gives the same again", "cannot renew", "has none any more", "403", "200"],
)
def test_what_is_not_sent_again(make: Callable[[], Any], status: int) -> None:
    """Only a 401 is, and only with another token; the first answer stays readable."""
    came = answer(status)
    response, stub = call_with(make(), came)
    assert response is came
    assert len(stub.requests) == 1
    assert response.read() == b"{}"


# ---- The typed answer

MAP = {"200": CreditResponse, "4XX": ErrorResponse, "default": str}


@pytest.mark.parametrize(
    ("status", "types", "kind"),
    [
        (200, MAP, CreditResponse),
        (201, MAP, str),
        (404, MAP, ErrorResponse),
        (422, {**MAP, "422": HTTPValidationError}, HTTPValidationError),
        (500, MAP, str),
        (500, {"200": str}, Unpromised),
        (204, {"204": None}, None),
        (204, {"2XX": None, "default": str}, None),
        (200, {}, None),
        (200, None, None),
        (599, {"5XX": int}, int),
        (600, {"5XX": int, "6XX": str}, str),
        (422, {"422": lambda: HTTPValidationError}, HTTPValidationError),
        (500, {"default": lambda: ErrorResponse}, ErrorResponse),
    ],
)
def test_the_type_for_a_status(status: int, types: Any, kind: Any) -> None:
    """A status is looked up by itself, then by its class, then by default; else nothing was promised."""
    assert promised_type(status, types) is kind


def test_an_error_whose_model_cannot_be_loaded_is_that_error() -> None:
    """A model takes an open file to load, and a process may have no more: the answer still says what it says."""
    full = OSError(errno.EMFILE, "too many open files")

    def load() -> None:
        raise full

    response = answer(500, b'{"detail": "why"}')
    with pytest.raises(ServiceException, match="why") as caught:
        ApiClient().response_deserialize(response, {"500": load})
    assert caught.value.data is None


@pytest.mark.parametrize(
    ("kind", "body", "content_type", "data"),
    [
        (CreditResponse, CREDITS_BODY, "application/json", CreditResponse(**CREDITS)),
        (
            list[CreditResponse],
            b"[" + CREDITS_BODY + b"]",
            "application/json",
            [CreditResponse(**CREDITS)],
        ),
        (dict[str, int], b'{"a": 1}', "application/json", {"a": 1}),
        (int, b"7", "application/json", 7),
        (int | str, b'"x"', "application/json", "x"),
        (int | None, b"null", "application/json", None),
        (dt.date, b'"2026-12-01"', "application/json", dt.date(2026, 12, 1)),
        (Any, b'{"a": [1, null]}', "application/json", {"a": [1, None]}),
        (object, b"[1]", None, [1]),
        (str, b'"text"', "application/json", "text"),
        (str, b"text", "text/plain", "text"),
        (str, b"Gr\xf6\xdfe", "text/plain; charset=latin-1", "Größe"),
        (bytes, b"\x00\xff", "application/octet-stream", b"\x00\xff"),
        (bytes, b"{}", "application/json", b"{}"),
        (None, b"whatever", "text/plain", None),
    ],
)
def test_answers_of_any_type(kind: Any, body: bytes, content_type: str | None, data: Any) -> None:
    """A success becomes what was promised, with status, headers and raw bytes beside it."""
    client, _ = client_of()
    came = answer(200, body, content_type, X_More="1")
    response = client.response_deserialize(came, {"200": kind})
    assert isinstance(response, ApiResponse)
    assert response.data == data
    assert type(response.data) is type(data)
    assert response.status_code == 200
    assert response.headers["x-more"] == "1"
    assert response.raw_data == body


def test_a_response_with_data_is_a_value() -> None:
    """It equals another one with the same parts; its `repr` shows neither headers nor body."""
    client, _ = client_of()
    first, second = (
        client.response_deserialize(answer(200, b"[1]", X_More=TOKEN), {"200": list[int]}) for _ in range(2)
    )
    assert first == second
    assert first != client.response_deserialize(answer(200, b"[2]"), {"200": list[int]})
    assert first != [1]
    assert repr(first) == "ApiResponse(status_code=200, data=[1])"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_without_a_map_any_success_has_no_data(status: int) -> None:
    """An operation that promises nothing takes any body."""
    client, _ = client_of()
    response = client.response_deserialize(answer(status, b"<html>"))
    assert (response.status_code, response.data, response.raw_data) == (status, None, b"<html>")


@pytest.mark.parametrize(
    ("status", "body", "content_type", "types", "says"),
    [
        (200, b"", None, {"200": int}, "the body is empty"),
        (
            200,
            b"<html>",
            "text/html",
            {"200": int},
            "text/html came instead of JSON; a captive portal or a load balancer may have answered",
        ),
        (200, b"{}", "application/json", {"200": CreditResponse}, "total_credits: Field required"),
        (200, b"null", "application/json", {"200": CreditResponse}, "body: Input should be"),
        (201, b"{}", "application/json", {"200": int}, "nothing was promised for this status"),
        (299, b"{}", "application/json", {"4XX": int}, "nothing was promised for this status"),
    ],
)
def test_a_success_that_is_not_what_was_promised(
    status: int, body: bytes, content_type: str | None, types: dict[str, Any], says: str
) -> None:
    """The error says what came instead; status, headers and body are kept."""
    client, _ = client_of()
    came = answer(status, body, content_type, X_More="1")
    with pytest.raises(ApiDecodeException) as caught:
        client.response_deserialize(came, types)
    error = caught.value
    start = f"{status} from GET {HOST}/v1, but not the promised answer: {says}"
    assert str(error).startswith(start)
    assert str(error).endswith(".")
    assert (error.status, error.reason, error.body) == (status, "R", body.decode())
    assert error.headers is not None
    assert error.headers["x-more"] == "1"
    assert error.__cause__ is not None
    assert error.data is None


def test_the_body_of_an_error_is_text_in_its_charset() -> None:
    """What is kept of a body is readable, whatever it was written in."""
    client, _ = client_of()
    for status, kind in [(200, ApiDecodeException), (400, BadRequestException)]:
        with pytest.raises(kind) as caught:
            client.response_deserialize(answer(status, b"Gr\xf6\xdfe", "text/html; charset=latin-1"), {"default": int})
        assert caught.value.body == "Größe"


def test_the_data_of_an_error_is_read_in_its_charset() -> None:
    """An operation that promises text for its failures gets it."""
    client, _ = client_of()
    came = answer(500, b"Gr\xf6\xdfe", "text/plain; charset=latin-1")
    with pytest.raises(ServiceException) as caught:
        client.response_deserialize(came, {"500": str})
    assert caught.value.data == "Größe"


ERROR = b'{"detail": "No such job"}'
LIST = b'{"detail": [{"loc": ["query", 0], "msg": "Too long", "type": "long"}]}'


@pytest.mark.parametrize(
    ("status", "body", "content_type", "types", "kind", "data", "says"),
    [
        (
            400,
            ERROR,
            "application/json",
            {"4XX": ErrorResponse},
            BadRequestException,
            True,
            "No such job",
        ),
        (
            422,
            LIST,
            "application/json",
            {"422": HTTPValidationError},
            UnprocessableEntityException,
            True,
            "query.0: Too long",
        ),
        (
            500,
            ERROR,
            "application/json",
            {"default": ErrorResponse},
            ServiceException,
            True,
            "No such job",
        ),
        (401, ERROR, "application/json", {"200": int}, UnauthorizedException, False, "No such job"),
        (400, ERROR, "application/json", None, BadRequestException, False, "No such job"),
        (400, ERROR, "application/json", {"400": None}, BadRequestException, False, "No such job"),
        (
            400,
            b"<html>",
            "text/html",
            {"400": ErrorResponse},
            BadRequestException,
            False,
            "400 Bad",
        ),
        (400, b"", None, {"400": ErrorResponse}, BadRequestException, False, "400 Bad Request"),
        (
            400,
            b"[",
            "application/json",
            {"400": ErrorResponse},
            BadRequestException,
            False,
            "400 Bad",
        ),
        (300, b"", None, {"default": int}, ApiException, False, "300 Multiple Choices"),
        (304, b"", None, None, ApiException, False, "304 Not Modified"),
        (199, b"", None, None, ApiException, False, "199 from"),
    ],
)
def test_failures(
    status: int,
    body: bytes,
    content_type: str | None,
    types: Any,
    kind: type[ApiException],
    data: bool,
    says: str,
) -> None:
    """The class stands for the status; `data` is there if the body parses, and a bad body is no second error."""
    client, _ = client_of()
    with pytest.raises(ApiException) as caught:
        client.response_deserialize(answer(status, body, content_type, X_More="1"), types)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.reason, error.body) == (status, "R", body.decode())
    assert error.headers is not None
    assert error.headers["x-more"] == "1"
    assert (error.data is not None) is data
    assert says in str(error)
    assert f"from GET {HOST}/v1" in str(error)
    assert "hidden" not in str(error)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7.0, 7.0),
        ("1.5", 1.5, 1.5),
        ("600", 600.0, 600.0),
        ("soon", None, None),
        ("date", 20.0, 32.0),
    ],
)
def test_how_long_the_service_asks_to_wait(header: str, least: float | None, most: float | None) -> None:
    """`retry_after` is there for any status that says it; nonsense is none."""
    client, _ = client_of()
    value = formatdate(time.time() + 30, usegmt=True) if header == "date" else header
    with pytest.raises(TooManyRequestsException) as caught:
        client.response_deserialize(answer(429, Retry_After=value))
    if least is None or most is None:
        assert caught.value.retry_after is None
    else:
        assert caught.value.retry_after is not None
        assert least <= caught.value.retry_after <= most


def test_no_error_repeats_what_was_sent_as_a_secret() -> None:
    """A service that echoes the token shows it in no error: not in body, headers, data, reason or message."""
    client, _ = client_of()
    echo = b'{"detail": "no such token ' + TOKEN.encode() + b'"}'
    sent = {"Authorization": Secret(f"Bearer {TOKEN}")}
    for status in (200, 401):
        came = answer(status, echo, sent=sent, X_Echo=TOKEN)
        with pytest.raises(ApiException) as caught:
            client.response_deserialize(came, {"200": int, "401": ErrorResponse})
        error = caught.value
        assert not secrets_in(str(error), repr(error), repr(vars(error)), pickle.dumps(error))
        assert error.body is not None
        assert "no such token ***" in error.body


# ---- The client itself


@pytest.mark.parametrize(
    ("accepts", "chosen"),
    [
        ([], None),
        (["application/json"], "application/json"),
        (["text/plain", "application/json"], "application/json"),
        (["text/plain", "application/problem+json"], "application/problem+json"),
        (["text/plain", "text/html"], "text/plain"),
        (["APPLICATION/JSON; q=1", "application/json"], "APPLICATION/JSON; q=1"),
    ],
)
def test_what_to_accept(accepts: list[str], chosen: str | None) -> None:
    """JSON if it is offered, else the first, else nothing."""
    client, _ = client_of()
    assert client.select_header_accept(accepts) == chosen


def test_a_header_and_cookies_for_every_request() -> None:
    """What the constructor takes goes out with each request; secrets stay sealed."""
    client = ApiClient(Configuration(host=HOST), "X-Api-Key", TOKEN, f"sid={COOKIE}")
    made = written(client, "GET", "/")
    assert shown(made.header_params) == {"X-Api-Key": TOKEN, "Cookie": f"sid={COOKIE}"}
    assert client.default_headers["x-api-key"] == Secret(TOKEN)
    assert client.cookie == f"sid={COOKIE}"
    assert not secrets_in(repr(client), repr(client.default_headers), repr(vars(client)))
    client.cookie = None
    assert client.cookie is None
    assert shown(written(client, "GET", "/").header_params) == {"X-Api-Key": TOKEN}


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: ApiClient(HOST), ApiTypeError, "^configuration must be a Configuration, not str$"),
        (lambda: ApiClient({}), ApiTypeError, "^configuration must be a Configuration, not dict$"),
        (
            lambda: ApiClient(None, "bad name", "x"),
            ApiValueError,
            "^'bad name' is not a header name",
        ),
        (
            lambda: ApiClient(None, "X"),
            ApiTypeError,
            "^header X must be a str or a number, not None",
        ),
        (lambda: ApiClient(None, "X", "\n"), ApiValueError, "^header X has characters"),
        (lambda: ApiClient(cookie="a\n"), ApiValueError, "^cookie has characters that no header"),
        (lambda: ApiClient(cookie=7), ApiTypeError, "^cookie must be a str or None, not int$"),
    ],
)
@pytest.mark.usefixtures("no_default")
def test_a_client_is_made_of_what_fits(make: Callable[[], Any], kind: type[Exception], says: str) -> None:
    """A wrong argument is refused by name."""
    with pytest.raises(kind, match=says):
        make()


@pytest.mark.parametrize(
    "assign",
    [
        lambda client, values: setattr(client, "cookie", values.pop()),
        lambda client, values: client.set_default_header("Authorization", values.pop()),
        lambda client, values: client.default_headers.__setitem__("Authorization", values.pop()),
    ],
    ids=["cookie", "set_default_header", "default_headers"],
)
def test_what_is_refused_shows_in_no_frame(assign: Callable[..., None]) -> None:
    """A traceback with local variables shows nothing of a secret that was assigned."""
    client, _ = client_of()
    values = [f"{TOKEN}\n"]
    with pytest.raises(ApiValueError) as caught:
        assign(client, values)
    trace = caught.value.__traceback__
    frames = traceback.TracebackException(type(caught.value), caught.value, trace, capture_locals=True)
    assert not secrets_in("".join(frames.format()))


def test_assigned_headers_and_cookies_are_checked() -> None:
    """What is assigned later is held to the same rules."""
    client, _ = client_of()
    with pytest.raises(ApiValueError, match="header X has characters"):
        client.set_default_header("X", "a\nb")
    with pytest.raises(ApiValueError, match="header User-Agent has characters"):
        client.user_agent = "a\nb"
    with pytest.raises(ApiValueError, match="cookie has characters"):
        client.cookie = "a\nb"
    assert client.cookie is None


@pytest.mark.usefixtures("no_default")
def test_the_default_client_is_made_once() -> None:
    """`get_default` makes one client over the default configuration, until another is chosen."""
    first = ApiClient.get_default()
    assert ApiClient.get_default() is first
    assert first.configuration is Configuration.get_default()
    chosen, _ = client_of()
    ApiClient.set_default(chosen)
    assert ApiClient.get_default() is chosen
    ApiClient.set_default(None)
    assert ApiClient.get_default() not in (first, chosen)


@pytest.mark.usefixtures("no_default")
def test_the_default_client_is_of_the_class_that_was_asked() -> None:
    """A subclass makes its own kind, and it is the default for all."""

    class Own(ApiClient):
        pass

    assert type(Own.get_default()) is Own
    assert ApiClient.get_default() is Own.get_default()


def test_leaving_with_closes() -> None:
    """`with` gives the client and closes it at the end, once; `close` may be called again."""
    client, stub = client_of()
    with client as entered:
        assert entered is client
        assert stub.closed == 0
    assert stub.closed == 1
    client.close()
    assert stub.closed == 2


def test_an_error_leaves_with_as_it_is() -> None:
    """`with` closes and swallows nothing."""
    client, stub = client_of()
    with pytest.raises(LookupError), client:
        raise LookupError
    assert stub.closed == 1


def test_a_client_shows_its_configuration_and_no_secret() -> None:
    """The `repr` is for people who look for a mistake."""
    client, _ = client_of(access_token=TOKEN)
    assert repr(client) == f"ApiClient(Configuration(host={HOST!r}, access_token=Secret('***')))"


@pytest.mark.parametrize(
    "twin_of",
    [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))],  # noqa: S301  # our own bytes
)
def test_a_client_can_be_sent_elsewhere(twin_of: Callable[[ApiClient], ApiClient]) -> None:
    """A copy has settings, headers and cookies of the original, and connections of its own."""
    client = ApiClient(Configuration(host=HOST, access_token=TOKEN), "X-A", "1", "z=0")
    twin = twin_of(client)
    assert type(twin.rest_client) is RESTClientObject
    assert twin.rest_client is not client.rest_client
    assert twin.rest_client.configuration is twin.configuration
    assert twin.configuration.access_token == TOKEN
    made = written(twin, "GET", "/", auth_settings=OAUTH)
    assert made.url == f"{HOST}/"
    assert shown(made.header_params) == {
        "X-A": "1",
        "Cookie": "z=0",
        "Authorization": f"Bearer {TOKEN}",
    }


def test_what_is_open_stays_at_home() -> None:
    """Nothing of the transport, whatever is in it, goes into a pickle."""
    client = ApiClient(Configuration(host=HOST))
    client.rest_client.sleep = lambda _: None  # a function that no pickle can hold
    assert pickle.loads(pickle.dumps(client)).rest_client.sleep is time.sleep  # noqa: S301  # our own bytes


def test_a_token_that_was_taken_away_is_in_no_pickle() -> None:
    """What was prepared for the last call stays at home, too."""
    client = ApiClient(Configuration(host=HOST, access_token=TOKEN), cookie=f"sid={COOKIE}")
    written(client, "GET", "/", auth_settings=OAUTH)
    client.configuration.access_token = None
    client.cookie = None
    assert not secrets_in(pickle.dumps(client))


def test_what_all_calls_share_is_prepared_once() -> None:
    """As long as nothing changes, the very same headers serve every call of an operation."""
    client = ApiClient(Configuration(host=HOST, access_token=TOKEN))
    given = Headers({"Accept": "application/json"})

    def headers() -> Headers:
        made = written(client, "GET", "/", None, None, given, auth_settings=OAUTH)
        return made.header_params

    first = headers()
    assert headers() is first
    client.configuration.access_token = "other"
    assert shown(headers()) == {"Accept": "application/json", "Authorization": "Bearer other"}
    client.set_default_header("X-A", "1")
    assert headers()["X-A"] == "1"
    given["X-B"] = "2"
    assert headers()["X-B"] == "2"
    client.cookie = "z=0"
    assert headers()["Cookie"] == Secret("z=0")
    client.configuration.host = "https://other.example"
    assert written(client, "GET", "/").url == "https://other.example/"


def test_a_fresh_client_is_over_its_own_transport() -> None:
    """The room below works with the very configuration of the client."""
    configuration = Configuration(host=HOST)
    client = ApiClient(configuration)
    assert type(client.rest_client) is RESTClientObject
    assert client.rest_client.configuration is configuration is client.configuration


@pytest.mark.parametrize(
    "wrong",
    [
        {"query_params": 7},
        {"query_params": "abc"},
        {"query_params": {1: "x"}},
        {"path_params": 7},
        {"post_params": 7},
        {"cookie_params": 7},
        {"cookie_params": {1: "x"}},
        {"header_params": 7},
        {"header_params": {1: "x"}},
        {"_request_auth": "x"},
        {"_request_auth": {"in": "query", "key": "k", "value": "\ud800"}},
        {"_host": 7},
        {"_host": "no-url"},
        {"method": 7},
        {"method": "GET / x"},
        {"resource_path": 7},
        {"resource_path": "/a?b=1"},
    ],
    ids=repr,
)
def test_a_wrong_argument_is_our_error(wrong: dict[str, Any]) -> None:
    """Whatever is passed by mistake, the error is one of ours, and nothing is sent."""
    client, stub = client_of()
    with pytest.raises((ApiTypeError, ApiValueError)):
        written(client, **{"method": "GET", "resource_path": "/", **wrong})
    assert stub.requests == []


def test_a_list_in_a_path_is_joined_whatever_its_format() -> None:
    """A path has one place for a name, so nothing of a list is lost."""
    client, _ = client_of()
    made = written(client, "GET", "/{a}", path_params={"a": [1, 2]}, collection_formats={"a": "multi"})
    assert made.url.endswith("/1%2C2")


def test_headers_that_are_refused_in_bulk_show_in_no_frame() -> None:
    """`update` seals all values before it looks at one."""
    client, _ = client_of()
    with pytest.raises(ApiValueError) as caught:
        client.default_headers.update({"Authorization": f"{TOKEN}\n"})
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in frames.stack if "at_client" in frame.filename]
    assert ours
    assert TOKEN not in str([frame.locals for frame in ours])
