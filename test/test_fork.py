"""Processes: after a fork parent and child are strangers; clients pickle and work elsewhere."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import sys
import threading
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from at_client import ApiClient, Configuration, CreditsApi, PasswordGrant, UnauthorizedException
from support.ending import good_call
from support.facts import CREDITS, TOKEN, secrets_in
from support.leaks import open_descriptors
from support.service import PASSWORD, USER
from support.tasks import failing, remaining, response_of
from support.wire import Wait, Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service import Service
    from support.tls import Authority

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
# Python 3.12 warns of what these tests do on purpose: forking while threads run.
many_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_child(work: Callable[[], object]) -> str:
    """Run the work in a forked child and give what it returned, as text.

    The child leaves without a word to pytest, and is given twenty seconds.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            try:
                said = str(work())
            except BaseException:  # noqa: BLE001  # the parent shows it
                said = traceback.format_exc()
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        watchdog = threading.Timer(20, os.kill, (child, 9))
        watchdog.start()
        said = pipe.read().decode()
        watchdog.cancel()
        watchdog.join()
    os.waitpid(child, 0)
    return said


def balance(number: int) -> bytes:
    """Answer with that many credits."""
    fields = {**CREDITS, "remaining_credits": number}
    return answer(json.dumps(fields).encode())


@needs_fork
@many_threads
def test_a_child_has_connections_of_its_own(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """After a fork parent and child both go on, and neither uses the other's connection."""
    api = make_api(wire.url)
    assert good_call(api)
    assert in_child(lambda: [good_call(api), good_call(api)]) == "[True, True]"
    assert wire.connections == 2
    assert good_call(api)
    assert wire.connections == 2, "the parent has lost its connection"


@needs_fork
@many_threads
def test_a_child_has_tls_connections_of_its_own(
    make_api: Callable[..., CreditsApi], make_wire: Callable[..., Wire], authority: Authority
) -> None:
    """Two processes on one TLS session would break it for both."""
    wire = make_wire(tls=authority.server_context("127.0.0.1"))
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file)
    assert good_call(api)
    assert in_child(lambda: good_call(api)) == "True"
    assert in_child(api.api_client.close) == "None"
    assert good_call(api)
    assert wire.connections == 2


@needs_fork
@many_threads
def test_parent_and_child_never_see_each_others_answers(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Both call at once, after the fork, with the connection that one of them had before."""
    api = make_api(wire.url)
    assert good_call(api)
    wire.play(*(reply(Wait(0.02), balance(n)) for n in range(40)))
    mine: list[int] = []
    caller = threading.Thread(target=lambda: mine.extend(api.get_credits().remaining for _ in range(20)))
    caller.start()
    theirs = json.loads(in_child(lambda: [api.get_credits().remaining for _ in range(20)]))
    caller.join()
    assert sorted(mine + theirs) == list(range(40))


@needs_fork
@many_threads
def test_a_fork_in_the_middle_of_a_call_harms_neither(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """The child calls while the parent's answer is on its way, and does not wait for its locks."""
    api = make_api(wire.url)
    wire.play(reply(Wait(0.5), balance(1)), reply(balance(2)))
    mine: list[int] = []
    caller = threading.Thread(target=lambda: mine.append(api.get_credits().remaining))
    caller.start()
    while len(wire.requests) < 1:
        time.sleep(0.005)
    began = time.monotonic()
    assert in_child(lambda: api.get_credits().remaining) == "2"
    assert time.monotonic() - began < 0.5
    caller.join()
    assert mine == [1]


@needs_fork
@many_threads
def test_a_fork_at_any_moment_harms_neither(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Four threads call without a pause; each of several children forked meanwhile can call too."""
    api = make_api(wire.url)
    done = threading.Event()
    answers: list[bool] = []

    def call_on() -> None:
        while not done.is_set():
            answers.append(good_call(api))

    callers = [threading.Thread(target=call_on) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        said = [in_child(lambda: good_call(api)) for _ in range(8)]
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert said == ["True"] * 8
    assert len(answers) > 8
    assert all(answers)


@needs_fork
@many_threads
def test_a_grant_that_is_fetching_is_free_in_a_child(make_api: Callable[..., CreditsApi], service: Service) -> None:
    """A lock that a thread of the parent holds during the fork would stay held in the child for ever."""
    grant = PasswordGrant("api/v1/auth/token", USER, PASSWORD)
    api = make_api(service.url, access_token=grant, timeout=5.0)
    with grant._lock:
        assert in_child(lambda: api.get_credits().remaining) == "750"


@needs_fork
@many_threads
def test_a_child_that_closes_does_not_close_for_its_parent(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Leaving the context in the child frees the child's sockets alone."""
    api = make_api(wire.url)
    assert good_call(api)
    in_child(api.api_client.close)
    assert good_call(api)
    assert wire.connections == 1


@needs_fork
@many_threads
def test_a_child_does_not_keep_its_parents_sockets(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Once the child has called, it holds no more sockets than it came with."""
    api = make_api(wire.url)
    assert good_call(api)

    def sockets_after_a_call() -> int:
        before = _sockets()
        assert good_call(api)
        return _sockets() - before

    assert int(in_child(sockets_after_a_call)) <= 0


def _sockets() -> int:
    return sum("socket:" in target for target in open_descriptors())


@needs_fork
@many_threads
def test_the_environment_is_read_by_the_child_itself(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A child whose client was never used in the parent starts like any other."""
    api = make_api(wire.url)
    assert in_child(lambda: good_call(api)) == "True"


def test_clients_work_in_spawned_processes(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A used CreditsApi is sent to spawned workers as it is; answers and errors come back whole."""
    api = make_api(service.url)
    assert good_call(api)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        assert list(pool.map(remaining, [api] * 6)) == [750] * 6
        response = pool.submit(response_of, api).result()
        assert (response.status_code, response.data.total) == (200, 1000)
        assert response.headers["content-type"] == "application/json"
        with pytest.raises(UnauthorizedException) as caught:
            pool.submit(failing, api).result()
    assert caught.value.data is None or caught.value.data.detail == "Not authenticated"
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


def test_cloudpickle_carries_a_client_in_a_closure(wire: Wire) -> None:
    """What Dask and Ray do: a function that closes over the client travels as bytes."""
    cloudpickle = pytest.importorskip("cloudpickle")
    with ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)
        task = pickle.loads(cloudpickle.dumps(lambda: api.get_credits().remaining))  # noqa: S301  # the same
        assert task() == 750
        task.__closure__[0].cell_contents.api_client.close()


def test_a_client_works_on_another_thread_than_it_was_made_on(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Nothing of a client belongs to a thread."""
    api = make_api(wire.url)
    assert good_call(api)
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(good_call(api)))
    thread.start()
    thread.join()
    assert said == [True]
    assert sys.exc_info() == (None, None, None)
