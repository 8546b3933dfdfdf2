"""The server that every contender calls: a process on a core of its own that has one answer to everything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

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

ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"date: Sun, 22 Nov 2026 14:00:00 GMT\r\n"
    b"server: uvicorn\r\n"
    b"content-length: %d\r\n"
    b"content-type: application/json\r\n"
    b"\r\n%b"
) % (len(BODY), BODY)
"""What FastAPI under uvicorn sends, byte for byte in kind."""


class Answering(asyncio.Protocol):
    """Answers every request of a keep-alive connection; none has a body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the head of the request is complete."""
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(ANSWER)


async def serve() -> None:
    """Print the port, then answer until nobody holds the other end of stdin."""
    processes.pin(processes.SERVER_CORE)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    over = asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run the server in a process of its own; gives its URL."""
    with processes.started(
        "-m", "benchmarks.server", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


if __name__ == "__main__":
    asyncio.run(serve())
