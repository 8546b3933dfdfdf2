"""The sandbox answers as the service does, makes the trouble it is told to, and leaves nothing."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import math
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from at_client.sandbox import Account, Answer, Headers, Request, Sandbox, Trouble
from at_client.sandbox.accounts import Accounts, start_of_next_month
from at_client.sandbox.server import Connection
from support.facts import COOKIE, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service import Service

CREDITS = "/api/v1/credits"
TOKENS = "/api/v1/auth/token"


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str,
    path: str = CREDITS,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    timeout: float = 5,
) -> Reply:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as response:
            return Reply(response.status, Headers(response.getheaders()), response.read())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie(value: str) -> dict[str, str]:
    return {"Cookie": f"auth_token={value}"}


PLAIN = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def connect(sandbox: Sandbox, data: bytes) -> socket.socket:
    """Connect and send bytes."""
    address = urlsplit(sandbox.url)
    sock = socket.create_connection((str(address.hostname), address.port or 0), timeout=5)
    sock.sendall(data)
    return sock


def raw(sandbox: Sandbox, data: bytes) -> bytes:
    """Send bytes and read until the sandbox closes."""
    with connect(sandbox, data) as sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


def post_form(sandbox: Sandbox, headers: Mapping[str, str] | None = None, **form: str) -> Reply:
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return ask(sandbox.url, TOKENS, "POST", sent, urlencode(form))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", CREDITS, {}),
        ("GET", CREDITS, bearer("nobody")),
        ("GET", CREDITS, cookie("nobody")),
        ("GET", CREDITS, {"Authorization": "Bearer"}),
        ("GET", CREDITS, {"Authorization": f"Basic {TOKEN}"}),
        ("GET", CREDITS, {"Authorization": TOKEN}),
        ("GET", CREDITS, {"Cookie": f"auth_tokens={COOKIE}"}),
        ("GET", CREDITS, {"Cookie": f"auth_token={COOKIE}; auth_token=later"}),
        ("GET", CREDITS, bearer(TOKEN)),
        ("GET", CREDITS, {"Authorization": f"bearer {TOKEN}"}),
        ("GET", CREDITS, bearer(TOKEN) | cookie("auth_token_example")),
        ("GET", CREDITS, bearer("nobody") | cookie(COOKIE)),
        ("GET", CREDITS, cookie(COOKIE)),
        ("GET", CREDITS, {"Cookie": f"theme=dark; auth_token={COOKIE}; lang=en"}),
        ("GET", CREDITS, {"Cookie": f'auth_token="{COOKIE}"'}),
        ("GET", f"{CREDITS}?verbose=1", bearer(TOKEN)),
        ("GET", "/api/v1/%63redits", bearer(TOKEN)),
        ("GET", f"{CREDITS}/", bearer(TOKEN)),
        ("HEAD", CREDITS, {}),
        ("POST", CREDITS, bearer(TOKEN)),
        ("OPTIONS", CREDITS, {}),
        ("GET", TOKENS, {}),
        ("GET", "/", {}),
        ("DELETE", "/nowhere", {}),
        ("HEAD", "/nowhere", {}),
    ],
)
def test_answers_as_fastapi_does(
    method: str, path: str, headers: dict[str, str], sandbox: Sandbox, service: Service
) -> None:
    """Whatever it is asked, the sandbox answers what a FastAPI application under uvicorn does."""
    sandbox.add_account(token=TOKEN, auth_token=COOKIE)
    ours, theirs = (ask(server.url, path, method, headers) for server in (sandbox, service))
    assert ours.status == theirs.status
    for name in ("content-type", "www-authenticate", "allow", "connection"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    location = theirs.headers.get("location", "").replace(service.url, sandbox.url)
    assert ours.headers.get("location", "") == location
    if theirs.status == 200:
        assert ours.json.keys() == theirs.json.keys()
    else:
        assert ours.body == theirs.body
        assert ours.headers["content-length"] == theirs.headers["content-length"]


def test_credits(sandbox: Sandbox) -> None:
    """The ready account shows whole credits, by its token and by its cookie."""
    reply = ask(sandbox.url, headers=bearer(sandbox.token))
    assert reply.json == ask(sandbox.url, headers=cookie(sandbox.auth_token)).json
    credits = reply.json
    assert (credits["total_credits"], credits["used_credits"]) == (1000, 250)
    assert credits["remaining_credits"] == 750
    assert credits["free_credits"] == 1000
    assert credits["purchased_credits"] == 0
    assert credits["plan_tier"] == "free"
    assert re.fullmatch(r"\d{4}-\d\d", credits["period"])
    left = datetime.fromisoformat(credits["reset_date"]) - datetime.now(timezone.utc)
    assert left <= timedelta(days=credits["days_until_reset"]) <= left + timedelta(days=1.01)


def test_bodies_fit_the_document(sandbox: Sandbox, project: Any) -> None:
    """The answers for 200, 422 and 500 have the properties that openapi.json has."""
    document = json.loads((project / "openapi.json").read_text())
    schemas = document["components"]["schemas"]
    sandbox.fail(500)
    error = ask(sandbox.url).json
    sandbox.fail(422)
    (invalid,) = ask(sandbox.url).json["detail"]
    credits = ask(sandbox.url, headers=bearer(sandbox.token)).json
    for body, name in (
        (credits, "CreditResponse"),
        (error, "ErrorResponse"),
        (invalid, "ValidationError"),
    ):
        assert set(schemas[name]["required"]) <= set(body) <= set(schemas[name]["properties"])


def test_ready_account_can_be_sized() -> None:
    """Total and used of the ready account are the caller's choice."""
    with Sandbox(total=100, used=40) as sandbox:
        assert ask(sandbox.url, headers=bearer(sandbox.token)).json["remaining_credits"] == 60


