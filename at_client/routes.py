"""From the configuration to a pool of connections: directly or through a proxy."""

from __future__ import annotations

import base64
import functools
import importlib.util
import os
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import urllib3

from at_client.connections import use_timed_connections
from at_client.exceptions import ApiValueError
from at_client.failures import Peer
from at_client.fields import Headers
from at_client.locks import ProcessLock
from at_client.proxies import environment_no_proxy, environment_proxy, needs_no_proxy
from at_client.redirects import PORTS
from at_client.sealed import Secret, conceal
from at_client.settings import check_url
from at_client.settings import proxy as check_proxy
from at_client.tls import tls_context

if TYPE_CHECKING:
    from at_client.configuration import Configuration

TRANSPORT_SETTINGS = (
    "verify_ssl",
    "ssl_ca_cert",
    "ca_cert_data",
    "cert_file",
    "key_file",
    "ssl_context",
    "assert_hostname",
    "tls_server_name",
    "connection_pool_maxsize",
    "proxy",
    "no_proxy",
    "proxy_headers",
    "socket_options",
)
"""Settings that connections are made by; when one changes, new connections are made."""


class Route:
    """The way to one origin.

    Args:
        pool: The connections.
        absolute: Whether the request line carries the whole URL, for a forwarding proxy (RFC 9112 section 3.2.2).
        peer: Whom to name in an error.
    """

    def __init__(self, pool: urllib3.HTTPConnectionPool, absolute: bool, peer: Peer) -> None:
        self.pool = pool
        self.absolute = absolute
        self.peer = peer


class Routes:
    """The ways to the origins that a client talks to, as its configuration was at one moment, in one process.

    Args:
        configuration: The settings.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.revision = configuration.revision
        self.pid = os.getpid()
        self.settings = transport_settings(configuration)
        self._routes: dict[str, Route] = {}
        self._lock = ProcessLock()

    def to(self, origin: str) -> Route:
        """Return the way to an origin, opened on first use.

        Args:
            origin: Scheme, host and port as a URL.

        Raises:
            ApiValueError: The origin or a file of the configuration is not usable.
        """
        route = self._routes.get(origin)
        if route is None:
            with self._lock:
                route = self._routes.get(origin) or self._routes.setdefault(
                    origin, open_route(origin, self.settings)
                )
        return route

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their response ends."""
        for route in list(self._routes.values()):
            route.pool.close()


def transport_settings(configuration: Configuration) -> dict[str, Any]:
    """Take the settings that connections are made by, sealed ones sealed."""
    kept = type(configuration)
    return {name: getattr(kept, name).kept(configuration) for name in TRANSPORT_SETTINGS}


def open_route(origin: str, chosen: dict[str, Any]) -> Route:
    """Prepare the pool for an origin; nothing is connected yet.

    Args:
        origin: Scheme, host and port as a URL.
        chosen: What `transport_settings` took.
    """
    parts = check_url("url", Secret(origin), ("https", "http"))
    host = str(parts.hostname)
    port = parts.port or PORTS[parts.scheme]
    proxy = choose_proxy(parts.scheme, host, port, chosen)
    options: dict[str, Any] = {
        "maxsize": chosen["connection_pool_maxsize"],
        "timeout": None,
        "socket_options": chosen["socket_options"],
    }
    if "https" in (parts.scheme, proxy and _scheme(proxy)):
        options["ssl_context"] = tls_context(chosen)
    if parts.scheme == "https":
        options["assert_hostname"] = chosen["assert_hostname"]
        options["server_hostname"] = chosen["tls_server_name"]
    # urllib3 takes None for a value in most of these.
    options = {
        name: value for name, value in options.items() if value is not None or name == "timeout"
    }
    manager = _proxy_manager(proxy, chosen, options) if proxy else urllib3.PoolManager(**options)
    socks = proxy is not None and _scheme(proxy).startswith("socks")
    use_timed_connections(manager, dial=not socks)
    pool = manager.connection_from_host(f"[{host}]" if ":" in host else host, port, parts.scheme)
    address = f"{host}:{port}"
    peer = Peer(address)
    if proxy:
        sent = [*pool.proxy_headers.values(), _credentials(proxy)[1]]
        secrets = tuple(value for value in sent if isinstance(value, Secret))
        peer = Peer(address, _without_password(proxy), secrets)
    absolute = proxy is not None and not socks and parts.scheme == "http"
    return Route(pool, absolute, peer)


def choose_proxy(scheme: str, host: str, port: int, chosen: dict[str, Any]) -> Secret | None:
    """Say which proxy stands before a host: the configuration's, else the environment's; `None` for none."""
    proxy, no_proxy = chosen["proxy"], chosen["no_proxy"]
    if proxy is None:
        proxy = check_proxy(
            f"{scheme}_proxy in the environment", conceal(environment_proxy(os.environ, scheme))
        )
        if no_proxy is None:
            no_proxy = environment_no_proxy(os.environ)
    return None if proxy is None or needs_no_proxy(host, port, no_proxy or "") else proxy


def _proxy_manager(
    proxy: Secret, chosen: dict[str, Any], options: dict[str, Any]
) -> urllib3.PoolManager:
    """Make the manager for a proxy; user name and password go into a header of its own (RFC 7617) or to SOCKS."""
    user, password = _credentials(proxy)
    if _scheme(proxy).startswith("socks"):
        if importlib.util.find_spec("socks") is None:
            raise ApiValueError(
                "proxy: a socks proxy needs PySocks; pip install 'at-client[socks]'"
            )
        from urllib3.contrib.socks import SOCKSProxyManager  # needs PySocks

        return SOCKSProxyManager(
            _without_password(proxy),
            username=user.reveal() if user else None,
            password=password.reveal() if password else None,
            **options,
        )
    headers = Headers(chosen["proxy_headers"])
    if user is not None:
        headers["Proxy-Authorization"] = _basic(user, password)
    if _scheme(proxy) == "https":
        options = {**options, "proxy_ssl_context": options["ssl_context"]}
    return urllib3.ProxyManager(
        _without_password(proxy), proxy_headers=cast("dict[str, str]", headers.to_dict()), **options
    )


def _scheme(url: Secret) -> str:
    return urlsplit(url.reveal()).scheme


def _without_password(url: Secret) -> str:
    """Write the URL of a proxy so that it may be shown."""
    parts = urlsplit(url.reveal())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _credentials(url: Secret) -> tuple[Secret | None, Secret | None]:
    """Take user name and password out of a URL."""
    parts = urlsplit(url.reveal())
    return (
        None if parts.username is None else Secret(unquote(parts.username)),
        None if parts.password is None else Secret(unquote(parts.password)),
    )


def _basic(user: Secret, password: Secret | None) -> Secret:
    """Write the value of a Basic authorization (RFC 7617)."""
    pair = f"{user.reveal()}:{password.reveal() if password else ''}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode()}")


@functools.lru_cache(maxsize=128)
def split_url(url: str) -> tuple[str, str]:
    """Split an absolute URL into its origin and the request target (RFC 9112 section 3.2.1).

    Raises:
        ApiValueError: It is no absolute `http` or `https` URL.

    Examples:
        >>> split_url("https://api.example.com/v1?page=2")
        ('https://api.example.com', '/v1?page=2')
    """
    scheme, _, rest = url.partition("#")[0].partition("://")
    authority = rest.replace("?", "/").partition("/")[0]
    if scheme.lower() not in PORTS or not authority:
        raise ApiValueError("url must be an absolute http or https URL")
    target = rest[len(authority) :]
    return f"{scheme}://{authority}", target if target.startswith("/") else f"/{target}"
