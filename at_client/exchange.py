"""One call: urllib3 sends its request; what goes wrong becomes one of our errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import urllib3

from at_client.api_response import (
    RESTResponse,
    SentRequest,
    make_decode_error,
    make_redirect_error,
    read_body,
)
from at_client.clock import Clock
from at_client.configuration import Configuration
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
from at_client.retries import (
    RETRY_STATUSES,
    AttemptLog,
    RetryPolicy,
    bound_policy,
)

T = TypeVar("T")


@dataclass
class Health:
    """What a client knows of the service."""

    is_down: bool = False
    """Whether the last call was lost in spite of its retries; the next get none."""


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
        manager: The pool manager: that of the route, or a user's own, which gets only
            what generated code sends, and does its own retries.
        clock: The time limit of the call, which is running.
        configuration: The settings of the client.
        health: What the client knows of the service.
    """

    def __init__(
        self,
        request: SentRequest,
        data: Any,
        route: Route,
        manager: Any,
        clock: Clock,
        configuration: Configuration,
        health: Health,
    ) -> None:
        self._request = request
        self._route = route
        self._manager = manager
        self._clock = clock
        self._limit_bytes = configuration.max_response_bytes
        self._health = health
        self._log = AttemptLog(request.method, request.url, debug=configuration.debug)

        self._options: dict[str, Any] = {}
        if data is not None:
            self._options["body"] = data
        if manager is route.transport.manager:
            self._options["retries"] = self._make_policy(configuration.retries)

    def _make_policy(self, retries: int | urllib3.Retry) -> urllib3.Retry:
        if isinstance(retries, urllib3.Retry):
            secret_headers = [name for name in self._request.headers if is_secret(name)]
            return bound_policy(retries, self._clock.seconds_left, secret_headers)
        return RetryPolicy(
            self._request.method,
            self._request.url,
            self._clock,
            0 if self._health.is_down else retries,
            self._log,
        )

    def open(self) -> RESTResponse:
        """Send the request, and return the response, whatever its status.

        Its body is read, unless the caller reads it later.

        Raises:
            ApiException: There was no complete response, its body is broken or too
                large, or it is a redirect that was not followed.
        """
        return self._translate(self._open)

    def read(self, response: RESTResponse) -> bytes:
        """Return the body of a response that is read later.

        Raises:
            ApiException: It was lost in spite of all retries, is broken, or too large.
        """
        return self._translate(self._read, response)

    def _open(self) -> RESTResponse:
        response = RESTResponse(self._send(), self._request, self.read)
        self._refuse_redirect(response)
        if not self._clock.reads_later:
            response.keep(self._read(response))

        self._log.write(response.status)
        self._health.is_down = response.status in RETRY_STATUSES
        return response

    def _send(self) -> Any:
        """Let urllib3 send the request, and retry until a response begins."""
        return self._manager.request(
            self._request.method,
            self._request.url,
            # Recorders write down what they get: plain text, no class of ours.
            headers={name: str(value) for name, value in self._request.headers.items()},
            timeout=self._clock,
            preload_content=False,
            **self._options,
        )

    def _read(self, response: RESTResponse) -> bytes:
        """Read the body; while it is lost, let the response become that of a retry."""
        while True:
            try:
                return self._read_once(response)
            except LOWER_ERRORS as error:
                self._retry_lost_body(response.response, error)
            response.take(self._send())
            self._refuse_redirect(response)

    def _read_once(self, response: RESTResponse) -> bytes:
        try:
            return read_body(response.response, self._limit_bytes)
        except urllib3.exceptions.DecodeError:
            coding = response.getheader("Content-Encoding", "")
            problem = f"its body is not valid {str(coding)[:40]!a}"
        except OverflowError:
            problem = (
                f"the body is larger than {self._limit_bytes} bytes "
                "(Configuration.max_response_bytes)"
            )

        response.close()
        response.keep(b"")
        if response.status >= 400:  # of a failure, the status says more
            return b""
        raise make_decode_error(response, problem)

    def _retry_lost_body(self, raw: Any, error: Exception) -> None:
        """Wait for another attempt, or raise the error."""
        if "retries" not in self._options:
            raise error
        pool = self._manager.connection_from_url(self._request.url)
        policy = (raw.retries or self._options["retries"]).increment(
            self._request.method, self._request.url, error=error, _pool=pool
        )
        policy.sleep()
        self._options["retries"] = policy

    def _translate(self, step: Callable[..., T], *arguments: Any) -> T:
        """Return what a step returns, or raise our error for what went wrong below."""
        try:
            return step(*arguments)
        except LOWER_ERRORS as error:
            failure: BaseException = error
        except Exception as error:
            self._log.write(type(error).__name__)
            raise

        foreign = find_foreign(failure)
        if foreign is not None:
            self._log.write(type(foreign).__name__)
            raise foreign

        policy = self._own_policy
        problem = explain(
            failure,
            self._route.peer,
            self._clock.seconds_spent,
            attempts=policy.attempts if policy else 1,
            secrets=self._request.credentials,
        )
        self._log.write(type(problem).__name__)
        self._health.is_down = problem.is_retryable
        raise problem

    @property
    def _own_policy(self) -> RetryPolicy | None:
        """The policy, unless it is a user's own."""
        policy = self._options.get("retries")
        return policy if isinstance(policy, RetryPolicy) else None

    def _refuse_redirect(self, response: RESTResponse) -> None:
        """Raise the error for a redirect that was not followed, or a proxy's 407."""
        is_redirect = response.status in REDIRECT_STATUSES
        is_refusal = (
            response.status == PROXY_AUTHENTICATION and self._route.is_forwarded
        )
        if not is_redirect and not is_refusal:
            return

        self._health.is_down = False
        response.close()
        response.keep(b"")
        if is_refusal:
            raise refuse_by_proxy(self._route.peer)
        raise make_redirect_error(response, self._describe_redirect(response))

    def _describe_redirect(self, response: RESTResponse) -> str:
        """Return why a redirect was not followed."""
        policy = self._own_policy
        redirect = resolve_redirect(
            self._request.method,
            policy.url if policy else self._request.url,
            response.getheader("Location"),
            policy.redirects if policy else 0,
        )
        return redirect.problem or "it redirects more often than the retries allow"
