"""HTTP mocks and recorders, each the real library, do here what they do with a generated client.

The file uses names of generated code only: `tox -e ways` runs it on a generated client as well.
"""

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import mocket
import pook
import pytest
import urllib3
import vcr
from mocket.mocks.mockhttp import Entry, Response

import at_client
from support.facts import CREDITS, CREDITS_BODY, TOKEN
from support.wire import Wire, answer, reply

HOST = "https://api.agenttoolkit.ai"
URL = f"{HOST}/api/v1/credits"
JSON = {"Content-Type": "application/json"}
NO = '{"detail": "no"}'


def make_api(host: str = HOST) -> at_client.CreditsApi:
    configuration = at_client.Configuration(host=host, access_token=TOKEN, retries=0)
    return at_client.CreditsApi(at_client.ApiClient(configuration))


def used(api: at_client.CreditsApi) -> object:
    """Make a call and return a number of the answer, or status and body if it is forbidden."""
    try:
        return api.get_credits_api_v1_credits_get(_request_timeout=5).used_credits
    except at_client.exceptions.ForbiddenException as error:
        return error.status, error.body


# ---- Mocks that answer in place of the network


def test_pook_answers() -> None:
    """A mock of pook matches method, URL and headers; its answer, or its error, is read like any other."""
    with pook.use():
        matched = pook.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})
        matched.reply(200).json(CREDITS)
        assert used(make_api()) == 250
        assert matched.calls == 1
        pook.get(URL, reply=403, response_body=NO)
        assert used(make_api()) == (403, NO)


@pytest.fixture
def _plain_tls() -> Iterator[None]:
    """Take pyOpenSSL out of urllib3, where mocket leaves it for the whole process."""
    yield
    with contextlib.suppress(ImportError):  # not installed, so mocket left nothing
        from urllib3.contrib.pyopenssl import extract_from_urllib3

        extract_from_urllib3()


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed:ResourceWarning",
)
@pytest.mark.usefixtures("_plain_tls")
def test_mocket_answers() -> None:
    """Its sockets stand in for the real ones, TLS included, and answer one call of a client after the other."""
    good = Response(body=CREDITS_BODY.decode(), headers=JSON)
    Entry.register(Entry.GET, URL, Response(body=NO, status=403, headers=JSON), good)
    with mocket.Mocketizer(strict_mode=True):
        api = make_api()
        assert (used(api), used(api)) == ((403, NO), 250)
        request = mocket.Mocket.last_request()
    assert request.path == "/api/v1/credits"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


# ---- Functions of urllib3, patched

URLOPEN = "urllib3.PoolManager.urlopen"


@pytest.mark.parametrize(
    "target",
    [
        "urllib3.PoolManager.request",
        URLOPEN,
        "urllib3.connectionpool.HTTPConnectionPool.urlopen",
        "urllib3.connectionpool.HTTPSConnectionPool.urlopen",
    ],
)
@pytest.mark.parametrize("preload", [True, False])
def test_a_patched_function_answers(target: str, *, preload: bool) -> None:
    """A response made by hand is read whether or not it holds its body already."""
    made = urllib3.HTTPResponse(CREDITS_BODY, JSON, 200, preload_content=preload)
    with mock.patch(target, return_value=made) as patched:
        assert used(make_api()) == 250
    assert "GET" in {
        *patched.call_args.args[:1],
        patched.call_args.kwargs.get("method"),
    }
    assert patched.call_args.kwargs["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_a_patched_function_answers_with_a_mock() -> None:
    """The least that tests of users make up is enough: status, headers, data."""
    made = mock.Mock(status=200, reason="OK", data=CREDITS_BODY, headers=JSON)
    with mock.patch(URLOPEN, return_value=made):
        assert used(make_api()) == 250


def test_a_patched_function_raises() -> None:
    """An error that the patch raises arrives, as urllib3's own or as the cause of ours."""
    expected = (urllib3.exceptions.HTTPError, at_client.ApiException)
    with (
        mock.patch(URLOPEN, side_effect=urllib3.exceptions.ProtocolError("lost")),
        pytest.raises(expected),
    ):
        used(make_api())


# ---- Recorders

RECORDED = {
    "plain": (answer(), 250),
    "compressed": (
        answer(gzip.compress(CREDITS_BODY), headers=[("Content-Encoding", "gzip")]),
        250,
    ),
    "an error": (answer(NO.encode(), 403), (403, NO)),
}


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize(("sent", "seen"), RECORDED.values(), ids=RECORDED)
def test_vcrpy_replays_what_it_recorded(
    wire: Wire, tmp_path: Path, sent: bytes, seen: object, *, decode: bool
) -> None:
    """The second run asks nobody, and sees what the first one saw, whether vcrpy decodes bodies or not."""
    wire.play(reply(sent))
    recorder = vcr.VCR(
        decode_compressed_response=decode, filter_headers=["authorization"]
    )
    for _ in range(2):
        with recorder.use_cassette(tmp_path / "credits.yaml") as tape:
            assert used(make_api(wire.url)) == seen
    assert (len(wire.requests), tape.play_count) == (1, 1)
    assert TOKEN not in (tmp_path / "credits.yaml").read_text()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # vcrpy 8 leaves a socket open
def test_a_client_outlives_its_cassettes(wire: Wire, tmp_path: Path) -> None:
    """One client goes from the network into a cassette, into a second one, and out again."""
    api = make_api(wire.url)
    assert used(api) == 250
    for name in ("one", "two"):
        with vcr.use_cassette(tmp_path / name) as tape:
            assert used(api) == 250
        assert len(tape) == 1
    assert used(api) == 250
    assert len(wire.requests) == 4


def test_a_client_made_in_a_cassette_goes_on(wire: Wire, tmp_path: Path) -> None:
    """A client that has only known a cassette talks to the network when the cassette is left."""
    with vcr.use_cassette(tmp_path / "one"):
        api = make_api(wire.url)
        assert used(api) == 250
    assert [used(api), used(api)] == [250, 250]
    assert len(wire.requests) == 3