def test_accounts_are_apart(sandbox: Sandbox) -> None:
    """Each account has credentials and credits of its own; spending shows at the next call."""
    other = sandbox.add_account(50, 5, purchased_credits=20, plan_tier="pro", extra={"seats": 3})
    other.spend(10)
    body = ask(sandbox.url, headers=bearer(other.token)).json
    assert body["remaining_credits"] == 35
    assert (body["free_credits"], body["purchased_credits"]) == (30, 20)
    assert (body["plan_tier"], body["seats"]) == ("pro", 3)
    assert ask(sandbox.url, headers=cookie(sandbox.auth_token)).json["used_credits"] == 250


@pytest.mark.parametrize("used", [-1, 11])
def test_more_than_there_is_cannot_be_used(used: int) -> None:
    """An account with more used than there is is refused, and so is spending that leads there."""
    with pytest.raises(ValueError, match=rf"^used must be from 0 to total \(10\), not {used}$"):
        Account(10, used)
    account = Account(10, 0)
    with pytest.raises(ValueError, match=rf"^can spend from 0 to 10 credits, not {used}$"):
        account.spend(used)
    account.spend(10)
    assert account.remaining == 0


@pytest.mark.parametrize("name", ["token", "auth_token", "username"])
def test_credentials_are_unique(name: str) -> None:
    """Two accounts cannot share a credential."""
    sandbox = Sandbox()
    sandbox.add_account(**{name: "mine"})  # type: ignore[arg-type]  # one of three that are text
    with pytest.raises(ValueError, match=rf"^another account has this {name}$"):
        sandbox.add_account(**{name: "mine"})  # type: ignore[arg-type]  # the same


def test_secrets_are_made_up_anew() -> None:
    """No two accounts get the same credentials, and none shows in a repr."""
    secrets = [s for a in (Account(), Account()) for s in (a.token, a.auth_token, a.password)]
    assert len(set(secrets)) == 6
    account = Account(token="SECRET-1", auth_token="SECRET-2", password="SECRET-3")
    assert "SECRET" not in repr(account)
    assert "total=1000" in repr(account)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-22T13:00", "2026-12-01"),
        ("2026-12-31T23:59", "2027-01-01"),
        ("2027-01-01", "2027-02-01"),
    ],
)
def test_period_ends_with_the_month(now: str, expected: str) -> None:
    """A period ends when the next month starts."""
    moment = datetime.fromisoformat(now).replace(tzinfo=timezone.utc)
    assert start_of_next_month(moment).isoformat() == f"{expected}T00:00:00+00:00"


def test_days_until_reset_round_up() -> None:
    """A day that has begun counts as a day, and the past as none."""
    account = Account(reset_date=datetime.now(timezone.utc) + timedelta(days=2, hours=1))
    assert account.to_dict()["days_until_reset"] == 3
    account.reset_date -= timedelta(days=9)
    assert account.to_dict()["days_until_reset"] == 0


