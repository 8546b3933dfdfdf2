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
RESPONSE = urllib3.HTTPResponse(preload_content=False)

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def wrap(error: BaseException, cause: BaseException) -> BaseException:
    """Chain an error as `raise ... from` does."""
    error.__cause__ = cause
    return error


def fail_tls(reason: str | None) -> ssl.SSLError:
    """Make an error as OpenSSL's binding does."""
    error = ssl.SSLError(1, f"[SSL: {reason}] words (_ssl.c:1000)")
    error.reason = reason  # type: ignore[assignment]  # None where OpenSSL says nothing
    return error


def distrust(message: str) -> ssl.SSLCertVerificationError:
    """Make an error as a failed verification does."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


class Row(NamedTuple):
    """An error from below, and what becomes of it."""

    error: BaseException
    says: str
    is_lost: bool = False
    peer: Peer = PEER


# ---- Errors that no other attempt can mend

CERTIFICATE = f"{ADDRESS}: the TLS certificate was rejected:"
TLS = f"{ADDRESS}: TLS failed:"
TLS_ADVICE = "Check the certificates and TLS versions of both sides."
ISSUER = "set Configuration.ssl_ca_cert (or SSL_CERT_FILE) to its CA."
CHECK_HOST = "Check Configuration.host (AT_CLIENT_HOST)."
CHECK_PORT = "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)."
NO_TLS = f"{ADDRESS}: the port does not speak TLS, perhaps plain http. {CHECK_PORT}"
CHECK_CLOCK = "Check this machine's clock; if it is right, the service needs a new"
NO_HTTP = f"{ADDRESS}: no valid HTTP response"

FINAL: dict[str, Row] = {
    "an unknown issuer": Row(
        distrust("self-signed certificate"),
        f"{CERTIFICATE} self-signed certificate. If you trust its issuer, {ISSUER}",
    ),
    "another host name": Row(
        lower.SSLError(distrust("Hostname mismatch.")),
        f"{CERTIFICATE} Hostname mismatch. {CHECK_HOST}",
    ),
    "an expired certificate": Row(
        lower.MaxRetryError(POOL, "/", lower.SSLError(distrust("has expired"))),
        f"{CERTIFICATE} has expired. {CHECK_CLOCK} certificate.",
    ),
    "no TLS": Row(lower.SSLError(fail_tls("WRONG_VERSION_NUMBER")), NO_TLS),
    "no cipher in common": Row(
        lower.SSLError(fail_tls("NO_CIPHERS")), f"{TLS} NO_CIPHERS. {TLS_ADVICE}"
    ),
    "another protocol": Row(
        NotHTTPError("the port speaks TLS"),
        f"{ADDRESS}: the port speaks TLS. {CHECK_PORT}",
    ),
    "our own strict reading": Row(
        lower.ProtocolError("x", FramingError("odd")), f"{NO_HTTP}: odd."
    ),
    "a broken status line": Row(http.client.BadStatusLine("hidden"), f"{NO_HTTP}."),
    "something else": Row(
        queue.Empty("hidden"), f"{ADDRESS}: the request failed (Empty)."
    ),
}

# ---- Errors that another attempt may mend

CLOSED = (
    "the connection was closed before the response was complete. Check the service and "
    "anything in between."
)
ENDED_IN_TLS = f"{ADDRESS}: the connection was closed during TLS."
UNRESOLVED = (
    f"{ADDRESS}: could not resolve the host name (Name or service not known). Check "
    "its spelling and the network."
)
NO_CONNECTION = f"{ADDRESS}: could not connect"
RUNNING = "Check that the service is running and reachable."
IN_TIME = "in time; the call took 1.5 s. Check the service, or allow more with timeout."
NO_ANSWER = f"{ADDRESS}: no complete response {IN_TIME}"


def lose(error: BaseException, says: str = f"{ADDRESS}: {CLOSED}") -> Row:
    """Make the row of a lost connection."""
    return Row(error, says, is_lost=True)


LOST: dict[str, Row] = {
    "an end in TLS": lose(lower.SSLError(ssl.SSLEOFError(8, "EOF")), ENDED_IN_TLS),
    "an unknown name": lose(
        wrap(lower.NameResolutionError("x", CONNECTION, UNKNOWN), UNKNOWN), UNRESOLVED
    ),
    "a refused connection": lose(
        wrap(lower.NewConnectionError(CONNECTION, "x"), REFUSED),
        f"{NO_CONNECTION} (Connection refused). {RUNNING}",
    ),
    "a connection without a reason": lose(
        lower.NewConnectionError(CONNECTION, "odd"),
        f"{NO_CONNECTION} (NewConnectionError). {RUNNING}",
    ),
    "a late connection": lose(
        lower.ConnectTimeoutError(CONNECTION, "x"), f"{NO_CONNECTION} {IN_TIME}"
    ),
    "a late answer": lose(lower.ReadTimeoutError(POOL, "/", "x"), NO_ANSWER),
    "a reset": lose(lower.ProtocolError("Connection aborted.", RESET)),
    "an end without an answer": lose(http.client.RemoteDisconnected("hidden")),
    "half a body": lose(http.client.IncompleteRead(b"x", 7)),
    "a closed client": lose(
        lower.ClosedPoolError(POOL, "x"),
        f"{ADDRESS}: the client was closed during the call.",
    ),
    "a system's error": lose(
        lower.ProtocolError("x", OSError(errno.EMFILE, "Too many files")),
        f"{ADDRESS}: the connection failed (Too many files).",
    ),
    "a system's error without words": lose(
        OSError("hidden"), f"{ADDRESS}: the connection failed (OSError)."
    ),
}

# ---- Errors behind a proxy, which is named where it failed

PROXY = "the proxy http://proxy:3128:"
THROUGH = f"{ADDRESS} through the proxy http://proxy:3128:"
CHECK_TARGET = "Check the service, and whether the proxy is allowed to reach it."
LOGIN = f"{PROXY} it wants a user name and a password"
PUT_LOGIN = "Put them into Configuration.proxy."
DENIED = f"{PROXY} it refused the tunnel"
ALLOWS = "Check Configuration.proxy, and what it allows."
UNREACHED = f"{PROXY} it could not reach {ADDRESS}"


def refuse_tunnel(words: str) -> OSError:
    """Make the error of `http.client` for a refused CONNECT."""
    return OSError(f"Tunnel connection failed: {words}")


PROXIED: dict[str, Row] = {
    "407": Row(
        refuse_tunnel("407 Wants a login"),
        f"{LOGIN} (407 Wants a login). {PUT_LOGIN}",
        peer=BEHIND,
    ),
    "403 with control characters": Row(
        refuse_tunnel("403 No\x1b[31m"),
        f"{DENIED} (403 No [31m). {ALLOWS}",
        peer=BEHIND,
    ),
    "403 that repeats the password": Row(
        refuse_tunnel(f"403 {PROXY_PASSWORD}"),
        f"{DENIED} (403 ***). {ALLOWS}",
        peer=BEHIND,
    ),
    "500": Row(
        refuse_tunnel("500 Busy"),
        f"{UNREACHED} (500 Busy). {CHECK_TARGET}",
        is_lost=True,
        peer=BEHIND,
    ),
    "a reset by either": Row(RESET, f"{THROUGH} {CLOSED}", is_lost=True, peer=BEHIND),
    "SOCKS without an answer": Row(
        wrap(
            lower.NewConnectionError(CONNECTION, "x"),
            socks.GeneralProxyError("No answer"),
        ),
        f"{PROXY} No answer. Check Configuration.proxy.",
        is_lost=True,
        peer=BEHIND,
    ),
    "a SOCKS target that refuses": Row(
        socks.SOCKS5Error("0x05: Refused"),
        f"{THROUGH} Refused. {CHECK_TARGET}",
        is_lost=True,
        peer=BEHIND,
    ),
}

ROWS = {**FINAL, **LOST, **PROXIED}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_an_error_from_below_becomes_ours(row: Row) -> None:
    """Class and text say what happened and what to do, and whether to try again."""
    ours = explain(row.error, row.peer, 1.5)
    is_late = row.says.endswith(IN_TIME)
    assert type(ours) is (ApiTimeoutException if is_late else ApiConnectionException)
    assert str(ours) == ours.reason == row.says
    assert ours.status == 0
    assert ours.__cause__ is row.error
    assert is_lost(row.error) is ours.is_retryable is row.is_lost


def test_the_number_of_attempts_is_told() -> None:
    """More than one attempt is worth a word."""
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
