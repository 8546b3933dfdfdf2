"""Real proxies on loopback: proxy.py for HTTP, and tiny-proxy for SOCKS."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import pytest
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
        yield HttpProxy(_wait_for_port(port_file, process))
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_port(
    port_file: Path, process: subprocess.Popen[bytes], within_seconds: float = 20.0
) -> int:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline and process.poll() is None:
        if port_file.exists() and port_file.read_text().strip():
            port = int(port_file.read_text())
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return port
        time.sleep(0.02)
    raise RuntimeError("proxy.py did not start")


class SocksProxy:
    """A SOCKS 5 proxy of tiny-proxy's.

    Args:
        user: The user name that it wants; `None` if anybody may use it.
        password: The password that it wants.

    Attributes:
        port: Its port on 127.0.0.1.
        tunnels: How many connections it was asked to carry.
    """

    def __init__(self, user: str | None, password: str | None) -> None:
        self.port = 0
        self.tunnels = 0
        self.is_running = threading.Event()
        self._handler = Socks5ProxyHandler(username=user, password=password)
        self._token: Any = None
        self._scope: Any = None

    async def serve(self) -> None:
        """Carry connections until `stop` is called."""
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            attribute = anyio.abc.SocketAttribute.local_port
            self.port = listener.extra(attribute)  # noqa: S610  # not Django's
            with anyio.CancelScope() as scope:
                self._scope = scope
                self._token = anyio.lowlevel.current_token()
                self.is_running.set()
                await listener.serve(self._carry)

    async def _carry(self, client: anyio.abc.SocketStream) -> None:
        self.tunnels += 1
        await self._handler.handle(client)

    def stop(self) -> None:
        """End it, from another thread."""
        anyio.from_thread.run_sync(self._scope.cancel, token=self._token)


@contextlib.contextmanager
def socks_proxy(
    user: str | None = None, password: str | None = None
) -> Iterator[SocksProxy]:
    """Run a SOCKS proxy on a thread; a user name locks it."""
    proxy = SocksProxy(user, password)
    thread = threading.Thread(target=anyio.run, args=(proxy.serve,), daemon=True)
    thread.start()
    assert proxy.is_running.wait(10), "the SOCKS proxy did not start"
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(5)
        assert not thread.is_alive(), "the SOCKS proxy did not stop"
