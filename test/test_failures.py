"""The table of failures, from what the layers below raise to our errors."""

import errno
import http.client
import queue
import ssl
from typing import Any, NamedTuple

import pytest
import socks
import urllib3
from urllib3 import exceptions as lower
from urllib3.util.ssl_match_hostname import CertificateError

from at_client.connections import StaleConnectionError
from at_client.failures import Peer, explain, is_lost
from at_client.framing import NotHTTPError
from support.facts import PROXY_PASSWORD

DIRECT = Peer("api.example.com:443")
BEHIND = Peer("api.example.com:443", "http://proxy:3128", (PROXY_PASSWORD,))
POOL: Any = urllib3.HTTPSConnectionPool("api.example.com")
CONNECTION: Any = urllib3.connection.HTTPConnection("api.example.com")

NO_CIPHERS = ssl.SSLError(1, "[SSL: NO_CIPHERS] words (_ssl.c:1000)")
NO_CIPHERS.reason = "NO_CIPHERS"  # as OpenSSL's binding does
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


class Row(NamedTuple):
    """An error from below, and what becomes of it."""

    error: BaseException
    says: str
    peer: Peer = DIRECT


FINAL = {
    "an unknown issuer": Row(
        CertificateError("self-signed certificate"),
        "api.example.com:443: the TLS certificate was rejected: self-signed "
        "certificate. If you trust its issuer, set Configuration.ssl_ca_cert (or "
        "SSL_CERT_FILE) to its CA.",
    ),
    "another host name": Row(
        lower.SSLError(CertificateError("Hostname mismatch.")),
        "api.example.com:443: the TLS certificate was rejected: Hostname mismatch. "
        "Check Configuration.host (AT_CLIENT_HOST).",
    ),
    "an expired certificate": Row(
        lower.MaxRetryError(POOL, "/", CertificateError("has expired")),
        "api.example.com:443: the TLS certificate was rejected: has expired. Check "
        "this machine's clock; if it is right, the service needs a new certificate.",
    ),
    "no cipher in common": Row(
        lower.SSLError(NO_CIPHERS),
        "api.example.com:443: TLS failed: NO_CIPHERS. Check the certificates and TLS "
        "versions of both sides.",
    ),
    "another protocol": Row(
        NotHTTPError("the port speaks TLS"),
        "api.example.com:443: the port speaks TLS. Check the scheme and the port of "
        "Configuration.host (AT_CLIENT_HOST).",
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
        OSError("Tunnel connection failed: 407 Wants a login"),
        "the proxy http://proxy:3128: it wants a user name and a password (407 Wants a "
        "login). Put them into Configuration.proxy.",
        BEHIND,
    ),
    "a proxy that repeats the password in red": Row(
        OSError(f"Tunnel connection failed: 403 \x1b[31m{PROXY_PASSWORD}"),
        "the proxy http://proxy:3128: it refused the tunnel (403 [31m***). Check "
        "Configuration.proxy, and what it allows.",
        BEHIND,
    ),
}
"""Errors that no other attempt can mend."""

LOST = {
    "an end in TLS": Row(
        lower.SSLError(ssl.SSLEOFError(8, "EOF")),
        "api.example.com:443: the connection was closed during TLS.",
    ),
    "a connection without a reason": Row(
        lower.NewConnectionError(CONNECTION, "odd"),
        "api.example.com:443: could not connect (NewConnectionError). Check that the "
        "service is running and reachable.",
    ),
    "a closed client": Row(
        lower.ClosedPoolError(POOL, "x"),
        "api.example.com:443: the client was closed during the call.",
    ),
    "a system's error": Row(
        lower.ProtocolError("x", OSError(errno.EMFILE, "Too many files")),
        "api.example.com:443: the connection failed (Too many files).",
    ),
    "a proxy that cannot reach the service": Row(
        OSError("Tunnel connection failed: 500 Busy"),
        "the proxy http://proxy:3128: it could not reach api.example.com:443 (500 "
        "Busy). Check the service, and whether the proxy is allowed to reach it.",
        BEHIND,
    ),
    "a reset by proxy or service": Row(
        lower.ProtocolError("Connection aborted.", RESET),
        "api.example.com:443 through the proxy http://proxy:3128: the connection was "
        "closed before the response was complete. Check the service and anything in "
        "between.",
        BEHIND,
    ),
    "a SOCKS target that refuses": Row(
        socks.SOCKS5Error("0x05: Refused"),
        "api.example.com:443 through the proxy http://proxy:3128: Refused. Check the "
        "service, and whether the proxy is allowed to reach it.",
        BEHIND,
    ),
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
"""Errors that another attempt may mend."""


@pytest.mark.parametrize("row", FINAL.values(), ids=FINAL)
def test_what_no_other_attempt_can_mend_is_told(row: Row) -> None:
    """A failure that stays says what is wrong and where to set it right."""
    problem = explain(row.error, row.peer, 1.5)
    assert str(problem) == row.says
    assert not problem.is_retryable
    assert not is_lost(row.error)


@pytest.mark.parametrize("row", LOST.values(), ids=LOST)
def test_what_another_attempt_may_mend_is_told(row: Row) -> None:
    """A failure that may pass says what was lost, and is retryable."""
    problem = explain(row.error, row.peer, 1.5)
    assert str(problem) == row.says
    assert problem.is_retryable
    assert is_lost(row.error)


def test_the_number_of_attempts_is_told() -> None:
    """The error of several attempts says how many there were."""
    problem = explain(StaleConnectionError("x"), DIRECT, 1.5, attempts=2)
    assert str(problem).endswith("anything in between (after 2 attempts).")


def test_a_cause_keeps_neither_connections_nor_bytes_of_the_peer() -> None:
    """What is kept of a cause pickles, and shows nothing that the peer wrote."""
    late = lower.ConnectTimeoutError(CONNECTION, "late")
    line = http.client.BadStatusLine("hidden")
    half = http.client.IncompleteRead(b"hidden")
    late.__cause__ = line
    line.__cause__ = half

    explain(late, DIRECT, 1.5)

    assert CONNECTION not in late.args
    assert "hidden" not in repr(line)
    assert half.partial == b""
