"""What users put in the place of the client's parts gets what it would elsewhere."""

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
import urllib3
import vcr

from at_client import (
    ApiClient,
    ApiException,
    Configuration,
    CreditsApi,
    ServiceException,
    UnauthorizedException,
)
from at_client.rest import RESTClientObject
from support.ending import good_call
from support.facts import COOKIE, CREDITS_BODY, TOKEN, secrets_in
from support.makers import MakeApi, MakeClient, MakeWire, MonkeyPatch
from support.own_transports import HttpxTransport, PlainManager, RequestsTransport
from support.service import Service
from support.tls import Authority
from support.wire import CLOSE, SILENCE, Step, Wire, answer, greet, reply

BEARER = f"Bearer {TOKEN}"

# ---- Header values are str wherever a user can see them


class Renewing:
    """A token source that can renew."""

    def __call__(self) -> str:
        """Return the token."""
        return TOKEN

    def renew(self) -> None:
        """Do nothing: the token is good."""


TOKENS = {
    "a str": TOKEN,
    "a callable": lambda: TOKEN,
    "a source that renews": Renewing(),
}
every_token = pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)


def check_plain(headers: Mapping[str, Any]) -> None:
    """Check that headers are texts, and that the credentials are there as they are."""
    assert all(isinstance(value, str) for value in headers.values())
    assert headers["Authorization"].startswith("Bearer ")
    assert f"{headers['Authorization']}" == BEARER
    assert json.loads(json.dumps(dict(headers))) == dict(headers)


class Watching(ApiClient):
    """A client whose owner looks at each request, as with generated code."""

    seen: Mapping[str, Any] | None = None

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        """Note the headers, and go on."""
        self.seen = header_params
        return super().call_api(
            method, url, header_params, body, post_params, _request_timeout
        )


class WatchingTransport(RESTClientObject):
    """The same one step below."""

    seen: Mapping[str, Any] | None = None

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        """Note the headers, and go on."""
        self.seen = headers
        return super().request(
            method, url, headers, body, post_params, _request_timeout
        )


@every_token
def test_an_override_of_call_api(service: Service, token: Any) -> None:
    """An overridden `call_api` gets the headers as text."""
    with Watching(Configuration(service.url, token)) as client:
        CreditsApi(client).get_credits(auth_token=COOKIE)

    assert client.seen is not None
    check_plain(client.seen)
    assert client.seen["Cookie"] == f"auth_token={COOKIE}"


@every_token
def test_an_override_of_request(service: Service, token: Any) -> None:
    """So does an overridden `request` of the transport."""
    configuration = Configuration(service.url, token)
    with ApiClient(configuration) as client:
        transport = client.rest_client = WatchingTransport(configuration)
        CreditsApi(client).get_credits(auth_token=COOKIE)

    assert transport.seen is not None
    check_plain(transport.seen)


@every_token
def test_the_parts_of_a_request(make_client: MakeClient, token: Any) -> None:
    """The five parts that `param_serialize` gives are plain, the headers among them."""
    client = make_client("http://127.0.0.1:9", access_token=token)
    method, url, headers, body, fields = client.param_serialize(
        "GET", "/api/v1/credits", auth_settings=["OAuth2PasswordBearer"]
    )

    check_plain(headers)
    assert (method, url) == ("GET", "http://127.0.0.1:9/api/v1/credits")
    assert not body
    assert not fields


class Signing(ApiClient):
    """A client that signs its requests over the token."""

    def update_params_for_auth(
        self,
        headers: MutableMapping[str, Any],
        queries: Any,
        auth_settings: Any,
        resource_path: Any = "",
        method: Any = "",
        body: Any = None,
        request_auth: Any = None,
    ) -> None:
        """Add the credentials, and a signature that an f-string writes."""
        super().update_params_for_auth(
            headers, queries, auth_settings, resource_path, method, body, request_auth
        )
        signed = f"{method} {resource_path} {headers['Authorization']}"
        headers["X-Signature"] = hashlib.sha256(signed.encode()).hexdigest()


@every_token
def test_a_signature_over_the_token(service: Service, token: Any) -> None:
    """A signer gets the token itself, not a stand-in, and its header is sent."""
    with Signing(Configuration(service.url, token)) as client:
        assert good_call(CreditsApi(client))

    signed = f"GET /api/v1/credits {BEARER}"
    expected = hashlib.sha256(signed.encode()).hexdigest()
    assert service.requests[0].all("X-Signature") == [expected]


