"""Calls that never reach the service: nobody there, no name, no network, a wrong setting."""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from urllib3.util import connection

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiTimeoutException,
    ApiValueError,
    Configuration,
    CreditsApi,
    OpenApiException,
)
from support.ending import Endings, Fault, good_call, nothing_changed
from support.facts import PROXY_PASSWORD, TOKEN, secrets_in
from support.leaks import nothing_left
from support.wire import SILENCE, Wire, deaf_port, greet, refusing_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("short_waits")


def test_refused_is_tried_again_and_names_host_and_port(endings: Endings) -> None:
    """Nobody listens: three attempts, then an error that says where."""
    with nothing_left(), nothing_changed(), refusing_port() as port:
        with ApiClient(Configuration(f"http://127.0.0.1:{port}", TOKEN)) as client:
            fault = Fault((), ApiConnectionException, ("127.0.0.1", str(port), "refused"))
            error = endings.of(CreditsApi(client), fault)
        assert error.status == 0
        assert error.__cause__ is not None
    assert endings.attempts_logged == 3


def test_a_client_that_was_refused_serves_once_the_service_is_up(
    make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """The same client works as soon as its host can be reached, without being made anew."""
    with refusing_port() as port:
        api = make_api(f"http://127.0.0.1:{port}", retries=0)
        with pytest.raises(ApiConnectionException):
            api.get_credits()
    api.api_client.configuration.host = wire.url
    assert good_call(api)


def test_a_name_that_is_not_found_is_named(endings: Endings) -> None:
    """The name service knows no such host: tried again, then an error that says which."""
    with nothing_left(), ApiClient(Configuration("https://nowhere.invalid", TOKEN)) as client:
        fault = Fault((), ApiConnectionException, ("nowhere.invalid", "443"), timeout=20.0)
        endings.of(CreditsApi(client), fault)
    assert endings.attempts_logged == 3


@pytest.mark.parametrize(
    "number",
    [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE],
    ids=errno.errorcode.get,
)
def test_what_the_system_says_of_a_connect_is_our_error(
    endings: Endings, monkeypatch: pytest.MonkeyPatch, wire: Wire, number: int
) -> None:
    """Unreachable, or no descriptor left: tried again, then an error that names host and port."""
    with nothing_left(), ApiClient(Configuration(wire.url, TOKEN)) as client:

        def fail(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as broken:
            broken.setattr(socket.socket, "connect", fail)
            fault = Fault((), ApiConnectionException, ("127.0.0.1", str(wire.port)))
            endings.of(CreditsApi(client), fault)
        assert good_call(CreditsApi(client))
    assert wire.connections == 1


def test_a_connect_without_an_answer_ends_at_the_deadline(endings: Endings) -> None:
    """The deadline is for the whole call, not for each of its attempts."""
    with (
        nothing_left(),
        deaf_port() as port,
        ApiClient(Configuration(f"http://127.0.0.1:{port}", TOKEN, timeout=0.6)) as client,
    ):
        says = ("127.0.0.1", str(port))
        began = time.monotonic()
        endings.of(CreditsApi(client), Fault((), ApiTimeoutException, says, timeout=0.6))
        assert time.monotonic() - began > 0.55


def test_connecting_has_a_time_of_its_own_in_a_pair(endings: Endings) -> None:
    """`(connect, read)` bounds each attempt: three connects of 0.2 s each."""
    with nothing_left(), deaf_port() as port:
        host = f"http://127.0.0.1:{port}"
        with ApiClient(Configuration(host, TOKEN, timeout=(0.2, 30))) as client:
            began = time.monotonic()
            endings.of(CreditsApi(client), Fault((), ApiTimeoutException, (str(port),)))
            assert 0.55 < time.monotonic() - began < 1.5


def test_an_answer_on_ipv6_is_an_answer(make_api: Callable[..., CreditsApi]) -> None:
    """A host may be an IPv6 address in brackets; refused, it is named so."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6) as held:
        try:
            held.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        port = held.getsockname()[1]
        with pytest.raises(ApiConnectionException, match=rf"::1.*{port}"):
            make_api(f"http://[::1]:{port}", retries=0).get_credits()


@pytest.mark.parametrize("label", ["a..b.invalid", "x" * 64 + ".invalid"])
def test_a_name_that_no_host_can_have_is_our_error(label: str, make_api: Callable[..., CreditsApi]) -> None:
    """An empty label, or one over 63 characters, never comes out as a UnicodeError."""
    with pytest.raises((ApiValueError, ApiConnectionException)):
        make_api(f"https://{label}", retries=0).get_credits()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"host": "not a url"}, "host"),
        ({"host": ""}, "host"),
        ({"host": "api.example.com"}, "host"),
        ({"host": "https://"}, "host"),
        ({"host": "https://:443"}, "host"),
        ({"host": "https://api.example.com:0x50"}, "host"),
        ({"host": "https://api.example.com:65536"}, "port"),
        ({"host": "https://api.example.com:-1"}, "host"),
        ({"host": "https://[::1"}, "host"),
        ({"host": "ftp://api.example.com"}, "http"),
        ({"host": "file:///etc/passwd"}, "http"),
        ({"host": "https://api.example.com/\r\nX: y"}, "host"),
        ({"host": "https://api.exa mple.com"}, "host"),
        ({"host": "http://api.example.com"}, "allow_insecure_http"),
        ({"host": "http://127.0.0.1.example.com"}, "allow_insecure_http"),
        ({"host": "http://localhost.example.com"}, "allow_insecure_http"),
        ({"host": "https://api.example.com", "ssl_ca_cert": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
        ({"host": "https://api.example.com", "cert_file": "/nowhere/me.pem"}, "/nowhere/me.pem"),
        ({"host": "https://api.example.com", "key_file": "/nowhere/key.pem"}, "key"),
        ({"host": "https://api.example.com", "proxy": "not a url"}, "proxy"),
        ({"host": "https://api.example.com", "proxy": "ftp://proxy.example.com"}, "proxy"),
        ({"host": "https://api.example.com", "proxy": "http://proxy.example.com:99999"}, "proxy"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else None,
)
def test_a_setting_that_cannot_be_is_refused_before_any_packet(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], says: str
) -> None:
    """A wrong host, port, scheme or file is an ApiValueError that names it, and nothing is sent."""

    def never(*_: object, **__: object) -> None:
        pytest.fail("a packet was sent")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    with nothing_left(), pytest.raises(ApiValueError, match="(?i)" + says):
        _call(settings)


def _call(settings: dict[str, Any]) -> None:
    with ApiClient(Configuration(access_token=TOKEN, **settings)) as client:
        CreditsApi(client).get_credits()


def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    """A file that holds no certificate is an ApiValueError with its path."""
    junk = tmp_path / "junk.pem"
    junk.write_text("this is no certificate")
    with pytest.raises(ApiValueError, match=r"junk\.pem"):
        _call({"host": "https://api.example.com", "ssl_ca_cert": str(junk)})


@pytest.mark.parametrize(
    "value", [0, -1, 0.0, float("nan"), True, "5", (1,), (1, 2, 3), (0, 1), (1, -1), [], b"1"], ids=repr
)
def test_a_timeout_that_is_none_is_refused(value: Any, make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Zero, negatives, NaN, booleans and strings are no time; nothing is sent."""
    api = make_api(wire.url)
    with pytest.raises(OpenApiException, match="timeout") as caught:
        api.get_credits(_request_timeout=value)
    assert isinstance(caught.value, TypeError | ValueError)
    with pytest.raises(OpenApiException, match="timeout"):
        make_api(wire.url, timeout=value).get_credits()
    assert wire.connections == 0


@pytest.mark.parametrize("value", [float("inf"), 5, 5.0, (1, 2), (1.5, float("inf")), None], ids=repr)
def test_a_timeout_may_be_a_number_a_pair_or_without_end(
    value: Any, make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """Seconds, `(connect, read)`, infinity, and None for what is configured."""
    assert make_api(wire.url).get_credits(_request_timeout=value).remaining == 750


def test_the_timeout_of_a_call_goes_before_the_configured_one(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """`_request_timeout` is for this call only."""
    api = make_api(wire.url, timeout=30)
    wire.play(greet(SILENCE))
    began = time.monotonic()
    with pytest.raises(ApiTimeoutException, match=r"127\.0\.0\.1"):
        api.get_credits(_request_timeout=0.3)
    assert 0.25 < time.monotonic() - began < 0.8
    assert good_call(api)


def test_a_secret_in_the_host_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that was put into the URL is neither repeated nor used."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    with pytest.raises(ApiValueError) as caught:
        _call({"host": f"https://user:{PROXY_PASSWORD}@api.example.com"})
    assert secrets_in(str(caught.value), repr(caught.value)) == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNSPEC])
def test_the_lookup_is_the_one_that_urllib3_makes(
    monkeypatch: pytest.MonkeyPatch, make_api: Callable[..., CreditsApi], wire: Wire, family: socket.AddressFamily
) -> None:
    """Who has put something in its place, to pin a name or to avoid IPv6, is asked as before."""
    asked: list[tuple[Any, ...]] = []
    real = socket.getaddrinfo

    def pinned(*arguments: Any) -> Any:
        asked.append(arguments)
        return real("127.0.0.1", *arguments[1:])

    monkeypatch.setattr(socket, "getaddrinfo", pinned)
    monkeypatch.setattr(connection, "allowed_gai_family", lambda: family)
    assert make_api(f"http://pinned.localhost:{wire.port}").get_credits().remaining == 750
    assert asked == [("pinned.localhost", wire.port, family, socket.SOCK_STREAM)]
