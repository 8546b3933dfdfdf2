"""Any bytes whatever: a call gives the credits or one of the package's own errors."""

import contextlib
import gzip
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from at_client import ApiClient, ApiException, Configuration, CreditResponse, CreditsApi
from support.ending import good_call
from support.facts import CREDITS, CREDITS_BODY, TOKEN, secrets_in
from support.wire import CLOSE, Action, Pieces, Wire, answer, chunked, reply


class Stage(NamedTuple):
    """One server and one client for all examples: each may meet what the last left."""

    wire: Wire
    api: CreditsApi

    def play(self, *actions: Action) -> ApiException | None:
        """Play one answer, check how the call ends, and that the next call is good.

        Returns:
            The error; `None` if the answer was read.
        """
        self.wire.play(reply(*actions))
        error = None
        try:
            assert type(self.api.get_credits()) is CreditResponse
        except ApiException as caught:
            error = caught
            assert secrets_in(str(error), repr(error)) == []
        self.wire.play()

        # A server that closes may do so just as the next request is on its way.
        self.api.api_client.configuration.retries = 2
        assert good_call(self.api)
        self.api.api_client.configuration.retries = 0
        return error


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server and a client that go on from example to example."""
    with contextlib.ExitStack() as opened:
        wire = opened.enter_context(Wire())
        configuration = Configuration(wire.url, TOKEN, retries=0, timeout=5.0)
        client = opened.enter_context(ApiClient(configuration))
        yield Stage(wire, CreditsApi(client))


some = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,  # a red build must be the change's fault, not the dice's
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

plain_values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
)
json_values = st.recursive(
    plain_values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
credit_like = st.fixed_dictionaries(
    {},
    optional={name: st.just(value) | json_values for name, value in CREDITS.items()},
)


@some
@given(
    value=json_values | credit_like,
    status=st.sampled_from([200, 200, 400, 422, 500]),
)
def test_any_json_as_a_body(stage: Stage, value: object, status: int) -> None:
    """JSON of any shape is a model, or an error with the right status."""
    error = stage.play(answer(json.dumps(value).encode(), status))
    if error is None:
        assert status == 200
    else:
        assert error.status == status


TELLING_HEADERS = (
    "Content-Length",
    "Transfer-Encoding",
    "Content-Encoding",
    "Content-Type",
    "Connection",
    "Location",
    "Set-Cookie",
    "Retry-After",
    "WWW-Authenticate",
)
TELLING_VALUES = (b"chunked", b"gzip", b"0", b"close", b"/x", b"identity")
any_bytes = st.binary(max_size=40)
telling_lines = st.builds(
    b"%s: %s".__mod__,
    st.tuples(
        st.sampled_from(TELLING_HEADERS).map(str.encode),
        st.sampled_from(TELLING_VALUES) | any_bytes,
    ),
)


@some
@given(
    lines=st.lists(telling_lines | any_bytes, max_size=8),
    status=st.sampled_from([200, 204, 302, 401, 429, 500]),
)
def test_any_bytes_as_headers(stage: Stage, lines: list[bytes], status: int) -> None:
    """No header line breaks out of the client, nor one that steers the reading."""
    head = b"\r\n".join([b"HTTP/1.1 %d X" % status, *lines, b"", b""])
    error = stage.play(head + CREDITS_BODY, CLOSE)
    assert error is None or error.status in {0, status}


@some
@given(raw=st.binary(min_size=1, max_size=200))
def test_any_bytes_as_an_answer(stage: Stage, raw: bytes) -> None:
    """Any bytes at all are an error unless they are an HTTP response."""
    assert stage.play(raw, CLOSE) is not None


PACKED = gzip.compress(CREDITS_BODY)
WHOLE_ANSWERS = {
    "by length": answer(),
    "in chunks": chunked(CREDITS_BODY[:7], CREDITS_BODY[7:]),
    "packed": answer(PACKED, headers=[("Content-Encoding", "gzip")]),
    "after another": b"HTTP/1.1 103 X\r\n\r\n" + answer(),
}


@some
@given(
    name=st.sampled_from(list(WHOLE_ANSWERS)),
    cuts=st.lists(st.integers(1, 300), max_size=8, unique=True),
)
def test_any_split_into_packets(stage: Stage, name: str, cuts: list[int]) -> None:
    """A whole response is read wherever its packets end."""
    data = WHOLE_ANSWERS[name]
    inside = sorted(cut for cut in cuts if cut < len(data))
    assert stage.play(Pieces(data, inside)) is None


@some
@given(name=st.sampled_from(list(WHOLE_ANSWERS)), kept=st.integers(1, 400))
def test_any_part_of_an_answer_is_no_answer(stage: Stage, name: str, kept: int) -> None:
    """Cut off anywhere, a response is an error; only the whole one is read."""
    data = WHOLE_ANSWERS[name]
    is_whole = kept >= len(data)
    assert (stage.play(data[:kept], CLOSE) is None) == is_whole
