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

_STATUS_LINE = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?\r?\n")
_FIELD_LINE = re.compile(
    r"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*?)[ \t]*\r?\n", re.MULTILINE
)


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
    first, *lines = _lines(readline)
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise HTTPException("the status line is not HTTP/1")
    minor, status, reason = status_line.groups("")
    found = _FIELD_LINE.findall("".join(lines))
    if len(found) != len(lines):
        found = _FIELD_LINE.findall(unfolded := "".join(_unfolded(lines)))
        if len(found) != unfolded.count("\n"):
            raise HTTPException("a header line is broken")
    fields = HTTPMessage()
    for name, value in found:
        fields[name] = value
    return Head(10 if minor == "0" else 11, int(status), reason.strip(), fields)


def _lines(readline: Callable[[int], bytes]) -> list[str]:
    """Read the lines of a head; the empty one that ends it is left out."""
    lines: list[str] = []
    while (line := readline(MAX_LINE)) not in (b"\r\n", b"\n") or not lines:
        if not line.endswith(b"\n"):
            if len(line) == MAX_LINE:
                raise LineTooLong("header line")
            raise RemoteDisconnected("closed before the head of the response was complete")
        if len(lines) > MAX_FIELDS:
            raise HTTPException(f"there are more than {MAX_FIELDS} header lines")
        lines.append(line.decode("latin-1"))
    return lines


def _unfolded(lines: list[str]) -> list[str]:
    """Join lines that begin with a blank to the ones before, an obsolete way to write long values (section 5.2)."""
    joined: list[str] = []
    for line in lines:
        if joined and line[0] in " \t":
            joined[-1] = f"{joined[-1].rstrip()} {line.lstrip(' ' + chr(9))}"
        else:
            joined.append(line)
    return joined


def framing(method: str | None, head: Head) -> Framing:
    """Decide where the body ends (section 6.3).

    Args:
        method: The method of the request; `None` if it is not known.
        head: The head of the final response.

    Raises:
        HTTPException: It cannot be decided for certain.
    """
    codings = head.fields.get_all("Transfer-Encoding")
    lengths = head.fields.get_all("Content-Length")
    length = None
    if codings is not None:
        if lengths is not None:
            raise HTTPException("it has both Content-Length and Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != "chunked" or head.version == 10:
            raise HTTPException("its Transfer-Encoding is not understood")
    elif lengths is not None:
        different = {length.strip() for value in lengths for length in value.split(",")}
        if len(different) > 1:
            raise HTTPException("it has conflicting Content-Length values")
        digits = different.pop()
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            raise HTTPException("its Content-Length is not a number")
        length = int(digits)
    if method == "HEAD" or head.status in (204, 304):
        return Framing(chunked=False, length=0)
    return Framing(codings is not None, length)


def closes(head: Head, body: Framing) -> bool:
    """Decide whether the connection ends with this response (section 9.3)."""
    said = ",".join(head.fields.get_all("Connection", [])).lower()
    options = [option.strip() for option in said.split(",")]
    if "close" in options or (body.length is None and not body.chunked):
        return True
    return head.version == 10 and "keep-alive" not in options
