"""Answers that are broken as HTTP: cut off, contradictory, without end, or none at all; and odd ones that are read."""

import gzip
import sys
import time
import tracemalloc
import zlib

import pytest

from at_client import ApiConnectionException, ApiDecodeException, ApiException
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS_BODY, TOKEN
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

SENT_BEFORE_THE_LOSS = {
    "before the answer": b"",
    "in the status line": HEAD[:10],
    "in the headers": HEAD[:40],
    "after the headers": HEAD,
    "in the body": HEAD + CREDITS_BODY[:50],
    "in a chunk": CHUNKED[:-60],
    "between chunks": chunked(CREDITS_BODY[:20], last=b""),
    "in the last chunk": CHUNKED[:-4],
    "behind a chunk that is too short": chunked(last=b"ff\r\n{}\r\n0\r\n\r\n"),
    "after an interim answer": EARLY_HINTS,
    "in an error": answer(b"{", 503, length=100),
}
LOST = {
    **{f"{end.name} at once": greet(end) for end in (CLOSE, RESET)},
    **{
        f"CLOSE {where}": reply(sent, CLOSE)
        for where, sent in SENT_BEFORE_THE_LOSS.items()
    },
    **{
        f"RESET {where}": reply(sent, Wait(0.02), RESET)
        for where, sent in SENT_BEFORE_THE_LOSS.items()
    },
}


@pytest.mark.parametrize("step", LOST.values(), ids=LOST)
def test_a_lost_connection_is_tried_again_then_told(
    endings: Endings, step: Step
) -> None:
    """Wherever it breaks: three attempts, then an error without a status; never half a model."""
    error = endings.play(
        Fault((step,) * 3, ApiConnectionException, ("127.0.0.1",), attempts=3)
    )
    assert (error.status, error.data) == (0, None)
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    "name",
    [
        f"CLOSE {where}"
        for where in (
            "before the answer",
            "in the headers",
            "in the body",
            "in a chunk",
        )
    ]
    + [f"RESET {where}" for where in ("before the answer", "in the body")],
)
def test_a_lost_connection_over_tls_is_the_same(
    endings: Endings, authority: Authority, name: str
) -> None:
    """TLS adds nothing: an end without `close_notify` is an end, not an answer."""
    trust = {"ssl_ca_cert": authority.ca_file}
    fault = Fault((LOST[name],) * 3, ApiConnectionException, attempts=3, settings=trust)
    endings.play(fault, tls=authority.server_context("127.0.0.1"))


@pytest.mark.parametrize("step", LOST.values(), ids=LOST)
def test_a_lost_connection_that_comes_back_is_not_noticed(
    step: Step, make_api: MakeApi, wire: Wire
) -> None:
    """When the next attempt, which is the same request with its token, is answered, the call succeeds."""
    wire.play(step)
    assert good_call(make_api(wire.url))
    assert wire.connections == 2
    assert len(set(wire.requests)) == 1
    assert TOKEN.encode() in wire.requests[0]


