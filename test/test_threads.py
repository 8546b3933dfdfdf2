"""Many at once and many in a row: right answers, no noise, nothing left."""

import contextlib
import gc
import logging
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from at_client import ApiClient, ApiException, Configuration, CreditsApi
from at_client.pools import close_idle
from support.ending import good_call
from support.facts import CREDITS, TOKEN
from support.leaks import nothing_left
from support.makers import CapLog, MakeApi
from support.programs import run_python
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

    def ask_often(number: int) -> set[int]:
        start.wait(10)
        cookie = f"cookie-{number}"
        return {api.get_credits(auth_token=cookie).remaining for _ in range(5)}

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(ask_often, range(64)))

    assert answers == [{number} for number in range(64)]
    assert caplog.text == ""


def test_closing_while_others_call_ends_no_call_badly(
    wire: Wire, make_api: MakeApi
) -> None:
    """`close()` in one thread gives the others an answer or an error of ours."""
    api = make_api(wire.url)
    wire.play(otherwise=reply(Wait(0.002), answer()))

    def fetch(_: int) -> None:
        with contextlib.suppress(ApiException):
            assert good_call(api)

    with nothing_left():
        with ThreadPoolExecutor(8) as threads:
            calls = threads.map(fetch, range(100))
            for _ in range(10):
                api.api_client.close()
        assert len(list(calls)) == 100
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
        yield
        wire.requests.clear()
        wire.times.clear()
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert grown < limit_bytes


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
    """Four hundred calls, forty of them errors, cost nothing that stays."""
    api = make_api(wire.url)
    assert good_call(api)
    with nothing_grows(wire, 100_000):
        for _ in range(40):
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
import os, sys
os.dup2(1, 2)  # so that what is written to stderr is seen, too
from at_client import ApiClient, Configuration, CreditsApi
api = CreditsApi(ApiClient(Configuration(sys.argv[1], "t0ken")))
print(api.get_credits().remaining)
"""


def test_a_process_that_ends_with_an_open_client_ends_quietly(wire: Wire) -> None:
    """A script may simply stop: nothing is printed, even with warnings as errors."""
    printed = run_python("-X", "dev", "-W", "error", "-c", UNCLOSED, wire.url)
    assert printed == "750\n"


@pytest.mark.usefixtures("short_waits")
def test_an_outage_costs_one_attempt_a_call(make_api: MakeApi, wire: Wire) -> None:
    """After a call that was lost in spite of its retries, the next ones have none."""
    api = make_api(wire.url)
    wire.play(otherwise=reply(CLOSE))

    for attempts in (3, 4, 5):
        with pytest.raises(ApiException):
            api.get_credits()
        assert len(wire.requests) == attempts

    wire.play()
    assert good_call(api)
    wire.play(reply(CLOSE), reply(answer(b"", 503)))
    assert good_call(api), "after a success, there are retries again"
