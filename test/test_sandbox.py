"""The sandbox answers as the service does, has the faults it is told to, and leaves nothing."""

import base64
import contextlib
import re
import socket
import struct
import subprocess
import sys
import time
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import schemathesis
import urllib3
from hypothesis import settings
from urllib3 import BaseHTTPResponse as Response

from at_client import sandbox as package
from at_client.sandbox import Account, Fault, Request, Sandbox
from support.facts import COOKIE, TOKEN
from support.leaks import nothing_left
from support.service import Service

CREDITS, TOKENS = "/api/v1/credits", "/api/v1/auth/token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NOT_FOUND = b'{"detail":"Not Found"}'
SCHEMA = schemathesis.openapi.from_path(Path(__file__).parent.parent / "openapi.json")


def ask(
    url: str,
    path: str = CREDITS,
    method: str = "GET",
    body: str | None = None,
    **headers: str,
) -> Response:
    """Send one request on a connection of its own; `Content_Type=...` gives a header."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        return pool.request(method, url + path, body=body, headers=sent)


def ask_with(sandbox: Sandbox, token: str) -> Response:
    return ask(sandbox.url, Authorization=f"Bearer {token}")


def grant(sandbox: Sandbox, basic: str = "", **form: str) -> tuple[int, Any]:
    """Send a form to the token endpoint; if it is empty, the password grant of the first account."""
    login = {
        "grant_type": "password",
        "username": "sandbox",
        "password": sandbox.account.password,
    }
    reply = ask(
        sandbox.url, TOKENS, "POST", urlencode(form or login), Authorization=basic
    )
    return reply.status, reply.json()


def connect(sandbox: Sandbox, data: bytes) -> socket.socket:
    sock = socket.create_connection(
        ("127.0.0.1", urlsplit(sandbox.url).port or 0), timeout=5
    )
    sock.sendall(data)
    return sock


def exchange(sandbox: Sandbox, data: bytes) -> bytes:
    """Send bytes on a connection of their own, and read until the sandbox closes."""
    with connect(sandbox, data) as sock:
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", CREDITS, {}),
        ("GET", CREDITS, {"Authorization": "Bearer nobody"}),
        ("GET", CREDITS, {"Authorization": f"Basic {TOKEN}"}),
        ("GET", CREDITS, {"Cookie": f"auth_tokens={COOKIE}"}),
        ("GET", CREDITS, {"Authorization": f"bearer {TOKEN}"}),
        (
            "GET",
            CREDITS,
            {"Authorization": "Bearer nobody", "Cookie": f"auth_token={COOKIE}"},
        ),
        ("GET", CREDITS, {"Cookie": f'theme=dark; auth_token="{COOKIE}"; lang=en'}),
        ("GET", f"{CREDITS}?verbose=1", BEARER),
        ("HEAD", CREDITS, {}),
        ("POST", CREDITS, BEARER),
        ("QUERY", CREDITS, {}),
        ("GET", TOKENS, {}),
        ("DELETE", "/nowhere", {}),
    ],
)
def test_same_as_fastapi(
    method: str, path: str, headers: dict[str, str], sandbox: Sandbox, service: Service
) -> None:
    """Whatever it is asked, the sandbox answers what a FastAPI application under uvicorn does."""
    sandbox.add_account(token=TOKEN, auth_token=COOKIE)
    ours, theirs = (
        ask(each.url, path, method, **headers) for each in (sandbox, service)
    )
    assert ours.status == theirs.status
    for name in ("content-type", "www-authenticate", "allow", "connection"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert ours.data == theirs.data or (
        theirs.status == 200 and ours.json().keys() == theirs.json().keys()
    )
    assert (
        ours.headers["content-length"] == theirs.headers["content-length"]
        or theirs.status == 200
    )


@SCHEMA.parametrize()
@settings(deadline=None, max_examples=50)
def test_answers_fit_the_document(case: schemathesis.Case) -> None:
    """No undocumented status and no body outside its schema, for good and for odd requests."""
    with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        case.call_and_validate(base_url=sandbox.url, headers=headers)


@pytest.mark.parametrize("status", [422, 500])
def test_scripted_errors_fit_the_document(status: int, sandbox: Sandbox) -> None:
    """The bodies that the sandbox sends with the documented errors are the documented ones."""
    sandbox.fail(status)
    case = SCHEMA[CREDITS]["GET"].Case()
    response = case.call(base_url=sandbox.url)
    assert response.status_code == status
    case.operation.validate_response(response)


def test_credits(sandbox: Sandbox) -> None:
    """An account shows its credits by token and by cookie; the period is the month."""
    now = datetime.now(timezone.utc)
    credits = ask_with(sandbox, sandbox.token).json()
    assert credits == ask(sandbox.url, Cookie=f"auth_token={sandbox.auth_token}").json()
    reset, days = (
        datetime.fromisoformat(credits.pop("reset_date")),
        credits.pop("days_until_reset"),
    )
    assert (reset.day, reset.time(), reset.utcoffset()) == (
        1,
        datetime.min.time(),
        timedelta(),
    )
    assert (
        timedelta(days=days - 1)
        < reset - now
        <= timedelta(days=days)
        <= timedelta(days=31)
    )
    numbers = {
        "total": 1000,
        "used": 250,
        "remaining": 750,
        "free": 1000,
        "purchased": 0,
    }
    texts = {"period": f"{now:%Y-%m}", "plan_tier": "free"}
    assert (
        credits
        == {f"{name}_credits": number for name, number in numbers.items()} | texts
    )


def test_accounts_are_apart(sandbox: Sandbox) -> None:
    """Each account has credentials and credits of its own; what is assigned shows at once."""
    other = sandbox.add_account(50, 5, purchased_credits=20, plan_tier="pro")
    other.spend(10)
    other.total = 60
    expected = {
        "used_credits": 15,
        "remaining_credits": other.remaining,
        "free_credits": 40,
        "plan_tier": "pro",
    }
    assert ask_with(sandbox, other.token).json().items() >= expected.items()
    assert ask_with(sandbox, sandbox.token).json()["used_credits"] == 250


@pytest.mark.parametrize("used", [-1, 46])
def test_impossible_accounts_are_refused(used: int) -> None:
    """More cannot be spent than there is, nor less than nothing."""
    with pytest.raises(
        ValueError, match=rf"^used must be from 0 to total \(45\), not {used}$"
    ):
        Sandbox(total=45, used=used)


def test_credentials_expire_and_are_renewed(sandbox: Sandbox) -> None:
    """An expired or replaced credential is refused; the account's others still work; an empty one never does."""
    first, made_up = (
        sandbox.token,
        {sandbox.token, sandbox.auth_token, sandbox.account.password},
    )
    assert len(made_up | {Account().token}) == 4
    sandbox.expire(sandbox.auth_token)
    assert ask(sandbox.url, Cookie=f"auth_token={sandbox.auth_token}").status == 401
    assert ask_with(sandbox, first).status == 200
    assert sandbox.account.renew() == sandbox.token != first
    assert [ask_with(sandbox, token).status for token in (first, sandbox.token)] == [
        401,
        200,
    ]
    sandbox.expire(sandbox.token)
    sandbox.add_account(token="", auth_token="")
    assert [ask_with(sandbox, token).status for token in (sandbox.token, "")] == [
        401,
        401,
    ]