@pytest.mark.parametrize("kind", ["token", "auth_token"])
def test_expired_credentials_are_refused(kind: str, sandbox: Sandbox) -> None:
    """A token or a cookie that was expired answers 401; the account's other one still works."""
    ways = {"token": bearer(sandbox.token), "auth_token": cookie(sandbox.auth_token)}
    sandbox.expire(getattr(sandbox, kind))
    assert ask(sandbox.url, headers=ways.pop(kind)).status == 401
    assert ask(sandbox.url, headers=ways.popitem()[1]).status == 200
    with pytest.raises(ValueError, match=r"^no token, refresh token or cookie"):
        sandbox.expire(getattr(sandbox, kind))


def test_renewed_token_replaces_the_old_one(sandbox: Sandbox) -> None:
    """After `renew`, the new token is let in and the old one is not."""
    old = sandbox.token
    new = sandbox.account.renew()
    assert new == sandbox.token != old
    assert ask(sandbox.url, headers=bearer(new)).status == 200
    assert ask(sandbox.url, headers=bearer(old)).status == 401


def test_issued_tokens_live_as_long_as_they_say() -> None:
    """A token of the token endpoint ends `expires_in` seconds after it was issued; others stay."""
    now = 100.0
    accounts = Accounts(clock=lambda: now)
    account = Account()
    accounts.add(account)
    token, _ = accounts.issue(account, "", expires_in=60)
    now = 159.9
    assert accounts.by_token(token) is account
    now = 160.0
    assert accounts.by_token(token) is None
    assert accounts.by_token(account.token) is account


def test_password_grant(sandbox: Sandbox) -> None:
    """A username and a password give a bearer token that works, and nothing may keep the answer."""
    account = sandbox.add_account(77, 7, username="ada", password="lovelace & co")
    reply = post_form(sandbox, grant_type="password", username="ada", password="lovelace & co")
    assert reply.status == 200
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["pragma"] == "no-cache"
    assert reply.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("bearer", 3600)
    token = reply.json["access_token"]
    assert token != account.token
    assert ask(sandbox.url, headers=bearer(token)).json["total_credits"] == 77
    sandbox.expire(token)
    assert ask(sandbox.url, headers=bearer(token)).status == 401


def test_token_lifetime_is_told() -> None:
    """`token_lifetime` is what `expires_in` says, and holds."""
    with Sandbox(token_lifetime=0) as sandbox:
        password = sandbox.account.password
        grant = {"grant_type": "password", "username": "sandbox", "password": password}
        reply = post_form(sandbox, **grant)
        assert reply.json["expires_in"] == 0
        assert ask(sandbox.url, headers=bearer(reply.json["access_token"])).status == 401


def test_refresh_token_works_once(sandbox: Sandbox) -> None:
    """A refresh token gives a new pair and is then used up; one that was expired gives nothing."""
    grant = {"username": "sandbox", "password": sandbox.account.password}
    first = post_form(sandbox, grant_type="password", **grant).json
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = post_form(sandbox, **refresh)
    assert second.status == 200
    assert ask(sandbox.url, headers=bearer(second.json["access_token"])).status == 200
    assert second.json["refresh_token"] != first["refresh_token"]
    again = post_form(sandbox, **refresh)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    sandbox.expire(second.json["refresh_token"])
    refresh["refresh_token"] = second.json["refresh_token"]
    assert post_form(sandbox, **refresh).json["error"] == "invalid_grant"


def test_scope_narrows_only(sandbox: Sandbox) -> None:
    """A scope is given as asked; a refresh may ask for less and never for more."""
    account = sandbox.account
    form = {"username": "sandbox", "password": account.password, "scope": "credits read"}
    first = post_form(sandbox, grant_type="password", **form).json
    assert first["scope"] == "credits read"
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    wider = post_form(sandbox, **refresh, scope="read write")
    assert (wider.status, wider.json["error"]) == (400, "invalid_scope")
    assert post_form(sandbox, **refresh, scope="read").json["scope"] == "read"


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({}, "invalid_request", "grant_type is missing"),
        ({"grant_type": ""}, "invalid_request", "grant_type is missing"),
        (
            {"grant_type": "magic"},
            "unsupported_grant_type",
            "grant_type must be password or refresh_token",
        ),
        ({"grant_type": "password", "password": "x"}, "invalid_request", "username is missing"),
        ({"grant_type": "password", "username": "x"}, "invalid_request", "password is missing"),
        (
            {"grant_type": "password", "username": "sandbox", "password": "wrong"},
            "invalid_grant",
            "Incorrect username or password",
        ),
        (
            {"grant_type": "password", "username": "nobody", "password": "wrong"},
            "invalid_grant",
            "Incorrect username or password",
        ),
        ({"grant_type": "refresh_token"}, "invalid_request", "refresh_token is missing"),
        (
            {"grant_type": "refresh_token", "refresh_token": "made-up"},
            "invalid_grant",
            "The refresh token is unknown, used up or expired",
        ),
    ],
)
def test_token_endpoint_refuses(
    form: dict[str, str], error: str, description: str, sandbox: Sandbox
) -> None:
    """What RFC 6749 section 5.2 refuses is refused with 400, its code and a description."""
    reply = post_form(sandbox, **form)
    assert reply.status == 400
    assert reply.json == {"error": error, "error_description": description}
    assert reply.headers["cache-control"] == "no-store"


