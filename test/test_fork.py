"""Processes: after a fork parent and child are strangers; clients pickle and work elsewhere."""

import json
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from at_client import (
    ApiClient,
    Configuration,
    CreditsApi,
    PasswordGrant,
    UnauthorizedException,
)
from support.ending import good_call
from support.facts import CREDITS, TOKEN, secrets_in
from support.leaks import open_descriptors
from support.makers import MakeApi, MakeWire
from support.service import PASSWORD, USER, Service
from support.tasks import failing, remaining, response_of
from support.tls import Authority
from support.wire import Wait, Wire, answer, reply

# Python 3.12 warns of what these tests do on purpose: forking while threads run.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning"
)


def in_child(work: Callable[[], object]) -> Any:
    """Return what the work returns in a forked child."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this system")
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: sender.send(work()))
    child.start()
    sender.close()  # so that a child that fails, and writes why, ends the waiting
    try:
        assert receiver.poll(20), "the child hangs"
        return receiver.recv()
    finally:
        child.join(5)
        child.kill()
        child.join()


def balance(number: int) -> bytes:
    """Answer with that many credits."""
    return answer(json.dumps({**CREDITS, "remaining_credits": number}).encode())


def count_sockets() -> int:
    return sum("socket:" in target for target in open_descriptors())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_child_connects_anew(
    make_api: MakeApi, make_wire: MakeWire, authority: Authority, scheme: str
) -> None:
    """After a fork both go on: the child keeps, uses and closes none of its parent's connections."""
    wire = make_wire(
        tls=authority.server_context("127.0.0.1") if scheme == "https" else None
    )
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file)
    assert in_child(lambda: good_call(api)), (
        "a client that was never used fails in a child"
    )
    assert good_call(api)

    def call_twice() -> bool:
        before = count_sockets()
        return good_call(api) and good_call(api) and count_sockets() <= before

    assert in_child(call_twice)
    assert in_child(api.api_client.close) is None
    assert wire.connections == 3
    assert good_call(api)
    assert wire.connections == 3, "the parent has lost its connection"


def test_parent_and_child_never_see_each_others_answers(
    make_api: MakeApi, wire: Wire
) -> None:
    """Both call at once, after the fork, with the connection that one of them had before."""
    api = make_api(wire.url)
    assert good_call(api)
    wire.play(*(reply(Wait(0.02), balance(n)) for n in range(40)))
    with ThreadPoolExecutor() as threads:
        mine = threads.submit(lambda: [remaining(api) for _ in range(20)])
        theirs = in_child(lambda: [remaining(api) for _ in range(20)])
        assert sorted(mine.result() + theirs) == list(range(40))


def test_a_fork_in_the_middle_of_a_call_harms_neither(
    make_api: MakeApi, wire: Wire
) -> None:
    """The child calls while the parent's answer is on its way; if it waited for the parent's locks, it would hang."""
    api = make_api(wire.url)
    wire.play(reply(Wait(0.5), balance(1)), reply(balance(2)))
    with ThreadPoolExecutor() as threads:
        mine = threads.submit(remaining, api)
        while not wire.requests:
            time.sleep(0.005)
        assert in_child(lambda: remaining(api)) == 2
        assert mine.result() == 1


def test_a_fork_at_any_moment_harms_neither(make_api: MakeApi, wire: Wire) -> None:
    """Four threads call without a pause; each of several children forked meanwhile can call too."""
    api = make_api(wire.url)
    done = threading.Event()

    def call_on() -> list[bool]:
        answers = []
        while not done.is_set():
            answers.append(good_call(api))
        return answers

    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(call_on) for _ in range(4)]
        try:
            assert [in_child(lambda: good_call(api)) for _ in range(8)] == [True] * 8
        finally:
            done.set()
        assert all(
            len(caller.result()) > 2 and all(caller.result()) for caller in callers
        )


def test_a_grant_that_is_fetching_is_free_in_a_child(
    make_api: MakeApi, service: Service
) -> None:
    """A lock that a thread of the parent holds during the fork would stay held in the child for ever."""
    parent, fetching, forked = os.getpid(), threading.Event(), threading.Event()

    def password() -> str:
        if os.getpid() == parent:
            fetching.set()
            forked.wait(20)
        return PASSWORD

    api = make_api(
        service.url,
        access_token=PasswordGrant("api/v1/auth/token", USER, password),
        timeout=5.0,
    )
    with ThreadPoolExecutor() as threads:
        mine = threads.submit(remaining, api)
        assert fetching.wait(5)
        assert in_child(lambda: remaining(api)) == 750
        forked.set()
        assert mine.result() == 750


def test_clients_work_in_spawned_processes(service: Service, make_api: MakeApi) -> None:
    """A used CreditsApi is sent to spawned workers as it is; answers and errors come back whole."""
    api = make_api(service.url)
    assert good_call(api)
    with ProcessPoolExecutor(
        2, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        assert list(pool.map(remaining, [api] * 6)) == [750] * 6
        response = pool.submit(response_of, api).result()
        assert (response.status_code, response.data.total) == (200, 1000)
        assert response.headers["content-type"] == "application/json"
        with pytest.raises(UnauthorizedException, match="Not authenticated") as caught:
            pool.submit(failing, api).result()
    assert secrets_in(str(caught.value)) == []


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_client_pickles_with_its_settings(wire: Wire, protocol: int) -> None:
    """The copy has its own connections, the same settings, and works."""
    with ApiClient(Configuration(wire.url, TOKEN, retries=0, timeout=7.0)) as client:
        client.set_default_header("X-Team", "blue")
        assert good_call(CreditsApi(client))
        with pickle.loads(pickle.dumps(client, protocol)) as copy:  # noqa: S301  # our own bytes
            assert good_call(CreditsApi(copy))
            assert copy.configuration.timeout == 7.0
    assert wire.connections == 2
    assert b"x-team: blue" in wire.requests[1].lower()
