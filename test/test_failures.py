"""The table of failures, from what the layers below raise to our errors."""

import errno
import http.client
import inspect
import queue
import socket
import ssl
from typing import Any, NamedTuple

import pytest
import socks
import urllib3
from urllib3 import exceptions as lower

from at_client import ApiConnectionException, ApiTimeoutException
from at_client.connections import StaleConnectionError
from at_client.failures import (
    RULES,
    Peer,
    explain,
    is_lost,
)
from at_client.framing import FramingError, NotHTTPError
from support.facts import PROXY_PASSWORD, secrets_in

ADDRESS = "api.example.com:443"
PEER = Peer(ADDRESS)
BEHIND = Peer(ADDRESS, "http://proxy:3128", (PROXY_PASSWORD,))
POOL: Any = urllib3.HTTPSConnectionPool("api.example.com")
CONNECTION: Any = urllib3.connection.HTTPConnection("api.example.com")

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def wrap(error: BaseException, cause: BaseException) -> BaseException:
    """Chain an error as `raise ... from` does."""
    error.__cause__ = cause
    return error


def fail_tls(reason: str) -> ssl.SSLError:
    """Make an error as OpenSSL's binding does."""
    error = ssl.SSLError(1, f"[SSL: {reason}] words (_ssl.c:1000)")
    error.reason = reason
    return error


def refuse_tunnel(words: str) -> OSError:
    """Make the error of `http.client` for a refused CONNECT."""
    return OSError(f"Tunnel connection failed: {words}")


