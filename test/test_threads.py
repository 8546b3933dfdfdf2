"""Many at once and many in a row: right answers, no noise, nothing left, one renewal for all."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from at_client import ApiClient, ApiException, Configuration, CreditsApi, UnauthorizedException
from at_client.auth import PasswordGrant
from support.ending import good_call, nothing_changed
from support.facts import CREDITS, TOKEN, secrets_in
from support.leaks import nothing_left, open_descriptors
from support.service import PASSWORD, USER, Service
from support.wire import CLOSE, Wait, Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable


def test_each_of_64_threads_gets_its_own_answer(
    service: Service, make_api: Callable[..., CreditsApi], caplog: pytest.LogCaptureFixture
) -> None:
    """Each call has an account of its own, so an answer that went astray would be seen."""
    caplog.set_level(logging.WARNING)
    for number in range(64):
        service.memory.cookies[f"cookie-{number}"] = {**CREDITS, "remaining_credits": number}
    api = make_api(service.url, access_token=None)
    start = threading.Barrier(64)

    def fetch(number: int) -> list[int]:
        start.wait(10)
        return [api.get_credits(auth_token=f"cookie-{number}").remaining for _ in range(5)]

    with nothing_changed(), ThreadPoolExecutor(64) as pool:
        got = list(pool.map(fetch, range(64)))
    assert got == [[number] * 5 for number in range(64)]
    assert caplog.text == ""


def test_threads_share_connections_and_leave_none(wire: Wire) -> None:
    """No more connections than threads, and none when the client is closed."""
    with nothing_left(), ThreadPoolExecutor(16) as pool:
        with ApiClient(Configuration(wire.url, TOKEN)) as client:
            api = CreditsApi(client)
            assert all(pool.map(lambda _: good_call(api), range(160)))
        assert wire.connections <= 16


def test_an_error_reaches_its_own_thread(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Half of the threads fail and half succeed, on one client, without mixing."""
    api = make_api(service.url, access_token=None)
    service.memory.cookies["good"] = dict(CREDITS)

    def fetch(number: int) -> object:
        try:
            return api.get_credits(auth_token="good" if number % 2 else "bad").remaining
        except ApiException as error:
            return error.status

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(fetch, range(100)))
    assert got == [401, 750] * 50


def test_closing_while_others_call_ends_no_call_badly(wire: Wire) -> None:
    """`close()` in one thread gives the others an answer or an error of ours, nothing else."""
    with nothing_left(), ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)
        wire.play(otherwise=reply(Wait(0.002), answer()))

        def fetch(_: int) -> bool:
            try:
                return good_call(api)
            except ApiException:
                return False

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(fetch, n) for n in range(100)]
            for _ in range(10):
                client.close()
            assert all(isinstance(call.result(), bool) for call in calls)
        assert good_call(api)


def test_an_expired_token_is_renewed_once_for_32_threads(
    service: Service, make_client: Callable[..., ApiClient]
) -> None:
    """All threads meet the 401 at once; one renews, the others wait for its token."""
    grant = PasswordGrant("/api/v1/auth/token", USER, PASSWORD)
    client = make_client(service.url, access_token=grant)
    api = CreditsApi(client)
    assert good_call(api)
    for token in [token for token in service.memory.tokens if "issued" in token]:
        del service.memory.tokens[token]
    start = threading.Barrier(32)

    def fetch(_: int) -> bool:
        start.wait(10)
        return good_call(api)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(fetch, range(32)))
    assert service.memory.grants == ["password", "refresh_token"]


