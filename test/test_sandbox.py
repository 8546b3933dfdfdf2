"""The sandbox answers as the service does, fails as told, and leaves nothing."""

import contextlib
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import schemathesis
import urllib3
from hypothesis import settings

import at_client
from at_client import sandbox as package
from at_client.sandbox import Account, Fault, Request, Sandbox, UnusedFaultError
from support.facts import COOKIE, TOKEN
from support.leaks import nothing_left
from support.service import Service
from support.tls import Authority

CREDITS = "/api/v1/credits"
REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_REQUEST = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
NOT_FOUND = b'{"detail":"Not Found"}'
END_OF_HEADERS = b"\r\n\r\n"
DOCUMENT = Path(__file__).parent.parent / "openapi.json"
SCHEMA = schemathesis.openapi.from_path(DOCUMENT)


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
    port = urlsplit(sandbox.url).port or 0
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


@contextlib.contextmanager
def calling(
    sandbox: Sandbox, **options: typing.Any
) -> typing.Iterator[at_client.CreditsApi]:
    """Give a client of the sandbox that tries once."""
    configuration = at_client.Configuration(
        host=sandbox.url, access_token=sandbox.token, retries=False, **options
    )
    with at_client.ApiClient(configuration) as client:
        yield at_client.CreditsApi(client)


HEADERS: dict[str, dict[str, str]] = {
    "no credential": {},
    "unknown token": {"Authorization": "Bearer nobody"},
    "other scheme": {"Authorization": f"Basic {TOKEN}"},
    "other cookie": {"Cookie": f"auth_tokens={COOKIE}"},
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
    "request_line",
    [
        f"GET {CREDITS}",
        f"HEAD {CREDITS}",
        f"POST {CREDITS}?verbose=1",
        f"QUERY {CREDITS}",
        "DELETE /nowhere",
    ],
)
def test_refusals_are_those_of_fastapi(
    request_line: str, sandbox: Sandbox, service: Service
) -> None:
    """The sandbox refuses a request as a FastAPI application does, byte for byte."""
    method, _, path = request_line.partition(" ")

    ours = ask(sandbox, path, method=method)
    theirs = ask(service, path, method=method)

    assert ours.status == theirs.status
    assert ours.data == theirs.data
    for name in ("content-type", "content-length", "www-authenticate", "allow"):
        assert ours.headers.get(name) == theirs.headers.get(name)


@SCHEMA.parametrize()
@settings(deadline=None, max_examples=50)
def test_answers_fit_the_document(case: schemathesis.Case) -> None:
    """Good and odd requests get documented statuses, with bodies as their schema."""
    with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        case.call_and_validate(base_url=sandbox.url, headers=headers)


@pytest.mark.parametrize("status", [422, 500])
def test_scripted_errors_fit_the_document(status: int, sandbox: Sandbox) -> None:
    """The body that the sandbox sends with a documented error is the documented one."""
    sandbox.fail(status)
    case = SCHEMA[CREDITS]["GET"].Case()

    response = case.call(base_url=sandbox.url)

    assert response.status_code == status
    case.operation.validate_response(response)


def test_credits(sandbox: Sandbox) -> None:
    """An account shows its credits by token and by cookie; the period is the month."""
    now = datetime.now(timezone.utc)
    credits = ask(sandbox, token=sandbox.token).json()
    cookie = {"Cookie": f"auth_token={sandbox.auth_token}"}
    assert credits == ask(sandbox, headers=cookie).json()

    reset = datetime.fromisoformat(credits.pop("reset_date"))
    assert f"{reset:%d %H:%M:%S %Z}" == "01 00:00:00 UTC"
    full_days = (reset - now).days
    assert credits.pop("days_until_reset") == full_days + 1

    assert credits == {
        "total_credits": 1000,
        "used_credits": 250,
        "remaining_credits": 750,
        "free_credits": 1000,
        "purchased_credits": 0,
        "period": f"{now:%Y-%m}",
        "plan_tier": "free",
    }