def distrust(message: str) -> ssl.SSLCertVerificationError:
    """Make an error as a failed verification does."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


class Row(NamedTuple):
    """An error from below, and what becomes of it."""

    error: BaseException
    says: str
    peer: Peer = PEER


FINAL: dict[str, Row] = {
    "an unknown issuer": Row(
        distrust("self-signed certificate"),
        "api.example.com:443: the TLS certificate was rejected: self-signed "
        "certificate. If you trust its issuer, set Configuration.ssl_ca_cert (or "
        "SSL_CERT_FILE) to its CA.",
    ),
    "another host name": Row(
        lower.SSLError(distrust("Hostname mismatch.")),
        "api.example.com:443: the TLS certificate was rejected: Hostname mismatch. "
        "Check Configuration.host (AT_CLIENT_HOST).",
    ),
    "an expired certificate": Row(
        lower.MaxRetryError(POOL, "/", lower.SSLError(distrust("has expired"))),
        "api.example.com:443: the TLS certificate was rejected: has expired. Check "
        "this machine's clock; if it is right, the service needs a new certificate.",
    ),
    "no TLS": Row(
        lower.SSLError(fail_tls("WRONG_VERSION_NUMBER")),
        "api.example.com:443: the port does not speak TLS, perhaps plain http. Check "
        "the scheme and the port of Configuration.host (AT_CLIENT_HOST).",
    ),
    "no cipher in common": Row(
        lower.SSLError(fail_tls("NO_CIPHERS")),
        "api.example.com:443: TLS failed: NO_CIPHERS. Check the certificates and TLS "
        "versions of both sides.",
    ),
    "another protocol": Row(
        NotHTTPError("the port speaks TLS"),
        "api.example.com:443: the port speaks TLS. Check the scheme and the port of "
        "Configuration.host (AT_CLIENT_HOST).",
    ),
    "our own strict reading": Row(
        lower.ProtocolError("x", FramingError("odd")),
        "api.example.com:443: no valid HTTP response: odd.",
    ),
    "a broken status line": Row(
        http.client.BadStatusLine("hidden"),
        "api.example.com:443: no valid HTTP response.",
    ),
    "something else": Row(
        queue.Empty("hidden"),
        "api.example.com:443: the request failed (Empty).",
    ),
    "a proxy that wants a login": Row(
        refuse_tunnel("407 Wants a login"),
        "the proxy http://proxy:3128: it wants a user name and a password (407 Wants a "
        "login). Put them into Configuration.proxy.",
        BEHIND,
    ),
    "a proxy that refuses with control characters": Row(
        refuse_tunnel("403 No\x1b[31m"),
        "the proxy http://proxy:3128: it refused the tunnel (403 No [31m). Check "
        "Configuration.proxy, and what it allows.",
        BEHIND,
    ),
    "a proxy that repeats the password": Row(
        refuse_tunnel(f"403 {PROXY_PASSWORD}"),
        "the proxy http://proxy:3128: it refused the tunnel (403 ***). Check "
        "Configuration.proxy, and what it allows.",
        BEHIND,
    ),
}
"""Errors that no other attempt can mend."""

CLOSED = (
    "the connection was closed before the response was complete. Check the service and "
    "anything in between."
)
LOST: dict[str, Row] = {
    "an end in TLS": Row(
        lower.SSLError(ssl.SSLEOFError(8, "EOF")),
        "api.example.com:443: the connection was closed during TLS.",
    ),
    "an unknown name": Row(
        wrap(lower.NameResolutionError("x", CONNECTION, UNKNOWN), UNKNOWN),
        "api.example.com:443: could not resolve the host name (Name or service not "
        "known). Check its spelling and the network.",
    ),
    "a refused connection": Row(
        wrap(lower.NewConnectionError(CONNECTION, "x"), REFUSED),
        "api.example.com:443: could not connect (Connection refused). Check that the "
        "service is running and reachable.",
    ),
    "a connection without a reason": Row(
        lower.NewConnectionError(CONNECTION, "odd"),
        "api.example.com:443: could not connect (NewConnectionError). Check that the "
        "service is running and reachable.",
    ),
    "a reset": Row(
        lower.ProtocolError("Connection aborted.", RESET),
        f"{ADDRESS}: {CLOSED}",
    ),
    "half a body": Row(
        http.client.IncompleteRead(b"x", 7),
        f"{ADDRESS}: {CLOSED}",
    ),
    "a closed client": Row(
        lower.ClosedPoolError(POOL, "x"),
        "api.example.com:443: the client was closed during the call.",
    ),
    "a system's error": Row(
        lower.ProtocolError("x", OSError(errno.EMFILE, "Too many files")),
        "api.example.com:443: the connection failed (Too many files).",
    ),
    "a system's error without words": Row(
        OSError("hidden"),
        "api.example.com:443: the connection failed (OSError).",
    ),
    "a proxy that cannot reach the service": Row(
        refuse_tunnel("500 Busy"),
        "the proxy http://proxy:3128: it could not reach api.example.com:443 (500 "
        "Busy). Check the service, and whether the proxy is allowed to reach it.",
        BEHIND,
    ),
    "a reset by proxy or service": Row(
        RESET,
        f"{ADDRESS} through the proxy http://proxy:3128: {CLOSED}",
        BEHIND,
    ),
    "a SOCKS proxy without an answer": Row(
        wrap(
            lower.NewConnectionError(CONNECTION, "x"),
            socks.GeneralProxyError("No answer"),
        ),
        "the proxy http://proxy:3128: No answer. Check Configuration.proxy.",
        BEHIND,
    ),
    "a SOCKS target that refuses": Row(
        socks.SOCKS5Error("0x05: Refused"),
        "api.example.com:443 through the proxy http://proxy:3128: Refused. Check the "
        "service, and whether the proxy is allowed to reach it.",
        BEHIND,
    ),
}
"""Errors that another attempt may mend."""

LATE: dict[str, Row] = {
    "a late connection": Row(
        lower.ConnectTimeoutError(CONNECTION, "x"),
        "api.example.com:443: could not connect in time; the call took 1.5 s. Check "
        "the service, or allow more with timeout.",
    ),
    "a late answer": Row(
        lower.ReadTimeoutError(POOL, "/", "x"),
        "api.example.com:443: no complete response in time; the call took 1.5 s. Check "
        "the service, or allow more with timeout.",
    ),
}
"""Errors that another attempt may mend, and that came too late."""


def check(row: Row, kind: type[ApiConnectionException], *, may_retry: bool) -> None:
    """Check what an error becomes: its class and text, and whether to try again."""
    ours = explain(row.error, row.peer, 1.5)
    assert type(ours) is kind
    assert str(ours) == row.says
    assert ours.reason == row.says
    assert ours.status == 0
    assert ours.__cause__ is row.error
    assert ours.is_retryable is may_retry
    assert is_lost(row.error) is may_retry


@pytest.mark.parametrize("row", FINAL.values(), ids=FINAL)
def test_what_no_other_attempt_can_mend_is_told(row: Row) -> None:
    """A failure that stays says what is wrong and where to set it right."""
    check(row, ApiConnectionException, may_retry=False)


@pytest.mark.parametrize("row", LOST.values(), ids=LOST)
def test_what_another_attempt_may_mend_is_told(row: Row) -> None:
    """A failure that may pass says what was lost, and is retryable."""
    check(row, ApiConnectionException, may_retry=True)


@pytest.mark.parametrize("row", LATE.values(), ids=LATE)
def test_what_comes_too_late_is_told(row: Row) -> None:
    """A failure that came too late is a timeout, and says how long the call took."""
    check(row, ApiTimeoutException, may_retry=True)


def test_the_number_of_attempts_is_told() -> None:
    """The error of several attempts says how many there were."""
    error = explain(StaleConnectionError("x"), PEER, 1.5, attempts=2)
    assert str(error) == f"{ADDRESS}: {CLOSED[:-1]} (after 2 attempts)."


def test_a_cause_keeps_neither_frames_nor_connections_nor_bytes_of_the_peer() -> None:
    """Causes pickle, and show nothing that the peer wrote or that a frame held."""
    line = http.client.BadStatusLine(PROXY_PASSWORD)
    inner = lower.NewConnectionError(CONNECTION, "refused")
    try:
        raise wrap(lower.MaxRetryError(POOL, "/", inner), line)
    except lower.MaxRetryError as error:
        cause = explain(error, PEER, 0.0).__cause__
    assert cause is not None
    assert cause.__traceback__ is None
    assert CONNECTION not in inner.args
    assert secrets_in(repr(line), str(line)) == []


# ---- The table itself

UNNAMED = (
    lower.PoolError,
    lower.LocationValueError,
    lower.ProxySchemeUnsupported,
    lower.ProxyError,
    lower.ResponseError,
    lower.TimeoutStateError,
    lower.UnrewindableBodyError,
    lower.HTTPWarning,
)
"""What the last rule is for: a call does not meet these alone."""

CATCH_ALL = {BaseException, OSError}
NAMED = {kind for rule in RULES for kind in rule.types} - CATCH_ALL


def classes_of(module: Any) -> list[type[BaseException]]:
    """List the exceptions that a module defines."""
    return [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, BaseException)
        and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize(
    "kind",
    classes_of(lower) + classes_of(http.client),
    ids=lambda kind: kind.__name__,
)
def test_no_exception_from_below_is_missed(kind: type[BaseException]) -> None:
    """An exception that urllib3 or `http.client` grows needs a row in the table."""
    is_known = issubclass(kind, (*NAMED, *UNNAMED))
    assert is_known or kind is lower.HTTPError
