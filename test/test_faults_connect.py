"""Calls that never reach the service: nobody there, no name, no network."""

import errno
import os
import socket

import pytest

from at_client import (
    ApiConnectionException,
    ApiValueError,
    OpenApiException,
)
from support.ending import Endings, nothing_changed
from support.leaks import nothing_left
from support.makers import MakeApi, MonkeyPatch
from support.wire import Wire, refusing_port

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("http://127.0.0.1:{port}", ("127.0.0.1:{port}", "refused")),
        ("http://[::1]:{port}", ("::1", "{port}")),
        ("https://nowhere.invalid", ("nowhere.invalid:443", "could not resolve")),
    ],
    ids=["IPv4", "IPv6", "no such name"],
)
def test_a_host_that_cannot_be_reached_is_named(
    endings: Endings, make_api: MakeApi, host: str, says: tuple[str, ...]
) -> None:
    """A host that does not exist or refuses is named after three attempts."""
    with nothing_left(), nothing_changed(), refusing_port() as port:
        api = make_api(host.format(port=port))
        told = tuple(text.format(port=port) for text in says)
        assert endings.play_on(api, says=told, timeout=20.0).status == 0
    assert endings.attempts_logged == 3


@pytest.mark.parametrize(
    "number", [errno.ENETUNREACH, errno.EMFILE], ids=errno.errorcode.get
)
def test_what_the_system_says_is_our_error(
    endings: Endings, monkeypatch: MonkeyPatch, make_api: MakeApi, number: int
) -> None:
    """An unreachable network is tried again; the error names host and port."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "connect", fail)
    api = make_api("http://127.0.0.1:9")
    endings.play_on(api, says=("127.0.0.1:9",))
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


def test_a_timeout_that_is_none_is_refused(make_api: MakeApi, wire: Wire) -> None:
    """A timeout that is none is named as it was written; nothing is sent."""
    api = make_api(wire.url)
    with pytest.raises(OpenApiException, match=r"^timeout"):
        api.get_credits(timeout=0)
    with pytest.raises(OpenApiException, match=r"^_request_timeout"):
        api.get_credits_api_v1_credits_get(_request_timeout=(1, -1))
    assert wire.connections == 0
