"""Clients travel to a real cluster of Dask, and work there."""

import os
import pickle
from collections.abc import Iterator
from typing import Any

import cloudpickle
import dask
import pytest
from distributed import Client, LocalCluster

from at_client import (
    ApiConnectionException,
    ApiTimeoutException,
    UnauthorizedException,
)
from support.facts import CREDITS, TOKEN, secrets_in
from support.makers import MakeApi
from support.service import Service
from support.tasks import failing, remaining, response_of
from support.wire import Wire, deaf_port, refusing_port


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Two workers, each a process of its own."""
    # A worker is started by name, and takes on what this process imports and warns of.
    with (
        dask.config.set({"distributed.worker.profile.enabled": False}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            processes=True,
            dashboard_address=":0",  # any free port
        ) as processes,
        Client(processes) as client,
    ):
        yield client


def test_tasks_share_one_client_by_value(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """Many accounts are told apart by cookies, and each answer is the right one."""
    for number in range(24):
        account = {**CREDITS, "remaining_credits": number}
        service.memory.cookies[f"cookie-{number}"] = account
    api = make_api(service.url, access_token=None)

    cookies = list(service.memory.cookies)[-24:]
    tasks = cluster.map(lambda each: api.get_credits(auth_token=each), cookies)
    credits = cluster.gather(tasks)
    assert [account.remaining for account in credits] == list(range(24))


def test_a_used_client_works_in_each_worker(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """Workers open connections of their own, and those of this process stay good."""
    api = make_api(service.url)
    assert remaining(api) == 750
    assert list(cluster.run(remaining, api).values()) == [750, 750]
    assert os.getpid() not in cluster.run(os.getpid).values()
    assert remaining(api) == 750


def test_a_response_comes_back(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """A response keeps its model and its headers on the way."""
    response = cluster.submit(response_of, make_api(service.url)).result()
    assert response.status_code == 200
    assert response.data.remaining == 750
    assert response.headers["Content-Type"] == "application/json"


def test_an_error_comes_back(
    cluster: Client, service: Service, make_api: MakeApi
) -> None:
    """An error keeps its class and its status, and shows no secret."""
    with pytest.raises(UnauthorizedException) as caught:
        cluster.submit(failing, make_api(service.url), retries=0).result()
    error = caught.value
    assert error.status == 401
    assert secrets_in(str(error), repr(error), pickle.dumps(error)) == []


@pytest.mark.parametrize(
    ("port", "kind"),
    [(refusing_port, ApiConnectionException), (deaf_port, ApiTimeoutException)],
    ids=["refused", "late"],
)
def test_a_connection_error_comes_back(
    cluster: Client, make_api: MakeApi, port: Any, kind: type[Exception]
) -> None:
    """Dask pickles causes as well: ours hold no connection that could not travel."""
    with port() as number:
        api = make_api(f"http://127.0.0.1:{number}", retries=0, timeout=0.3)
        with pytest.raises(kind, match=f"127.0.0.1:{number}") as caught:
            cluster.submit(remaining, api, retries=0).result()
    assert type(caught.value) is kind
    assert secrets_in(str(caught.value), pickle.dumps(caught.value)) == []


def test_what_travels_is_not_shown(make_api: MakeApi, wire: Wire) -> None:
    """Key and `repr` of a task have no token; what is pickled has to have it."""
    api = make_api(wire.url)
    task = dask.delayed(api.get_credits)()
    assert secrets_in(repr(task), str(task.key), repr(dict(task.dask))) == []

    closure = cloudpickle.dumps(lambda: remaining(api))
    assert TOKEN.encode() in closure
    assert pickle.loads(closure)() == 750  # noqa: S301  # our own bytes
