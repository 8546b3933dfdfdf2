"""The operation, and corners of the rooms below it that no fault on the wire reaches."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiDecodeException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    ServiceException,
)
from at_client.auth import hold
from at_client.connections import Clock, TimedReader
from support.ending import good_call
from support.facts import TOKEN
from support.wire import CLOSE, Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"auth_token": 5}, "auth_token must be a str or None, not int"),
        ({"auth_token": b"x"}, "auth_token must be a str or None, not bytes"),
        ({"_request_auth": 5}, "_request_auth must be a mapping with in, key and value or None, not int"),
        ({"_content_type": 5}, "_content_type must be a str or None, not int"),
        ({"_headers": [("a", "b")]}, "_headers must be a mapping of names to values or None, not list"),
    ],
)
@pytest.mark.parametrize("form", ["", "_with_http_info", "_without_preload_content"])
def test_an_argument_of_the_wrong_type_is_named(
    wire: Wire, make_api: Callable[..., CreditsApi], form: str, argument: dict[str, Any], says: str
) -> None:
    """Each form refuses it before anything is sent."""
    call = getattr(make_api(wire.url), f"get_credits_api_v1_credits_get{form}")
    with pytest.raises(ApiTypeError) as caught:
        call(**argument)
    assert str(caught.value) == says
    assert wire.connections == 0


@pytest.mark.parametrize("index", [1, -1, True, "0", None])
def test_there_is_one_host(wire: Wire, make_api: Callable[..., CreditsApi], index: Any) -> None:
    """Any other `_host_index` than 0 is refused."""
    with pytest.raises(ApiValueError, match=r"^_host_index must be 0"):
        make_api(wire.url).get_credits(_host_index=index)
    assert wire.connections == 0


def test_a_content_type_that_is_asked_for_is_sent(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """A request without a body needs none, but who asks for one gets it."""
    make_api(wire.url).get_credits(_content_type="application/json")
    assert b"Content-Type: application/json\r\n" in wire.requests[0]


def test_a_configuration_is_no_client() -> None:
    """The mistake is told at once, not at the first call."""
    with pytest.raises(ApiTypeError, match=r"^api_client must be an ApiClient, not Configuration$"):
        CreditsApi(Configuration())  # type: ignore[arg-type]  # the point of the test


def test_a_lost_body_of_an_unread_response_is_our_error(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """`call_api` without preloading gives a response whose `read()` raises nothing but ours."""
    client = make_api(wire.url).api_client
    wire.play(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", CLOSE))
    request = client.param_serialize("GET", "/api/v1/credits")
    response = client.call_api(*request, _preload_content=False)
    with pytest.raises(ApiConnectionException, match="before the response was complete"):
        response.read()
    assert good_call(CreditsApi(client))


def test_a_body_of_an_unread_response_is_bounded(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Reading it later is no way around `max_response_bytes`."""
    client = make_api(wire.url, max_response_bytes=5).api_client
    response = client.call_api(*client.param_serialize("GET", "/api/v1/credits"), _preload_content=False)
    with pytest.raises(ApiDecodeException, match="larger than 5 bytes"):
        response.read()


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"verify_ssl": False}, "leave verify_ssl unset"), ({"ca_cert_data": "PEM"}, "leave ca_cert_data unset")],
)
def test_an_own_context_is_the_only_word_on_trust(settings: dict[str, Any], says: str) -> None:
    """Two settings that contradict are an error, not a guess."""
    configuration = Configuration("https://127.0.0.1:9", TOKEN, ssl_context=ssl.create_default_context(), **settings)
    with pytest.raises(ApiValueError, match=says):
        CreditsApi(client_of(configuration)).get_credits()


def test_a_key_needs_its_certificate(tmp_path: Path) -> None:
    """A key alone proves nothing."""
    key = tmp_path / "key.pem"
    key.touch()
    with pytest.raises(ApiValueError, match=r"^key_file needs cert_file"):
        CreditsApi(client_of(Configuration("https://127.0.0.1:9", TOKEN, key_file=key))).get_credits()


def test_a_client_needs_a_configuration() -> None:
    """The mistake is told at once, not at the first call."""
    with pytest.raises(ApiTypeError, match=r"^configuration must be a Configuration, not str$"):
        ApiClient("https://api.example.com")  # type: ignore[arg-type]  # the point of the test


def test_credentials_of_a_call_are_a_mapping(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """`param_serialize` refuses anything else by name."""
    with pytest.raises(ApiTypeError, match=r"^_request_auth must be a mapping"):
        make_api(wire.url).api_client.param_serialize("GET", "/", _request_auth=[1])  # type: ignore[arg-type]  # wrong


@pytest.mark.usefixtures("short_waits")
def test_an_unread_response_is_closed_before_the_next_attempt(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Its connection could not be used again before its body is read."""
    wire.play(reply(answer(b"busy", 503)))
    response = make_api(wire.url).get_credits_api_v1_credits_get_without_preload_content()
    assert response.status == 200
    response.close()
    assert (len(wire.requests), wire.connections) == (2, 2)


def test_an_error_of_ours_comes_through_a_source(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """A source may itself call a service with this client."""
    error = ServiceException(status=503)

    def fail() -> str:
        raise error

    with pytest.raises(ServiceException) as caught:
        make_api(wire.url, access_token=fail).get_credits()
    assert caught.value is error


@pytest.mark.parametrize("timeout", [0.05, 1e-9])
def test_a_renewal_that_takes_too_long_ends_the_wait(timeout: float) -> None:
    """Whoever waits for another thread's renewal waits no longer than its own deadline, which may be past."""
    lock = threading.Lock()
    with lock, pytest.raises(ApiTimeoutException, match="renewing"), hold(lock, Clock(timeout)):
        pytest.fail("it cannot be had")


def test_no_read_begins_after_the_deadline() -> None:
    """Even if bytes are waiting: there is no time left to do anything with them."""
    near, far = socket.socketpair()
    with near, far, TimedReader(near, time.monotonic() - 1.0) as reader:
        far.sendall(b"late")
        with pytest.raises(TimeoutError):
            reader.read(4)


def test_socket_options_are_set(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """They take the place of urllib3's, TCP_NODELAY."""
    api = make_api(wire.url, socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    sock = response.connection.sock  # type: ignore[attr-defined]  # urllib3's own
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    response.close()


def test_the_pool_manager_serves_other_urls(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """It is urllib3's, redirects included."""
    manager = make_api(wire.url).api_client.rest_client.pool_manager
    wire.play(reply(answer(b"", 302, headers=[("Location", "/elsewhere")])))
    assert manager.request("GET", f"{wire.url}/").status == 200
    assert wire.requests[1].startswith(b"GET /elsewhere ")
    manager.clear()


def client_of(configuration: Configuration) -> ApiClient:
    return ApiClient(configuration)
