"""What users reported of proxies, certificates and settings of connections."""

import datetime as dt
import ssl
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiException,
    Configuration,
    CreditsApi,
    OpenApiException,
)
from support.counting import count_calls
from support.ending import good_call
from support.facts import PROXY_PASSWORD, TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.proxy import needs_asserts, socks_proxy
from support.tls import Authority
from support.tunnel import tunnel
from support.wire import CLOSE, Wire, reply

NOWHERE = "http://api.test.invalid"
"""A host that no name server knows: a direct call ends there, a proxy answers."""


def is_direct(wire: Wire, host: str, **settings: Any) -> bool:
    """Make a call to a host that cannot be reached, and tell whether it went there."""
    before = wire.connections
    try:
        ask(host, **settings)
    except ApiException as error:
        return wire.connections == before and str(wire.port) not in str(error)
    return False


# ---- Hosts that are reached without a proxy

DIRECT = [
    ("a star", NOWHERE, "*"),
    ("a star with blanks", NOWHERE, " * "),
    ("a star at the end of a list", NOWHERE, "x,*"),
    ("a star and a dot", NOWHERE, "*.test.invalid"),
    ("a star without a dot", NOWHERE, "*test.invalid"),
    ("a star before one label", NOWHERE, "*.invalid"),
    ("a dot", NOWHERE, ".test.invalid"),
    ("the name above", NOWHERE, "test.invalid"),
    ("capitals", NOWHERE, "*.Test.INVALID"),
    ("a trailing dot", NOWHERE, "api.test.invalid."),
    ("a trailing dot above", NOWHERE, "test.invalid."),
    ("a star and a trailing dot", NOWHERE, "*.test.invalid."),
    ("a host with a trailing dot", f"{NOWHERE}.", "test.invalid"),
    ("dots at both", f"{NOWHERE}.", "api.test.invalid."),
    ("blanks and empty entries", NOWHERE, " , x.invalid ,, *.test.invalid ,"),
    ("a port", NOWHERE, "*.test.invalid:80"),
    ("a port in the URL", f"{NOWHERE}:8443", "test.invalid:8443"),
    ("an address in brackets", "http://[fd00::1]:8443", "[fd00::1]"),
    ("an address in brackets with a port", "http://[fd00::1]:8443", "[fd00::1]:8443"),
    ("a plain IPv6 address", "http://[fd00::1]:8443", "fd00::1"),
    ("a network", "http://[fd00::1]:8443", "fd00::/8"),
    ("a network in brackets", "http://[fd00::1]:8443", "[fd00::]/8"),
    ("a network of IPv4", "http://10.255.255.1:9", "10.0.0.0/8"),
    ("loopback in brackets", "http://[::1]:9", "[::1]"),
    ("loopback with a port", "http://[::1]:8443", "[::1]:8443"),
]

PROXIED = [
    ("nothing", NOWHERE, ""),
    ("commas", NOWHERE, " , ,"),
    ("another name", NOWHERE, "*.example.invalid"),
    ("a part of a label", NOWHERE, "pi.test.invalid"),
    ("a name below", NOWHERE, "www.api.test.invalid"),
    ("another port", NOWHERE, "*.test.invalid:8443"),
    ("another address in brackets", "http://[fd00::1]:8443", "[fd00::2]"),
    ("another port in brackets", "http://[fd00::1]:8443", "[fd00::1]:9"),
    ("another network in brackets", "http://[fd00::1]:8443", "[fe80::]/10"),
    ("no network", "http://10.255.255.1:9", "10.0.0.0/33"),
]

NO_PROXY_FORMS = [
    pytest.param(host, entries, expected, id=f"{name}, {'direct' * expected or 'not'}")
    for rows, expected in ((DIRECT, True), (PROXIED, False))
    for name, host, entries in rows
]


@pytest.mark.parametrize(("host", "entries", "direct"), NO_PROXY_FORMS)
def test_no_proxy_is_read_as_people_write_it(
    wire: Wire, host: str, entries: str, *, direct: bool
) -> None:
    """Names, addresses and networks come in many forms; each does what it says."""
    assert is_direct(wire, host, proxy=wire.url, no_proxy=entries) is direct


@pytest.mark.parametrize(("host", "entries", "direct"), NO_PROXY_FORMS)
def test_the_variable_no_proxy_is_read_in_the_same_way(
    wire: Wire, monkeypatch: MonkeyPatch, host: str, entries: str, *, direct: bool
) -> None:
    """The environment's list has the same forms, for the environment's proxy."""
    if "[::1]" in host:
        direct = True  # no proxy of the environment stands before this machine
    monkeypatch.setenv("HTTP_PROXY", wire.url)
    monkeypatch.setenv("NO_PROXY", entries)
    assert is_direct(wire, host) is direct


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_holds_for_the_proxy_of_the_configuration(
    wire: Wire, monkeypatch: MonkeyPatch, name: str
) -> None:
    """The list in the environment counts beside a proxy that was set by hand."""
    assert not is_direct(wire, NOWHERE, proxy=wire.url)
    monkeypatch.setenv(name, "test.invalid")
    assert is_direct(wire, NOWHERE, proxy=wire.url)
    assert not is_direct(wire, "http://api.example.invalid", proxy=wire.url)