def test_a_401_after_the_renewal_is_told(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Renewed once and sent once more; a second 401 is the answer."""
    service.memory.expires_in = None
    grant = PasswordGrant("/api/v1/auth/token", USER, PASSWORD)
    api = make_api(service.url, access_token=grant)
    assert good_call(api)
    issue = service.memory.issue

    def issue_bad(kind: str) -> dict[str, object]:
        issued = issue(kind)
        service.memory.tokens.clear()
        return issued

    service.memory.issue = issue_bad  # type: ignore[method-assign]  # this service issues bad tokens
    try:
        service.memory.tokens.clear()
        before = len(service.requests)
        with pytest.raises(UnauthorizedException):
            api.get_credits()
    finally:
        del service.memory.issue
    paths = [seen.path for seen in service.requests[before:]]
    assert paths == ["/api/v1/credits", "/api/v1/auth/token", "/api/v1/credits"]


def test_the_password_flow_is_form_encoded_and_its_refusal_is_told(
    service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """RFC 6749 section 4.3; FastAPI's own form reads it, and `invalid_grant` comes out as 401."""
    grant = PasswordGrant("/api/v1/auth/token", USER, "PASSWORD-SECRET-wrong")
    with pytest.raises(UnauthorizedException, match="Incorrect username or password") as caught:
        make_api(service.url, access_token=grant).get_credits()
    (seen,) = service.requests
    assert seen.all("Content-Type") == ["application/x-www-form-urlencoded"]
    assert "SECRET" not in str(caught.value) + repr(caught.value) + repr(grant)


def test_a_thousand_clients_leave_nothing(wire: Wire) -> None:
    """Opened, used and closed in a row: descriptors flat, and memory too."""

    def once() -> None:
        with ApiClient(Configuration(wire.url, TOKEN)) as client:
            assert CreditsApi(client).get_credits().remaining == 750

    with nothing_left():
        for _ in range(100):
            once()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(100):
                once()
            wire.requests.clear()
            wire.times.clear()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 300_000


def test_many_calls_on_one_client_leave_memory_flat(wire: Wire) -> None:
    """A process that runs for weeks does not grow: a thousand calls cost nothing that stays."""
    with nothing_left(), ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)
        assert good_call(api)
        descriptors = len(open_descriptors())
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(1000):
                if number % 10 == 0:
                    wire.play(reply(answer(b"{}", 400)))
                    with pytest.raises(ApiException):
                        api.get_credits()
                api.get_credits()
            wire.requests.clear()
            wire.times.clear()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(open_descriptors()) == descriptors
        assert wire.connections == 1
    assert after - before < 200_000


def test_a_client_that_is_dropped_leaves_nothing(wire: Wire) -> None:
    """Who forgets to close leaves no socket and no warning behind."""
    with nothing_left():
        client = ApiClient(Configuration(wire.url, TOKEN))
        assert good_call(CreditsApi(client))
        watched = weakref.ref(client)
        del client
        gc.collect()
        assert watched() is None


def test_a_process_that_ends_with_an_open_client_ends_quietly(wire: Wire) -> None:
    """A script may simply stop: nothing is printed, even with every warning an error."""
    program = """
import sys
from at_client import ApiClient, Configuration, CreditsApi
api = CreditsApi(ApiClient(Configuration(sys.argv[1], "t0ken", debug=True)))
print(api.get_credits().remaining)
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, wire.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "750\n")
    (line,) = done.stderr.splitlines()  # the one line of debug=True
    assert "GET /api/v1/credits 200" in line


def test_debug_changes_nothing_beyond_the_client(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    """`debug=True` shows attempts on stderr; loggers, handlers and http.client stay as they were."""
    with nothing_changed(), ApiClient(Configuration(wire.url, TOKEN, debug=True)) as client:
        assert good_call(CreditsApi(client))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "GET /api/v1/credits 200" in printed.err
    assert secrets_in(printed.err) == []


def test_a_closed_client_starts_afresh(wire: Wire) -> None:
    """Closing twice is fine, and so is going on: a new connection is opened."""
    with nothing_left():
        client = ApiClient(Configuration(wire.url, TOKEN))
        api = CreditsApi(client)
        for connections in (1, 2):
            assert good_call(api)
            assert wire.connections == connections
            client.close()
            client.close()


@pytest.mark.usefixtures("short_waits")
def test_an_outage_costs_one_attempt_a_call(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """After a call that was lost in spite of its retries, the next ones are sent once, until one is answered."""
    wire.play(otherwise=reply(CLOSE))
    api = make_api(wire.url)
    for requests in (3, 4, 5):
        with pytest.raises(ApiException):
            api.get_credits()
        assert len(wire.requests) == requests
    wire.play()
    assert good_call(api)
    before = len(wire.requests)
    wire.play(*[reply(answer(b"", 503))] * 3)
    with pytest.raises(ApiException):
        api.get_credits()
    assert len(wire.requests) - before == 3


def test_an_unread_response_can_be_read_as_it_comes(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """`without_preload_content` gives urllib3's response, unread; closing it frees the socket."""
    api = make_api(wire.url)
    with nothing_left():
        response = api.get_credits_api_v1_credits_get_without_preload_content()
        assert json.loads(response.read()) == CREDITS
        response.release_conn()
        response.close()
        api.api_client.close()
