"""Runs an application under a real uvicorn on a thread."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from support.tls import CertificateFiles


class _Server(uvicorn.Server):
    """Stops at once, without waiting for clients to end their TLS connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


@contextlib.contextmanager
def serving(
    app: Any, tls: CertificateFiles | None = None, client_ca: str | None = None
) -> Iterator[int]:
    """Serve an application on a free loopback port, and give the port.

    Args:
        app: An ASGI application.
        tls: The certificate to show; `None` for plain HTTP.
        client_ca: Ask clients for a certificate of it; `None` asks for none.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=client_ca,
        ssl_cert_reqs=ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE,
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=options, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "uvicorn did not start"
                time.sleep(0.005)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "uvicorn did not stop"
