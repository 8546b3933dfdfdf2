"""One table from all that urllib3, http.client, ssl and the system raise to our errors."""

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from http.client import BadStatusLine, HTTPException, IncompleteRead
from typing import NamedTuple

from urllib3 import exceptions as lower
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.connections import DeadlineError, NotHTTPError, StaleConnectionError
from at_client.details import shorten
from at_client.exceptions import ApiConnectionException, ApiTimeoutException
from at_client.headers import redact

PROXY_AUTHENTICATION = 407  # RFC 9110 section 15.5.8

LOWER_ERRORS = (lower.HTTPError, lower.HTTPWarning, HTTPException, OSError)
"""What the layers below raise; other people's classes among them are not translated."""

_LOWER_MODULES = {"at_client", "builtins", "http", "socket", "socks", "ssl", "urllib3"}
"""The packages whose errors are translated; those of `builtins` are the system's."""


class Peer(NamedTuple):
    """The other side, for error messages."""

    address: str
    """Host and port."""

    proxy: str | None = None
    """URL of the proxy in between, without user name and password."""

    secrets: tuple[str, ...] = ()
    """What the proxy is sent, and an error must not repeat."""

    def name(self, *, at_proxy: bool) -> str:
        """Return the name of the side that failed."""
        if self.proxy is None:
            return self.address
        if at_proxy:
            return f"the proxy {self.proxy}"
        return f"{self.address} through the proxy {self.proxy}"


class Failure(NamedTuple):
    """What is known about an error from below."""

    error: BaseException
    """The error that a rule applies to: one of the causes."""

    seconds_spent: float
    """Seconds since the call began."""

    @property
    def reason(self) -> str:
        """The system's own words, or the name of the error's class."""
        for cause in find_causes(self.error):
            if isinstance(cause, OSError) and cause.strerror:
                return cause.strerror
        return type(self.error).__name__


class Rule(NamedTuple):
    """What some errors from below mean."""

    types: tuple[type[BaseException], ...]
    """The rule applies if one of these is among the causes."""

    describe: Callable[[Failure], str]
    """Returns what happened, and what to do."""

    is_lost: bool = False
    """Whether another attempt may succeed."""

    kind: type[ApiConnectionException] = ApiConnectionException


_CHECK_HOST = "Check Configuration.host (AT_CLIENT_HOST)"
_CHECK_PORT = "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)"
_CHECK_TARGET = "Check the service, and whether the proxy is allowed to reach it"

# What OpenSSL says of a peer that does not begin with TLS.
_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)


def _describe_certificate(failure: Failure) -> str:
    words = getattr(failure.error, "verify_message", None) or str(failure.error)
    reason = words.rstrip(".")
    return f"the TLS certificate was rejected: {reason}. {_advise(reason)}"


def _advise(reason: str) -> str:
    """Return what to do about a certificate that was rejected for a reason."""
    if "expired" in reason or "not yet valid" in reason:
        return (
            "Check this machine's clock; if it is right, the service needs a new "
            "certificate"
        )
    if "ostname" in reason or "IP address" in reason:
        return _CHECK_HOST
    if reason.startswith("Missing") or "not marked critical" in reason:
        return (
            "Python 3.13 and newer require this of CAs; ask for a new CA certificate, or "
            "set Configuration.ssl_context to one without ssl.VERIFY_X509_STRICT"
        )
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = os.environ.get(variable)
        if path and not os.path.exists(path):
            return f"{variable} is {path!r}, which does not exist"
    return (
        "If you trust its issuer, set Configuration.ssl_ca_cert (or SSL_CERT_FILE) to "
        "its CA"
    )


def _describe_tls(failure: Failure) -> str:
    reason = getattr(failure.error, "reason", None) or failure.reason
    if reason in _NO_TLS:
        return f"the port does not speak TLS, perhaps plain http. {_CHECK_PORT}"
    return (
        f"TLS failed: {reason}. Check the certificates and TLS versions of both sides"
    )


def _describe_tls_end(_: Failure) -> str:
    return "the connection was closed during TLS"


def _describe_unknown_host(failure: Failure) -> str:
    return (
        f"could not resolve the host name ({failure.reason}). Check its spelling and "
        "the network"
    )


def _describe_no_connection(failure: Failure) -> str:
    return (
        f"could not connect ({failure.reason}). Check that the service is running and "
        "reachable"
    )


def _describe_late_connection(failure: Failure) -> str:
    return f"could not connect{_describe_time(failure)}"


