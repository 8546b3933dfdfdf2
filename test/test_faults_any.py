"""Any bytes whatever: a call gives the credits or one of the package's own errors."""

import gzip
import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from at_client import ApiClient, ApiException, Configuration, CreditResponse, CreditsApi
from support.ending import good_call
from support.facts import CREDITS, CREDITS_BODY, TOKEN
from support.wire import CLOSE, Action, Pieces, Wire, answer, chunked, reply

Play = Callable[..., ApiException | None]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Play one answer, and return the error; the next call must be good.

    All examples have one server and one client: each may meet what the last left.
    """
    with Wire() as wire, ApiClient(Configuration(wire.url, TOKEN)) as client:
        api = CreditsApi(client)

        def play(*actions: Action) -> ApiException | None:
            wire.play(reply(*actions))
            client.configuration.retries = 0
            error = None
            try:
                assert type(api.get_credits(timeout=5.0)) is CreditResponse
            except ApiException as caught:
                error = caught

            # A server that closes may do so just as the next request is on its way.
            client.configuration.retries = 2
            wire.play()
            assert good_call(api)
            return error

        yield play


some = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

numbers = st.integers() | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=8)
json_values = scalars | st.lists(scalars) | st.dictionaries(st.text(), scalars)
credit_like = st.fixed_dictionaries(
    {},
    optional={name: st.just(value) | json_values for name, value in CREDITS.items()},
)


@some
@given(
    value=json_values | credit_like,
    status=st.sampled_from([200, 400, 422, 500]),
)
def test_any_json_as_a_body(play: Play, value: object, status: int) -> None:
    """JSON of any shape is a model, or an error with the right status."""
    error = play(answer(json.dumps(value).encode(), status))
    if error is None:
        assert status == 200
    else:
        assert error.status == status


TELLING_NAMES = [
    b"Content-Length",
    b"Transfer-Encoding",
    b"Content-Encoding",
    b"Content-Type",
    b"Connection",
    b"Location",
    b"Set-Cookie",
    b"Retry-After",
    b"WWW-Authenticate",
]
TELLING_VALUES = [b"chunked", b"gzip", b"0", b"close", b"/x", b"identity"]

any_bytes = st.binary(max_size=40)
telling_lines = st.tuples(
    st.sampled_from(TELLING_NAMES),
    st.sampled_from(TELLING_VALUES) | any_bytes,
).map(b": ".join)


@some
@given(
    lines=st.lists(telling_lines | any_bytes, max_size=8),
    status=st.sampled_from([200, 204, 302, 401, 429, 500]),
)
def test_any_bytes_as_headers(play: Play, lines: list[bytes], status: int) -> None:
    """No header line breaks out of the client, nor one that steers the reading."""
    head = b"\r\n".join([b"HTTP/1.1 %d X" % status, *lines, b"", b""])
    error = play(head + CREDITS_BODY, CLOSE)
    assert error is None or error.status in {0, status}


@some
@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_as_an_answer(play: Play, raw: bytes) -> None:
    """Any bytes at all are an error unless they are an HTTP response."""
    assert play(raw, CLOSE) is not None


PACKED = gzip.compress(CREDITS_BODY)

whole_answers = st.sampled_from(
    [
        answer(),
        chunked(CREDITS_BODY[:7], CREDITS_BODY[7:]),
        answer(PACKED, headers=[("Content-Encoding", "gzip")]),
        b"HTTP/1.1 103 X\r\n\r\n" + answer(),
    ]
)


@some
@given(
    data=whole_answers,
    cuts=st.sets(st.integers(1, 300), max_size=8),
)
def test_any_split_into_packets(play: Play, data: bytes, cuts: set[int]) -> None:
    """A whole response is read wherever its packets end."""
    assert play(Pieces(data, sorted(cuts))) is None


@some
@given(data=whole_answers, kept=st.integers(1, 400))
def test_any_part_of_an_answer_is_no_answer(play: Play, data: bytes, kept: int) -> None:
    """Cut off anywhere, a response is an error; only the whole one is read."""
    error = play(data[:kept], CLOSE)
    assert (error is None) == (kept >= len(data))
