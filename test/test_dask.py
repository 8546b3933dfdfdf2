"""Dask: the client travels to a real cluster of several processes, and works there."""

import os
import pickle
from collections.abc import Iterator

import cloudpickle
import dask
import pytest
from distributed import Client, LocalCluster

from at_client import (
    ApiConnectionException,
    ApiTimeoutException,
    PasswordGrant,
    UnauthorizedException,
)
from support.facts import CREDITS, TOKEN, secrets_in
from support.makers import MakeApi
from support.service import PASSWORD, USER, Service
from support.tasks import failing, remaining, response_of
from support.wire import Wire, deaf_port, refusing_port


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two workers, each a process of its own."""
    # A worker is started by name, and takes on what this process imports and warns of.
    with (
        dask.config.set({"distributed.worker.profile.enabled": False}),
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
        ) as processes,
        Client(processes) as client,
    ):
        yield client


def test_tasks_share_one_client_by_value(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """Many accounts, told apart by their cookies: each answer is the right one, from two processes."""
    accounts = {
        f"cookie-{number}": {**CREDITS, "remaining_credits": number}
        for number in range(24)
    }
    service.memory.cookies.update(accounts)
    api = make_api(service.url, access_token=None)
    got = cluster.gather(cluster.map(api.get_credits, list(accounts)))
    assert [credits.remaining for credits in got] == list(range(24))


def test_tasks_run_elsewhere(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """A client that was used here works in each worker, with connections of its own."""
    api = make_api(service.url)
    assert remaining(api) == 750
    assert list(cluster.run(remaining, api).values()) == [750, 750]
    assert os.getpid() not in cluster.run(os.getpid).values()
    assert remaining(api) == 750


def test_responses_and_errors_come_back(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """A response comes back with its headers, an error as its own class; neither shows a secret."""
    api = make_api(service.url)
    response = cluster.submit(response_of, api).result()
    assert (response.status_code, response.data.remaining) == (200, 750)
    assert response.headers["Content-Type"] == "application/json"
    with pytest.raises(UnauthorizedException) as caught:
        cluster.submit(failing, api, retries=0).result()
    assert caught.value.status == 401
    assert (
        secrets_in(str(caught.value), repr(caught.value), pickle.dumps(caught.value))
        == []
    )


def test_a_connection_error_comes_back(cluster: Client, make_api: MakeApi) -> None:
    """Dask pickles the causes as well, by tblib: ours hold no connection that could not travel."""
    with refusing_port() as port, deaf_port() as deaf:
        for host, expected in (
            (port, ApiConnectionException),
            (deaf, ApiTimeoutException),
        ):
            api = make_api(f"http://127.0.0.1:{host}", retries=0, timeout=0.3)
            with pytest.raises(expected, match=f"127.0.0.1:{host}") as caught:
                cluster.submit(remaining, api, retries=0).result()
            assert type(caught.value) is expected
            assert secrets_in(str(caught.value), pickle.dumps(caught.value)) == []


def test_a_password_grant_travels(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """A worker gets a copy of the grant, with the tokens that it has so far."""
    grant = PasswordGrant("api/v1/auth/token", USER, PASSWORD)
    api = make_api(service.url, access_token=grant)
    assert remaining(api) == 750
    assert list(cluster.run(remaining, api).values()) == [750, 750]
    assert service.memory.grants == ["password"]


def test_what_travels_is_not_shown(make_api: MakeApi, wire: Wire) -> None:
    """Dask's key and repr of a task do not show the token; a function that closes over the client has to take it."""
    api = make_api(wire.url)
    task = dask.delayed(api.get_credits)()
    assert secrets_in(repr(task), str(task.key), repr(dict(task.dask))) == []
    closure = cloudpickle.dumps(lambda: (remaining(api), api.api_client.close()))
    assert TOKEN.encode() in closure
    assert pickle.loads(closure)() == (750, None)  # noqa: S301  # our own bytes