def test_token_endpoint_reads_forms_only(sandbox: Sandbox) -> None:
    """JSON, and a parameter that is there twice, are invalid requests."""
    reply = ask(sandbox.url, TOKENS, "POST", {"Content-Type": "application/json"}, "{}")
    assert (reply.status, reply.json["error"]) == (400, "invalid_request")
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = ask(sandbox.url, TOKENS, "POST", form, "grant_type=password&grant_type=password")
    assert reply.json["error_description"] == "grant_type is given more than once"


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "form", "status", "error"),
    [
        ({}, {"client_id": "cron", "client_secret": "s:3"}, 200, None),
        (basic("cron:s%3A3"), {}, 200, None),
        (basic("cron:s%3A3"), {"client_id": "cron"}, 200, None),
        ({}, {}, 401, "invalid_client"),
        ({}, {"client_id": "cron", "client_secret": "wrong"}, 401, "invalid_client"),
        (basic("cron:wrong"), {}, 401, "invalid_client"),
        ({"Authorization": "Basic ?"}, {}, 401, "invalid_client"),
        (
            basic("cron:s%3A3"),
            {"client_id": "cron", "client_secret": "s:3"},
            400,
            "invalid_request",
        ),
    ],
)
def test_client_may_be_required(
    headers: dict[str, str], form: dict[str, str], status: int, error: str | None, sandbox: Sandbox
) -> None:
    """A required client is known by Basic or by the form, never by both (RFC 6749, 2.3.1)."""
    sandbox.require_client("cron", "s:3")
    grant = {"grant_type": "password", "username": "sandbox", "password": sandbox.account.password}
    reply = post_form(sandbox, headers, **grant, **form)
    assert (reply.status, reply.json.get("error")) == (status, error)
    assert reply.headers.get("www-authenticate") == ("Basic" if status == 401 else None)


def test_fail(sandbox: Sandbox) -> None:
    """`fail` answers with the status so many times, with `Retry-After` and the service's body."""
    sandbox.fail(status=503, times=2, retry_after=1)
    for _ in range(2):
        reply = ask(sandbox.url, headers=bearer(sandbox.token))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.json["detail"] == "Service Unavailable"
    assert ask(sandbox.url, headers=bearer(sandbox.token)).status == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"detail": "Not authenticated"}),
        (403, {"detail": "Forbidden"}),
        (429, {"detail": "Too Many Requests"}),
        (500, {"detail": "Internal Server Error", "code": "internal_server_error", "errors": None}),
        (599, {"detail": "Unknown", "code": "unknown", "errors": None}),
    ],
)
def test_fail_has_the_body_of_the_status(status: int, body: object, sandbox: Sandbox) -> None:
    """Without a body of the caller's, a failure has the one that the service sends."""
    sandbox.fail(status)
    reply = ask(sandbox.url)
    assert (reply.status, reply.json) == (status, body)
    assert reply.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize(
    ("body", "sent", "media_type"),
    [
        (b"\xff", b"\xff", "application/json"),
        ("Bad gateway: ü", "Bad gateway: ü".encode(), "text/plain; charset=utf-8"),
        ({"detail": "ü"}, '{"detail":"ü"}'.encode(), "application/json"),
        ([], b"[]", "application/json"),
    ],
)
def test_fail_with_a_body(body: object, sent: bytes, media_type: str, sandbox: Sandbox) -> None:
    """Bytes go out as they are, text as text, anything else as JSON; headers can be set."""
    sandbox.fail(502, body=body, headers={"X-Trace": "7"})
    reply = ask(sandbox.url)
    assert (reply.body, reply.headers["content-type"]) == (sent, media_type)
    assert reply.headers["x-trace"] == "7"


