"""One table from everything that urllib3, http.client, ssl and the system can raise to our own errors."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from urllib3 import exceptions as lower
from urllib3.connection import BaseSSLError, HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.connections import NotHTTPError, StaleConnectionError
from at_client.exceptions import ApiConnectionException, ApiTimeoutException, strip_tracebacks
from at_client.headers import HeaderValue, redact
from at_client.retries import RETRY_STATUSES

PROXY_AUTHENTICATION = 407
"""The status of a proxy that wants a password (RFC 9110 section 15.5.8)."""


class Peer(NamedTuple):
    """The other side, for error messages."""

    address: str
    """Host and port."""

    proxy: str | None = None
    """URL of the proxy in between, without user name and password."""

    secrets: tuple[HeaderValue, ...] = ()
    """What the proxy is sent, and an error must not repeat."""


class Failure(NamedTuple):
    """An attempt that brought no response."""

    error: ApiConnectionException
    """What the caller gets if no other attempt is made; its cause is the error from below."""

    lost: bool = False
    """Whether another attempt may do better."""

    stale: bool = False
    """Whether it was lost on an idle connection that had ended, so that nobody has read the request."""


class Rule(NamedTuple):
    """What some errors from below mean."""

    types: tuple[type[BaseException], ...]
    """The rule applies if one of these is among the errors that led to the failure."""

    describe: Callable[[Any], str]
    """Returns what happened, to follow the name of the peer."""

    lost: bool = False
    """Whether another attempt may do better."""

    error: type[ApiConnectionException] = ApiConnectionException
    """Our class for it."""


def _system_reason(error: BaseException) -> str:
    """Return the operating system's words from an error that wraps them."""
    for cause in find_causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__


def _describe_certificate(error: BaseException) -> str:
    reason = str(getattr(error, "verify_message", None) or error).rstrip(".")
    if "expired" in reason or "not yet valid" in reason:
        advice = "Check the clock of this machine; else the service needs a new certificate"
    elif "ostname" in reason or "IP address" in reason:
        advice = "Check Configuration.host (AT_CLIENT_HOST)"
    else:
        advice = "If you trust its issuer, name the CA with Configuration.ssl_ca_cert (SSL_CERT_FILE)"
    return f"the TLS certificate is refused: {reason}. {advice}"


def _describe_tls(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or _system_reason(error)
    if reason in _PLAIN_HTTP:
        return (
            "the port does not speak TLS, perhaps plain http. "
            "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)"
        )
    return f"TLS failed: {reason}. Check the certificates and the TLS versions of both sides"


_PLAIN_HTTP = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)


def _describe_http(error: BaseException) -> str:
    """Quote our own strict response; what others say may hold bytes of the peer."""
    own = type(error) is http.client.HTTPException
    return f"no valid HTTP response: {error}" if own else "no valid HTTP response"


_CLOSED = "the connection was closed before the response was complete. Check the service and what is in between"

