"""The file that responses are read from, on a pair of connected sockets."""

import math
import socket
from collections.abc import Callable, Iterator

import pytest

from at_client.connections import ResponseFile

TEXT = b"one\ntwo\nthree"


@pytest.fixture
def make_file() -> Iterator[Callable[[bytes], ResponseFile]]:
    """Make a file whose other side has sent some bytes, and closed."""
    ours, theirs = socket.socketpair()

    def make(sent: bytes) -> ResponseFile:
        theirs.sendall(sent)
        theirs.close()
        file = ResponseFile(ours, math.inf, is_told=True)
        file.may_end = True
        return file

    with ours, theirs:
        yield make


WAYS = {
    "all": lambda file: file.read(),
    "a byte at a time": lambda file: b"".join(iter(lambda: file.read(1), b"")),
    "what has arrived": lambda file: b"".join(iter(file.read1, b"")),
    "by lines": lambda file: b"".join(iter(file.readline, b"")),
    "by parts of lines": lambda file: b"".join(iter(lambda: file.readline(2), b"")),
}


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
def test_every_way_of_reading_brings_all(
    make_file: Callable[[bytes], ResponseFile], read: Callable[[ResponseFile], bytes]
) -> None:
    """Nothing is lost or doubled, and the end of the connection is an end."""
    assert read(make_file(TEXT)) == TEXT


def test_lines_end_where_they_should(
    make_file: Callable[[bytes], ResponseFile],
) -> None:
    """A line has its line feed, or as many bytes as were asked for."""
    file = make_file(TEXT)
    assert file.readline() == b"one\n"
    assert file.readline(2) == b"tw"
    assert file.peek() == b"o\nthree"


def test_a_buffer_is_filled(make_file: Callable[[bytes], ResponseFile]) -> None:
    """Python 3.10 reads so; at the end, the rest of the buffer stays as it was."""
    file = make_file(TEXT)
    buffer = bytearray(10)
    assert file.readinto(buffer) == 10
    assert bytes(buffer) == TEXT[:10]
    assert file.readinto(buffer) == 3
    assert bytes(buffer[:3]) == TEXT[10:]
