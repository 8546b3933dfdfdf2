"""Clients travel to a real cluster of Dask, and work there."""

import pickle
from collections.abc import Iterator

import cloudpickle
import dask
import pytest
from distributed import Client, LocalCluster

from support.facts import CREDITS, TOKEN, secrets_in
from support.makers import MakeApi
from support.service import Service
from support.tasks import remaining
from support.wire import Wire


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
    numbers = range(24)
    for number in numbers:
        account = {**CREDITS, "remaining_credits": number}
        service.memory.cookies[str(number)] = account
    api = make_api(service.url, access_token=None)

    def ask(number: int) -> int:
        return api.get_credits(auth_token=str(number)).remaining

    assert ask(7) == 7
    tasks = cluster.map(ask, numbers)
    assert cluster.gather(tasks) == list(numbers)


def test_what_travels_is_not_shown(make_api: MakeApi, wire: Wire) -> None:
    """Key and `repr` of a task have no token; what is pickled has to have it."""
    api = make_api(wire.url)
    task = dask.delayed(api.get_credits)()
    graph = dict(task.dask)
    assert secrets_in(repr(task), str(task.key), repr(graph)) == []

    closure = cloudpickle.dumps(lambda: remaining(api))
    assert TOKEN.encode() in closure
    assert pickle.loads(closure)() == 750  # noqa: S301  # our own bytes