def test_answer_can_be_wrong(sandbox: Sandbox) -> None:
    """`answer` sends any body with any status and media type."""
    sandbox.answer(b"<html>", content_type="text/html")
    sandbox.answer({"id": 1}, status=201)
    first, second = (ask(sandbox.url) for _ in range(2))
    assert (first.status, first.body) == (200, b"<html>")
    assert first.headers["content-type"] == "text/html"
    assert (second.status, second.json) == (201, {"id": 1})
    assert second.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_none(status: int, sandbox: Sandbox) -> None:
    """204 and 304 end with their headers, and the connection goes on."""
    sandbox.answer(b"not sent", status=status)
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", CREDITS)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
        assert (response.getheader("content-length") is None) == (status == 204)
        connection.request("GET", CREDITS)
        assert connection.getresponse().status == 401


def test_length_can_lie(sandbox: Sandbox) -> None:
    """A scripted `Content-Length` is sent as it is, and the connection closed: nobody hangs."""
    sandbox.answer(b"{}", headers={"Content-Length": "10"})
    with pytest.raises(http.client.IncompleteRead):
        ask(sandbox.url)


@pytest.mark.parametrize("status", [100, 199, 600, 0])
def test_only_final_statuses(status: int) -> None:
    """A status that cannot end an exchange is refused when it is scripted."""
    with pytest.raises(ValueError, match=f"^status must be a final one, .* not {status}$"):
        Sandbox().fail(status)


def test_delay(sandbox: Sandbox) -> None:
    """`delay` answers as usual, but later."""
    sandbox.delay(0.2)
    start = time.monotonic()
    assert ask(sandbox.url, headers=bearer(sandbox.token)).status == 200
    assert 0.2 <= time.monotonic() - start < 2


def test_delayed_answer_can_be_given_up(sandbox: Sandbox) -> None:
    """A client that does not wait for a delayed answer leaves the sandbox as it was."""
    sandbox.delay(0.1)
    with pytest.raises(TimeoutError):
        ask(sandbox.url, timeout=0.02)
    assert ask(sandbox.url, headers=bearer(sandbox.token)).status == 200


