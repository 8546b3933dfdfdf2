"""Real proxies on loopback: proxy.py for HTTP, and tiny-proxy for SOCKS."""

import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.from_thread import start_blocking_portal
from anyio.streams.tls import TLSListener
from tiny_proxy import Socks5ProxyHandler

needs_asserts = pytest.mark.skipif(
    sys.flags.optimize > 0,
    reason="tiny-proxy reads what it is sent inside assert statements",
)
"""For tests of SOCKS: under `python -O`, the proxy behind them does not work."""


@dataclass(frozen=True)
class HttpProxy:
    """A running proxy.py, with its port on 127.0.0.1."""

    port: int

    def url(self, user: str, password: str) -> str:
        """Write the proxy's address with credentials."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}"


@contextlib.contextmanager
def http_proxy(folder: Path, user: str, password: str) -> Iterator[HttpProxy]:
    """Run proxy.py in a process of its own, for CONNECT and plain forwarding.

    Args:
        folder: Where its files go.
        user: The user name that it wants.
        password: The password that it wants.
    """
    port_file = folder / "port"
    command = [
        sys.executable,
        "-m",
        "proxy",
        "--hostname=127.0.0.1",
        "--port=0",
        f"--port-file={port_file}",
        f"--data-dir={folder}",
        f"--basic-auth={user}:{password}",
        "--num-acceptors=1",
        "--threaded",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield HttpProxy(_wait_for_port(port_file))
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_port(port_file: Path, within_seconds: float = 20.0) -> int:
    """Return the port that proxy.py writes down once it listens."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(port_file.read_text())
        time.sleep(0.02)
    raise RuntimeError("proxy.py did not start")


@contextlib.contextmanager
def accepting(
    carry: Callable[[Any], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve each connection on a thread by a coroutine; give the port on 127.0.0.1."""
    with start_blocking_portal() as portal:
        listen = partial(anyio.create_tcp_listener, local_host="127.0.0.1")
        listener: Any = portal.call(listen)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # not Django's
        if tls is not None:
            listener = TLSListener(listener, tls, standard_compatible=False)
        served = portal.start_task_soon(listener.serve, carry)
        try:
            yield port
        finally:
            served.cancel()
            portal.call(listener.aclose)


@dataclass
class SocksProxy:
    """A running SOCKS 5 proxy of tiny-proxy's, with its port on 127.0.0.1."""

    port: int
    tunnels: int = 0
    """How many connections it was asked to carry."""


@contextlib.contextmanager
def socks_proxy(
    user: str | None = None, password: str | None = None
) -> Iterator[SocksProxy]:
    """Run a SOCKS proxy; a user name locks it."""
    handler = Socks5ProxyHandler(username=user, password=password)

    async def carry(client: SocketStream) -> None:
        proxy.tunnels += 1
        await handler.handle(client)

    with accepting(carry) as port:
        proxy = SocksProxy(port)
        yield proxy
