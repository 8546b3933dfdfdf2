"""Pure rules: how the head of an HTTP/1 response is read (RFC 9112), strictly, because framing hangs on it."""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPMessage, LineTooLong, RemoteDisconnected
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

MAX_LINE = 65536
"""Bytes that one line may have."""

BLANKS = " \t\r\n"
"""What may stand around a value, the end of its line included."""

MAX_FIELDS = 100
"""Header lines that one head may have."""

# No part can match what the part after it matches, so that no line makes the search go back and forth.
_STATUS = rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})([ \t][^\r\n]*)?"
_FIELD = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00\r\n]*"
_STATUS_LINE = _STATUS + rb"\r?\n"
_FIELD_LINE = _FIELD + rb"\r?\n"
_FOLDED_LINE = rb"[ \t][^\x00\r\n]*\r?\n"
_WHOLE = re.compile(_STATUS + rb"\r\n((?:" + _FIELD + rb"\r\n)*)\r\n")


class Head:
    """The head of one response.

    Args:
        version: 10 for HTTP/1.0, 11 for any later 1.x.
        status: The status.
        reason: The reason phrase.
        fields: The header fields in their order.
    """

    def __init__(
        self, version: int, status: int, reason: str, fields: list[tuple[str, str]]
    ) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    def values(self, name: str) -> list[str]:
        """Return the values of a field, named in small letters."""
        return self._values.get(name, [])

    def message(self) -> HTTPMessage:
        """Return the fields in the form of `http.client`."""
        message = HTTPMessage()
        for name, value in self.fields:
            message.set_raw(name, value)  # as the parsers of the standard library do
        return message


def read_head(file: BufferedReader) -> Head:
    """Read one head, interim or final.

    Args:
        file: Where to read; what comes after the head is left there.

    Raises:
        RemoteDisconnected: It ended before it was complete.
        HTTPException: It breaks the rules.
    """
    # Most heads come in one piece and without oddities: one search reads them.
    whole = _WHOLE.match(file.peek())
    if whole is None:
        return _read_lines(file.readline)
    file.read(whole.end())
    lines = whole[4].decode("latin-1").split("\r\n")[:-1]
    return _head(whole[1], whole[2], whole[3], lines)


def _read_lines(readline: Callable[[int], bytes]) -> Head:
    """Read a head line by line."""
    line = _line(readline)
    status_line = re.fullmatch(_STATUS_LINE, line)
    if status_line is None:
        raise HTTPException("the status line is not HTTP/1")
    fields: list[str] = []
    while (line := _line(readline)) not in (b"\r\n", b"\n"):
        if re.fullmatch(_FIELD_LINE, line):
            fields.append(line.decode("latin-1").rstrip("\r\n"))
        elif re.fullmatch(_FOLDED_LINE, line) and fields:  # obsolete, section 5.2
            fields[-1] = f"{fields[-1].rstrip(BLANKS)} {line.decode('latin-1').strip(BLANKS)}"
        else:
            raise HTTPException("a header line is broken")
        if len(fields) > MAX_FIELDS:
            break
    return _head(status_line[1], status_line[2], status_line[3], fields)


def _head(minor: bytes, status: bytes, reason: bytes | None, lines: list[str]) -> Head:
    """Make a head of its checked parts.

    Args:
        minor: The digit after `HTTP/1.`.
        status: Three digits.
        reason: What follows them, if anything.
        lines: The header lines, unfolded, without their ends.
    """
    if len(lines) > MAX_FIELDS:
        raise HTTPException(f"there are more than {MAX_FIELDS} header lines")
    fields = []
    for line in lines:
        name, _, value = line.partition(":")
        fields.append((name, value.strip(BLANKS)))
    return Head(
        10 if minor == b"0" else 11, int(status), (reason or b"").decode("latin-1").strip(), fields
    )


def _line(readline: Callable[[int], bytes]) -> bytes:
    line = readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise LineTooLong("header line")
    if not line.endswith(b"\n"):
        raise RemoteDisconnected(
            "the connection was closed before the head of the response was complete"
        )
    return line


def framing(method: str | None, head: Head) -> tuple[bool, int | None]:
    """Decide where the body ends (section 6.3).

    Args:
        method: The method of the request; `None` if it is not known.
        head: The head of the final response.

    Returns:
        Whether the body is chunked, and so tells its end itself; and after how many bytes it ends, `None` if it is
        chunked or ends with the connection.

    Raises:
        HTTPException: It cannot be decided for certain.
    """
    codings, lengths = head.values("transfer-encoding"), head.values("content-length")
    if codings:
        if lengths:
            raise HTTPException("it has both Content-Length and Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != "chunked" or head.version == 10:
            raise HTTPException("its Transfer-Encoding is not understood")
    length = _length(lengths) if lengths else None
    if method == "HEAD" or head.status in (204, 304):
        return False, 0
    return bool(codings), length


def _length(values: list[str]) -> int:
    """Read the one length that all Content-Length fields must agree about."""
    lengths = {part.strip() for value in values for part in value.split(",")}
    if len(lengths) > 1:
        raise HTTPException("it has conflicting Content-Length values")
    length = lengths.pop()
    if not (length.isascii() and length.isdecimal() and len(length) < 20):
        raise HTTPException("its Content-Length is not a number")
    return int(length)


def closes(head: Head) -> bool:
    """Decide whether the sender ends the connection after this response (section 9.3)."""
    options = {
        option.strip().lower() for value in head.values("connection") for option in value.split(",")
    }
    return "close" in options or (head.version == 10 and "keep-alive" not in options)