def test_the_list_of_the_configuration_replaces_the_environments(
    wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """`no_proxy` counts alone where it is given, also when it is empty."""
    monkeypatch.setenv("NO_PROXY", "*")
    assert is_direct(wire, NOWHERE, proxy=wire.url)
    assert not is_direct(wire, NOWHERE, proxy=wire.url, no_proxy="")
    assert not is_direct(wire, NOWHERE, proxy=wire.url, no_proxy="example.invalid")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_an_empty_proxy_opts_out(
    wire: Wire, monkeypatch: MonkeyPatch, name: str
) -> None:
    """`proxy=""` means no proxy at all, whatever the environment names."""
    monkeypatch.setenv(name, wire.url)
    assert not is_direct(wire, NOWHERE)
    assert is_direct(wire, NOWHERE, proxy="")


def test_the_proxy_can_be_switched_off_and_on(
    wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """`""` is stored as such, and `None` goes back to the environment."""
    monkeypatch.setenv("HTTP_PROXY", wire.url)
    configuration = Configuration(NOWHERE, TOKEN, proxy="", retries=0, timeout=0.3)
    configuration.allow_insecure_http = True
    with ApiClient(configuration) as client:
        with pytest.raises(ApiConnectionException):
            CreditsApi(client).get_credits()
        assert wire.connections == 0

        configuration.proxy = None
        client.close()

        assert good_call(CreditsApi(client))
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
    assert not is_direct(wire, NOWHERE)
    assert is_direct(wire, "http://direct.test.invalid")
    assert is_direct(wire, NOWHERE, proxy="")


WRONG_PROXIES = {
    "an unknown scheme": "ftp://proxyuser:{password}@127.0.0.1:9",
    "an unknown version of socks": "socks6://proxyuser:{password}@127.0.0.1:9",
    "no host": "http://proxyuser:{password}@",
    "a port of letters": "http://proxyuser:{password}@127.0.0.1:port",
    "a slash in the password": "http://proxyuser:/{password}@127.0.0.1:9",
}


@pytest.mark.parametrize("value", WRONG_PROXIES.values(), ids=WRONG_PROXIES)
@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("HTTP_PROXY", NOWHERE),
        ("http_proxy", NOWHERE),
        ("HTTPS_PROXY", "https://api.test.invalid"),
        ("https_proxy", "https://api.test.invalid"),
        ("ALL_PROXY", NOWHERE),
        ("ALL_PROXY", "https://api.test.invalid"),
        ("all_proxy", NOWHERE),
    ],
)
def test_the_variable_at_fault_is_named(
    monkeypatch: MonkeyPatch, name: str, host: str, value: str
) -> None:
    """An error about a proxy of the environment names the variable, not its value."""
    monkeypatch.setenv(name, value.format(password=PROXY_PASSWORD))
    with pytest.raises(OpenApiException) as caught:
        ask(host)
    assert name in str(caught.value)
    assert PROXY_PASSWORD not in f"{caught.value!r}{caught.value}"


def ask(host: str, **settings: Any) -> None:
    """Make one call with a short time, on a client of its own."""
    options: dict[str, Any] = {"retries": 0, "timeout": 0.3, **settings}
    configuration = Configuration(host, TOKEN, allow_insecure_http=True, **options)
    with ApiClient(configuration) as client:
        CreditsApi(client).get_credits()


@needs_asserts
def test_socks_without_a_version_is_the_fifth(
    make_api: MakeApi, wire: Wire, monkeypatch: MonkeyPatch
) -> None:
    """Desktops write `socks://` into `ALL_PROXY`, and mean SOCKS 5."""
    pytest.importorskip("socks")
    with socks_proxy() as proxy:
        url = f"socks://127.0.0.1:{proxy.port}"
        api = make_api(wire.url, proxy=url)
        assert good_call(api)
        api.api_client.close()

        monkeypatch.setenv("ALL_PROXY", url)
        with pytest.raises(ApiConnectionException):
            ask(NOWHERE, timeout=3)
        assert proxy.tunnels == 2


# ---- Settings of proxies can be read and changed


def test_settings_of_proxies_can_be_read() -> None:
    """What was given is what is read, credentials included."""
    configuration = Configuration(
        proxy="http://ada:pw@proxy.invalid:3128",
        no_proxy="a.invalid, b.invalid",
        proxy_headers={"X-Team": "blue"},
    )
    assert configuration.proxy == "http://ada:pw@proxy.invalid:3128"
    assert configuration.no_proxy == "a.invalid, b.invalid"
    assert configuration.proxy_headers == {"X-Team": "blue"}
    assert "pw" not in repr(configuration)