def _describe_late_answer(failure: Failure) -> str:
    return f"no complete response{_describe_time(failure)}"


def _describe_time(failure: Failure) -> str:
    return (
        f" in time; the call took {failure.seconds_spent:.1f} s. Check the service, or "
        "allow more with timeout"
    )


def _describe_end(_: Failure) -> str:
    return (
        "the connection was closed before the response was complete. Check the service "
        "and anything in between"
    )


def _describe_other_protocol(failure: Failure) -> str:
    return f"{failure.error}. {_CHECK_PORT}"


def _describe_invalid(failure: Failure) -> str:
    # Our own strict reading is quoted; the words of others may hold bytes of the peer.
    if type(failure.error) is HTTPException:
        return f"no valid HTTP response: {failure.error}"
    return "no valid HTTP response"


def _describe_closed_pool(_: Failure) -> str:
    return "the client was closed during the call"


def _describe_system(failure: Failure) -> str:
    return f"the connection failed ({failure.reason})"


def _describe_any(failure: Failure) -> str:
    return f"the request failed ({type(failure.error).__name__})"


RULES = (
    Rule((ssl.SSLCertVerificationError, CertificateError), _describe_certificate),
    Rule((ssl.SSLEOFError, ssl.SSLZeroReturnError), _describe_tls_end, is_lost=True),
    Rule(
        (lower.NameResolutionError, socket.gaierror),
        _describe_unknown_host,
        is_lost=True,
    ),
    Rule((lower.NewConnectionError,), _describe_no_connection, is_lost=True),
    Rule(
        (lower.ConnectTimeoutError,),
        _describe_late_connection,
        is_lost=True,
        kind=ApiTimeoutException,
    ),
    Rule(
        (lower.TimeoutError, TimeoutError, DeadlineError),
        _describe_late_answer,
        is_lost=True,
        kind=ApiTimeoutException,
    ),
    Rule((ssl.SSLError, lower.SSLError), _describe_tls),
    Rule(
        (ConnectionError, IncompleteRead, lower.InvalidChunkLength),
        _describe_end,
        is_lost=True,
    ),
    Rule((NotHTTPError,), _describe_other_protocol),
    Rule(
        (HTTPException, lower.InvalidHeader, lower.HeaderParsingError),
        _describe_invalid,
    ),
    Rule((lower.ClosedPoolError,), _describe_closed_pool, is_lost=True),
    Rule((OSError,), _describe_system, is_lost=True),
    Rule(
        (lower.ProtocolError, lower.DecodeError, lower.BodyNotHttplibCompatible),
        _describe_invalid,
    ),
    # What urllib3 raises for pools and URLs that it does not get to see here, and warnings
    # that are made errors.
    Rule((BaseException,), _describe_any),
)
"""The first rule that applies wins, so the most specific come first."""


def find_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, from the outside in."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    for cause in waiting:
        if not isinstance(cause, BaseException) or any(cause is one for one in seen):
            continue
        seen.append(cause)
        yield cause

        waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]
        if isinstance(cause, lower.NewConnectionError):
            # urllib3 raises it after PySocks' error, but not from that.
            waiting.append(cause.__context__)
        waiting.append(getattr(cause, "socket_err", None))  # PySocks' own cause


def find_foreign(error: BaseException) -> BaseException | None:
    """Return what other people's code raised in the middle; `None` for nothing.

    urllib3 wraps an `OSError` of their own, such as that of a signal handler.
    """
    for cause in find_causes(error):
        package = type(cause).__module__.partition(".")[0]
        if isinstance(cause, OSError | HTTPException) and package not in _LOWER_MODULES:
            return cause
    return None


def find_rule(chain: list[BaseException]) -> tuple[Rule, BaseException]:
    """Return the rule for an error, and the one of its causes that it applies to."""
    return next(
        (rule, cause)
        for rule in RULES
        for cause in chain
        if isinstance(cause, rule.types)
    )


def is_lost(error: BaseException) -> bool:
    """Return whether another attempt may succeed after an error from below."""
    chain = list(find_causes(error))[::-1]
    refusal = find_refusal(chain)
    if refusal is not None:
        return refusal.is_lost
    rule, _ = find_rule(chain)
    return rule.is_lost


def is_stale(error: BaseException) -> bool:
    """Return whether the request met an idle connection that the server had closed."""
    return any(isinstance(cause, StaleConnectionError) for cause in find_causes(error))


