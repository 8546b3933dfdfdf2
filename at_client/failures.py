"""One table from all that urllib3, http.client, ssl and the system can raise to our own errors."""

import re
import socket
import ssl
from collections.abc import Callable
from http.client import BadStatusLine, HTTPException, IncompleteRead
from typing import Any, NamedTuple

from urllib3 import exceptions as lower
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.connections import NotHTTPError, StaleConnectionError
from at_client.exceptions import ApiConnectionException, ApiTimeoutException
from at_client.headers import Secret, redact
from at_client.retries import RETRY_STATUSES

PROXY_AUTHENTICATION = 407  # RFC 9110 section 15.5.8


class Peer(NamedTuple):
    """The other side, for error messages."""

    address: str
    """Host and port."""
    proxy: str | None = None
    """URL of the proxy in between, without user name and password."""
    secrets: tuple[Secret, ...] = ()
    """What the proxy is sent, and an error must not repeat."""

    def name(self, *, at_proxy: bool) -> str:
        """Return the name of the side that failed."""
        proxy = f"the proxy {self.proxy}"
        return (
            self.address
            if self.proxy is None
            else proxy
            if at_proxy
            else f"{self.address} through {proxy}"
        )


class Failure(NamedTuple):
    """An attempt that brought no response."""

    error: ApiConnectionException
    """What the caller gets if no other attempt is made; its cause is the error from below."""
    lost: bool = False
    """Whether another attempt may succeed."""
    stale: bool = False
    """Whether it was lost on an idle connection that had ended, so that nobody has read the request."""


class Rule(NamedTuple):
    """What some errors from below mean: it applies if one of `types` is among those that led to the failure."""

    types: tuple[type[BaseException], ...]
    describe: Callable[..., str]
    """Returns what happened, for the parts that `explain` knows: the `format` of a text, or a function."""
    lost: bool = False
    """Whether another attempt may succeed."""
    kind: type[ApiConnectionException] = ApiConnectionException


def _describe_certificate(error: BaseException, **_: object) -> str:
    reason = str(getattr(error, "verify_message", None) or error).rstrip(".")
    if "expired" in reason or "not yet valid" in reason:
        advice = "Check this machine's clock; if it is right, the service needs a new certificate"
    elif "ostname" in reason or "IP address" in reason:
        advice = "Check Configuration.host (AT_CLIENT_HOST)"
    else:
        advice = "If you trust its issuer, set Configuration.ssl_ca_cert (or SSL_CERT_FILE) to its CA"
    return f"the TLS certificate was rejected: {reason}. {advice}"


def _describe_tls(error: BaseException, reason: str, **_: object) -> str:
    reason = getattr(error, "reason", None) or reason
    if reason in _NO_TLS:
        return f"the port does not speak TLS, perhaps plain http. {_CHECK_PORT}"
    return f"TLS failed: {reason}. Check the certificates and the TLS versions of both sides"


# What OpenSSL says of a peer that does not begin with TLS.
_NO_TLS = [
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
]

_CHECK_PORT = "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)"
_CHECK_TARGET = "the service, and whether the proxy is allowed to reach it"
_CLOSED = "the connection was closed before the response was complete. Check the service and anything in between".format
_NO_HOST = "could not resolve the host name ({reason}). Check its spelling and the network".format
_NO_CONNECTION = "could not connect ({reason}). Check that the service is running and reachable".format
_LATE = " in time; the call took {spent:.1f} s. Check the service, or allow more with timeout"
_NO_ANSWER = f"no complete response{_LATE}".format
_INVALID = "no valid HTTP response{detail}".format
_BUG = "the request failed ({error.__class__.__name__})".format

RULES = (
    Rule((ssl.SSLCertVerificationError, CertificateError), _describe_certificate),
    Rule(
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        "the connection was closed during TLS".format,
        lost=True,
    ),
    Rule((lower.NameResolutionError, socket.gaierror), _NO_HOST, lost=True),
    Rule((lower.NewConnectionError,), _NO_CONNECTION, lost=True),
    Rule(
        (lower.ConnectTimeoutError,),
        f"could not connect{_LATE}".format,
        lost=True,
        kind=ApiTimeoutException,
    ),
    Rule(
        (lower.TimeoutError, TimeoutError),
        _NO_ANSWER,
        lost=True,
        kind=ApiTimeoutException,
    ),
    Rule((ssl.SSLError, lower.SSLError), _describe_tls),
    Rule(
        (ConnectionError, IncompleteRead, lower.InvalidChunkLength), _CLOSED, lost=True
    ),
    Rule((NotHTTPError,), f"{{error}}. {_CHECK_PORT}".format),
    Rule((HTTPException, lower.InvalidHeader, lower.HeaderParsingError), _INVALID),
    Rule(
        (lower.ClosedPoolError,),
        "the client was closed during the call".format,
        lost=True,
    ),
    Rule((OSError,), "the connection failed ({reason})".format, lost=True),
    Rule(
        (
            lower.ProtocolError,
            lower.DecodeError,
            lower.BodyNotHttplibCompatible,
            ValueError,
        ),
        _INVALID,
    ),
    # What urllib3 raises for loops, pools and URLs that we do not let it see, and warnings that are made errors.
    Rule(
        (
            lower.HTTPWarning,
            lower.PoolError,
            lower.ProxyError,
            lower.TimeoutStateError,
            lower.ResponseError,
        ),
        _BUG,
    ),
    Rule(
        (
            lower.LocationValueError,
            lower.ProxySchemeUnsupported,
            lower.UnrewindableBodyError,
            Exception,
        ),
        _BUG,
    ),
)
"""The first rule that applies wins, so the most specific come first."""


