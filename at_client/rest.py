"""One request in; one response or one of our errors out. The loop over attempts is here, and only here."""

from __future__ import annotations

import logging
import os
import random
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from at_client import settings
from at_client.connections import Clock
from at_client.exceptions import ApiException, bare
from at_client.exchange import Request, RESTResponse
from at_client.failures import PROXY_AUTHENTICATION, Failure, failure, proxy_refusal
from at_client.redirects import RedirectFault, follow
from at_client.retries import (
    IDEMPOTENT_METHODS,
    Attempt,
    ObeyedRetry,
    RetryBudget,
    RetryPolicy,
    parse_retry_after,
)
from at_client.routes import Routes, split_url, transport_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from at_client.configuration import Configuration
    from at_client.exchange import SealedBody
    from at_client.fields import HeaderValue

__all__ = ["ApiException", "RESTClientObject", "RESTResponse", "RESTResponseType"]

RESTResponseType = urllib3.BaseHTTPResponse
"""What the `_without_preload_content` form of an operation returns."""

_ONE_ATTEMPT = urllib3.Retry(total=False)

logger = logging.getLogger("at_client")


class RESTClientObject:
    """Sends requests: safe to share between threads, starts anew after a fork, keeps no response.

    Args:
        configuration: The settings; what changes in them holds from the next request on.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.sleep = time.sleep
        """Waits before a retry; takes seconds."""
        self.jitter = random.random
        """Gives the numbers from 0.0 to 1.0 that spread the waits."""
        self._routes = Routes(configuration)
        self._budget = RetryBudget()

    def close(self) -> None:
        """Close every idle connection; a later request opens new ones."""
        routes, self._routes = self._routes, Routes(self.configuration)
        routes.close()

    def clock(self, timeout: float | tuple[float, float] | None) -> Clock:
        """Start the clock of one call.

        Args:
            timeout: As `Configuration.timeout`, which `None` stands for.

        Raises:
            ApiTypeError, ApiValueError: The timeout is not usable.
        """
        if timeout is None:
            return Clock(self.configuration.timeout)
        return Clock(settings.timeout("_request_timeout", timeout))

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, HeaderValue] | None = None,
        body: bytes | SealedBody | None = None,
        _request_timeout: float | tuple[float, float] | Clock | None = None,
        _preload_content: bool = True,
    ) -> RESTResponse:
        """Send a request until it is answered, within the deadline and the retries of the configuration.

        Args:
            method: The HTTP method, in capitals.
            url: The absolute URL.
            headers: All headers.
            body: The body, ready to be sent.
            _request_timeout: As `Configuration.timeout`, which `None` stands for; or a clock that runs already.
            _preload_content: Whether to read the body; if not, the deadline still holds while it is read later.

        Returns:
            The response, whatever its status.

        Raises:
            ApiConnectionException: No attempt brought a complete response.
            ApiDecodeException: The body is too large, or not encoded as its headers say.
            ApiException: A redirect leads out of the origin, nowhere, or in a circle.
            ApiTypeError, ApiValueError: The timeout, the URL or a file of the configuration is not usable.
        """
        clock = (
            _request_timeout
            if isinstance(_request_timeout, Clock)
            else self.clock(_request_timeout)
        )
        retries = self.configuration.retries
        policy = RetryPolicy(retries) if isinstance(retries, int) else ObeyedRetry(retries)
        request = Request(method, url, headers or {}, body)
        redirects, reconnected = 0, False
        while True:
            outcome = self._attempt(request, clock, preload=_preload_content)
            if isinstance(outcome, RESTResponse):
                if 200 <= outcome.status <= 299:
                    self._budget.refund()
                    return outcome
                following = redirected(request, outcome, redirects)
                if following is not None:
                    outcome.discard()
                    request, redirects = following, redirects + 1
                    continue
            elif outcome.stale and not reconnected and method in IDEMPOTENT_METHODS:
                reconnected = True  # the one silent reconnect
                continue
            step = policy.next(describe(request, outcome), self.jitter)
            if (
                step is None
                or step[1] > clock.left
                or (policy.budgeted and not self._budget.take())
            ):
                break
            if isinstance(outcome, RESTResponse):
                outcome.discard()
            policy, wait = step
            self.sleep(wait)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def _attempt(self, request: Request, clock: Clock, *, preload: bool) -> RESTResponse | Failure:
        """Send the request once."""
        started = time.monotonic()
        origin, target = split_url(request.url)
        route = self._current_routes().to(origin)
        response = None
        try:
            response = route.pool.urlopen(
                request.method,
                request.url if route.absolute else target,
                request.body,
                request.headers,  # type: ignore[arg-type]  # http.client alone opens the sealed ones
                _ONE_ATTEMPT,
                redirect=False,
                assert_same_host=False,
                timeout=clock,
                preload_content=False,
            )
            answer = RESTResponse(
                response, request, route.peer, clock, self.configuration.max_response_bytes
            )
            outcome: RESTResponse | Failure = answer
            if response.status == PROXY_AUTHENTICATION and route.absolute:
                response.close()
                outcome = Failure(proxy_refusal(route.peer, response.status), lost=False)
            elif preload:
                answer.load()
        except ApiException as error:
            self._log(request, error, started)
            raise
        except Exception as error:  # noqa: BLE001  # the table has a place for every one
            if response is not None:
                response.close()
            outcome = failure(error, route.peer, clock.spent)
        except BaseException:  # Ctrl-C: the connection is in the middle of something
            if response is not None:
                response.close()
            raise
        self._log(request, outcome.error if isinstance(outcome, Failure) else outcome, started)
        return outcome

    def _current_routes(self) -> Routes:
        """Return the routes for the settings as they are now, in the process that this is."""
        routes = self._routes
        if routes.pid == os.getpid() and routes.revision == self.configuration.revision:
            return routes
        if routes.pid == os.getpid() and routes.settings == transport_settings(self.configuration):
            routes.revision = self.configuration.revision
            return routes
        # A child must not talk over its parent's connections, and lets go of them without a word.
        self._routes = Routes(self.configuration)
        return self._routes

    def _log(self, request: Request, came: RESTResponse | ApiException, started: float) -> None:
        """Write one line about an attempt: method, path, status or error, milliseconds."""
        debug = self.configuration.debug
        if not debug and not logger.isEnabledFor(logging.DEBUG):
            return
        path = urlsplit(request.url).path or "/"
        end = came.status if isinstance(came, RESTResponse) else type(came).__name__
        line = f"{request.method} {path} {end} {(time.monotonic() - started) * 1000.0:.1f} ms"
        logger.debug("%s", line)
        if debug:
            sys.stderr.write(f"at_client: {line}\n")


def redirected(request: Request, response: RESTResponse, redirects: int) -> Request | None:
    """Make the request that a redirect asks for; `None` if the response is no redirect.

    Args:
        request: What was sent.
        response: What came.
        redirects: Redirects that this call has followed already.

    Raises:
        ApiException: The redirect is not followed.
    """
    try:
        url = follow(
            request.method, request.url, response.status, response.getheader("Location"), redirects
        )
    except RedirectFault as fault:
        shown = response.shown()
        message = f"{shown.status} from {shown.source}: {fault}. Check Configuration.host."
        raise ApiException(http_resp=shown, message=message) from bare(fault)
    return None if url is None else Request(request.method, url, request.headers, request.body)


def describe(request: Request, outcome: RESTResponse | Failure) -> Attempt:
    """Reduce what came of an attempt to what decides about the next."""
    if isinstance(outcome, Failure):
        return Attempt(request.method, lost=outcome.lost, below=outcome.error.__cause__)
    return Attempt(
        request.method,
        status=outcome.status,
        retry_after=parse_retry_after(outcome.headers.get("Retry-After"), time.time()),
        below=outcome.response,
    )
