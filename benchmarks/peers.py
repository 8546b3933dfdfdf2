"""The contenders: each a function that gets ready, and gives a function that makes one call.

Everything is imported where it is used, because the time from the start of a process counts too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/api/v1/credits"
TOKEN = "made-up-token"  # noqa: S105  # any will do
COOKIE = "made-up-cookie"
HEADERS = {
    "Accept": "application/json",
    "Authorization": f"Bearer {TOKEN}",
    "Cookie": f"auth_token={COOKIE}",
}
THREADS = 32
"""Connections that a pool must keep, for the benchmark with threads."""


def credits_by_hand() -> Any:
    """Make the model that one would write by hand, with the fields of ours."""
    from pydantic import BaseModel

    class Credits(BaseModel):
        total_credits: int
        used_credits: int
        remaining_credits: int
        free_credits: int | None = None
        purchased_credits: int = 0
        period: str | None = None
        reset_date: str | None = None
        days_until_reset: int | None = None
        plan_tier: str | None = None

    return Credits


def http_client(url: str) -> Callable[[], object]:
    """`http.client` and `json` alone: one connection, a dictionary, no checks."""
    import http.client
    import json

    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def call() -> object:
        connection.request("GET", PATH, headers=HEADERS)
        return json.loads(connection.getresponse().read())

    return call


def urllib3_by_hand(url: str) -> Callable[[], object]:
    """What one would write: `PoolManager.request`, `json.loads`, a model; no deadline, no limits."""
    import json

    import urllib3

    model = credits_by_hand()
    pool = urllib3.PoolManager(maxsize=THREADS)

    def call() -> object:
        response = pool.request("GET", url + PATH, headers=HEADERS)
        if response.status != 200:
            raise RuntimeError(response.status)
        return model.model_validate(json.loads(response.data))

    return call


def httpx_by_hand(url: str) -> Callable[[], object]:
    """The same with httpx."""
    import httpx

    model = credits_by_hand()
    client = httpx.Client()

    def call() -> object:
        response = client.get(url + PATH, headers=HEADERS)
        response.raise_for_status()
        return model.model_validate(response.json())

    return call


def requests_by_hand(url: str) -> Callable[[], object]:
    """The same with requests."""
    import requests

    model = credits_by_hand()
    session = requests.Session()

    def call() -> object:
        response = session.get(url + PATH, headers=HEADERS, timeout=60)
        response.raise_for_status()
        return model.model_validate(response.json())

    return call


def at_client(url: str) -> Callable[[], object]:
    """This client; or a generated one, which has the same names: whichever the process finds first."""
    from at_client import ApiClient, Configuration, CreditsApi

    api = CreditsApi(ApiClient(Configuration(host=url, access_token=TOKEN)))
    return lambda: api.get_credits_api_v1_credits_get(auth_token=COOKIE)


class Peer(NamedTuple):
    """One contender."""

    title: str
    """How the tables name it."""

    prepare: Callable[[str], Callable[[], object]]
    """Takes the URL of the server; gives the function that makes one call."""

    needs: str
    """The module that it cannot do without."""


PEERS = {
    "http.client": Peer(
        "`http.client` and `json`, no model", http_client, "http.client"
    ),
    "urllib3": Peer("urllib3 and pydantic by hand", urllib3_by_hand, "urllib3"),
    "at_client": Peer("**at_client**", at_client, "at_client"),
    "generated": Peer("openapi-generator", at_client, "at_client"),
    "httpx": Peer("httpx and pydantic by hand", httpx_by_hand, "httpx"),
    "requests": Peer("requests and pydantic by hand", requests_by_hand, "requests"),
}
"""All of them, in the order of the tables."""

YARDSTICK = "urllib3"
"""Whom the ratios are to."""