RULES = (
    Rule((ssl.SSLCertVerificationError, CertificateError), _describe_certificate),
    Rule((ssl.SSLEOFError, ssl.SSLZeroReturnError), lambda _: "the connection was closed during TLS", lost=True),
    Rule(
        (lower.NameResolutionError, socket.gaierror),
        lambda e: f"the host name was not found ({_system_reason(e)}). Check it, and the network",
        lost=True,
    ),
    Rule(
        (lower.NewConnectionError,),
        lambda e: f"no connection ({_system_reason(e)}). Check that the service runs there and can be reached",
        lost=True,
    ),
    Rule((lower.ConnectTimeoutError,), lambda _: "no connection in time", lost=True, error=ApiTimeoutException),
    Rule(
        (lower.ReadTimeoutError, lower.TimeoutError, TimeoutError),
        lambda _: "no complete response in time",
        lost=True,
        error=ApiTimeoutException,
    ),
    Rule((BaseSSLError, ssl.SSLError, lower.SSLError), _describe_tls),
    Rule(
        (ConnectionError, http.client.IncompleteRead, lower.IncompleteRead, lower.InvalidChunkLength),
        lambda _: _CLOSED,
        lost=True,
    ),
    Rule((NotHTTPError,), lambda e: f"{e}. Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)"),
    Rule(
        (http.client.HTTPException, lower.InvalidHeader, lower.HeaderParsingError, lower.ResponseNotChunked),
        _describe_http,
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
"""The table: the first rule that applies wins, so the most specific come first."""


def explain(error: Exception, peer: Peer, spent: float, attempts: int = 1) -> Failure:
    """Translate an error from below.

    Args:
        error: What urllib3 raised; it loses its frames, which hold secrets, and stays the cause.
        peer: The other side.
        spent: Seconds since the call began.
        attempts: How many attempts were made, this one included.
    """
    chain = list(find_causes(error))
    at_proxy, lost, kind = (any(isinstance(cause, lower.ProxyError) for cause in chain), False, ApiConnectionException)
    if refusal := next(filter(None, map(_tunnel_refusal, chain)), None):
        status, words = refusal
        at_proxy, lost, text = (True, status in RETRY_STATUSES, _describe_refusal(peer, status, words))
    elif socks := next((cause for cause in reversed(chain) if type(cause).__module__ == "socks"), None):
        at_proxy, lost = type(socks).__name__ not in ("SOCKS5Error", "SOCKS4Error"), True
        reason = re.sub(r"^0x[0-9a-f]+: ", "", str(socks.args[0] if socks.args else socks))
        text = (
            f"{reason}. Check {'Configuration.proxy' if at_proxy else 'the service, and that the proxy may reach it'}"
        )
    else:
        rule, cause = next(
            (rule, cause) for rule in RULES for cause in reversed(chain) if isinstance(cause, rule.types)
        )
        kind, lost, text = rule.error, rule.lost, rule.describe(cause)
    if kind is ApiTimeoutException:
        text += f"; the call took {spent:.1f} s. Check the service, or allow more with timeout"
    if attempts > 1:
        text += f" ({attempts} attempts were made)"
    problem = kind(reason=f"{name_peer(peer, at_proxy=at_proxy)}: {redact(text, peer.secrets)}.")
    for cause in chain:
        # A connection among the arguments does not pickle, and Dask pickles causes; a broken status line is the peer's.
        quotes = isinstance(cause, http.client.BadStatusLine)
        kept = [redact(arg, peer.secrets) if isinstance(arg, str) else arg for arg in cause.args]
        cause.args = () if quotes else tuple(word for word in kept if not isinstance(word, HTTPConnection))
        cause.__traceback__ = None
    problem.__cause__ = strip_tracebacks(error)
    return Failure(problem, lost, any(isinstance(cause, StaleConnectionError) for cause in chain))


def refuse_by_proxy(peer: Peer, status: int) -> Failure:
    """Return the failure for a proxy that answers itself instead of forwarding a request."""
    return Failure(
        ApiConnectionException(reason=f"{name_peer(peer, at_proxy=True)}: {_describe_refusal(peer, status, '')}.")
    )


def _describe_refusal(peer: Peer, status: int, words: str) -> str:
    answer = f"{status} {words}".strip()
    if status == PROXY_AUTHENTICATION:
        return f"it wants a user name and a password ({answer}). Put them into Configuration.proxy"
    if status >= 500:
        return f"it could not reach {peer.address} ({answer}). Check the service, and that the proxy may reach it"
    return f"it refused the tunnel ({answer}). Check Configuration.proxy, and what it allows"


def _tunnel_refusal(error: BaseException) -> tuple[int, str] | None:
    """Read status and reason from the `OSError` that `http.client` makes of a refused CONNECT."""
    if type(error) is not OSError:
        return None
    match = re.search(r"Tunnel connection failed: ([0-9]{3}) ?(.{0,100})", str(error))
    return (int(match[1]), "".join(filter(str.isprintable, match[2]))) if match else None


def name_peer(peer: Peer, *, at_proxy: bool) -> str:
    """Return the name of the side that failed."""
    if peer.proxy is None:
        return peer.address
    return f"the proxy {peer.proxy}" if at_proxy else f"{peer.address} through the proxy {peer.proxy}"


def find_causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and all that it wraps, from the outside in."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            inner = (getattr(cause, name, None) for name in ("reason", "socket_err"))
            waiting += [cause.__cause__ or cause.__context__, *inner, *cause.args]
