"""A stand-in for the service as README and docs use it, and for a login beside it."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, Field

from support.facts import COOKIE, CREDITS, TOKEN
from support.serving import serving

__all__ = ["Memory", "make_standin", "serving"]

USER = "ada"
PASSWORD = "PASSWORD-SECRET-77e1"
STALE_TOKEN = "TOKEN-SECRET-stale"

_bearer = OAuth2PasswordBearer(tokenUrl="login", auto_error=False)


class Search(BaseModel):
    """The parameters of `GET /api/v1/search`, of which a domain must come twice."""

    query: str
    max_results: int
    summarize: bool
    published_start_date: dt.date
    include_domains: Annotated[list[str], Field(min_length=2)]


class Extraction(BaseModel):
    """The JSON of `POST /api/v1/extract`."""

    urls: list[str]
    include_images: bool = False
    include_links: bool = False
    extract_depth: str = "basic"


@dataclass
class Memory:
    """What the stand-in has seen.

    Attributes:
        credits_headers: The headers of every request for the credits.
        logins: How many tokens were issued; the first one does not work.
    """

    credits_headers: list[dict[str, str]] = field(default_factory=list)
    logins: int = 0

    def forget(self) -> None:
        """Be as good as new."""
        self.credits_headers.clear()
        self.logins = 0


def check_token(token: Annotated[str | None, Depends(_bearer)]) -> None:
    """Answer 401 as the service does, unless the token is good."""
    if token != TOKEN:
        raise HTTPException(401, "Not authenticated", {"WWW-Authenticate": "Bearer"})


def check_cookie(auth_token: Annotated[str, Cookie()]) -> None:
    """Answer 401 unless the cookie is good."""
    if auth_token != COOKIE:
        raise HTTPException(401, "Not authenticated")


def make_standin(memory: Memory) -> FastAPI:
    """Build the application."""
    app = FastAPI()
    add_credits(app, memory)
    add_search_and_extract(app)
    add_api_keys(app)
    add_login(app, memory)
    return app


def add_credits(app: FastAPI, memory: Memory) -> None:
    """Add the operation that the client has a method for."""

    @app.get("/api/v1/credits", dependencies=[Depends(check_token)])
    def get_credits(request: Request) -> Any:
        memory.credits_headers.append(dict(request.headers))
        return CREDITS


def add_search_and_extract(app: FastAPI) -> None:
    """Add what the published client has in its `DefaultApi`."""

    @app.get("/api/v1/search", dependencies=[Depends(check_token)])
    def search(parameters: Annotated[Search, Query()]) -> Any:
        return {"results": [{"title": parameters.query}]}

    @app.post("/api/v1/extract", dependencies=[Depends(check_token)])
    def extract(extraction: Extraction) -> Any:
        return {"results": [{"url": url} for url in extraction.urls]}


def add_api_keys(app: FastAPI) -> None:
    """Add the operations that want the cookie beside the token."""
    both = [Depends(check_token), Depends(check_cookie)]

    @app.get("/api/v1/api-keys", dependencies=both)
    def list_keys() -> Any:
        return [{"id": "key-1", "is_active": True}]

    @app.put("/api/v1/api-keys/{key_id}/status", dependencies=both)
    def set_status(key_id: str, *, is_active: bool) -> Any:
        return {"id": key_id, "is_active": is_active}


def add_login(app: FastAPI, memory: Memory) -> None:
    """Add a token endpoint; its first token has expired already."""

    @app.post("/login")
    def login(
        grant_type: Annotated[str, Form()],
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
    ) -> Any:
        if (grant_type, username, password) != ("password", USER, PASSWORD):
            raise HTTPException(400, "invalid_grant")
        memory.logins += 1
        token = TOKEN if memory.logins > 1 else STALE_TOKEN
        return {"access_token": token, "token_type": "bearer"}
