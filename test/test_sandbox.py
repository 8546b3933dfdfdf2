"""The sandbox answers as the service does, fails as told, and leaves nothing."""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import urllib3
from hypothesis import given, settings

import at_client
from at_client.sandbox import Account, Fault, Request, Sandbox, UnusedFaultError
from support.facts import COOKIE, TOKEN
from support.leaks import nothing_left
from support.makers import MakeApi
from support.pages import PROJECT
from support.service import Service
from support.tls import Authority

CREDITS = "/api/v1/credits"
REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ask(
    sandbox: Sandbox | Service,
    path: str = CREDITS,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    token: str = "",
) -> urllib3.BaseHTTPResponse:
    """Send one request on a connection of its own."""
    sent = {"Authorization": f"Bearer {token}"} if token else headers
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        return pool.request(method, sandbox.url + path, headers=sent)


def connect(sandbox: Sandbox, data: bytes) -> socket.socket:
    """Open a connection, and send bytes on it."""
    port = int(sandbox.url.rpartition(":")[2])
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    sock.sendall(data)
    return sock


def exchange(sandbox: Sandbox, data: bytes) -> bytes:
    """Send bytes on a connection of their own, and read until the sandbox closes."""
    received = b""
    with connect(sandbox, data) as sock:
        while part := sock.recv(65536):
            received += part

    return received


HEADERS: dict[str, dict[str, str]] = {
    "unknown token": {"Authorization": "Bearer nobody"},
    "other scheme": {"Authorization": f"Basic {TOKEN}"},
    "scheme in small letters": {"Authorization": f"bearer {TOKEN}"},
    "quoted cookie": {"Cookie": f'theme=dark; auth_token="{COOKIE}"; lang=en'},
    "unknown token with a good cookie": {
        "Authorization": "Bearer nobody",
        "Cookie": f"auth_token={COOKIE}",
    },
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_credentials_count_as_with_fastapi(
    headers: dict[str, str], sandbox: Sandbox, service: Service
) -> None:
    """The sandbox finds and refuses credentials as a FastAPI application does."""
    sandbox.add_account(token=TOKEN, auth_token=COOKIE)

    ours = ask(sandbox, headers=headers)
    theirs = ask(service, headers=headers)

    assert ours.status == theirs.status
    assert ours.json().keys() == theirs.json().keys()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CREDITS),
        ("HEAD", CREDITS),
        ("POST", f"{CREDITS}?verbose=1"),
        ("QUERY", CREDITS),
        ("DELETE", "/nowhere"),
    ],
)
def test_refusals_are_those_of_fastapi(
    method: str, path: str, sandbox: Sandbox, service: Service
) -> None:
    """The sandbox refuses a request as a FastAPI application does, byte for byte."""
    ours = ask(sandbox, path, method=method)
    theirs = ask(service, path, method=method)

    assert ours.status == theirs.status
    assert ours.data == theirs.data
    for name in ("content-type", "www-authenticate", "allow"):
        assert ours.headers.get(name) == theirs.headers.get(name)


def test_answers_fit_the_document(sandbox: Sandbox) -> None:
    """Good and odd requests get documented statuses, with bodies as their schema."""
    from schemathesis import Case, openapi  # takes long, and no other test needs it

    operation = openapi.from_path(PROJECT / "openapi.json")[CREDITS]["GET"]

    @settings(max_examples=50)
    @given(operation.as_strategy())
    def check(case: Case) -> None:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        case.call_and_validate(base_url=sandbox.url, headers=headers)

    check()


def test_credits(sandbox: Sandbox) -> None:
    """An account shows its credits by token and by cookie; the period is the month."""
    now = datetime.now(timezone.utc)
    credits = ask(sandbox, token=sandbox.token).json()
    cookie = {"Cookie": f"auth_token={sandbox.auth_token}"}
    assert credits == ask(sandbox, headers=cookie).json()

    reset = datetime.fromisoformat(credits["reset_date"])
    assert f"{reset:%d %H:%M:%S %Z}" == "01 00:00:00 UTC"
    assert credits == {
        "total_credits": 1000,
        "used_credits": 250,
        "remaining_credits": 750,
        "free_credits": 1000,
        "purchased_credits": 0,
        "period": f"{now:%Y-%m}",
        "reset_date": credits["reset_date"],
        "days_until_reset": (reset - now).days + 1,
        "plan_tier": "free",
    }