def test_client_can_hang_up(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that goes away in the middle ends its own connection only, without a word."""
    sandbox.drip(0.01)
    with connect(sandbox, PLAIN) as sock:
        sock.recv(1)
        # Zero seconds to linger: closing resets the connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    deadline = time.monotonic() + 5
    while any(thread.name == "at-sandbox-connection" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert capfd.readouterr().err == ""
    assert ask(sandbox.url).status == 401


def test_drop_before_the_answer(sandbox: Sandbox) -> None:
    """`drop` closes without a byte, and the log shows no status."""
    sandbox.drop(times=2)
    assert [raw(sandbox, PLAIN) for _ in range(2)] == [b"", b""]
    assert [request.status for request in sandbox.requests] == [None, None]
    assert str(sandbox.requests[0]) == "GET /plain dropped"
    assert ask(sandbox.url).status == 401


@pytest.mark.parametrize("after", [0, 1, 40])
def test_drop_in_the_body(after: int, sandbox: Sandbox) -> None:
    """`drop(after=n)` closes after the headers and n bytes of the body."""
    sandbox.drop(after=after)
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(sandbox.url, headers=bearer(sandbox.token))
    assert len(caught.value.partial) == after
    assert sandbox.requests[-1].status == 200


@pytest.mark.parametrize("headers", [False, True])
def test_drip(headers: bool, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """`drip` sends the body, or all of the answer, in pieces with a wait before each."""
    waits: list[float] = []
    monkeypatch.setattr(Connection, "wait", lambda _, seconds: waits.append(seconds))
    sandbox.drip(0.25, piece=8, headers=headers)
    received = raw(sandbox, LAST)
    body = received.partition(b"\r\n\r\n")[2]
    assert body == b'{"detail":"Not Found"}'
    assert waits == [0.0] + [0.25] * math.ceil(len(received if headers else body) / 8)


def test_drip_takes_its_time(sandbox: Sandbox) -> None:
    """The pieces of a drip come one after the other, not at once."""
    sandbox.drip(0.05, piece=11)
    start = time.monotonic()
    with connect(sandbox, LAST) as sock:
        assert sock.recv(65536).endswith(b"\r\n\r\n")
        rest = b"".join(iter(lambda: sock.recv(65536), b""))
    assert time.monotonic() - start >= 0.1
    assert rest == b'{"detail":"Not Found"}'


def test_trouble_combines(sandbox: Sandbox) -> None:
    """`script` takes any combination of what the short methods do."""
    sandbox.script(Trouble(answer=Answer(503, b"down"), delay=0.1))
    start = time.monotonic()
    reply = ask(sandbox.url)
    assert (reply.status, reply.body) == (503, b"down")
    assert time.monotonic() - start >= 0.1


def test_trouble_comes_in_order_and_by_path(sandbox: Sandbox) -> None:
    """Each request takes the first entry that is for its path; other paths are left alone."""
    sandbox.fail(500, path=TOKENS)
    sandbox.fail(429)
    sandbox.fail(502, path=CREDITS)
    assert [ask(sandbox.url).status for _ in range(3)] == [429, 502, 401]
    assert post_form(sandbox).status == 500
    assert post_form(sandbox).status == 400


def test_trouble_without_end_ends_with_recover(sandbox: Sandbox) -> None:
    """`times=None` lasts until `recover`, which forgets all that is in the queue."""
    sandbox.fail(503, times=None)
    sandbox.fail(500)
    assert {ask(sandbox.url).status for _ in range(5)} == {503}
    sandbox.recover()
    assert ask(sandbox.url).status == 401


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.drop(times=0), "times must be at least 1, not 0"),
        (lambda s: s.delay(-1), "delay must not be negative, and is -1"),
        (lambda s: s.drip(-0.5), "drip must not be negative, and is -0.5"),
        (lambda s: s.drop(after=-1), "after must not be negative, and is -1"),
        (lambda s: s.drip(1, piece=0), "piece must be at least 1 byte, not 0"),
        (lambda s: s.script(Trouble(after=1)), "after says when to drop, and goes with drop=True"),
    ],
)
def test_scripts_are_checked(call: Callable[[Sandbox], None], message: str) -> None:
    """A script that makes no sense is refused where it is written."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(Sandbox())


def test_requests_are_logged(sandbox: Sandbox) -> None:
    """The log has method, path, query, headers, body, time and the status answered, in order."""
    before = datetime.now(timezone.utc)
    ask(sandbox.url, f"{CREDITS}?a=b%20c", headers=bearer(sandbox.token) | {"X-Mine": "1"})
    post_form(sandbox, grant_type="magic")
    first, second = sandbox.requests
    assert (first.method, first.path, first.query, first.status) == ("GET", CREDITS, "a=b%20c", 200)
    assert first.headers["AUTHORIZATION"] == f"Bearer {sandbox.token}"
    assert first.headers["x-mine"] == "1"
    assert before <= first.time <= second.time <= datetime.now(timezone.utc)
    assert (second.method, second.body, second.status) == ("POST", b"grant_type=magic", 400)
    assert str(first) == "GET /api/v1/credits 200"


def test_log_shows_no_secret(sandbox: Sandbox) -> None:
    """The repr of the log masks credentials, and leaves out bodies and queries."""
    headers = {
        "Authorization": "Bearer SECRET",
        "Cookie": "a=SECRET",
        "Proxy-Authorization": "SECRET",
    }
    ask(sandbox.url, "/?key=SECRET", "POST", headers, "password=SECRET")
    assert "SECRET" not in repr(sandbox.requests)
    assert "'authorization': '***'" in repr(sandbox.requests)
    assert "'host': '127.0.0.1:" in repr(sandbox.requests)


def test_repeated_headers_are_joined() -> None:
    """Repeated headers are one, as RFC 9110 has it, and cookies as RFC 9113 does."""
    headers = Headers([("Cookie", "a=1"), ("Via", "x"), ("cookie", "b=2"), ("via", "y")])
    assert dict(headers) == {"cookie": "a=1; b=2", "via": "x, y"}
    assert len(headers) == 2


def test_requests_can_be_watched() -> None:
    """`on_request` gets each request with its status before its answer goes out, dropped or not."""
    seen: list[Request] = []
    with Sandbox(on_request=seen.append) as sandbox:
        ask(sandbox.url)
        assert [request.status for request in seen] == [401]
        sandbox.drop()
        assert raw(sandbox, PLAIN) == b""
    assert [request.status for request in seen] == [401, None]


def test_connections_are_kept(sandbox: Sandbox) -> None:
    """Requests follow each other on one connection; those sent at once are answered in order."""
    request = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
    received = raw(sandbox, request % b"/one" + request % CREDITS.encode() + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"404", b"401", b"404"]
    assert received.lower().count(b"connection: close") == 1
    assert [r.path for r in sandbox.requests] == ["/one", CREDITS, "/last"]


def test_old_clients_get_a_closed_connection(sandbox: Sandbox) -> None:
    """HTTP/1.0 is answered, and the connection closed."""
    assert raw(sandbox, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_continue_is_granted(sandbox: Sandbox) -> None:
    """A client that waits for `100 Continue` gets it."""
    head = (
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
    )
    received = raw(sandbox, head + b"x")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 65536 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    ],
)
def test_bad_requests_are_refused(data: bytes, status: int, sandbox: Sandbox) -> None:
    """What is not HTTP, or too much, is refused and not logged, and the connection is closed."""
    received = raw(sandbox, data)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert received.endswith(b"Invalid HTTP request received.")
    assert b"connection: close" in received
    assert sandbox.requests == []


