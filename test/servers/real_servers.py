"""Calls to real servers and through a real proxy, as `tox -e servers` makes them."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from at_client import ApiConnectionException, BadRequestException, ServiceException
from servers.conftest import Program
from support.ending import good_call
from support.facts import PROXY_PASSWORD, PROXY_USER, secrets_in
from support.makers import MakeApi
from support.service import Service
from support.tls import Authority
from support.wire import deaf_port, refusing_port

# As good as new, behind whatever is in front.
pytestmark = pytest.mark.usefixtures("service")


def through(proxy: Program) -> str:
    """Return the URL of a proxy with a user name and a password."""
    return f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}"


@pytest.fixture(params=["nginx", "haproxy", "node"])
def server(request: pytest.FixtureRequest) -> Program:
    """Each of the servers in turn."""
    program: Program = request.getfixturevalue(request.param)
    return program


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_calls_share_one_connection(
    server: Program, make_api: MakeApi, encoding: str
) -> None:
    """The connection of one call serves the next ones, packed bodies or not."""
    api = make_api(server.url, retries=0)
    api.api_client.set_default_header("Accept-Encoding", encoding)
    ports = set()
    for _ in range(5):
        answer = api.get_credits_api_v1_credits_get_with_http_info()
        assert answer.headers.get("Content-Encoding", "identity") == encoding
        assert answer.data.remaining == 750
        ports.add(answer.headers["X-Client-Port"])
    assert len(ports) == 1


TITLES = {
    "nginx": "503 Service Temporarily Unavailable",
    "haproxy": "503",
    "node": "Closed for today",
}
"""What each says in its error page; HAProxy's has no title."""


def test_an_error_page_is_told_by_its_title(server: Program, make_api: MakeApi) -> None:
    """The message has the title of an HTML page; the page is in the body."""
    api = make_api(f"{server.url}/broken", retries=0)
    with pytest.raises(ServiceException, match=TITLES[server.name]) as caught:
        api.get_credits()
    error = caught.value
    assert error.status == 503
    assert "<html" in str(error.body)
    assert "<" not in str(error)


RELOAD_SIGNALS = {
    "nginx": signal.SIGHUP,
    "haproxy": signal.SIGUSR2,
}


def test_a_reload_under_load_fails_no_call(server: Program, make_api: MakeApi) -> None:
    """Six threads call while the server reloads three times; Node.js is killed."""
    api = make_api(server.url)
    done = threading.Event()

    def keep_calling() -> None:
        while not done.is_set():
            assert good_call(api)

    with ThreadPoolExecutor(6) as threads:
        callers = [threads.submit(keep_calling) for _ in range(6)]
        try:
            for _ in range(3):
                time.sleep(0.4)
                if server.name in RELOAD_SIGNALS:
                    server.process.send_signal(RELOAD_SIGNALS[server.name])
                else:
                    server.stop(signal.SIGKILL)
                    server.start()
            time.sleep(0.8)
        finally:
            done.set()
        for caller in callers:
            caller.result()


def test_nginx_misses_a_client_certificate(
    nginx: Program, make_api: MakeApi, authority: Authority
) -> None:
    """What nginx says of a missing certificate is in the message; with one it works."""
    host = f"https://127.0.0.1:{nginx.tls_port}"
    settings = {"ssl_ca_cert": authority.ca_file}
    with pytest.raises(BadRequestException, match="No required SSL certificate was"):
        make_api(host, **settings).get_credits()

    mine = authority.issue("me.example")
    settings["cert_file"] = mine.certificate
    settings["key_file"] = mine.key
    assert good_call(make_api(host, **settings))


def test_nginx_is_sent_plain_http_on_its_tls_port(
    nginx: Program, make_api: MakeApi
) -> None:
    """What nginx says of plain HTTP on its TLS port is in the message."""
    api = make_api(f"http://127.0.0.1:{nginx.tls_port}")
    with pytest.raises(BadRequestException, match="plain HTTP request was sent to"):
        api.get_credits()


def test_squid_takes_the_password_of_its_url(
    squid: Program,
    either_service: Service,
    make_api: MakeApi,
    authority: Authority,
) -> None:
    """Calls are forwarded and tunnelled by squid, with the password of its URL."""
    settings = {"proxy": through(squid), "ssl_ca_cert": authority.ca_file}
    api = make_api(either_service.url, retries=0, **settings)
    assert good_call(api)
    assert good_call(api)
    assert len(either_service.requests) == 2


@pytest.mark.parametrize("port", [refusing_port, deaf_port], ids=["refused", "dead"])
def test_squid_cannot_reach_the_target(
    squid: Program, make_api: MakeApi, port: Callable[..., Any]
) -> None:
    """A target that squid cannot reach is told in squid's words, naming both."""
    with port() as target:
        host = f"https://127.0.0.1:{target}"
        api = make_api(host, proxy=through(squid), retries=0)
        with pytest.raises(ApiConnectionException, match="503 Service U") as caught:
            api.get_credits()
    message = str(caught.value)
    assert f"127.0.0.1:{target}" in message
    assert f"127.0.0.1:{squid.port}" in message
    assert "Check Configuration.proxy" not in message
    assert secrets_in(message) == []
