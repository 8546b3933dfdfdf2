"""Heads, framing and the clock of a call, by tables: what is read, what is refused, how much time is left."""

from __future__ import annotations

import http.client
import math
import time
from io import BufferedReader, RawIOBase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from at_client import connections
from at_client.connections import MAX_LINE_BYTES, Clock, NotHTTPError, guess_protocol, read_framing, read_head

START = b"HTTP/1.1 200 OK\r\n"


class Packets(RawIOBase):
    """Gives bytes in packets of one size, as a socket may."""

    def __init__(self, raw: bytes, size: int) -> None:
        self.left = raw
        self.size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        packet = self.left[: min(self.size, len(buffer))]
        self.left = self.left[len(packet) :]
        buffer[: len(packet)] = packet
        return len(packet)


def read(raw: bytes, size: int = 100_000) -> tuple[Any, ...]:
    """Read a head that comes in packets; return its groups and what is left behind it."""
    file = BufferedReader(Packets(raw, size), 8192)
    return (*read_head(file).groups(), file.read())


def lines_of(raw: bytes) -> bytes:
    """Read a head with these lines, in one packet and byte by byte, and return them tidied."""
    groups = read(START + raw + b"\r\nbody")
    assert groups == read(START + raw + b"\r\nbody", 9)
    assert groups[:3] + groups[4:] == (b"1", b"200", b"OK", b"body")
    found: bytes = groups[3]
    return found


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        (b"HTTP/1.1 200 OK\r\n", (b"1", b"200", b"OK")),
        (b"HTTP/1.0 404 Not Found\r\n", (b"0", b"404", b"Not Found")),
        (b"HTTP/1.1 200\r\n", (b"1", b"200", None)),
        (b"HTTP/1.1 200 \r\n", (b"1", b"200", b"")),
        (b"HTTP/1.1 200 OK\n", (b"1", b"200", b"OK")),
        (b"HTTP/1.1 999 Gr\xfcn\r\r\n", (b"1", b"999", b"Gr\xfcn")),
    ],
)
def test_status_lines(line: bytes, groups: tuple[Any, ...]) -> None:
    """Version, status and reason of HTTP/1.x, a missing reason and odd line ends included."""
    assert read(line + b"\r\n") == (*groups, b"", b"")
    assert read(line + b"\r\n", 9) == (*groups, b"", b"")


@pytest.mark.parametrize(
    ("given", "tidy"),
    [
        *((lines, lines) for lines in (b"", b"A: 1\r\nB:2\r\n", b"a:\r\n", b"A: b: c\r\n", b"A: Gr\xfcn\r\n")),
        (b"A: 1\nB: 2\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: 1\r\r\nB: 2\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: 1\r\n 2\r\n\t3\r\n", b"A: 1 2 3\r\n"),
        (b"!#$%&'*+-.^_`|~09azAZ: x\r\n", b"!#$%&'*+-.^_`|~09azAZ: x\r\n"),
    ],
)
def test_header_lines(given: bytes, tidy: bytes) -> None:
    """Folded lines become one, and bare line feeds proper ends; what follows the head is left."""
    assert lines_of(given) == tidy


@pytest.mark.parametrize(
    "lines",
    [
        *(b"A\r\n", b"A : 1\r\n", b": 1\r\n", b"A: 1\r2\r\n", b"A: 1\x002\r\n"),
        *(b"A\xe4: 1\r\n", b"A B: 1\r\n", b"A: 1\r\n \x00\r\n"),
    ],
)
def test_broken_header_lines(lines: bytes) -> None:
    """Framing hangs on them, so nothing is guessed."""
    with pytest.raises(http.client.HTTPException, match=r"^a header line is broken$"):
        lines_of(lines)


@pytest.mark.parametrize("line", [b"200OK", b"20 OK", b"2000 OK", b"099 OK", b"2e2 OK", b" 200 OK"])
def test_broken_status_lines(line: bytes) -> None:
    """A status has three digits after one space."""
    with pytest.raises(http.client.HTTPException, match=r"^a header line is broken$"):
        read(b"HTTP/1.1 " + line + b"\r\n\r\n")


def test_heads_have_a_limit() -> None:
    """A hundred lines of 64 KiB are read, no more, so that a hostile head ends."""
    assert lines_of(b"A: 1\r\n" * 100) == b"A: 1\r\n" * 100
    with pytest.raises(http.client.HTTPException, match=r"^there are more than 100 header lines$"):
        lines_of(b"A: 1\n" * 101)
    longest = b"A: " + b"x" * (MAX_LINE_BYTES - 5) + b"\r\n"
    assert lines_of(longest) == longest
    with pytest.raises(http.client.LineTooLong):
        lines_of(b"A" + longest)


@pytest.mark.parametrize(
    "line", [b"A:" + b" " * 60_000 + b"x\x00", b"A:" + b" x" * 30_000 + b"\x00", b" " * 60_000 + b"\x00"]
)
def test_no_line_makes_the_reading_slow(line: bytes) -> None:
    """Patterns that go back and forth would take minutes for one hostile line, out of reach of any deadline."""
    before = time.process_time()
    with pytest.raises(http.client.HTTPException):
        lines_of(line + b"\r\n")
    assert time.process_time() - before < 1.0


