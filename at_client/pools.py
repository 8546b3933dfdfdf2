"""urllib3's pools and managers, with our connections in them."""

import contextlib
import importlib.util
import queue
import ssl
import weakref
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from at_client.configuration import Configuration
from at_client.connections import TimedHTTPConnection, TimedHTTPSConnection
from at_client.exceptions import ApiValueError
from at_client.proxies import Proxy
from at_client.tls import ClientTLS


class TimedHTTPConnectionPool(urllib3.HTTPConnectionPool):
    """A pool of plain connections with a deadline."""

    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802
        """Ours, or that of a recorder such as vcrpy while it replaces urllib3's."""
        current: Any = urllib3.HTTPConnectionPool.ConnectionCls
        return TimedHTTPConnection if current is HTTPConnection else current


class TimedHTTPSConnectionPool(urllib3.HTTPSConnectionPool):
    """A pool of TLS connections with a deadline."""

    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]  # noqa: N802
        """Ours, or that of a recorder such as vcrpy while it replaces urllib3's."""
        current: Any = urllib3.HTTPSConnectionPool.ConnectionCls
        return TimedHTTPSConnection if current is HTTPSConnection else current


class PoolMaker:
    """Makes the pools of one manager for one scheme, and remembers them.

    urllib3 calls it in the place of a pool class.

    Args:
        pool_class: The class of the pools.
        tls: The TLS settings of the client; `None` for plain http.
    """

    def __init__(self, pool_class: Any, tls: ClientTLS | None = None) -> None:
        self._pool_class = pool_class
        self._tls = tls
        self._made: list[weakref.ref[urllib3.HTTPConnectionPool]] = []

    def __call__(
        self, host: str, port: int | None = None, **options: Any
    ) -> urllib3.HTTPConnectionPool:
        """Make a pool."""
        if self._tls is not None:
            options = self._tls.add_options(options)
        pool: urllib3.HTTPConnectionPool = self._pool_class(host, port, **options)
        self._made = [*map(weakref.ref, self.pools), weakref.ref(pool)]
        return pool

    @property
    def pools(self) -> list[urllib3.HTTPConnectionPool]:
        """The pools that are still in use."""
        pools = [reference() for reference in self._made]
        return [pool for pool in pools if pool is not None]


class Transport:
    """urllib3's manager for one proxy, or for none.

    Args:
        configuration: The settings.
        proxy: The proxy; `None` for none.
        tls: The TLS settings of the client.
    """

    def __init__(
        self, configuration: Configuration, proxy: Proxy | None, tls: ClientTLS
    ) -> None:
        self.manager: urllib3.PoolManager
        """urllib3's `PoolManager`, `ProxyManager` or `SOCKSProxyManager`."""

        options = read_pool_options(configuration)
        http_pool: Any = TimedHTTPConnectionPool
        https_pool: Any = TimedHTTPSConnectionPool
        if proxy is None:
            self.manager = urllib3.PoolManager(**options)
        elif proxy.is_socks:
            _require_socks()
            from urllib3.contrib.socks import SOCKSProxyManager

            from at_client import socks

            self.manager = SOCKSProxyManager(
                proxy.url, proxy.user, proxy.password, **options
            )
            http_pool = socks.TimedSOCKSHTTPConnectionPool
            https_pool = socks.TimedSOCKSHTTPSConnectionPool
        else:
            is_secure = proxy.url.startswith("https")
            self.manager = urllib3.ProxyManager(
                proxy.url,
                proxy_headers=proxy.make_headers(configuration.proxy_headers),
                proxy_ssl_context=tls.get_context() if is_secure else None,
                **options,
            )

        self._makers = {
            "http": PoolMaker(http_pool),
            "https": PoolMaker(https_pool, tls),
        }
        # urllib3 only calls what is here.
        self.manager.pool_classes_by_scheme = self._makers  # type: ignore[assignment]
        # What tells pools apart is the text of their options; urllib3's own way takes
        # 4 % of a call.
        keys: Any = {"http": repr, "https": repr}
        self.manager.key_fn_by_scheme = keys

    @property
    def _pools(self) -> list[urllib3.HTTPConnectionPool]:
        return [pool for maker in self._makers.values() for pool in maker.pools]

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their call ends."""
        for pool in self._pools:
            pool.close()
        self.manager.clear()

    def abandon(self) -> None:
        """Close a child's copies of the idle connections that it has inherited.

        To close a socket does not end its TLS session, which the parent still uses. No
        lock is taken, as another thread of the parent may have held it during the fork.
        """
        for pool in self._pools:
            for connection in pool.pool.queue if pool.pool else ():
                if connection is not None and connection.sock is not None:
                    connection.sock.close()


def close_idle(pool: Any) -> None:
    """Close the idle connections of a pool; the next request opens a new one.

    After a lost connection, the others of its age are likely to be dead, too: a load
    balancer has forgotten them, or the service has restarted.
    """
    idle: queue.LifoQueue[Any] | None = pool.pool
    if idle is None:  # the pool is closed
        return

    with contextlib.suppress(queue.Empty, queue.Full):
        for _ in range(idle.maxsize):
            connection = idle.get(block=False)
            if connection is not None:
                connection.close()
            idle.put(None, block=False)


def read_pool_options(configuration: Configuration) -> dict[str, Any]:
    """Return the options for a manager that urllib3 has of its own."""
    context = configuration.ssl_context
    if context is not None:
        verify = context.verify_mode
    elif configuration.verify_ssl:
        verify = ssl.CERT_REQUIRED
    else:
        verify = ssl.CERT_NONE

    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "cert_reqs": int(verify),
    }
    if configuration.socket_options is not None:
        options["socket_options"] = configuration.socket_options
    return options


def _require_socks() -> None:
    if importlib.util.find_spec("socks") is None:
        raise ApiValueError(
            "proxy: a socks proxy needs PySocks; pip install 'at-client[socks]'"
        )