class Rewriting(ApiClient):
    """A client that changes the credentials on their way."""

    def call_api(
        self, method: str, url: str, header_params: Any = None, *rest: Any, **more: Any
    ) -> Any:
        """Add to the token, and go on."""
        header_params["Authorization"] = header_params["Authorization"] + "-mine"
        return super().call_api(method, url, header_params, *rest, **more)


def test_an_override_changes_a_header(service: Service) -> None:
    """What an override writes over the credentials is what is sent."""
    with (
        pytest.raises(UnauthorizedException),
        Rewriting(Configuration(service.url, TOKEN)) as client,
    ):
        CreditsApi(client).get_credits()

    assert service.requests[0].all("Authorization") == [f"{BEARER}-mine"]


TRANSPORTS = {"requests": RequestsTransport, "httpx": HttpxTransport}


@pytest.mark.parametrize("library", TRANSPORTS)
def test_a_transport_of_ones_own(service: Service, library: str) -> None:
    """A `rest_client` on another HTTP library sends what it is given, and is read."""
    pytest.importorskip(library)

    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client = TRANSPORTS[library]()  # type: ignore[assignment]
        got = CreditsApi(client).get_credits(auth_token=COOKIE)

    assert got.remaining == 750
    assert service.requests[0].all("Authorization") == [BEARER]
    assert service.requests[0].all("Cookie") == [f"auth_token={COOKIE}"]


@pytest.mark.parametrize("library", TRANSPORTS)
def test_an_error_of_a_transport_of_ones_own(service: Service, library: str) -> None:
    """A status that is none of success gives the error for it, inside `with`."""
    pytest.importorskip(library)

    client = ApiClient(Configuration(service.url, "wrong"))
    client.rest_client = TRANSPORTS[library]()  # type: ignore[assignment]

    with pytest.raises(UnauthorizedException), client:
        CreditsApi(client).get_credits()


# ---- urllib3, patched

JSON = {"Content-Type": "application/json"}


def patched_answer() -> urllib3.HTTPResponse:
    """Make a response as a test double returns it."""
    return urllib3.HTTPResponse(CREDITS_BODY, JSON, 200, preload_content=False)


MANAGERS = ["urllib3.PoolManager", "at_client.rest.urllib3.PoolManager"]


@pytest.mark.parametrize("autospec", [False, True], ids=["a mock", "by its spec"])
@pytest.mark.parametrize("target", MANAGERS)
def test_a_patched_manager_is_asked(
    service: Service, target: str, *, autospec: bool
) -> None:
    """A class that a test puts in the manager's place is the only one to be asked."""
    with mock.patch(target, autospec=autospec) as made:
        made.return_value.request.return_value = patched_answer()
        with ApiClient(Configuration(service.url, TOKEN)) as client:
            assert good_call(CreditsApi(client))

    request = made.return_value.request.call_args
    assert request.args[:2] == ("GET", f"{service.url}/api/v1/credits")
    assert request.kwargs["headers"]["Authorization"] == BEARER
    assert service.requests == []


def test_a_patched_proxy_manager_is_asked(service: Service) -> None:
    """So is the class of managers that go through a proxy."""
    with mock.patch("urllib3.ProxyManager") as made:
        made.return_value.request.return_value = patched_answer()
        settings = Configuration("https://a.b", TOKEN, proxy="http://127.0.0.1:9")
        with ApiClient(settings) as client:
            assert good_call(CreditsApi(client))

    assert "http://127.0.0.1:9" in str(made.call_args)
    assert service.requests == []


@every_token
@pytest.mark.parametrize("name", ["request", "urlopen"])
def test_a_patched_method_gets_text(service: Service, name: str, token: Any) -> None:
    """A patched method of the manager gets headers that are texts and no more."""
    patch = mock.patch(f"urllib3.PoolManager.{name}", return_value=patched_answer())
    with patch as patched, ApiClient(Configuration(service.url, token)) as client:
        assert good_call(CreditsApi(client))

    headers = patched.call_args.kwargs["headers"]
    check_plain(headers)
    assert {type(value) for value in headers.values()} == {str}
    assert service.requests == []


@every_token
def test_a_recorder_gets_text(wire: Wire, tmp_path: Path, token: Any) -> None:
    """The cassette of vcrpy is written as YAML, and its headers are found again."""
    recorder = vcr.VCR(match_on=["method", "uri", "headers"])

    for _ in range(2):
        with (
            recorder.use_cassette(tmp_path / "credits.yaml") as tape,
            ApiClient(Configuration(wire.url, token)) as client,
        ):
            assert good_call(CreditsApi(client))

    assert tape.play_count == 1
    assert len(wire.requests) == 1


