"""The table of failures: everything that can be raised below, and what becomes of it."""

from __future__ import annotations

import errno
import http.client
import inspect
import pickle
import queue
import socket
import ssl
import warnings
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import exceptions as lower
from urllib3.util.ssl_match_hostname import CertificateError

from at_client import ApiConnectionException, ApiTimeoutException
from at_client.connections import StaleConnectionError
from at_client.failures import RULES, Peer, causes, failure, proxy_refusal

PEER = Peer("api.example.com:443")
BEHIND = Peer("api.example.com:443", "http://proxy:3128")
POOL: Any = urllib3.HTTPSConnectionPool("api.example.com")
CONNECTION: Any = urllib3.connection.HTTPConnection("api.example.com")
RESPONSE = urllib3.HTTPResponse(preload_content=False)

CLOSED = "the connection was closed before the response was complete."
LATE = "; the call took 1.5 s. Check the service, or allow more with timeout."
NO_HTTP = "no valid HTTP response."
NAME = "the host name was not found (Name or service not known). Check it, and the network."
REFUSED = "no connection (Connection refused). Check that the service runs there and can be reached."
TLS = "Check the certificates and the TLS versions of both sides."
PLAIN = "the port speaks no TLS, perhaps plain http. Check the scheme and the port of Configuration.host."
CERTIFICATE = "Check Configuration.host, or name the CA with ssl_ca_cert."

UNKNOWN_HOST = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def by(error: BaseException, cause: BaseException) -> BaseException:
    """Chain an error as `raise ... from` does."""
    error.__cause__ = cause
    return error


