"""Calls that never reach the service: nobody there, no name, no network."""

import pytest

from at_client import ApiConnectionException, ApiValueError
from support.ending import Endings
from support.makers import MakeApi
from support.wire import Wire, refusing_port

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_host_that_refuses_is_named(
    endings: Endings, make_api: MakeApi, host: str
) -> None:
    """A host that refuses connections is named with its port after three attempts."""
    with refusing_port() as port:
        api = make_api(f"http://{host}:{port}")
        endings.play_on(api, says=(host.strip("[]"), str(port), "could not connect"))
    assert endings.attempts_logged == 3


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("https://nowhere.invalid", ("nowhere.invalid:443", "could not resolve")),
        ("https://255.255.255.255:9", ("255.255.255.255:9", "could not connect")),
    ],
    ids=["no such name", "no network to it"],
)
def test_a_host_that_cannot_be_reached_is_named(
    endings: Endings, make_api: MakeApi, host: str, says: tuple[str, ...]
) -> None:
    """A host that does not exist, or to which no network leads, is named as well."""
    endings.play_on(make_api(host), says=says, timeout=20.0)
    assert endings.attempts_logged == 3


@pytest.mark.parametrize("label", ["a..b.invalid", "x" * 64 + ".invalid"])
def test_a_name_that_no_host_can_have_is_our_error(
    label: str, make_api: MakeApi
) -> None:
    """An empty label, or one over 63 characters, never comes out as a UnicodeError."""
    with pytest.raises((ApiValueError, ApiConnectionException)):
        make_api(f"https://{label}", retries=0).get_credits()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("host", "http://example.com", "allow_insecure_http"),
        ("ssl_ca_cert", "/nowhere/me.pem", "ssl_ca_cert.*/nowhere/me.pem"),
        ("cert_file", "/nowhere/me.pem", "cert_file.*/nowhere/me.pem"),
        ("ssl_ca_cert", __file__, "ssl_ca_cert.*test_faults_connect"),
    ],
)
def test_a_wrong_setting_is_told(
    wire: Wire, make_api: MakeApi, name: str, value: str, says: str
) -> None:
    """Plain http to a name, or a file that is none, is named, and nothing is sent."""
    settings = {"host": f"https://127.0.0.1:{wire.port}", name: value}
    with pytest.raises(ApiValueError, match=says):
        make_api(**settings).get_credits()
    assert wire.connections == 0


def test_a_timeout_that_is_none_is_refused(make_api: MakeApi) -> None:
    """A timeout that is none is named as it was written, before anything is sent."""
    api = make_api("http://127.0.0.1:9")
    with pytest.raises(ApiValueError, match=r"^timeout"):
        api.get_credits(timeout=0)
    with pytest.raises(ApiValueError, match=r"^_request_timeout"):
        api.get_credits_api_v1_credits_get(_request_timeout=(1, -1))
