"""TLS as it really is: whom the client trusts, what it shows, and how it says what is wrong."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from at_client import ApiConnectionException, ApiValueError
from support.ending import Endings, Fault, good_call
from support.facts import TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.service import Service, running_service
from support.tls import Authority
from support.wire import CLOSE, Wire, greet

TRUSTED: dict[str, Callable[[Authority], dict[str, Any]]] = {
    "file": lambda authority: {"ssl_ca_cert": authority.ca_file},
    "text": lambda authority: {"ca_cert_data": authority.ca_data},
    "bytes": lambda authority: {
        "ca_cert_data": ssl.PEM_cert_to_DER_cert(authority.ca_data)
    },
    "context": lambda authority: {
        "ssl_context": ssl.create_default_context(cafile=authority.ca_file)
    },
    "environment": lambda _: {},
}


@pytest.mark.parametrize("how", TRUSTED)
def test_an_authority_of_ones_own_is_trusted(
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
    how: str,
) -> None:
    """As a file, as PEM text, as DER bytes, in a context, or by SSL_CERT_FILE."""
    if how == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    assert good_call(make_api(secure_service.url, **TRUSTED[how](authority)))
    assert secure_service.requests[0].all("Authorization") == [f"Bearer {TOKEN}"]


def self_signed(folder: Path) -> ssl.SSLContext:
    """Make a server context whose certificate is its own authority."""
    authority, path = trustme.CA(), folder / "self-signed.pem"
    path.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


WRONG: dict[str, tuple[Callable[[Authority, Path], ssl.SSLContext], bool, str]] = {
    # the server; whether the client is given our authority to trust; what the error says
    "expired": (
        lambda ours, _: ours.server_context("127.0.0.1", expired=True),
        True,
        "expired",
    ),
    "for another name": (
        lambda ours, _: ours.server_context("other.example"),
        True,
        "127.0.0.1",
    ),
    "by nobody we know": (
        lambda _, folder: Authority(folder).server_context("127.0.0.1"),
        True,
        "ssl_ca_cert",
    ),
    "by nobody the system knows": (
        lambda ours, _: ours.server_context("127.0.0.1"),
        False,
        "ssl_ca_cert",
    ),
    "by itself": (lambda _, folder: self_signed(folder), False, "self-signed"),
}


@pytest.mark.parametrize(("serve", "trust", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_certificate_is_told_after_one_attempt(
    endings: Endings,
    authority: Authority,
    tmp_path: Path,
    make_api: MakeApi,
    make_wire: MakeWire,
    serve: Callable[[Authority, Path], ssl.SSLContext],
    trust: bool,  # a column of the table
    says: str,
) -> None:
    """The message says what is wrong; no second attempt can better it."""
    wire = make_wire(tls=serve(authority, tmp_path))
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file if trust else None)
    endings.of(
        api, Fault((), ApiConnectionException, ("certificate", says, str(wire.port)))
    )
    assert (wire.connections, wire.requests) == (1, [])


def test_plain_http_on_the_port_is_told(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """A server that answers a handshake in plain HTTP is said to do that; one attempt."""
    wire.play(
        otherwise=greet(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", CLOSE)
    )
    api = make_api(f"https://127.0.0.1:{wire.port}")
    endings.of(
        api, Fault((), ApiConnectionException, ("TLS", "scheme", str(wire.port)))
    )
    assert wire.connections == 1


def test_the_names_to_show_and_expect_can_be_set(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority
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
    authority: Authority, make_api: MakeApi
) -> None:
    """With `cert_file` and `key_file` the service lets the client in; without them, it does not."""
    mine, trust = authority.issue("client.example"), {"ssl_ca_cert": authority.ca_file}
    with running_service(
        tls=authority.issue("127.0.0.1"), client_ca=authority.ca_file
    ) as service:
        api = make_api(
            service.url, cert_file=mine.certificate, key_file=mine.key, **trust
        )
        assert good_call(api)
        api.api_client.close()
        # TLS 1.3 lets the client send before the server has refused it: which error wins is a race.
        with pytest.raises(ApiConnectionException):
            make_api(service.url, retries=0, **trust).get_credits()


def test_a_key_that_does_not_fit_is_refused(
    authority: Authority, make_api: MakeApi, wire: Wire
) -> None:
    """A certificate with another's key is a wrong setting, not a failed connection."""
    mine, other = authority.issue("client.example"), authority.issue("other.example")
    with pytest.raises(ApiValueError, match=r"key_file|cert_file"):
        make_api(
            f"https://127.0.0.1:{wire.port}",
            cert_file=mine.certificate,
            key_file=other.key,
        ).get_credits()
    assert wire.connections == 0


def test_no_verification_works_and_warns(
    make_wire: MakeWire, other_authority: Authority, make_api: MakeApi
) -> None:
    """`verify_ssl=False` accepts any certificate, and warns that it should not be so."""
    wire = make_wire(tls=other_authority.server_context("other.example", expired=True))
    with pytest.warns(match="certificate verification"):
        assert good_call(make_api(wire.url, verify_ssl=False))


def test_a_context_of_ones_own_is_used_as_it_is(
    make_wire: MakeWire, authority: Authority, make_api: MakeApi
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


def test_settings_of_connections_apply_to_new_hosts_and_after_close(
    secure_service: Service, authority: Authority, make_api: MakeApi
) -> None:
    """What is assigned between calls counts for a host that has not been asked yet; and for all after `close()`."""
    api = make_api(secure_service.url.replace("127.0.0.1", "localhost"), retries=0)
    client, configuration = api.api_client, api.api_client.configuration
    with pytest.raises(ApiConnectionException, match="certificate"):
        api.get_credits()
    configuration.ca_cert_data, configuration.connection_pool_maxsize = (
        authority.ca_data,
        7,
    )
    configuration.host = secure_service.url
    assert good_call(api)
    configuration.ca_cert_data = None
    assert good_call(api)
    client.close()
    assert client.rest_client.pool_manager.connection_pool_kw["maxsize"] == 7
    with pytest.raises(ApiConnectionException, match="certificate"):
        api.get_credits()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_the_mode_of_a_context_is_left_alone(
    secure_service: Service, make_api: MakeApi
) -> None:
    """A context that verifies nothing, from somebody who knows why, stays so: urllib3 would ask for certificates."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    assert good_call(make_api(secure_service.url, ssl_context=context))
    assert context.verify_mode is ssl.CERT_NONE