def test_accounts_are_apart(sandbox: Sandbox) -> None:
    """Each account has its own credits; what is assigned shows at once."""
    other = sandbox.add_account(50, 5, purchased_credits=20, plan_tier="pro")
    other.spend(10)
    other.total = 60

    credits = ask(sandbox, token=other.token).json()

    assert credits["used_credits"] == 15
    assert credits["remaining_credits"] == other.remaining == 45
    assert credits["free_credits"] == 40
    assert credits["plan_tier"] == "pro"
    assert sandbox.account.used == 250


def test_credentials_expire_and_are_renewed(sandbox: Sandbox) -> None:
    """An expired or replaced credential is refused; the new one works."""
    cookie = {"Cookie": f"auth_token={sandbox.auth_token}"}
    sandbox.expire(sandbox.auth_token)
    assert ask(sandbox, headers=cookie).status == 401

    token = sandbox.token
    assert sandbox.account.renew() == sandbox.token
    assert ask(sandbox, token=token).status == 401
    assert ask(sandbox, token=sandbox.token).status == 200


def test_empty_credentials_are_refused(sandbox: Sandbox) -> None:
    """A request without a credential is refused, even if an account's are empty."""
    sandbox.account.token = ""
    sandbox.account.auth_token = ""
    assert ask(sandbox).status == 401


WRONG_ARGUMENTS: dict[str, tuple[str, dict[str, object], str]] = {
    "status of a success": (
        "fail",
        {"status": 200},
        "status must be from 400 to 599, not 200",
    ),
    "text for a status": (
        "fail",
        {"status": "503"},
        "'<=' not supported between instances of 'int' and 'str'",
    ),
    "mistyped keyword": (
        "fail",
        {"stats": 503},
        "Sandbox.fail() got an unexpected keyword argument 'stats'",
    ),
    "header that cannot be sent": (
        "fail",
        {"headers": {"X": "\u20ac"}},
        "'latin-1' codec can't encode",
    ),
    "body that is no JSON": (
        "answer",
        {"body": object()},
        "Unable to serialize unknown type",
    ),
    "status too high": (
        "answer",
        {"body": b"", "status": 600},
        "status must be from 200 to 599, not 600",
    ),
    "delay that is no number": (
        "delay",
        {"seconds": float("nan")},
        "delay must be from 0 to 1000000, not nan",
    ),
    "no times": (
        "drop",
        {"times": 0},
        "times must be from 1 to inf, not 0",
    ),
    "more used than there is": (
        "add_account",
        {"total": 100},
        "used must be from 0 to 100, not 250",
    ),
    "negative purchase": (
        "add_account",
        {"purchased_credits": -1},
        "purchased_credits must be from 0 to 1000, not -1",
    ),
}


@pytest.mark.parametrize(
    ("method", "arguments", "message"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS
)
def test_wrong_arguments_are_refused(
    method: str,
    arguments: dict[str, object],
    message: str,
    sandbox: Sandbox,
) -> None:
    """What cannot be raises where it is written, and leaves no fault behind."""
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}"):
        getattr(sandbox, method)(**arguments)

    assert ask(sandbox, token=sandbox.token).status == 200


def test_impossible_ports_are_refused() -> None:
    """A port that no address has is refused before the sandbox starts."""
    with pytest.raises(ValueError, match=r"^port must be from 0 to 65535, not 65536$"):
        Sandbox(65536)


def test_contexts_for_clients_are_refused() -> None:
    """A TLS context for clients could serve nobody, and raises."""
    with pytest.raises(ValueError, match=r"^tls must be a context for servers"):
        Sandbox(tls=ssl.create_default_context())


BODIES: dict[str, tuple[object, bytes]] = {
    "bytes": (b"\xff", b"\xff"),
    "string": ("\u00fc", b"\xc3\xbc"),
    "dict": ({"a": "\u00fc"}, b'{"a":"\xc3\xbc"}'),
    "null": (None, b"null"),
}


@pytest.mark.parametrize(("body", "sent"), BODIES.values(), ids=BODIES)
def test_answers_of_ones_own(body: object, sent: bytes, sandbox: Sandbox) -> None:
    """Bytes go out as they are, a string as UTF-8, and anything else as JSON."""
    sandbox.answer(body, status=203)
    reply = ask(sandbox)

    assert reply.status == 203
    assert reply.headers["content-type"] == "application/json"
    assert reply.data == sent


