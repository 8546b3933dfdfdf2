"""The file that responses are read from, on a pair of connected sockets."""

import math
import socket
from collections.abc import Callable, Iterator

import pytest

from at_client.connections import ResponseFile

TEXT = b"one\ntwo\nthree"


@pytest.fixture
def file() -> Iterator[ResponseFile]:
    """A file whose other side has sent `TEXT`, and closed."""
    ours, theirs = socket.socketpair()
    theirs.sendall(TEXT)
    theirs.close()
    with ours:
        file = ResponseFile(ours, math.inf, is_told=True)
        file.may_end = True
        yield file


def read_into_a_buffer(file: ResponseFile) -> bytes:
    """Read as Python 3.10 does."""
    buffer = bytearray(100)
    return bytes(buffer[: file.readinto(buffer)])


WAYS = {
    "all": lambda file: file.read(),
    "a byte at a time": lambda file: b"".join(iter(lambda: file.read(1), b"")),
    "what has arrived": lambda file: file.read1() + file.read1(),
    "by lines": lambda file: b"".join(iter(file.readline, b"")),
    "into a buffer": read_into_a_buffer,
}


@pytest.mark.parametrize("read", WAYS.values(), ids=WAYS)
def test_every_way_of_reading_brings_all(
    file: ResponseFile, read: Callable[[ResponseFile], bytes]
) -> None:
    """Nothing is lost or doubled, and the end of the connection is an end."""
    assert read(file) == TEXT


def test_lines_end_where_they_should(file: ResponseFile) -> None:
    """A line has its line feed, or as many bytes as were asked for."""
    assert file.readline() == b"one\n"
    assert file.readline(2) == b"tw"
    assert file.peek() == b"o\nthree"
