"""One table from everything that urllib3, http.client, ssl and the system can raise to our own errors."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING

from urllib3 import exceptions as lower
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.connections import StaleConnectionError
from at_client.exceptions import ApiConnectionException, ApiTimeoutException
from at_client.retries import RETRY_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from at_client.sealed import Secret


class Peer:
    """Whom a call talks to, as a message may say it.

    Args:
        address: Host and port.
        proxy: URL of the proxy in between, without user name and password.
        secrets: What the proxy is sent, and an error must not repeat.
    """

    def __init__(
        self, address: str, proxy: str | None = None, secrets: tuple[Secret, ...] = ()
    ) -> None:
        self.address = address
        self.proxy = proxy
        self.secrets = secrets


class Failure:
    """An attempt that brought no response.

    Args:
        error: What the caller gets if this is the end; its cause is the error from below.
        lost: Whether another attempt may do better.
        stale: Whether it was lost on an idle connection that had ended, so that nobody has read the request.
    """

    def __init__(self, error: ApiConnectionException, *, lost: bool, stale: bool = False) -> None:
        self.error = error
        self.lost = lost
        self.stale = stale


class Rule:
    """What some errors from below mean.

    Args:
        types: The rule holds if one of these is among the errors that led to the failure.
        text: Says of the error found what happened, to go after the peer's name.
        lost: Whether another attempt may do better.
        error: Our class for it.
    """

    def __init__(
        self,
        types: tuple[type[BaseException], ...],
        text: Callable[[BaseException], str],
        *,
        lost: bool = False,
        error: type[ApiConnectionException] = ApiConnectionException,
    ) -> None:
        self.types = types
        self.text = text
        self.lost = lost
        self.error = error


PROXY_AUTHENTICATION = 407
"""The status of a proxy that wants a password (RFC 9110 section 15.5.8)."""


def _system_reason(error: BaseException) -> str:
    """Take the operating system's words out of an error that wraps them."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__


def _certificate(error: BaseException) -> str:
    reason = getattr(error, "verify_message", None) or str(error)
    advice = "Check Configuration.host, or name the CA with ssl_ca_cert"
    return f"the TLS certificate is refused: {reason.rstrip('.')}. {advice}"


def _tls(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or _system_reason(error)
    if reason in _PLAIN_HTTP:
        return "the port speaks no TLS, perhaps plain http. Check the scheme and the port of Configuration.host"
    return f"TLS failed: {reason}. Check the certificates and the TLS versions of both sides"


_PLAIN_HTTP = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)


def _own_words(error: BaseException) -> str:
    """Quote what our own strict response says; what others say may hold bytes of the peer."""
    return (
        f"no valid HTTP response: {error}"
        if type(error) is http.client.HTTPException
        else "no valid HTTP response"
    )


