"""TLS as it really is: whom the client trusts, what it shows, and how it says what is wrong."""

from __future__ import annotations

import ssl
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from at_client import ApiConnectionException, ApiValueError, CreditsApi
from support.ending import Endings, Fault, good_call
from support.facts import TOKEN
from support.service import Service, running_service
from support.wire import CLOSE, Wire, greet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.tls import Authority


@pytest.mark.parametrize("how", ["file", "data", "bytes", "context", "environment"])
def test_an_authority_of_ones_own_is_trusted(
    secure_service: Service,
    authority: Authority,
    make_api: Callable[..., CreditsApi],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """As a file, as PEM text, as DER bytes, in a context, or by SSL_CERT_FILE."""
    settings: dict[str, Any] = {}
    if how == "file":
        settings["ssl_ca_cert"] = authority.ca_file
    elif how == "data":
        settings["ca_cert_data"] = authority.ca_data
    elif how == "bytes":
        settings["ca_cert_data"] = ssl.PEM_cert_to_DER_cert(authority.ca_data)
    elif how == "context":
        settings["ssl_context"] = ssl.create_default_context(cafile=authority.ca_file)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    assert good_call(make_api(secure_service.url, **settings))
    assert secure_service.requests[0].all("Authorization") == [f"Bearer {TOKEN}"]


WRONG = {
    "expired": (("127.0.0.1",), True, "authority", "expired"),
    "for another name": (("other.example",), False, "authority", "127.0.0.1"),
    "by nobody we know": (("127.0.0.1",), False, "other_authority", "ssl_ca_cert"),
}


@pytest.mark.parametrize(("names", "expired", "issuer", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_certificate_is_told_after_one_attempt(
    endings: Endings,
    request: pytest.FixtureRequest,
    authority: Authority,
    make_api: Callable[..., CreditsApi],
    make_wire: Callable[..., Wire],
    names: tuple[str, ...],
    expired: bool,  # a column of the table
    issuer: str,
    says: str,
) -> None:
    """The message says which of the three it is; no second attempt can better it."""
    context = request.getfixturevalue(issuer).server_context(*names, expired=expired)
    wire = make_wire(tls=context)
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file)
    fault = Fault((), ApiConnectionException, ("certificate", says, str(wire.port)))
    endings.of(api, fault)
    assert (wire.connections, wire.requests) == (1, [])


def test_a_certificate_that_signs_itself_is_told(
    endings: Endings, make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], tmp_path: Path
) -> None:
    """Self-signed: nobody else vouches for it, and the message says so."""
    wire = make_wire(tls=self_signed(tmp_path))
    fault = Fault((), ApiConnectionException, ("certificate", "self-signed"))
    endings.of(make_api(wire.url), fault)
    assert wire.connections == 1


def self_signed(folder: Path) -> ssl.SSLContext:
    """Make a server context whose certificate is its own authority."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_plain_http_on_the_port_is_told(endings: Endings, make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A server that answers a handshake in plain HTTP is said to do that; one attempt."""
    wire.play(otherwise=greet(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", CLOSE))
    api = make_api(f"https://127.0.0.1:{wire.port}")
    endings.of(api, Fault((), ApiConnectionException, ("TLS", "scheme", str(wire.port))))
    assert wire.connections == 1


def test_https_on_the_port_of_a_plain_host_is_our_error(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], authority: Authority
) -> None:
    """The other way round: plain HTTP to a TLS port is a failed connection."""
    wire = make_wire(tls=authority.server_context("127.0.0.1"))
    with pytest.raises(ApiConnectionException):
        make_api(f"http://127.0.0.1:{wire.port}", retries=0).get_credits()


def test_the_name_to_show_and_the_name_to_expect_can_be_set(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], authority: Authority
) -> None:
    """`tls_server_name` is what the handshake asks for and what the certificate must have."""
    asked: list[str | None] = []
    context = authority.server_context("service.example")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    wire = make_wire(tls=context)
    trust = {"ssl_ca_cert": authority.ca_file, "retries": 0}
    assert good_call(make_api(wire.url, tls_server_name="service.example", **trust))
    assert asked == ["service.example"]
    assert good_call(make_api(wire.url, assert_hostname="service.example", **trust))
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(wire.url, assert_hostname="other.example", **trust).get_credits()


def test_a_client_certificate_is_shown_when_asked_for(
    authority: Authority, make_api: Callable[..., CreditsApi]
) -> None:
    """With `cert_file` and `key_file` the service lets the client in; without them, it does not."""
    server = authority.issue("127.0.0.1")
    mine = authority.issue("client.example")
    with running_service(tls=server, client_ca=authority.ca_file) as service:
        trust = {"ssl_ca_cert": authority.ca_file}
        files = {"cert_file": mine.certificate, "key_file": mine.key}
        api = make_api(service.url, **trust, **files)
        assert good_call(api)
        api.api_client.close()
        # TLS 1.3 lets the client send before the server has refused it: which error wins is a race.
        with pytest.raises(ApiConnectionException):
            make_api(service.url, **trust, retries=0).get_credits()


def test_a_key_that_does_not_fit_is_refused_before_any_packet(
    authority: Authority, make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """A certificate with another's key is a wrong setting, not a failed connection."""
    mine, other = authority.issue("client.example"), authority.issue("other.example")
    host = f"https://127.0.0.1:{wire.port}"
    with pytest.raises(ApiValueError, match=r"key_file|cert_file"):
        make_api(host, cert_file=mine.certificate, key_file=other.key).get_credits()
    assert wire.connections == 0


def test_no_verification_works_and_warns(
    make_wire: Callable[..., Wire], other_authority: Authority, make_api: Callable[..., CreditsApi]
) -> None:
    """`verify_ssl=False` accepts any certificate, and warns that it should not be so."""
    wire = make_wire(tls=other_authority.server_context("other.example", expired=True))
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        api = make_api(wire.url, verify_ssl=False)
        assert good_call(api)
    assert "certificate verification" in str(noted[0].message).lower()


def test_the_system_store_is_trusted_by_default(
    make_wire: Callable[..., Wire], authority: Authority, make_api: Callable[..., CreditsApi]
) -> None:
    """Without a CA of one's own the system's are used, and ours is not among them."""
    wire = make_wire(tls=authority.server_context("127.0.0.1"))
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(wire.url).get_credits()


def test_a_context_of_ones_own_is_used_as_it_is(
    make_wire: Callable[..., Wire], authority: Authority, make_api: Callable[..., CreditsApi]
) -> None:
    """What the user has set in `ssl_context` holds: here, TLS 1.3 against a server of 1.2."""
    server = authority.server_context("127.0.0.1")
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    wire = make_wire(tls=server)
    mine = ssl.create_default_context(cafile=authority.ca_file)
    assert good_call(make_api(wire.url, ssl_context=mine))
    mine.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises(ApiConnectionException):
        make_api(wire.url, ssl_context=mine, retries=0).get_credits()
