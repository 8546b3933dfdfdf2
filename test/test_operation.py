"""The operation: its arguments, and the response that is still to be read."""

import socket
import time
from typing import Any

import pytest
import urllib3

from at_client import (
    ApiTypeError,
    ApiValueError,
)
from support.ending import good_call
from support.makers import MakeApi
from support.wire import CLOSE, Wire, answer, reply


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("auth_token", 5, "a str or None, not int"),
        ("_request_auth", 5, "a mapping with in, key and value or None, not int"),
        ("_content_type", 5, "a str or None, not int"),
        ("_headers", [("a", "b")], "a mapping of names to values or None, not list"),
    ],
)
def test_an_argument_of_the_wrong_type_is_named(
    wire: Wire, make_api: MakeApi, name: str, value: Any, says: str
) -> None:
    """The error for an argument says what it must be, before anything is sent."""
    wrong = {name: value}
    with pytest.raises(ApiTypeError) as caught:
        make_api(wire.url).get_credits_api_v1_credits_get_with_http_info(**wrong)
    assert str(caught.value) == f"{name} must be {says}"
    assert wire.connections == 0


@pytest.mark.parametrize("index", [1, False, None])
def test_there_is_one_host(wire: Wire, make_api: MakeApi, index: Any) -> None:
    """Any other `_host_index` than 0 is refused."""
    with pytest.raises(ApiValueError, match=r"^_host_index must be 0"):
        make_api(wire.url).get_credits_api_v1_credits_get(_host_index=index)
    assert wire.connections == 0


def test_a_content_type_that_is_asked_for_is_sent(
    wire: Wire, make_api: MakeApi
) -> None:
    """A content type is sent if it is asked for, though the request has no body."""
    make_api(wire.url).get_credits_api_v1_credits_get(_content_type="application/json")
    assert b"Content-Type: application/json\r\n" in wire.requests[0]


def test_an_unread_response_may_be_lost(wire: Wire, make_api: MakeApi) -> None:
    """A body that ends too early while it is read is urllib3's error, as elsewhere."""
    wire.play(reply(answer(b"{", length=9), CLOSE))
    api = make_api(wire.url)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    with pytest.raises(urllib3.exceptions.ProtocolError):
        response.read()
    assert good_call(api)


def test_no_read_begins_after_the_deadline(wire: Wire, make_api: MakeApi) -> None:
    """An unread response is not read after its deadline, even if bytes are waiting."""
    wire.play(reply(answer(b" " * 100_000)))
    api = make_api(wire.url, timeout=0.1)
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    time.sleep(0.15)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        response.read()


def test_socket_options_take_the_place_of_urllib3s(
    wire: Wire, make_api: MakeApi
) -> None:
    """A socket has the options of the setting, and TCP_NODELAY no longer."""
    keep_alive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    api = make_api(wire.url, socket_options=[keep_alive])
    response = api.get_credits_api_v1_credits_get_without_preload_content()
    sock = response.connection.sock  # type: ignore[attr-defined]  # urllib3's own
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    response.close()


def test_a_manager_of_ones_own_outlives_close(wire: Wire, make_api: MakeApi) -> None:
    """`close()` puts no other in the place of a pool manager that a user has set."""
    api = make_api(wire.url)
    manager = urllib3.PoolManager()
    api.api_client.rest_client.pool_manager = manager
    assert good_call(api)
    api.api_client.close()
    assert good_call(api)
    assert api.api_client.rest_client.pool_manager is manager
    manager.clear()
