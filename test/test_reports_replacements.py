"""What users put in the place of the client's parts gets what it would elsewhere."""

import json
import socket
import sys
import time
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import pytest
import requests
import urllib3

from at_client import (
    ApiClient,
    ApiException,
    Configuration,
    CreditsApi,
    UnauthorizedException,
)
from at_client.rest import RESTClientObject
from support.ending import good_call
from support.facts import COOKIE, CREDITS_BODY, TOKEN, secrets_in
from support.makers import MakeApi, MakeClient, MakeWire, MonkeyPatch
from support.programs import run_python
from support.service import Service
from support.tls import Authority
from support.wire import CLOSE, SILENCE, Step, Wire, answer, reply

BEARER = f"Bearer {TOKEN}"

# ---- Header values are str wherever a user can see them


TOKENS = {
    "a str": TOKEN,
    "a callable": lambda: TOKEN,
    "a source that renews": mock.Mock(return_value=TOKEN),
}


class Rewriting(ApiClient):
    """A client that looks at each request and changes it, as with generated code."""

    def update_params_for_auth(
        self, headers: dict[str, Any], *rest: Any, **more: Any
    ) -> None:
        """Add the credentials, and a signature that an f-string writes."""
        super().update_params_for_auth(headers, *rest, **more)
        headers["X-Signature"] = f"over {headers['Authorization']}"

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Any = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        """Add to the token, and go on."""
        header_params["Authorization"] += "-mine"
        return super().call_api(method, url, header_params, *rest, **more)


class Watching(RESTClientObject):
    """A transport that looks at each request."""

    seen: dict[str, Any]

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        *rest: Any,
        **more: Any,
    ) -> Any:
        """Note the headers, and go on."""
        self.seen = headers
        return super().request(method, url, headers, *rest, **more)


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_overrides_get_text(wire: Wire, token: Any) -> None:
    """Overrides of a client and its transport get text; what they write is sent."""
    configuration = Configuration(wire.url, token)
    with Rewriting(configuration) as client:
        transport = client.rest_client = Watching(configuration)
        assert good_call(CreditsApi(client))

    seen = transport.seen
    assert seen["X-Signature"] == f"over {BEARER}"
    assert all(isinstance(value, str) for value in seen.values())
    assert json.loads(json.dumps(seen)) == seen
    assert f"Authorization: {BEARER}-mine\r\n".encode() in wire.requests[0]


class RequestsTransport:
    """A `rest_client` on requests, with the signature of generated code and no more."""

    def request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> SimpleNamespace:
        """Send a request."""
        got = requests.request(
            method, url, headers=headers, json=body, data=post_params, timeout=5
        )
        return SimpleNamespace(
            status=got.status_code,
            reason=got.reason,
            headers=got.headers,
            data=got.content,
        )


def test_a_transport_of_ones_own(service: Service) -> None:
    """A `rest_client` on another HTTP library sends what it is given, and is read."""
    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client = RequestsTransport()
        assert good_call(CreditsApi(client))

        client.configuration.access_token = "wrong"
        with pytest.raises(UnauthorizedException):
            CreditsApi(client).get_credits()

    assert service.requests[0].all("Authorization") == [BEARER]


# ---- urllib3, patched

JSON = {"Content-Type": "application/json"}


def patched_answer() -> urllib3.HTTPResponse:
    """Make a response as a test double returns it."""
    return urllib3.HTTPResponse(CREDITS_BODY, JSON, 200, preload_content=False)


@pytest.mark.parametrize(
    ("target", "proxy"),
    [
        ("urllib3.PoolManager", None),
        ("at_client.rest.urllib3.PoolManager", None),
        ("urllib3.ProxyManager", "http://127.0.0.1:9"),
    ],
    ids=["by urllib3's name", "by our name", "for a proxy"],
)
def test_a_patched_manager_is_asked(target: str, proxy: str | None) -> None:
    """A class that a test puts in the manager's place is asked, and gets plain text."""
    settings = Configuration("https://api.test.invalid", lambda: TOKEN, proxy=proxy)
    with mock.patch(target, autospec=True) as made:
        made.return_value.request.return_value = patched_answer()
        with ApiClient(settings) as client:
            assert good_call(CreditsApi(client))

    assert (proxy or "") in str(made.call_args)
    request = made.return_value.request.call_args
    assert request.args[:2] == ("GET", "https://api.test.invalid/api/v1/credits")
    headers = request.kwargs["headers"]
    assert headers["Authorization"] == BEARER
    assert {type(value) for value in headers.values()} == {str}


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


