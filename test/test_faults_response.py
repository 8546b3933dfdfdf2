"""Answers that are broken as HTTP, and odd ones that are read."""

import gzip
import sys
import time
import tracemalloc
import zlib

import pytest
import urllib3

from at_client import ApiConnectionException, ApiDecodeException, ApiException
from support.ending import Endings, good_call
from support.facts import CREDITS_BODY
from support.makers import MakeApi, MakeClient
from support.tls import Authority
from support.wire import (
    CLOSE,
    RESET,
    Endless,
    Pieces,
    Step,
    Wait,
    Wire,
    answer,
    chunked,
    greet,
    reply,
)

pytestmark = pytest.mark.usefixtures("short_waits")

EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
HALF = answer()[:-20]

# ---- Connections that are lost

LOST = {
    "closed at once": greet(CLOSE),
    "reset at once": greet(RESET),
    "closed before the answer": reply(CLOSE),
    "reset before the answer": reply(RESET),
    "closed in the headers": reply(b"HTTP/1.1 200 OK\r\nX-", CLOSE),
    "reset in the headers": reply(b"HTTP/1.1 200 OK\r\nX-", Wait(0.02), RESET),
    "closed in the body": reply(HALF, CLOSE),
    "reset in the body": reply(HALF, Wait(0.02), RESET),
    "closed after an interim answer": reply(EARLY_HINTS, CLOSE),
    "closed in an error": reply(answer(b"{", 503, length=100), CLOSE),
}


@pytest.mark.parametrize("step", LOST.values(), ids=LOST)
def test_a_lost_connection_is_tried_again_then_told(
    endings: Endings, step: Step
) -> None:
    """Wherever a connection is lost, three attempts end in an error."""
    error = endings.play(step, attempts=3)
    assert error.status == 0
    assert error.data is None
    assert error.__cause__ is not None


@pytest.mark.parametrize("name", ["closed before the answer", "closed in the body"])
def test_a_lost_connection_over_tls_is_the_same(
    endings: Endings, authority: Authority, name: str
) -> None:
    """A TLS connection that ends without `close_notify` is lost like any other."""
    tls = authority.server_context("127.0.0.1")
    endings.play(LOST[name], attempts=3, tls=tls, ssl_ca_cert=authority.ca_file)


def test_a_body_lost_by_a_manager_of_ones_own_is_told(
    make_api: MakeApi, wire: Wire
) -> None:
    """A user's own pool manager has retries of its own, and gets none of ours."""
    api = make_api(wire.url)
    api.api_client.rest_client.pool_manager = urllib3.PoolManager()
    wire.play(LOST["closed in the body"])

    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert len(wire.requests) == 1


def test_a_lost_change_is_not_sent_again(make_client: MakeClient, wire: Wire) -> None:
    """A POST that is lost is not sent again, on an idle connection neither."""
    client = make_client(wire.url)
    request = client.param_serialize("POST", "/api/v1/x", body={"a": 1})

    for _ in ("new", "idle"):
        wire.play(reply(CLOSE))
        with pytest.raises(ApiConnectionException):
            client.call_api(*request)
        client.call_api(*request)

    assert len(wire.requests) == 4


# ---- Answers that are not one clear response

REFUSED = {
    b"HTTP/1.1 200OK": "a header line is broken",
    b"HTTP/1.1 20 OK": "a header line is broken",
    b"HTTP/1.1 099 Low": "a header line is broken",
    b"HTTP/1.1 200 O\0K": "a header line is broken",
    b"HTTP/1.1 200 OK\r\nA : 1": "a header line is broken",
    b"HTTP/1.1 200 OK\r\nA: 1\r2": "a header line is broken",
    b"HTTP/1.1 200 OK\r\nA: 1\x002": "a header line is broken",
    b"HTTP/1.1 200 OK\r\nA\xe4: 1": "a header line is broken",
    b"HTTP/1.1 200 OK\r\nContent-Length: ": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: +5": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5 5": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: \xb2": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1_0": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 11111111111111111111": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 7": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: \xa05": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: \x855": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: \x1c5": "not a single number",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\x0b": "not a single number",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: ": "not understood",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked": "not understood",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked": (
        "not understood"
    ),
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked": (
        "both Content-Length and Transfer-Encoding"
    ),
    b"HTTP/1.1 101 Switching": "protocol that nobody asked for",
    b"HTTP/2.0 200 OK": "the port speaks HTTP/2 only",
    b"HTTP/0.9 200 OK": "the response is not HTTP",
    b"http/1.1 200 OK": "the response is not HTTP",
    b"ICY 200 OK": "the response is not HTTP",
    b"\r\n": "the response is not HTTP",
    b"\x15\x03\x01\x00\x02\x02\x46": "the port speaks TLS. Use https",
    b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64": "the port speaks HTTP/2 only",
    b"\x05\xff": "it may be a SOCKS proxy",
    b"\x00[": "it may be a SOCKS proxy",
}
"""The head of an answer -> what the error says of it."""


