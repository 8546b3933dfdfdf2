"""The server that every contender calls: one answer to all, over http and https."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from benchmarks import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
CLOSING = "/closing"
"""Path prefix under which the server closes the connection after each answer."""

BODY = json.dumps(
    {
        "total_credits": 1000,
        "used_credits": 250,
        "remaining_credits": 750,
        "free_credits": 100,
        "purchased_credits": 0,
        "period": "2026-11",
        "reset_date": "2026-12-01T00:00:00Z",
        "days_until_reset": 9,
        "plan_tier": "pro",
    },
    separators=(",", ":"),
).encode()

STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
ANSWER = (
    b"date: Sun, 22 Nov 2026 14:00:00 GMT\r\n"
    b"server: uvicorn\r\n"
    b"content-length: %d\r\n"
    b"content-type: application/json\r\n"
    b"\r\n%b"
) % (len(BODY), BODY)
"""Headers and body as FastAPI sends them under uvicorn."""


@dataclass(frozen=True)
class Urls:
    """Where the server is, once in plain text and once with TLS."""

    http: str
    https: str


class Answering(asyncio.Protocol):
    """Answers every request of a connection; no request has a body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the head of the request is complete."""
        if not data.endswith(b"\r\n\r\n"):
            return

        if data.startswith(b"GET %b/" % CLOSING.encode()):
            self.transport.write(STATUS_LINE + b"connection: close\r\n" + ANSWER)
            self.transport.close()
        else:
            self.transport.write(STATUS_LINE + ANSWER)


async def serve(certificate: str) -> None:
    """Print the two URLs, then answer until stdin is closed.

    Args:
        certificate: A PEM file with the private key and the certificate of the server.
    """
    processes.pin(processes.SERVER_CORE)
    loop = asyncio.get_running_loop()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    plain_server = await loop.create_server(Answering, HOST, 0)
    tls_server = await loop.create_server(Answering, HOST, 0, ssl=tls)

    plain_port = plain_server.sockets[0].getsockname()[1]
    tls_port = tls_server.sockets[0].getsockname()[1]
    print(f"http://{HOST}:{plain_port}", f"https://{HOST}:{tls_port}", flush=True)

    over = asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    await over.wait()


@contextlib.contextmanager
def running() -> Iterator[Urls]:
    """Run the server in a process of its own, and yield its URLs.

    Processes that are started meanwhile trust its certificate.
    """
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "server.pem"
        bundle = Path(folder) / "bundle.pem"
        issue(certificate, bundle)
        os.environ["SSL_CERT_FILE"] = str(bundle)

        with processes.started(
            *("-m", "benchmarks.server", str(certificate)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            yield Urls(*process.stdout.readline().split())


def issue(certificate: Path, bundle: Path) -> None:
    """Write the server's certificate, and a CA bundle that vouches for it.

    What costs time on a new TLS connection is loading some 140 certificates of the
    system. A bundle with the server's CA alone would hide that, so it has them all.
    """
    authority = trustme.CA()
    issued = authority.issue_cert(HOST)
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))

    system = ssl.create_default_context().get_ca_certs(binary_form=True)
    texts = map(ssl.DER_cert_to_PEM_cert, system)
    bundle.write_text("".join(texts) + authority.cert_pem.bytes().decode())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
