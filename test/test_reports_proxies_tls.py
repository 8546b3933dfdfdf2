"""What users reported of proxies, certificates and settings of connections."""

import ssl
import urllib.request
from typing import Any

import pytest

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiException,
    ApiValueError,
    Configuration,
    CreditsApi,
    OpenApiException,
)
from at_client.failures import advise_certificate
from at_client.proxies import choose_proxy
from support.counting import count_calls
from support.ending import good_call
from support.facts import TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.tls import Authority
from support.wire import CLOSE, Wire, reply

NOWHERE = "api.test.invalid"
"""A host that no name server knows: a direct call ends there, a proxy answers."""

URL = f"http://{NOWHERE}"


def is_direct(wire: Wire, host: str, **settings: Any) -> bool:
    """Make a call to a host that cannot be reached, and tell whether it went there."""
    before = wire.connections
    try:
        ask(host, **settings)
    except ApiException as error:
        return wire.connections == before and str(wire.port) not in str(error)
    return False


# ---- Hosts that are reached without a proxy

PROXY = "http://proxy.invalid:3128"
FORMS = [
    ("a star with blanks", NOWHERE, " * ", True),
    ("a star at the end of a list", NOWHERE, "x,*", True),
    ("a star and a dot", NOWHERE, "*.test.invalid", True),
    ("a star without a dot", NOWHERE, "*test.invalid", True),
    ("a trailing dot", NOWHERE, "*.test.invalid.", True),
    ("a host with a trailing dot", f"{NOWHERE}.", "test.invalid", True),
    ("blanks and empty entries", NOWHERE, " , x.invalid ,, test.invalid ,", True),
    ("a port", NOWHERE, "*.test.invalid:80", True),
    ("another port", NOWHERE, "*.test.invalid:8443", False),
    ("commas", NOWHERE, " , ,", False),
    ("a part of a label", NOWHERE, "pi.test.invalid", False),
    ("a name below", NOWHERE, "www.api.test.invalid", False),
    ("an address in brackets", "::1", "[::1]", True),
    ("an address with another port", "::1", "[::1]:8443", False),
    ("a plain address", "fd00::1", "fd00::1", True),
    ("a network in brackets", "fd00::1", "[fd00::]/8", True),
    ("another network", "fd00::1", "[fe80::]/10", False),
    ("no network", "10.1.2.3", "10.0.0.0/33", False),
]


@pytest.mark.parametrize(
    ("host", "entries", "direct"),
    [pytest.param(*row, id=name) for name, *row in FORMS],
)
def test_no_proxy_is_read_as_people_write_it(
    host: str, entries: str, *, direct: bool
) -> None:
    """Names, addresses and networks come in many forms; each does what it says."""
    proxy = choose_proxy("http", host, 80, PROXY, entries)
    assert (proxy is None) is direct


