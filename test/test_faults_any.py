"""Any bytes whatever: a call gives a CreditResponse or one of the package's own errors."""

import contextlib
import gzip
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from at_client import ApiClient, ApiException, Configuration, CreditResponse, CreditsApi
from support.ending import check_pickles, good_call
from support.facts import CREDITS, CREDITS_BODY, TOKEN, secrets_in
from support.wire import CLOSE, Action, Pieces, Wire, answer, chunked, reply


class Stage:
    """One server and one client for all examples, so that each may meet what the last has left."""

    def __init__(self, wire: Wire, api: CreditsApi) -> None:
        self.wire = wire
        self.api = api

    def play(self, *actions: Action) -> CreditResponse | ApiException:
        """Play one answer, check how the call ends, and that the next call is good."""
        self.wire.play(reply(*actions))
        try:
            ended: CreditResponse | ApiException = self.api.get_credits()
            assert type(ended) is CreditResponse
        except ApiException as error:
            ended = error
            assert str(ended).isprintable()
            assert secrets_in(str(ended), repr(ended)) == []
            check_pickles(ended)
        self.wire.play()
        # A server that closes without a word may do so just as the next request is on its way.
        self.api.api_client.configuration.retries = 2
        assert good_call(self.api)
        self.api.api_client.configuration.retries = 0
        return ended


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server and a client that go on from example to example."""
    with contextlib.ExitStack() as opened:
        wire = opened.enter_context(Wire())
        configuration = Configuration(wire.url, TOKEN, retries=0, timeout=5.0)
        yield Stage(wire, CreditsApi(opened.enter_context(ApiClient(configuration))))


some = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,  # a red build must be the change's fault, not the dice's
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)

credit_like = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from([value, None, 0, -1, "x", 1.5, True]) | json_values
        for name, value in CREDITS.items()
    },
)


@some
@given(
    body=st.binary(max_size=300),
    status=st.sampled_from([200, 200, 201, 400, 422, 500, 503]),
)
def test_any_bytes_as_a_body(stage: Stage, body: bytes, status: int) -> None:
    """No body breaks out of the client."""
    ended = stage.play(answer(body, status))
    assert ended.status == status if isinstance(ended, ApiException) else status < 300


@some
@given(
    value=json_values | credit_like, status=st.sampled_from([200, 200, 400, 422, 500])
)
def test_any_json_as_a_body(stage: Stage, value: object, status: int) -> None:
    """JSON of any shape is a model or an error with the right status, NaN included."""
    ended = stage.play(answer(json.dumps(value).encode(), status))
    assert ended.status == status if isinstance(ended, ApiException) else status == 200


@some
@given(lines=st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_as_headers(stage: Stage, lines: list[bytes]) -> None:
    """No header line breaks out of the client, whatever it makes of the length."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines)
    stage.play(head + b"\r\n" + CREDITS_BODY, CLOSE)


HEADERS_THAT_MATTER = (
    *(
        "Content-Length",
        "Transfer-Encoding",
        "Content-Encoding",
        "Content-Type",
        "Connection",
    ),
    *("Location", "Set-Cookie", "Retry-After", "WWW-Authenticate"),
)
field_values = st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40
)
telling_values = st.sampled_from(["chunked", "gzip", "0", "close", "/x", "identity"])


@some
@given(
    headers=st.lists(
        st.tuples(st.sampled_from(HEADERS_THAT_MATTER), telling_values | field_values),
        max_size=4,
    ),
    status=st.sampled_from([200, 204, 302, 401, 429, 500]),
)
def test_any_value_in_a_header_that_matters(
    stage: Stage, headers: list[tuple[str, str]], status: int
) -> None:
    """Headers that steer the reading may say anything."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
    stage.play(b"HTTP/1.1 %d X\r\n%s\r\n%s" % (status, lines, CREDITS_BODY), CLOSE)


@some
@given(raw=st.binary(min_size=1, max_size=200))
def test_any_bytes_as_an_answer(stage: Stage, raw: bytes) -> None:
    """What is not HTTP at all is an error."""
    assert isinstance(stage.play(raw, CLOSE), ApiException)


WHOLE_ANSWERS = {
    "by length": answer(),
    "in chunks": chunked(CREDITS_BODY[:7], CREDITS_BODY[7:]),
    "packed": answer(
        gzip.compress(CREDITS_BODY), headers=[("Content-Encoding", "gzip")]
    ),
    "after another": b"HTTP/1.1 103 X\r\n\r\n" + answer(),
}


@some
@given(
    which=st.sampled_from(list(WHOLE_ANSWERS)),
    cuts=st.lists(st.integers(1, 300), max_size=8, unique=True),
)
def test_any_split_into_packets(stage: Stage, which: str, cuts: list[int]) -> None:
    """Where packets end is nobody's business."""
    data = WHOLE_ANSWERS[which]
    ended = stage.play(Pieces(data, sorted(cut for cut in cuts if cut < len(data))))
    assert isinstance(ended, CreditResponse)


@some
@given(which=st.sampled_from(list(WHOLE_ANSWERS)), kept=st.integers(1, 400))
def test_any_part_of_an_answer_is_no_answer(
    stage: Stage, which: str, kept: int
) -> None:
    """Cut off anywhere, a response is an error; only the whole one is a model."""
    data = WHOLE_ANSWERS[which]
    ended = stage.play(data[:kept], CLOSE)
    assert isinstance(ended, CreditResponse) == (kept >= len(data))


@some
@given(
    value=field_values
    | st.integers().map(str)
    | st.floats().map(str)
    | st.datetimes().map(lambda when: when.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    status=st.sampled_from([429, 503]),
)
def test_any_retry_after(stage: Stage, value: str, status: int) -> None:
    """Whatever `Retry-After` says, the status is told; the wait is seconds or None."""
    raw = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n"
    ended = stage.play(raw.encode("latin-1"))
    assert isinstance(ended, ApiException)
    assert ended.status == status
    assert ended.retry_after is None or 0 <= ended.retry_after < float("inf")
