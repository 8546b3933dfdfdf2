"""Mutated heads of responses: what we and h11 both read has one status and one body."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h11
import pytest
import urllib3
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from at_client import ApiClient, ApiException, Configuration
from at_client.clock import ReadLater
from support.wire import CLOSE, Wire, reply

BODY = b"5\r\nhello\r\n0\r\n\r\n"
"""Follows every head: `hello` in chunks, its first bytes by a length, or all of it."""


LATER: Any = ReadLater(None)
"""Asks for a response whose body is read later, apart from its head."""


class Reading(NamedTuple):
    """What a reader makes of a response."""

    status: int
    body: bytes | None
    """`None` if it is broken or cut off."""


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    """A server for all examples."""
    with Wire() as running:
        yield running


def read_by_ourselves(server: Wire, data: bytes, method: str = "GET") -> Reading | None:
    """Read a response with a client; `None` if it is refused."""
    server.play(reply(data, CLOSE))
    with ApiClient(Configuration(server.url, retries=0)) as client:
        try:
            response = client.call_api(method, server.url, _request_timeout=LATER)
        except ApiException as error:
            if error.status:
                reject()  # a redirect is another matter
            return None

        body = None
        with contextlib.suppress(ApiException, urllib3.exceptions.HTTPError):
            body = response.read()
        return Reading(response.status, body)


def read_with_h11(data: bytes, method: str = "GET") -> Reading | None:
    """Read a response with h11; `None` if it is refused."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")  # the end of the connection
    try:
        head = connection.next_event()
        while isinstance(head, h11.InformationalResponse):
            head = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(head, h11.Response):
        return None

    body = b""
    try:
        part = connection.next_event()
        while isinstance(part, h11.Data):
            body += part.data
            part = connection.next_event()
    except h11.RemoteProtocolError:
        return Reading(head.status_code, None)
    return Reading(head.status_code, body)


class Difference(NamedTuple):
    """Heads that one of the two refuses, and why we do not do as h11 does."""

    reason: str
    pattern: bytes
    example: bytes