def test_proxy_headers_can_be_changed_in_place(make_api: MakeApi, wire: Wire) -> None:
    """A header added to the mapping goes to the proxy after `close()`."""
    api = make_api(NOWHERE, proxy=wire.url, proxy_headers={}, allow_insecure_http=True)
    configuration = api.api_client.configuration

    configuration.proxy_headers["X-Team"] = "blue"
    api.api_client.close()

    assert good_call(api)
    assert b"\r\nX-Team: blue\r\n" in wire.requests[0]
    assert configuration.proxy_headers == {"X-Team": "blue"}


def test_what_is_given_as_proxy_headers_is_not_shared() -> None:
    """A change of the configuration does not reach the dictionary it was made from."""
    given = {"X-Team": "blue"}
    configuration = Configuration(proxy_headers=given)
    assert configuration.proxy_headers is not None
    configuration.proxy_headers["X-Floor"] = "3"  # type: ignore[index]
    assert given == {"X-Team": "blue"}


def test_the_proxy_can_be_changed_after_closing(
    make_api: MakeApi, make_wire: MakeWire
) -> None:
    """A proxy that is assigned holds after `close()`."""
    first = make_wire()
    second = make_wire()
    api = make_api(NOWHERE, proxy=first.url, allow_insecure_http=True)
    assert good_call(api)

    api.api_client.configuration.proxy = second.url
    api.api_client.close()

    assert good_call(api)
    assert (first.connections, second.connections) == (1, 1)


# ---- Advice about certificates

Key = ec.EllipticCurvePrivateKey


def sign(
    name: str, issuer: str, key: Key, by: Key, *extensions: tuple[Any, bool]
) -> x509.Certificate:
    """Issue a certificate that is good for a day, with no more than it is told to."""
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, hashes.SHA256())


def write_bare_chain(folder: Path) -> tuple[Path, Path]:
    """Write a CA, and a certificate with its key that lacks the CA's identifier."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = x509.BasicConstraints(ca=True, path_length=None)
    ca = sign("ca", "ca", ca_key, ca_key, (usage, True), (identifier, False))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    leaf = sign("leaf", "ca", key, ca_key, (names, False))

    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    ca_file = folder / "ca.pem"
    chain = folder / "leaf.pem"
    ca_file.write_bytes(ca.public_bytes(pem))
    chain.write_bytes(secret + leaf.public_bytes(pem))
    return ca_file, chain


def test_the_strict_checks_of_python_are_explained(
    make_api: MakeApi, make_wire: MakeWire, tmp_path: Path
) -> None:
    """A certificate without the identifier of its CA is said to lack it: Python 3.13.

    The CA is not said to be missing. Older versions check as strictly when told to.
    """
    ca_file, chain = write_bare_chain(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    wire = make_wire(tls=server)
    strict = ssl.create_default_context(cafile=ca_file)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT

    with pytest.raises(ApiConnectionException) as caught:
        make_api(f"https://localhost:{wire.port}", ssl_context=strict).get_credits()

    message = str(caught.value)
    assert "Missing Authority Key Identifier" in message
    assert "VERIFY_X509_STRICT" in message
    assert "ssl_ca_cert" not in message


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_variable_that_points_nowhere_is_named(
    make_api: MakeApi, secure_wire: Wire, monkeypatch: MonkeyPatch, name: str
) -> None:
    """The error says which variable names a place where nothing is."""
    monkeypatch.setenv(name, "/nowhere/certificates")
    with pytest.raises(OpenApiException) as caught:
        make_api(secure_wire.url, retries=0).get_credits()
    message = str(caught.value)
    assert f"{name}" in message
    assert "/nowhere/certificates" in message
    assert secure_wire.connections <= 1


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


def test_a_key_log_is_written(
    make_api: MakeApi,
    secure_wire: Wire,
    authority: Authority,
    monkeypatch: MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With `SSLKEYLOGFILE` a connection can be read in Wireshark, as with urllib3."""
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    assert good_call(make_api(secure_wire.url, ssl_ca_cert=authority.ca_file))
    assert "CLIENT_" in keys.read_text()


# ---- Settings of urllib3's own manager


def change_pools(api: CreditsApi, **options: Any) -> None:
    """Give urllib3's manager further settings, as users of generated clients do."""
    api.api_client.rest_client.pool_manager.connection_pool_kw.update(options)


def test_a_source_address_of_another_machine_is_an_error(
    make_api: MakeApi, wire: Wire
) -> None:
    """An address that is not ours cannot be used, and nothing is sent without it."""
    api = make_api(wire.url, retries=0)
    change_pools(api, source_address=("192.0.2.77", 0))
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert wire.connections == 0


