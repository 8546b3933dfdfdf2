"""Under gevent, which patches whole processes: each test has one of its own."""

import subprocess
import sys

import pytest

from support.facts import TOKEN
from support.service import Service
from support.tls import Authority
from support.wire import SILENCE, Wait, Wire, answer, reply

START = """
from gevent import monkey

monkey.patch_all()

import time

import gevent
from at_client import ApiClient, ApiTimeoutException, Configuration, CreditsApi

api = CreditsApi(ApiClient(Configuration({host!r}, {token!r}, ssl_ca_cert={ca_file!r})))
began = time.monotonic()
"""


def run(host: str, authority: Authority, program: str) -> str:
    """Run a program with `api` and `began` under gevent, and return what it printed."""
    pytest.importorskip("gevent", reason="gevent is not installed for this Python")
    start = START.format(host=host, token=TOKEN, ca_file=authority.ca_file)
    command = [sys.executable, "-c", start + program]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_calls_work(secure_service: Service, authority: Authority) -> None:
    """Over TLS, the first call and the next one on the same connection."""
    program = "print(api.get_credits().remaining, api.get_credits().remaining)"
    assert run(secure_service.url, authority, program) == "750 750\n"


SHARED = """
jobs = [gevent.spawn(api.get_credits) for _ in range(20)]
gevent.joinall(jobs, raise_error=True)
print({job.value.remaining for job in jobs}, time.monotonic() - began < 5.0)
"""


def test_calls_share_the_time(secure_wire: Wire, authority: Authority) -> None:
    """Twenty greenlets with one client wait for their answers at the same time."""
    secure_wire.play(otherwise=reply(Wait(0.5), answer()))
    assert run(secure_wire.url, authority, SHARED) == "{750} True\n"
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
    assert run(secure_wire.url, authority, LATE) == "True True\n"
