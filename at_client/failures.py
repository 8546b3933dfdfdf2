"""One table from what urllib3, http.client, ssl and the system raise to our errors."""

import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from http.client import BadStatusLine, HTTPException, IncompleteRead
from typing import NamedTuple

from urllib3 import exceptions as lower
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.clock import DeadlineError
from at_client.connections import StaleConnectionError
from at_client.details import shorten
from at_client.exceptions import ApiConnectionException, ApiTimeoutException
from at_client.framing import FramingError, NotHTTPError
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

    secrets: Sequence[str] = ()
    """What the proxy is sent, and an error must not repeat."""

    def name(self, *, at_proxy: bool) -> str:
        """Return the name of the side that failed."""
        if self.proxy is None:
            return self.address
        if at_proxy:
            return f"the proxy {self.proxy}"
        return f"{self.address} through the proxy {self.proxy}"


class Rule(NamedTuple):
    """What some errors from below mean."""

    types: tuple[type[BaseException], ...]
    """The rule applies if one of these is among the causes."""

    text: str
    """What happened, and what to do; in braces, what `fill` knows."""

    is_lost: bool = False
    """Whether another attempt may succeed."""

    kind: type[ApiConnectionException] = ApiConnectionException


_CHECK_PORT = "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)"
_CHECK_TARGET = "Check the service, and whether the proxy is allowed to reach it"
_LATE = (
    "in time; the call took {seconds:.1f} s. Check the service, or allow more with "
    "timeout"
)

RULES = (
    Rule((ssl.SSLCertVerificationError, CertificateError), "{tls}"),
    Rule(
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        "the connection was closed during TLS",
        is_lost=True,
    ),
    Rule(
        (lower.NameResolutionError, socket.gaierror),
        "could not resolve the host name ({reason}). Check its spelling and the "
        "network",
        is_lost=True,
    ),
    Rule(
        (lower.NewConnectionError,),
        "could not connect ({reason}). Check that the service is running and reachable",
        is_lost=True,
    ),
    Rule(
        (lower.ConnectTimeoutError,),
        f"could not connect {_LATE}",
        is_lost=True,
        kind=ApiTimeoutException,
    ),
    Rule(
        (lower.TimeoutError, TimeoutError, DeadlineError),
        f"no complete response {_LATE}",
        is_lost=True,
        kind=ApiTimeoutException,
    ),
    Rule((ssl.SSLError, lower.SSLError), "{tls}"),
    Rule(
        (ConnectionError, IncompleteRead, lower.InvalidChunkLength),
        "the connection was closed before the response was complete. Check the service "
        "and anything in between",
        is_lost=True,
    ),
    Rule((NotHTTPError,), f"{{error}}. {_CHECK_PORT}"),
    Rule((FramingError,), "no valid HTTP response: {error}"),
    # The words of others may hold bytes of the peer.
    Rule(
        (HTTPException, lower.InvalidHeader, lower.HeaderParsingError),
        "no valid HTTP response",
    ),
    Rule(
        (lower.ClosedPoolError,),
        "the client was closed during the call",
        is_lost=True,
    ),
    Rule((OSError,), "the connection failed ({reason})", is_lost=True),
    Rule(
        (lower.ProtocolError, lower.DecodeError, lower.BodyNotHttplibCompatible),
        "no valid HTTP response",
    ),
    # What urllib3 raises for pools and URLs that it does not get to see here, and
    # warnings that are made errors.
    Rule((BaseException,), "the request failed ({name})"),
)
"""The first rule that applies wins, so the most specific come first."""


def fill(text: str, error: BaseException, seconds: float) -> str:
    """Return the text of a rule for an error, after so many seconds of the call."""
    name = type(error).__name__
    return text.format(
        error=error,
        name=name,
        reason=find_system_words(error) or name,
        seconds=seconds,
        tls=describe_tls(error),
    )


def find_system_words(error: BaseException) -> str:
    """Return what the system says about an error; an empty text if nothing."""
    for cause in find_causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return ""


# What OpenSSL says of a peer that does not begin with TLS.
_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)


def describe_tls(error: BaseException) -> str:
    """Return why there is no TLS connection, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError | CertificateError):
        words = getattr(error, "verify_message", None) or str(error)
        reason = words.rstrip(".")
        advice = advise_certificate(reason)
        return f"the TLS certificate was rejected: {reason}. {advice}"

    reason = getattr(error, "reason", None) or find_system_words(error)
    if reason in _NO_TLS:
        return f"the port does not speak TLS, perhaps plain http. {_CHECK_PORT}"
    return (
        f"TLS failed: {reason}. Check the certificates and TLS versions of both sides"
    )


def advise_certificate(reason: str) -> str:
    """Return what to do about a certificate that was rejected for a reason."""
    if "expired" in reason or "not yet valid" in reason:
        return (
            "Check this machine's clock; if it is right, the service needs a new "
            "certificate"
        )
    if "ostname" in reason or "IP address" in reason:
        return "Check Configuration.host (AT_CLIENT_HOST)"
    if reason.startswith("Missing") or "not marked critical" in reason:
        return (
            "Python 3.13 and newer require this of CAs; ask for a new CA certificate, "
            "or set Configuration.ssl_context to one without ssl.VERIFY_X509_STRICT"
        )
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = os.environ.get(variable)
        if path and not os.path.exists(path):
            return f"{variable} is {path!r}, which does not exist"
    return (
        "If you trust its issuer, set Configuration.ssl_ca_cert (or SSL_CERT_FILE) to "
        "its CA"
    )


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
        text = fill(rule.text, cause, seconds_spent)

    tried = f" (after {attempts} attempts)" if attempts > 1 else ""
    name = peer.name(at_proxy=at_proxy)
    hidden = (*peer.secrets, *secrets)
    reason = f"{name}: {redact(text, hidden)}{tried}."
    for cause in chain:
        strip_cause(cause, hidden)

    problem = kind(reason=reason)
    problem.is_retryable = is_retryable
    problem.__cause__ = error
    return problem


def strip_cause(cause: BaseException, secrets: Sequence[str]) -> None:
    """Take frames, connections and secrets out of an error that is kept with ours.

    Dask pickles causes, and connections do not pickle; some errors hold bytes of the
    response.
    """
    cause.__traceback__ = None
    cause.__context__ = None
    if isinstance(cause, IncompleteRead):
        cause.partial = b""
    holds_bytes = isinstance(cause, BadStatusLine | IncompleteRead)
    words = () if holds_bytes else cause.args
    cause.args = tuple(
        redact(word, secrets) if isinstance(word, str) else word
        for word in words
        if not isinstance(word, HTTPConnection)
    )


def refuse_by_proxy(peer: Peer) -> ApiConnectionException:
    """Return the error for a proxy that wants a password to forward a request."""
    refusal = Refusal(PROXY_AUTHENTICATION, "", is_lost=False, is_own=True)
    reason = f"{peer.name(at_proxy=True)}: {describe_refusal(peer, refusal)}."
    problem = ApiConnectionException(reason=reason)
    problem.is_retryable = False
    return problem
