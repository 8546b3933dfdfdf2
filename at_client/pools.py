"""From an origin to urllib3's pool of connections: TLS, proxies, and our connection classes."""

import base64
import contextlib
import functools
import importlib.util
import ipaddress
import os
import re
import ssl
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from at_client.checks import check_proxy, check_url, is_loopback
from at_client.configuration import Configuration
from at_client.connections import DialingConnection, TimedConnection
from at_client.exceptions import ApiTypeError, ApiValueError
from at_client.failures import Peer
from at_client.headers import (
    HeaderValue,
    Secret,
    check_headers,
    pick_secrets,
    reveal_all,
    seal,
)
from at_client.retries import PORTS

_CLASS = urllib3.PoolManager
_METHODS = _CLASS.request, _CLASS.urlopen

_ORIGIN = re.compile(r"(?i)https?://[^/?#]+")
"""Scheme, host and port of a URL, as they are written."""


# To pyright, a property cannot take the place of the attribute `timeout`.
class TimedHTTPConnection(DialingConnection, HTTPConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A plain connection with a deadline."""


class TimedHTTPSConnection(DialingConnection, HTTPSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A TLS connection with a deadline."""


def _make_pool_class(base: Any, urllib3_class: Any, timed_class: Any) -> Any:
    """Derive a pool class with our connections; with a recorder's, while it has replaced those of urllib3."""
    choose = property(
        lambda _: (
            timed_class if base.ConnectionCls is urllib3_class else base.ConnectionCls
        )
    )
    return type(f"Timed{base.__name__}", (base,), {"ConnectionCls": choose})


POOL_CLASSES: dict[str, Any] = {
    "http": _make_pool_class(
        urllib3.HTTPConnectionPool, HTTPConnection, TimedHTTPConnection
    ),
    "https": _make_pool_class(
        urllib3.HTTPSConnectionPool, HTTPSConnection, TimedHTTPSConnection
    ),
}


class Route(NamedTuple):
    """How requests to one origin go."""

    origin: str
    """Scheme, host and port as a URL."""

    pool: urllib3.HTTPConnectionPool
    """The connections."""

    peer: Peer
    """The other side, for error messages."""

    exposed: str | None
    """The host that reads the request unencrypted; `None` if it is encrypted or stays on this machine."""

    absolute: bool
    """Whether a proxy forwards the request, and may answer it itself (RFC 9112 section 3.2.2)."""

    def urlopen(
        self, method: str, url: str, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; urllib3's way from a manager to a pool takes a tenth of a call."""
        target = url if self.absolute else url[len(self.origin) :]
        if target[:1] in ("", "?", "#"):
            target = f"/{target}"
        return self.pool.urlopen(
            method, target, redirect=False, assert_same_host=False, **options
        )


class PoolManager(urllib3.PoolManager):
    """urllib3's manager of pools, with the TLS settings and the proxies of a configuration.

    These settings are read when an origin is first asked for, and again after `clear()` or a lost connection.
    """

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(**read_pool_options(configuration))
        self.pool_classes_by_scheme = POOL_CLASSES
        self._configuration = configuration
        self._routes: dict[str, Route] = {}

    def urlopen(
        self, method: str, url: str, redirect: bool = True, **options: Any
    ) -> Any:  # type: ignore[override]  # urllib3 is narrower
        """Send a request to any URL: ours without redirects, somebody else's as urllib3 has it."""
        if redirect or _CLASS.urlopen is not _METHODS[1]:
            return super().urlopen(method, url, **options)
        return self.route_for(url).urlopen(method, url, **options)

    def is_patched(self) -> bool:
        """Return whether a test has put something in the place of urllib3's methods."""
        mine = self.__dict__
        return (
            "request" in mine
            or "urlopen" in mine
            or (_CLASS.request, _CLASS.urlopen) != _METHODS
        )

    def route_for(self, url: str) -> Route:
        """Return the route for an absolute `http` or `https` URL."""
        if not isinstance(url, str):
            raise ApiTypeError(f"url must be a str, not {type(url).__name__}")
        origin = _ORIGIN.match(url)
        if origin is None:
            raise ApiValueError("url must be an absolute http or https URL")
        route = self._routes.get(origin[0])
        return route or self._routes.setdefault(origin[0], self._open_route(origin[0]))

    def forget(self, origin: str) -> None:
        """Let the next request to an origin connect anew, instead of taking another idle connection of the same age.

        The pool is not closed, because other threads may be using it; its idle connections are closed with it when
        the last of them is done.
        """
        self._routes.pop(origin, None)
        self.pools.clear()

    def clear(self) -> None:
        """Close every idle connection; those in use are closed when their response ends."""
        routes, self._routes = self._routes, {}
        for route in routes.values():
            route.pool.close()
        super().clear()
        self.connection_pool_kw.update(read_pool_options(self._configuration))

    def abandon(self) -> None:
        """Close the idle connections that a child process has inherited, quietly and without taking a lock."""
        for route in self._routes.values():
            for connection in route.pool.pool.queue if route.pool.pool else ():
                if connection is not None and connection.sock is not None:
                    os.close(connection.sock.detach())

    def connection_from_host(
        self, host: Any, port: Any = None, scheme: Any = "http", pool_kwargs: Any = None
    ) -> Any:
        """Return the pool for a host, with the TLS settings of the configuration."""
        if scheme == "https":
            pool_kwargs = {
                **self._tls,
                **self.connection_pool_kw,
                **(pool_kwargs or {}),
            }
        return super().connection_from_host(host, port, scheme, pool_kwargs)

    def _open_route(self, origin: str) -> Route:
        parts = check_url("url", origin, ("https", "http"))
        host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
        exposed = None if parts.scheme == "https" or is_loopback(host) else host
        literal = f"[{host}]" if ":" in host else host
        self.__dict__.pop("_tls", None)  # settings may have changed
        proxy = choose_proxy(parts.scheme, host, port, self._configuration)
        if not proxy:
            pool = self.connection_from_host(literal, port, parts.scheme)
            return Route(origin, pool, Peer(f"{host}:{port}"), exposed, absolute=False)
        given = urlsplit(proxy)
        user, password = (
            value and unquote(value) for value in (given.username, given.password)
        )
        bare = f"{given.scheme}://{given.netloc.rpartition('@')[2]}"
        options = self._tls if parts.scheme == "https" else {}
        headers: dict[str, HeaderValue] = {}
        if bare.startswith("socks"):
            manager: Any = _open_socks_manager(bare, user, password)
        else:
            headers = check_headers(self._configuration.proxy_headers or {})
            if user is not None:
                pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
                headers["Proxy-Authorization"] = Secret(f"Basic {pair}")  # RFC 7617
            tls = self._tls["ssl_context"] if bare.startswith("https") else None
            options = {"ssl_context": tls, **options} if tls else options
            manager = urllib3.ProxyManager(
                bare, proxy_headers=reveal_all(headers), proxy_ssl_context=tls
            )
            manager.pool_classes_by_scheme = POOL_CLASSES
        pool = manager.connection_from_host(
            literal, port, parts.scheme, {**self.connection_pool_kw, **options}
        )
        secrets = pick_secrets((*headers.values(), seal(password)))
        absolute = parts.scheme == "http" and not bare.startswith("socks")
        return Route(
            origin, pool, Peer(f"{host}:{port}", bare, secrets), exposed, absolute
        )

    @functools.cached_property
    def _tls(self) -> dict[str, Any]:
        wanted = self._configuration
        names = {
            "assert_hostname": wanted.assert_hostname,
            "server_hostname": wanted.tls_server_name,
        }
        given = {name: value for name, value in names.items() if value is not None}
        return {"ssl_context": open_tls_context(wanted), **given}


def read_pool_options(configuration: Configuration) -> dict[str, Any]:
    """Return what urllib3 has settings of its own for."""
    context = configuration.ssl_context
    verify = (
        context.verify_mode
        if context
        else ssl.CERT_REQUIRED
        if configuration.verify_ssl
        else ssl.CERT_NONE
    )
    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "cert_reqs": verify,
    }
    if configuration.socket_options is not None:
        options["socket_options"] = configuration.socket_options
    return options


def _open_socks_manager(
    url: str, user: str | None, password: str | None
) -> urllib3.PoolManager:
    """Make a manager for a SOCKS proxy, whose connections keep a deadline but connect in their own way."""
    if importlib.util.find_spec("socks") is None:
        raise ApiValueError(
            "proxy: a socks proxy needs PySocks; pip install 'at-client[socks]'"
        )
    from urllib3.contrib.socks import SOCKSProxyManager

    manager: Any = SOCKSProxyManager(url, username=user, password=password)
    classes = manager.pool_classes_by_scheme
    for scheme, pool in classes.items():
        timed = type("Timed", (TimedConnection, pool.ConnectionCls), {})
        classes = {
            **classes,
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": timed}),
        }
    manager.pool_classes_by_scheme = classes
    return manager  # type: ignore[no-any-return]  # urllib3 types the classes more narrowly than it uses them


def choose_proxy(
    scheme: str, host: str, port: int, configuration: Configuration
) -> str:
    """Return the URL of the proxy in front of a host: the configuration's, else the environment's; "" for none."""
    proxy, no_proxy = configuration.proxy, configuration.no_proxy
    if proxy is None and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return ""
    import urllib.request as rules  # takes 10 ms

    bypass: Any = vars(rules)["proxy_bypass_environment"]  # typeshed leaves it out
    if proxy is None:
        proxies = rules.getproxies_environment()
        proxy = proxies.get(scheme) or proxies.get("all")
        no_proxy = proxies.get("no") if no_proxy is None else no_proxy
        if proxy:
            proxy = check_proxy(f"{scheme}_proxy in the environment", proxy)
    bypassed = no_proxy and bypass(f"{host}:{port}", {"no": no_proxy})
    return "" if bypassed or is_in_network(host, no_proxy or "") else proxy or ""


def is_in_network(host: str, no_proxy: str) -> bool:
    """Return whether a host is an address in one of the networks of a list, such as `10.0.0.0/8`."""
    for entry in no_proxy.split(","):
        with contextlib.suppress(ValueError):
            if "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(
                entry.strip(), strict=False
            ):
                return True
    return False


