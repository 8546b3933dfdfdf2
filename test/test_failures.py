"""One table from what urllib3, http.client, ssl and the system raise to our errors: class, sentence, another try."""

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
import socks
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
POOL: Any = urllib3.HTTPSConnectionPool("api.example.com")
CONNECTION: Any = urllib3.connection.HTTPConnection("api.example.com")
RESPONSE = urllib3.HTTPResponse(preload_content=False)

UNKNOWN_HOST = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
CUT_SHORT = lower.IncompleteRead(1, 2)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
MISMATCH = "Hostname mismatch, certificate is not valid for 'x'"


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


def each(*kinds: Any, says: str = "hidden") -> list[BaseException]:
    """Make an error of each kind."""
    return [kind(says) for kind in kinds]


PORT = "Check the scheme and the port of Configuration.host (AT_CLIENT_HOST)."
PLAIN = f"the port does not speak TLS, perhaps plain http. {PORT}"
TLS = "TLS failed: {}. Check the certificates and the TLS versions of both sides."
HTTP = "no valid HTTP response."
CERTIFICATE = "the TLS certificate was rejected: {}. "
ISSUER = (
    CERTIFICATE
    + "If you trust its issuer, set Configuration.ssl_ca_cert (or SSL_CERT_FILE) to its CA."
)
HOST = CERTIFICATE + "Check Configuration.host (AT_CLIENT_HOST)."
CLOCK = (
    CERTIFICATE
    + "Check this machine's clock; if it is right, the service needs a new certificate."
)
EXPIRED = "certificate has expired"
OF_POOLS = (
    lower.PoolError,
    lower.EmptyPoolError,
    lower.MaxRetryError,
    lower.HostChangedError,
)
UNNAMED = (
    lower.TimeoutStateError,
    lower.ResponseError,
    queue.Empty,
    MemoryError,
    lower.InsecureRequestWarning,
)

FINAL: list[tuple[str, list[BaseException]]] = [
    (ISSUER.format("self-signed certificate"), [untrusted("self-signed certificate")]),
    (HOST.format(MISMATCH), [lower.SSLError(untrusted(f"{MISMATCH}."))]),
    (HOST.format("IP address mismatch"), [untrusted("IP address mismatch")]),
    (
        HOST.format("hostname 'a' doesn't match"),
        each(CertificateError, says="hostname 'a' doesn't match"),
    ),
    (
        CLOCK.format(EXPIRED),
        [lower.MaxRetryError(POOL, "/", lower.SSLError(untrusted(EXPIRED)))],
    ),
    (
        CLOCK.format("certificate is not yet valid"),
        [untrusted("certificate is not yet valid")],
    ),
    (
        PLAIN,
        [
            lower.SSLError(tls(reason))
            for reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
        ],
    ),
    (TLS.format("NO_CIPHERS"), [lower.SSLError(tls("NO_CIPHERS"))]),
    (TLS.format("[SSL: None] words (_ssl.c:1000)"), [tls(None)]),
    (TLS.format("SSLError"), each(ssl.SSLError, lower.SSLError)),
    (TLS.format("syscall"), [ssl.SSLSyscallError(5, "syscall")]),
    (f"the port speaks TLS. {PORT}", each(NotHTTPError, says="the port speaks TLS")),
    (f"{HTTP[:-1]}: odd.", each(http.client.HTTPException, says="odd")),
    (
        f"{HTTP[:-1]}: odd.",
        [lower.ProtocolError("x", http.client.HTTPException("odd"))],
    ),
    (
        HTTP,
        each(
            http.client.BadStatusLine, http.client.LineTooLong, http.client.InvalidURL
        ),
    ),
    (HTTP, each(http.client.UnknownProtocol, http.client.CannotSendRequest)),
    (HTTP, each(lower.InvalidHeader, lower.ResponseNotChunked, lower.ProtocolError)),
    (
        HTTP,
        each(
            lower.DecodeError,
            lower.BodyNotHttplibCompatible,
            lower.LocationParseError,
            ValueError,
        ),
    ),
    (
        HTTP,
        [
            lower.HeaderParsingError([], "hidden"),
            UnicodeDecodeError("utf-8", b"x", 0, 1, "hidden"),
        ],
    ),
    *((f"the request failed ({kind.__name__}).", each(kind)) for kind in UNNAMED),
    *(
        (f"the request failed ({kind.__name__}).", [kind(POOL, "/")])
        for kind in OF_POOLS
    ),
]
"""What no other attempt can mend: a sentence, and the errors that it is said of."""