PATCHED_IMPORT = """
import sys
from unittest import mock

with mock.patch("urllib3.PoolManager") as made:
    import at_client

    made.return_value.request.side_effect = LookupError("the test's own")
    configuration = at_client.Configuration(sys.argv[1], sys.argv[2])
    try:
        at_client.CreditsApi(at_client.ApiClient(configuration)).get_credits()
    except LookupError as error:
        print(error)

with at_client.ApiClient(configuration) as client:
    print(at_client.CreditsApi(client).get_credits().remaining)
"""

PATCHED_MODULES = """
import sys
from unittest import mock

import at_client

with mock.patch.dict(sys.modules):
    configuration = at_client.Configuration(sys.argv[1], "wrong")
    api = at_client.CreditsApi(at_client.ApiClient(configuration))

try:
    api.get_credits()
except at_client.ApiException:
    print("caught")
"""


def run(program: str, *arguments: str) -> str:
    """Run a program in a Python of its own, and return what it prints."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_import_under_a_patch(service: Service) -> None:
    """A package that is first imported under a patch works when the patch is gone."""
    assert run(PATCHED_IMPORT, service.url, TOKEN) == "the test's own\n750\n"


def test_the_first_use_under_patched_modules(service: Service) -> None:
    """Modules that a test forgets again do not split the package in two."""
    assert run(PATCHED_MODULES, service.url) == "caught\n"


# ---- A manager, or a transport, of one's own


@pytest.fixture
def plain_manager() -> Iterator[PlainManager]:
    """A manager that nobody but the test can close."""
    manager = PlainManager()
    yield manager
    manager.pools.clear()


def test_a_plain_manager(service: Service, plain_manager: PlainManager) -> None:
    """A manager is sent what generated code sends, and may have no other method."""
    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client.pool_manager = plain_manager
        assert good_call(CreditsApi(client))
        assert good_call(CreditsApi(client), timeout=None)

    assert plain_manager.requests == 2


def test_a_body_by_a_plain_manager(
    service: Service, plain_manager: PlainManager
) -> None:
    """A body comes to it as bytes or text, as generated code writes it."""
    url = f"{service.url}/api/v1/echo/json"

    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client.pool_manager = plain_manager
        response = client.call_api("POST", url, JSON, {"name": "a"})
        assert json.loads(response.read()) == {"name": "a", "count": 1}


def test_leaving_hides_no_error(service: Service, plain_manager: PlainManager) -> None:
    """An error inside `with` arrives, whatever the manager cannot do."""
    client = ApiClient(Configuration(service.url, "wrong"))
    client.rest_client.pool_manager = plain_manager

    with pytest.raises(UnauthorizedException), client:
        CreditsApi(client).get_credits()


def test_a_manager_of_urllib3(service: Service) -> None:
    """A manager of urllib3's with the user's own settings is asked, and closed."""
    manager = urllib3.PoolManager(headers={"X-Mine": "1"})

    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client.pool_manager = manager
        assert good_call(CreditsApi(client))

    assert service.requests[0].all("Authorization") == [BEARER]
    assert len(manager.pools) == 0


# ---- A Retry of one's own

UNAVAILABLE = reply(answer(b"", 503))


@dataclass(frozen=True)
class Told:
    """What a hook was told of one attempt that failed."""

    method: str | None
    url: str | None
    status: int | None


class Telling(urllib3.Retry):
    """A policy that notes what its hook is told, as users write it to count retries."""

    told: ClassVar[list[Told]] = []

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> urllib3.Retry:
        """Note the attempt, and go on."""
        status = None if response is None else response.status
        self.told.append(Told(method, url, status))
        return super().increment(method, url, response, error, _pool, _stacktrace)


def test_a_hook_is_told(wire: Wire, make_api: MakeApi) -> None:
    """`increment` gets method, URL and response of each failure, lost ones included."""
    Telling.told.clear()
    last = answer(b"", 503, headers=[("Connection", "close")])
    wire.play(reply(last, CLOSE), greet(CLOSE))
    policy = Telling(3, status_forcelist=[503], backoff_factor=0)

    assert good_call(make_api(wire.url, retries=policy))

    path = "/api/v1/credits"
    assert [each.method for each in Telling.told] == ["GET", "GET"]
    assert [each.status for each in Telling.told] == [503, None]
    assert {each.url for each in Telling.told} <= {path, f"{wire.url}{path}"}


class Positional(urllib3.Retry):
    """A hook with the two first arguments by position, and no default."""

    def increment(self, method: Any, url: Any, *rest: Any, **more: Any) -> Any:
        """Go on."""
        return super().increment(method, url, *rest, **more)


def test_a_hook_that_needs_the_url(wire: Wire, make_api: MakeApi) -> None:
    """A hook that cannot do without the URL makes as many attempts as it allows."""
    wire.play(otherwise=UNAVAILABLE)
    policy = Positional(2, status_forcelist=[503], backoff_factor=0)

    with pytest.raises(ServiceException):
        make_api(wire.url, retries=policy).get_credits()

    assert len(wire.requests) == 3


class Broken(urllib3.Retry):
    """A hook with a bug."""

    def increment(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise TypeError("a bug in the hook")


FAILURES = {"a status": UNAVAILABLE, "a lost call": reply(CLOSE)}


@pytest.mark.parametrize("step", FAILURES.values(), ids=FAILURES)
def test_a_broken_hook(wire: Wire, make_api: MakeApi, step: Step) -> None:
    """The bug is shown, not swallowed."""
    wire.play(step)
    policy = Broken(2, status_forcelist=[503])

    with pytest.raises(TypeError, match="a bug in the hook"):
        make_api(wire.url, retries=policy).get_credits()


class Patient(urllib3.Retry):
    """A policy whose own hooks decide how long to wait."""

    waits: ClassVar[list[float]] = []

    def get_backoff_time(self) -> float:
        """Return a wait of its own."""
        self.waits.append(0.01)
        return 0.01

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Read a header that only this service knows."""
        milliseconds = response.headers.get("X-Wait-Milliseconds")
        if milliseconds is None:
            return None
        self.waits.append(int(milliseconds) / 1000)
        return self.waits[-1]


