"""A server that notes from which address each of its connections comes."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.facts import CREDITS_BODY


@dataclass
class Callers:
    """Where the server is, and the addresses that have called it, in order."""

    url: str
    addresses: list[str] = field(default_factory=list)


@contextlib.contextmanager
def noting_server() -> Iterator[Callers]:
    """Run the server on a free port of every loopback address, with good answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            callers.addresses.append(str(self.client_address[0]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(CREDITS_BODY)))
            self.end_headers()
            self.wfile.write(CREDITS_BODY)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        callers = Callers(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield callers
        finally:
            server.shutdown()
            thread.join(5)
