"""The stand-in for the service keeps to openapi.json, as urllib3 alone sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from support.leaks import nothing_left
from support.service import (
    Memory,
    Service,
    make_app,
    running_service,
)

PATH = "/api/v1/credits"
BROKEN = {"detail": "The ledger is closed", "code": "ledger_closed", "errors": None}
TOO_LONG = {
    "type": "string_too_long",
    "loc": ["cookie", "auth_token"],
    "msg": "Too long",
}


def ask(service: Service, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Send one request on a connection of its own; return its status and JSON."""
    with urllib3.PoolManager() as pool:
        response = pool.request(method, service.url + path, **options)
        return response.status, response.json()


def leave_out(part: Any, *names: str) -> Any:
    """Copy JSON without the named keys, at any depth."""
    if isinstance(part, list):
        return [leave_out(value, *names) for value in part]
    if not isinstance(part, dict):
        return part
    kept = part.keys() - set(names)
    return {name: leave_out(part[name], *names) for name in kept}


@pytest.mark.parametrize("part", ["paths", "components", "info"])
def test_the_application_is_the_published_document(part: str, project: Path) -> None:
    """FastAPI says of the application what openapi.json says, descriptions aside."""
    published = json.loads((project / "openapi.json").read_text())
    ours = make_app(Memory()).openapi()
    assert leave_out(ours[part], "description") == leave_out(
        published[part], "description"
    )


def test_every_request_is_on_record(service: Service) -> None:
    """The record has method, path, query and headers, until it is forgotten."""
    ask(service, "GET", f"{PATH}?q=1", headers={"X-A": "a"})
    (seen,) = service.requests
    assert (seen.method, seen.path, seen.query) == ("GET", PATH, "q=1")
    assert seen.all("X-A") == ["a"]
    service.forget()
    assert service.requests == []


def test_the_service_stops_without_a_trace() -> None:
    """Leaving the context leaves neither thread nor socket."""
    with nothing_left(), running_service() as service:
        assert ask(service, "GET", PATH)[0] == 401
