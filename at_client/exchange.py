"""One call: urllib3 sends its request, and what goes wrong becomes one of our errors."""

from typing import Any, NamedTuple

import urllib3

from at_client.api_response import RESTResponse, SentRequest, make_redirect_error
from at_client.configuration import Configuration
from at_client.connections import Clock
from at_client.exceptions import ApiConnectionException
from at_client.failures import (
    LOWER_ERRORS,
    PROXY_AUTHENTICATION,
    Peer,
    explain,
    find_foreign,
    refuse_by_proxy,
)
from at_client.headers import is_secret
from at_client.pools import Transport
from at_client.redirects import REDIRECT_STATUSES, resolve_redirect
from at_client.retries import AttemptLog, RetryPolicy, bound_policy


class Route(NamedTuple):
    """How requests to one origin go."""

    transport: Transport
    """The manager, with the proxy in front of the host."""

    peer: Peer
    """The other side, for error messages."""

    exposed_host: str | None
    """Who reads the request unencrypted; `None` if nobody on another machine does."""

    is_forwarded: bool
    """Whether a proxy reads the request, and may answer it itself."""


class Exchange:
    """A request on its way, with its time limit and its retry policy.

    Args:
        request: What to send.
        data: The body; `None` for none.
        route: How it goes.
        clock: The time limit of the call, which is running.
        configuration: The settings of the client.
        retries: Retries after the first attempt, or a user's own policy.
    """

    def __init__(
        self,
        request: SentRequest,
        data: Any,
        route: Route,
        clock: Clock,
        configuration: Configuration,
        retries: int | urllib3.Retry,
    ) -> None:
        self._request = request
        # Recorders write down what they get: plain text, no class of ours.
        self._headers = {name: str(value) for name, value in request.headers.items()}
        self._data = data
        self._route = route
        self._clock = clock
        self._limit_bytes = configuration.max_response_bytes
        self._log = AttemptLog(request.method, request.url, debug=configuration.debug)
        self._policy: urllib3.Retry
        if isinstance(retries, int):
            self._policy = RetryPolicy(
                request.method, request.url, clock, retries, self._log
            )
        else:
            secret_headers = [name for name in request.headers if is_secret(name)]
            self._policy = bound_policy(retries, clock.seconds_left, secret_headers)

    def run(self, manager: Any, *, preload_content: bool) -> RESTResponse:
        """Send the request, and return the response, whatever its status.

        Args:
            manager: The pool manager: that of the route, or a user's own, which gets
                only what generated code sends, and does its own retries.
            preload_content: Whether to read the body.

        Raises:
            ApiException: There was no complete response, or it is a redirect.
        """
        try:
            response = self._send(manager, preload_content=preload_content)
        except LOWER_ERRORS as error:
            failure = error
        except BaseException as error:
            self._log.write(type(error).__name__)
            raise
        else:
            self._log.write(response.status)
            if response.status >= 300:
                self._refuse_redirect(response)
            return response

        foreign = find_foreign(failure)
        if foreign is not None:
            self._log.write(type(foreign).__name__)
            raise foreign
        problem = self._explain(failure)
        self._log.write(type(problem).__name__)
        raise problem

    def _send(self, manager: Any, *, preload_content: bool) -> RESTResponse:
        """Let urllib3 send and retry; send again if the body is lost while it is read."""
        options: dict[str, Any] = {"body": self._data} if self._data is not None else {}
        if manager is self._route.transport.manager:
            options["retries"] = self._policy

        while True:
            raw = manager.request(
                self._request.method,
                self._request.url,
                headers=self._headers,
                timeout=self._clock,
                preload_content=False,
                **options,
            )
            response = RESTResponse(
                raw, self._request, self._limit_bytes, self._explain
            )
            if not preload_content:
                return response

            try:
                response.receive()
            except LOWER_ERRORS as error:
                if "retries" not in options:
                    raise
                options["retries"] = self._retry_lost_body(raw, manager, error)
            else:
                return response

    def _retry_lost_body(
        self, raw: Any, manager: Any, error: Exception
    ) -> urllib3.Retry:
        """Return the policy for another attempt, after its wait, or raise the error."""
        pool = manager.connection_from_url(self._request.url)
        policy: urllib3.Retry = (raw.retries or self._policy).increment(
            self._request.method, self._request.url, error=error, _pool=pool
        )
        policy.sleep()
        return policy

    def _explain(self, error: BaseException) -> ApiConnectionException:
        """Return our error for one from below."""
        attempts = self._policy.attempts if isinstance(self._policy, RetryPolicy) else 1
        return explain(
            error,
            self._route.peer,
            self._clock.seconds_spent,
            attempts=attempts,
            secrets=self._request.credentials,
        )

    def _refuse_redirect(self, response: RESTResponse) -> None:
        """Raise the error for a redirect that was not followed, or a proxy's refusal."""
        if response.status == PROXY_AUTHENTICATION and self._route.is_forwarded:
            response.close()
            raise refuse_by_proxy(self._route.peer)
        if response.status not in REDIRECT_STATUSES:
            return

        response.close()
        url = self._request.url
        followed = 0
        if isinstance(self._policy, RetryPolicy):
            url = self._policy.url
            followed = self._policy.redirects
        location = response.getheader("Location")
        redirect = resolve_redirect(self._request.method, url, location, followed)
        problem = redirect.problem or "it redirects more often than the retries allow"
        raise make_redirect_error(response, problem)