@given(st.binary(max_size=100))
def test_any_bytes_are_a_head_or_an_error(raw: bytes) -> None:
    """Nothing but `http.client`'s own family escapes."""
    try:
        _, status, *_ = read(START + raw + b"\r\n\r\n")
    except http.client.HTTPException:
        return
    assert status == b"200"


TLS = "the port speaks TLS. Use https"
HTTP2 = "the port speaks HTTP/2 only"
MAIL = "the port speaks a mail or file protocol, not HTTP"


@pytest.mark.parametrize(
    ("start", "says"),
    [
        *((start, TLS) for start in (b"\x15\x03\x01\x00\x02", b"\x16\x03\x03")),
        *((start, HTTP2) for start in (b"\x00\x00\x12\x04\x00", b"HTTP/2.0 200 OK\r\n")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the port speaks SSH, not HTTP"),
        *((start, MAIL) for start in (b"220 mail ESMTP\r\n", b"220-x\r\n", b"+OK POP3\r\n")),
        *((start, "the port speaks no HTTP; it may be a SOCKS proxy") for start in (b"\x05\xff", b"\x00[")),
        *((start, "what came back is not HTTP") for start in (b"{}\r\n", b"ICY 200 OK\r\n", b"\r\n")),
        *((start, "what came back is not HTTP") for start in (b"http/1.1 200 OK\r\n", b"HTTP/0.9 200\r\n")),
    ],
)
def test_what_else_a_port_may_speak(start: bytes, says: str) -> None:
    """The first bytes tell what to check; they themselves are not shown."""
    assert guess_protocol(start) == says
    with pytest.raises(NotHTTPError, match=f"^{says}$"):
        read(start)


@pytest.mark.parametrize(
    ("codings", "lengths", "framing"),
    [
        ([], [], (False, None)),
        *((["chunked"], [], (True, None)), (["CHUNKED"], [], (True, None))),
        *(([], [length], (False, 5)) for length in ("5", "005", "5, 5", " 5\t")),
        ([], ["5", "5"], (False, 5)),
        ([], ["0"], (False, 0)),
        ([], ["9" * 19], (False, 10**19 - 1)),
    ],
)
def test_where_a_body_ends(codings: list[str], lengths: list[str], framing: Any) -> None:
    """By its chunks, by its length, or with the connection."""
    assert read_framing(codings, lengths) == framing


BOTH = "it has both Content-Length and Transfer-Encoding"
CONFLICT = "it has conflicting Content-Length values"
UNKNOWN = "its Transfer-Encoding is not understood"
NO_NUMBER = "its Content-Length is not a number"


@pytest.mark.parametrize(
    ("codings", "lengths", "says"),
    [
        (["chunked"], ["5"], BOTH),
        *(([], lengths, CONFLICT) for lengths in (["5", "6"], ["5, 6"], ["5,"], ["05", "5"])),
        *((codings, [], UNKNOWN) for codings in (["gzip"], ["gzip, chunked"], [""], ["chunked"] * 2)),
        *(([], [x], NO_NUMBER) for x in ("", "-5", "+5", "5.0", "0x5", "5 5", "²", "1_0", "1" * 20)),
    ],
)
def test_a_body_whose_end_is_not_certain(codings: list[str], lengths: list[str], says: str) -> None:
    """Two readings of one response are how requests are smuggled: it is refused."""
    with pytest.raises(http.client.HTTPException, match=f"^{says}$"):
        read_framing(codings, lengths)


@pytest.mark.parametrize(
    ("timeout", "left", "connect", "read"),
    [
        (60.0, 60.0, 5.0, 30.0),
        (10.0, 10.0, 5.0, 10.0),
        (0.5, 0.5, 0.5, 0.5),
        (math.inf, math.inf, math.inf, math.inf),
        ((1.0, 100.0), math.inf, 1.0, 100.0),
        ((math.inf, 2.0), math.inf, math.inf, 2.0),
    ],
)
def test_the_clock_of_a_call(timeout: Any, left: float, connect: float, read: float) -> None:
    """A number is a deadline, within which an attempt has limits; a pair limits each attempt; infinity nothing."""
    assert (connections.CONNECT_LIMIT, connections.RESPONSE_LIMIT) == (5.0, 30.0)
    clock = Clock(timeout)
    found = clock.left, clock.connect_timeout, clock.read_timeout
    assert found == pytest.approx((left, connect, read), abs=0.2)
    assert 0.0 <= clock.spent < 0.2
    assert clock.clone() is clock  # `urlopen` asks for copies, and for the start of connecting
    assert clock.start_connect() == pytest.approx(time.monotonic(), abs=0.2)
    assert repr(clock).startswith("Clock(left=")


def test_a_clock_that_has_run_out() -> None:
    """Nothing is left, and no step is given a negative time."""
    clock = Clock(0.000001)
    time.sleep(0.001)
    assert clock.left < 0.0
    assert (clock.connect_timeout, clock.read_timeout) == (0.0, 0.0)