def test_accounts_are_apart(sandbox: Sandbox) -> None:
    """Each account has its own credits; what is assigned shows at once."""
    other = sandbox.add_account(50, 5, purchased_credits=20, plan_tier="pro")
    other.spend(10)
    other.total = 60

    credits = ask(sandbox, token=other.token).json()

    assert credits["used_credits"] == 15
    assert credits["remaining_credits"] == 45
    assert other.remaining == 45
    assert credits["free_credits"] == 40
    assert credits["plan_tier"] == "pro"

    first = ask(sandbox, token=sandbox.token).json()
    assert first["used_credits"] == 250


def test_credentials_expire_and_are_renewed(sandbox: Sandbox) -> None:
    """An expired or replaced credential is refused; the other one still works."""
    token = sandbox.token
    cookie = {"Cookie": f"auth_token={sandbox.auth_token}"}

    sandbox.expire(sandbox.auth_token)
    assert ask(sandbox, headers=cookie).status == 401
    assert ask(sandbox, token=token).status == 200

    renewed = sandbox.account.renew()
    assert renewed == sandbox.token != token
    assert ask(sandbox, token=token).status == 401
    assert ask(sandbox, token=renewed).status == 200


def test_empty_credentials_are_refused(sandbox: Sandbox) -> None:
    """A request without a credential is refused, even if an account's are empty."""
    sandbox.account.token = ""
    sandbox.account.auth_token = ""
    assert ask(sandbox).status == 401


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        pytest.param(
            "fail",
            {"status": 200},
            "status must be from 400 to 599, not 200",
            id="status of a success",
        ),
        pytest.param(
            "fail",
            {"headers": {"X": "\u20ac"}},
            "'latin-1' codec can't encode",
            id="header that cannot be sent",
        ),
        pytest.param(
            "answer",
            {"body": object()},
            "Unable to serialize unknown type",
            id="body that is no JSON",
        ),
        pytest.param(
            "answer",
            {"body": b"", "status": 600},
            "status must be from 200 to 599, not 600",
            id="status too high",
        ),
        pytest.param(
            "delay",
            {"seconds": -1},
            "delay must be from 0 to 1000000, not -1",
            id="negative delay",
        ),
        pytest.param(
            "delay",
            {"seconds": float("nan")},
            "delay must be from 0 to 1000000, not nan",
            id="delay that is no number",
        ),
        pytest.param(
            "drop",
            {"times": 0},
            "times must be from 1 to inf, not 0",
            id="no times",
        ),
        pytest.param(
            "add_account",
            {"total": 100},
            "used must be from 0 to 100, not 250",
            id="more used than there is",
        ),
        pytest.param(
            "add_account",
            {"purchased_credits": -1},
            "purchased_credits must be from 0 to 1000, not -1",
            id="negative purchase",
        ),
    ],
)
def test_wrong_values_are_refused(
    method: str,
    arguments: dict[str, object],
    message: str,
    sandbox: Sandbox,
) -> None:
    """A value that cannot be raises where it is written, and leaves no fault behind."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        getattr(sandbox, method)(**arguments)

    assert ask(sandbox, token=sandbox.token).status == 200


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        pytest.param("fail", {"status": "503"}, id="text for a status"),
        pytest.param("fail", {"stats": 503}, id="mistyped keyword of fail"),
        pytest.param("fail", {"headers": {"X": 1}}, id="number for a header"),
        pytest.param("delay", {"seconds": "3"}, id="text for seconds"),
        pytest.param("delay", {"seconds": None}, id="no seconds"),
        pytest.param("drop", {"times": "2"}, id="text for times"),
        pytest.param("script", {"fault": 503}, id="number for a fault"),
        pytest.param("add_account", {"plan": "pro"}, id="mistyped keyword of account"),
        pytest.param("add_account", {"used": "5"}, id="text for credits"),
    ],
)
def test_wrong_types_are_refused(
    method: str, arguments: dict[str, object], sandbox: Sandbox
) -> None:
    """An argument of a wrong type or name raises where it is written."""
    with pytest.raises(TypeError):
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


@pytest.mark.parametrize(
    ("status", "body", "sent"),
    [
        pytest.param(200, b"\xff", b"\xff", id="bytes"),
        pytest.param(502, "\u00fc", b"\xc3\xbc", id="string"),
        pytest.param(200, {"a": "\u00fc"}, b'{"a":"\xc3\xbc"}', id="dict"),
        pytest.param(200, [], b"[]", id="empty list"),
        pytest.param(200, None, b"null", id="null"),
        pytest.param(204, b"", b"", id="no content"),
    ],
)
def test_answers_of_ones_own(
    status: int, body: object, sent: bytes, sandbox: Sandbox
) -> None:
    """Bytes go out as they are, a string as UTF-8, and anything else as JSON."""
    sandbox.answer(body, status=status)
    reply = ask(sandbox)

    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    assert reply.data == sent


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        pytest.param(401, b'{"detail":"Not authenticated"}', id="401"),
        pytest.param(500, b'{"detail":"Internal Server Error"}', id="500"),
        pytest.param(599, b'{"detail":"Unknown"}', id="unknown status"),
    ],
)
def test_failures_have_the_usual_body(
    status: int, sent: bytes, sandbox: Sandbox
) -> None:
    """Without a body of its own, a failure has the one that the service sends."""
    sandbox.fail(status)
    reply = ask(sandbox)

    assert reply.status == status
    assert reply.data == sent


def test_fail_and_answer(sandbox: Sandbox) -> None:
    """They happen so many times, with headers that override the sandbox's own."""
    headers = {"X-Trace": "7", "content-length": "2"}
    sandbox.fail(body=b"{}\n", times=2, retry_after=1, headers=headers)
    sandbox.answer(b"", content_type="text/html")

    for _ in range(2):
        reply = ask(sandbox)
        assert reply.status == 503
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["x-trace"] == "7"
        assert reply.headers.getlist("content-length") == ["2"]

    assert ask(sandbox).headers["content-type"] == "text/html"
    assert ask(sandbox).headers["content-type"] == "application/json"