RULES = (
    Rule((ssl.SSLCertVerificationError, CertificateError), _certificate),
    Rule(
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        lambda _: "the connection was closed during TLS",
        lost=True,
    ),
    Rule(
        (lower.NameResolutionError, socket.gaierror),
        lambda e: f"the host name was not found ({_system_reason(e)}). Check it, and the network",
        lost=True,
    ),
    Rule(
        (lower.NewConnectionError,),
        lambda e: (
            f"no connection ({_system_reason(e)}). Check that the service runs there and can be reached"
        ),
        lost=True,
    ),
    Rule(
        (lower.ConnectTimeoutError,),
        lambda _: "no connection in time",
        lost=True,
        error=ApiTimeoutException,
    ),
    Rule(
        (lower.ReadTimeoutError, lower.TimeoutError, TimeoutError),
        lambda _: "no complete response in time",
        lost=True,
        error=ApiTimeoutException,
    ),
    Rule((ssl.SSLError, lower.SSLError), _tls),
    Rule(
        (
            ConnectionError,
            http.client.IncompleteRead,
            lower.IncompleteRead,
            lower.InvalidChunkLength,
        ),
        lambda _: "the connection was closed before the response was complete",
        lost=True,
    ),
    Rule(
        (
            http.client.HTTPException,
            lower.InvalidHeader,
            lower.HeaderParsingError,
            lower.ResponseNotChunked,
        ),
        _own_words,
    ),
    Rule((lower.ClosedPoolError,), lambda _: "the client was closed during the call", lost=True),
    Rule(
        (lower.SecurityWarning, lower.DependencyWarning, lower.HTTPWarning),
        lambda e: f"a warning of urllib3 was turned into an error: {e}",
    ),
    Rule((OSError,), lambda e: f"the connection failed ({_system_reason(e)})", lost=True),
    Rule(
        (lower.ProtocolError, lower.DecodeError, lower.BodyNotHttplibCompatible, ValueError),
        lambda _: "no valid HTTP response",
    ),
    Rule(
        # What urllib3 raises for loops, pools and URLs that we do not let it see.
        (
            lower.PoolError,
            lower.ProxyError,
            lower.TimeoutStateError,
            lower.ResponseError,
            lower.LocationValueError,
            lower.ProxySchemeUnsupported,
            lower.UnrewindableBodyError,
            Exception,
        ),
        lambda e: f"the request failed ({type(e).__name__})",
    ),
)
"""The table: the first rule that fits counts, so the most special come first."""


def failure(error: BaseException, peer: Peer, spent: float) -> Failure:
    """Translate an error from below.

    Args:
        error: What urllib3 raised.
        peer: Whom the attempt was made to.
        spent: Seconds since the call began.

    Returns:
        Our error, and whether another attempt may do better.
    """
    chain = list(causes(error))
    if refused := next(filter(None, map(_tunnel_status, chain)), None):
        problem = proxy_refusal(peer, refused)
        lost = refused in RETRY_STATUSES
    else:
        rule, found = next(
            (rule, cause)
            for rule in RULES
            for cause in reversed(chain)
            if isinstance(cause, rule.types)
        )
        at_proxy = any(isinstance(cause, lower.ProxyError) for cause in chain)
        text = rule.text(found)
        if rule.error is ApiTimeoutException:
            text += f"; the call took {spent:.1f} s. Check the service, or allow more with timeout"
        problem = rule.error(reason=f"{_name(peer, at_proxy=at_proxy)}: {text}.")
        lost = rule.lost
    for cause in chain:
        # Frames from below hold headers and what the peer sent, and keep sockets open; a connection among the
        # arguments does not pickle, and Dask pickles causes. What is kept are the words.
        cause.__traceback__ = None
        cause.args = tuple(arg for arg in cause.args if not isinstance(arg, HTTPConnection))
    problem.__cause__ = error
    stale = any(isinstance(cause, StaleConnectionError) for cause in chain)
    return Failure(problem, lost=lost, stale=stale)


def proxy_refusal(peer: Peer, status: int) -> ApiConnectionException:
    """Make the error for a proxy that does not let a request through."""
    wanted = (
        "it wants a user name and a password"
        if status == PROXY_AUTHENTICATION
        else "it refused the tunnel"
    )
    advice = (
        "Put them into Configuration.proxy"
        if status == PROXY_AUTHENTICATION
        else "Check Configuration.proxy"
    )
    return ApiConnectionException(
        reason=f"{_name(peer, at_proxy=True)}: {wanted} ({status}). {advice}."
    )


def _name(peer: Peer, *, at_proxy: bool) -> str:
    """Name the side that failed."""
    if peer.proxy is None:
        return peer.address
    return (
        f"the proxy {peer.proxy}" if at_proxy else f"{peer.address} through the proxy {peer.proxy}"
    )


def _tunnel_status(error: BaseException) -> int | None:
    """Read the status out of the `OSError` that `http.client` makes of a refused CONNECT."""
    if type(error) is not OSError:
        return None
    match = re.search(r"Tunnel connection failed: ([0-9]{3})", str(error))
    return int(match[1]) if match else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and all that it wraps, from the outside in."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]