def test_the_first_import_under_a_patch(service: Service) -> None:
    """A package that is first imported under a patch works when the patch is gone."""
    printed = run_python("-c", PATCHED_IMPORT, service.url, TOKEN)
    assert printed == "the test's own\n750\n"


def test_the_first_use_under_patched_modules(service: Service) -> None:
    """Modules that a test forgets again do not split the package in two."""
    assert run_python("-c", PATCHED_MODULES, service.url) == "caught\n"


# ---- A manager of one's own


class PlainManager:
    """A pool manager that takes what generated code sends, and can do nothing else."""

    pools = urllib3.PoolManager()

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Any = None,
        timeout: Any = None,
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request over a manager of urllib3's."""
        return self.pools.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=timeout,
            preload_content=preload_content,
        )


def test_a_plain_manager(service: Service) -> None:
    """A manager is sent what generated code sends, and may have no other method."""
    with ApiClient(Configuration(service.url, TOKEN)) as client:
        client.rest_client.pool_manager = PlainManager()
        assert good_call(CreditsApi(client), timeout=None)

        url = f"{service.url}/api/v1/echo/json"
        response = client.call_api("POST", url, JSON, {"name": "a"})
        assert json.loads(response.read()) == {"name": "a", "count": 1}

    PlainManager.pools.clear()


# ---- A Retry of one's own

UNAVAILABLE = reply(answer(b"", 503))


class Own(urllib3.Retry):
    """A policy as users write one: each hook notes that it was asked."""

    asked: ClassVar[list[str]] = []

    def increment(self, method: Any, url: Any, *rest: Any, **more: Any) -> Any:
        """Go on; neither method nor URL has a default."""
        self.asked.append(f"increment {method} {url}")
        return super().increment(method, url, *rest, **more)

    def get_retry_after(self, _: urllib3.BaseHTTPResponse) -> float:
        """Return a wait that the service need not ask for."""
        self.asked.append("get_retry_after")
        return 0.01

    def get_backoff_time(self) -> float:
        """Return a wait of its own."""
        self.asked.append("get_backoff_time")
        return 0.01

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        """Sleep."""
        self.asked.append("sleep")
        super().sleep(response)


def test_every_hook_is_asked(wire: Wire, make_api: MakeApi) -> None:
    """The hooks of a policy are asked as urllib3 asks them, lost calls included."""
    wire.play(UNAVAILABLE, reply(CLOSE))

    policy = Own(3, status_forcelist=[503])
    assert good_call(make_api(wire.url, retries=policy))

    decided = "increment GET /api/v1/credits"
    assert Own.asked == [
        decided,
        "sleep",
        "get_retry_after",
        decided,
        "sleep",
        "get_backoff_time",
    ]


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


def test_a_policy_that_waits_too_long(wire: Wire, make_api: MakeApi) -> None:
    """The wait of a policy ends with the time of the call, at the latest."""
    wire.play(otherwise=UNAVAILABLE)
    policy = urllib3.Retry(9, status_forcelist=[503], backoff_factor=60)
    began = time.monotonic()

    with pytest.raises(ApiException):
        make_api(wire.url, retries=policy).get_credits(timeout=0.5)

    assert time.monotonic() - began < 1.5


def test_a_policy_follows_to_another_origin(
    make_wire: MakeWire, make_api: MakeApi
) -> None:
    """A redirect takes no credentials along, nor headers that the policy names."""
    first = make_wire()
    second = make_wire()
    target = f"{second.url}/api/v1/credits"
    redirect = answer(b"", 302, headers=[("Location", target)])
    first.play(reply(redirect))

    policy = urllib3.Retry(3, remove_headers_on_redirect=["X-Mine"])
    api = make_api(first.url, retries=policy)
    api.api_client.set_default_header("X-Mine", "1")
    assert api.get_credits(auth_token=COOKIE).remaining == 750

    assert secrets_in(*first.requests) == [TOKEN, COOKIE]
    assert secrets_in(*second.requests) == []
    assert b"X-Mine" not in second.requests[0]


ELSEWHERE = reply(answer(b"", 307, headers=[("Location", "/elsewhere")]))