def test_no_proxy_holds_for_the_proxy_of_the_configuration(
    wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """The environment's list counts for it, unless the configuration has a list."""
    assert not is_direct(wire, URL, proxy=wire.url)
    monkeypatch.setenv("NO_PROXY", "test.invalid")
    assert is_direct(wire, URL, proxy=wire.url)
    assert not is_direct(wire, "http://api.example.invalid", proxy=wire.url)
    assert not is_direct(wire, URL, proxy=wire.url, no_proxy="")


def test_the_proxy_can_be_switched_off_and_on(
    wire: Wire, make_api: MakeApi, monkeypatch: MonkeyPatch
) -> None:
    """`""` means no proxy, and `None` goes back to that of the environment."""
    monkeypatch.setenv("HTTP_PROXY", wire.url)
    api = make_api(
        URL,
        proxy="",
        retries=0,
        timeout=0.3,
        allow_insecure_http=True,
    )
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert wire.connections == 0

    api.api_client.configuration.proxy = None
    api.api_client.close()

    assert good_call(api)
    assert wire.connections == 1


def test_the_settings_of_the_system_are_read(
    wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """Windows and macOS have proxies in their settings, as the standard library reads.

    Here its two functions stand for such a system.
    """
    monkeypatch.setattr("at_client.proxies._HAS_SYSTEM_SETTINGS", True)
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": wire.url})
    monkeypatch.setattr(
        urllib.request, "proxy_bypass", lambda host: host.startswith("direct.")
    )
    assert not is_direct(wire, URL)
    assert is_direct(wire, "http://direct.test.invalid")
    assert is_direct(wire, URL, proxy="")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_variable_at_fault_is_named(monkeypatch: MonkeyPatch, name: str) -> None:
    """An error about a proxy of the environment names the variable."""
    monkeypatch.setenv(name, "http://127.0.0.1:port")
    with pytest.raises(ApiValueError, match=name):
        ask(URL)


def ask(host: str, **settings: Any) -> None:
    """Make one call with a short time, on a client of its own."""
    configuration = Configuration(host, TOKEN, allow_insecure_http=True, **settings)
    configuration.retries = 0
    configuration.timeout = 0.3
    with ApiClient(configuration) as client:
        CreditsApi(client).get_credits()


# ---- Settings of proxies can be read and changed


def test_proxy_headers_can_be_changed_in_place(make_api: MakeApi, wire: Wire) -> None:
    """A header added to the setting, which is a copy, goes to the proxy."""
    given: dict[str, str] = {}
    api = make_api(
        URL,
        proxy=wire.url,
        proxy_headers=given,
        allow_insecure_http=True,
    )

    api.api_client.configuration.proxy_headers["X-Team"] = "blue"
    api.api_client.close()

    assert good_call(api)
    assert b"\r\nX-Team: blue\r\n" in wire.requests[0]
    assert given == {}


# ---- Advice about certificates


@pytest.mark.parametrize(
    "reason",
    [
        "Missing Authority Key Identifier",
        "Basic Constraints of CA cert not marked critical",
    ],
)
def test_the_strict_checks_of_python_are_explained(reason: str) -> None:
    """What Python 3.13 asks of a CA is said; the CA is not said to be missing."""
    advice = advise_certificate(reason)
    assert "VERIFY_X509_STRICT" in advice
    assert "ssl_ca_cert" not in advice


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_variable_that_points_nowhere_is_named(
    make_api: MakeApi, secure_wire: Wire, monkeypatch: MonkeyPatch, name: str
) -> None:
    """The error says which variable names a place where nothing is."""
    monkeypatch.setenv(name, "/nowhere/certificates")
    with pytest.raises(OpenApiException, match=f"{name}.*/nowhere/certificates"):
        make_api(secure_wire.url, retries=0).get_credits()


def test_a_good_variable_is_not_blamed(
    make_api: MakeApi,
    secure_wire: Wire,
    other_authority: Authority,
    monkeypatch: MonkeyPatch,
) -> None:
    """A file that exists but does not know the CA is not said to be missing."""
    monkeypatch.setenv("SSL_CERT_FILE", other_authority.ca_file)
    with pytest.raises(ApiConnectionException, match="ssl_ca_cert") as caught:
        make_api(secure_wire.url, retries=0).get_credits()
    assert "does not exist" not in str(caught.value)


def test_a_key_log_that_cannot_be_written_is_named(
    make_api: MakeApi, secure_wire: Wire, authority: Authority, monkeypatch: MonkeyPatch
) -> None:
    """`SSLKEYLOGFILE` is at fault then, and not the CA certificates."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys.log")
    with pytest.raises(OpenApiException, match="SSLKEYLOGFILE") as caught:
        make_api(secure_wire.url, ca_cert_data=authority.ca_data).get_credits()
    assert "ca_cert_data" not in str(caught.value)
    assert secure_wire.connections == 0


# ---- Settings of urllib3's own manager


def change_pools(api: CreditsApi, **options: Any) -> None:
    """Give urllib3's manager further settings, as users of generated clients do."""
    api.api_client.rest_client.pool_manager.connection_pool_kw.update(options)


def test_versions_of_tls_hold(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority
) -> None:
    """A server of one version answers a usual client, and none that wants another."""
    context = authority.server_context("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    wire = make_wire(tls=context)
    trust = {"ssl_ca_cert": authority.ca_file, "retries": 0}
    assert good_call(make_api(wire.url, **trust))

    picky = make_api(wire.url, **trust)
    change_pools(picky, ssl_minimum_version=ssl.TLSVersion.TLSv1_3)

    with pytest.raises(ApiConnectionException):
        picky.get_credits()
    assert len(wire.requests) == 1


def test_authorities_given_to_the_manager_are_trusted(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """`ca_certs` and `ssl_context` are taken where urllib3 takes them."""
    by_file = make_api(secure_wire.url)
    change_pools(by_file, ca_certs=authority.ca_file)
    assert good_call(by_file)

    by_context = make_api(secure_wire.url)
    mine = ssl.create_default_context(cafile=authority.ca_file)
    change_pools(by_context, ssl_context=mine)
    assert good_call(by_context)


# ---- One TLS context per client

LOADS = "set_default_verify_paths"
"""The function of OpenSSL that reads the system's CA certificates."""


def test_the_certificates_are_loaded_once_for_many_connections(
    make_api: MakeApi,
    secure_wire: Wire,
    authority: Authority,
    monkeypatch: MonkeyPatch,
) -> None:
    """A connection that is lost costs no new TLS context; `close()` reads anew."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    with count_calls(LOADS) as loads:
        api = make_api(secure_wire.url)
        assert loads == []
        assert good_call(api)
        secure_wire.play(reply(CLOSE))
        assert good_call(api)
        assert secure_wire.connections == 2
        assert len(loads) == 1

        api.api_client.close()
        assert good_call(api)
        assert len(loads) == 2