def test_drop(sandbox: Sandbox) -> None:
    """A dropped answer begins, and the connection is closed before its body."""
    sandbox.drop()
    received = exchange(sandbox, REQUEST)

    assert received.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"Content-Length: 22\r\n" in received
    assert received.endswith(END_OF_HEADERS)
    assert str(sandbox.requests[0]) == "GET /nowhere dropped"


@pytest.mark.parametrize(
    "earlier_calls", [0, 1], ids=["new connection", "kept connection"]
)
def test_drop_is_lost_to_the_client(earlier_calls: int, sandbox: Sandbox) -> None:
    """A client sees a lost answer, on any connection, and sends no second request."""
    with calling(sandbox) as api:
        for _ in range(earlier_calls):
            api.get_credits()

        sandbox.drop()
        with pytest.raises(at_client.ApiConnectionException):
            api.get_credits()

    assert len(sandbox.requests) == earlier_calls + 1


def test_delay(sandbox: Sandbox) -> None:
    """`delay` answers as usual, but later; in `script`, it goes with other faults."""
    sandbox.delay(0.1)
    sandbox.script(Fault(status=503, delay=0.1))
    start = time.monotonic()

    assert ask(sandbox).status == 401
    assert ask(sandbox).status == 503
    assert 0.2 <= time.monotonic() - start < 3


def test_faults_come_in_order(sandbox: Sandbox) -> None:
    """Each request takes the first fault that is left; one fault can be used again."""
    fault = Fault(status=429)
    sandbox.script(fault)
    sandbox.fail(502)
    sandbox.script(fault)

    for status in (429, 502, 429, 401):
        assert ask(sandbox).status == status


def test_faults_without_end_last_until_recover(sandbox: Sandbox) -> None:
    """With `times=None`, all requests fail until `recover`, which forgets all."""
    sandbox.fail(503, times=None)
    sandbox.fail(500)
    for _ in range(5):
        assert ask(sandbox).status == 503

    sandbox.recover()
    assert ask(sandbox).status == 401


