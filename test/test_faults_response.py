"""Answers that are broken as HTTP: cut off, contradictory, without end, or none at all."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from at_client import ApiConnectionException, ApiDecodeException, ApiException, CreditsApi
from support.ending import Endings, Fault, good_call
from support.facts import CREDITS_BODY, TOKEN
from support.wire import CLOSE, RESET, Drip, Endless, Pieces, Step, Wait, Wire, answer, chunked, greet, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.tls import Authority
    from support.wire import Action

pytestmark = pytest.mark.usefixtures("short_waits")


def raw_deflate(data: bytes) -> bytes:
    """Compress without the zlib wrapper, as some servers understand `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


HEAD, _, BODY = answer().partition(b"\r\n\r\n")
HEAD += b"\r\n\r\n"
CHUNKED = chunked(CREDITS_BODY[:20], CREDITS_BODY[20:])
NO_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

LOST = {
    "closed at once": greet(CLOSE),
    "reset at once": greet(RESET),
    "closed before the answer": reply(CLOSE),
    "reset before the answer": reply(RESET),
    "closed in the status line": reply(HEAD[:10], CLOSE),
    "reset in the status line": reply(HEAD[:10], RESET),
    "closed in the headers": reply(HEAD[:40], CLOSE),
    "reset in the headers": reply(HEAD[:40], RESET),
    "closed after the headers": reply(HEAD, CLOSE),
    "reset after the headers": reply(HEAD, RESET),
    "closed in the body": reply(HEAD, BODY[:50], CLOSE),
    "reset in the body": reply(HEAD, BODY[:50], Wait(0.02), RESET),
    "closed in a chunk": reply(CHUNKED[:-60], CLOSE),
    "reset in a chunk": reply(CHUNKED[:-60], Wait(0.02), RESET),
    "closed between chunks": reply(chunked(CREDITS_BODY[:20], last=b""), CLOSE),
    "closed in the last chunk": reply(CHUNKED[:-4], CLOSE),
    "closed after an interim answer": reply(b"HTTP/1.1 103 Early Hints\r\n\r\n", CLOSE),
    "closed in an error": reply(answer(b"{", 503, length=100), CLOSE),
}


@pytest.mark.parametrize("step", LOST.values(), ids=LOST)
def test_a_lost_connection_is_tried_again_then_told(endings: Endings, step: Step) -> None:
    """Wherever it breaks: three attempts, then an error without a status; never half a model."""
    fault = Fault((step,) * 3, ApiConnectionException, ("127.0.0.1",), attempts=3)
    error = endings.play(fault)
    assert (error.status, error.data) == (0, None)
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    "name",
    [
        "closed before the answer",
        "reset before the answer",
        "closed in the headers",
        "closed in the body",
        "reset in the body",
        "closed in a chunk",
    ],
)
def test_a_lost_connection_over_tls_is_the_same(endings: Endings, authority: Authority, name: str) -> None:
    """TLS adds nothing: an end without `close_notify` is an end, not an answer."""
    trust = {"ssl_ca_cert": authority.ca_file}
    fault = Fault((LOST[name],) * 3, ApiConnectionException, attempts=3, settings=trust)
    endings.play(fault, tls=authority.server_context("127.0.0.1"))


@pytest.mark.parametrize("step", LOST.values(), ids=LOST)
def test_a_lost_connection_that_comes_back_is_not_noticed(
    step: Step, make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """When the next attempt is answered, the call succeeds."""
    wire.play(step)
    assert good_call(make_api(wire.url))
    assert wire.connections == 2


@pytest.mark.parametrize("step", [LOST["closed in the body"], LOST["closed before the answer"]])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_idempotent_is_sent_once(
    make_client: Callable[..., Any], wire: Wire, step: Step, method: str
) -> None:
    """A POST whose answer is lost may have been carried out, so it is never sent again."""
    client = make_client(wire.url)
    wire.play(step)
    with pytest.raises(ApiConnectionException):
        client.call_api(*client.param_serialize(method, "/api/v1/x", body={"a": 1}))
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("method", "attempts"),
    [("GET", 3), ("HEAD", 3), ("PUT", 3), ("DELETE", 3), ("OPTIONS", 3), ("POST", 1), ("PATCH", 1)],
)
def test_only_what_is_idempotent_is_tried_again(
    make_client: Callable[..., Any], wire: Wire, method: str, attempts: int
) -> None:
    """A 503 to what changes something each time is told at once (RFC 9110 section 9.2.2)."""
    client = make_client(wire.url)
    wire.play(otherwise=reply(answer(b"", 503)))
    response = client.call_api(*client.param_serialize(method, "/api/v1/x"))
    assert (response.status, len(wire.requests)) == (503, attempts)


MALFORMED = {
    "an SSH banner": reply(b"SSH-2.0-OpenSSH_9.6\r\n", CLOSE),
    "a TLS alert": reply(b"\x15\x03\x01\x00\x02\x02\x16", CLOSE),
    "an empty line": reply(b"\r\n\r\n", CLOSE),
    "empty lines without end": reply(Endless(b"\r\n")),
    "an HTTP/0.9 body": reply(CREDITS_BODY, CLOSE),
    "a version that is none": reply(b"HTTP/x.y 200 OK\r\n\r\n{}", CLOSE),
    "a version to come": reply(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}", CLOSE),
    "a status that is a word": reply(b"HTTP/1.1 abc OK\r\n\r\n{}", CLOSE),
    "a status below 100": reply(b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\n{}", CLOSE),
    "a status of four digits": reply(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}", CLOSE),
    "a status line without end": reply(b"HTTP/1.1 200 " + b"O" * 100_000, CLOSE),
    "a header line of 100 kB": reply(NO_LENGTH + b"X: " + b"y" * 100_000 + b"\r\n\r\n", CLOSE),
    "headers without end": reply(NO_LENGTH, Endless(b"X-Filler: yes\r\n" * 100)),
    "a header line without end": reply(NO_LENGTH + b"X: ", Endless(b"y" * 1000)),
    "a thousand headers": reply(NO_LENGTH + b"X: y\r\n" * 1000 + b"\r\n" + BODY, CLOSE),
    "two different lengths": reply(NO_LENGTH + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n" + BODY, CLOSE),
    "two different lengths in a line": reply(NO_LENGTH + b"Content-Length: 5, 7\r\n\r\n" + BODY, CLOSE),
    "a length below zero": reply(NO_LENGTH + b"Content-Length: -5\r\n\r\n" + BODY, CLOSE),
    "a length that is a word": reply(NO_LENGTH + b"Content-Length: long\r\n\r\n" + BODY, CLOSE),
    "a chunk size that is a word": reply(chunked(last=b"zz\r\n{}\r\n0\r\n\r\n"), CLOSE),
    "a chunk size below zero": reply(chunked(last=b"-1\r\n{}\r\n0\r\n\r\n"), CLOSE),
    "a chunk size beyond reason": reply(chunked(last=b"f" * 40 + b"\r\n{}\r\n"), CLOSE),
    "a chunk size without end": reply(chunked(last=b"0" * 100_000), CLOSE),
    "a chunk longer than it says": reply(chunked(last=b"2\r\n{}{}{}\r\n0\r\n\r\n"), CLOSE),
    "a chunk shorter than it says": reply(chunked(last=b"ff\r\n{}\r\n0\r\n\r\n"), CLOSE),
}


@pytest.mark.parametrize("step", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_http_is_a_connection_error(endings: Endings, step: Step) -> None:
    """What cannot be read as one response is none, and its connection is thrown away."""
    fault = Fault((step,), ApiConnectionException, ("127.0.0.1",), settings={"retries": 0})
    error = endings.play(fault)
    assert (error.status, error.data) == (0, None)


@pytest.mark.parametrize("name", ["two different lengths", "a chunk longer than it says"])
def test_a_connection_out_of_step_is_not_used_again(name: str, make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """Even when the server would go on, the next call opens a connection of its own."""
    step = Step(tuple(action for action in MALFORMED[name].actions if action is not CLOSE))
    wire.play(step)
    api = make_api(wire.url, retries=0)
    with pytest.raises(ApiConnectionException):
        api.get_credits()
    assert good_call(api)
    assert wire.connections == 2


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * 3,
    ],
    ids=["103", "102", "100", "several"],
)
def test_interim_answers_are_skipped(interim: bytes, make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A 1xx is not the answer; the one after it is, and the connection stays good."""
    wire.play(reply(interim + answer()), reply(interim, Wait(0.02), answer()))
    api = make_api(wire.url, retries=0)
    response = api.get_credits_api_v1_credits_get_with_http_info()
    assert (response.status_code, response.data.remaining) == (200, 750)
    assert "Link" not in response.headers
    assert good_call(api)
    assert wire.connections == 1


def test_a_change_of_protocol_is_an_error(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """101 answers a question that was never asked."""
    wire.play(reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", CLOSE))
    api = make_api(wire.url, retries=0)
    with pytest.raises(ApiConnectionException, match="protocol"):
        api.get_credits()
    assert good_call(api)


def test_an_idle_connection_that_was_closed_is_replaced_in_silence(
    make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """A server may close what is idle; the next call reconnects and counts no retry."""
    wire.play(reply(answer(), CLOSE), reply(answer(), CLOSE))
    api = make_api(wire.url, retries=0)
    for connections in (1, 2, 3):
        assert good_call(api)
        time.sleep(0.05)  # for the end of the connection to arrive
        assert wire.connections == connections
    assert len(wire.requests) == 3


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_request_lost_on_an_idle_connection_is_sent_once_more(
    make_api: Callable[..., CreditsApi], wire: Wire, end: Action
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


def test_what_is_not_idempotent_is_not_sent_again_on_an_idle_connection(
    make_client: Callable[..., Any], wire: Wire
) -> None:
    """Nobody can tell whether a lost POST was read."""
    client = make_client(wire.url)
    request = client.param_serialize("POST", "/api/v1/credits", body={})
    client.call_api(*request)
    wire.play(reply(CLOSE))
    with pytest.raises(ApiConnectionException):
        client.call_api(*request)
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "poison",
    [answer(CREDITS_BODY.replace(b"750", b"1")), b"HTTP/1.1 500 Oh No\r\nContent-Length: 0\r\n\r\n", b"junk", b"\r\n"],
    ids=["a whole answer", "an error", "junk", "an empty line"],
)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_bytes_that_nobody_asked_for_poison_nothing(
    poison: bytes, *, late: bool, make_api: Callable[..., CreditsApi], wire: Wire
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


def packed(body: bytes, *encodings: str) -> bytes:
    """Answer with a body that claims these encodings."""
    return answer(body, headers=[("Content-Encoding", ", ".join(encodings))])


OVERSIZED = {
    "chunks without end": reply(chunked(last=b""), Endless(b"10000\r\n" + b" " * 65536 + b"\r\n")),
    "a body without length and end": reply(NO_LENGTH + b"\r\n", Endless(b" " * 65536)),
    "a length of 10 GB": reply(answer(b"", length=10**10), Endless(b" " * 65536)),
    "a gzip bomb": reply(packed(gzipped(64 << 20), "gzip")),
    "a gzip bomb in a gzip bomb": reply(packed(gzipped(64 << 20, layers=2), "gzip", "gzip")),
    "a bomb in an error": reply(answer(gzipped(64 << 20), 400, headers=[("Content-Encoding", "gzip")])),
}


@pytest.mark.parametrize("step", OVERSIZED.values(), ids=OVERSIZED)
def test_a_body_beyond_the_bound_is_refused_with_flat_memory(
    make_api: Callable[..., CreditsApi], wire: Wire, step: Step
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


def test_the_bound_can_be_set_and_is_exact(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A body of just `max_response_bytes` passes; one byte more does not."""
    size = len(CREDITS_BODY)
    for body in (answer(), chunked(CREDITS_BODY), packed(gzip.compress(CREDITS_BODY), "gzip")):
        wire.play(reply(body), reply(body))
        assert good_call(make_api(wire.url, retries=0, max_response_bytes=size))
        with pytest.raises(ApiException, match="max_response_bytes"):
            make_api(wire.url, retries=0, max_response_bytes=size - 1).get_credits()


GZIP = gzip.compress(CREDITS_BODY)

BROKEN_COMPRESSION = {
    "truncated gzip": packed(GZIP[:-20], "gzip"),
    "gzip with a wrong checksum": packed(GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], "gzip"),
    "a gzip header alone": packed(GZIP[:10], "gzip"),
    "nothing, called gzip": packed(b"", "gzip"),
    "plain text, called gzip": packed(CREDITS_BODY, "gzip"),
    "truncated deflate": packed(zlib.compress(CREDITS_BODY)[:-20], "deflate"),
    "plain text, called deflate": packed(CREDITS_BODY, "deflate"),
    "truncated gzip in chunks": chunked(GZIP[:-20], headers=[("Content-Encoding", "gzip")]),
    "gzip inside truncated gzip": packed(gzip.compress(GZIP[:-20])[:-10], "gzip", "gzip"),
    "too many encodings": packed(CREDITS_BODY, *["gzip"] * 50),
    "an encoding that nobody knows": packed(GZIP, "x-sealed"),
}


@pytest.mark.parametrize("response", BROKEN_COMPRESSION.values(), ids=BROKEN_COMPRESSION)
def test_broken_compression_is_an_error(
    endings: Endings, make_api: Callable[..., CreditsApi], wire: Wire, response: bytes
) -> None:
    """What cannot be unpacked whole is never an empty or a partial answer."""
    api = make_api(wire.url, retries=0)
    wire.play(reply(response))
    with pytest.raises(ApiException) as caught:
        api.get_credits()
    assert isinstance(caught.value, ApiConnectionException | ApiDecodeException)
    endings.check(caught.value, type(caught.value))
    assert good_call(api)


def test_truncated_gzip_that_ends_with_its_connection_is_an_error(
    make_api: Callable[..., CreditsApi], wire: Wire
) -> None:
    """Without a length, only the compression itself can tell that something is missing."""
    wire.play(reply(NO_LENGTH + b"Content-Encoding: gzip\r\n\r\n" + GZIP[:-20], CLOSE))
    with pytest.raises(ApiException):
        make_api(wire.url, retries=0).get_credits()


@pytest.mark.parametrize(
    "response",
    [
        packed(GZIP, "gzip"),
        packed(GZIP, "x-gzip"),
        packed(zlib.compress(CREDITS_BODY), "deflate"),
        packed(raw_deflate(CREDITS_BODY), "deflate"),
        packed(gzip.compress(GZIP), "gzip", "gzip"),
        packed(GZIP[:0] + gzip.compress(CREDITS_BODY[:9]) + gzip.compress(CREDITS_BODY[9:]), "gzip"),
        packed(CREDITS_BODY, "identity"),
        packed(GZIP[:-8], "gzip"),
        packed(GZIP[:-4], "gzip"),
        chunked(GZIP[:30], GZIP[30:], headers=[("Content-Encoding", "gzip")]),
    ],
    ids=[
        *("gzip", "x-gzip", "zlib", "deflate", "gzip twice", "two members", "identity"),
        *("no trailer", "half a trailer", "chunks"),
    ],
)
def test_whole_compression_is_read(make_api: Callable[..., CreditsApi], wire: Wire, response: bytes) -> None:
    """The encodings of RFC 9110 are unpacked; a gzip trailer may be missing: the JSON says whether it is whole."""
    wire.play(reply(response))
    assert good_call(make_api(wire.url, retries=0))


@pytest.mark.parametrize("response", [answer(), CHUNKED, packed(GZIP, "gzip")])
def test_any_split_into_packets_is_the_same_answer(
    make_api: Callable[..., CreditsApi], wire: Wire, response: bytes
) -> None:
    """Where the packets end means nothing: each split of the first 60 bytes reads alike."""
    api = make_api(wire.url, retries=0)
    wire.play(*(reply(Pieces(response, (cut,))) for cut in range(1, 60, 7)))
    for _ in range(1, 60, 7):
        assert good_call(api)
    wire.play(reply(Drip(response, every=0.0005)))
    assert good_call(api)
    assert wire.connections == 1


def test_the_token_is_in_each_attempt(make_api: Callable[..., CreditsApi], wire: Wire) -> None:
    """A retry is the same request again, credentials included."""
    wire.play(reply(CLOSE), reply(answer(b"", 503)))
    assert good_call(make_api(wire.url))
    assert [TOKEN.encode() in request for request in wire.requests] == [True] * 3
    assert len(set(wire.requests)) == 1
