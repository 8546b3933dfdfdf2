"""One request in; one response or one of our errors out. The loop over attempts is here, and only here."""

import functools
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from at_client import __version__, retries
from at_client.api_response import Request, RESTResponse, redact_response
from at_client.checks import check_timeout
from at_client.configuration import Configuration
from at_client.connections import Clock
from at_client.exceptions import ApiException, ApiValueError, OpenApiException
from at_client.failures import PROXY_AUTHENTICATION, Failure, explain, refuse_by_proxy
from at_client.headers import (
    HeaderValue,
    check_headers,
    pick_secrets,
    pop_header,
    reveal,
    reveal_all,
    seal,
)
from at_client.pools import PoolManager, Route
from at_client.serialization import check_method, list_items, write_body

__all__ = ["ApiException", "RESTClientObject", "RESTResponse", "RESTResponseType"]

USER_AGENT = f"at-client/{__version__}"
"""How the client identifies itself (RFC 9110 section 10.1.5)."""

RESTResponseType = urllib3.BaseHTTPResponse
"""What the `_without_preload_content` form of an operation returns."""

_ONE_ATTEMPT = urllib3.Retry(total=False)

logger = logging.getLogger("at_client")


class RESTClientObject:
    """Sends requests. Safe to share between threads; reconnects after a fork; keeps no responses."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._pools = PoolManager(configuration)
        self.pool_manager: Any = self._pools
        """Where requests go. One that is assigned takes over; its connections then keep their own time."""
        self._service_down = False
        """Whether the last call was lost in spite of its retries."""
        self._pid = os.getpid()
        self._inherited: list[PoolManager] = []

    def close(self) -> None:
        """Close every idle connection; a later request opens new ones."""
        self._service_down = False
        self._pools.clear()
        self.pool_manager.clear()

    def clock(self, timeout: float | tuple[float, float] | Clock | None) -> Clock:
        """Start the clock of one call, or return one that runs already; `None` is for `Configuration.timeout`."""
        if isinstance(timeout, Clock):
            return timeout
        return Clock(
            self.configuration.timeout
            if timeout is None
            else check_timeout("_request_timeout", timeout)
        )

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | tuple[float, float] | Clock | None = None,
        *,
        _preload_content: bool = True,
    ) -> RESTResponse:
        """Send a request until it is answered, within the deadline and the retries of the configuration.

        Args:
            method: The HTTP method.
            url: The absolute URL.
            headers: All headers.
            body: What to send, written as the `Content-Type` header says, JSON by default; bytes are sent as they are.
            post_params: The fields of a form, instead of a body.
            _request_timeout: As `Configuration.timeout`, which `None` stands for; or a clock that runs already.
            _preload_content: Whether to read the body; if not, the deadline still applies while it is read later.

        Returns:
            The response, whatever its status.

        Raises:
            ApiException: No attempt brought a complete response, its body is unreadable or too large, or a redirect
                was not followed.
            ApiTypeError, ApiValueError: An argument or a file of the configuration is not usable, or credentials
                would be sent unencrypted.
        """
        clock = self.clock(_request_timeout)
        request = make_request(
            check_method(method), url, check_headers(headers or {}), body, post_params
        )
        policy: urllib3.Retry | None = None
        attempts, redirects, reconnected = 1, 0, False
        while True:
            outcome = self._attempt(request, clock, attempts, _preload_content)
            if isinstance(outcome, RESTResponse) and 200 <= outcome.status <= 299:
                break
            policy = policy or self._choose_policy()
            if isinstance(outcome, RESTResponse):
                if outcome.status in retries.REDIRECT_STATUSES:
                    request = request._replace(
                        url=follow_redirect(request, outcome, redirects)
                    )
                    redirects += 1
                    continue
                retry_after = retries.parse_retry_after(
                    outcome.getheader("Retry-After"), time.time()
                )
                step = retries.next_attempt(
                    policy, request.method, outcome.response, retry_after
                )
            elif (
                outcome.stale
                and not reconnected
                and request.method in retries.IDEMPOTENT_METHODS
            ):
                reconnected = True  # the one silent reconnect
                continue
            else:
                cause: Any = outcome.error.__cause__
                step = (
                    retries.next_attempt(policy, request.method, cause)
                    if outcome.lost
                    else None
                )
            if step is None or step[1] > clock.deadline - time.monotonic():
                break
            if isinstance(outcome, RESTResponse):
                outcome.close()
            policy, wait = step
            attempts += 1
            time.sleep(wait)
        if isinstance(outcome, Failure):
            self._service_down = outcome.lost
            raise outcome.error
        self._service_down = outcome.status in retries.RETRY_STATUSES
        return outcome

    def _choose_policy(self) -> urllib3.Retry:
        """Return the user's own policy, or ours, which makes one attempt while the service seems to be down."""
        chosen = self.configuration.retries
        return (
            retries.Backoff(0 if self._service_down else chosen)
            if isinstance(chosen, int)
            else chosen
        )

    def _attempt(
        self, request: Request, clock: Clock, attempts: int, preload: bool
    ) -> RESTResponse | Failure:
        """Send the request once."""
        started, method, url = time.monotonic(), request.method, request.url
        route = self._route(url)
        if route.exposed and request.secrets:
            self.check_secure(url)
        options: dict[str, Any] = {
            "timeout": clock,
            "retries": _ONE_ATTEMPT,
            "preload_content": False,
        }
        response: Any = None
        end: object = None
        # The short way, unless our pool manager was replaced or mocked.
        ours = self.pool_manager is self._pools and not self._pools.is_patched()
        send = (
            route.urlopen
            if ours
            else functools.partial(self.pool_manager.request, redirect=False)
        )
        try:
            response = send(
                method,
                url,
                body=reveal(request.body),
                headers=reveal_all(request.headers),
                **options,
            )
            status = end = response.status
            if status == PROXY_AUTHENTICATION and route.absolute:
                return refuse_by_proxy(route.peer, PROXY_AUTHENTICATION)
            if route.peer.secrets:
                request = request._replace(secrets=request.secrets + route.peer.secrets)
            answer = RESTResponse(
                response, request, self.configuration.max_response_bytes
            )
            if preload:
                answer.read()
            else:
                answer.explain = lambda error: (
                    explain(
                        error, route.peer, time.monotonic() - clock.start_connect()
                    ).error
                )
            response = None
            return answer
        except BaseException as error:  # noqa: BLE001  # the table has a place for every one
            end = type(error).__name__
            if isinstance(error, OpenApiException) or not isinstance(
                error, Exception
            ):  # Ctrl-C
                raise error.with_traceback(None) from error.__cause__
            failure = explain(
                error, route.peer, time.monotonic() - clock.start_connect(), attempts
            )
            end = type(failure.error).__name__
            if failure.lost:
                self._pools.forget(route.origin)
            return failure
        finally:
            if response is not None:  # the connection is in the middle of something
                response.close()
            if self.configuration.debug or logger.isEnabledFor(logging.DEBUG):
                self._log(request, end, started)

    def check_secure(self, url: str) -> None:
        """Refuse to send credentials as plain http to another machine, unless the configuration allows it."""
        exposed = self._route(url).exposed
        if exposed and not self.configuration.allow_insecure_http:
            reason = f"credentials would be sent unencrypted to {exposed}"
            raise ApiValueError(
                f"host: {reason}; use https, or allow_insecure_http=True if the network is safe"
            )

    def _route(self, url: str) -> Route:
        """Return the route for a URL, in the current process."""
        if self._pid != os.getpid():
            # Keep what a child inherits: its finalizers could take a lock that was held during the fork.
            self._inherited.append(self._pools)
            self._pools.abandon()
            fresh = PoolManager(self.configuration)
            self.pool_manager = (
                fresh if self.pool_manager is self._pools else self.pool_manager
            )
            self._pools, self._pid = fresh, os.getpid()
        return self._pools.route_for(url)

    def _log(self, request: Request, end: object, started: float) -> None:
        """Write one line about an attempt: method, path, status or error, milliseconds."""
        spent = (time.monotonic() - started) * 1000.0
        line = (
            f"{request.method} {urlsplit(request.url).path or '/'} {end} {spent:.1f} ms"
        )
        logger.debug("%s", line)
        if self.configuration.debug:
            sys.stderr.write(f"at_client: {line}\n")


def make_request(
    method: str, url: str, headers: dict[str, HeaderValue], body: Any, post_params: Any
) -> Request:
    """Write the body as the `Content-Type` header says, and pick out what is secret."""
    secrets = pick_secrets(headers.values())
    if body is not None or post_params:
        content_type = reveal(pop_header(headers, "Content-Type"))
        body, headers["Content-Type"] = write_body(body, post_params, content_type)
        hidden = pick_secrets(
            value for _, value in list_items("post_params", post_params)
        )
        body = seal(body) if hidden else body
        secrets += hidden
    return Request(method, url, headers, body, secrets)


def follow_redirect(request: Request, response: RESTResponse, redirects: int) -> str:
    """Return the URL that a redirect leads to, after `redirects` others, or raise the error for it."""
    response.close()
    target, fault = retries.resolve_redirect(
        request.method, request.url, response.getheader("Location"), redirects
    )
    if fault:
        shown = redact_response(response)
        advice = "Check Configuration.host (AT_CLIENT_HOST)."
        raise ApiException(
            http_resp=shown,
            message=f"{shown.status} from {shown.source}: {fault}. {advice}",
        )
    return target
