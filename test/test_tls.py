"""TLS as it really is: whom the client trusts, what it shows, and what is wrong."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from at_client import ApiConnectionException, ApiValueError
from support.ending import Endings, good_call
from support.facts import TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.service import Service, running_service
from support.tls import Authority
from support.wire import CLOSE, Wire, answer, greet


@pytest.mark.parametrize(
    ("setting", "form"), [("ssl_ca_cert", "ca_file"), ("ca_cert_data", "ca_data")]
)
def test_an_authority_of_ones_own_is_trusted(
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
    setting: str,
    form: str,
) -> None:
    """`ssl_ca_cert` or `ca_cert_data` takes the place of the system's authorities."""
    trust = {setting: getattr(authority, form)}
    assert good_call(make_api(secure_service.url, **trust))
    (seen,) = secure_service.requests
    assert seen.all("Authorization") == [f"Bearer {TOKEN}"]


def test_an_authority_of_the_environment_is_trusted(
    secure_service: Service,
    authority: Authority,
    make_api: MakeApi,
    monkeypatch: MonkeyPatch,
) -> None:
    """`SSL_CERT_FILE` takes the place of the system's authorities, too."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    assert good_call(make_api(secure_service.url))


def serve_expired(authority: Authority, _: Path) -> ssl.SSLContext:
    """Show a certificate that has ended yesterday."""
    return authority.server_context("127.0.0.1", expired=True)


def serve_another_name(authority: Authority, _: Path) -> ssl.SSLContext:
    """Show a certificate of another host."""
    return authority.server_context("other.example")


def serve_self_signed(_: Authority, folder: Path) -> ssl.SSLContext:
    """Show a certificate that is its own authority."""
    ca = trustme.CA()
    path = folder / "self-signed.pem"
    path.write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    ("serve", "says"),
    [
        pytest.param(serve_expired, "expired", id="expired"),
        pytest.param(serve_another_name, "127.0.0.1", id="for another name"),
        pytest.param(serve_self_signed, "self-signed", id="by itself"),
    ],
)
def test_a_wrong_certificate_is_told_after_one_attempt(
    endings: Endings,
    authority: Authority,
    tmp_path: Path,
    make_api: MakeApi,
    make_wire: MakeWire,
    serve: Callable[[Authority, Path], ssl.SSLContext],
    says: str,
) -> None:
    """An error says what is wrong with a certificate, after one attempt."""
    wire = make_wire(tls=serve(authority, tmp_path))
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file)
    told = ("certificate", says, str(wire.port))
    endings.play_on(api, says=told)
    assert wire.connections == 1
    assert wire.requests == []


def test_plain_http_on_the_port_is_told(
    endings: Endings, make_api: MakeApi, wire: Wire
) -> None:
    """A server that answers a handshake in plain HTTP is said to do that, once."""
    wire.play(otherwise=greet(answer(b"", 400), CLOSE))
    api = make_api(f"https://127.0.0.1:{wire.port}")
    told = ("TLS", "scheme", str(wire.port))
    endings.play_on(api, says=told)
    assert wire.connections == 1


def test_the_name_to_ask_for_can_be_set(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority
) -> None:
    """`tls_server_name` is asked for, and is what the certificate must have."""
    asked: list[str | None] = []
    context = authority.server_context("service.example")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    settings = {
        "ssl_ca_cert": authority.ca_file,
        "tls_server_name": "service.example",
    }
    assert good_call(make_api(make_wire(tls=context).url, **settings))
    assert asked == ["service.example"]


def test_the_name_to_expect_can_be_set(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority
) -> None:
    """`assert_hostname` is what the certificate must have, and no other will do."""
    wire = make_wire(tls=authority.server_context("service.example"))
    trust = {"ssl_ca_cert": authority.ca_file, "retries": 0}
    assert good_call(make_api(wire.url, assert_hostname="service.example", **trust))
    assert good_call(make_api(wire.url, assert_hostname=False, **trust))
    with pytest.raises(ApiConnectionException, match="certificate"):
        make_api(wire.url, assert_hostname="other.example", **trust).get_credits()


def test_a_client_certificate_is_shown_when_asked_for(
    authority: Authority, make_api: MakeApi
) -> None:
    """With `cert_file` and `key_file` the client is let in, else it is not."""
    mine = authority.issue("client.example")
    server = authority.issue("127.0.0.1")
    settings = {"ssl_ca_cert": authority.ca_file, "retries": 0}
    with running_service(tls=server, client_ca=authority.ca_file) as service:
        files = {"cert_file": mine.certificate, "key_file": mine.key}
        api = make_api(service.url, **files, **settings)
        assert good_call(api)
        api.api_client.close()
        # With TLS 1.3 a client may send first: which error wins is a race.
        with pytest.raises(ApiConnectionException):
            make_api(service.url, **settings).get_credits()


def test_a_key_that_does_not_fit_is_refused(
    authority: Authority, make_api: MakeApi, wire: Wire
) -> None:
    """A certificate with another's key is a wrong setting, not a failed connection."""
    files = {
        "cert_file": authority.issue("client.example").certificate,
        "key_file": authority.issue("other.example").key,
    }
    with pytest.raises(ApiValueError, match="cert_file and key_file"):
        make_api(f"https://127.0.0.1:{wire.port}", **files).get_credits()
    assert wire.connections == 0


WRONG: dict[str, dict[str, Any]] = {
    "ssl_context replaces verify_ssl": {
        "ssl_context": ssl.create_default_context(),
        "ca_cert_data": "PEM",
    },
    "key_file needs cert_file": {"key_file": __file__},
    "ca_cert_data holds no usable CA certificate": {"ca_cert_data": "PEM"},
}


@pytest.mark.parametrize("says", WRONG)
def test_settings_that_make_no_sense_are_refused(make_api: MakeApi, says: str) -> None:
    """TLS settings that make no sense together are named by the first call."""
    with pytest.raises(ApiValueError, match=f"^{says}"):
        make_api("https://127.0.0.1:9", **WRONG[says]).get_credits()


def test_verification_can_be_switched_off(
    make_wire: MakeWire, other_authority: Authority, make_api: MakeApi
) -> None:
    """`verify_ssl=False` accepts any certificate, and urllib3 warns of it."""
    wire = make_wire(tls=other_authority.server_context("other.example", expired=True))
    with pytest.warns(match="certificate verification"):
        assert good_call(make_api(wire.url, verify_ssl=False))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_the_mode_of_a_context_is_left_alone(
    secure_service: Service, make_api: MakeApi
) -> None:
    """A context that verifies nothing stays so: urllib3 would ask for certificates."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert good_call(make_api(secure_service.url, ssl_context=context))
    assert context.verify_mode is ssl.CERT_NONE