def test_failures_have_the_usual_body(sandbox: Sandbox) -> None:
    """Without a body of its own, a failure has the one that the service sends."""
    sandbox.fail(500)
    sandbox.fail(599)
    assert ask(sandbox).data == b'{"detail":"Internal Server Error"}'
    assert ask(sandbox).data == b'{"detail":"Unknown"}'


def test_headers_of_ones_own(sandbox: Sandbox) -> None:
    """The headers of a fault override the sandbox's own."""
    headers = {"X-Trace": "7", "content-length": "2"}
    sandbox.fail(body=b"{}\n", retry_after=1, headers=headers, content_type="text/html")

    sent = ask(sandbox).headers
    assert sent["retry-after"] == "1"
    assert sent["x-trace"] == "7"
    assert sent["content-type"] == "text/html"
    assert sent.getlist("content-length") == ["2"]


def test_drop_is_lost_to_the_client(sandbox: Sandbox, make_api: MakeApi) -> None:
    """A client sees a lost answer on a kept connection, and sends no second request."""
    api = make_api(sandbox.url, access_token=sandbox.token, retries=False)
    api.get_credits()
    sandbox.drop()
    with pytest.raises(at_client.ApiConnectionException, match="closed before"):
        api.get_credits()
    assert repr(sandbox.requests).endswith("200, GET /api/v1/credits dropped]")


def test_delay(sandbox: Sandbox) -> None:
    """`delay` answers as usual, but later; in `script`, it goes with other faults."""
    sandbox.delay(0.1)
    sandbox.script(Fault(status=503, delay=0.1))
    start = time.monotonic()

    assert ask(sandbox).status == 401
    assert ask(sandbox).status == 503
    assert time.monotonic() - start >= 0.2


def test_faults_come_in_order(sandbox: Sandbox) -> None:
    """Each request takes the first fault that is left; one fault can be used again."""
    fault = Fault(status=429, times=2)
    sandbox.script(fault)
    sandbox.fail(502)
    sandbox.script(fault)

    statuses = [ask(sandbox).status for _ in range(6)]
    assert statuses == [429, 429, 502, 429, 429, 401]


def test_faults_without_end_last_until_recover(sandbox: Sandbox) -> None:
    """With `times=None`, all requests fail until `recover`, which forgets all."""
    sandbox.fail(503, times=None)
    sandbox.fail(500)
    assert [ask(sandbox).status for _ in range(3)] == [503, 503, 503]

    sandbox.recover()
    assert ask(sandbox).status == 401


def test_close_reports_unused_faults() -> None:
    """Faults that happened to no request are an error, which shows each."""
    sandbox = Sandbox().start()
    sandbox.fail(502, times=2)
    sandbox.delay(3)
    ask(sandbox)

    message = r"^scripted, but happened to no request: \[Fault\([^(]*delay=3"
    with nothing_left(), pytest.raises(UnusedFaultError, match=message):
        sandbox.close()


def test_close_is_content() -> None:
    """No error comes of faults that happened once of twice, are forgotten, or go on."""
    with Sandbox() as sandbox:
        sandbox.delay(3, times=2)
        sandbox.recover()
        sandbox.fail(times=2)
        assert ask(sandbox).status == 503
        sandbox.fail(times=None)


def test_close_hides_no_other_exception() -> None:
    """Unused faults are no error of their own while another exception is under way."""
    sandbox = Sandbox()
    sandbox.fail()
    with pytest.raises(LookupError), sandbox:
        raise LookupError


def test_requests_are_logged(sandbox: Sandbox) -> None:
    """The log has each request with its status; its repr has no secret."""
    before = datetime.now(timezone.utc)
    ask(sandbox, f"{CREDITS}?key=b%20SECRET", headers={"X-Mine": "SECRET"})

    (request,) = sandbox.requests
    assert request.query == "key=b%20SECRET"
    assert request.headers["x-mine"] == "SECRET"
    assert before <= request.time <= datetime.now(timezone.utc)
    assert repr(request) == "GET /api/v1/credits 401"
    assert "SECRET" not in repr(request.headers)


