"""Real servers and proxies as processes on free ports; one not installed is skipped."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
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
        folder: Where its files go.
    """

    def __init__(self, name: str, folder: Path) -> None:
        folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        path = shutil.which(name, path=folders)
        if path is None:
            pytest.skip(f"{name} is not installed")
        self.name = name
        self.folder = folder
        self.log = folder / "log"
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

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.02)
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"{self.command} did not start: {self.log.read_text()}")

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
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """Start programs by `run(name, make_arguments)`; all stop with the session."""
    with contextlib.ExitStack() as running:

        def start(name: str, arguments: Callable[[Program], list[str]]) -> Program:
            program = Program(name, tmp_path_factory.mktemp(name))
            program.command += arguments(program)
            program.start()
            running.callback(program.stop)
            return program

        yield start


@pytest.fixture(scope="session")
def nginx(
    run: Callable[..., Program], _service: Service, authority: Authority
) -> Program:
    """Nginx in front of the service; its TLS port wants a client certificate."""
    files = authority.issue("127.0.0.1")

    def arguments(program: Program) -> list[str]:
        # Nobody else may enter the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        config = program.configure(
            "nginx.conf",
            service=_service.url,
            user=user,
            certificate=files.certificate,
            key=files.key,
            authority=authority.ca_file,
        )
        return ["-e", "stderr", "-p", str(program.folder), "-c", config]

    return run("nginx", arguments)


@pytest.fixture(scope="session")
def haproxy(run: Callable[..., Program], _service: Service) -> Program:
    """HAProxy in front of the service."""
    address = _service.url.removeprefix("http://")

    def arguments(program: Program) -> list[str]:
        return ["-W", "-f", program.configure("haproxy.cfg", address=address)]

    return run("haproxy", arguments)


@pytest.fixture(scope="session")
def node(run: Callable[..., Program]) -> Program:
    """A server in Node.js that gives everybody the same credits."""

    def arguments(program: Program) -> list[str]:
        return [str(FILES / "node.js"), str(program.port), CREDITS_BODY.decode()]

    return run("node", arguments)


@pytest.fixture(scope="session")
def squid(run: Callable[..., Program]) -> Program:
    """Squid, which wants `PROXY_USER` and `PROXY_PASSWORD`."""

    def arguments(program: Program) -> list[str]:
        config = program.configure(
            "squid.conf",
            user=PROXY_USER,
            password=PROXY_PASSWORD,
        )
        # The name keeps its shared memory apart from that of another squid.
        return ["-N", "-d", "1", "-n", f"test{program.port}", "-f", config]

    return run("squid", arguments)