def test_half_a_request_is_none(sandbox: Sandbox) -> None:
    """A client that goes away before its body is complete has asked for nothing."""
    with connect(sandbox, b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1234") as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert sandbox.requests == []


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    """Every thread gets the answer to its own request."""
    accounts = [sandbox.add_account(total=1000 + n, used=0) for n in range(32)]
    totals: dict[str, int] = {}

    def run(account: Account) -> None:
        totals[account.token] = ask(sandbox.url, headers=bearer(account.token)).json[
            "total_credits"
        ]

    threads = [threading.Thread(target=run, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == {account.token: account.total for account in accounts}
    assert len(sandbox.requests) == 32


def test_close_leaves_nothing() -> None:
    """Closing ends at once, whatever is under way: no thread, no open port, no open connection."""
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        url = sandbox.url
        idle = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        idle.request("GET", CREDITS)
        idle.getresponse().read()
        dripping = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        sandbox.delay(60)
        waiting = connect(sandbox, PLAIN)
        while len(sandbox.requests) < 2:
            time.sleep(0.001)
        sandbox.drip(60)
        dripping.request("GET", CREDITS)
        response = dripping.getresponse()
        start = time.monotonic()
    assert time.monotonic() - start < 1
    assert set(threading.enumerate()) == before
    assert idle.sock.recv(1) == b""
    assert waiting.recv(1) == b""
    with response, pytest.raises(http.client.IncompleteRead):
        response.read()
    for connection in (idle, waiting, dripping):
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        ask(url)
    assert [request.status for request in sandbox.requests] == [401, None, 401]


def test_start_and_close() -> None:
    """A sandbox runs without `with` too: closing twice is fine, starting twice is not."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match=r"^the sandbox is not running: use `with Sandbox\(\)"):
        _ = sandbox.url
    assert sandbox.start() is sandbox
    with pytest.raises(RuntimeError, match=r"^the sandbox is running already$"):
        sandbox.start()
    sandbox.close()
    sandbox.close()
    with sandbox:
        assert ask(sandbox.url).status == 401


def test_port_can_be_chosen() -> None:
    """A port is used as given, again too, and one that is taken is an error."""
    with Sandbox() as first:
        port = urlsplit(first.url).port or 0
        with pytest.raises(OSError, match="in use"):
            Sandbox(port).start()
    for _ in range(2):
        with Sandbox(port) as again:
            assert again.url == f"http://127.0.0.1:{port}"
            assert ask(again.url).status == 401


def test_faults_of_the_sandbox_are_shown(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fault of the sandbox itself is printed and ends the connection, not the sandbox."""
    with monkeypatch.context() as broken:
        broken.setattr(sandbox, "take", lambda _: 1 / 0)
        assert raw(sandbox, PLAIN) == b""
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert ask(sandbox.url).status == 401


def test_import_is_light() -> None:
    """Importing the sandbox brings in neither urllib3 nor pydantic, nor anything else installed."""
    program = (
        "import sys, at_client.sandbox; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert not {"urllib3", "pydantic", "dateutil", "typing_extensions"} & set(run.stdout.split())
