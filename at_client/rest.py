"""One request in; one response or one of our errors out."""

import copy
import os
import re
from collections.abc import Mapping
from typing import Any

import urllib3

from at_client.api_response import RESTResponse, SentRequest
from at_client.checks import check_url
from at_client.clock import Clock, ReadLater
from at_client.configuration import Configuration
from at_client.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    drop_frames,
)
from at_client.exchange import Exchange, Health, Route
from at_client.failures import Peer
from at_client.headers import check_headers, find_credentials, pop_header
from at_client.pools import Transport
from at_client.proxies import Proxy, choose_proxy, find_exposed_host
from at_client.redirects import PORTS
from at_client.serialization import check_method, write_body
from at_client.tls import ClientTLS
from at_client.version import __version__

__all__ = ["ApiException", "RESTClientObject", "RESTResponse", "RESTResponseType"]

USER_AGENT = f"at-client/{__version__}"
"""How the client identifies itself (RFC 9110 section 10.1.5)."""

RESTResponseType = urllib3.BaseHTTPResponse
"""What the `_without_preload_content` form of an operation returns."""

_ORIGIN = re.compile(r"(?i)https?://[^/?#]+")
"""Scheme, host and port of a URL, as they are written."""


class RESTClientObject:
    """Sends requests. Safe to share between threads; reconnects after a fork.

    Args:
        configuration: The settings.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.pool_manager: Any = None
        """urllib3's manager, which sends the requests. One that is assigned takes over,
        and its connections keep their own time."""

        self._own_manager: Any = None
        self._inherited: list[Any] = []
        self._health = Health()
        self._open()

    def _open(self) -> None:
        """Read the settings of connections: first, in a child, and after `close()`."""
        self._opened_by: int | None = os.getpid()
        self._settings = copy.copy(self.configuration)
        self._tls = ClientTLS(self._settings)
        self._transports: dict[Proxy | None, Transport] = {}
        self._routes: dict[str, Route] = {}

        manager = self._route_to(self._settings.host).transport.manager
        if self.pool_manager is self._own_manager:
            self.pool_manager = manager
        self._own_manager = manager

    def _reopen(self) -> None:
        """Open connections anew, after `close()` or in a child process."""
        if self._opened_by is not None:
            # Keep what a child inherits: its finalizers could take a lock that was held
            # during the fork.
            for transport in self._transports.values():
                transport.abandon()
            self._inherited.append(self._transports)
        self._open()

    def close(self) -> None:
        """Close every idle connection; a later request opens new ones."""
        for transport in self._transports.values():
            transport.close()
        if hasattr(self.pool_manager, "clear"):  # a user's own may lack it
            self.pool_manager.clear()

        self._opened_by = None
        self._health.is_down = False

    @drop_frames
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | Clock | ReadLater | None = None,
    ) -> RESTResponse:
        """Send a request until it is answered, within the deadline and the retries.

        Args:
            method: The HTTP method.
            url: The absolute URL.
            headers: All headers.
            body: What to send, written as the `Content-Type` header says, JSON by
                default; bytes are sent as they are.
            post_params: The fields of a form, instead of a body.
            _request_timeout: As `Configuration.timeout`, which `None` stands for; or a
                clock that runs already.

        Returns:
            The response, whatever its status, with its body.

        Raises:
            ApiException: No attempt brought a complete response, its body is unreadable
                or too large, or a redirect was not followed.
            ApiTypeError, ApiValueError: An argument or a file of the configuration is
                not usable, or credentials would be sent unencrypted.
        """
        clock = Clock.start(_request_timeout, self.configuration.timeout)
        method = check_method(method)
        sent_headers = check_headers(headers) if headers else {}
        data = None
        if body is not None or post_params:
            content_type = pop_header(sent_headers, "Content-Type")
            written = write_body(body, post_params, content_type)
            data = written.data
            sent_headers["Content-Type"] = written.content_type

        if self._opened_by != os.getpid():
            self._reopen()
        route = self._route_to(url)
        if route.exposed_host and find_credentials(sent_headers):
            self._refuse_exposure(route.exposed_host)

        manager = self.pool_manager
        if manager is self._own_manager:
            manager = route.transport.manager
        request = SentRequest(method, url, sent_headers)
        exchange = Exchange(
            request, data, route, manager, clock, self.configuration, self._health
        )
        return exchange.open()

    def check_secure(self, url: str) -> None:
        """Refuse to send credentials to a URL where another machine could read them.

        Raises:
            ApiValueError: It could, and `Configuration.allow_insecure_http` is off.
        """
        exposed_host = self._route_to(url).exposed_host
        if exposed_host:
            self._refuse_exposure(exposed_host)

    def _refuse_exposure(self, host: str) -> None:
        if not self.configuration.allow_insecure_http:
            raise ApiValueError(
                f"host: credentials would be sent unencrypted to {host}; use https, or "
                "allow_insecure_http=True if the network is safe"
            )

    def _route_to(self, url: str) -> Route:
        """Return how requests to a URL go."""
        if not isinstance(url, str):
            raise ApiTypeError(f"url must be a str, not {type(url).__name__}")
        origin = _ORIGIN.match(url)
        if origin is None:
            raise ApiValueError("url must be an absolute http or https URL")

        route = self._routes.get(origin[0])
        if route is None:
            route = self._routes.setdefault(origin[0], self._make_route(origin[0]))
        return route

    def _make_route(self, origin: str) -> Route:
        parts = check_url("url", origin, ("https", "http"))
        host = parts.hostname or ""
        port = parts.port or PORTS[parts.scheme]
        proxy = choose_proxy(
            parts.scheme,
            host,
            port,
            self._settings.proxy,
            self._settings.no_proxy,
        )
        transport = self._transports.get(proxy)
        if transport is None:
            made = Transport(self._settings, proxy, self._tls)
            transport = self._transports.setdefault(proxy, made)

        peer = Peer(f"{host}:{port}")
        is_forwarded = False
        if proxy is not None:
            secrets = proxy.find_secrets(self._settings.proxy_headers)
            peer = Peer(peer.address, proxy.url, secrets)
            is_forwarded = parts.scheme == "http" and not proxy.is_socks
        exposed_host = find_exposed_host(parts.scheme, host, proxy)
        return Route(transport, peer, exposed_host, is_forwarded)