@pytest.mark.parametrize(
    "step", [LOST["CLOSE in the body"], LOST["CLOSE before the answer"]]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_idempotent_is_sent_once(
    make_client: MakeClient, wire: Wire, step: Step, method: str
) -> None:
    """Nobody can tell whether a lost POST was carried out: it is not sent again, on an idle connection neither."""
    client = make_client(wire.url)
    request = client.param_serialize(method, "/api/v1/x", body={"a": 1})
    for _ in ("new", "idle"):
        wire.play(step)
        with pytest.raises(ApiConnectionException):
            client.call_api(*request)
        client.call_api(*request)
    assert len(wire.requests) == 4


@pytest.mark.parametrize(
    ("method", "attempts"),
    [
        ("GET", 3),
        ("HEAD", 3),
        ("PUT", 3),
        ("DELETE", 3),
        ("OPTIONS", 3),
        ("POST", 1),
        ("PATCH", 1),
    ],
)
def test_only_the_idempotent_is_tried_again(
    make_client: MakeClient, wire: Wire, method: str, attempts: int
) -> None:
    """A 503 to what changes something each time is told at once (RFC 9110 section 9.2.2)."""
    client = make_client(wire.url)
    wire.play(otherwise=reply(answer(b"", 503)))
    response = client.call_api(*client.param_serialize(method, "/api/v1/x"))
    assert (response.status, len(wire.requests)) == (503, attempts)


def response(
    *lines: bytes, start: bytes = b"HTTP/1.1 200 OK", body: bytes = CREDITS_BODY
) -> bytes:
    """Write a response whose head has these lines."""
    return b"\r\n".join((start, *lines, b"", body))


LENGTHS = (
    b"-5",
    b"+5",
    b"5.0",
    b"0x5",
    b"5 5",
    b"\xb2",
    b"1_0",
    b"1" * 20,
    b"long",
    b"",
)
ODD_BLANKS = (
    b"\xa05",
    b"\x855",
    b"\x1c5",
    b"\x0b5",
    b"5\xa0",
    b"5\x85",
    b"5\x1c",
    b"5\x0b",
)
STATUSES = (
    b"200OK",
    b"20 OK",
    b"2000 OK",
    b"099 Low",
    b"2e2 OK",
    b" 200 OK",
    b"abc OK",
    b"200 O\0K",
)
BROKEN_LINES = (
    b"A",
    b"A : 1",
    b": 1",
    b"A: 1\r2",
    b"A: 1\x002",
    b"A\xe4: 1",
    b"A B: 1",
    b"A: 1\r\n \x00",
)
# Patterns that go back and forth would take minutes for one such line, out of reach of any deadline.
SLOW_LINES = (
    b"A:" + b" " * 60_000 + b"x\x00",
    b"A:" + b" x" * 30_000 + b"\x00",
    b" " * 60_000 + b"\x00",
)
CHUNKS = (
    b"zz\r\n{}",
    b"-1\r\n{}",
    b"0x2\r\n{}",
    b"+2\r\n{}",
    b"0_2\r\n{}",
    b"f" * 40,
    b"0" * 100_000,
    b"2\r\n{}{}{}",
)
# The frames that a server of HTTP/2 sends first: its settings, and that it goes away.
SETTINGS, GOAWAY = (
    b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64",
    b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01",
)

REFUSED: dict[str, list[bytes]] = {
    "a header line is broken": [
        *(response(start=b"HTTP/1.1 " + status) for status in STATUSES),
        *(response(line) for line in BROKEN_LINES + SLOW_LINES),
    ],
    "more than 100 header lines": [
        response(*[b"X: y"] * count) for count in (101, 1000)
    ],
    "no valid HTTP response": [
        response(b"X: " + b"y" * 65_532),
        response(start=b"HTTP/1.1 200 " + b"O" * 100_000),
    ],
    "both Content-Length and Transfer-Encoding": [
        response(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    ],
    "Content-Length is not a single number": [
        response(b"Content-Length: 5", b"Content-Length: 7"),
        *(
            response(b"Content-Length: " + lengths)
            for lengths in (b"5, 7", b"5,", b"05, 5")
        ),
        *(response(b"Content-Length:" + length) for length in LENGTHS + ODD_BLANKS),
    ],
    "Transfer-Encoding is not understood": [
        *(
            response(b"Transfer-Encoding: " + coding)
            for coding in (b"gzip", b"gzip, chunked", b"")
        ),
        response(*[b"Transfer-Encoding: chunked"] * 2),
    ],
    "size of a chunk is not a number": [
        chunked(last=chunk + b"\r\n0\r\n\r\n") for chunk in CHUNKS
    ],
    "protocol that nobody asked for": [
        response(b"Upgrade: x", start=b"HTTP/1.1 101 Switching Protocols")
    ],
    "the port speaks TLS. Use https": [
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x16\x03\x03",
    ],
    "the port speaks HTTP/2 only": [SETTINGS + GOAWAY, GOAWAY, b"HTTP/2.0 200 OK\r\n"],
    "it may be a SOCKS proxy": [b"\x05\xff", b"\x00["],
    "the response is not HTTP": [
        *(
            b"\r\n\r\n",
            CREDITS_BODY,
            bytes(range(128, 256)),
            b"ICY 200 OK\r\n",
            b"http/1.1 200 OK\r\n",
        ),
        *(
            response(start=start)
            for start in (b"HTTP/0.9 200 OK", b"HTTP/x.y 200 OK", b"HTTP/9.9 200 OK")
        ),
    ],
}
ROWS = [(says, reply(raw, CLOSE)) for says, rows in REFUSED.items() for raw in rows] + [
    (
        "more than 100 header lines",
        reply(HEAD[:-2], Endless(b"X-Filler: yes\r\n" * 100)),
    ),
    ("no valid HTTP response", reply(HEAD[:-2] + b"X: ", Endless(b"y" * 1000))),
    ("the response is not HTTP", reply(Endless(b"\r\n"))),
]


@pytest.mark.parametrize(("says", "step"), ROWS)
def test_what_is_not_one_clear_response_is_refused(
    endings: Endings, says: str, step: Step
) -> None:
    """What others may read otherwise, or what is not HTTP, will come again: one attempt, and what it seems to be."""
    error = endings.play(
        Fault((step,) * 3, ApiConnectionException, (says, "127.0.0.1"))
    )
    assert (error.status, error.data) == (0, None)


@pytest.mark.parametrize(
    "says", ["Content-Length is not a single number", "size of a chunk is not a number"]
)
def test_a_connection_out_of_step_is_not_used_again(
    says: str, make_api: MakeApi, wire: Wire
) -> None:
    """Even when the server would go on, the next call opens a connection of its own."""
    wire.play(reply(REFUSED[says][-1]))
    api = make_api(wire.url, retries=0)
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 2


LENGTH = b"Content-Length: %d" % len(CREDITS_BODY)
ODD_BUT_READ = {
    "no reason": (response(LENGTH, start=b"HTTP/1.1 200"), 1),
    "an empty reason": (response(LENGTH, start=b"HTTP/1.1 200 "), 1),
    "a length with zeros in front": (response(LENGTH.replace(b": ", b": 00")), 1),
    "a length in tabs": (response(LENGTH.replace(b": ", b":\t") + b"\t"), 1),
    "the length twice": (response(LENGTH, LENGTH), 1),
    "the length twice in a line": (
        response(LENGTH + LENGTH.replace(b"Content-Length:", b",")),
        1,
    ),
    "a line of 64 KiB": (response(LENGTH, b"X: " + b"y" * 65_531), 1),
    "100 lines": (response(LENGTH, *[b"X: y"] * 99), 1),
    "chunks in capitals": (
        chunked(CREDITS_BODY).replace(b": chunked", b": CHUNKED"),
        1,
    ),
    "chunks with extensions": (
        chunked(CREDITS_BODY).replace(b"0\r\n", b'0;a="b";c\r\n'),
        1,
    ),
    "HTTP/1.0 with chunks": (
        chunked(CREDITS_BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
        2,
    ),
    "HTTP/1.0 with chunks, to be kept": (
        chunked(CREDITS_BODY, headers=[("Connection", "keep-alive")]).replace(
            b"HTTP/1.1", b"HTTP/1.0"
        ),
        2,
    ),
}


@pytest.mark.parametrize(
    ("odd", "connections"), ODD_BUT_READ.values(), ids=ODD_BUT_READ
)
def test_what_is_odd_and_clear_is_read(
    make_api: MakeApi, wire: Wire, odd: bytes, connections: int
) -> None:
    """In one packet or many, at the first attempt; the connection is used again where HTTP lets it."""
    wire.play(reply(odd), reply(Pieces(odd, range(3, 300, 9))))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == connections


ODD_LINES = b"A: 1\nB:2\r\nC: 1\r\r\nD: 1\r\n 2\r\n\t3\r\nE:\r\nF: \t1: 2\t \r\nG: Gr\xfcn\r\n!#$%&'*+-.^_`|~09azAZ: x"
TIDY = {
    "A": "1",
    "B": "2",
    "C": "1",
    "D": "1 2 3",
    "E": "",
    "F": "1: 2",
    "G": "Grün",
    "!#$%&'*+-.^_`|~09azAZ": "x",
}


def test_header_lines_are_tidied(make_api: MakeApi, wire: Wire) -> None:
    """Folded lines become one, whatever ends a line is its end, and blanks around a value are nothing."""
    odd = response(ODD_LINES, LENGTH, start=b"HTTP/1.1 200 Gr\xfcn\r").replace(
        b"\r\n\r\n", b"\n\n"
    )
    wire.play(reply(odd), reply(Pieces(odd, range(3, 300, 9))))
    api = make_api(wire.url, retries=0)
    for _ in range(2):
        found = api.get_credits_api_v1_credits_get_with_http_info()
        assert found.data.remaining == 750
        assert {name: found.headers[name] for name in TIDY} == TIDY
    assert wire.connections == 1


@pytest.mark.parametrize(
    "interim",
    [
        EARLY_HINTS,
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        EARLY_HINTS * 3,
    ],
    ids=["103", "102", "100", "several"],
)
def test_interim_answers_are_skipped(
    interim: bytes, make_api: MakeApi, wire: Wire
) -> None:
    """A 1xx is not the answer; the one after it is, and the connection stays good."""
    wire.play(reply(interim + answer()), reply(interim, Wait(0.02), answer()))
    api = make_api(wire.url, retries=0)
    found = api.get_credits_api_v1_credits_get_with_http_info()
    assert (found.status_code, found.data.remaining) == (200, 750)
    assert "Link" not in found.headers
    assert good_call(api)
    assert wire.connections == 1


def test_an_idle_connection_that_was_closed_is_replaced_in_silence(
    make_api: MakeApi, wire: Wire
) -> None:
    """A server may close what is idle; the next call reconnects and counts no retry."""
    wire.play(reply(answer(), CLOSE), reply(answer(), CLOSE))
    api = make_api(wire.url, retries=0)
    for connections in (1, 2, 3):
        assert good_call(api)
        time.sleep(0.05)  # for the end of the connection to arrive
        assert wire.connections == len(wire.requests) == connections


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_request_lost_on_an_idle_connection_is_sent_once_more(
    make_api: MakeApi, wire: Wire, end: Action
) -> None:
    """The end may come too late to be noticed: one silent reconnect, no more, and not for the first request."""
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    wire.play(reply(end))
    assert good_call(api)
    assert wire.connections == 2
    wire.play(reply(end), reply(end))
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)


@pytest.mark.parametrize(
    "poison",
    [
        answer(CREDITS_BODY.replace(b"750", b"1")),
        b"HTTP/1.1 500 Oh No\r\nContent-Length: 0\r\n\r\n",
        b"junk",
        b"\r\n",
    ],
    ids=["a whole answer", "an error", "junk", "an empty line"],
)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_bytes_nobody_asked_for_poison_nothing(
    poison: bytes, *, late: bool, make_api: MakeApi, wire: Wire
) -> None:
    """What follows a whole answer is never taken for the answer to the next request."""
    wire.play(reply(answer(), Wait(0.03), poison) if late else reply(answer() + poison))
    api = make_api(wire.url, retries=0)
    for _ in range(3):
        assert good_call(api)
        time.sleep(0.06 if late else 0)


def gzipped(size: int, layers: int = 1) -> bytes:
    """Compress that many zeros, without ever holding them."""
    data = iter([b"\0" * 65536] * (size // 65536))
    for _ in range(layers):
        packer = zlib.compressobj(wbits=31)
        data = iter([*(packer.compress(part) for part in data), packer.flush()])
    return b"".join(data)


def packed(body: bytes, *encodings: str, status: int = 200) -> bytes:
    """Answer with a body that claims these encodings."""
    return answer(body, status, headers=[("Content-Encoding", ", ".join(encodings))])


OVERSIZED = {
    "chunks without end": reply(
        chunked(last=b""), Endless(b"10000\r\n" + b" " * 65536 + b"\r\n")
    ),
    "a body without length and end": reply(response(body=b""), Endless(b" " * 65536)),
    "a length of 10 GB": reply(answer(b"", length=10**10), Endless(b" " * 65536)),
    "a gzip bomb": reply(packed(gzipped(64 << 20), "gzip")),
    "a gzip bomb in a gzip bomb": reply(
        packed(gzipped(64 << 20, layers=2), "gzip", "gzip")
    ),
    "a bomb in an error": reply(packed(gzipped(64 << 20), "gzip", status=400)),
}


@pytest.mark.parametrize("step", OVERSIZED.values(), ids=OVERSIZED)
def test_a_body_beyond_the_bound_is_refused_with_flat_memory(
    make_api: MakeApi, wire: Wire, step: Step
) -> None:
    """At 10 MiB of decoded body the call ends; what never ends is not drained."""
    api = make_api(wire.url, retries=0, timeout=10.0)
    assert good_call(api)
    wire.play(step)
    tracemalloc.start()
    try:
        began = time.monotonic()
        with pytest.raises(ApiException, match=r"max_response_bytes|400"):
            api.get_credits()
        took = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20
    assert took < 5
    assert good_call(api)
    endless = any(isinstance(action, Endless) for action in step.actions)
    assert wire.connections == (2 if endless else 1)


def test_the_bound_can_be_set_and_is_exact(make_api: MakeApi, wire: Wire) -> None:
    """A body of just `max_response_bytes` passes; one byte more does not."""
    size = len(CREDITS_BODY)
    for body in (
        answer(),
        chunked(CREDITS_BODY),
        packed(gzip.compress(CREDITS_BODY), "gzip"),
    ):
        wire.play(reply(body), reply(body))
        assert good_call(make_api(wire.url, retries=0, max_response_bytes=size))
        with pytest.raises(ApiException, match="max_response_bytes"):
            make_api(wire.url, retries=0, max_response_bytes=size - 1).get_credits()


GZIP, ZLIB = gzip.compress(CREDITS_BODY), zlib.compress(CREDITS_BODY)

BROKEN_COMPRESSION = {
    "truncated gzip": packed(GZIP[:-20], "gzip"),
    "gzip with a wrong checksum": packed(GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], "gzip"),
    "a gzip header alone": packed(GZIP[:10], "gzip"),
    "nothing, called gzip": packed(b"", "gzip"),
    "plain text, called gzip": packed(CREDITS_BODY, "gzip"),
    "truncated deflate": packed(ZLIB[:-20], "deflate"),
    "plain text, called deflate": packed(CREDITS_BODY, "deflate"),
    "truncated gzip in chunks": chunked(
        GZIP[:-20], headers=[("Content-Encoding", "gzip")]
    ),
    "truncated gzip that ends with its connection": response(
        b"Content-Encoding: gzip", body=GZIP[:-20]
    ),
    "gzip inside truncated gzip": packed(
        gzip.compress(GZIP[:-20])[:-10], "gzip", "gzip"
    ),
    "too many encodings": packed(CREDITS_BODY, *["gzip"] * 50),
    "x-sealed": packed(GZIP, "x-sealed"),
}


@pytest.mark.parametrize("name", BROKEN_COMPRESSION)
def test_broken_compression_is_an_error(endings: Endings, name: str) -> None:
    """What cannot be unpacked whole is never an empty or a partial answer; a coding that nobody knows is named."""
    says = (name,) if name == "x-sealed" else ()
    endings.play(
        Fault((reply(BROKEN_COMPRESSION[name], CLOSE),), ApiDecodeException, says)
    )


WHOLE_COMPRESSION = {
    "gzip": packed(GZIP, "gzip"),
    "x-gzip": packed(GZIP, "x-gzip"),
    "gzip twice": packed(gzip.compress(GZIP), "gzip", "gzip"),
    "gzip of two members": packed(
        gzip.compress(CREDITS_BODY[:9]) + gzip.compress(CREDITS_BODY[9:]), "gzip"
    ),
    "gzip with half a trailer": packed(GZIP[:-4], "gzip"),
    "gzip without its trailer": packed(GZIP[:-8], "gzip"),
    "gzip with zeros behind it": packed(GZIP + b"\0" * 64, "gzip"),
    "gzip in chunks": chunked(
        GZIP[:30], GZIP[30:], headers=[("Content-Encoding", "gzip")]
    ),
    "deflate": packed(ZLIB, "deflate"),
    "deflate without its wrapper": packed(ZLIB[2:-4], "deflate"),
    **{
        f"plain text, called {coding}": packed(CREDITS_BODY, coding)
        for coding in ("identity", "utf-8", "none")
    },
}


@pytest.mark.parametrize("whole", WHOLE_COMPRESSION.values(), ids=WHOLE_COMPRESSION)
def test_whole_compression_is_read(make_api: MakeApi, wire: Wire, whole: bytes) -> None:
    """Every encoding of RFC 9110; of a gzip without its trailer the JSON says whether it is whole."""
    wire.play(reply(whole))
    api = make_api(wire.url, retries=0)
    assert good_call(api)
    assert good_call(api)
    assert wire.connections == 1


ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", ZSTD)])
def test_codings_that_urllib3_can_read_are_read(
    make_api: MakeApi, wire: Wire, coding: str, module: str
) -> None:
    """Brotli and Zstandard are, where their packages are installed, though nobody asked for them."""
    wire.play(reply(packed(pytest.importorskip(module).compress(CREDITS_BODY), coding)))
    assert good_call(make_api(wire.url, retries=0))
