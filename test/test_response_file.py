"""What `http.client` asks of the file that responses are read from."""

import math
import socket
from collections.abc import Iterator

import pytest

from at_client.connections import ResponseFile


@pytest.fixture
def file() -> Iterator[ResponseFile]:
    """A file whose other side has sent three lines, and closed."""
    ours, theirs = socket.socketpair()
    theirs.sendall(b"one\ntwo\nthree")
    theirs.close()
    with ours:
        file = ResponseFile(ours, math.inf, is_told=True)
        file.may_end = True
        yield file


def test_lines_end_where_they_should(file: ResponseFile) -> None:
    """A line has its line feed, as many bytes as were asked for, or the last ones."""
    assert file.readline() == b"one\n"
    assert file.readline(2) == b"tw"
    assert file.readline() == b"o\n"
    assert file.readline() == b"three"


def test_a_buffer_is_filled(file: ResponseFile) -> None:
    """Python 3.10 reads so; at the end, the rest of the buffer stays as it was."""
    buffer = bytearray(10)
    assert file.readinto(buffer) == 10
    assert buffer == b"one\ntwo\nth"
    assert file.readinto(buffer) == 3
    assert buffer == b"ree\ntwo\nth"


def test_what_has_arrived_is_read_at_once(file: ResponseFile) -> None:
    """Without a size, as for a body without a length, all that is there is read."""
    assert file.read1() == b"one\ntwo\nthree"
    assert file.read1() == b""