def test_close_reports_unused_faults() -> None:
    """Faults that happened to no request are an error, which shows each."""
    sandbox = Sandbox().start()
    sandbox.fail(502, times=2)
    sandbox.delay(3)
    ask(sandbox)

    with nothing_left(), pytest.raises(UnusedFaultError) as caught:
        sandbox.close()

    message = str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert message.startswith("scripted, but happened to no request: [Fault(")
    assert "delay=3" in message
    assert "502" not in message
    sandbox.close()


def test_close_is_content() -> None:
    """No error comes of faults that happened, even once of twice, or have no end."""
    with Sandbox() as sandbox:
        sandbox.fail(times=2)
        ask(sandbox)
        sandbox.fail(times=None)

    assert len(sandbox.requests) == 1


def test_recover_forgets_unused_faults() -> None:
    """No error comes of faults that were forgotten."""
    with Sandbox() as sandbox:
        sandbox.fail()
        sandbox.recover()

    assert sandbox.requests == []


def test_close_hides_no_other_exception() -> None:
    """While another exception is under way, unused faults are not reported."""

    def fail_early() -> None:
        with Sandbox() as sandbox:
            sandbox.fail()
            raise LookupError

    with nothing_left(), pytest.raises(LookupError):
        fail_early()


def test_requests_are_logged(sandbox: Sandbox) -> None:
    """The log has each request with its status; its repr has no secret."""
    before = datetime.now(timezone.utc)
    posted = (
        b"POST /x HTTP/1.1\r\nConnection: close\r\nContent-Length: 8\r\n\r\na=SECRET"
    )
    headers = {"Authorization": "Bearer SECRET", "X-Mine": "SECRET"}
    ask(sandbox, f"{CREDITS}?key=b%20SECRET", headers=headers)
    exchange(sandbox, posted)

    first, second = sandbox.requests
    assert first.query == "key=b%20SECRET"
    assert first.headers["AUTHORIZATION"] == "Bearer SECRET"
    assert first.headers["x-mine"] == "SECRET"
    assert second.body == b"a=SECRET"

    after = datetime.now(timezone.utc)
    assert before <= first.time <= second.time <= after

    assert repr(sandbox.requests) == "[GET /api/v1/credits 401, POST /x 404]"
    assert "SECRET" not in repr(first.headers)


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
        sandbox.drop()
        exchange(sandbox, REQUEST)
        assert [request.status for request in seen] == [401, None]

        sandbox.on_request = lambda _: 1 / 0
        assert exchange(sandbox, REQUEST) == b""
        sandbox.on_request = None
        assert ask(sandbox).status == 401

    assert "ZeroDivisionError" in capfd.readouterr().err