def test_password_grant(sandbox: Sandbox) -> None:
    """A username and a password give a bearer token that works until it expires."""
    account = sandbox.add_account(77, 7, username="ada", password="lovelace & co")
    status, body = grant(
        sandbox, grant_type="password", username="ada", password="lovelace & co"
    )
    token = body["access_token"]
    rest = {
        "token_type": "bearer",
        "expires_in": 3600,
        "refresh_token": body["refresh_token"],
    }
    assert (status, body) == (200, {"access_token": token, **rest})
    assert ask_with(sandbox, token).json()["total_credits"] == 77
    sandbox.expire(token)
    assert [ask_with(sandbox, each).status for each in (token, account.token)] == [
        401,
        200,
    ]
    with Sandbox(token_lifetime=0) as hasty:
        _, body = grant(hasty)
        assert body["expires_in"] == 0
        assert ask_with(hasty, body["access_token"]).status == 401


def test_refresh_token_works_once(sandbox: Sandbox) -> None:
    """A refresh token gives a new pair and is then used up; one that was expired gives nothing."""
    _, first = grant(sandbox)
    _, second = grant(
        sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert ask_with(sandbox, second["access_token"]).status == 200
    sandbox.expire(second["refresh_token"])
    for used_up in (first, second):
        status, body = grant(
            sandbox, grant_type="refresh_token", refresh_token=used_up["refresh_token"]
        )
        assert (status, body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("error", "form"),
    [
        ("unsupported_grant_type", "username=sandbox"),
        ("unsupported_grant_type", "grant_type=magic"),
        ("invalid_grant", "grant_type=password"),
        ("invalid_grant", "grant_type=password&username=sandbox&password=wrong"),
        ("invalid_grant", "grant_type=refresh_token&refresh_token=made-up"),
    ],
)
def test_token_endpoint_refuses(error: str, form: str, sandbox: Sandbox) -> None:
    """What RFC 6749 section 5.2 refuses is refused with 400, its code and a description."""
    sandbox.add_account()  # one without a password login
    reply = ask(sandbox.url, TOKENS, "POST", form)
    assert (reply.status, reply.json()["error"]) == (400, error)
    assert reply.json()["error_description"]


def test_client_may_be_required(sandbox: Sandbox) -> None:
    """A required client is known by Basic or by the form (RFC 6749, section 2.3.1)."""
    sandbox.require_client("cron", "s:3")
    login = {
        "username": "sandbox",
        "password": sandbox.account.password,
        "grant_type": "password",
    }
    for secret, basic, expected in (("s:3", "s%3A3", 200), ("wrong", "wrong", 401)):
        header = f"Basic {base64.b64encode(b'cron:' + basic.encode()).decode()}"
        assert (
            grant(sandbox, **login, client_id="cron", client_secret=secret)[0]
            == expected
        )
        assert grant(sandbox, header, **login)[0] == expected
    status, body = grant(sandbox)
    assert (status, body["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (Fault(401), b'{"detail":"Not authenticated"}'),
        (Fault(500), b'{"detail":"Internal Server Error"}'),
        (Fault(599), b'{"detail":"Unknown"}'),
        (Fault(body=b"\xff"), b"\xff"),
        (Fault(502, "ü"), "ü".encode()),
        (Fault(body={"a": "ü"}), '{"a":"ü"}'.encode()),
        (Fault(body=[]), b"[]"),
    ],
)
def test_answers_of_ones_own(fault: Fault, sent: bytes, sandbox: Sandbox) -> None:
    """Bytes go out as they are, a string as UTF-8, anything else as JSON, nothing as what the service sends."""
    sandbox.script(fault)
    reply = ask(sandbox.url)
    assert (reply.status, reply.headers["content-type"], reply.data) == (
        fault.status,
        "application/json",
        sent,
    )


def test_fail_and_answer(sandbox: Sandbox) -> None:
    """They happen so many times, with headers that override the sandbox's own."""
    sandbox.fail(times=2, retry_after=1, headers={"X-Trace": "7", "Date": "today"})
    sandbox.answer(b"", content_type="text/html")
    for _ in range(2):
        reply = ask(sandbox.url)
        assert (
            reply.status,
            reply.headers["retry-after"],
            reply.headers["x-trace"],
        ) == (503, "1", "7")
        assert reply.headers.getlist("date") == ["today"]
    assert [ask(sandbox.url).headers["content-type"] for _ in range(2)] == [
        "text/html",
        "application/json",
    ]


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_none(status: int, sandbox: Sandbox) -> None:
    """204 and 304 end with their headers, and the connection goes on."""
    sandbox.answer(b"not sent", status=status)
    first, _, second = exchange(sandbox, REQUEST + LAST_REQUEST).partition(b"\r\n\r\n")
    assert (first[:13], second[:13]) == (b"HTTP/1.1 %d " % status, b"HTTP/1.1 404 ")
    assert b"content-length" not in first


def test_drop(sandbox: Sandbox) -> None:
    """`drop` closes without a byte, or after n bytes of the body; a wrong length closes, too."""
    sandbox.drop(times=2)
    assert [exchange(sandbox, REQUEST) for _ in range(2)] == [b"", b""]
    sandbox.drop(after=0)
    sandbox.drop(after=9)
    sandbox.answer(b"{}", headers={"Content-Length": "10"})
    for received in (b"", NOT_FOUND[:9], b"{}"):
        assert exchange(sandbox, REQUEST).endswith(b"\r\n\r\n" + received)
    assert [request.status for request in sandbox.requests] == [
        None,
        None,
        404,
        404,
        200,
    ]
    assert str(sandbox.requests[0]) == "GET /nowhere dropped"


@pytest.mark.parametrize("headers", [False, True])
def test_drip(headers: bool, sandbox: Sandbox) -> None:
    """`drip` sends the body, or all of the answer, in pieces with a wait before each."""
    sandbox.drip(0.5, piece=8, headers=headers)
    with connect(sandbox, REQUEST) as sock:
        first = sock.recv(65536)
    assert (first == b"HTTP/1.1") if headers else first.endswith(b"\r\n\r\n")
    sandbox.drip(0.01, piece=8, headers=headers)
    start = time.monotonic()
    received = exchange(sandbox, LAST_REQUEST)
    assert received.endswith(b"\r\n\r\n" + NOT_FOUND)
    assert time.monotonic() - start >= 0.01 * (
        len(received if headers else NOT_FOUND) // 8
    )


def test_faults_combine(sandbox: Sandbox) -> None:
    """`delay` answers later; `script` takes any combination of faults, and so do short methods."""
    sandbox.delay(0.1)
    sandbox.script(Fault(status=503, body=b"down", delay=0.1, after=2))
    sandbox.fail(502, drop=True)
    start = time.monotonic()
    assert exchange(sandbox, LAST_REQUEST).endswith(NOT_FOUND)
    with connect(sandbox, REQUEST) as sock:
        received = sock.recv(65536)
        assert (received[:13], received[-6:]) == (b"HTTP/1.1 503 ", b"\r\n\r\ndo")
        sock.settimeout(0.1)
        with pytest.raises(TimeoutError):  # the rest never comes
            sock.recv(1)
    assert 0.3 <= time.monotonic() - start < 3
    assert exchange(sandbox, REQUEST) == b""


def test_faults_come_in_order_and_by_path(sandbox: Sandbox) -> None:
    """Each request takes the first fault for its path; `times=None` lasts until `recover`."""
    sandbox.fail(500, path=TOKENS)
    sandbox.fail(429)
    sandbox.fail(502, path=CREDITS)
    assert [ask(sandbox.url).status for _ in range(3)] == [429, 502, 401]
    sandbox.fail(503, times=None)
    sandbox.fail(500)
    assert [ask(sandbox.url).status for _ in range(5)] == [503] * 5
    assert [ask(sandbox.url, TOKENS).status for _ in range(2)] == [500, 503]
    sandbox.recover()
    assert ask(sandbox.url).status == 401
    with pytest.raises(TypeError, match="tmies"):
        sandbox.drop(tmies=1)


def test_requests_are_logged(sandbox: Sandbox) -> None:
    """The log has all of each request and the status answered, in order; its repr shows no secret."""
    before = datetime.now(timezone.utc)
    ask(
        sandbox.url,
        f"{CREDITS}?key=b%20SECRET",
        Authorization="Bearer SECRET",
        Cookie="a=SECRET",
        X_Mine="SECRET",
    )
    ask(sandbox.url, TOKENS, "POST", "grant_type=SECRET")
    first, second = sandbox.requests
    assert (first.method, first.path, first.query, first.status) == (
        "GET",
        CREDITS,
        "key=b%20SECRET",
        401,
    )
    assert (first.headers["AUTHORIZATION"], first.headers["x-mine"]) == (
        "Bearer SECRET",
        "SECRET",
    )
    assert before <= first.time <= second.time <= datetime.now(timezone.utc)
    assert (second.method, second.body, second.status) == (
        "POST",
        b"grant_type=SECRET",
        400,
    )
    assert str(first) == "GET /api/v1/credits 401"
    assert "SECRET" not in f"{sandbox.requests} {first.headers!r}"
    assert f"path='{CREDITS}'" in repr(first)


def test_reprs(sandbox: Sandbox) -> None:
    """A repr shows the numbers and the address; credentials stay out of it."""
    assert "SECRET" not in repr(
        Account(token="SECRET", auth_token="SECRET", password="SECRET")
    )
    assert "total=1000, used=250" in repr(sandbox.account)
    assert repr(sandbox) == f"<Sandbox {sandbox.url}, 0 requests>"
    assert repr(Sandbox()) == "<Sandbox closed, 0 requests>"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_requests_can_be_watched() -> None:
    """`on_request` gets each request before its answer goes out; a bug in it ends the connection only."""
    seen: list[Request] = []
    with Sandbox(on_request=seen.append) as sandbox:
        ask(sandbox.url)
        sandbox.drop()
        assert exchange(sandbox, REQUEST) == b""
        assert [request.status for request in seen] == [401, None]
        sandbox.on_request = lambda _: 1 / 0
        assert exchange(sandbox, REQUEST) == b""
        sandbox.on_request = seen.append
        assert ask(sandbox.url).status == 401


def test_connections_are_kept(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """Requests on one connection are answered in order; odd ones are answered or refused."""
    posted = b"POST /api/v1/credits HTTP/1.1\r\n%bContent-Length: 4\r\n\r\nbody"
    received = exchange(
        sandbox, REQUEST.replace(b"GET", b"HEAD") + posted % b"" + LAST_REQUEST
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"404", b"405", b"404"]
    assert received.count(NOT_FOUND) == 1
    received = exchange(sandbox, posted % b"Expect: 100-continue\r\n" + LAST_REQUEST)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"100", b"405", b"404"]
    assert exchange(sandbox, b"GET / HTTP/1.0\r\n\r\n").startswith(
        b"HTTP/1.1 404 Not Found\r\n"
    )
    assert [request.body for request in sandbox.requests] == [
        b"",
        b"body",
        b"",
        b"body",
        b"",
        b"",
    ]
    assert b"Error code: 400" in exchange(sandbox, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert len(sandbox.requests) == 6
    assert capfd.readouterr().err == ""


def test_client_can_hang_up(sandbox: Sandbox) -> None:
    """A client that goes away in the middle ends its own connection only, without a word."""
    sandbox.drip(0.01)
    with nothing_left(), connect(sandbox, REQUEST) as sock:
        sock.recv(1)
        # Zero seconds to linger: closing resets the connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(sandbox.url).status == 401


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    """Every thread gets the answer to its own request, and no fault too many."""
    accounts = [sandbox.add_account(total=1000 + n, used=0) for n in range(32)]
    sandbox.fail(times=5)
    with ThreadPoolExecutor(32) as pool:
        replies = list(
            pool.map(lambda account: ask_with(sandbox, account.token), accounts)
        )
    assert sorted(reply.status for reply in replies) == [200] * 27 + [503] * 5
    for reply, account in zip(replies, accounts, strict=True):
        assert reply.status == 503 or reply.json()["total_credits"] == account.total


def test_close_leaves_nothing() -> None:
    """Closing ends at once, whatever is under way: no thread, no open port, no open connection."""
    with nothing_left(0), contextlib.ExitStack() as clients:
        with Sandbox() as sandbox:
            sandbox.delay(60, path="/delayed")
            sandbox.drip(60, path="/dripping")
            sent = [
                b"",
                *(
                    REQUEST.replace(b"nowhere", path)
                    for path in (b"nowhere", b"delayed", b"dripping")
                ),
            ]
            socks = [clients.enter_context(connect(sandbox, data)) for data in sent]
            assert socks[1].recv(65536).endswith(NOT_FOUND)
            assert socks[3].recv(65536).endswith(b"\r\n\r\n")
            while len(sandbox.requests) < 3:
                time.sleep(0.001)
            url, start = sandbox.url, time.monotonic()
        assert time.monotonic() - start < 1
        assert [sock.recv(1) for sock in socks] == [b""] * 4
        with pytest.raises(urllib3.exceptions.NewConnectionError):
            ask(url)
    statuses = {request.path: request.status for request in sandbox.requests}
    assert statuses == {"/nowhere": 404, "/delayed": None, "/dripping": 404}


def test_start_and_close() -> None:
    """A sandbox runs without `with` too; starting or closing twice is fine; it can run again."""
    sandbox = Sandbox()
    with pytest.raises(
        RuntimeError, match=r"^the sandbox is not running: use `with Sandbox\(\)"
    ):
        _ = sandbox.url
    assert sandbox.start() is sandbox
    url = sandbox.url
    assert sandbox.start().url == url
    with pytest.raises(OSError, match="in use"):
        Sandbox(urlsplit(url).port or 0).start()
    sandbox.close()
    sandbox.close()
    with Sandbox(urlsplit(url).port or 0) as again:
        assert (again.url, ask(url).status) == (url, 401)
    with sandbox:
        assert ask_with(sandbox, sandbox.token).status == 200


def test_annotations_are_true_at_run_time() -> None:
    """What notebooks, agents and validators ask of the public classes can be answered."""
    for cls in (getattr(package, name) for name in package.__all__):
        for each in (cls, *filter(callable, vars(cls).values())):
            typing.get_type_hints(each)
    assert typing.get_type_hints(Sandbox.start) == {"return": Sandbox}


def test_programs_that_use_it_stay_light_and_end() -> None:
    """The sandbox needs the standard library only, and one that is left open holds nobody up."""
    program = """
import socket, sys
from at_client.sandbox import Sandbox
client = socket.create_connection(("127.0.0.1", int(Sandbox().start().url.rpartition(":")[2])))
client.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
client.recv(1)
print(*{name.split(".")[0] for name in sys.modules})
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert not {"urllib3", "pydantic", "dateutil", "typing_extensions"} & set(
        run.stdout.split()
    )
    assert run.stderr == ""