def tls(reason: str | None, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    """Make an error as OpenSSL's binding does."""
    error = kind(1, f"[SSL: {reason}] words (_ssl.c:1000)")
    error.reason = reason  # type: ignore[assignment]  # None where OpenSSL says nothing
    return error


def untrusted(message: str) -> ssl.SSLCertVerificationError:
    """Make an error as a failed verification does."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


CALL_AGAIN = True
ENOUGH = False

TABLE: list[tuple[BaseException, bool, str]] = [
    # Certificates and TLS.
    (
        untrusted("self-signed certificate"),
        ENOUGH,
        f"the TLS certificate is refused: self-signed certificate. {CERTIFICATE}",
    ),
    (
        lower.SSLError(untrusted("Hostname mismatch, certificate is not valid for 'x'.")),
        ENOUGH,
        (f"the TLS certificate is refused: Hostname mismatch, certificate is not valid for 'x'. {CERTIFICATE}"),
    ),
    (
        lower.MaxRetryError(POOL, "/", lower.SSLError(untrusted("expired"))),
        ENOUGH,
        f"the TLS certificate is refused: expired. {CERTIFICATE}",
    ),
    (
        CertificateError("hostname 'a' doesn't match 'b'"),
        ENOUGH,
        f"the TLS certificate is refused: hostname 'a' doesn't match 'b'. {CERTIFICATE}",
    ),
    (ssl.SSLEOFError(8, "EOF"), CALL_AGAIN, "the connection was closed during TLS."),
    (ssl.SSLZeroReturnError(6, "closed"), CALL_AGAIN, "the connection was closed during TLS."),
    (
        lower.SSLError(ssl.SSLEOFError(8, "EOF")),
        CALL_AGAIN,
        "the connection was closed during TLS.",
    ),
    *(
        (lower.SSLError(tls(reason)), ENOUGH, PLAIN)
        for reason in (
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "UNKNOWN_PROTOCOL",
            "RECORD_LAYER_FAILURE",
            "PACKET_LENGTH_TOO_LONG",
        )
    ),
    (
        lower.SSLError(tls("TLSV13_ALERT_CERTIFICATE_REQUIRED")),
        ENOUGH,
        f"TLS failed: TLSV13_ALERT_CERTIFICATE_REQUIRED. {TLS}",
    ),
    (tls(None), ENOUGH, f"TLS failed: [SSL: None] words (_ssl.c:1000). {TLS}"),
    (ssl.SSLError("bare"), ENOUGH, f"TLS failed: SSLError. {TLS}"),
    (ssl.SSLSyscallError(5, "syscall"), ENOUGH, f"TLS failed: syscall. {TLS}"),
    (ssl.SSLWantReadError(2, "want"), ENOUGH, f"TLS failed: want. {TLS}"),
    (lower.SSLError("bare"), ENOUGH, f"TLS failed: SSLError. {TLS}"),
    # Names and connecting.
    (UNKNOWN_HOST, CALL_AGAIN, NAME),
    (
        by(lower.NameResolutionError("api.example.com", CONNECTION, UNKNOWN_HOST), UNKNOWN_HOST),
        CALL_AGAIN,
        NAME,
    ),
    (
        by(
            lower.NewConnectionError(CONNECTION, "refused"),
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        ),
        CALL_AGAIN,
        REFUSED,
    ),
    (
        lower.NewConnectionError(CONNECTION, "odd"),
        CALL_AGAIN,
        REFUSED.replace("Connection refused", "NewConnectionError"),
    ),
    (lower.ConnectTimeoutError(CONNECTION, "x"), CALL_AGAIN, f"no connection in time{LATE}"),
    # Time.
    (lower.ReadTimeoutError(POOL, "/", "x"), CALL_AGAIN, f"no complete response in time{LATE}"),
    (lower.TimeoutError("x"), CALL_AGAIN, f"no complete response in time{LATE}"),
    (TimeoutError("timed out"), CALL_AGAIN, f"no complete response in time{LATE}"),
    (
        lower.ProtocolError("x", TimeoutError("timed out")),
        CALL_AGAIN,
        f"no complete response in time{LATE}",
    ),
    # Lost on the way.
    (RESET, CALL_AGAIN, CLOSED),
    (lower.ProtocolError("Connection aborted.", RESET), CALL_AGAIN, CLOSED),
    (ConnectionAbortedError(), CALL_AGAIN, CLOSED),
    (BrokenPipeError(), CALL_AGAIN, CLOSED),
    (http.client.RemoteDisconnected("x"), CALL_AGAIN, CLOSED),
    (http.client.IncompleteRead(b"x", 7), CALL_AGAIN, CLOSED),
    (lower.IncompleteRead(1, 2), CALL_AGAIN, CLOSED),
    (
        by(lower.ProtocolError("Connection broken"), lower.IncompleteRead(1, 2)),
        CALL_AGAIN,
        CLOSED,
    ),
    (lower.InvalidChunkLength(RESPONSE, b"x"), CALL_AGAIN, CLOSED),
    (StaleConnectionError("ended"), CALL_AGAIN, CLOSED),
    # No HTTP.
    (
        http.client.HTTPException("the status line is not HTTP/1"),
        ENOUGH,
        "no valid HTTP response: the status line is not HTTP/1.",
    ),
    (
        lower.ProtocolError("x", http.client.HTTPException("a header line is broken")),
        ENOUGH,
        "no valid HTTP response: a header line is broken.",
    ),
    (http.client.BadStatusLine("hidden"), ENOUGH, NO_HTTP),
    (http.client.LineTooLong("hidden"), ENOUGH, NO_HTTP),
    (http.client.UnknownProtocol("hidden"), ENOUGH, NO_HTTP),
    (http.client.CannotSendRequest("hidden"), ENOUGH, NO_HTTP),
    (http.client.ResponseNotReady("hidden"), ENOUGH, NO_HTTP),
    (http.client.InvalidURL("hidden"), ENOUGH, NO_HTTP),
    (lower.InvalidHeader("hidden"), ENOUGH, NO_HTTP),
    (lower.HeaderParsingError([], "hidden"), ENOUGH, NO_HTTP),
    (lower.ResponseNotChunked("hidden"), ENOUGH, NO_HTTP),
    (lower.ProtocolError("hidden"), ENOUGH, NO_HTTP),
    (lower.DecodeError("hidden"), ENOUGH, NO_HTTP),
    (lower.BodyNotHttplibCompatible("hidden"), ENOUGH, NO_HTTP),
    (ValueError("hidden"), ENOUGH, NO_HTTP),
    (UnicodeDecodeError("utf-8", b"x", 0, 1, "hidden"), ENOUGH, NO_HTTP),
    # The rest.
    (
        lower.ClosedPoolError(POOL, "x"),
        CALL_AGAIN,
        "the client was closed during the call.",
    ),
    (
        lower.InsecureRequestWarning("not verified"),
        ENOUGH,
        "a warning of urllib3 was turned into an error: not verified.",
    ),
    (
        lower.DependencyWarning("PySocks"),
        ENOUGH,
        "a warning of urllib3 was turned into an error: PySocks.",
    ),
    (
        lower.HTTPWarning("odd"),
        ENOUGH,
        "a warning of urllib3 was turned into an error: odd.",
    ),
    (
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        CALL_AGAIN,
        "the connection failed (Network is unreachable).",
    ),
    (
        lower.ProtocolError("x", OSError(errno.EMFILE, "Too many open files")),
        CALL_AGAIN,
        "the connection failed (Too many open files).",
    ),
    (OSError("SOCKS says no"), CALL_AGAIN, "the connection failed (OSError)."),
    (lower.PoolError(POOL, "x"), ENOUGH, "the request failed (PoolError)."),
    (lower.EmptyPoolError(POOL, "x"), ENOUGH, "the request failed (EmptyPoolError)."),
    (lower.FullPoolError(POOL, "x"), ENOUGH, "the request failed (FullPoolError)."),
    (lower.MaxRetryError(POOL, "/"), ENOUGH, "the request failed (MaxRetryError)."),
    (lower.HostChangedError(POOL, "/"), ENOUGH, "the request failed (HostChangedError)."),
    (lower.TimeoutStateError("x"), ENOUGH, "the request failed (TimeoutStateError)."),
    (lower.ResponseError("x"), ENOUGH, "the request failed (ResponseError)."),
    (lower.LocationParseError("x"), ENOUGH, NO_HTTP),  # a ValueError, too
    (lower.UnrewindableBodyError("x"), ENOUGH, "the request failed (UnrewindableBodyError)."),
    (queue.Empty(), ENOUGH, "the request failed (Empty)."),
    (MemoryError(), ENOUGH, "the request failed (MemoryError)."),
    (RecursionError("x"), ENOUGH, "the request failed (RecursionError)."),
    (AssertionError("hidden"), ENOUGH, "the request failed (AssertionError)."),
]


@pytest.mark.parametrize(("error", "lost", "says"), TABLE, ids=[type(error).__name__ for error, _, _ in TABLE])
def test_what_becomes_of_an_error(error: BaseException, lost: bool, says: str) -> None:
    """Class, whether another attempt may help, and one line that says what happened and what to do."""
    found = failure(error, PEER, 1.5)
    late = says.endswith(LATE)
    assert type(found.error) is (ApiTimeoutException if late else ApiConnectionException)
    assert found.lost is lost
    assert str(found.error) == f"api.example.com:443: {says}"
    assert found.error.reason == str(found.error)
    assert found.error.__cause__ is error
    assert found.stale is isinstance(error, StaleConnectionError)
    assert found.error.status == 0
    assert str(pickle.loads(pickle.dumps(found.error))) == str(found.error)  # noqa: S301  # our own bytes


CATCH_ALL = {Exception, OSError, ValueError}


def below(module: Any) -> list[type[BaseException]]:
    return [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, BaseException) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("kind", below(lower), ids=lambda kind: kind.__name__)
def test_no_exception_of_urllib3_is_missed(kind: type[BaseException]) -> None:
    """When urllib3 grows an exception, this fails until the table has a place for it."""
    named = {
        name for rule in RULES for name in rule.types if name not in CATCH_ALL and name.__module__ == lower.__name__
    }
    if kind is lower.HTTPError:
        # The base alone: whoever derives from it has to be named.
        assert kind not in named
        return
    assert any(issubclass(kind, name) for name in named)


def test_the_table_names_each_kind_once() -> None:
    """No rule is hidden behind an earlier one: for every type named, its own rule is the first to fit."""
    for place, rule in enumerate(RULES):
        for kind in rule.types:
            first = next(n for n, other in enumerate(RULES) if issubclass(kind, other.types))
            # LocationValueError and ProxySchemeUnsupported are ValueErrors, too, and read as those.
            if kind not in (lower.LocationValueError, lower.ProxySchemeUnsupported):
                assert first == place, kind


@pytest.mark.parametrize("kind", below(http.client), ids=lambda kind: kind.__name__)
def test_no_exception_of_http_client_is_missed(kind: type[BaseException]) -> None:
    """The same for `http.client`: each has a place before the catch-all."""
    assert any(issubclass(kind, name) for rule in RULES[:-1] for name in rule.types)


@pytest.mark.parametrize("kind", below(lower), ids=lambda kind: kind.__name__)
def test_every_exception_of_urllib3_becomes_ours(kind: type[BaseException]) -> None:
    """Whatever its arguments, an error of any class of urllib3's is translated."""
    error = kind.__new__(kind)
    BaseException.__init__(error)
    for attribute in ("_pool", "_message", "reason", "length", "partial", "expected"):
        vars(error)[attribute] = None
    if issubclass(kind, lower.InvalidChunkLength):
        error.response = urllib3.HTTPResponse()  # type: ignore[attr-defined]  # its `str` asks for it
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(failure(error, PEER, 0.0).error, ApiConnectionException)


@given(
    st.recursive(
        st.sampled_from([OSError, ValueError, KeyError, TimeoutError, http.client.HTTPException]).map(
            lambda kind: kind("x")
        ),
        lambda inner: inner.flatmap(
            lambda error: st.sampled_from(
                [
                    lower.ProtocolError("x", error),
                    by(lower.HTTPError("x"), error),
                    lower.MaxRetryError(POOL, "/", error),
                ]
            )
        ),
        max_leaves=3,
    )
)
def test_any_nesting_is_translated(error: BaseException) -> None:
    """However errors are wrapped, one of ours comes out, in one line."""
    found = failure(error, PEER, 0.0)
    assert isinstance(found.error, ApiConnectionException)
    assert "\n" not in str(found.error)


# ---- Proxies


@pytest.mark.parametrize(
    ("error", "lost", "says"),
    [
        (
            by(
                lower.ProxyError("Cannot connect to proxy.", OSError("x")),
                OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
            ),
            False,
            (
                "the proxy http://proxy:3128: it wants a user name and a password (407). "
                "Put them into Configuration.proxy."
            ),
        ),
        (
            OSError("Tunnel connection failed: 403 Forbidden"),
            False,
            "the proxy http://proxy:3128: it refused the tunnel (403). Check Configuration.proxy.",
        ),
        (
            OSError("Tunnel connection failed: 503 Busy"),
            True,
            "the proxy http://proxy:3128: it refused the tunnel (503). Check Configuration.proxy.",
        ),
        (
            lower.ProxyError("x", RESET),
            True,
            f"the proxy http://proxy:3128: {CLOSED}",
        ),
        (
            lower.ProxyError("x", lower.SSLError(untrusted("expired"))),
            False,
            f"the proxy http://proxy:3128: the TLS certificate is refused: expired. {CERTIFICATE}",
        ),
        (
            lower.ProxyError("x", ValueError("y")),
            False,
            f"the proxy http://proxy:3128: {NO_HTTP}",
        ),
        (
            RESET,
            True,
            f"api.example.com:443 through the proxy http://proxy:3128: {CLOSED}",
        ),
        (
            ConnectionResetError("Tunnel connection failed: 407"),
            True,
            f"api.example.com:443 through the proxy http://proxy:3128: {CLOSED}",
        ),
    ],
)
def test_which_side_of_a_proxy_failed(error: BaseException, lost: bool, says: str) -> None:
    """The message names the proxy where the proxy failed, and both where nobody can tell."""
    found = failure(error, BEHIND, 0.0)
    assert type(found.error) is ApiConnectionException
    assert (found.lost, str(found.error)) == (lost, says)
    assert found.error.__cause__ is error


def test_a_refusal_without_a_cause() -> None:
    """A forwarding proxy refuses by a response; the words are the same."""
    assert str(proxy_refusal(BEHIND, 407)).endswith(
        "it wants a user name and a password (407). Put them into Configuration.proxy."
    )
    assert str(proxy_refusal(BEHIND, 502)) == (
        "the proxy http://proxy:3128: it refused the tunnel (502). Check Configuration.proxy."
    )


def test_an_idle_connection_that_had_ended_is_told_apart() -> None:
    """Wherever in the chain it stands, it is found."""
    ended = StaleConnectionError("ended")
    assert failure(lower.ProtocolError("x", ended), PEER, 0.0).stale is True
    assert failure(by(lower.ProtocolError("x"), ended), PEER, 0.0).stale is True
    assert failure(RESET, PEER, 0.0).stale is False


def test_causes_are_walked_from_the_outside_in() -> None:
    """Causes, reasons and arguments, each once, in circles too."""
    inner = ValueError("inner")
    reason = lower.MaxRetryError(POOL, "/", inner)
    outer = by(RuntimeError("outer", inner), reason)
    inner.__cause__ = outer
    assert list(causes(outer)) == [outer, reason, inner]