def open_tls_context(wanted: Configuration) -> ssl.SSLContext:
    """Make the TLS context that all connections of a client share, or return the user's own.

    Without CA settings OpenSSL's defaults are trusted, `SSL_CERT_FILE` and `SSL_CERT_DIR` included.
    """
    ca_file, ca_data, cert_file, key_file = (
        wanted.ssl_ca_cert,
        wanted.ca_cert_data,
        wanted.cert_file,
        wanted.key_file,
    )
    if wanted.ssl_context is not None:
        if not wanted.verify_ssl or any(
            value is not None for value in (ca_file, ca_data, cert_file, key_file)
        ):
            raise ApiValueError(
                "ssl_context replaces verify_ssl, ssl_ca_cert, ca_cert_data, cert_file and key_file"
            )
        return wanted.ssl_context
    if key_file is not None and cert_file is None:
        raise ApiValueError(
            "key_file needs cert_file, the certificate that the key belongs to"
        )
    fault = f"{'ca_cert_data' if ca_file is None else f'ssl_ca_cert {ca_file!r}'} holds no usable CA certificate"
    try:
        context = create_urllib3_context()
        if ca_file is None and ca_data is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file, None, ca_data)
        fault = "cert_file and key_file hold no certificate with its unencrypted private key"
        if cert_file is not None:
            # An empty password instead of OpenSSL's prompt on the terminal, at which a cron job would hang.
            context.load_cert_chain(cert_file, key_file, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ApiValueError(f"{fault}: {error}") from error
    if not wanted.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
