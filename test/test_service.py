"""The stand-in for the service keeps to openapi.json; shown with http.client, no client of ours."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest

from support.facts import COOKIE, CREDITS, TOKEN
from support.leaks import nothing_left
from support.service import BROKEN_TOKEN, INVALID_TOKEN, PASSWORD, USER, Memory, Service, make_app, running_service

if TYPE_CHECKING:
    from pathlib import Path

CREDITS_PATH = "/api/v1/credits"


def ask(
    service: Service, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """Send one request and give its status, headers and JSON."""
    where = urllib.parse.urlsplit(service.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=named)
        response = connection.getresponse()
        raw = response.read()
        return response.status, dict(response.getheaders()), json.loads(raw) if raw else None


def without(part: Any, *names: str) -> Any:
    """Copy JSON without the named keys, at any depth."""
    if isinstance(part, dict):
        return {key: without(value, *names) for key, value in part.items() if key not in names}
    return [without(value, *names) for value in part] if isinstance(part, list) else part


def test_the_application_is_the_published_document(project: Path) -> None:
    """What FastAPI says of the application is what openapi.json says, descriptions aside."""
    published = json.loads((project / "openapi.json").read_text())
    ours = make_app(Memory()).openapi()
    for part in ("paths", "components", "info"):
        assert without(ours[part], "description") == without(published[part], "description")


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"auth_token={COOKIE}"}],
    ids=["bearer token", "cookie"],
)
def test_an_account_is_known_by_token_or_cookie(service: Service, headers: dict[str, str]) -> None:
    """Either credential shows the credits, under their wire names."""
    status, _, body = ask(service, "GET", CREDITS_PATH, **headers)
    assert (status, body) == (200, CREDITS)


def test_a_stranger_gets_401_as_fastapi_says_it(service: Service) -> None:
    """Neither credential: FastAPI's body and challenge."""
    status, headers, body = ask(service, "GET", CREDITS_PATH)
    assert (status, body) == (401, {"detail": "Not authenticated"})
    assert {k.lower(): v for k, v in headers.items()}["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("token", "status", "part"),
    [
        (BROKEN_TOKEN, 500, {"detail": "The ledger is closed", "code": "ledger_closed"}),
        (INVALID_TOKEN, 422, {"detail": [{"loc": ["cookie", "auth_token"]}]}),
    ],
    ids=["500", "422"],
)
def test_documented_errors_have_their_documented_bodies(
    service: Service, token: str, status: int, part: dict[str, Any]
) -> None:
    """500 is an ErrorResponse, 422 is FastAPI's own validation error."""
    got, _, body = ask(service, "GET", CREDITS_PATH, Authorization=f"Bearer {token}")
    assert got == status
    if isinstance(part["detail"], list):
        assert body["detail"][0]["loc"] == part["detail"][0]["loc"]
    else:
        assert {**body, **part} == body


def test_the_token_endpoint_grants_refreshes_and_refuses(service: Service) -> None:
    """Password and refresh grants give tokens that work; a refresh token works once."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    where = "/api/v1/auth/token"
    login = urllib.parse.urlencode({"grant_type": "password", "username": USER, "password": PASSWORD})
    status, _, first = ask(service, "POST", where, login, **form)
    assert (status, first["expires_in"]) == (200, 3600)
    again = f"grant_type=refresh_token&refresh_token={first['refresh_token']}"
    status, _, second = ask(service, "POST", where, again, **form)
    assert status == 200
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    assert ask(service, "GET", CREDITS_PATH, **headers)[0] == 200
    for refused in (again, login.replace(USER, "eve")):
        status, _, body = ask(service, "POST", where, refused, **form)
        assert (status, body["error"]) == (400, "invalid_grant")
    assert service.memory.grants == ["password", "refresh_token"]


def test_the_echo_endpoints_tell_what_arrived(service: Service) -> None:
    """Any verb, and FastAPI's own reading of path, query, header, cookie and bodies."""
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status, _, body = ask(service, verb, "/api/v1/echo/a/b?x=1&x=2", Cookie="c=d")
        assert (status, body["method"], body["path"]) == (200, verb, "a/b")
        assert (body["query"], body["cookies"]) == ([["x", "1"], ["x", "2"]], {"c": "d"})
    status, _, body = ask(service, "GET", "/api/v1/echo/items/7?tag=a&tag=b", X_Note="n", Cookie="flavour=mint")
    assert body == {"item_id": 7, "tags": ["a", "b"], "note": "n", "flavour": "mint"}
    status, _, body = ask(service, "POST", "/api/v1/echo/json", '{"name": "n"}', Content_Type="application/json")
    assert (status, body) == (201, {"name": "n", "count": 1})


def test_every_request_is_on_record_as_it_came(service: Service) -> None:
    """Headers are kept line by line, so that a header sent twice shows twice."""
    ask(service, "GET", f"{CREDITS_PATH}?q=1", Authorization=f"Bearer {TOKEN}", Cookie="a=b")
    (seen,) = service.requests
    assert (seen.method, seen.path, seen.query) == ("GET", CREDITS_PATH, "q=1")
    assert seen.all("Cookie") == ["a=b"]
    service.forget()
    assert service.requests == []


def test_the_service_stops_without_a_trace() -> None:
    """Leaving the context leaves neither thread nor socket."""
    with nothing_left(), running_service() as service:
        assert ask(service, "GET", CREDITS_PATH)[0] == 401
