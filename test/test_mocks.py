"""HTTP mocks and recorders, each the real library, do here what they do with a generated client.

The file uses names of generated code only: `tox -e ways` runs it on a generated client as well.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING
from unittest import mock

import mocket
import pook
import pytest
import urllib3
import vcr
from mocket.mocks.mockhttp import Entry, Response

import at_client
from support.facts import CREDITS, CREDITS_BODY, TOKEN
from support.wire import answer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.wire import Wire

HOST = "https://api.agenttoolkit.ai"
URL = f"{HOST}/api/v1/credits"
JSON = {"Content-Type": "application/json"}


unclosed_by_mocket = pytest.mark.filterwarnings(
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)


def make_api(host: str = HOST) -> at_client.CreditsApi:
    configuration = at_client.Configuration(host=host, access_token=TOKEN, retries=0)
    return at_client.CreditsApi(at_client.ApiClient(configuration))


def used(api: at_client.CreditsApi) -> int:
    """Make a call and return a number of the answer."""
    return api.get_credits_api_v1_credits_get(_request_timeout=5).used_credits


# ---- Mocks that answer in place of the network


@pytest.fixture
def pook_engine() -> Iterator[None]:
    pook.on()
    yield
    pook.off()


@pytest.mark.usefixtures("pook_engine")
def test_pook_answers() -> None:
    """A mock of pook matches method, URL and headers, and its answer is read like any other."""
    matched = pook.get(URL, headers={"Authorization": f"Bearer {TOKEN}"})
    matched.reply(200).json(CREDITS)
    assert used(make_api()) == 250
    assert matched.calls == 1


@pytest.mark.usefixtures("pook_engine")
def test_pook_answers_with_an_error() -> None:
    """An error that pook makes is raised by its class, with status and body."""
    pook.get(URL, reply=404, response_json={"detail": "gone"})
    with pytest.raises(at_client.exceptions.NotFoundException) as caught:
        used(make_api())
    assert caught.value.status == 404
    assert json.loads(caught.value.body or "") == {"detail": "gone"}


@unclosed_by_mocket
def test_mocket_answers() -> None:
    """Sockets of mocket stand in for the real ones, TLS included, and have the request that was sent."""
    Entry.single_register(Entry.GET, URL, body=CREDITS_BODY.decode(), headers=JSON)
    with mocket.Mocketizer(strict_mode=True):
        assert used(make_api()) == 250
        request = mocket.Mocket.last_request()
    assert request.path == "/api/v1/credits"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@unclosed_by_mocket
def test_mocket_answers_with_errors_and_then_well() -> None:
    """Answers of mocket come one after the other, over one client."""
    refusal = Response(body='{"detail": "no"}', status=403, headers=JSON)
    Entry.register(Entry.GET, URL, refusal, Response(body=CREDITS_BODY.decode(), headers=JSON))
    with mocket.Mocketizer(strict_mode=True):
        api = make_api()
        with pytest.raises(at_client.exceptions.ForbiddenException):
            used(api)
        assert used(api) == 250


# ---- Functions of urllib3, patched


@pytest.mark.parametrize(
    "target",
    [
        "urllib3.PoolManager.request",
        "urllib3.PoolManager.urlopen",
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
    assert "GET" in {*patched.call_args.args[:1], patched.call_args.kwargs.get("method")}
    assert patched.call_args.kwargs["headers"]["Authorization"] == f"Bearer {TOKEN}"


def test_a_patched_function_answers_with_a_mock() -> None:
    """The least that tests of users make up is enough: status, headers, data."""
    made = mock.Mock(status=200, reason="OK", data=CREDITS_BODY, headers=JSON)
    with mock.patch("urllib3.PoolManager.urlopen", return_value=made):
        assert used(make_api()) == 250


def test_a_patched_function_raises() -> None:
    """An error that the patch raises arrives, as urllib3's own or as the cause of ours."""
    error = urllib3.exceptions.ProtocolError("lost")
    with (
        mock.patch("urllib3.PoolManager.urlopen", side_effect=error),
        pytest.raises((urllib3.exceptions.HTTPError, at_client.ApiException)),
    ):
        used(make_api())


# ---- Recorders


def test_vcrpy_replays_what_it_has_recorded(wire: Wire, tmp_path: Path) -> None:
    """The second run asks nobody, and sees what the first one saw."""
    for _ in range(2):
        with vcr.use_cassette(tmp_path / "credits.yaml", filter_headers=["authorization"]) as tape:
            assert used(make_api(wire.url)) == 250
    assert (len(wire.requests), tape.play_count) == (1, 1)
    assert TOKEN not in (tmp_path / "credits.yaml").read_text()


@pytest.mark.parametrize("decode", [True, False])
def test_vcrpy_replays_compressed_bodies(wire: Wire, tmp_path: Path, *, decode: bool) -> None:
    """A body in gzip is read the same from the wire and from the cassette, decoded by vcrpy or not."""
    wire.play(reply(answer(gzip.compress(CREDITS_BODY), headers=[("Content-Encoding", "gzip")])))
    recorder = vcr.VCR(decode_compressed_response=decode)
    for _ in range(2):
        with recorder.use_cassette(tmp_path / "credits.yaml"):
            assert used(make_api(wire.url)) == 250
    assert len(wire.requests) == 1


def test_vcrpy_replays_errors(wire: Wire, tmp_path: Path) -> None:
    """An error on the cassette is raised as it was."""
    wire.play(reply(answer(b'{"detail": "no"}', 403)))
    for _ in range(2):
        with (
            vcr.use_cassette(tmp_path / "credits.yaml"),
            pytest.raises(at_client.exceptions.ForbiddenException) as caught,
        ):
            used(make_api(wire.url))
        assert caught.value.body == '{"detail": "no"}'
    assert len(wire.requests) == 1


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
    for _ in range(2):
        assert used(api) == 250
    assert len(wire.requests) == 3
