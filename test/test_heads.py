"""Heads of responses by tables: what is read, what is refused, where the body ends, whether the connection lives."""

from __future__ import annotations

import http.client
import time
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any

import pytest
from at_client.heads import MAX_FIELDS, MAX_LINE, Head, closes, framing, read_head
from hypothesis import given
from hypothesis import strategies as st


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


def read_in(raw: bytes, size: int) -> Head | http.client.HTTPException:
    try:
        return read_head(BufferedReader(Packets(raw, size), 100_000))
    except http.client.HTTPException as error:
        return error


def head_of(raw: bytes) -> Head:
    """Read a head in one packet, and again a byte at a time: the one is as good as the other."""
    found, again = read_in(raw, 100_000), read_in(raw, 1)
    assert repr(vars(found) or found) == repr(vars(again) or again)
    if not isinstance(found, Head):
        raise found
    return found


def head(status: int = 200, *lines: str, version: str = "1.1") -> Head:
    """Read a head with these header lines."""
    fields = "".join(f"{line}\r\n" for line in lines)
    return head_of(f"HTTP/{version} {status} R\r\n{fields}\r\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("line", "version", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n", 11, 200, "OK"),
        (b"HTTP/1.0 404 Not Found\r\n", 10, 404, "Not Found"),
        (b"HTTP/1.9 200 OK\r\n", 11, 200, "OK"),
        (b"HTTP/1.1 200\r\n", 11, 200, ""),
        (b"HTTP/1.1 200 \r\n", 11, 200, ""),
        (b"HTTP/1.1 200 OK\n", 11, 200, "OK"),
        (b"HTTP/1.1 200  \tOK  \r\n", 11, 200, "OK"),
        (b"HTTP/1.1 999 Gr\xfcn\r\n", 11, 999, "Grün"),
        (b"HTTP/1.1 100 Continue\r\n", 11, 100, "Continue"),
    ],
)
def test_status_lines(line: bytes, version: int, status: int, reason: str) -> None:
    """Version, status and reason of HTTP/1.x, a missing reason and a bare line feed included."""
    found = head_of(line + b"\r\n")
    assert (found.version, found.status, found.reason) == (version, status, reason)
    assert found.fields == []


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200 OK\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/0.9 200 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/1.11 200 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 2e2 OK\r\n",
        b"HTTP/1.1 \xb2\xb20 OK\r\n",
        b"HTTP/1.1 200OK\r\n",
        b"HTTP/1.1 200 O\rK\r\n",
        b" HTTP/1.1 200 OK\r\n",
        b"ICY 200 OK\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"{}\r\n",
        b"\r\n",
    ],
)
def test_what_is_not_http(line: bytes) -> None:
    """Anything else is refused by its first line, and shown nowhere."""
    with pytest.raises(http.client.HTTPException, match=r"^the status line is not HTTP/1$"):
        head_of(line + b"\r\n")


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        (b"A: 1\r\nB:2\r\n", [("A", "1"), ("B", "2")]),
        (b"A: 1\nB: 2\n", [("A", "1"), ("B", "2")]),
        (b"a:\r\n", [("a", "")]),
        (b"A: \t 1 \t\r\n", [("A", "1")]),
        (b"A: 1\r\nA: 2\r\n", [("A", "1"), ("A", "2")]),
        (b"A: b: c\r\n", [("A", "b: c")]),
        (b"A: Gr\xfcn\r\n", [("A", "Grün")]),
        (b"A: 1\r\n 2\r\n\t3 \r\n", [("A", "1 2 3")]),
        (b"!#$%&'*+-.^_`|~09azAZ: x\r\n", [("!#$%&'*+-.^_`|~09azAZ", "x")]),
        (b"A: 1\x0b\x1c2\r\n", [("A", "1\x0b\x1c2")]),
        (b"A: \xa01\xa0\r\n", [("A", "\xa01\xa0")]),
    ],
)
def test_header_lines(lines: bytes, fields: list[tuple[str, str]]) -> None:
    """Names as tokens, values without the blanks around them, folded lines in one."""
    assert head_of(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n").fields == fields


@pytest.mark.parametrize(
    "lines",
    [
        b"A\r\n",
        b"A : 1\r\n",
        b": 1\r\n",
        b" A: 1\r\n",
        b"A: 1\r2\r\n",
        b"A: 1\x002\r\n",
        b"A\xe4: 1\r\n",
        b"A B: 1\r\n",
        b"A: 1\r\n \x00\r\n",
        b"\r\r\n",
    ],
)
def test_broken_header_lines(lines: bytes) -> None:
    """Framing hangs on them, so nothing is guessed."""
    with pytest.raises(http.client.HTTPException, match=r"^a header line is broken$"):
        head_of(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")


def test_how_many_lines_there_may_be() -> None:
    """A hundred are read, one more is refused."""
    line = b"A: 1\r\n"
    found = head_of(b"HTTP/1.1 200 OK\r\n" + line * MAX_FIELDS + b"\r\n")
    assert len(found.fields) == MAX_FIELDS == 100
    with pytest.raises(http.client.HTTPException, match=r"^there are more than 100 header lines$"):
        head_of(b"HTTP/1.1 200 OK\r\n" + line * (MAX_FIELDS + 1) + b"\r\n")


def test_how_long_a_line_may_be() -> None:
    """64 KiB, its end included; no more than one byte beyond is read."""
    start = b"HTTP/1.1 200 OK\r\n"
    longest = b"A: " + b"x" * (MAX_LINE - 5) + b"\r\n"
    assert len(head_of(start + longest + b"\r\n").values("a")[0]) == MAX_LINE - 5
    for raw in (start + b"A: x" + longest[3:], b"x" * (MAX_LINE + 1)):
        with pytest.raises(http.client.LineTooLong):
            head_of(raw)
    endless = BufferedReader(BytesIO(b"x" * (4 * MAX_LINE)))
    with pytest.raises(http.client.LineTooLong):
        read_head(endless)
    assert endless.tell() == MAX_LINE + 1


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_comes_after_the_head_is_left(size: int) -> None:
    """The body begins where the head ends, however it came."""
    raw = b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\nbody\r\n\r\n"
    file = BufferedReader(Packets(raw, size))
    read_head(file)
    assert file.read() == b"body\r\n\r\n"


def test_fields_are_found_by_their_names() -> None:
    """Whatever their case, in their order; and in the form of `http.client`."""
    found = head(200, "A: 1", "b: 2", "a: 3")
    assert found.values("a") == ["1", "3"]
    assert found.values("c") == []
    assert isinstance(found.message(), http.client.HTTPMessage)
    assert found.message().get_all("A") == ["1", "3"]


@pytest.mark.parametrize("line", [b"A:" + b" " * 60_000 + b"x\x00", b"A:" + b" x" * 30_000 + b"\x00", b" " * 60_000])
def test_no_line_makes_the_reading_slow(line: bytes) -> None:
    """Patterns that go back and forth would take minutes for one hostile line, out of reach of any deadline."""
    before = time.process_time()
    with pytest.raises(http.client.HTTPException):
        head_of(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
    assert time.process_time() - before < 1.0


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nA: 1"])
def test_a_head_that_ends_early(raw: bytes) -> None:
    """The connection was closed, which another attempt may better."""
    with pytest.raises(http.client.RemoteDisconnected, match="before the head of the response was complete"):
        head_of(raw)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda raw: b"HTTP/1.1 200 OK\r\n" + raw))
def test_any_bytes_are_a_head_or_an_error(raw: bytes) -> None:
    """Nothing but `http.client`'s own family escapes."""
    try:
        found = head_of(raw)
        framing("GET", found)
    except http.client.HTTPException:
        return
    assert 100 <= found.status <= 999


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("method", "found", "body"),
    [
        ("GET", head(200, "Content-Length: 5"), (False, 5)),
        ("GET", head(200, "Content-Length: 0"), (False, 0)),
        ("GET", head(200, "Content-Length: 005"), (False, 5)),
        (
            "GET",
            head(200, "Content-Length: 5", "content-length: 5"),
            (False, 5),
        ),
        ("GET", head(200, "Content-Length: 5, 5"), (False, 5)),
        (
            "GET",
            head(200, f"Content-Length: {'9' * 19}"),
            (False, 10**19 - 1),
        ),
        ("GET", head(200, CHUNKED), (True, None)),
        ("GET", head(200, "transfer-encoding: CHUNKED"), (True, None)),
        ("GET", head(200), (False, None)),
        (None, head(200), (False, None)),
        ("HEAD", head(200, "Content-Length: 5"), (False, 0)),
        ("HEAD", head(200, CHUNKED), (False, 0)),
        ("GET", head(204), (False, 0)),
        ("GET", head(204, CHUNKED), (False, 0)),
        ("GET", head(304, "Content-Length: 5"), (False, 0)),
        ("GET", head(205, "Content-Length: 5"), (False, 5)),
    ],
)
def test_where_a_body_ends(method: str | None, found: Head, body: tuple[bool, int | None]) -> None:
    """By its length, by its chunks, with the connection, or before it began."""
    assert framing(method, found) == body