def test_connections_are_kept(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """Requests on one connection are answered in order; what is not HTTP is refused."""
    head = REQUEST.replace(b"GET", b"HEAD")
    posted = b"POST /nowhere HTTP/1.1\r\n%bContent-Length: 4\r\n\r\nbody"
    waiting = posted % b"Expect: 100-continue\r\n"

    requests = [head, posted % b"", waiting, LAST_REQUEST]
    received = exchange(sandbox, b"".join(requests))
    statuses = re.findall(rb"HTTP/1.1 (\d+)", received)
    assert statuses == [b"404", b"404", b"100", b"404", b"404"]
    assert received.count(NOT_FOUND) == 3

    old = exchange(sandbox, b"GET / HTTP/1.0\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 404 Not Found\r\n")

    bodies = [request.body for request in sandbox.requests]
    assert bodies == [b"", b"body", b"body", b"", b""]

    refused = exchange(sandbox, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert b"Error code: 400" in refused
    assert len(sandbox.requests) == 5
    assert capfd.readouterr().err == ""


def test_client_can_hang_up(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    """A client that goes away ends its own connection only, without a word."""
    sandbox.delay(0.1)
    with nothing_left(), connect(sandbox, REQUEST) as sock:
        while not sandbox.requests:
            time.sleep(0.001)

        # Zero seconds to linger: closing resets the connection.
        no_linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)

    assert ask(sandbox).status == 401
    assert capfd.readouterr().err == ""


def test_many_threads_at_once(sandbox: Sandbox) -> None:
    """Every one of 64 threads gets the answer to its request, and no fault too many."""
    sandbox.fail(times=5)

    def call(number: int) -> int:
        account = sandbox.add_account(number, 0)
        reply = ask(sandbox, token=account.token)
        if reply.status == 200:
            assert reply.json()["total_credits"] == number
        return reply.status

    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(call, range(64)))

    assert statuses.count(503) == 5
    assert statuses.count(200) == 59


def test_close_leaves_nothing() -> None:
    """Closing ends at once: no thread, port or connection is left."""
    with nothing_left(0), contextlib.ExitStack() as clients:
        with Sandbox() as sandbox:
            idle = clients.enter_context(connect(sandbox, b""))
            kept = clients.enter_context(connect(sandbox, REQUEST))
            assert kept.recv(65536)

            sandbox.delay(60)
            waiting = clients.enter_context(connect(sandbox, REQUEST))
            while len(sandbox.requests) < 2:
                time.sleep(0.001)

            port = urlsplit(sandbox.url).port or 0
            start = time.monotonic()

        assert time.monotonic() - start < 1
        for sock in (idle, kept, waiting):
            while sock.recv(65536):
                pass

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_start_and_close() -> None:
    """A sandbox runs without `with`, and again; starting or closing twice is fine."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match=r"^the sandbox is not running: use `with"):
        _ = sandbox.url

    assert sandbox.start() is sandbox
    url = sandbox.url
    port = urlsplit(url).port or 0
    assert sandbox.start().url == url
    with pytest.raises(OSError, match="in use"):
        Sandbox(port).start()

    sandbox.close()
    sandbox.close()
    with sandbox:
        assert ask(sandbox, token=sandbox.token).status == 200
    with Sandbox(port) as again:
        assert again.url == url
        assert ask(again).status == 401


def test_tls(authority: Authority) -> None:
    """With a context, the sandbox is at an https address, and all of it works there."""
    tls = authority.server_context("127.0.0.1")
    with nothing_left(0.5), Sandbox(tls=tls) as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        with calling(sandbox, ssl_ca_cert=authority.ca_file) as api:
            assert api.get_credits().remaining == 750
            sandbox.drop()
            with pytest.raises(at_client.ApiConnectionException, match="complete"):
                api.get_credits()


@pytest.mark.parametrize(
    ("name", "expired", "reason"),
    [
        pytest.param("127.0.0.1", True, "expired", id="expired"),
        pytest.param("example.org", False, "mismatch", id="other name"),
    ],
)
def test_wrong_certificates(
    name: str,
    expired: bool,
    reason: str,
    authority: Authority,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A client that refuses it says why, and the sandbox prints nothing."""
    tls = authority.server_context(name, expired=expired)
    with Sandbox(tls=tls) as sandbox:
        with (
            calling(sandbox, ssl_ca_cert=authority.ca_file) as api,
            pytest.raises(at_client.ApiConnectionException, match=reason),
        ):
            api.get_credits()

        assert sandbox.requests == []

    assert capfd.readouterr().err == ""


def test_handshakes_block_nobody(
    authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    """A handshake that stalls or fails keeps no other client waiting, nor `close`."""
    tls = authority.server_context("127.0.0.1")
    with nothing_left(0), contextlib.ExitStack() as clients:
        with Sandbox(tls=tls) as sandbox:
            clients.enter_context(connect(sandbox, b""))
            clients.enter_context(connect(sandbox, REQUEST))
            with calling(sandbox, ssl_ca_cert=authority.ca_file) as api:
                assert api.get_credits().remaining == 750
            start = time.monotonic()

        assert time.monotonic() - start < 1

    assert capfd.readouterr().err == ""


def test_annotations_are_true_at_run_time() -> None:
    """Annotations of the public classes and their methods resolve at run time."""
    for name in package.__all__:
        cls = getattr(package, name)
        members = vars(cls).values()
        methods = [member for member in members if callable(member)]
        for each in (cls, *methods):
            assert isinstance(typing.get_type_hints(each), dict)

    assert typing.get_type_hints(Sandbox.start) == {"return": Sandbox}


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
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert run.stdout == "HTTP/1.1\n"
    assert run.stderr == ""
