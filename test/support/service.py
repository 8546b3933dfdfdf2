"""The service in small: a FastAPI application written to openapi.json."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import (
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    Response,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers

from support.facts import COOKIE, CREDITS, TOKEN
from support.serving import serving
from support.tls import CertificateFiles

BROKEN_TOKEN = "TOKEN-SECRET-broken"
INVALID_TOKEN = "TOKEN-SECRET-invalid"


TOO_LONG = {
    "type": "string_too_long",
    "loc": ("cookie", "auth_token"),
    "msg": "Too long",
    "input": "…",
    "ctx": {"max_length": 64},
}


class CreditResponse(BaseModel):
    """Credit usage of one account."""

    model_config = ConfigDict(populate_by_name=True)

    total: int = Field(alias="total_credits")
    used: int = Field(alias="used_credits")
    remaining: int = Field(alias="remaining_credits")
    free_credits: int
    purchased_credits: int = 0
    period: str
    reset_date: str
    days_until_reset: int
    plan_tier: str | None = None


class ErrorResponse(BaseModel):
    """Body of a failed call."""

    detail: str = Field(description="What went wrong")
    code: str | None = None
    errors: dict[str, list[str]] | None = None


class Item(BaseModel):
    """Something to send as JSON."""

    name: str
    count: int = 1


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    query: str
    headers: Headers

    def all(self, name: str) -> list[str]:
        """Return the values of every header line of that name."""
        return self.headers.getlist(name)


@dataclass
class Memory:
    """What the application knows and has seen; the tests read it and write to it.

    Attributes:
        tokens: The credits that each bearer token shows.
        cookies: The credits that each `auth_token` cookie shows.
        requests: Every request, in order.
    """

    tokens: dict[str, dict[str, object]] = field(
        default_factory=lambda: {TOKEN: dict(CREDITS)}
    )
    cookies: dict[str, dict[str, object]] = field(
        default_factory=lambda: {COOKIE: dict(CREDITS)}
    )
    requests: list[Seen] = field(default_factory=list)


def make_app(memory: Memory) -> FastAPI:
    """Build the application on its accounts, which also note what it gets."""
    app = FastAPI(title="Agent Toolkit", version="1.0.0")
    _watch(app, memory)
    _add_credits(app, memory)
    _add_echo(app)
    return app


def _watch(app: FastAPI, memory: Memory) -> None:
    @app.middleware("http")
    async def note(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        seen = Seen(request.url.query, request.headers)
        memory.requests.append(seen)
        return await call_next(request)


_bearer = OAuth2PasswordBearer(tokenUrl="api/v1/auth/token", auto_error=False)


def _add_credits(app: FastAPI, memory: Memory) -> None:
    @app.get(
        "/api/v1/credits",
        tags=["credits"],
        operation_id="get_credits_api_v1_credits_get",
        description="Get current credit usage and limits for the authenticated user.",
        response_model=CreditResponse,
        responses={
            500: {"model": ErrorResponse, "description": "Internal Server Error"}
        },
    )
    def get_credits(
        token: Annotated[str | None, Depends(_bearer)],
        auth_token: Annotated[str | None, Cookie()] = None,
    ) -> Any:
        if token == BROKEN_TOKEN:
            body = ErrorResponse(detail="The ledger is closed", code="ledger_closed")
            return JSONResponse(body.model_dump(), status_code=500)
        if token == INVALID_TOKEN:
            raise RequestValidationError([TOO_LONG])
        account = memory.tokens.get(token or "") or memory.cookies.get(auth_token or "")
        if account is None:
            raise HTTPException(
                401, "Not authenticated", {"WWW-Authenticate": "Bearer"}
            )
        return CreditResponse.model_validate(account)


def _add_echo(app: FastAPI) -> None:
    @app.get("/api/v1/echo/items/{item_id}", include_in_schema=False)
    def item(
        item_id: int,
        tag: Annotated[list[str] | None, Query()] = None,
        x_note: Annotated[str | None, Header()] = None,
        flavour: Annotated[str | None, Cookie()] = None,
    ) -> dict[str, object]:
        return {
            "item_id": item_id,
            "tags": tag or [],
            "note": x_note,
            "flavour": flavour,
        }

    @app.post("/api/v1/echo/json", status_code=201, include_in_schema=False)
    def read_json(item: Item) -> Item:
        return item

    @app.post("/api/v1/echo/form", include_in_schema=False)
    def read_form(
        name: Annotated[str, Form()], colour: Annotated[list[str] | None, Form()] = None
    ) -> Any:
        return {"name": name, "colours": colour or []}


@dataclass
class Service:
    """The running application: where it is, and what it has seen."""

    url: str
    memory: Memory

    @property
    def requests(self) -> list[Seen]:
        """Every request since the test began."""
        return self.memory.requests

    def forget(self) -> None:
        """Go back to how it was at the start."""
        self.memory.__init__()  # type: ignore[misc]  # sets all fields


@contextlib.contextmanager
def running_service(
    tls: CertificateFiles | None = None, client_ca: str | None = None
) -> Iterator[Service]:
    """Run the application on a free loopback port.

    Args:
        tls: Serve https with this certificate; `None` for plain HTTP.
        client_ca: Ask clients for a certificate of it; `None` asks for none.
    """
    memory = Memory()
    scheme = "http" if tls is None else "https"
    with serving(make_app(memory), tls, client_ca) as port:
        yield Service(f"{scheme}://127.0.0.1:{port}", memory)