class Refusal(NamedTuple):
    """What a proxy said instead of letting a request through."""

    status: int
    """The HTTP status; 0 for a SOCKS proxy."""

    words: str
    """The reason phrase, or PySocks' description."""

    is_lost: bool
    """Whether another attempt may succeed."""

    is_own: bool
    """Whether the proxy itself refused; if not, it could not reach the target."""


_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3}) ?(.{0,100})")
_SOCKS_CODE = re.compile(r"^0x[0-9a-f]+: ")
_SOCKS_TARGET_ERRORS = ("SOCKS5Error", "SOCKS4Error")


def find_refusal(chain: list[BaseException]) -> Refusal | None:
    """Return how a proxy refused; `None` if none did.

    `http.client` makes a plain `OSError` of a refused CONNECT.
    """
    for cause in chain:
        tunnel = _TUNNEL.search(str(cause)) if type(cause) is OSError else None
        if tunnel:
            status = int(tunnel[1])
            words = shorten(tunnel[2])
            return Refusal(status, words, is_lost=status >= 500, is_own=True)
        if type(cause).__module__ == "socks":
            words = _SOCKS_CODE.sub("", str(cause))
            is_own = type(cause).__name__ not in _SOCKS_TARGET_ERRORS
            return Refusal(0, words, is_lost=True, is_own=is_own)
    return None


def describe_refusal(peer: Peer, refusal: Refusal) -> str:
    """Return what a proxy did, and what to do about it."""
    if not refusal.status:
        advice = "Check Configuration.proxy" if refusal.is_own else _CHECK_TARGET
        return f"{refusal.words}. {advice}"

    answer = f"{refusal.status} {refusal.words}".strip()
    if refusal.status == PROXY_AUTHENTICATION:
        return (
            f"it wants a user name and a password ({answer}). Put them into "
            "Configuration.proxy"
        )
    if refusal.status >= 500:
        return f"it could not reach {peer.address} ({answer}). {_CHECK_TARGET}"
    return (
        f"it refused the tunnel ({answer}). Check Configuration.proxy, and what it "
        "allows"
    )


def explain(
    error: BaseException,
    peer: Peer,
    seconds_spent: float,
    *,
    attempts: int = 1,
    secrets: Sequence[str] = (),
) -> ApiConnectionException:
    """Translate an error from below.

    It stays the cause, but it and its own causes lose their frames: those hold secrets,
    keep sockets open and do not pickle.

    Args:
        error: What urllib3 raised.
        peer: The other side.
        seconds_spent: Seconds since the call began.
        attempts: How many there were.
        secrets: What was sent, and no message must repeat.
    """
    chain = list(find_causes(error))[::-1]  # the innermost cause is the most specific
    refusal = find_refusal(chain)
    if refusal is not None:
        at_proxy = refusal.is_own
        kind: type[ApiConnectionException] = ApiConnectionException
        is_retryable = refusal.is_lost
        text = describe_refusal(peer, refusal)
    else:
        at_proxy = any(isinstance(cause, lower.ProxyError) for cause in chain)
        rule, cause = find_rule(chain)
        kind = rule.kind
        is_retryable = rule.is_lost
        text = rule.describe(Failure(cause, seconds_spent))

    tried = f" (after {attempts} attempts)" if attempts > 1 else ""
    name = peer.name(at_proxy=at_proxy)
    hidden = (*peer.secrets, *secrets)
    reason = f"{name}: {redact(text, hidden)}{tried}."
    for cause in chain:
        strip_cause(cause, hidden)

    problem = kind(reason=reason, is_retryable=is_retryable)
    problem.__cause__ = error
    return problem


def strip_cause(cause: BaseException, secrets: Sequence[str]) -> None:
    """Take out of an error what must not be kept with ours: frames, connections, secrets.

    Dask pickles causes, and connections do not pickle; a broken status line holds bytes
    of the peer.
    """
    cause.__traceback__ = None
    cause.__context__ = None
    words = [] if isinstance(cause, BadStatusLine) else cause.args
    cause.args = tuple(
        redact(word, secrets) if isinstance(word, str) else word
        for word in words
        if not isinstance(word, HTTPConnection)
    )


def refuse_by_proxy(peer: Peer) -> ApiConnectionException:
    """Return the error for a proxy that wants a password before it forwards a request."""
    refusal = Refusal(PROXY_AUTHENTICATION, "", is_lost=False, is_own=True)
    reason = f"{peer.name(at_proxy=True)}: {describe_refusal(peer, refusal)}."
    return ApiConnectionException(reason=reason, is_retryable=False)