def test_hooks_that_wait(wire: Wire, make_api: MakeApi) -> None:
    """The policy's own waits are taken."""
    Patient.waits.clear()
    busy = answer(b"", 503, headers=[("X-Wait-Milliseconds", "20")])
    wire.play(reply(busy), UNAVAILABLE)
    policy = Patient(3, status_forcelist=[503])

    assert good_call(make_api(wire.url, retries=policy))
    assert Patient.waits == [0.02, 0.01]


def test_a_method_that_the_policy_allows(wire: Wire, make_client: MakeClient) -> None:
    """A POST is sent again if the user's own policy says so."""
    wire.play(UNAVAILABLE)
    policy = urllib3.Retry(
        2, status_forcelist=[503], allowed_methods=["POST"], backoff_factor=0
    )

    client = make_client(wire.url, retries=policy)
    response = client.call_api("POST", f"{wire.url}/x")

    assert response.status == 200
    assert len(wire.requests) == 2


class Named(urllib3.Retry):
    """A policy with an argument of its own, which each copy takes along."""

    seen: ClassVar[set[str]] = set()

    def __init__(self, *given: Any, job: str = "", **more: Any) -> None:
        super().__init__(*given, **more)
        self.job = job
        self.seen.add(job)

    def new(self, **more: Any) -> "Named":
        """Copy the policy."""
        more["job"] = self.job
        return super().new(**more)


def test_a_policy_with_an_argument(wire: Wire, make_api: MakeApi) -> None:
    """Every copy of the policy is made by its own `new`."""
    Named.seen.clear()
    wire.play(UNAVAILABLE, UNAVAILABLE)
    policy = Named(3, job="nightly", status_forcelist=[503], backoff_factor=0)

    assert good_call(make_api(wire.url, retries=policy))
    assert Named.seen == {"nightly"}


class Sleeping(urllib3.Retry):
    """A policy that sleeps in its own way."""

    slept: ClassVar[list[int | None]] = []

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        """Note before what it would sleep."""
        self.slept.append(None if response is None else response.status)


def test_a_hook_that_sleeps(wire: Wire, make_api: MakeApi) -> None:
    """The policy's own `sleep` is asked before each further attempt."""
    Sleeping.slept.clear()
    wire.play(UNAVAILABLE, UNAVAILABLE)
    policy = Sleeping(3, status_forcelist=[503], backoff_factor=60)

    assert good_call(make_api(wire.url, retries=policy))
    assert Sleeping.slept == [503, 503]


