"""Many at once and many in a row: right answers, no noise, nothing left."""

import contextlib
import gc
import logging
import subprocess
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from at_client import ApiClient, ApiException, Configuration, CreditsApi
from at_client.pools import close_idle
from support.ending import good_call, nothing_changed
from support.facts import CREDITS, TOKEN
from support.leaks import nothing_left
from support.makers import CapLog, MakeApi
from support.service import Service
from support.wire import CLOSE, Wait, Wire, answer, reply


def test_each_of_64_threads_gets_its_own_answer(
    service: Service, make_api: MakeApi, caplog: CapLog
) -> None:
    """Each of 64 threads gets its own answer, and nothing is logged of a full pool."""
    caplog.set_level(logging.WARNING)
    for number in range(64):
        account = {**CREDITS, "remaining_credits": number}
        service.memory.cookies[f"cookie-{number}"] = account
    api = make_api(service.url, access_token=None)
    start = threading.Barrier(64)

    def ask_often(number: int) -> None:
        start.wait(10)
        for _ in range(5):
            answer = api.get_credits(auth_token=f"cookie-{number}")
            assert answer.remaining == number

    with nothing_changed(), ThreadPoolExecutor(64) as pool:
        calls = [pool.submit(ask_often, number) for number in range(64)]
        for call in calls:
            call.result()
    assert caplog.text == ""


def test_closing_while_others_call_ends_no_call_badly(
    wire: Wire, make_api: MakeApi
) -> None:
    """`close()` in one thread gives the others an answer or an error of ours."""
    api = make_api(wire.url)
    wire.play(otherwise=reply(Wait(0.002), answer()))

    def fetch() -> None:
        with contextlib.suppress(ApiException):
            assert good_call(api)

    with nothing_left(), ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(fetch) for _ in range(100)]
        for _ in range(10):
            api.api_client.close()
        for call in calls:
            call.result()
        api.api_client.close()
    assert good_call(api)


def test_a_pool_that_was_closed_meanwhile_has_nothing_to_close() -> None:
    """A call that is lost while another thread closes the client still ends."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1")
    pool.close()
    close_idle(pool)
    assert pool.pool is None


@contextlib.contextmanager
def nothing_grows(wire: Wire, limit_bytes: int) -> Iterator[None]:
    """Fail when the block leaves descriptors or threads, or takes more memory."""
    with nothing_left():
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            yield
            wire.requests.clear()
            wire.times.clear()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < limit_bytes


def test_a_hundred_clients_leave_nothing(wire: Wire) -> None:
    """A hundred clients in a row leave descriptors and memory flat."""

    def use_clients() -> None:
        for _ in range(100):
            with ApiClient(Configuration(wire.url, TOKEN)) as client:
                assert good_call(CreditsApi(client))

    use_clients()
    with nothing_grows(wire, 300_000):
        use_clients()


def test_many_calls_on_one_client_leave_memory_flat(
    wire: Wire, make_api: MakeApi
) -> None:
    """A thousand calls, a hundred of them errors, cost nothing that stays."""
    api = make_api(wire.url)
    assert good_call(api)
    with nothing_grows(wire, 200_000):
        for _ in range(100):
            wire.play(reply(answer(b"{}", 400)))
            with pytest.raises(ApiException):
                api.get_credits()
            for _ in range(9):
                assert good_call(api)
    assert wire.connections == 1


def test_a_client_that_is_dropped_leaves_nothing(wire: Wire) -> None:
    """Who forgets to close leaves no socket and no warning behind."""
    with nothing_left():
        client = ApiClient(Configuration(wire.url, TOKEN))
        assert good_call(CreditsApi(client))
        watched = weakref.ref(client)
        del client
        gc.collect()
        assert watched() is None


UNCLOSED = """
import sys
from at_client import ApiClient, Configuration, CreditsApi
api = CreditsApi(ApiClient(Configuration(sys.argv[1], "t0ken")))
print(api.get_credits().remaining)
"""


def test_a_process_that_ends_with_an_open_client_ends_quietly(wire: Wire) -> None:
    """A script may simply stop: nothing is printed, even with warnings as errors."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", UNCLOSED, wire.url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "750\n"
    assert done.stderr == ""


@pytest.mark.usefixtures("short_waits")
def test_an_outage_costs_one_attempt_a_call(make_api: MakeApi, wire: Wire) -> None:
    """After a call that was lost in spite of its retries, the next ones have none."""
    api = make_api(wire.url)

    def count_attempts() -> int:
        before = len(wire.requests)
        with pytest.raises(ApiException):
            api.get_credits()
        return len(wire.requests) - before

    wire.play(otherwise=reply(CLOSE))
    assert count_attempts() == 3
    assert count_attempts() == 1
    assert count_attempts() == 1

    wire.play()
    assert good_call(api)
    wire.play(otherwise=reply(answer(b"", 503)))
    assert count_attempts() == 3
