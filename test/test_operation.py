"""The operation: its arguments, the response that is still to be read, and settings that only a call can judge."""

import socket
import ssl
import time
from typing import Any

import pytest
import urllib3

from at_client import (
    ApiConnectionException,
    ApiDecodeException,
    ApiTypeError,
    ApiValueError,
)
from support.ending import good_call
from support.makers import MakeApi
from support.wire import CLOSE, Wire, answer, reply


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({"auth_token": 5}, "auth_token must be a str or None, not int"),
        ({"auth_token": b"x"}, "auth_token must be a str or None, not bytes"),
        (
            {"_request_auth": 5},
            "_request_auth must be a mapping with in, key and value or None, not int",
        ),
        ({"_content_type": 5}, "_content_type must be a str or None, not int"),
        (
            {"_headers": [("a", "b")]},
            "_headers must be a mapping of names to values or None, not list",
        ),
    ],
)
@pytest.mark.parametrize("form", ["", "_with_http_info", "_without_preload_content"])
def test_a_wrong_type_is_named(
    wire: Wire, make_api: MakeApi, form: str, argument: dict[str, Any], says: str
) -> None:
    """Each form refuses it before anything is sent."""
    with pytest.raises(ApiTypeError) as caught:
        getattr(make_api(wire.url), f"get_credits_api_v1_credits_get{form}")(**argument)
    assert str(caught.value) == says
    assert wire.connections == 0


@pytest.mark.parametrize("index", [1, -1, True, "0", None])
def test_there_is_one_host(wire: Wire, make_api: MakeApi, index: Any) -> None:
    """Any other `_host_index` than 0 is refused."""
    with pytest.raises(ApiValueError, match=r"^_host_index must be 0"):
        make_api(wire.url).get_credits_api_v1_credits_get(_host_index=index)
    assert wire.connections == 0


def test_a_content_type_that_is_asked_for_is_sent(
    wire: Wire, make_api: MakeApi
) -> None:
    """A request without a body needs none, but who asks for one gets it."""
    make_api(wire.url).get_credits_api_v1_credits_get(_content_type="application/json")
    assert b"Content-Type: application/json\r\n" in wire.requests[0]


@pytest.mark.parametrize(
    ("sent", "error", "says"),
    [
        (
            [answer(b"{", length=9), CLOSE],
            ApiConnectionException,
            "before the response was complete",
        ),
        ([answer(b"x" * 2001)], ApiDecodeException, "larger than 2000 bytes"),
    ],
)
def test_an_unread_response_stays_within_our_errors(
    wire: Wire, make_api: MakeApi, sent: list[Any], error: type[Exception], says: str
) -> None:
    """A body that is read later may be lost, or larger than `max_response_bytes`; the next call is not harmed."""
    api = make_api(wire.url, max_response_bytes=2000)
    wire.play(reply(*sent))
    response = api.api_client.call_api("GET", wire.url, _preload_content=False)
    with pytest.raises(error, match=says):
        response.read()
    assert good_call(api)


def test_no_read_begins_after_the_deadline(wire: Wire, make_api: MakeApi) -> None:
    """Even if bytes are waiting: there is no time left to do anything with them."""
    wire.play(reply(answer(b" " * 100_000)))
    response = make_api(
        wire.url
    ).get_credits_api_v1_credits_get_without_preload_content(_request_timeout=0.1)
    time.sleep(0.15)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        response.read()


@pytest.mark.usefixtures("short_waits")
def test_an_unread_response_is_closed_before_the_next_attempt(
    wire: Wire, make_api: MakeApi
) -> None:
    """Its connection could not be used again before its body is read."""
    wire.play(reply(answer(b"busy", 503)))
    response = make_api(
        wire.url
    ).get_credits_api_v1_credits_get_without_preload_content()
    assert (response.status, len(wire.requests), wire.connections) == (200, 2, 2)
    response.close()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"ssl_context": ssl.create_default_context(), "verify_ssl": False},
            "ssl_context replaces verify_ssl",
        ),
        (
            {"ssl_context": ssl.create_default_context(), "ca_cert_data": "PEM"},
            "ssl_context replaces verify_ssl",
        ),
        ({"key_file": __file__}, "^key_file needs cert_file"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    make_api: MakeApi, settings: dict[str, Any], says: str
) -> None:
    """A context of one's own is the only word on trust, and a key without its certificate proves nothing."""
    with pytest.raises(ApiValueError, match=says):
        make_api("https://127.0.0.1:9", **settings).get_credits()


def test_socket_options_are_set(wire: Wire, make_api: MakeApi) -> None:
    """They take the place of urllib3's, TCP_NODELAY."""
    api = make_api(
        wire.url, socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    )
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    sock = response.connection.sock  # type: ignore[attr-defined]  # urllib3's own
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    response.close()