def test_a_policy_that_waits_too_long(wire: Wire, make_api: MakeApi) -> None:
    """The wait of a policy ends with the time of the call, at the latest."""
    wire.play(otherwise=UNAVAILABLE)
    policy = urllib3.Retry(9, status_forcelist=[503], backoff_factor=60)
    began = time.monotonic()

    with pytest.raises(ApiException):
        make_api(wire.url, retries=policy).get_credits(timeout=0.5)

    assert time.monotonic() - began < 1.5


def redirected(make_wire: MakeWire, make_api: MakeApi, retries: urllib3.Retry) -> Wire:
    """Make a call that is redirected to another server, and return that server."""
    first = make_wire()
    second = make_wire()
    target = f"{second.url}/api/v1/credits"
    first.play(reply(answer(b"", 302, headers=[("Location", target)])))

    api = make_api(first.url, retries=retries)
    api.api_client.set_default_header("X-Mine", "1")
    assert api.get_credits(auth_token=COOKIE).remaining == 750

    assert secrets_in(*first.requests) == [TOKEN, COOKIE]
    assert len(second.requests) == 1
    return second


def test_a_policy_follows_to_another_origin(
    make_wire: MakeWire, make_api: MakeApi
) -> None:
    """A redirect that the user's own policy follows takes no credentials along."""
    second = redirected(make_wire, make_api, urllib3.Retry(3))
    assert secrets_in(*second.requests) == []
    assert b"X-Mine: 1" in second.requests[0]


def test_a_policy_keeps_more_headers_back(
    make_wire: MakeWire, make_api: MakeApi
) -> None:
    """Headers that the policy itself names stay behind as well."""
    policy = urllib3.Retry(3, remove_headers_on_redirect=["X-Mine"])
    second = redirected(make_wire, make_api, policy)
    assert secrets_in(*second.requests) == []
    assert b"X-Mine" not in second.requests[0]


def test_a_policy_follows_within_the_origin(wire: Wire, make_api: MakeApi) -> None:
    """A redirect to the same server takes the credentials along."""
    wire.play(reply(answer(b"", 307, headers=[("Location", "/elsewhere")])))
    api = make_api(wire.url, retries=urllib3.Retry(3))

    assert api.get_credits(auth_token=COOKIE).remaining == 750
    assert wire.requests[1].startswith(b"GET /elsewhere ")
    assert secrets_in(wire.requests[1]) == [TOKEN, COOKIE]


def test_a_policy_without_redirects(wire: Wire, make_api: MakeApi) -> None:
    """A redirect that the policy does not follow ends as an error with its status."""
    moved = answer(b"", 302, headers=[("Location", "/elsewhere")])
    wire.play(reply(moved))
    api = make_api(wire.url, retries=urllib3.Retry(3, redirect=0))

    with pytest.raises(ApiException) as caught:
        api.get_credits()

    assert caught.value.status == 302
    assert len(wire.requests) == 1


def test_the_policy_itself_is_not_changed(wire: Wire, make_api: MakeApi) -> None:
    """A policy that raises by itself still gives our errors, and stays as it was."""
    wire.play(otherwise=UNAVAILABLE)
    policy = urllib3.Retry(1, status_forcelist=[503], backoff_factor=0)

    with pytest.raises(ServiceException) as caught:
        make_api(wire.url, retries=policy).get_credits()

    assert caught.value.status == 503
    assert len(wire.requests) == 2
    assert policy.raise_on_status is True
    assert policy.history == ()


# ---- Where a connection goes to


