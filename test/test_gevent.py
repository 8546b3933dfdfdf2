"""Under gevent, whose monkey-patching is for whole processes, so each test has one of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.facts import TOKEN
from support.wire import SILENCE, Wait, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service import Service
    from support.tls import Authority
    from support.wire import Wire

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gevent") is None, reason="gevent is not installed for this Python"
)

PROGRAM = """
from gevent import monkey

monkey.patch_all()

import time

import gevent
from at_client import ApiClient, ApiTimeoutException, Configuration, CreditsApi

client = ApiClient(Configuration({host!r}, {token!r}, ssl_ca_cert={ca_file!r}))
api = CreditsApi(client)
began = time.monotonic()
"""


def run(host: str, authority: Authority, program: str) -> str:
    """Run a program with `api` and `began` under gevent, and return what it printed."""
    start = PROGRAM.format(host=host, token=TOKEN, ca_file=authority.ca_file)
    done = subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def secure_wire(make_wire: Callable[..., Wire], authority: Authority) -> Wire:
    """A wire server over TLS."""
    return make_wire(tls=authority.server_context("127.0.0.1"))


def test_calls_work(secure_service: Service, authority: Authority) -> None:
    """Over TLS, the first call and the next one on the same connection."""
    program = "print(api.get_credits().remaining, api.get_credits().remaining)"
    assert run(secure_service.url, authority, program) == "750 750\n"


def test_calls_share_the_time(secure_wire: Wire, authority: Authority) -> None:
    """Twenty greenlets with one client wait for their answers at the same time."""
    secure_wire.play(otherwise=reply(Wait(0.5), answer()))
    program = (
        "jobs = [gevent.spawn(api.get_credits) for _ in range(20)]\n"
        "gevent.joinall(jobs, raise_error=True)\n"
        "print({job.value.remaining for job in jobs}, time.monotonic() - began < 5.0)"
    )
    assert run(secure_wire.url, authority, program) == "{750} True\n"
    assert len(secure_wire.requests) == 20


def test_a_deadline_holds(secure_wire: Wire, authority: Authority) -> None:
    """A call that is not answered ends in time, and other greenlets run meanwhile."""
    secure_wire.play(otherwise=reply(SILENCE))
    program = (
        "ticks = []\n"
        "def tick():\n"
        "    while True:\n"
        "        ticks.append(time.monotonic())\n"
        "        gevent.sleep(0.05)\n"
        "gevent.spawn(tick)\n"
        "try:\n"
        "    api.get_credits(_request_timeout=0.6)\n"
        "except ApiTimeoutException:\n"
        "    print(0.5 < time.monotonic() - began < 1.5, len(ticks) > 5)\n"
    )
    assert run(secure_wire.url, authority, program) == "True True\n"
