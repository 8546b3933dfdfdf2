"""One table from what urllib3, http.client, ssl and the system raise to our errors: class, sentence, another try."""

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
from urllib3 import exceptions as lower
from urllib3.util.ssl_match_hostname import CertificateError

from at_client import ApiConnectionException, ApiTimeoutException
from at_client.connections import NotHTTPError, StaleConnectionError
from at_client.failures import RULES, Peer, explain, find_causes, refuse_by_proxy
from at_client.headers import Secret
from support.facts import PROXY_PASSWORD, secrets_in

PEER = Peer("api.example.com:443")
BEHIND = Peer("api.example.com:443", "http://proxy:3128", (Secret(PROXY_PASSWORD),))
PROXY = "the proxy http://proxy:3128: "
THROUGH = "api.example.com:443 through the proxy http://proxy:3128: "
POOL: Any = urllib3.HTTPSConnectionPool("api.example.com")
CONNECTION: Any = urllib3.connection.HTTPConnection("api.example.com")
RESPONSE = urllib3.HTTPResponse(preload_content=False)

SERVICE = "Check the service, and that the proxy may reach it."
CLOSED = "the connection was closed before the response was complete. Check the service and what is in between."
LATE = "; the call took 1.5 s. Check the service, or allow more with timeout."
NO_HTTP = "no valid HTTP response."
NAME = "the host name was not found (Name or service not known). Check it, and the network."
REFUSED = "no connection ({}). Check that the service runs there and can be reached."
TLS = "TLS failed: {}. Check the certificates and the TLS versions of both sides."
PLAIN = (
    "the port does not speak TLS, perhaps plain http. "
    "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)."
)
CERTIFICATE = "the TLS certificate is refused: {}. "
ISSUER = "If you trust its issuer, name the CA with Configuration.ssl_ca_cert (SSL_CERT_FILE)."
HOST = "Check Configuration.host (AT_CLIENT_HOST)."
CLOCK = "Check the clock of this machine; else the service needs a new certificate."
FAILED = "the request failed ({})."
WARNING = "a warning of urllib3 was turned into an error: {}."

UNKNOWN_HOST = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def by(error: BaseException, cause: BaseException) -> BaseException:
    """Chain an error as `raise ... from` does."""
    error.__cause__ = cause
    return error


def tls(reason: str | None) -> ssl.SSLError:
    """Make an error as OpenSSL's binding does."""
    error = ssl.SSLError(1, f"[SSL: {reason}] words (_ssl.c:1000)")
    error.reason = reason  # type: ignore[assignment]  # None where OpenSSL says nothing
    return error


