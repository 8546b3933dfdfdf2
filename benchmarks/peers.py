"""The contenders: each makes a client, and returns a function that makes one call.

Imports are inside the functions, because starting a process is measured, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
THREADS = 16
"""Threads that share a client, and connections that its pool keeps."""


def credits_by_hand() -> Any:
    """Return the model that one would write by hand, with the fields of ours."""
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
    """Use `http.client` and `json` alone: one connection, a dictionary, no checks."""
    import http.client
    import json

    connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def call() -> object:
        connection.request("GET", PATH, headers=HEADERS)
        return json.loads(connection.getresponse().read())

    return call


def urllib3_by_hand(url: str) -> Callable[[], object]:
    """Use `PoolManager.request`, `json.loads` and a model; no deadline, no limits."""
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
    """Use httpx and a model."""
    import httpx

    return call_by_hand(httpx.Client().get, url)


def requests_by_hand(url: str) -> Callable[[], object]:
    """Use requests and a model."""
    import requests

    return call_by_hand(requests.Session().get, url)


def call_by_hand(get: Callable[..., Any], url: str) -> Callable[[], object]:
    """Return what one would write around the `get` of httpx or requests."""
    model = credits_by_hand()

    def call() -> object:
        response = get(url + PATH, headers=HEADERS, timeout=60)
        response.raise_for_status()
        return model.model_validate(response.json())

    return call


def at_client(url: str) -> Callable[[], object]:
    """Use this client, or a generated one with the same names if it is found first."""
    from at_client import ApiClient, Configuration, CreditsApi

    api = CreditsApi(ApiClient(Configuration(host=url, access_token=TOKEN)))
    return lambda: api.get_credits_api_v1_credits_get(auth_token=COOKIE)


@dataclass(frozen=True)
class Peer:
    """One contender."""

    title: str
    """Its name in the tables."""

    prepare: Callable[[str], Callable[[], object]]
    """Takes the URL of the server; returns a function that makes one call."""

    needs: str
    """The module that it needs."""


URLLIB3 = "urllib3"
AT_CLIENT = "at_client"
GENERATED = "generated"

PEERS = {
    "http.client": Peer(
        "`http.client` and `json`, no model", http_client, "http.client"
    ),
    URLLIB3: Peer("urllib3 and pydantic by hand", urllib3_by_hand, "urllib3"),
    AT_CLIENT: Peer("**at_client**", at_client, "at_client"),
    GENERATED: Peer("openapi-generator", at_client, "at_client"),
    "httpx": Peer("httpx and pydantic by hand", httpx_by_hand, "httpx"),
    "requests": Peer("requests and pydantic by hand", requests_by_hand, "requests"),
}
"""All contenders, in the order of the tables."""