ONLY_WE_READ = [
    Difference(
        "a line without a name or a colon is skipped, as browsers do",
        rb"\n(?!HTTP/1\.\d \d|[ \t]|\r*\n)(:|[^:\n]+\n)",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n: 1\r\n\r\n",
    ),
    Difference(
        "what is folded behind the status belongs to it (RFC 9112, section 2.2)",
        rb"(?m)^HTTP/[^\n]*\n[ \t]",
        b"HTTP/1.1 200 OK\r\n X: 1\r\n\r\n",
    ),
    Difference(
        "a tab is a blank, behind the status, too",
        rb"(?m)^HTTP/1\.\d \d{3}\t",
        b"HTTP/1.1 200\tOK\r\n\r\n",
    ),
    Difference(
        "a control character that frames nothing misleads nobody",
        rb"(?im)^(?!content-length:|transfer-encoding:)[^\n]*[\x0b\x0c]",
        b"HTTP/1.1 200 O\x0bK\r\nX: \x0c\r\n\r\n",
    ),
    Difference(
        "a bare CR at the end of a line is a blank (RFC 9112, section 2.2)",
        rb"\r[ \t\r]+\n",
        b"HTTP/1.1 200 OK\r\nX: 1\r\r\n\r\n",
    ),
    Difference(
        "an interim response has no body, whatever it says of one",
        rb"(?im)^HTTP/1\.\d 1.*\r?\n(.+\r?\n)*?(content-length|transfer-encoding):",
        b"HTTP/1.1 103 X\r\nTransfer-Encoding: gzip\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ),
]

ONLY_H11_READS = [
    Difference(
        "a length beside chunks is how requests are smuggled",
        rb"(?is)(\ncontent-length:.*\ntransfer-enc|\ntransfer-enc.*\ncontent-length:)",
        b"HTTP/1.1 200 X\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    Difference(
        "we speak HTTP/1, and no other version looks like it",
        rb"(?m)^HTTP/[^1]",
        b"HTTP/2.0 200 OK\r\n\r\n",
    ),
    Difference(
        "a hundred header lines are enough",
        rb"(.*\n){102}",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 101 + b"\r\n",
    ),
]

HEADS = [
    b"HTTP/1.1 200 OK\r\nX: 1\r\n \r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200\r\nServer: x\r\nSet-Cookie: a=b; c\r\n\r\n",
    b"HTTP/1.0 404 X\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 103 X\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
]
ENDS_OF_LINES = b"\r|\n|\r\n|\r\r\n|\r\n\r\n| |\t|\r\n folded|\r\n\tfolded"
CHARACTERS = b"\x00|\x0b|\x0c|\x1c|\x7f|\x85|\xa0|\xe4|\xff|:|,|;|+|-|_|0|5|00|0x|1|x"
WORDS = b"close|HTTP/1.1|HTTP/1.0|HTTP/2|100|101|304|Content-Length|chunked"
LINES = [
    b"Content-Length: 5\r\n",
    b"Content-Length: 6\r\n",
    b"content-length: 5, 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"nonsense\r\n",
    b": 1\r\n",
]
FRAGMENTS = [*b"|".join((ENDS_OF_LINES, CHARACTERS, WORDS)).split(b"|"), *LINES]

HEADS_OF_RESPONSE = re.compile(rb"(?s)(HTTP/1\.\d 1.*?\n\r*\n)*.*?\n\r*\n")


@st.composite
def mutated_heads(draw: Callable[..., bytes]) -> bytes:
    """Put fragments into a good head, mostly where a word ends, and take bytes out."""
    head = draw(st.sampled_from(HEADS))
    for _ in range(draw(st.integers(1, 3))):
        ends = [match.start() for match in re.finditer(rb"\b|\r|\n|$", head)]
        start = draw(st.sampled_from(ends) | st.integers(0, len(head)))
        end = start + draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
        head = head[:start] + draw(st.sampled_from([b"", *FRAGMENTS])) + head[end:]
    return head


def is_listed(head: bytes, differences: list[Difference]) -> bool:
    """Return whether a head is one of those that only one of the two reads."""
    return any(re.search(each.pattern, head) for each in differences)


def cut_heads(data: bytes) -> bytes:
    """Return the heads of a response: of those before the answer, and of its own."""
    heads = HEADS_OF_RESPONSE.match(data)
    return heads[0] if heads else data


@settings(max_examples=1000, deadline=None)
@given(mutated_heads(), st.sampled_from(["GET", "HEAD"]))
@example(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: \xa05\r\n\r\n", "GET")
@example(b"HTTP/1.1 200 O\0K\r\n\r\n", "GET")
def test_we_read_heads_as_h11_does(server: Wire, head: bytes, method: str) -> None:
    """What both accept has one status and one body; what one refuses is listed."""
    theirs = read_with_h11(head + BODY, method)
    ours = read_by_ourselves(server, head + BODY, method)

    if ours is None:
        assert theirs is None or is_listed(head, ONLY_H11_READS)
        return
    if theirs is None:
        assert is_listed(cut_heads(head + BODY), ONLY_WE_READ)
        return
    assert ours.status == theirs.status
    if theirs.body is None and b"chunked" in head.lower():
        return  # a head that ends early leaves no chunks behind it
    assert ours.body == theirs.body


@pytest.mark.parametrize(
    "difference", [*ONLY_WE_READ, *ONLY_H11_READS], ids=lambda each: each.reason
)
def test_only_one_reads_it(server: Wire, difference: Difference) -> None:
    """Each listed difference from h11 has an example that one of the two refuses."""
    data = difference.example + BODY
    assert re.search(difference.pattern, difference.example)
    is_ours = difference in ONLY_WE_READ
    assert (read_by_ourselves(server, data) is not None) is is_ours
    assert (read_with_h11(data) is None) is is_ours