@pytest.mark.parametrize("head", REFUSED)
def test_what_is_not_one_clear_response_is_refused(
    endings: Endings, head: bytes
) -> None:
    """What is no HTTP, or could be read differently, is refused with the reason."""
    step = reply(head + b"\r\n\r\n", CLOSE)
    error = endings.play(step, says=(REFUSED[head],))
    assert error.status == 0
    assert error.data is None


SLOW_LINES = {
    "many blanks": b"A:" + b" " * 60_000 + b"x\0\r\n\r\n",
    "a long fold": b"A:\r\n" + b" " * 60_000 + b"\0\r\n\r\n",
}
"""A pattern that goes back and forth would take minutes for these."""


@pytest.mark.parametrize("lines", SLOW_LINES.values(), ids=SLOW_LINES)
def test_a_broken_line_is_refused_at_once(endings: Endings, lines: bytes) -> None:
    """However long a broken header line is, it is refused in time."""
    step = reply(b"HTTP/1.1 200 OK\r\n" + lines)
    endings.play(step, says=("a header line is broken",))


OVERSIZED_HEADS = {
    "101 lines": reply(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
    "a line over 64 KiB": reply(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65_532 + b"\r\n"),
    "lines without end": reply(b"HTTP/1.1 200 OK\r\n", Endless(b"X: y\r\n" * 100)),
    "a line without end": reply(b"HTTP/1.1 200 OK\r\nX: ", Endless(b"y" * 1000)),
}


@pytest.mark.parametrize("step", OVERSIZED_HEADS.values(), ids=OVERSIZED_HEADS)
def test_an_oversized_head_is_refused(endings: Endings, step: Step) -> None:
    """A head has at most 100 lines, and none of them is longer than 64 KiB."""
    endings.play(step, says=("more than 100 header lines, or one over 64 KiB",))


def test_a_connection_out_of_step_is_not_used_again(
    make_api: MakeApi, wire: Wire
) -> None:
    """After a response that was refused, the next call opens a new connection."""
    wire.play(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 7\r\n\r\n"))
    api = make_api(wire.url, retries=0)
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 2


# ---- Answers that are odd and clear

ODD = {
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    "a tab in front of a reason": (
        b"HTTP/1.1 200\tO\x0bK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "a folded reason": b"HTTP/1.1 200 OK\r\n X: 1\r\nContent-Length: 5\r\n\r\nhello",
    "a length with zeros": b"HTTP/1.1 200 OK\r\nContent-Length: 005\r\n\r\nhello",
    "a length given twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length:\t5\r\ncontent-length: 5, 5\r\n\r\nhello"
    ),
    "a line without a colon": (
        b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "a line without a name": (
        b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 5\r\n:\r\n\r\nhello"
    ),
    "an interim answer with framing": (
        b"HTTP/1.1 103 X\r\nTransfer-Encoding: gzip\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "chunks in capitals": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunks with extensions": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5;a="b"\r\nhello\r\n0;c\r\n\r\n'
    ),
    "a line of 64 KiB": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: %b\r\n\r\nhello" % (b"y" * 65_531)
    ),
    "100 lines": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n%b\r\nhello" % (b"X: y\r\n" * 99)
    ),
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_what_is_odd_and_clear_is_read(
    make_client: MakeClient, wire: Wire, raw: bytes
) -> None:
    """A response that is odd and clear is read, in one packet or many."""
    rest = make_client(wire.url, retries=0).rest_client
    wire.play(reply(raw), reply(Pieces(raw, range(3, 300, 9))))

    for _ in ("one packet", "many"):
        assert rest.request("GET", wire.url).data == b"hello"
    assert wire.connections == 1


def test_chunks_of_http_1_0_end_their_connection(
    make_client: MakeClient, wire: Wire
) -> None:
    """Chunks of HTTP/1.0, which has none, are read, and end their connection."""
    rest = make_client(wire.url, retries=0).rest_client
    head = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked"
    wire.play(reply(head, b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))

    assert rest.request("GET", wire.url).data == b"hello"
    assert rest.request("GET", wire.url).status == 200
    assert wire.connections == 2


TIDIED = {
    b"X: 1\nY: 2": "1",
    b"X: 1\r": "1",
    b"X: 1\r\n 2\r\n\t3": "1 2 3",
    b"X:": "",
    b"X: \t1: 2\t ": "1: 2",
    b"X: Gr\xfcn": "Gr\xfcn",
}
"""Header lines -> the value of X."""


@pytest.mark.parametrize("lines", TIDIED)
def test_header_lines_are_tidied(
    make_client: MakeClient, wire: Wire, lines: bytes
) -> None:
    """Odd header lines are found as they were meant."""
    rest = make_client(wire.url, retries=0).rest_client
    wire.play(reply(b"HTTP/1.1 204 OK\r\n%b\r\n\r\n" % lines))
    assert rest.request("GET", wire.url).headers["X"] == TIDIED[lines]


def test_interim_answers_are_skipped(make_client: MakeClient, wire: Wire) -> None:
    """A 1xx is not the answer; the one after it is, and the connection stays good."""
    rest = make_client(wire.url, retries=0).rest_client
    processing = b"HTTP/1.1 102 Processing\r\n\r\n"
    wire.play(
        reply(EARLY_HINTS + processing + answer()),
        reply(EARLY_HINTS, Wait(0.02), answer()),
    )

    for _ in ("at once", "apart"):
        response = rest.request("GET", wire.url)
        assert response.status == 200
        assert "Link" not in response.headers
    assert wire.connections == 1


# ---- Idle connections


def test_a_request_lost_on_an_idle_connection_is_sent_once_more(
    make_api: MakeApi, wire: Wire
) -> None:
    """A request that is lost on an idle connection is sent once more, no more."""
    api = make_api(wire.url, retries=0)
    assert good_call(api)

    wire.play(reply(CLOSE))
    assert good_call(api)
    assert wire.connections == 2

    wire.play(reply(CLOSE), reply(CLOSE))
    with pytest.raises(ApiConnectionException):
        api.get_credits()


OTHER_ANSWER = answer(CREDITS_BODY.replace(b"750", b"1"))
POISON = {
    "a whole answer at once": reply(answer() + OTHER_ANSWER),
    "a whole answer later": reply(answer(), Wait(0.03), OTHER_ANSWER),
    "an empty line later": reply(answer(), Wait(0.03), b"\r\n"),
}


@pytest.mark.parametrize("step", POISON.values(), ids=POISON)
def test_bytes_nobody_asked_for_poison_nothing(
    make_api: MakeApi, wire: Wire, step: Step
) -> None:
    """What follows a whole answer is never taken for the answer to the next request."""
    wire.play(step)
    api = make_api(wire.url, retries=0)
    for _ in range(3):
        assert good_call(api)
        time.sleep(0.06)


# ---- Bodies that are too large


def packed(body: bytes, coding: str) -> bytes:
    """Answer with a body that claims this coding."""
    return answer(body, headers=[("Content-Encoding", coding)])


BOMB = gzip.compress(bytes(64 << 20))
BLANKS = Endless(b" " * 65536)

OVERSIZED = {
    "chunks": reply(chunked(last=b""), Endless(b"1000\r\n" + b" " * 4096 + b"\r\n")),
    "no length and no end": reply(b"HTTP/1.1 200 OK\r\n\r\n", BLANKS),
    "a length of 10 GB": reply(answer(b"", length=10**10), BLANKS),
    "a bomb": reply(packed(BOMB, "gzip")),
    "a bomb in a bomb": reply(packed(gzip.compress(BOMB), "gzip, gzip")),
}


@pytest.mark.parametrize("step", OVERSIZED.values(), ids=OVERSIZED)
def test_a_body_beyond_the_bound_is_refused_with_flat_memory(
    endings: Endings, step: Step
) -> None:
    """At 10 MiB of decoded body a call ends; memory stays flat."""
    tracemalloc.start()
    endings.play(step, error=ApiDecodeException, says=("max_response_bytes",))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20


GZIP = gzip.compress(CREDITS_BODY)
ZLIB = zlib.compress(CREDITS_BODY)


@pytest.mark.parametrize(
    "raw", [answer(), packed(GZIP, "gzip")], ids=["plain", "packed"]
)
def test_the_bound_can_be_set_and_is_exact(
    make_api: MakeApi, wire: Wire, raw: bytes
) -> None:
    """A body of just `max_response_bytes` passes; one byte more does not."""
    size = len(CREDITS_BODY)
    wire.play(otherwise=reply(raw))
    assert good_call(make_api(wire.url, max_response_bytes=size))
    with pytest.raises(ApiException, match="max_response_bytes"):
        make_api(wire.url, max_response_bytes=size - 1).get_credits()


# ---- Compressed bodies

BROKEN_COMPRESSION = {
    "truncated gzip": packed(GZIP[:-20], "gzip"),
    "a wrong checksum": packed(GZIP[:-8] + bytes(8), "gzip"),
    "nothing": packed(b"", "gzip"),
    "plain text, called gzip": packed(CREDITS_BODY, "gzip"),
    "truncated deflate": packed(ZLIB[:-20], "deflate"),
    "too many codings": packed(CREDITS_BODY, "gzip, " * 49 + "gzip"),
}


@pytest.mark.parametrize("raw", BROKEN_COMPRESSION.values(), ids=BROKEN_COMPRESSION)
def test_broken_compression_is_an_error(endings: Endings, raw: bytes) -> None:
    """A body that cannot be unpacked whole is never an empty or partial answer."""
    endings.play(reply(raw, CLOSE), error=ApiDecodeException)


def test_an_unknown_coding_is_named(endings: Endings) -> None:
    """An error names the coding of a body that nobody can unpack."""
    step = reply(packed(GZIP, "x-sealed"))
    endings.play(step, error=ApiDecodeException, says=("x-sealed",))


WHOLE_COMPRESSION = {
    "gzip": packed(GZIP, "gzip"),
    "gzip twice": packed(gzip.compress(GZIP), "gzip, gzip"),
    "gzip of two members": packed(GZIP + gzip.compress(b" "), "gzip"),
    "gzip without its trailer": packed(GZIP[:-8], "gzip"),
    "gzip with zeros behind it": packed(GZIP + bytes(64), "gzip"),
    "deflate": packed(ZLIB, "deflate"),
    "deflate without its wrapper": packed(ZLIB[2:-4], "deflate"),
    "plain text, called identity": packed(CREDITS_BODY, "identity"),
    "plain text, called utf-8": packed(CREDITS_BODY, "utf-8"),
}


@pytest.mark.parametrize("raw", WHOLE_COMPRESSION.values(), ids=WHOLE_COMPRESSION)
def test_whole_compression_is_read(make_api: MakeApi, wire: Wire, raw: bytes) -> None:
    """A packed body that is whole is read, even without the trailer of gzip."""
    wire.play(reply(raw))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == 1


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


@pytest.mark.parametrize(
    ("coding", "module"),
    [
        ("br", "brotli"),
        ("zstd", ZSTD),
    ],
)
def test_codings_that_urllib3_can_read_are_read(
    make_api: MakeApi, wire: Wire, coding: str, module: str
) -> None:
    """Brotli and Zstandard are read where their packages are installed."""
    compress = pytest.importorskip(module).compress
    wire.play(reply(packed(compress(CREDITS_BODY), coding)))
    assert good_call(make_api(wire.url, retries=0))
