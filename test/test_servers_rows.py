"""What real servers, proxies and networks were seen to do, played again byte by byte: one test each."""

from __future__ import annotations

import gzip
import http.client
import socketserver
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import TYPE_CHECKING

import pytest

from at_client import (
    ApiConnectionException,
    ApiDecodeException,
    ApiTimeoutException,
    CreditsApi,
    NotFoundException,
    ServiceException,
)
from support.ending import Endings, Fault, good_call
from support.facts import COOKIE, CREDITS_BODY, PROXY_PASSWORD, PROXY_USER, TOKEN
from support.proxy import needs_asserts, socks_proxy
from support.wire import CLOSE, Wire, answer, chunked, refusing_port, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from support.tls import Authority

pytestmark = pytest.mark.usefixtures("short_waits")

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}@"


class _Connection(socketserver.StreamRequestHandler):
    server: Forgetful

    def handle(self) -> None:
        forgets = self.server.forgets
        while self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            self.server.together.wait(10)
            if self.server.forgets == forgets:
                self.wfile.write(answer())
                continue
            self.server.losses += 1
            if self.server.resets:
                self.request.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                return


class Forgetful(socketserver.ThreadingTCPServer):
    """A server behind a NAT or load balancer that forgets the connections it had.

    Args:
        resets: What becomes of a request on one of those: RST; otherwise nothing ever comes back.

    Attributes:
        losses: How many requests came on forgotten connections.
        connections: How many connections it has accepted.
    """

    daemon_threads = True

    def __init__(self, *, resets: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.resets = resets
        self.forgets = self.losses = self.connections = 0
        self.together = threading.Barrier(1)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """Where it is, as a client's host."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket) -> None:  # type: ignore[override]  # no FIN before the RST
        self.close_request(request)

    def leave_idle(self, api: CreditsApi, count: int) -> None:
        """Have so many idle connections, and forget them."""
        self.together = threading.Barrier(count)
        with ThreadPoolExecutor(count) as threads:
            assert all(threads.map(lambda _: good_call(api), range(count)))
        self.together = threading.Barrier(1)
        self.forgets += 1
        assert self.connections == count


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("retries", [0, 2])
def test_of_dead_idle_connections_one_is_tried(make_api: Callable[..., CreditsApi], count: int, retries: int) -> None:
    """However many answer RST, a call costs one loss and opens one connection, and all calls after it none."""
    with Forgetful(resets=True) as server:
        api = make_api(server.url, retries=retries)
        server.leave_idle(api, count)
        for _ in range(3):
            assert good_call(api)
            assert (server.losses, server.connections) == (1, count + 1)


@pytest.mark.parametrize("retries", [0, 2])
def test_of_swallowed_idle_connections_one_is_tried(make_api: Callable[..., CreditsApi], retries: int) -> None:
    """However many never answer, one attempt is lost; the next one, or the next call, opens a connection."""
    with Forgetful(resets=False) as server:
        api = make_api(server.url, retries=retries, timeout=(1.0, 0.3))
        server.leave_idle(api, 4)
        began = time.monotonic()
        if retries == 0:
            with pytest.raises(ApiTimeoutException):
                api.get_credits()
        assert good_call(api, timeout=None)
        assert time.monotonic() - began < 1.0
        assert good_call(api)
        assert (server.losses, server.connections) == (1, 5)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_http_client_may_print_what_it_does(
    make_wire: Callable[..., Wire],
    make_api: Callable[..., CreditsApi],
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    secure: bool,
) -> None:
    """`debuglevel`, which people set to look and generated clients set for the whole process, breaks no call."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    wire = make_wire(tls=authority.server_context("127.0.0.1") if secure else None)
    api = make_api(wire.url, ssl_ca_cert=authority.ca_file, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert "reply: 'HTTP/1.1 200 OK" in capsys.readouterr().out


def with_coding(coding: str, body: bytes = CREDITS_BODY) -> bytes:
    """Answer with a body that claims to be coded."""
    return answer(body, headers=[("Content-Encoding", coding)])


ODD_BUT_READ = {
    "a header line that ends in CR CR LF": (answer(headers=[("X-Trailer", "of the upstream\r"), ("X-Next", "1")]), 1),
    "coding utf-8": (with_coding("utf-8"), 1),
    "coding none": (with_coding("none"), 1),
    "coding identity": (with_coding("identity"), 1),
    "gzip with zeros behind it": (with_coding("gzip", gzip.compress(CREDITS_BODY) + b"\0" * 64), 1),
    "HTTP/1.0 with chunks": (chunked(CREDITS_BODY).replace(b"HTTP/1.1", b"HTTP/1.0"), 2),
}


@pytest.mark.parametrize(("odd", "connections"), ODD_BUT_READ.values(), ids=ODD_BUT_READ)
def test_what_is_odd_and_clear_is_read(
    make_api: Callable[..., CreditsApi], wire: Wire, odd: bytes, connections: int
) -> None:
    """At the first attempt; the next call uses the same connection where HTTP lets it."""
    wire.play(reply(odd))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == connections


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", ZSTD)])
def test_codings_that_urllib3_can_read_are_read(
    make_api: Callable[..., CreditsApi], wire: Wire, coding: str, module: str
) -> None:
    """Brotli and Zstandard are, where their packages are installed, though nobody asked for them."""
    body = pytest.importorskip(module).compress(CREDITS_BODY)
    wire.play(reply(with_coding(coding, body)))
    assert good_call(make_api(wire.url, retries=0))


def test_a_coding_that_nobody_can_read_is_named(endings: Endings) -> None:
    """Only an unreadable body is an error, and the coding is what to look at."""
    step = reply(with_coding("x-rot13", b"\x8b\x00\x01"))
    endings.play(Fault((step,), ApiDecodeException, ("x-rot13",)))


def response(length: bytes = b"%d", reason: bytes = b"OK") -> bytes:
    """Answer with a length and a reason that are written so."""
    head = b"HTTP/1.1 200 %s\r\nContent-Length: %s\r\n\r\n" % (reason, length % len(CREDITS_BODY))
    return head + CREDITS_BODY


def one_chunk(size: bytes) -> bytes:
    """Answer with one chunk whose size is written so."""
    return chunked(last=size % len(CREDITS_BODY) + b"\r\n" + CREDITS_BODY + b"\r\n0\r\n\r\n")


LENGTHS = [b"\xa0%d", b"\x85%d", b"\x1c%d", b"\x0b%d", b"%d\xa0", b"%d\x85", b"%d\x1c", b"%d\x0b"]
REFUSED = {
    **{f"length {form!r}": response(form) for form in LENGTHS},
    **{f"chunk size {form!r}": one_chunk(form) for form in (b"0x%x", b"+%x", b"0_%x")},
    "a reason with NUL": response(reason=b"O\0K"),
}


@pytest.mark.parametrize("unclear", REFUSED.values(), ids=REFUSED)
def test_what_others_may_read_otherwise_is_refused(endings: Endings, unclear: bytes) -> None:
    """Only blanks and tabs may stand around a length, only hexadecimal digits are the size of a chunk."""
    fault = Fault((reply(unclear),), ApiConnectionException, settings={"retries": 0})
    assert endings.play(fault).status == 0


# The frames that a server of HTTP/2 sends first: its settings, and that it goes away.
SETTINGS = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"
GOAWAY = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01"

NOT_HTTP = {
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),  # an alert
    "HTTP/2": (SETTINGS + GOAWAY, "HTTP/2"),
    "HTTP/2 that only goes away": (GOAWAY, "HTTP/2"),
    "SOCKS 5": (b"\x05\xff", "SOCKS"),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
    "SMTP without an end of line": (b"220 mail.example", "not HTTP"),
    "random bytes": (bytes(range(128, 256)), "not HTTP"),
}


@pytest.mark.parametrize(("greeting", "says"), NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_a_port_seems_to_speak_is_told(endings: Endings, greeting: bytes, says: str) -> None:
    """One attempt: what answers something else will do so again."""
    fault = Fault((reply(greeting, CLOSE),) * 3, ApiConnectionException, (says, "127.0.0.1"))
    endings.play(fault)


TUNNELS = {
    "503": (b"503 No way there", ("503 No way there", "api.example.com:443"), False),
    "500": (b"500 Unable to connect", ("500 Unable to connect", "api.example.com:443"), False),
    "502": (b"502 Bad Gateway", ("502 Bad Gateway", "api.example.com:443"), False),
    "403": (b"403 Not on my watch", ("403 Not on my watch",), True),
    "407": (b"407 Who are you?", ("407", "password"), True),
    "an echo": (f"403 No {PROXY_USER}:{PROXY_PASSWORD}".encode(), ("403",), True),
}


@pytest.mark.parametrize(("status", "says", "at_fault"), TUNNELS.values(), ids=TUNNELS)
def test_a_proxy_that_refuses_a_tunnel_is_quoted(
    endings: Endings,
    make_api: Callable[..., CreditsApi],
    wire: Wire,
    status: bytes,
    says: tuple[str, ...],
    *,
    at_fault: bool,
) -> None:
    """In its own words; only where the proxy itself says no is its setting the thing to check."""
    wire.play(otherwise=reply(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n", CLOSE))
    proxy = wire.url.replace("://", f"://{LOGIN}")
    api = make_api("https://api.example.com", proxy=proxy, retries=0)
    fault = Fault((), ApiConnectionException, (*says, f"127.0.0.1:{wire.port}"))
    assert ("Configuration.proxy" in str(endings.of(api, fault))) is at_fault


def test_a_socks_proxy_that_is_down_is_named(endings: Endings, make_api: Callable[..., CreditsApi]) -> None:
    """With the reason, and not the service in its place."""
    with refusing_port() as port:
        api = make_api("http://127.0.0.1:9", proxy=f"socks5h://{LOGIN}127.0.0.1:{port}", retries=0)
        says = (f"proxy socks5h://127.0.0.1:{port}", "refused")
        error = endings.of(api, Fault((), ApiConnectionException, says))
    assert "service" not in str(error)


@needs_asserts
def test_a_socks_proxy_that_wants_another_password_is_named(
    endings: Endings, make_api: Callable[..., CreditsApi]
) -> None:
    """With the reason: it is the setting of the proxy that has to change."""
    with socks_proxy(PROXY_USER, "another") as locked:
        where = f"127.0.0.1:{locked.port}"
        api = make_api("http://127.0.0.1:9", proxy=f"socks5h://{LOGIN}{where}", retries=0)
        says = (f"proxy socks5h://{where}", "authentication", "Configuration.proxy")
        endings.of(api, Fault((), ApiConnectionException, says))


@needs_asserts
def test_a_target_that_refuses_a_socks_proxy_is_named(endings: Endings, make_api: Callable[..., CreditsApi]) -> None:
    """With the reason that the proxy gives; its setting is not to blame."""
    with socks_proxy(PROXY_USER, PROXY_PASSWORD) as proxy, refusing_port() as port:
        url = f"socks5h://{LOGIN}127.0.0.1:{proxy.port}"
        api = make_api(f"http://127.0.0.1:{port}", proxy=url, retries=0)
        says = (f"127.0.0.1:{port}", "refused")
        error = endings.of(api, Fault((), ApiConnectionException, says))
    assert "Configuration.proxy" not in str(error)


PAGES = {
    "plain": ("<title>Closed for today</title>", "Closed for today"),
    "in capitals, with attributes and line breaks": (
        "<!DOCTYPE html>\n<HTML>\n<HEAD><TITLE lang=en>\n Closed  for\n today</TITLE>",
        "Closed for today",
    ),
    "with entities": ("<html><title>Down &amp; out</title>", "Down & out"),
    "without": ("<html><body><h1>No title</h1>", "503"),
    "empty": ("<html><title></title>", "503"),
    "without end": ("<html><title>" + "x" * 100_000, "503"),
    "again and again": ("<html>" + "<title" * 50_000, "503"),
    "that repeats what it was sent": (f"<title>Wrong: {TOKEN} {COOKIE}</title>", "Wrong"),
}


@pytest.mark.parametrize(("page", "says"), PAGES.values(), ids=PAGES)
def test_the_title_of_an_error_page_is_told(endings: Endings, page: str, says: str) -> None:
    """It is often all that a load balancer says about itself, and it is one short line, without secrets."""
    step = reply(answer(page.encode(), 503, content_type="text/html; charset=utf-8"))
    endings.play(Fault((step,), ServiceException, (says,), settings={"retries": 0}))
    step = reply(answer(page.encode(), 404, content_type="text/html"))
    endings.play(Fault((step,), NotFoundException, (says.replace("503", "404"),)))


def test_the_title_of_a_page_in_place_of_credits_is_told(endings: Endings) -> None:
    """A captive portal answers 200 with a page of its own."""
    page = b"<!DOCTYPE html><html><head><title>Welcome to CafeNet</title></head></html>"
    step = reply(answer(page, content_type="text/html"))
    endings.play(Fault((step,), ApiDecodeException, ("Welcome to CafeNet",)))
