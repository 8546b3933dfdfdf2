"""Under gevent, which patches whole processes: each test has one of its own."""

import pytest

from support.facts import TOKEN
from support.programs import run_python
from support.tls import Authority
from support.wire import SILENCE, Wait, Wire, answer, reply

pytest.importorskip("gevent", reason="gevent is not installed for this Python")

START = """
from gevent import monkey

monkey.patch_all()

import sys
import time

import gevent
from at_client import ApiClient, ApiTimeoutException, Configuration, CreditsApi

host, token, ca_file = sys.argv[1:]
api = CreditsApi(ApiClient(Configuration(host, token, ssl_ca_cert=ca_file)))
began = time.monotonic()
"""


def run(wire: Wire, authority: Authority, program: str) -> str:
    """Run a program with `api` and `began` under gevent, and return what it printed."""
    return run_python("-c", START + program, wire.url, TOKEN, authority.ca_file)


SHARED = """
jobs = [gevent.spawn(api.get_credits) for _ in range(20)]
gevent.joinall(jobs, raise_error=True)
print({job.value.remaining for job in jobs}, time.monotonic() - began < 5.0)
"""


def test_calls_share_the_time(secure_wire: Wire, authority: Authority) -> None:
    """Twenty greenlets with one client wait for their answers at the same time."""
    secure_wire.play(otherwise=reply(Wait(0.5), answer()))
    assert run(secure_wire, authority, SHARED) == "{750} True\n"
    assert len(secure_wire.requests) == 20


LATE = """
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        gevent.sleep(0.05)
gevent.spawn(tick)
try:
    api.get_credits(timeout=0.6)
except ApiTimeoutException:
    print(0.5 < time.monotonic() - began < 1.5, len(ticks) > 5)
"""


def test_a_deadline_holds(secure_wire: Wire, authority: Authority) -> None:
    """A call that is not answered ends in time, and other greenlets run meanwhile."""
    secure_wire.play(otherwise=reply(SILENCE))
    assert run(secure_wire, authority, LATE) == "True True\n"


STOPPED = """
try:
    with gevent.Timeout(0.2, LookupError("too late")):
        api.get_credits(timeout=20)
except LookupError as error:
    print(error)
"""


def test_a_timeout_of_gevent_arrives(secure_wire: Wire, authority: Authority) -> None:
    """The error that a user gives to gevent's Timeout is the one that ends the call."""
    secure_wire.play(otherwise=reply(SILENCE))
    assert run(secure_wire, authority, STOPPED) == "too late\n"
