"""Real servers and proxies as processes on free ports; one not installed is skipped."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from support.facts import CREDITS_BODY, PROXY_PASSWORD, PROXY_USER
from support.service import Service
from support.tls import Authority

FILES = Path(__file__).parent


class Program:
    """A server in the foreground, with its children in a process group of its own.

    Args:
        name: The name of the program.
        folders: Makes a folder for its files.
    """

    def __init__(self, name: str, folders: pytest.TempPathFactory) -> None:
        places = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        path = shutil.which(name, path=places)
        if path is None:
            pytest.skip(f"{name} is not installed")
        self.name = name
        self.folder = folders.mktemp(name)
        self.port = free_port()
        self.tls_port = free_port()
        self.command = [path]

    @property
    def url(self) -> str:
        """Where it speaks plain HTTP, as a client's host."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, template: str, **values: object) -> str:
        """Fill in a file of this folder, and return the path of the result."""
        source = Template((FILES / template).read_text())
        path = self.folder / template
        path.write_text(source.substitute(vars(self), **values))
        return str(path)

    @contextlib.contextmanager
    def run(self, *arguments: str) -> Iterator[None]:
        """Start it with arguments, and stop it at the end."""
        self.command += arguments
        try:
            self.start()
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start: {log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, by force if it does not go by itself."""
        self.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


def free_port() -> int:
    """Return a port on which nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture(scope="session")
def nginx(
    tmp_path_factory: pytest.TempPathFactory, _service: Service, authority: Authority
) -> Iterator[Program]:
    """Nginx in front of the service; its TLS port wants a client certificate."""
    program = Program("nginx", tmp_path_factory)
    files = authority.issue("127.0.0.1")
    config = program.configure(
        "nginx.conf",
        service=_service.url,
        user="user root;" if os.geteuid() == 0 else "",  # may enter the folder
        certificate=files.certificate,
        key=files.key,
        authority=authority.ca_file,
    )
    folder = str(program.folder)
    with program.run("-e", "stderr", "-p", folder, "-c", config):
        yield program


@pytest.fixture(scope="session")
def haproxy(
    tmp_path_factory: pytest.TempPathFactory, _service: Service
) -> Iterator[Program]:
    """HAProxy in front of the service."""
    program = Program("haproxy", tmp_path_factory)
    address = _service.url.removeprefix("http://")
    config = program.configure("haproxy.cfg", address=address)
    with program.run("-W", "-f", config):
        yield program


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A server in Node.js that gives everybody the same credits."""
    program = Program("node", tmp_path_factory)
    script = str(FILES / "node.js")
    with program.run(script, str(program.port), CREDITS_BODY.decode()):
        yield program


@pytest.fixture(scope="session")
def squid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Squid, which wants `PROXY_USER` and `PROXY_PASSWORD`."""
    program = Program("squid", tmp_path_factory)
    config = program.configure(
        "squid.conf",
        user=PROXY_USER,
        password=PROXY_PASSWORD,
    )
    # It keeps its shared memory apart from that of another squid.
    name = f"test{program.port}"
    with program.run("-N", "-d", "1", "-n", name, "-f", config):
        yield program