SERVICE = "Check the service, and whether the proxy is allowed to reach it."
CLOSED = "the connection was closed before the response was complete. Check the service and anything in between."
IN_TLS = "the connection was closed during TLS."
NAME = "could not resolve the host name (Name or service not known). Check its spelling and the network."
NO_CONNECTION = (
    "could not connect ({}). Check that the service is running and reachable."
)
LATE = "; the call took 1.5 s. Check the service, or allow more with timeout."
NO_RESPONSE = f"no complete response in time{LATE}"

LOST: list[tuple[str, list[BaseException]]] = [
    (IN_TLS, [*(kind(8, "EOF") for kind in (ssl.SSLEOFError, ssl.SSLZeroReturnError))]),
    (IN_TLS, [lower.SSLError(ssl.SSLEOFError(8, "EOF"))]),
    (
        NAME,
        [
            UNKNOWN_HOST,
            by(lower.NameResolutionError("x", CONNECTION, UNKNOWN_HOST), UNKNOWN_HOST),
        ],
    ),
    (
        NO_CONNECTION.format("Connection refused"),
        [by(lower.NewConnectionError(CONNECTION, "x"), REFUSED)],
    ),
    (
        NO_CONNECTION.format("NewConnectionError"),
        [lower.NewConnectionError(CONNECTION, "odd")],
    ),
    (f"could not connect in time{LATE}", [lower.ConnectTimeoutError(CONNECTION, "x")]),
    (
        NO_RESPONSE,
        [
            *each(lower.TimeoutError, TimeoutError),
            lower.ReadTimeoutError(POOL, "/", "x"),
        ],
    ),
    (NO_RESPONSE, [lower.ProtocolError("x", TimeoutError("timed out"))]),
    (
        CLOSED,
        [
            RESET,
            ConnectionAbortedError(),
            BrokenPipeError(),
            lower.ProtocolError("Connection aborted.", RESET),
        ],
    ),
    (CLOSED, each(http.client.RemoteDisconnected, StaleConnectionError)),
    (
        CLOSED,
        [http.client.IncompleteRead(b"x", 7), lower.InvalidChunkLength(RESPONSE, b"x")],
    ),
    (CLOSED, [CUT_SHORT, by(lower.ProtocolError("Connection broken"), CUT_SHORT)]),
    ("the client was closed during the call.", [lower.ClosedPoolError(POOL, "x")]),
    ("the connection failed (No route).", [OSError(errno.ENETUNREACH, "No route")]),
    (
        "the connection failed (Too many files).",
        [lower.ProtocolError("x", OSError(errno.EMFILE, "Too many files"))],
    ),
    ("the connection failed (OSError).", each(OSError)),
]
"""What another attempt may mend."""


PROXY = "the proxy http://proxy:3128: "
THROUGH = "api.example.com:443 through the proxy http://proxy:3128: "
TUNNEL = "Tunnel connection failed: "
LOGIN = (
    PROXY
    + "it wants a user name and a password ({}). Put them into Configuration.proxy."
)
DENIED = (
    PROXY + "it refused the tunnel ({}). Check Configuration.proxy, and what it allows."
)
UNREACHED = PROXY + f"it could not reach api.example.com:443 ({{}}). {SERVICE}"
LOCKED = by(
    lower.ProxyError("Cannot connect to proxy.", OSError("x")), OSError(f"{TUNNEL}407")
)
SILENT = by(
    lower.NewConnectionError(CONNECTION, "x"), socks.GeneralProxyError("No answer")
)