NO_NUMBER = "its Content-Length is not a number"
CONFLICT = "it has conflicting Content-Length values"
UNKNOWN = "its Transfer-Encoding is not understood"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            head(200, CHUNKED, "Content-Length: 5"),
            "it has both Content-Length and Transfer-Encoding",
        ),
        (head(200, "Content-Length: 5", "Content-Length: 6"), CONFLICT),
        (head(200, "Content-Length: 5, 6"), CONFLICT),
        (head(200, "Content-Length: 5,"), CONFLICT),
        (head(200, "Content-Length: 05", "Content-Length: 5"), CONFLICT),
        *(
            (head(200, f"Content-Length: {value}"), NO_NUMBER)
            for value in ("", "-5", "+5", "5.0", "0x5", "5 5", "²", "1_0", "1" * 20)
        ),
        (head(200, "Transfer-Encoding: gzip"), UNKNOWN),
        (head(200, "Transfer-Encoding: gzip, chunked"), UNKNOWN),
        (head(200, "Transfer-Encoding: "), UNKNOWN),
        (head(200, CHUNKED, CHUNKED), UNKNOWN),
        (head(200, CHUNKED, version="1.0"), UNKNOWN),
        (head(204, "Content-Length: x"), NO_NUMBER),
    ],
)
def test_a_body_whose_end_is_not_certain(found: Head, says: str) -> None:
    """Two readings of one response are how requests are smuggled: it is refused."""
    with pytest.raises(http.client.HTTPException) as caught:
        framing("GET", found)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        (head(200, "Content-Length: 5"), False),
        (head(200, CHUNKED), False),
        (head(200), False),
        (head(200, "Content-Length: 5", "Connection: close"), True),
        (head(200, "Content-Length: 5", "Connection: Keep-Alive, CLOSE"), True),
        (head(200, "Content-Length: 5", "Connection: x", "Connection: close"), True),
        (head(200, "Content-Length: 5", "Connection: closed"), False),
        (head(200, "Content-Length: 5", "Connection: keep-alive"), False),
        (head(200, "Content-Length: 5", version="1.0"), True),
        (head(200, "Content-Length: 5", "Connection: keep-alive", version="1.0"), False),
    ],
)
def test_whether_the_connection_lives_on(found: Head, ends: bool) -> None:
    """As HTTP/1.1 says without a word, as HTTP/1.0 says with one."""
    assert closes(found) is ends
