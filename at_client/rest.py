"""One request in; one response or one of our errors out. The loop over attempts is here, and only here."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from at_client.api_response import RESTResponse, redact_response
from at_client.checks import check_timeout
from at_client.configuration import Configuration
from at_client.connections import Clock
from at_client.exceptions import ApiException, ApiValueError, OpenApiException
from at_client.failures import PROXY_AUTHENTICATION, Failure, explain, refuse_by_proxy
from at_client.headers import HeaderValue, Secret, check_headers, pop_header, reveal, reveal_all
from at_client.pools import PoolManager, Route, split_origin
from at_client.retries import (
    IDEMPOTENT_METHODS,
    REDIRECT_STATUSES,
    RETRY_STATUSES,
    Backoff,
    next_attempt,
    parse_retry_after,
    resolve_redirect,
)
from at_client.serialization import check_method, write_body

__all__ = ["ApiException", "RESTClientObject", "RESTResponse", "RESTResponseType"]

RESTResponseType = urllib3.BaseHTTPResponse
"""What the `_without_preload_content` form of an operation returns."""

_ONE_ATTEMPT = urllib3.Retry(total=False)

logger = logging.getLogger("at_client")


class RESTClientObject:
    """Sends requests: safe to share between threads, starts anew after a fork, keeps no response.

    Args:
        configuration: The settings.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.pool_manager: urllib3.PoolManager = PoolManager(configuration)
        """Where requests go. One that is assigned takes over; its connections then keep their own time."""
        self._inherited: list[PoolManager] = []
        self._start()

    def _start(self) -> None:
        """Begin without connections: at first, after `close()`, and in a child process."""
        self._pid = os.getpid()
        self.renewing = threading.Lock()
        """Held by the thread that renews the access token."""
        self._service_down = False
        """Whether the last call was lost in spite of its retries."""

    def close(self) -> None:
        """Close every idle connection; a later request opens new ones."""
        self._start()
        self.pool_manager.clear()

    def clock(self, timeout: float | tuple[float, float] | Clock | None) -> Clock:
        """Start the clock of one call, or return one that runs already.

        Args:
            timeout: As `Configuration.timeout`, which `None` stands for.

        Raises:
            ApiTypeError, ApiValueError: The timeout is not usable.
        """
        if isinstance(timeout, Clock):
            return timeout
        return Clock(self.configuration.timeout if timeout is None else check_timeout("_request_timeout", timeout))

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
            method: The HTTP method, in capitals.
            url: The absolute URL.
            headers: All headers.
            body: What to send, written as the `Content-Type` header says, JSON by default; bytes are sent as they are.
            post_params: The fields of a form, instead of a body.
            _request_timeout: As `Configuration.timeout`, which `None` stands for; or a clock that runs already.
            _preload_content: Whether to read the body; if not, the deadline still applies while it is read later.

        Returns:
            The response, whatever its status.

        Raises:
            ApiConnectionException: No attempt brought a complete response.
            ApiDecodeException: The body is too large, or not encoded as its headers say.
            ApiException: A redirect leads out of the origin, nowhere, or in a circle.
            ApiTypeError, ApiValueError: An argument or a file of the configuration is not usable, or credentials
                would go out unencrypted.
        """
        method, clock = check_method(method), self.clock(_request_timeout)
        headers, body = encode_body(check_headers(headers or {}), body, post_params)
        retry: urllib3.Retry | None = None
        attempts, redirects, reconnected = 1, 0, False
        while True:
            outcome = self._attempt(method, url, headers, body, clock, attempts, _preload_content)
            if isinstance(outcome, RESTResponse):
                if 200 <= outcome.status <= 299:
                    break
                if (target := follow_redirect(method, url, outcome, redirects)) is not None:
                    outcome.close()
                    url, redirects = target, redirects + 1
                    continue
            elif outcome.stale and not reconnected and method in IDEMPOTENT_METHODS:
                reconnected = True  # the one silent reconnect
                continue
            retry = retry or self._choose_policy()
            step = decide(retry, method, outcome)
            if step is None or step[1] > clock.left:
                break
            if isinstance(outcome, RESTResponse):
                outcome.close()
            retry, wait = step
            attempts += 1
            time.sleep(wait)
        self._service_down = is_retryable(outcome)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def _choose_policy(self) -> urllib3.Retry:
        """Return the user's own policy, or ours, which makes one attempt while the service seems to be down."""
        retries = self.configuration.retries
        return Backoff(0 if self._service_down else retries) if isinstance(retries, int) else retries

    def _attempt(
        self,
        method: str,
        url: str,
        headers: dict[str, HeaderValue],
        body: Any,
        clock: Clock,
        attempts: int,
        preload: bool,
    ) -> RESTResponse | Failure:
        """Send the request once."""
        started = time.monotonic()
        route = self._route(url)
        if route.exposed and any(isinstance(value, Secret) for value in (*headers.values(), body)):
            self.check_secure(url)
        response = None
        try:
            response = self._send(
                route,
                method,
                url,
                body=reveal(body),
                headers=reveal_all(headers),
                timeout=clock,
                retries=_ONE_ATTEMPT,
                preload_content=False,
            )
            request = (method, url, headers, body)
            answer = RESTResponse(response, request, route.peer, clock, self.configuration.max_response_bytes)
            outcome: RESTResponse | Failure = answer
            if response.status == PROXY_AUTHENTICATION and route.absolute:
                response.close()
                outcome = refuse_by_proxy(route.peer, response.status)
            elif preload:
                answer.load()
        except OpenApiException as error:
            self._log(method, url, type(error).__name__, started)
            raise error.with_traceback(None) from error.__cause__
        except Exception as error:  # noqa: BLE001  # the table has a place for every one
            if response is not None:
                response.close()
            outcome = explain(error, route.peer, clock.spent, attempts)
            if outcome.lost and isinstance(self.pool_manager, PoolManager):
                self.pool_manager.forget(split_origin(url))
        except BaseException as error:  # noqa: BLE001  # Ctrl-C: the connection is in the middle of something
            if response is not None:
                response.close()
            raise error.with_traceback(None) from error.__cause__
        end = type(outcome.error).__name__ if isinstance(outcome, Failure) else outcome.status
        self._log(method, url, end, started)
        return outcome

    def _send(self, route: Route, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send a request the short way, unless somebody has put a manager or a mock in the place of ours."""
        manager = self.pool_manager
        if isinstance(manager, PoolManager) and not manager.is_patched():
            return route.urlopen(method, url, **options)
        return manager.request(method, url, redirect=False, **options)

    def check_secure(self, url: str) -> None:
        """Refuse to send credentials where anybody could read them.

        Raises:
            ApiValueError: The URL is plain http to another machine, and the configuration does not allow it.
        """
        exposed = self._route(url).exposed
        if exposed is not None and not self.configuration.allow_insecure_http:
            raise ApiValueError(
                f"host: credentials would go unencrypted to {exposed}; use https, "
                "or Configuration(allow_insecure_http=True) if the network in between is safe"
            )

    def _route(self, url: str) -> Route:
        """Return how a request goes, in the process that this is."""
        manager = self.pool_manager
        if not isinstance(manager, PoolManager):  # assigned
            return PoolManager(self.configuration).route_for(split_origin(url))
        if self._pid != os.getpid():
            # Keep what a child inherits: its finalizers could take a lock that was held during the fork.
            self._inherited.append(manager)
            manager.abandon()
            self._start()
            self.pool_manager = manager = PoolManager(self.configuration)
        return manager.route_for(split_origin(url))

    def _log(self, method: str, url: str, end: int | str, started: float) -> None:
        """Write one line about an attempt: method, path, status or error, milliseconds."""
        debug = self.configuration.debug
        if not debug and not logger.isEnabledFor(logging.DEBUG):
            return
        path = urlsplit(url).path or "/"
        line = f"{method} {path} {end} {(time.monotonic() - started) * 1000.0:.1f} ms"
        logger.debug("%s", line)
        if debug:
            sys.stderr.write(f"at_client: {line}\n")


def encode_body(headers: dict[str, HeaderValue], body: Any, post_params: Any) -> tuple[dict[str, HeaderValue], Any]:
    """Write the body as the `Content-Type` header says, and return it with the headers for it."""
    if isinstance(body, Secret) or (body is None and not post_params):
        return headers, body
    given = pop_header(headers, "Content-Type")
    content, content_type = write_body(body, post_params, given)
    return {**headers, "Content-Type": content_type}, content


def is_retryable(outcome: RESTResponse | Failure) -> bool:
    """Return whether another attempt may do better."""
    return outcome.lost if isinstance(outcome, Failure) else outcome.status in RETRY_STATUSES


def decide(retry: urllib3.Retry, method: str, outcome: RESTResponse | Failure) -> tuple[urllib3.Retry, float] | None:
    """Ask a policy about one more attempt, as `next_attempt`."""
    if isinstance(outcome, RESTResponse):
        retry_after = parse_retry_after(outcome.getheader("Retry-After"), time.time())
        return next_attempt(retry, method, outcome.response, retry_after)
    cause = outcome.error.__cause__
    return next_attempt(retry, method, cause) if outcome.lost and isinstance(cause, Exception) else None


def follow_redirect(method: str, url: str, response: RESTResponse, redirects: int) -> str | None:
    """Return where a response sends a request; `None` if it is not a redirect.

    Args:
        method: The method of the request.
        url: Its URL.
        response: The response.
        redirects: Redirects that the call has followed so far.

    Raises:
        ApiException: It leads nowhere, out of the origin or in a circle, or the method must not be sent again.
    """
    if response.status not in REDIRECT_STATUSES:
        return None
    target, fault = resolve_redirect(method, url, response.getheader("Location"), redirects)
    if not fault:
        return target
    response.close()
    shown = redact_response(response)
    advice = "Check Configuration.host (AT_CLIENT_HOST)."
    raise ApiException(http_resp=shown, message=f"{shown.status} from {shown.source}: {fault}. {advice}")
