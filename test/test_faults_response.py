"""Answers that are broken as HTTP, and odd ones that are read."""

import gzip
import sys
import time
import tracemalloc
import zlib
from typing import NamedTuple

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
    Action,
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

HEAD = answer().removesuffix(CREDITS_BODY)
CHUNKED = chunked(CREDITS_BODY[:20], CREDITS_BODY[20:])
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(CREDITS_BODY)


def respond(
    *lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = CREDITS_BODY
) -> bytes:
    """Write a response whose head has these lines."""
    return b"\r\n".join((start, *lines, b"", body))


# ---- Connections that are lost

SENT = {
    "before the answer": b"",
    "in the headers": HEAD[:40],
    "in the body": HEAD + CREDITS_BODY[:50],
    "after an interim answer": EARLY_HINTS,
    "in an error": answer(b"{", 503, length=100),
}
"""What has been sent when the connection is lost."""

LOST = {
    "closed at once": greet(CLOSE),
    "reset at once": greet(RESET),
}
for where, sent in SENT.items():
    LOST[f"closed {where}"] = reply(sent, CLOSE)
    LOST[f"reset {where}"] = reply(sent, Wait(0.02), RESET)


@pytest.mark.parametrize("name", LOST)
def test_a_lost_connection_is_tried_again_then_told(
    endings: Endings, name: str
) -> None:
    """Wherever a connection is lost, three attempts end in an error."""
    error = endings.play(LOST[name], attempts=3)
    assert error.status == 0
    assert error.data is None
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    "name",
    [
        "closed before the answer",
        "closed in the body",
        "reset in the body",
    ],
)
def test_a_lost_connection_over_tls_is_the_same(
    endings: Endings, authority: Authority, name: str
) -> None:
    """A TLS connection that ends without `close_notify` is lost like any other."""
    endings.play(
        LOST[name],
        attempts=3,
        ssl_ca_cert=authority.ca_file,
        tls=authority.server_context("127.0.0.1"),
    )


def test_a_body_lost_by_a_manager_of_ones_own_is_told(
    make_api: MakeApi, wire: Wire
) -> None:
    """A user's own pool manager has retries of its own, and gets none of ours."""
    api = make_api(wire.url)
    api.api_client.rest_client.pool_manager = urllib3.PoolManager(retries=False)
    wire.play(LOST["closed in the body"])
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert len(wire.requests) == 1
    assert good_call(api)


@pytest.mark.parametrize("name", ["closed in the body", "closed before the answer"])
def test_a_lost_change_is_not_sent_again(
    make_client: MakeClient, wire: Wire, name: str
) -> None:
    """A POST that is lost is not sent again, on an idle connection neither."""
    client = make_client(wire.url)
    request = client.param_serialize("POST", "/api/v1/x", body={"a": 1})
    for _ in ("new", "idle"):
        wire.play(LOST[name])
        with pytest.raises(ApiConnectionException):
            client.call_api(*request)
        client.call_api(*request)
    assert len(wire.requests) == 4


# ---- Answers that are not one clear response


class Refused(NamedTuple):
    """A response that is refused, and why."""

    step: Step
    says: str


BROKEN_STATUSES = [
    b"200OK",
    b"20 OK",
    b"099 Low",
    b"abc OK",
    b"200 O\0K",
]
BROKEN_LINES = [
    b"A : 1",
    b"A: 1\r2",
    b"A: 1\x002",
    b"A\xe4: 1",
    b"A: 1\r\n \x00",
]
SLOW_LINES = {
    "many blanks": b"A:" + b" " * 60_000 + b"x\x00",
    "a long fold": b"A:\r\n" + b" " * 60_000 + b"\x00",
}
"""A pattern that goes back and forth would take minutes for these."""

