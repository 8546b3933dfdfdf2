"""Pure rules: where the head of a response ends, and its body (RFC 9112).

They are stricter than those of `http.client` where a response could be read in two
ways, and as lenient as browsers where it is only untidy.
"""

import re
from collections.abc import Iterator
from http.client import HTTPException
from typing import NamedTuple, Protocol

MAX_LINE_BYTES = 65536
MAX_HEADER_LINES = 100

# No part can match what the part after it matches, so no input makes the search go back
# and forth: a deadline cannot interrupt a regular expression.
_HEAD = re.compile(
    rb"HTTP/1\.(?P<minor>\d) (?P<status>[1-9]\d\d)(?:[ \t](?P<reason>[^\0\r\n]*))?\r\n"
    rb"(?P<lines>(?:[!#$%&'*+.^`|~\w-]+:[^\0\r\n]*\r\n)*)\r\n"
)
_FOLD = re.compile(rb"\r\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")

_TLS_RECORD = re.compile(rb"[\x15\x16]\x03")
_HTTP2_FRAME = re.compile(rb"(?s)HTTP/2|\0\0.[\x04\x07]")
_SOCKS_REPLY = re.compile(rb"(?s)[\0\x05].{0,7}\Z")


class FramingError(HTTPException):
    """The head or a chunk of a response is not clear; the message says why."""


class NotHTTPError(HTTPException):
    """The peer does not speak HTTP/1; the message says what it seems to speak."""


class _HeadFile(Protocol):
    """What a head is read from; `peek` leaves what has arrived where it is."""

    def peek(self) -> bytes: ...

    def read1(self, size: int) -> bytes: ...

    def readline(self, limit: int) -> bytes: ...


class Head(NamedTuple):
    """The head of a response."""

    start: bytes
    """The status line, with whatever follows it."""

    version: int
    """10 or 11, as `http.client` writes it."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    """The header lines: name and value."""

    values: dict[str, list[str]]
    """The values of each name, in small letters."""

    skipped: str
    """The lines without a name or a colon."""


def read_head(file: _HeadFile) -> Head:
    """Read one head; most arrive in one piece and well-formed, for one search to read.

    Raises:
        NotHTTPError: It does not begin like HTTP/1.
        FramingError: It is broken, or too long.
    """
    start = file.peek()
    match = _HEAD.match(start)
    if match and match["lines"].count(b"\n") <= MAX_HEADER_LINES:
        file.read1(match.end())
        return make_head(match)

    if not b"HTTP/1.".startswith(start[:7]):
        raise NotHTTPError(guess_protocol(start))
    lines = tidy_lines(list(read_lines(file)))
    kept = [line for line in lines[1:] if line.find(b":") > 0]
    match = _HEAD.fullmatch(b"\r\n".join([lines[0], *kept, b"", b""]))
    if not match:
        raise FramingError("a header line is broken")
    skipped = [line for line in lines[1:] if line and line not in kept]
    return make_head(match, b"\r\n".join(skipped).decode("latin-1"))


def make_head(match: re.Match[bytes], skipped: str = "") -> Head:
    """Return what a search has found."""
    fields: list[tuple[str, str]] = []
    values: dict[str, list[str]] = {}
    for line in match["lines"].decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        value = value.strip(" \t")
        fields.append((name, value))
        values.setdefault(name.lower(), []).append(value)
    return Head(
        start=match[0],
        version=10 if match["minor"] == b"0" else 11,
        status=int(match["status"]),
        reason=(match["reason"] or b"").decode("latin-1").strip(),
        fields=fields,
        values=values,
        skipped=skipped,
    )


def read_lines(file: _HeadFile) -> Iterator[bytes]:
    """Yield the lines of a head, the empty one at its end included."""
    for _ in range(MAX_HEADER_LINES + 2):  # with the status line and the empty line
        line = file.readline(MAX_LINE_BYTES + 1)
        if len(line) > MAX_LINE_BYTES:
            break
        yield line
        if not line.strip(b"\r\n"):
            return
    raise FramingError(
        f"it has more than {MAX_HEADER_LINES} header lines, or one over 64 KiB"
    )


def tidy_lines(lines: list[bytes]) -> list[bytes]:
    r"""Return the lines of a head as they should have been sent.

    They may end without CR or with several, and may be folded (RFC 9112 sections 2.2
    and 5.2).

    Examples:
        >>> tidy_lines([b"HTTP/1.1 200 OK\n", b"A: 1\r\r\n", b" 2\r\n"])
        [b'HTTP/1.1 200 OK', b'A: 1 2']
    """
    joined = b"\r\n".join(line.rstrip(b" \t\r\n") for line in lines)
    return _FOLD.sub(b" ", joined).split(b"\r\n")


def guess_protocol(start: bytes) -> str:
    """Return what a peer seems to speak whose first bytes are not HTTP/1."""
    if _TLS_RECORD.match(start):
        return "the port speaks TLS. Use https"
    if _HTTP2_FRAME.match(start):
        return "the port speaks HTTP/2 only"
    if _SOCKS_REPLY.match(start):
        return "the port does not speak HTTP; it may be a SOCKS proxy"
    return "the response is not HTTP"


def read_chunk_size(line: bytes) -> int:
    """Return the size of a chunk; `int()` would also read 0x7, +7 and 1_0.

    Raises:
        FramingError: It is no number.
    """
    size = _CHUNK_SIZE.fullmatch(line)
    if not size:
        raise FramingError("the size of a chunk is not a number")
    return int(size[1], 16)


def is_chunked(codings: list[str]) -> bool:
    """Return whether a body comes in chunks, by all its `Transfer-Encoding` headers."""
    if not codings:
        return False
    if len(codings) > 1 or codings[0].lower() != "chunked":
        raise FramingError("its Transfer-Encoding is not understood")
    return True


def read_length(lengths: list[str]) -> int | None:
    """Return the length that `Content-Length` headers agree on; `None` without any."""
    if not lengths:
        return None

    length = lengths[0]
    if len(lengths) > 1 or "," in length:
        different = {part.strip(" \t") for part in ",".join(lengths).split(",")}
        length = different.pop() if len(different) == 1 else ""
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise FramingError("its Content-Length is not a single number")
    return int(length)