def untrusted(message: str) -> ssl.SSLCertVerificationError:
    """Make an error as a failed verification does."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


MISMATCH = "Hostname mismatch, certificate is not valid for 'x'"
IN_TLS = "the connection was closed during TLS."

FINAL: list[tuple[BaseException, str]] = [
    (untrusted("self-signed certificate"), CERTIFICATE.format("self-signed certificate") + ISSUER),
    (lower.SSLError(untrusted(f"{MISMATCH}.")), CERTIFICATE.format(MISMATCH) + HOST),
    (untrusted("IP address mismatch"), CERTIFICATE.format("IP address mismatch") + HOST),
    (CertificateError("hostname 'a' doesn't match"), CERTIFICATE.format("hostname 'a' doesn't match") + HOST),
    (
        lower.MaxRetryError(POOL, "/", lower.SSLError(untrusted("certificate has expired"))),
        CERTIFICATE.format("certificate has expired") + CLOCK,
    ),
    (untrusted("certificate is not yet valid"), CERTIFICATE.format("certificate is not yet valid") + CLOCK),
    *((lower.SSLError(tls(reason)), PLAIN) for reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")),
    (lower.SSLError(tls("NO_CIPHERS")), TLS.format("NO_CIPHERS")),
    (tls(None), TLS.format("[SSL: None] words (_ssl.c:1000)")),
    (ssl.SSLError("bare"), TLS.format("SSLError")),
    (ssl.SSLSyscallError(5, "syscall"), TLS.format("syscall")),
    (lower.SSLError("bare"), TLS.format("SSLError")),
    (
        NotHTTPError("the port speaks TLS. Use https"),
        f"the port speaks TLS. Use https. Check the scheme and the port of {HOST[6:]}",
    ),
    (http.client.HTTPException("a header line is broken"), "no valid HTTP response: a header line is broken."),
    (lower.ProtocolError("x", http.client.HTTPException("odd")), "no valid HTTP response: odd."),
    *(
        (kind("hidden"), NO_HTTP)
        for kind in (http.client.BadStatusLine, http.client.LineTooLong, http.client.InvalidURL)
    ),
    *((kind("hidden"), NO_HTTP) for kind in (http.client.UnknownProtocol, http.client.CannotSendRequest)),
    *((kind("hidden"), NO_HTTP) for kind in (lower.InvalidHeader, lower.ResponseNotChunked, lower.ProtocolError)),
    *((kind("hidden"), NO_HTTP) for kind in (lower.DecodeError, lower.BodyNotHttplibCompatible, ValueError)),
    (lower.HeaderParsingError([], "hidden"), NO_HTTP),
    (UnicodeDecodeError("utf-8", b"x", 0, 1, "hidden"), NO_HTTP),
    (lower.LocationParseError("x"), NO_HTTP),  # a ValueError, too
    *((kind("odd"), WARNING.format("odd")) for kind in (lower.InsecureRequestWarning, lower.DependencyWarning)),
    *((kind(POOL, "x"), FAILED.format(kind.__name__)) for kind in (lower.PoolError, lower.EmptyPoolError)),
    *((kind(POOL, "/"), FAILED.format(kind.__name__)) for kind in (lower.MaxRetryError, lower.HostChangedError)),
    *((kind("x"), FAILED.format(kind.__name__)) for kind in (lower.TimeoutStateError, lower.ResponseError)),
    *((kind("hidden"), FAILED.format(kind.__name__)) for kind in (queue.Empty, MemoryError, AssertionError)),
]

LOST: list[tuple[BaseException, str]] = [
    *((kind(8, "EOF"), IN_TLS) for kind in (ssl.SSLEOFError, ssl.SSLZeroReturnError)),
    (lower.SSLError(ssl.SSLEOFError(8, "EOF")), IN_TLS),
    (UNKNOWN_HOST, NAME),
    (by(lower.NameResolutionError("api.example.com", CONNECTION, UNKNOWN_HOST), UNKNOWN_HOST), NAME),
    (
        by(lower.NewConnectionError(CONNECTION, "x"), ConnectionRefusedError(111, "Connection refused")),
        REFUSED.format("Connection refused"),
    ),
    (lower.NewConnectionError(CONNECTION, "odd"), REFUSED.format("NewConnectionError")),
    (lower.ConnectTimeoutError(CONNECTION, "x"), f"no connection in time{LATE}"),
    (lower.ReadTimeoutError(POOL, "/", "x"), f"no complete response in time{LATE}"),
    *((kind("x"), f"no complete response in time{LATE}") for kind in (lower.TimeoutError, TimeoutError)),
    (lower.ProtocolError("x", TimeoutError("timed out")), f"no complete response in time{LATE}"),
    *((error, CLOSED) for error in (RESET, ConnectionAbortedError(), BrokenPipeError())),
    *((kind("x"), CLOSED) for kind in (http.client.RemoteDisconnected, StaleConnectionError)),
    (lower.ProtocolError("Connection aborted.", RESET), CLOSED),
    *((error, CLOSED) for error in (http.client.IncompleteRead(b"x", 7), lower.IncompleteRead(1, 2))),
    (by(lower.ProtocolError("Connection broken"), lower.IncompleteRead(1, 2)), CLOSED),
    (lower.InvalidChunkLength(RESPONSE, b"x"), CLOSED),
    (lower.ClosedPoolError(POOL, "x"), "the client was closed during the call."),
    (OSError(errno.ENETUNREACH, "No route"), "the connection failed (No route)."),
    (lower.ProtocolError("x", OSError(errno.EMFILE, "Too many files")), "the connection failed (Too many files)."),
    (OSError("odd"), "the connection failed (OSError)."),
]

ROWS = [(error, False, says) for error, says in FINAL] + [(error, True, says) for error, says in LOST]


@pytest.mark.parametrize(("error", "lost", "says"), ROWS, ids=lambda cell: type(cell).__name__)
def test_what_becomes_of_an_error(error: BaseException, lost: bool, says: str) -> None:
    """Class, whether another attempt may help, and one line that says what happened and what to do."""
    found = explain(error, PEER, 1.5)
    late = says.endswith(LATE)
    assert type(found.error) is (ApiTimeoutException if late else ApiConnectionException)
    assert found.lost is lost
    assert str(found.error) == found.error.reason == f"api.example.com:443: {says}"
    assert found.error.__cause__ is error
    assert found.stale is isinstance(error, StaleConnectionError)
    assert found.error.status == 0
    assert str(pickle.loads(pickle.dumps(found.error))) == str(found.error)  # noqa: S301  # our own bytes


def test_the_attempts_are_counted() -> None:
    """An error after retries says how many there were."""
    assert str(explain(RESET, PEER, 0.0, 3).error).endswith("in between (3 attempts were made).")


def test_a_cause_holds_neither_connections_nor_frames_nor_the_peers_bytes() -> None:
    """Causes pickle, for Dask, and show nothing that the peer wrote or that a frame had."""
    line = http.client.BadStatusLine(PROXY_PASSWORD)
    inner = lower.NewConnectionError(CONNECTION, "refused")
    try:
        raise by(lower.MaxRetryError(POOL, "/", inner), line)
    except lower.MaxRetryError as error:
        cause = explain(error, PEER, 0.0).error.__cause__
    assert cause is not None
    assert cause.__traceback__ is None
    assert CONNECTION not in inner.args
    assert not secrets_in(repr(line.args), str(line.args))


CATCH_ALL = {Exception, OSError, ValueError}


def below(module: Any) -> list[type[BaseException]]:
    """List the exceptions that a module defines."""
    kinds = [kind for kind in vars(module).values() if inspect.isclass(kind)]
    return [k for k in kinds if issubclass(k, BaseException) and k.__module__ == module.__name__]


@pytest.mark.parametrize("kind", below(lower) + below(http.client), ids=lambda kind: kind.__name__)
def test_no_exception_from_below_is_missed(kind: type[BaseException]) -> None:
    """When urllib3 or `http.client` grows an exception, this fails until the table has a place for it."""
    named = {name for rule in RULES for name in rule.types if name not in CATCH_ALL}
    if kind is lower.HTTPError:  # the base alone: whoever derives from it has to be named
        assert kind not in named
    else:
        assert any(issubclass(kind, name) for name in named)


def test_no_rule_is_hidden_behind_an_earlier_one() -> None:
    """For every type that the table names, its own rule is the first to fit."""
    for place, rule in enumerate(RULES):
        for kind in rule.types:
            first = next(n for n, other in enumerate(RULES) if issubclass(kind, other.types))
            # LocationValueError and ProxySchemeUnsupported are ValueErrors, too, and read as those.
            if kind not in (lower.LocationValueError, lower.ProxySchemeUnsupported):
                assert first == place, kind


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
        assert isinstance(explain(error, PEER, 0.0).error, ApiConnectionException)


class Socks(OSError):
    """An error of PySocks, which need not be installed."""

    __module__ = "socks"


class SOCKS5Error(Socks):
    """The proxy could not reach the service."""

    __module__ = "socks"


TUNNEL = "Tunnel connection failed: "
LOGIN = "it wants a user name and a password ({}). Put them into Configuration.proxy."
REFUSED_TUNNEL = "it refused the tunnel ({}). Check Configuration.proxy, and what it allows."
UNREACHED = f"it could not reach api.example.com:443 ({{}}). {SERVICE}"


@pytest.mark.parametrize(
    ("error", "lost", "says"),
    [
        (OSError(f"{TUNNEL}407 Wants a login"), False, PROXY + LOGIN.format("407 Wants a login")),
        (
            by(lower.ProxyError("Cannot connect to proxy.", OSError("x")), OSError(f"{TUNNEL}407")),
            False,
            PROXY + LOGIN.format("407"),
        ),
        (OSError(f"{TUNNEL}403 No\x1b[31m"), False, PROXY + REFUSED_TUNNEL.format("403 No[31m")),
        (OSError(f"{TUNNEL}503 Busy"), True, PROXY + UNREACHED.format("503 Busy")),
        (OSError(f"{TUNNEL}501"), False, PROXY + UNREACHED.format("501")),
        (OSError(f"{TUNNEL}403 {PROXY_PASSWORD}"), False, PROXY + REFUSED_TUNNEL.format("403 ***")),
        (lower.ProxyError("x", RESET), True, PROXY + CLOSED),
        (lower.ProxyError("x", ValueError("y")), False, PROXY + NO_HTTP),
        (RESET, True, THROUGH + CLOSED),
        (ConnectionResetError(f"{TUNNEL}407"), True, THROUGH + CLOSED),
        (
            by(lower.NewConnectionError(CONNECTION, "x"), Socks("No answer")),
            True,
            PROXY + "No answer. Check Configuration.proxy.",
        ),
        (SOCKS5Error("0x05: Refused"), True, f"{THROUGH}Refused. {SERVICE}"),
    ],
)
def test_which_side_of_a_proxy_failed(error: BaseException, lost: bool, says: str) -> None:
    """The message names the proxy where the proxy failed, and both where nobody can tell."""
    found = explain(error, BEHIND, 0.0)
    assert type(found.error) is ApiConnectionException
    assert (found.lost, str(found.error)) == (lost, says)
    assert found.error.__cause__ is error


def test_a_forwarding_proxy_refuses_by_a_response() -> None:
    """The words are the same as for a refused tunnel."""
    found = refuse_by_proxy(BEHIND, 407)
    assert (str(found.error), found.lost) == (PROXY + LOGIN.format("407"), False)
    assert str(refuse_by_proxy(BEHIND, 502).error) == PROXY + UNREACHED.format("502")


def test_an_idle_connection_that_had_ended_is_told_apart() -> None:
    """Wherever in the chain it stands, it is found."""
    ended = StaleConnectionError("ended")
    assert explain(lower.ProtocolError("x", ended), PEER, 0.0).stale is True
    assert explain(by(lower.ProtocolError("x"), ended), PEER, 0.0).stale is True


def test_causes_are_walked_from_the_outside_in() -> None:
    """Causes, reasons and arguments, each once, in circles too."""
    inner = ValueError("inner")
    reason = lower.MaxRetryError(POOL, "/", inner)
    outer = by(RuntimeError("outer", inner), reason)
    inner.__cause__ = outer
    assert list(find_causes(outer)) == [outer, reason, inner]