def explain(error: Exception, peer: Peer, spent: float, attempts: int = 1) -> Failure:
    """Translate an error from below, after `spent` seconds of the call.

    It stays the cause, but loses its frames: they hold secrets, keep sockets open and do not pickle.
    """
    chain = find_causes(error)[::-1]  # the innermost cause is the most specific
    at_proxy = any(isinstance(cause, lower.ProxyError) for cause in chain)
    kind, lost = ApiConnectionException, True
    # `http.client` makes a plain OSError of a refused CONNECT.
    said = (
        re.search(r"Tunnel connection failed: ([0-9]{3}) ?(.{0,100})", str(e))
        for e in chain
        if type(e) is OSError
    )
    if refusal := next(filter(None, said), None):
        at_proxy, lost = True, int(refusal[1]) in RETRY_STATUSES
        text = _describe_refusal(peer, int(refusal[1]), refusal[2])
    elif socks := next(
        (cause for cause in chain if type(cause).__module__ == "socks"), None
    ):
        at_proxy = type(socks).__name__ not in ("SOCKS5Error", "SOCKS4Error")
        reason = re.sub("^0x[0-9a-f]+: ", "", str(socks))
        text = f"{reason}. Check {'Configuration.proxy' if at_proxy else _CHECK_TARGET}"
    else:
        rule, cause = next(
            (rule, cause)
            for rule in RULES
            for cause in chain
            if isinstance(cause, rule.types)
        )
        kind, lost = rule.kind, rule.lost
        reasons = (
            inner.strerror
            for inner in find_causes(cause)
            if isinstance(inner, OSError) and inner.strerror
        )
        # Our own strict reading is quoted; the words of others may hold bytes of the peer.
        detail = f": {cause}" if type(cause) is HTTPException else ""
        text = rule.describe(
            error=cause,
            reason=next(reasons, type(cause).__name__),
            detail=detail,
            spent=spent,
        )
    tried = f" (after {attempts} attempts)" if attempts > 1 else ""
    problem = kind(
        reason=f"{peer.name(at_proxy=at_proxy)}: {redact(text, peer.secrets)}{tried}."
    )
    for cause in chain:
        # Dask pickles causes, and connections do not pickle; a broken status line holds bytes of the peer.
        words = [
            w
            for w in cause.args
            if not isinstance(cause, BadStatusLine)
            and not isinstance(w, HTTPConnection)
        ]
        cause.args = tuple(
            redact(word, peer.secrets) if isinstance(word, str) else word
            for word in words
        )
        cause.__traceback__ = None
    problem.__cause__ = error
    return Failure(
        problem, lost, any(isinstance(cause, StaleConnectionError) for cause in chain)
    )


def refuse_by_proxy(peer: Peer, status: int) -> Failure:
    """Return the failure for a proxy that answers itself instead of forwarding a request."""
    return Failure(
        ApiConnectionException(
            reason=f"{peer.name(at_proxy=True)}: {_describe_refusal(peer, status)}."
        )
    )


def _describe_refusal(peer: Peer, status: int, phrase: str = "") -> str:
    answer = f"{status} {''.join(filter(str.isprintable, phrase))}".strip()
    if status == PROXY_AUTHENTICATION:
        return f"it wants a user name and a password ({answer}). Put them into Configuration.proxy"
    if status >= 500:
        return f"it could not reach {peer.address} ({answer}). Check {_CHECK_TARGET}"
    return f"it refused the tunnel ({answer}). Check Configuration.proxy, and what it allows"


def find_causes(error: BaseException) -> list[BaseException]:
    """Return an error and all that it wraps, from the outside in."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    for cause in waiting:
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            waiting += [
                cause.__cause__ or cause.__context__,
                getattr(cause, "reason", None),
                *cause.args,
            ]
    return found