@pytest.mark.parametrize(
    ("only", "options"),
    [
        (ssl.TLSVersion.TLSv1_2, {"ssl_minimum_version": ssl.TLSVersion.TLSv1_3}),
        (ssl.TLSVersion.TLSv1_3, {"ssl_maximum_version": ssl.TLSVersion.TLSv1_2}),
    ],
    ids=["a least version", "a greatest version"],
)
def test_versions_of_tls_hold(
    make_api: MakeApi,
    make_wire: MakeWire,
    authority: Authority,
    only: ssl.TLSVersion,
    options: dict[str, ssl.TLSVersion],
) -> None:
    """A server of one version answers a usual client, and none that wants another."""
    context = authority.server_context("127.0.0.1")
    context.minimum_version = only
    context.maximum_version = only
    wire = make_wire(tls=context)
    trust = {"ssl_ca_cert": authority.ca_file, "retries": 0}
    assert good_call(make_api(wire.url, **trust))

    picky = make_api(wire.url, **trust)
    change_pools(picky, **options)

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


def test_a_fingerprint_given_to_the_manager_is_checked(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """`assert_fingerprint` refuses any other certificate, however well signed."""
    api = make_api(secure_wire.url, ssl_ca_cert=authority.ca_file, retries=0)
    change_pools(api, assert_fingerprint="00" * 32)
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert secure_wire.requests == []


# ---- One TLS context per client

LOADS = "set_default_verify_paths"
"""The function of OpenSSL that reads the system's CA certificates."""


@pytest.fixture
def trusted(authority: Authority, monkeypatch: MonkeyPatch) -> None:
    """Let the system's own CA certificates be those of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)


@pytest.mark.usefixtures("trusted")
def test_the_certificates_are_loaded_once_for_many_connections(
    make_api: MakeApi, secure_wire: Wire
) -> None:
    """A connection that is lost or closed by the server costs no new TLS context."""
    with count_calls(LOADS) as loads:
        api = make_api(secure_wire.url)
        assert loads == []
        assert good_call(api)
        secure_wire.play(reply(CLOSE), reply(CLOSE))
        assert good_call(api)
        assert good_call(api)
    assert secure_wire.connections >= 2
    assert len(loads) == 1


@pytest.mark.usefixtures("trusted")
def test_the_certificates_are_loaded_once_for_many_threads(
    make_api: MakeApi, secure_wire: Wire
) -> None:
    """Sixteen threads that open the first connection at once share one TLS context."""
    api = make_api(secure_wire.url)
    start = threading.Barrier(16)

    def call(_: int) -> bool:
        start.wait(10)
        return good_call(api)

    with count_calls(LOADS) as loads, ThreadPoolExecutor(16) as threads:
        assert all(threads.map(call, range(16)))
    assert secure_wire.connections > 1
    assert len(loads) == 1


@pytest.mark.usefixtures("trusted")
def test_the_certificates_are_loaded_once_for_many_hosts(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority
) -> None:
    """Another host, or a URL of one's own, is reached with the same TLS context."""
    wires = [
        make_wire(tls=authority.server_context("127.0.0.1")),
        make_wire(tls=authority.server_context("localhost")),
    ]
    with count_calls(LOADS) as loads:
        api = make_api(wires[0].url)
        assert good_call(api)
        api.api_client.configuration.host = f"https://localhost:{wires[1].port}"
        assert good_call(api)
    assert len(loads) == 1


@pytest.mark.usefixtures("trusted")
def test_the_certificates_are_loaded_once_for_many_tunnels(
    make_api: MakeApi, secure_wire: Wire
) -> None:
    """A tunnel that is lost and opened again takes the same TLS context."""
    with tunnel(secure_wire.port) as (proxy, targets), count_calls(LOADS) as loads:
        api = make_api("https://127.0.0.1:9", proxy=proxy)
        assert good_call(api)
        secure_wire.play(reply(CLOSE), reply(CLOSE))
        assert good_call(api)
        api.api_client.close()
    assert len(targets) >= 2
    assert len(loads) == 1


@pytest.mark.usefixtures("trusted")
def test_the_certificates_are_loaded_anew_after_closing(
    make_api: MakeApi, secure_wire: Wire
) -> None:
    """`close()` is where TLS settings are read again."""
    with count_calls(LOADS) as loads:
        api = make_api(secure_wire.url)
        assert good_call(api)
        api.api_client.close()
        assert good_call(api)
    assert len(loads) == 2


def test_no_certificates_are_loaded_for_plain_http(
    make_api: MakeApi, wire: Wire
) -> None:
    """A client that speaks http only never waits for OpenSSL."""
    with count_calls(LOADS) as loads:
        assert good_call(make_api(wire.url))
    assert loads == []
