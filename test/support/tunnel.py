"""A CONNECT proxy that brings every tunnel to one server, wherever it was to lead."""

import contextlib
from collections.abc import Iterator

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from support.proxy import serving


async def pump(source: SocketStream, target: SocketStream) -> None:
    """Send on what comes, until it ends or the target has left."""
    with contextlib.suppress(anyio.BrokenResourceError):
        async for data in source:
            await target.send(data)
        await target.send_eof()


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy; give its URL, and the `host:port` of every tunnel."""
    targets = []

    async def carry(near: SocketStream) -> None:
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

    with serving(carry) as own_port:
        yield f"http://127.0.0.1:{own_port}", targets
