"""Pure rules: how the head of an HTTP/1 response is read (RFC 9112), strictly, because framing hangs on it."""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPMessage, LineTooLong, RemoteDisconnected
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE = 65536
"""Bytes that one line may have."""

MAX_FIELDS = 100
"""Header lines that one head may have."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?\r?\n")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*)\r?\n")
_FOLDED_LINE = re.compile(rb"[ \t]+([^\x00\r\n]*)\r?\n")


class Head(NamedTuple):
    """The head of one response."""

    version: int
    """10 for HTTP/1.0, 11 for any later 1.x."""

    status: int
    reason: str
    fields: HTTPMessage


class Framing(NamedTuple):
    """Where the body of a response ends."""

    chunked: bool
    """Whether it says so itself."""

    length: int | None
    """After so many bytes; `None` if it is chunked, or ends with the connection."""


def read_head(readline: Callable[[int], bytes]) -> Head:
    """Read one head, interim or final.

    Args:
        readline: Reads a line of at most so many bytes.

    Raises:
        RemoteDisconnected: It ended before it was complete.
        HTTPException: It breaks the rules.
    """
    line = _line(readline)
    status_line = _STATUS_LINE.fullmatch(line)
    if status_line is None:
        raise HTTPException("the status line is not HTTP/1")
    minor, status, reason = status_line.groups(b"")
    names: list[str] = []
    values: list[str] = []
    while (line := _line(readline)) not in (b"\r\n", b"\n"):
        if len(names) == MAX_FIELDS:
            raise HTTPException(f"there are more than {MAX_FIELDS} header lines")
        if field := _FIELD_LINE.fullmatch(line):
            names.append(field[1].decode("ascii"))
            values.append(field[2].decode("latin-1").rstrip(" \t"))
        elif (folded := _FOLDED_LINE.fullmatch(line)) and names:  # obsolete, section 5.2
            values[-1] = f"{values[-1]} {folded[1].decode('latin-1').rstrip()}"
        else:
            raise HTTPException("a header line is broken")
    fields = HTTPMessage()
    for name, value in zip(names, values, strict=True):
        fields[name] = value
    return Head(10 if minor == b"0" else 11, int(status), reason.decode("latin-1").strip(), fields)


def _line(readline: Callable[[int], bytes]) -> bytes:
    line = readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise LineTooLong("header line")
    if not line.endswith(b"\n"):
        raise RemoteDisconnected(
            "the connection was closed before the head of the response was complete"
        )
    return line


def framing(method: str | None, head: Head) -> Framing:
    """Decide where the body ends (section 6.3).

    Args:
        method: The method of the request; `None` if it is not known.
        head: The head of the final response.

    Raises:
        HTTPException: It cannot be decided for certain.
    """
    coding, length = head.fields.get("Transfer-Encoding"), head.fields.get("Content-Length")
    if coding is not None:
        if length is not None:
            raise HTTPException("it has both Content-Length and Transfer-Encoding")
        codings = head.fields.get_all("Transfer-Encoding", [])
        if len(codings) > 1 or coding.lower() != "chunked" or head.version == 10:
            raise HTTPException("its Transfer-Encoding is not understood")
    elif length is not None:
        lengths = {
            part.strip()
            for value in head.fields.get_all("Content-Length", [])
            for part in value.split(",")
        }
        if len(lengths) > 1:
            raise HTTPException("it has conflicting Content-Length values")
        length = lengths.pop()
        if not (length.isascii() and length.isdecimal() and len(length) < 20):
            raise HTTPException("its Content-Length is not a number")
    if method == "HEAD" or head.status in (204, 304):
        return Framing(chunked=False, length=0)
    return Framing(coding is not None, None if length is None else int(length))


def closes(head: Head, body: Framing) -> bool:
    """Decide whether the connection ends with this response (section 9.3)."""
    options = {
        option.strip().lower()
        for value in head.fields.get_all("Connection", [])
        for option in value.split(",")
    }
    if "close" in options or (body.length is None and not body.chunked):
        return True
    return head.version == 10 and "keep-alive" not in options
