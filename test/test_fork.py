"""Clients in other processes: forked, spawned, and sent there by pickle."""

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from at_client import CreditsApi
from support.ending import good_call
from support.facts import CREDITS_BODY, TOKEN
from support.leaks import open_descriptors
from support.makers import MakeApi, MakeClient
from support.service import Service
from support.tasks import remaining
from support.tls import Authority
from support.tunnel import tunnel
from support.wire import Wait, Wire, answer, reply

# Python 3.12 warns of what these tests do on purpose: forking while threads run.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning"
)


def in_child(work: Callable[[], object]) -> Any:
    """Return what the work returns in a forked child."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    # One that hangs ends with this process, as it is a daemon.
    child = fork.Process(target=lambda: sender.send(work()), daemon=True)
    child.start()
    sender.close()  # so that a child that fails, and writes why, ends the waiting
    assert receiver.poll(20), "the child hangs"
    result = receiver.recv()
    child.join(5)
    return result


def count_sockets() -> int:
    """Return how many sockets this process has open."""
    return sum("socket:" in target for target in open_descriptors())


def test_a_child_connects_anew(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """A child opens connections of its own, and leaves those of its parent alone."""
    wire = secure_wire
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file)
    assert good_call(api)

    def call_twice() -> int:
        before = count_sockets()
        assert good_call(api)
        assert good_call(api)
        return count_sockets() - before

    assert in_child(call_twice) <= 0
    in_child(api.api_client.close)
    assert wire.connections == 2

    assert good_call(api)
    assert wire.connections == 2, "the parent has lost its connection"


def test_a_child_connects_anew_through_a_proxy_reached_by_tls(
    make_api: MakeApi, secure_wire: Wire, authority: Authority
) -> None:
    """A TLS connection inside of another one stays with the parent as well."""
    with tunnel(secure_wire.port, authority.server_context("127.0.0.1")) as (proxy, _):
        api = make_api(secure_wire.url, proxy=proxy, ssl_ca_cert=authority.ca_file)
        assert good_call(api)
        assert in_child(lambda: good_call(api))
        assert good_call(api)
        assert secure_wire.connections == 2


def test_parent_and_child_never_see_each_others_answers(
    make_api: MakeApi, wire: Wire
) -> None:
    """Parent and child call at once after a fork, and each answer arrives once."""
    api = make_api(wire.url)
    assert good_call(api)
    bodies = [CREDITS_BODY.replace(b"750", b"%d" % number) for number in range(40)]
    wire.play(*[reply(Wait(0.02), answer(body)) for body in bodies])

    def call_often() -> list[int]:
        return [remaining(api) for _ in range(20)]

    with ThreadPoolExecutor() as threads:
        mine = threads.submit(call_often)
        theirs = in_child(call_often)
    assert sorted(mine.result() + theirs) == list(range(40))


def test_a_fork_at_any_moment(make_api: MakeApi, wire: Wire) -> None:
    """Children that are forked while four threads call without a pause can call."""
    api = make_api(wire.url)

    def call_often(_: int) -> bool:
        return all(good_call(api) for _ in range(200))

    with ThreadPoolExecutor(4) as threads:
        calls = threads.map(call_often, range(4))
        for _ in range(8):
            assert in_child(lambda: good_call(api))
    assert all(calls)


class Renewing:
    """A source whose renewal, in the parent, lasts until it is told to end."""

    def __init__(self) -> None:
        self.token = "TOKEN-SECRET-stale"
        self.parent = os.getpid()
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        return self.token

    def renew(self) -> None:
        if os.getpid() == self.parent:
            self.has_begun.set()
            self.may_end.wait(20)
        self.token = TOKEN


def test_a_fork_during_a_renewal(make_api: MakeApi, service: Service) -> None:
    """A lock that a thread of the parent holds during a fork is free in the child."""
    source = Renewing()
    api = make_api(service.url, access_token=source, timeout=5.0)
    with ThreadPoolExecutor() as threads:
        mine = threads.submit(remaining, api)
        assert source.has_begun.wait(5)
        assert in_child(lambda: remaining(api)) == 750
        source.may_end.set()
        assert mine.result() == 750


def test_a_client_pickles_with_its_settings(
    make_client: MakeClient, wire: Wire
) -> None:
    """A pickled client has the same settings and headers, and its own connections."""
    client = make_client(wire.url, timeout=7.0)
    client.set_default_header("X-Team", "blue")
    assert good_call(CreditsApi(client))

    pickled = pickle.dumps(client)
    with pickle.loads(pickled) as copy:  # noqa: S301  # our own bytes
        assert good_call(CreditsApi(copy))
        assert copy.configuration.timeout == 7.0

    assert wire.connections == 2
    assert b"X-Team: blue" in wire.requests[1]