WRONG_LENGTHS = [
    b"+5",
    b"5.0",
    b"0x5",
    b"5 5",
    b"\xb2",
    b"1_0",
    b"11111111111111111111",
    b"",
    b"5, 7",
    b"5\r\nContent-Length: 7",
    b"\xa05",
    b"\x855",
    b"\x1c5",
    b"5\x0b",
]
WRONG_CODINGS = [
    b"gzip",
    b"gzip, chunked",
    b"",
    b"chunked\r\nTransfer-Encoding: chunked",
]
OVERSIZED_HEADS = {
    "101 lines": reply(respond(*[b"X: y"] * 101)),
    "a line over 64 KiB": reply(respond(b"X: " + b"y" * 65_532)),
    "lines without end": reply(HEAD[:-2], Endless(b"X-Filler: yes\r\n" * 100)),
    "a line without end": reply(HEAD[:-2], b"X: ", Endless(b"y" * 1000)),
}

REFUSED: dict[str, Refused] = {
    "a length beside chunks": Refused(
        # This is how responses are smuggled (RFC 9112, section 6.3).
        reply(respond(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
        "both Content-Length and Transfer-Encoding",
    ),
    "a chunk longer than its size": Refused(
        reply(chunked(last=b"2\r\n{}{}{}\r\n0\r\n\r\n"), CLOSE),
        "no valid HTTP response",
    ),
}
for text in BROKEN_STATUSES:
    broken = reply(respond(start=b"HTTP/1.1 " + text), CLOSE)
    REFUSED[f"status {text!r}"] = Refused(broken, "a header line is broken")
for text in BROKEN_LINES:
    broken = reply(respond(text), CLOSE)
    REFUSED[f"line {text!r}"] = Refused(broken, "a header line is broken")
for name, text in SLOW_LINES.items():
    REFUSED[name] = Refused(reply(respond(text)), "a header line is broken")
for text in WRONG_LENGTHS:
    broken = reply(respond(b"Content-Length:" + text), CLOSE)
    REFUSED[f"length {text!r}"] = Refused(broken, "is not a single number")
for text in WRONG_CODINGS:
    broken = reply(respond(b"Transfer-Encoding: " + text), CLOSE)
    REFUSED[f"coding {text!r}"] = Refused(broken, "Encoding is not understood")
for name, step in OVERSIZED_HEADS.items():
    REFUSED[name] = Refused(step, "more than 100 header lines, or one over 64 KiB")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_one_clear_response_is_refused(endings: Endings, name: str) -> None:
    """A response that others could read differently is refused, with the reason."""
    step, says = REFUSED[name]
    error = endings.play(step, says=(says,))
    assert error.status == 0
    assert error.data is None


SETTINGS = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"
OTHER_PROTOCOLS = {
    b"\x15\x03\x01\x00\x02\x02\x46": "the port speaks TLS. Use https",
    SETTINGS: "the port speaks HTTP/2 only",
    b"HTTP/2.0 200 OK\r\n": "the port speaks HTTP/2 only",
    b"\x05\xff": "it may be a SOCKS proxy",
    b"\x00[": "it may be a SOCKS proxy",
    b"\r\n\r\n": "the response is not HTTP",
    b"ICY 200 OK\r\n": "the response is not HTTP",
    b"http/1.1 200 OK\r\n": "the response is not HTTP",
    b"HTTP/0.9 200 OK\r\n": "the response is not HTTP",
    b"HTTP/1.1 101 Switching\r\n\r\n": "protocol that nobody asked for",
}


@pytest.mark.parametrize("raw", OTHER_PROTOCOLS, ids=repr)
def test_what_is_not_http_is_named(endings: Endings, raw: bytes) -> None:
    """Where the answer is not HTTP, the error says what the port seems to speak."""
    says = OTHER_PROTOCOLS[raw]
    endings.play(reply(raw, CLOSE), says=(says,))


def test_a_connection_out_of_step_is_not_used_again(
    make_api: MakeApi, wire: Wire
) -> None:
    """After a response that was refused, the next call opens a new connection."""
    wire.play(reply(respond(b"Content-Length: 5, 7")))
    api = make_api(wire.url, retries=0)
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 2


# ---- Answers that are odd and clear

ODD = {
    "no reason": respond(LENGTH, start=b"HTTP/1.1 200"),
    "a length with zeros in front": respond(LENGTH.replace(b": ", b": 00")),
    "the length twice, in tabs": respond(LENGTH, LENGTH.replace(b": ", b":\t")),
    "a line of 64 KiB": respond(LENGTH, b"X: " + b"y" * 65_531),
    "100 lines": respond(LENGTH, *[b"X: y"] * 99),
    "a line without a colon": respond(b"nonsense", LENGTH),
    "a line without a name": respond(b": 1", LENGTH, b":"),
    "chunks in capitals": CHUNKED.replace(b": chunked", b": CHUNKED"),
    "chunks with extensions": CHUNKED[:-5] + b'0;a="b";c\r\n\r\n',
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_clear_is_read(
    make_api: MakeApi, wire: Wire, name: str
) -> None:
    """A response that is odd and clear is read, in one packet or many."""
    wire.play(reply(ODD[name]), reply(Pieces(ODD[name], range(3, 300, 9))))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == 1


def test_chunks_of_http_1_0_end_their_connection(make_api: MakeApi, wire: Wire) -> None:
    """Chunks of HTTP/1.0, which has none, are read, and end their connection."""
    raw = chunked(CREDITS_BODY, headers=[("Connection", "keep-alive")])
    wire.play(reply(raw.replace(b"HTTP/1.1", b"HTTP/1.0")))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == 2


TIDIED = {
    b"X: 1\nY: 2": "1",
    b"X: 1\r": "1",
    b"X: 1\r\n 2\r\n\t3": "1 2 3",
    b"X:": "",
    b"X: \t1: 2\t ": "1: 2",
    b"X: Gr\xfcn": "Gr\xfcn",
}


@pytest.mark.parametrize("line", TIDIED, ids=repr)
def test_header_lines_are_tidied(make_api: MakeApi, wire: Wire, line: bytes) -> None:
    """Odd header lines are found as they were meant."""
    wire.play(reply(respond(line, LENGTH)))
    api = make_api(wire.url, retries=0)
    found = api.get_credits_api_v1_credits_get_with_http_info()
    assert found.headers["X"] == TIDIED[line]


def test_interim_answers_are_skipped(make_api: MakeApi, wire: Wire) -> None:
    """A 1xx is not the answer; the one after it is, and the connection stays good."""
    processing = b"HTTP/1.1 102 Processing\r\n\r\n"
    wire.play(
        reply(EARLY_HINTS + processing + answer()),
        reply(EARLY_HINTS, Wait(0.02), answer()),
    )
    api = make_api(wire.url, retries=0)
    for _ in ("at once", "apart"):
        found = api.get_credits_api_v1_credits_get_with_http_info()
        assert found.status_code == 200
        assert "Link" not in found.headers
    assert wire.connections == 1


# ---- Idle connections


@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
def test_a_request_lost_on_an_idle_connection_is_sent_once_more(
    make_api: MakeApi, wire: Wire, end: Action
) -> None:
    """A request that is lost on an idle connection is sent once more, no more."""
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    wire.play(reply(end))
    assert good_call(api)
    assert wire.connections == 2

    wire.play(reply(end), reply(end))
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)


OTHER_ANSWER = answer(CREDITS_BODY.replace(b"750", b"1"))
POISON = {
    "a whole answer at once": reply(answer() + OTHER_ANSWER),
    "a whole answer later": reply(answer(), Wait(0.03), OTHER_ANSWER),
    "junk at once": reply(answer() + b"junk"),
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


def gzipped(size: int) -> bytes:
    """Compress that many zeros, without ever holding them."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(bytes(65536)) for _ in range(size // 65536)]
    return b"".join([*parts, packer.flush()])


def packed(body: bytes, *encodings: str) -> bytes:
    """Answer with a body that claims these encodings."""
    return answer(body, headers=[("Content-Encoding", ", ".join(encodings))])


BOMB = gzipped(64 << 20)
BLANKS = Endless(b" " * 65536)

OVERSIZED = {
    "chunks": reply(chunked(last=b""), Endless(b"10000\r\n" + b" " * 65536 + b"\r\n")),
    "no length and no end": reply(respond(body=b""), BLANKS),
    "a length of 10 GB": reply(answer(b"", length=10**10), BLANKS),
    "a bomb": reply(packed(BOMB, "gzip")),
    "a bomb in a bomb": reply(packed(gzip.compress(BOMB), "gzip", "gzip")),
}


@pytest.mark.parametrize("name", OVERSIZED)
def test_a_body_beyond_the_bound_is_refused_with_flat_memory(
    endings: Endings, name: str
) -> None:
    """At 10 MiB of decoded body a call ends; memory stays flat."""
    tracemalloc.start()
    try:
        endings.play(
            OVERSIZED[name],
            error=ApiDecodeException,
            says=("max_response_bytes",),
            retries=0,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20


@pytest.mark.parametrize(
    "raw",
    [answer(), packed(gzip.compress(CREDITS_BODY), "gzip")],
    ids=["plain", "packed"],
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

GZIP = gzip.compress(CREDITS_BODY)
ZLIB = zlib.compress(CREDITS_BODY)
TRUNCATED = GZIP[:-20]
AS_GZIP = [("Content-Encoding", "gzip")]

BROKEN_COMPRESSION = {
    "truncated gzip": packed(TRUNCATED, "gzip"),
    "a wrong checksum": packed(GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], "gzip"),
    "nothing": packed(b"", "gzip"),
    "plain text, called gzip": packed(CREDITS_BODY, "gzip"),
    "truncated deflate": packed(ZLIB[:-20], "deflate"),
    "truncated in chunks": chunked(TRUNCATED, headers=AS_GZIP),
    "too many encodings": packed(CREDITS_BODY, *["gzip"] * 50),
}


@pytest.mark.parametrize("name", BROKEN_COMPRESSION)
def test_broken_compression_is_an_error(endings: Endings, name: str) -> None:
    """A body that cannot be unpacked whole is never an empty or partial answer."""
    step = reply(BROKEN_COMPRESSION[name], CLOSE)
    endings.play(step, error=ApiDecodeException)


def test_an_unknown_coding_is_named(endings: Endings) -> None:
    """An error names the coding of a body that nobody can unpack."""
    step = reply(packed(GZIP, "x-sealed"))
    endings.play(step, error=ApiDecodeException, says=("x-sealed",))


HALVES = gzip.compress(CREDITS_BODY[:9]) + gzip.compress(CREDITS_BODY[9:])

WHOLE_COMPRESSION = {
    "gzip": packed(GZIP, "gzip"),
    "gzip twice": packed(gzip.compress(GZIP), "gzip", "gzip"),
    "gzip of two members": packed(HALVES, "gzip"),
    "gzip without its trailer": packed(GZIP[:-8], "gzip"),
    "gzip with zeros behind it": packed(GZIP + bytes(64), "gzip"),
    "gzip in chunks": chunked(GZIP[:30], GZIP[30:], headers=AS_GZIP),
    "deflate": packed(ZLIB, "deflate"),
    "deflate without its wrapper": packed(ZLIB[2:-4], "deflate"),
    "plain text, called identity": packed(CREDITS_BODY, "identity"),
    "plain text, called utf-8": packed(CREDITS_BODY, "utf-8"),
}


@pytest.mark.parametrize("name", WHOLE_COMPRESSION)
def test_whole_compression_is_read(make_api: MakeApi, wire: Wire, name: str) -> None:
    """A packed body that is whole is read, even without the trailer of gzip."""
    wire.play(reply(WHOLE_COMPRESSION[name]))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == 1


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", ZSTD)])
def test_codings_that_urllib3_can_read_are_read(
    make_api: MakeApi, wire: Wire, coding: str, module: str
) -> None:
    """Brotli and Zstandard are read where their packages are installed."""
    compress = pytest.importorskip(module).compress
    wire.play(reply(packed(compress(CREDITS_BODY), coding)))
    assert good_call(make_api(wire.url, retries=0))
