"""Fixtures that every test can use; see `support` for the parts they are made of."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite(
    "support"
)  # so that its checks hold under `python -O`, too

from support.facts import PROXY_PASSWORD, PROXY_USER, TOKEN
from support.proxy import HttpProxy, http_proxy
from support.service import Service, running_service
from support.tls import Authority
from support.wire import Wire

with contextlib.suppress(ImportError):  # the ways of use do without it
    from hypothesis import settings

    # A red build must be the change's fault, not that of dice or of a busy machine.
    settings.register_profile("steady", derandomize=True, deadline=None)
    settings.load_profile("steady")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from at_client.sandbox import Sandbox
    from support.ending import Endings
    from support.makers import MakeApi, MakeClient, MakeWire


@pytest.fixture(autouse=True)
def importable_support(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs that tests start import `support`, as tests do."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the variables that change where a call or a line of output goes."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    others = (
        "ACCESS_TOKEN",
        "AT_CLIENT_HOST",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "SSLKEYLOGFILE",
        "PYTHONUNBUFFERED",  # a stream that breaks would hold nothing to be dropped
    )
    for name in (*proxies, *map(str.upper, proxies), *others):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _service() -> Iterator[Service]:
    with running_service() as service:
        yield service


@pytest.fixture
def service(_service: Service) -> Service:
    """The FastAPI application under uvicorn, as good as new."""
    _service.forget()
    return _service


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificate authority that the TLS servers of the tests belong to."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("other-authority"))


@pytest.fixture(scope="session")
def _secure_service(authority: Authority) -> Iterator[Service]:
    with running_service(tls=authority.issue("localhost", "127.0.0.1")) as service:
        yield service


@pytest.fixture
def secure_service(_secure_service: Service) -> Service:
    """The FastAPI application over TLS, for localhost and 127.0.0.1."""
    _secure_service.forget()
    return _secure_service


@pytest.fixture(params=["service", "secure_service"], ids=["http", "https"])
def either_service(request: pytest.FixtureRequest) -> Service:
    """The application over plain HTTP, and then over TLS."""
    service: Service = request.getfixturevalue(request.param)
    return service


@pytest.fixture(scope="session")
def locked_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProxy]:
    """A real HTTP proxy that wants `PROXY_USER` and `PROXY_PASSWORD`."""
    with http_proxy(
        tmp_path_factory.mktemp("locked-proxy"), PROXY_USER, PROXY_PASSWORD
    ) as proxy:
        yield proxy


@pytest.fixture
def make_wire() -> Iterator[MakeWire]:
    """Start wire servers; all of them stop with the test."""
    with contextlib.ExitStack() as running:
        yield lambda **options: running.enter_context(Wire(**options))


@pytest.fixture
def wire(make_wire: MakeWire) -> Wire:
    """A wire server over plain HTTP, without a script: it gives good answers."""
    return make_wire()


@pytest.fixture
def secure_wire(make_wire: MakeWire, authority: Authority) -> Wire:
    """A wire server over TLS, with a certificate for 127.0.0.1."""
    return make_wire(tls=authority.server_context("127.0.0.1"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The package's own sandbox."""
    from at_client.sandbox import Sandbox

    with Sandbox() as running:
        yield running


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Make clients with the marked token, which are closed with the test."""
    from at_client import ApiClient, Configuration

    with contextlib.ExitStack() as opened:
        yield lambda host, **settings: opened.enter_context(
            ApiClient(Configuration(host=host, **{"access_token": TOKEN, **settings}))
        )


@pytest.fixture
def make_api(make_client: MakeClient) -> MakeApi:
    """Make the operation on a client of its own: `make_api(host, **settings)`."""
    from at_client import CreditsApi

    return lambda host, **settings: CreditsApi(make_client(host, **settings))


@pytest.fixture
def project() -> Path:
    """The folder of the project's own files."""
    return Path(__file__).parent.parent


@pytest.fixture
def endings(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Endings:
    """Play faults and check how calls end, with what is logged and printed."""
    from support.ending import Endings

    return Endings(caplog, capsys)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client's own waits between attempts be too short to notice."""
    monkeypatch.setattr("at_client.retries.FIRST_WAIT_SECONDS", 0.01)