def test_a_policy_follows_within_the_origin(wire: Wire, make_api: MakeApi) -> None:
    """A redirect to the same server takes the credentials along."""
    wire.play(ELSEWHERE)
    api = make_api(wire.url, retries=urllib3.Retry(3))

    assert api.get_credits(auth_token=COOKIE).remaining == 750
    assert wire.requests[1].startswith(b"GET /elsewhere ")
    assert secrets_in(wire.requests[1]) == [TOKEN, COOKIE]


def test_a_policy_without_redirects(wire: Wire, make_api: MakeApi) -> None:
    """A redirect that is not followed is an error; the policy stays as it was."""
    wire.play(ELSEWHERE)
    policy = urllib3.Retry(3, redirect=0)

    with pytest.raises(ApiException, match="307"):
        make_api(wire.url, retries=policy).get_credits()

    assert len(wire.requests) == 1
    assert policy.raise_on_redirect is True


# ---- Where a connection goes to


def test_a_dialer_of_ones_own(
    wire: Wire, make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """A replaced `create_connection` decides where a name leads, as with urllib3."""
    original = urllib3.util.connection.create_connection

    def create_connection(address: tuple[str, int], *_: Any, **options: Any) -> Any:
        assert address == ("credits.internal", wire.port)
        assert options["socket_options"]
        return original(("127.0.0.1", wire.port), **options)

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    api = make_api(f"http://credits.internal:{wire.port}", allow_insecure_http=True)

    assert good_call(api)


def test_only_one_family_of_addresses(wire: Wire, make_api: MakeApi) -> None:
    """`allowed_gai_family`, which many patch to be rid of IPv6, is asked."""
    only_ipv4 = mock.patch(
        "urllib3.util.connection.allowed_gai_family", return_value=socket.AF_INET
    )
    lookups = mock.patch("socket.getaddrinfo", wraps=socket.getaddrinfo)
    host = wire.url.replace("127.0.0.1", "localhost")

    with only_ipv4, lookups as looked_up:
        assert good_call(make_api(host))

    assert socket.AF_INET in looked_up.call_args.args


@pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")
def test_the_address_to_call_from(wire: Wire, make_api: MakeApi) -> None:
    """A `source_address` among the settings of connections holds."""
    api = make_api(wire.url)
    manager = api.api_client.rest_client.pool_manager
    manager.connection_pool_kw["source_address"] = ("127.0.0.2", 0)

    response: Any = api.get_credits_api_v1_credits_get_without_preload_content()
    assert response.connection.sock.getsockname()[0] == "127.0.0.2"
    response.close()


# ---- pyOpenSSL in the place of ssl

PYOPENSSL = """
import sys
import time

import urllib3.contrib.pyopenssl

urllib3.contrib.pyopenssl.inject_into_urllib3()

from at_client import ApiClient, ApiException, Configuration, CreditsApi

host, token, ca_file = sys.argv[1:]
began = time.monotonic()
settings = Configuration(host, token, retries=0, ssl_ca_cert=ca_file)
with ApiClient(settings) as client:
    try:
        print(CreditsApi(client).get_credits(timeout=5).remaining)
        CreditsApi(client).get_credits(timeout=0.3)
    except ApiException as error:
        print(type(error).__name__, "certificate" in str(error))
        print(time.monotonic() - began < 3.0)
"""


def test_pyopenssl(secure_wire: Wire, authority: Authority) -> None:
    """Over pyOpenSSL, as google-auth injects it, calls are answered, or end in time.

    The usual authorities are trusted there, too.
    """
    pytest.importorskip("OpenSSL")
    secure_wire.play(reply(answer()), otherwise=reply(SILENCE))
    arguments = [secure_wire.url, TOKEN, ""]
    printed = run_python("-c", PYOPENSSL, *arguments, SSL_CERT_FILE=authority.ca_file)
    assert printed == "750\nApiTimeoutException False\nTrue\n"


def test_pyopenssl_and_a_wrong_certificate(
    secure_wire: Wire, other_authority: Authority
) -> None:
    """A certificate that is not trusted ends the call as such."""
    pytest.importorskip("OpenSSL")
    arguments = [secure_wire.url, TOKEN, other_authority.ca_file]
    printed = run_python("-c", PYOPENSSL, *arguments)
    assert printed == "ApiConnectionException True\nTrue\n"