def test_accounts_show_no_credentials() -> None:
    """The repr of an account shows its numbers, and not its token or cookie."""
    shown = repr(Account(token="SECRET", auth_token="SECRET"))
    assert "SECRET" not in shown
    assert "total=1000, used=250" in shown


def test_requests_can_be_watched(capfd: pytest.CaptureFixture[str]) -> None:
    """`on_request` gets each request; a bug there ends the connection."""
    seen: list[Request] = []
    with Sandbox(on_request=seen.append) as sandbox:
        ask(sandbox)
        assert seen == sandbox.requests
        sandbox.on_request = lambda _: 1 / 0
        assert exchange(sandbox, REQUEST) == b""

    assert "ZeroDivisionError" in capfd.readouterr().err


def test_connections_are_kept(sandbox: Sandbox) -> None:
    """Requests on one connection are answered in order, those of HEAD without body."""
    head = REQUEST.replace(b"GET", b"HEAD")
    post = b"POST /nowhere HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"

    received = exchange(sandbox, head + post + LAST_REQUEST)
    assert received.count(b"HTTP/1.1 404 Not Found\r\n") == 3
    assert received.count(b'{"detail":"Not Found"}') == 2
    assert sandbox.requests[1].body == b"body"


def test_what_is_not_http_is_refused(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are no HTTP get a 400, without a word on the terminal."""
    assert b"Error code: 400" in exchange(sandbox, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert capfd.readouterr().err == ""


def test_client_can_hang_up(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """A client that goes away ends its own connection only, without a word."""
    sandbox.delay(0)
    sandbox.delay(0.1)
    # Closing resets a connection on which an answer has not been read.
    with nothing_left(), connect(sandbox, REQUEST * 2):
        while len(sandbox.requests) < 2:
            time.sleep(0.001)

    assert ask(sandbox).status == 401
    assert capfd.readouterr().err == ""


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    """64 threads get their answers at once, and no fault too many."""
    sandbox.fail(times=5)

    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(ask, [sandbox] * 64))

    assert sorted(reply.status for reply in replies) == [401] * 59 + [503] * 5


def test_close_leaves_nothing() -> None:
    """Closing ends at once: no thread, port or connection is left."""
    with nothing_left(0), contextlib.ExitStack() as clients:
        with Sandbox() as sandbox:
            sandbox.delay(60)
            idle = clients.enter_context(connect(sandbox, b""))
            clients.enter_context(connect(sandbox, REQUEST))
            while not sandbox.requests:
                time.sleep(0.001)

            start = time.monotonic()

        assert time.monotonic() - start < 1
        assert idle.recv(1) == b""


def test_start_and_close() -> None:
    """A sandbox runs without `with`, and again; starting or closing twice is fine."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match=r"^the sandbox is not running: use `with"):
        _ = sandbox.url

    url = sandbox.start().url
    assert sandbox.start().url == url
    port = int(url.removeprefix("http://127.0.0.1:"))
    with pytest.raises(OSError, match="in use"):
        Sandbox(port).start()

    sandbox.close()
    sandbox.close()
    with Sandbox(port), sandbox:
        assert ask(sandbox).status == 401


def test_handshakes_block_nobody(
    authority: Authority, make_api: MakeApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """Over TLS, a handshake that stalls or fails holds up no other client, nor `close`.

    Faults happen there, too.
    """
    tls = authority.server_context("127.0.0.1")
    with contextlib.ExitStack() as clients, Sandbox(tls=tls) as sandbox:
        clients.enter_context(connect(sandbox, b""))
        clients.enter_context(connect(sandbox, REQUEST))
        api = make_api(sandbox.url, ssl_ca_cert=authority.ca_file, retries=False)
        sandbox.drop()
        with pytest.raises(at_client.ApiConnectionException, match="closed before"):
            api.get_credits(timeout=5)

    assert capfd.readouterr().err == ""


def test_program_with_an_open_sandbox_ends() -> None:
    """A sandbox that is left open, with a connection, holds no program up."""
    program = """
import socket
from at_client.sandbox import Sandbox
port = int(Sandbox().start().url.rpartition(":")[2])
client = socket.create_connection(("127.0.0.1", port))
client.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
print(client.recv(8).decode())
"""
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, timeout=30) == b"HTTP/1.1\n"