PROXIED: list[tuple[BaseException, bool, str]] = [
    (OSError(f"{TUNNEL}407 Wants a login"), False, LOGIN.format("407 Wants a login")),
    (LOCKED, False, LOGIN.format("407")),
    (OSError(f"{TUNNEL}403 No\x1b[31m"), False, DENIED.format("403 No[31m")),
    (OSError(f"{TUNNEL}503 Busy"), True, UNREACHED.format("503 Busy")),
    (OSError(f"{TUNNEL}501"), False, UNREACHED.format("501")),
    (OSError(f"{TUNNEL}403 {PROXY_PASSWORD}"), False, DENIED.format("403 ***")),
    (lower.ProxyError("x", RESET), True, PROXY + CLOSED),
    (lower.ProxyError("x", ValueError("y")), False, PROXY + HTTP),
    (RESET, True, THROUGH + CLOSED),
    (ConnectionResetError(f"{TUNNEL}407"), True, THROUGH + CLOSED),
    (SILENT, True, f"{PROXY}No answer. Check Configuration.proxy."),
    (socks.SOCKS5Error("0x05: Refused"), True, f"{THROUGH}Refused. {SERVICE}"),
]
"""The proxy is named where it failed, and both sides where nobody can tell."""

ROWS = [
    *(
        (PEER, error, False, f"{PEER.address}: {says}")
        for says, errors in FINAL
        for error in errors
    ),
    *(
        (PEER, error, True, f"{PEER.address}: {says}")
        for says, errors in LOST
        for error in errors
    ),
    *((BEHIND, *row) for row in PROXIED),
]


@pytest.mark.parametrize(
    ("peer", "error", "lost", "says"), ROWS, ids=lambda cell: type(cell).__name__
)
def test_what_becomes_of_an_error(
    peer: Peer, error: BaseException, lost: bool, says: str
) -> None:
    """Class, whether another attempt may help, and one line that says what happened and what to do."""
    found = explain(error, peer, 1.5)
    ours = found.error
    assert type(ours) is (
        ApiTimeoutException if says.endswith(LATE) else ApiConnectionException
    )
    assert str(ours) == ours.reason == says
    assert (ours.status, ours.__cause__) == (0, error)
    assert (found.lost, found.stale) == (lost, isinstance(error, StaleConnectionError))
    assert str(pickle.loads(pickle.dumps(ours))) == str(ours)  # noqa: S301  # our own bytes
    assert (
        str(explain(error, peer, 1.5, 3).error)
        == f"{str(ours)[:-1]} (after 3 attempts)."
    )


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
    return [
        k
        for k in kinds
        if issubclass(k, BaseException) and k.__module__ == module.__name__
    ]


@pytest.mark.parametrize(
    "kind", below(lower) + below(http.client), ids=lambda kind: kind.__name__
)
def test_no_exception_from_below_is_missed(kind: type[BaseException]) -> None:
    """When urllib3 or `http.client` grows an exception, this fails until the table has a place for it."""
    named = {name for rule in RULES for name in rule.types if name not in CATCH_ALL}
    if (
        kind is lower.HTTPError
    ):  # the base alone: whoever derives from it has to be named
        assert kind not in named
    else:
        assert any(issubclass(kind, name) for name in named)


def test_no_rule_is_hidden_behind_an_earlier_one() -> None:
    """For every type that the table names, its own rule is the first to fit."""
    as_values = {
        lower.LocationValueError,
        lower.ProxySchemeUnsupported,
    }  # ValueErrors, too, and read as those
    for rule in RULES:
        for kind in set(rule.types) - as_values:
            assert (
                next(other for other in RULES if issubclass(kind, other.types)) is rule
            ), kind


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


def test_a_forwarding_proxy_refuses_by_a_response() -> None:
    """The words are the same as for a refused tunnel."""
    found = refuse_by_proxy(BEHIND, 407)
    assert (str(found.error), found.lost) == (LOGIN.format("407"), False)
    assert str(refuse_by_proxy(BEHIND, 502).error) == UNREACHED.format("502")


def test_an_idle_connection_that_had_ended_is_told_apart() -> None:
    """Wherever in the chain it stands, it is found."""
    ended = StaleConnectionError("ended")
    for error in (lower.ProtocolError("x", ended), by(lower.ProtocolError("x"), ended)):
        assert explain(error, PEER, 0.0).stale is True


def test_causes_are_walked_from_the_outside_in() -> None:
    """Causes, reasons and arguments, each once, in circles too."""
    inner = ValueError("inner")
    reason = lower.MaxRetryError(POOL, "/", inner)
    outer = by(RuntimeError("outer", inner), reason)
    inner.__cause__ = outer
    assert list(find_causes(outer)) == [outer, reason, inner]
