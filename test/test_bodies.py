"""Content codings by tables: undone in order, found out when cut off, and never more bytes than allowed."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib

import pytest
from at_client.bodies import MAX_CODINGS, BodyError, decode, too_large
from hypothesis import given
from hypothesis import strategies as st

TEXT = b"The quick brown fox" * 10


def bare(body: bytes) -> bytes:
    """Compress without a wrapper (RFC 1951), as some servers do for `deflate`."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


CODED = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (TEXT, "identity, IDENTITY"),
        (TEXT, " , "),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "GZip"),
        (gzip.compress(TEXT), " gzip "),
        (gzip.compress(TEXT), "x-gzip"),
        (gzip.compress(TEXT), "gzip, identity"),
        (gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (zlib.compress(TEXT, 9), "deflate"),
        (zlib.compress(TEXT, 1), "deflate"),
        (bare(TEXT), "deflate"),
        (zlib.compress(gzip.compress(TEXT)), "gzip, deflate"),
        (gzip.compress(zlib.compress(TEXT)), "deflate,gzip"),
    ],
)
def test_codings_are_undone(body: bytes, encoding: str) -> None:
    """The last one first; gzip of several members and deflate without its wrapper are read."""
    assert decode(body, encoding, len(body) + len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "gzip, gzip, gzip, gzip, gzip, gzip"])
def test_an_empty_body_stays_empty(encoding: str) -> None:
    """Whatever its header says: a HEAD has the header, too."""
    assert decode(b"", encoding, 10) == b""


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (TEXT, "gzip", "the body is not valid gzip"),
        (TEXT, "deflate", "the body is not valid deflate"),
        (b"\x78\x9c" + TEXT, "deflate", "the body is not valid deflate"),
        (gzip.compress(TEXT)[:-1], "gzip", "the gzip body is cut off"),
        (gzip.compress(TEXT)[:10], "gzip", "the gzip body is cut off"),
        (b"\x1f", "gzip", "the gzip body is cut off"),
        (zlib.compress(TEXT)[:-1], "deflate", "the deflate body is cut off"),
        (bare(TEXT)[:-5], "deflate", "the deflate body is cut off"),
        (b"\x78", "deflate", "the deflate body is cut off"),
        (gzip.compress(TEXT) + b"x", "gzip", "the gzip body is cut off"),
        (gzip.compress(TEXT) + b"xx", "gzip", "the body is not valid gzip"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "gzip", "the body is not valid gzip"),
        (TEXT, "br", "the body has the content coding 'br', which was not asked for"),
        (
            TEXT,
            "ä\r" + "x" * 30,
            rf"the body has the content coding '\xe4\r{'x' * 18}', which was not asked for",
        ),
        (
            TEXT,
            "gzip, zstd",
            "the body has the content coding 'zstd', which was not asked for",
        ),
        (TEXT, "gzip," * 6, "the body has 6 content codings; at most 5 are read"),
    ],
)
def test_what_cannot_be_read(body: bytes, encoding: str, says: str) -> None:
    """Broken, cut off, unknown or too many: the error says which, and never gives part of a body."""
    with pytest.raises(BodyError) as caught:
        decode(body, encoding, 10_000)
    assert str(caught.value) == says


def test_as_many_codings_as_there_may_be() -> None:
    """Five are undone."""
    body = TEXT
    for _ in range(MAX_CODINGS):
        body = gzip.compress(body)
    assert decode(body, ", ".join(["gzip"] * MAX_CODINGS), 10_000) == TEXT


@pytest.mark.parametrize("coding", CODED)
def test_the_limit_is_kept_to_the_byte(coding: str) -> None:
    """As many bytes as allowed are read, one more is an error; over several members, too."""
    body = CODED[coding](TEXT)
    assert decode(body, coding, len(TEXT)) == TEXT
    with pytest.raises(BodyError, match=f"larger than {len(TEXT) - 1} bytes"):
        decode(body, coding, len(TEXT) - 1)


def test_the_limit_holds_over_all_members() -> None:
    """A body of many small members is as large as their sum."""
    body = gzip.compress(TEXT) * 3
    assert len(decode(body, "gzip", 3 * len(TEXT))) == 3 * len(TEXT)
    with pytest.raises(BodyError):
        decode(body, "gzip", 3 * len(TEXT) - 1)


def test_a_bomb_costs_no_memory() -> None:
    """No more is decompressed than the limit allows, whatever the ratio is."""
    bomb = gzip.compress(bytes(20_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyError, match="larger than 1000 bytes"):
            decode(bomb, "gzip", 1000)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_the_error_names_the_setting() -> None:
    """Who needs more knows what to set."""
    assert str(too_large(7)) == ("the body is larger than 7 bytes (Configuration.max_response_bytes)")


@given(st.binary(), st.lists(st.sampled_from(sorted(CODED)), max_size=MAX_CODINGS))
def test_any_body_comes_round(body: bytes, codings: list[str]) -> None:
    """Whatever was coded, in whatever order, is decoded."""
    coded = body
    for coding in codings:
        coded = CODED[coding](coded)
    assert decode(coded, ",".join(codings), 100_000) == body


@given(st.binary(max_size=100), st.sampled_from([*sorted(CODED), "br", "gzip, deflate"]))
def test_any_bytes_are_a_body_or_an_error(body: bytes, encoding: str) -> None:
    """Nothing but our own error escapes."""
    with contextlib.suppress(BodyError):
        assert len(decode(body, encoding, 1000)) <= 1000
