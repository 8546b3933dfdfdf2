"""The service in small: a FastAPI application, and what it has seen."""

import contextlib
from collections.abc import Iterator
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
)
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel
from starlette.datastructures import Headers

from support.facts import COOKIE, CREDITS, TOKEN
from support.serving import serving
from support.tls import CertificateFiles


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

    async def note(request: Request) -> None:
        memory.requests.append(Seen(request.url.query, request.headers))

    app = FastAPI(dependencies=[Depends(note)])
    _add_credits(app, memory)
    _add_echo(app)
    return app


_bearer = OAuth2PasswordBearer(tokenUrl="api/v1/auth/token", auto_error=False)


def _add_credits(app: FastAPI, memory: Memory) -> None:
    @app.get("/api/v1/credits")
    def get_credits(
        token: Annotated[str | None, Depends(_bearer)],
        auth_token: Annotated[str | None, Cookie()] = None,
    ) -> Any:
        account = memory.tokens.get(token or "") or memory.cookies.get(auth_token or "")
        if account is None:
            raise HTTPException(
                401, "Not authenticated", {"WWW-Authenticate": "Bearer"}
            )
        return account


def _add_echo(app: FastAPI) -> None:
    @app.get("/api/v1/echo/items/{item_id}")
    def item(
        item_id: int,
        tag: Annotated[list[str], Query()],
        x_note: Annotated[str, Header()],
        flavour: Annotated[str, Cookie()],
    ) -> dict[str, object]:
        return {
            "item_id": item_id,
            "tags": tag,
            "note": x_note,
            "flavour": flavour,
        }

    @app.post("/api/v1/echo/json", status_code=201)
    def read_json(item: Item) -> Item:
        return item

    @app.post("/api/v1/echo/form")
    def read_form(
        name: Annotated[str, Form()], colour: Annotated[list[str], Form()]
    ) -> Any:
        return {"name": name, "colours": colour}


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
