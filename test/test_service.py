"""The stand-in for the service keeps to openapi.json; shown with urllib3, no client of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from support.facts import COOKIE, CREDITS, TOKEN
from support.leaks import nothing_left
from support.service import (
    BROKEN_TOKEN,
    INVALID_TOKEN,
    PASSWORD,
    USER,
    Memory,
    Service,
    make_app,
    running_service,
)

PATH = "/api/v1/credits"
GRANT = {"grant_type": "password", "username": USER, "password": PASSWORD}
BROKEN = {"detail": "The ledger is closed", "code": "ledger_closed", "errors": None}
TOO_LONG = {
    "type": "string_too_long",
    "loc": ["cookie", "auth_token"],
    "msg": "Too long",
}


def ask(service: Service, method: str, path: str, **options: Any) -> tuple[int, Any]:
    """Send one request on a connection of its own, and give its status and JSON."""
    with urllib3.PoolManager() as pool:
        response = pool.request(method, service.url + path, **options)
        return response.status, response.json()


def without(part: Any, *names: str) -> Any:
    """Copy JSON without the named keys, at any depth."""
    if isinstance(part, dict):
        return {
            key: without(value, *names)
            for key, value in part.items()
            if key not in names
        }
    return (
        [without(value, *names) for value in part] if isinstance(part, list) else part
    )


def test_the_application_is_the_published_document(project: Path) -> None:
    """What FastAPI says of the application is what openapi.json says, descriptions aside."""
    published = json.loads((project / "openapi.json").read_text())
    ours = make_app(Memory()).openapi()
    for part in ("paths", "components", "info"):
        assert without(ours[part], "description") == without(
            published[part], "description"
        )


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, 200, CREDITS),
        ({"Cookie": f"auth_token={COOKIE}"}, 200, CREDITS),
        ({}, 401, {"detail": "Not authenticated"}),
        ({"Authorization": f"Bearer {INVALID_TOKEN}"}, 422, {"detail": [TOO_LONG]}),
        ({"Authorization": f"Bearer {BROKEN_TOKEN}"}, 500, BROKEN),
    ],
    ids=["bearer token", "cookie", "stranger", "422", "500"],
)
def test_credits_and_errors(
    service: Service, headers: dict[str, str], status: int, body: object
) -> None:
    """Either credential shows the credits; errors have their documented bodies; every request is on record."""
    got, answer = ask(service, "GET", f"{PATH}?q=1", headers=headers)
    assert (got, without(answer, "input", "ctx")) == (status, body)
    (seen,) = service.requests
    assert (seen.method, seen.path, seen.query) == ("GET", PATH, "q=1")
    assert [seen.all(name) for name in headers] == [
        [value] for value in headers.values()
    ]
    service.forget()
    assert service.requests == []


def test_the_token_endpoint_grants_refreshes_and_refuses(service: Service) -> None:
    """Password and refresh grants give tokens that work; a refresh token works once."""

    def grant(**fields: str) -> tuple[int, Any]:
        return ask(
            service, "POST", "/api/v1/auth/token", fields=fields, encode_multipart=False
        )

    status, first = grant(**GRANT)
    assert (status, first["expires_in"]) == (200, 3600)
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    _, second = grant(**again)
    assert ask(
        service,
        "GET",
        PATH,
        headers={"Authorization": f"Bearer {second['access_token']}"},
    ) == (200, CREDITS)
    for refused in (again, {**GRANT, "username": "eve"}):
        status, body = grant(**refused)
        assert (status, body["error"]) == (400, "invalid_grant")
    assert service.memory.grants == ["password", "refresh_token"]


def test_the_echo_endpoints_tell_what_arrived(service: Service) -> None:
    """Any verb, and FastAPI's own reading of path, query, header, cookie and bodies."""
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status, body = ask(
            service, verb, "/api/v1/echo/a/b?x=1&x=2", headers={"Cookie": "c=d"}
        )
        assert (status, body["method"], body["path"]) == (200, verb, "a/b")
        assert (body["query"], body["cookies"]) == (
            [["x", "1"], ["x", "2"]],
            {"c": "d"},
        )
    _, body = ask(
        service,
        "GET",
        "/api/v1/echo/items/7?tag=a&tag=b",
        headers={"X-Note": "n", "Cookie": "flavour=mint"},
    )
    assert body == {"item_id": 7, "tags": ["a", "b"], "note": "n", "flavour": "mint"}
    assert ask(service, "POST", "/api/v1/echo/json", json={"name": "n"}) == (
        201,
        {"name": "n", "count": 1},
    )


def test_the_service_stops_without_a_trace() -> None:
    """Leaving the context leaves neither thread nor socket."""
    with nothing_left(), running_service() as service:
        assert ask(service, "GET", PATH)[0] == 401
