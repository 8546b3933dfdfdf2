"""A CONNECT proxy that brings every tunnel to one server, wherever it was to lead."""

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Iterator


class _Tunnel(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self.server.targets.append(self.rfile.readline().decode().split()[1])
        while self.rfile.readline() != b"\r\n":
            pass
        with socket.create_connection(self.server.leads_to) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = {self.connection: far, far: self.connection}
            while True:
                for near in select.select(list(other), [], [])[0]:
                    data = near.recv(65536)
                    if not data:
                        return
                    other[near].sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, leads_to: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.leads_to = leads_to
        self.targets: list[str] = []


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy on a thread; give its URL, and the `host:port` of every tunnel."""
    with _Server(("127.0.0.1", port)) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="tunnel"
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.targets
        finally:
            server.shutdown()
            thread.join()
