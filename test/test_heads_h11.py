"""Mutated heads of responses: what we and h11 both read has one status and one body."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import h11
import pytest
import urllib3
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from at_client import ApiClient, ApiException, Configuration
from at_client.clock import ReadLater
from support.wire import CLOSE, Wire, reply

BODY = b"5\r\nhello\r\n0\r\n\r\n"
"""Follows every head: `hello` in chunks, its first bytes by a length, or all of it."""


LATER: Any = ReadLater(None)
"""Asks for a response whose body is read later, apart from its head."""


Reading = tuple[int, bytes | None] | None
"""Status and body, `None` if that is broken or cut off; `None` if it is refused."""


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    """A server for all examples."""
    with Wire() as running:
        yield running


def read_by_ourselves(server: Wire, data: bytes, method: str) -> Reading:
    """Read a response with a client."""
    server.play(reply(data, CLOSE))
    with ApiClient(Configuration(server.url, retries=0)) as client:
        try:
            response = client.call_api(method, server.url, _request_timeout=LATER)
        except ApiException as error:
            if error.status:
                reject()  # a redirect is another matter
            return None

        try:
            return response.status, response.read()
        except (ApiException, urllib3.exceptions.HTTPError):
            return response.status, None


def read_with_h11(data: bytes, method: str) -> Reading:
    """Read a response with h11."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")  # the end of the connection

    status = 0
    body: bytes | None = b""
    try:
        event = connection.next_event()
        while isinstance(event, h11.InformationalResponse | h11.Response | h11.Data):
            if isinstance(event, h11.Response):
                status = event.status_code
            if isinstance(event, h11.Data):
                body += event.data
            event = connection.next_event()
    except h11.RemoteProtocolError:
        body = None
    return (status, body) if status else None


ONLY_WE_READ = [
    # A line without a name or a colon is skipped, as browsers do.
    rb"\n(?!HTTP/1\.\d \d|[ \t]|\r*\n)(:|[^:\n]+\n)",
    # What is folded behind the status belongs to it (RFC 9112, section 2.2).
    rb"(?m)^HTTP/[^\n]*\n[ \t]",
    # A tab is a blank, behind the status, too.
    rb"(?m)^HTTP/1\.\d \d{3}\t",
    # A control character that frames nothing misleads nobody.
    rb"(?im)^(?!content-length:|transfer-encoding:)[^\n]*[\x0b\x0c]",
    # A bare CR at the end of a line is a blank (RFC 9112, section 2.2).
    rb"\r[ \t\r]+\n",
    # An interim response has no body, whatever it says of one.
    rb"(?im)^HTTP/1\.\d 1.*\r?\n(.+\r?\n)*?(content-length|transfer-encoding):",
]
"""Heads that h11 refuses, and why we do not."""

ONLY_H11_READS = [
    # A length beside chunks is how requests are smuggled.
    rb"(?is)(\ncontent-length:.*\ntransfer-enc|\ntransfer-enc.*\ncontent-length:)",
    # We speak HTTP/1, and no other version looks like it.
    rb"(?m)^HTTP/[^1]",
    # A hundred header lines are enough.
    rb"(.*\n){102}",
]
"""Heads that we refuse, and why."""

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


def is_listed(head: bytes, patterns: list[bytes]) -> bool:
    """Return whether a head is one of those that only one of the two reads."""
    return any(re.search(pattern, head) for pattern in patterns)


def cut_heads(data: bytes) -> bytes:
    """Return the heads of a response: of those before the answer, and of its own."""
    heads = HEADS_OF_RESPONSE.match(data)
    return heads[0] if heads else data


@settings(max_examples=250)
@given(mutated_heads(), st.sampled_from(["GET", "HEAD"]))
def test_we_read_heads_as_h11_does(server: Wire, head: bytes, method: str) -> None:
    """What both accept has one status and one body; what one refuses is listed."""
    theirs = read_with_h11(head + BODY, method)
    ours = read_by_ourselves(server, head + BODY, method)

    if ours is None:
        assert theirs is None or is_listed(head, ONLY_H11_READS)
    elif theirs is None:
        assert is_listed(cut_heads(head + BODY), ONLY_WE_READ)
    elif theirs[1] is None and b"chunked" in head.lower():
        # A head that ends early leaves no chunks behind it.
        assert ours[0] == theirs[0]
    else:
        assert ours == theirs