def test_names_of_ones_own(
    service: Service, make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """A replaced `create_connection` decides where a name leads, as with urllib3."""
    asked = []
    original = urllib3.util.connection.create_connection

    def create_connection(address: tuple[str, int], *rest: Any, **more: Any) -> Any:
        asked.append(address)
        return original(("127.0.0.1", address[1]), *rest, **more)

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    port = int(service.url.rpartition(":")[2])
    host = f"http://credits.internal:{port}"

    assert good_call(make_api(host, allow_insecure_http=True))
    assert asked == [("credits.internal", port)]


def test_a_guard_of_addresses(wire: Wire, monkeypatch: MonkeyPatch) -> None:
    """One that refuses internal addresses is asked before anything is sent."""

    def refuse(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        raise PermissionError(f"{address[0]} is internal")

    monkeypatch.setattr("urllib3.util.connection.create_connection", refuse)

    with (
        pytest.raises(ApiException),
        ApiClient(Configuration(wire.url, TOKEN, retries=0)) as client,
    ):
        CreditsApi(client).get_credits()

    assert wire.connections == 0


def test_options_of_sockets(
    wire: Wire, make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """The options of sockets that a user sets reach what opens them."""
    given = []
    original = urllib3.util.connection.create_connection

    def create_connection(*rest: Any, **more: Any) -> Any:
        given.append(more["socket_options"])
        return original(*rest, **more)

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    keep_alive = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    api = make_api(wire.url)
    manager = api.api_client.rest_client.pool_manager
    manager.connection_pool_kw["socket_options"] = keep_alive

    assert good_call(api)
    assert given == [keep_alive]


def test_only_one_family_of_addresses(
    service: Service, make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """`allowed_gai_family`, which many patch to be rid of IPv6, is asked."""
    families = []
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int = 0, *rest: Any) -> Any:
        families.append(family)
        return original(host, port, family, *rest)

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    monkeypatch.setattr(
        "urllib3.util.connection.allowed_gai_family", lambda: socket.AF_INET
    )

    assert good_call(make_api(service.url.replace("127.0.0.1", "localhost")))
    assert families == [socket.AF_INET]


class _Callers(BaseHTTPRequestHandler):
    """Answers with the credits, and notes the address of the caller."""

    addresses: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.addresses.append(self.client_address[0])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(CREDITS_BODY)))
        self.end_headers()
        self.wfile.write(CREDITS_BODY)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def caller_server() -> Iterator[str]:
    """Run a server that notes who calls, and give its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Callers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")
def test_the_address_to_call_from() -> None:
    """A `source_address` among the settings of connections holds."""
    _Callers.addresses.clear()

    with caller_server() as url, ApiClient(Configuration(url, TOKEN)) as client:
        settings = client.rest_client.pool_manager.connection_pool_kw
        settings["source_address"] = ("127.0.0.2", 0)
        assert good_call(CreditsApi(client))

    assert _Callers.addresses == ["127.0.0.2"]


# ---- pyOpenSSL in the place of ssl

PYOPENSSL = """
import sys
import time

import urllib3.contrib.pyopenssl

urllib3.contrib.pyopenssl.inject_into_urllib3()

from at_client import ApiClient, ApiException, Configuration, CreditsApi

host, token, ca_file, timeout = sys.argv[1:]
began = time.monotonic()
settings = Configuration(host, token, retries=0, ssl_ca_cert=ca_file)
with ApiClient(settings) as client:
    api = CreditsApi(client)
    try:
        print(api.get_credits(timeout=float(timeout)).remaining)
        print(api.get_credits(timeout=float(timeout)).remaining)
    except ApiException as error:
        print(type(error).__name__, "certificate" in str(error))
        print(time.monotonic() - began < 3.0)
"""


@pytest.fixture
def run_with_pyopenssl() -> Callable[[str, str, str], str]:
    """Make two calls in a process whose urllib3 speaks TLS by pyOpenSSL."""
    pytest.importorskip("OpenSSL")
    return lambda host, ca_file, timeout: run(PYOPENSSL, host, TOKEN, ca_file, timeout)


def test_pyopenssl(
    secure_service: Service,
    authority: Authority,
    run_with_pyopenssl: Callable[[str, str, str], str],
) -> None:
    """Calls are answered over pyOpenSSL, as google-auth injects it."""
    printed = run_with_pyopenssl(secure_service.url, authority.ca_file, "5")
    assert printed == "750\n750\n"


def test_pyopenssl_and_a_silent_server(
    secure_wire: Wire,
    authority: Authority,
    run_with_pyopenssl: Callable[[str, str, str], str],
) -> None:
    """The deadline holds there, too."""
    secure_wire.play(otherwise=reply(SILENCE))
    printed = run_with_pyopenssl(secure_wire.url, authority.ca_file, "0.3")
    assert printed == "ApiTimeoutException False\nTrue\n"


def test_pyopenssl_and_a_wrong_certificate(
    secure_service: Service,
    other_authority: Authority,
    run_with_pyopenssl: Callable[[str, str, str], str],
) -> None:
    """A certificate that is not trusted ends the call as such."""
    printed = run_with_pyopenssl(secure_service.url, other_authority.ca_file, "5")
    assert printed == "ApiConnectionException True\nTrue\n"
