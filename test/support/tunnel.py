"""A CONNECT proxy that brings every tunnel to one server, wherever it was to lead."""

import contextlib
import ssl
from collections.abc import Iterator

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from support.proxy import accepting


async def pump(source: ByteStream, target: ByteStream) -> None:
    """Send on what comes, until either side has left."""
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await target.send(data)
        await target.aclose()


@contextlib.contextmanager
def tunnel(
    port: int, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy; give its URL, and the `host:port` of every tunnel.

    Args:
        port: The port of the server on 127.0.0.1.
        tls: The proxy's own side of TLS; `None` for plain HTTP.
    """
    targets = []

    async def carry(near: ByteStream) -> None:
        stream = BufferedByteReceiveStream(near)
        head = await stream.receive_until(b"\r\n\r\n", 4096)
        targets.append(head.decode().split()[1])
        await near.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async with (
            near,
            await anyio.connect_tcp("127.0.0.1", port) as far,
            anyio.create_task_group() as both_ways,
        ):
            both_ways.start_soon(pump, near, far)
            both_ways.start_soon(pump, far, near)

    scheme = "https" if tls else "http"
    with accepting(carry, tls) as own_port:
        yield f"{scheme}://127.0.0.1:{own_port}", targets
