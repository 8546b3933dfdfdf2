"""From the bytes on the wire to the bytes of the body, never more of them than allowed."""

from __future__ import annotations

import zlib

MAX_CODINGS = 5
"""Content codings that one body may have on top of each other."""

_WINDOW_BITS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


class BodyError(Exception):
    """The body cannot be read as what its headers say; the message tells why."""


def too_large(limit: int) -> BodyError:
    """Make the error for a body over the limit."""
    return BodyError(f"the body is larger than {limit} bytes (Configuration.max_response_bytes)")


def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Undo the content codings of a body (RFC 9110 section 8.4), the last one first.

    Args:
        body: The complete body as it came.
        content_encoding: The header of that name.
        limit: Bytes that no step may exceed.

    Returns:
        The decoded body.

    Raises:
        BodyError: A coding is unknown, broken or cut off, there are too many, or the limit is exceeded.
    """
    if not body:
        return body
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise BodyError(
            f"the body has {len(codings)} content codings; at most {MAX_CODINGS} are read"
        )
    for coding in reversed(codings):
        if coding not in _WINDOW_BITS:
            raise BodyError(
                f"the body has the content coding {coding[:20]!a}, which was not asked for"
            )
        body = _inflate(body, coding, limit)
    return body


def _inflate(body: bytes, coding: str, limit: int) -> bytes:
    """Decompress one coding; gzip may have several members, deflate may come without its zlib wrapper."""
    wbits = _WINDOW_BITS[coding]
    if coding == "deflate" and not _has_zlib_header(body):
        wbits = -zlib.MAX_WBITS
    parts: list[bytes] = []
    room = limit
    while body:
        member = zlib.decompressobj(wbits)
        try:
            part = member.decompress(body, room + 1)
        except zlib.error as error:
            raise BodyError(f"the body is not valid {coding}") from error
        room -= len(part)
        if room < 0:
            raise too_large(limit)
        if not member.eof:
            raise BodyError(f"the {coding} body is cut off")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)


def _has_zlib_header(body: bytes) -> bool:
    """Tell RFC 1950 from bare RFC 1951: method 8, and a check sum over the first two bytes."""
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
