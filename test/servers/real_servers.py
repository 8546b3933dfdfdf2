"""Calls to real nginx, HAProxy and Node.js, and through a real squid: `tox -e servers` runs this."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from at_client import ApiConnectionException, BadRequestException, ServiceException
from support.ending import good_call
from support.facts import PROXY_PASSWORD, PROXY_USER, secrets_in
from support.wire import deaf_port, refusing_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from at_client import CreditsApi
    from servers.conftest import Program
    from support.service import Service
    from support.tls import Authority

pytestmark = pytest.mark.usefixtures("service")  # as good as new, behind whatever is in front

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"


@pytest.fixture(params=["nginx", "haproxy", "node"])
def server(request: pytest.FixtureRequest) -> Program:
    """Each of the servers in turn."""
    program: Program = request.getfixturevalue(request.param)
    return program


def test_calls_work_and_share_one_connection(server: Program, make_api: Callable[..., CreditsApi]) -> None:
    """The connection of one call serves the next ones."""
    api = make_api(server.url, retries=0)
    assert good_call(api)
    answers = [api.get_credits_api_v1_credits_get_with_http_info() for _ in range(4)]
    assert len({answer.headers["X-Client-Port"] for answer in answers}) == 1


def test_gzip_is_read(server: Program, make_api: Callable[..., CreditsApi]) -> None:
    """A body that is asked for in gzip is read, on a connection that then serves the next call."""
    api = make_api(server.url, retries=0)
    api.api_client.set_default_header("Accept-Encoding", "gzip")
    answers = [api.get_credits_api_v1_credits_get_with_http_info() for _ in range(2)]
    assert {answer.headers["Content-Encoding"] for answer in answers} == {"gzip"}
    assert [answer.data.remaining for answer in answers] == [750, 750]
    assert len({answer.headers["X-Client-Port"] for answer in answers}) == 1


TITLES = {
    "nginx": "503 Service Temporarily Unavailable",
    "haproxy": "503",  # its page has no title
    "node": "Closed for today",
}


def test_an_error_page_is_told_by_its_title(server: Program, make_api: Callable[..., CreditsApi]) -> None:
    """The message has the title of an HTML page; the page is in the body."""
    with pytest.raises(ServiceException, match=TITLES[server.name]) as caught:
        make_api(f"{server.url}/broken", retries=0).get_credits()
    assert caught.value.status == 503
    assert "<html" in str(caught.value.body)
    assert "<" not in str(caught.value)


RELOAD_SIGNALS = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}


def test_a_reload_under_load_fails_no_call(server: Program, make_api: Callable[..., CreditsApi]) -> None:
    """Six threads call while nginx or HAProxy reloads, or Node.js is killed and started anew, three times."""
    api = make_api(server.url)
    done = threading.Event()

    def keep_calling() -> int:
        calls = 0
        while not done.is_set():
            assert good_call(api)
            calls += 1
        return calls

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
    assert min(caller.result() for caller in callers) > 10


def test_nginx_misses_a_client_certificate(
    nginx: Program, make_api: Callable[..., CreditsApi], authority: Authority
) -> None:
    """Its own words are in the message; with a certificate the call works."""
    host, trust = f"https://127.0.0.1:{nginx.tls_port}", {"ssl_ca_cert": authority.ca_file}
    with pytest.raises(BadRequestException, match="No required SSL certificate was sent"):
        make_api(host, **trust).get_credits()
    mine = authority.issue("me.example")
    assert good_call(make_api(host, **trust, cert_file=mine.certificate, key_file=mine.key))


def test_nginx_is_sent_plain_http_on_its_tls_port(nginx: Program, make_api: Callable[..., CreditsApi]) -> None:
    """Its own words are in the message."""
    with pytest.raises(BadRequestException, match="plain HTTP request was sent to HTTPS port"):
        make_api(f"http://127.0.0.1:{nginx.tls_port}").get_credits()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_squid_takes_the_password_of_its_url(
    squid: Program,
    request: pytest.FixtureRequest,
    make_api: Callable[..., CreditsApi],
    authority: Authority,
    *,
    secure: bool,
) -> None:
    """A call is forwarded or tunnelled, and so is the next one."""
    target: Service = request.getfixturevalue("secure_service" if secure else "service")
    proxy = squid.url.replace("://", f"://{LOGIN}")
    api = make_api(target.url, proxy=proxy, ssl_ca_cert=authority.ca_file, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert len(target.requests) == 2
    assert ["squid" in via for via in target.requests[0].all("Via")] == ([] if secure else [True])


@pytest.mark.parametrize("login", ["", f"{PROXY_USER}:PROXY-SECRET-wrong@"], ids=["none", "wrong"])
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
def test_squid_refuses_a_wrong_password(
    squid: Program, make_api: Callable[..., CreditsApi], host: str, login: str
) -> None:
    """The message names the proxy, its status and where the password belongs, without the password."""
    proxy = squid.url.replace("://", f"://{login}")
    with pytest.raises(ApiConnectionException, match=f"proxy http://127.0.0.1:{squid.port}") as e:
        make_api(host, proxy=proxy).get_credits()
    assert "407" in str(e.value)
    assert "Configuration.proxy" in str(e.value)
    assert "SECRET" not in str(e.value)


@pytest.mark.parametrize("port", [refusing_port, deaf_port], ids=["refused", "dead"])
def test_squid_cannot_reach_the_target(
    squid: Program, make_api: Callable[..., CreditsApi], port: Callable[..., Any]
) -> None:
    """The message has the proxy's own words and names both; the settings of the proxy are not to blame."""
    proxy = squid.url.replace("://", f"://{LOGIN}")
    with port() as target, pytest.raises(ApiConnectionException, match="503 Service U") as caught:
        make_api(f"https://127.0.0.1:{target}", proxy=proxy, retries=0).get_credits()
    message = str(caught.value)
    assert f"127.0.0.1:{target}" in message
    assert f"127.0.0.1:{squid.port}" in message
    assert "Check Configuration.proxy" not in message
    assert secrets_in(message) == []
