"""HTTP mocks and recorders, each the real library, do here what generated clients do.

The file uses names of generated code only: `tox -e ways` runs it on a generated client,
too.
"""

import contextlib
import gzip
import importlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import mocket
import pook
import pytest
import vcr
from mocket.mocks.mockhttp import Entry, Response

import at_client
from support.facts import CREDITS, CREDITS_BODY, TOKEN
from support.wire import Wire, answer, reply

HOST = "https://api.agenttoolkit.ai"
URL = f"{HOST}/api/v1/credits"
JSON = {"Content-Type": "application/json"}
NO = '{"detail": "no"}'
BEARER = f"Bearer {TOKEN}"


def make_api(host: str = HOST) -> at_client.CreditsApi:
    """Make the operation on a client of its own."""
    configuration = at_client.Configuration(host=host, access_token=TOKEN, retries=0)
    return at_client.CreditsApi(at_client.ApiClient(configuration))


def call(api: at_client.CreditsApi) -> int | str:
    """Return a number of the answer, or the body of a refusal."""
    try:
        return api.get_credits_api_v1_credits_get(_request_timeout=5).used_credits
    except at_client.exceptions.ForbiddenException as error:
        return error.body


# ---- Mocks that answer in place of the network


def test_pook_answers() -> None:
    """A mock of pook matches method, URL and headers, and its answer is read."""
    with pook.use():
        matched = pook.get(URL, headers={"Authorization": BEARER})
        matched.reply(200).json(CREDITS)
        assert call(make_api()) == 250
        assert matched.calls == 1


@pytest.fixture
def pyopenssl_taken_out() -> Iterator[None]:
    """Undo what mocket does when it ends: it puts pyOpenSSL into urllib3."""
    yield
    with contextlib.suppress(ImportError):
        importlib.import_module("urllib3.contrib.pyopenssl").extract_from_urllib3()


@pytest.mark.usefixtures("pyopenssl_taken_out")
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed:ResourceWarning",
)
def test_mocket_answers() -> None:
    """The sockets of mocket stand in for the real ones, TLS included, for each call."""
    refusal = Response(body=NO, status=403, headers=JSON)
    good = Response(body=CREDITS_BODY.decode(), headers=JSON)
    Entry.register(Entry.GET, URL, refusal, good)
    with mocket.Mocketizer(strict_mode=True):
        api = make_api()
        assert call(api) == NO
        assert call(api) == 250
        request = mocket.Mocket.last_request()
    assert request.path == "/api/v1/credits"
    assert request.headers["authorization"] == BEARER


# ---- Functions of urllib3, patched


def test_a_patched_function_answers_with_a_mock() -> None:
    """The least that tests of users make up is enough: status, headers, data."""
    made = mock.Mock(status=200, reason="OK", data=CREDITS_BODY, headers=JSON)
    with mock.patch("urllib3.PoolManager.urlopen", return_value=made):
        assert call(make_api()) == 250


# ---- Recorders

PACKED = gzip.compress(CREDITS_BODY)
COMPRESSED = answer(PACKED, headers=[("Content-Encoding", "gzip")])


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (answer(), 250),
        (COMPRESSED, 250),
        (answer(NO.encode(), 403), NO),
    ],
    ids=["plain", "compressed", "an error"],
)
def test_vcrpy_replays_what_it_recorded(
    wire: Wire, tmp_path: Path, sent: bytes, seen: object
) -> None:
    """A replay of vcrpy asks nobody, and sees what the recorded call saw."""
    wire.play(reply(sent))
    path = tmp_path / "credits.yaml"
    for _ in ("recorded", "replayed"):
        with vcr.use_cassette(path, filter_headers=["authorization"]):
            assert call(make_api(wire.url)) == seen
    assert len(wire.requests) == 1
    assert TOKEN not in path.read_text()


# vcrpy 8 leaves a socket open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_outlives_its_cassettes(wire: Wire, tmp_path: Path) -> None:
    """A client that is made in a cassette goes out of it, and into another."""
    with vcr.use_cassette(tmp_path / "one"):
        api = make_api(wire.url)
        assert call(api) == 250
    assert call(api) == 250
    with vcr.use_cassette(tmp_path / "two") as tape:
        assert call(api) == 250
    assert len(tape) == 1
    assert len(wire.requests) == 3
