"""Credentials reach the service and renew themselves; what may not be sent is refused before any packet."""

from __future__ import annotations

import itertools
import pickle
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    OpenApiException,
    PasswordGrant,
    ServiceException,
    UnauthorizedException,
)
from support.ending import good_call
from support.facts import COOKIE, CREDITS, TOKEN, secrets_in
from support.service import PASSWORD, USER, Service
from support.wire import CLOSE, Wire, answer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from at_client.sandbox import Sandbox

TOKEN_PATH = "/api/v1/auth/token"
CREDITS_PATH = "/api/v1/credits"

UNSENDABLE = {
    "CR": "SECRET\rvalue",
    "LF": "SECRET\nvalue",
    "injection": "SECRET\r\nX-Evil: 1",
    "folding": "SECRET\r\n value",
    "NUL": "SECRET\0value",
    "DEL": "SECRET\x7fvalue",
    "escape": "SECRET\x1b[2J",
    "Latin-1": "SECRET-\xe9",
    "beyond": "SECRET-\u2028",
    "blank at the end": "SECRET ",
    "blank at the start": " SECRET",
}
"""What no header may carry (RFC 9110 section 5.5)."""

NO_COOKIE = {
    **UNSENDABLE,
    "blank": "SECRET value",
    "comma": "SECRET,value",
    "semicolon": "SECRET; evil=1",
    "backslash": "SECRET\\value",
    "quote": 'SEC"RET',
    "half quoted": '"SECRET',
}
"""What no cookie may carry (RFC 6265 section 4.1.1)."""


class Renewable:
    """A token source as a user would write one: it counts how often it is asked to renew."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.renewals = 0

    def __call__(self) -> str:
        return self._tokens[0]

    def renew(self) -> None:
        self.renewals += 1
        if len(self._tokens) > 1:
            del self._tokens[0]


class Hands:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock by which a grant knows the end of its token."""
    hands = Hands()
    clock = types.SimpleNamespace(time=hands.time)
    monkeypatch.setattr("at_client.auth.time", clock)
    return hands


@pytest.fixture
def outside(make_client: Callable[..., ApiClient], wire: Wire) -> Callable[..., CreditsApi]:
    """Make the operation on a host that is not this machine; every packet to it would reach `wire`."""
    return lambda **settings: CreditsApi(make_client("http://api.example.com", proxy=wire.url, **settings))


def together(work: Callable[[int], bool], threads: int = 32) -> list[bool]:
    """Do the work in many threads that start at the same moment."""
    start = threading.Barrier(threads)

    def begin(number: int) -> bool:
        start.wait(10)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def paths(service: Service) -> list[str]:
    """Name what the service was asked for, in order."""
    return [seen.path for seen in service.requests]


def form(service: Service, number: int = 0) -> dict[str, str]:
    """Read the form of a request."""
    return dict(parse_qsl(service.requests[number].body.decode("ascii"), keep_blank_values=True))


# Tokens: a str, a callable, a callable that can renew


def test_a_str_is_sent_as_a_bearer_token(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """RFC 6750 section 2.1; what is assigned later holds from the next call on."""
    api = make_api(service.url)
    assert good_call(api)
    service.memory.tokens["TOKEN-SECRET-later"] = dict(CREDITS)
    api.api_client.configuration.access_token = "TOKEN-SECRET-later"
    assert good_call(api)
    sent = [seen.all("Authorization") for seen in service.requests]
    assert sent == [[f"Bearer {TOKEN}"], ["Bearer TOKEN-SECRET-later"]]


@pytest.mark.parametrize("nothing", [None, "", lambda: None, lambda: ""])
def test_a_call_without_a_token_says_how_to_set_one(
    service: Service, make_client: Callable[..., ApiClient], nothing: object
) -> None:
    """It is refused before anything is sent, unless something else says who is calling."""
    client = make_client(service.url)
    client.configuration.access_token = nothing  # type: ignore[assignment]  # a column of the table
    with pytest.raises(ApiValueError, match=r"ACCESS_TOKEN.*Configuration\.access_token"):
        CreditsApi(client).get_credits()
    assert service.requests == []
    client.configuration.access_token = None
    with pytest.raises(UnauthorizedException):
        CreditsApi(client).get_credits(COOKIE + "x")
    assert service.requests[0].all("Authorization") == []


@pytest.mark.parametrize("token", ["Bearer abc", "bearer abc", '"abc"', "'abc'"])
def test_a_token_with_more_than_the_token_is_refused(token: str) -> None:
    """What people paste: the scheme, or quotes from a shell or a YAML file."""
    with pytest.raises(ApiValueError, match=r"^access_token must be the token alone"):
        Configuration(access_token=token)


def test_a_static_token_fails_at_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A 401 is not retried: the same token would be refused again."""
    with pytest.raises(UnauthorizedException, match="access_token"):
        make_api(service.url, access_token="TOKEN-SECRET-stale").get_credits()
    assert len(service.requests) == 1


def test_a_callable_is_asked_at_every_call(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Once a call: what it gives now is what is sent now."""
    numbers = itertools.count(1)
    for number in (1, 2, 3):
        service.memory.tokens[f"TOKEN-SECRET-{number}"] = dict(CREDITS)
    api = make_api(service.url, access_token=lambda: f"TOKEN-SECRET-{next(numbers)}")
    assert all(good_call(api) for _ in range(3))
    sent = [seen.all("Authorization") for seen in service.requests]
    assert sent == [[f"Bearer TOKEN-SECRET-{number}"] for number in (1, 2, 3)]


def test_a_callable_without_renew_fails_at_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """It is not asked a second time within a call: it has just said what it has."""
    asked: list[str] = []

    def source() -> str:
        asked.append("TOKEN-SECRET-stale")
        return asked[-1]

    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=source).get_credits()
    assert (len(asked), len(service.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("given", "error"),
    [(7, ApiTypeError), (b"SECRET", ApiTypeError), *((value, ApiValueError) for value in UNSENDABLE.values())],
    ids=["number", "bytes", *UNSENDABLE],
)
def test_what_a_callable_gives_is_checked(
    wire: Wire, make_api: Callable[..., CreditsApi], given: object, error: type[Exception]
) -> None:
    """A source is no way around the rules for a token; the error says where it came from."""
    with pytest.raises(error, match="access_token") as caught:
        make_api(wire.url, access_token=lambda: given).get_credits()
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


def test_a_callable_that_fails_is_told(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """Only the package's own errors escape: the source's own is the cause, its text is not shown."""

    def broken() -> str:
        raise RuntimeError("TOKEN-SECRET-in-a-message")

    with pytest.raises(ApiException, match=r"access_token.*RuntimeError") as caught:
        make_api(wire.url, access_token=broken).get_credits()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


def test_a_renewable_source_is_renewed_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A 401 renews it, and the call is sent once more with the new token."""
    source = Renewable("TOKEN-SECRET-stale", TOKEN)
    assert good_call(make_api(service.url, access_token=source))
    assert (source.renewals, len(service.requests)) == (1, 2)


def test_a_renewal_that_changes_nothing_sends_nothing(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """The same token would be refused again, so the first 401 is the answer."""
    source = Renewable("TOKEN-SECRET-stale")
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=source).get_credits()
    assert (source.renewals, len(service.requests)) == (1, 1)


def test_a_second_401_is_the_answer(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A source that goes on giving bad tokens is renewed once a call, not for ever."""
    source = Renewable("TOKEN-SECRET-stale", "TOKEN-SECRET-staler", "TOKEN-SECRET-stalest")
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=source).get_credits()
    assert (source.renewals, len(service.requests)) == (1, 2)


def test_32_threads_renew_a_callable_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """All meet the 401 at once; one renews, the others wait for what it got."""
    source = Renewable("TOKEN-SECRET-stale", TOKEN, "TOKEN-SECRET-too-many")
    api = make_api(service.url, access_token=source)
    assert together(lambda _: good_call(api)) == [True] * 32
    assert source.renewals == 1


# The password flow


def test_the_form_is_that_of_the_rfc(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """RFC 6749 section 4.3.2, with the client in the form, as FastAPI's own form reads it."""
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD, "read write", "me", "CLIENT-SECRET-1")
    assert good_call(make_api(service.url, access_token=grant))
    assert form(service) == {
        "grant_type": "password",
        "username": USER,
        "password": PASSWORD,
        "scope": "read write",
        "client_id": "me",
        "client_secret": "CLIENT-SECRET-1",
    }
    token_request, credits_request = service.requests
    assert token_request.all("Content-Type") == ["application/x-www-form-urlencoded"]
    assert token_request.all("Authorization") == []
    assert credits_request.all("Authorization") == ["Bearer TOKEN-SECRET-issued-1"]


def test_what_was_not_given_is_not_sent(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """No empty scope, no empty client."""
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    assert good_call(make_api(service.url, access_token=grant))
    assert set(form(service)) == {"grant_type", "username", "password"}


def test_any_password_survives_the_form(sandbox: Sandbox, make_api: Callable[..., CreditsApi]) -> None:
    """Blanks, ampersands, plus signs, percent signs and any script arrive as they were."""
    password = "a b&c=d+e%20f/é/密码\n"
    sandbox.add_account(username="ada", password=password)
    grant = PasswordGrant(TOKEN_PATH, "ada", password)
    assert good_call(make_api(sandbox.url, access_token=grant))


@pytest.mark.parametrize(("expires_in", "kept_for"), [(3600, 3540), (600, 540), (120, 60), (60, 30), (10, 5)])
def test_a_token_is_renewed_before_it_ends(
    service: Service, make_api: Callable[..., CreditsApi], hands: Hands, expires_in: int, kept_for: int
) -> None:
    """A minute before its end, at half of a short life; the refresh token is what renews it."""
    service.memory.expires_in = expires_in
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    assert good_call(api)
    hands.now += kept_for - 1
    assert good_call(api)
    assert service.memory.grants == ["password"]
    hands.now += 2
    assert good_call(api)
    assert service.memory.grants == ["password", "refresh_token"]
    assert form(service, 3) == {"grant_type": "refresh_token", "refresh_token": "REFRESH-SECRET-1"}


def test_a_token_without_an_end_is_kept_until_it_is_refused(
    service: Service, make_api: Callable[..., CreditsApi], hands: Hands
) -> None:
    """`expires_in` is only recommended (RFC 6749 section 5.1): a 401 says it as well."""
    service.memory.expires_in = None
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    assert good_call(api)
    hands.now += 1e9
    assert good_call(api)
    assert service.memory.grants == ["password"]
    del service.memory.tokens["TOKEN-SECRET-issued-1"]
    assert good_call(api)
    assert service.memory.grants == ["password", "refresh_token"]


def test_each_refresh_token_is_used_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """A service may replace it with every answer (RFC 6749 section 6): the newest one counts."""
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    for number in range(1, 5):
        assert good_call(api)
        del service.memory.tokens[f"TOKEN-SECRET-issued-{number}"]
    assert service.memory.grants == ["password", *["refresh_token"] * 3]


def test_a_password_is_forgotten_once_there_is_a_refresh_token(
    service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """It is nowhere in the grant any more, not even in its pickle."""
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    assert PASSWORD.encode() in pickle.dumps(grant)
    assert good_call(make_api(service.url, access_token=grant))
    assert PASSWORD.encode() not in pickle.dumps(grant)


def test_a_password_is_kept_where_nothing_else_renews(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """A service without refresh tokens is asked with the password each time."""
    issued = reply(answer(b'{"access_token": "t0ken", "token_type": "bearer"}'))
    refused = reply(answer(b'{"detail": "Not authenticated"}', 401))
    wire.play(issued, refused, issued)
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    with pytest.raises(UnauthorizedException):  # the new token is the one that was refused
        make_api(wire.url, access_token=grant).get_credits()
    asked = [parse_qs(r.rpartition(b"\r\n\r\n")[2].decode()) for r in wire.requests]
    assert [each.get("password") for each in asked] == [[PASSWORD], None, [PASSWORD]]


def test_a_password_may_be_a_callable(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """It is asked for the password when one is needed, and not before."""
    asked: list[str] = []

    def password() -> str:
        asked.append(PASSWORD)
        return PASSWORD

    grant = PasswordGrant(TOKEN_PATH, USER, password)
    api = make_api(service.url, access_token=grant)
    assert asked == []
    assert good_call(api)
    assert good_call(api)
    assert len(asked) == 1


def test_a_refused_refresh_token_falls_back_to_a_callable_password(
    service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """Within the same call: refresh refused, password asked for, token had, credits got."""
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, lambda: PASSWORD))
    assert good_call(api)
    service.memory.refresh_tokens.clear()
    service.memory.tokens.clear()
    assert good_call(api)
    assert service.memory.grants == ["password", "password"]
    assert len(service.requests) == 2 + 4


def test_a_refused_refresh_token_without_a_password_is_told(
    service: Service, make_api: Callable[..., CreditsApi]
) -> None:
    """The password is forgotten, so somebody has to log in again; later calls say so, too."""
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    assert good_call(api)
    service.memory.refresh_tokens.clear()
    service.memory.tokens.clear()
    for _ in range(2):
        with pytest.raises(UnauthorizedException):
            api.get_credits()


def test_an_outage_of_the_token_endpoint_costs_no_refresh_token(
    sandbox: Sandbox, make_api: Callable[..., CreditsApi]
) -> None:
    """What the endpoint never looked at is good for the next try."""
    account = sandbox.account
    grant = PasswordGrant(TOKEN_PATH, str(account.username), account.password)
    api = make_api(sandbox.url, access_token=grant)
    assert good_call(api)
    expire_issued(sandbox)
    sandbox.fail(503, path=TOKEN_PATH, retry_after=0)
    with pytest.raises(ServiceException):
        api.get_credits()
    assert good_call(api)
    asked = [parse_qs(r.body.decode())["grant_type"] for r in sandbox.requests if r.body]
    assert asked == [["password"], ["refresh_token"], ["refresh_token"]]


def expire_issued(sandbox: Sandbox) -> None:
    """End the token that the last request was made with."""
    sandbox.expire(sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer "))


def test_the_flow_works_with_the_sandbox(sandbox: Sandbox, make_api: Callable[..., CreditsApi]) -> None:
    """With scope and client: had, renewed when it expires, and renewed again with the next one."""
    sandbox.require_client("me", "CLIENT-SECRET-1")
    account = sandbox.account
    grant = PasswordGrant("api/v1/auth/token", str(account.username), account.password, "read", "me", "CLIENT-SECRET-1")
    api = make_api(sandbox.url, access_token=grant)
    for _ in range(3):
        assert good_call(api)
        expire_issued(sandbox)
    statuses = [(each.path == TOKEN_PATH, each.status) for each in sandbox.requests]
    renewed = [(False, 401), (True, 200), (False, 200)]
    assert statuses == [(True, 200), (False, 200), *renewed, *renewed]


REFUSALS: dict[str, tuple[int, bytes, str]] = {
    "RFC 6749": (
        400,
        b'{"error": "invalid_grant", "error_description": "Wrong password."}',
        "invalid_grant: Wrong password",
    ),
    "the code alone": (400, b'{"error": "invalid_scope"}', "invalid_scope"),
    "of the client": (401, b'{"error": "invalid_client"}', "invalid_client"),
    "as FastAPI": (401, b'{"detail": "Incorrect username"}', "Incorrect username"),
    "as FastAPI, 400": (400, b'{"detail": "Inactive user"}', "Inactive user"),
    "forbidden": (403, b"", "403"),
    "no JSON": (400, b"<html>no</html>", "400"),
    "a list": (400, b"[1, 2]", "400"),
    "odd types": (400, b'{"error": 5}', "400"),
    "line breaks": (400, b'{"error": "a", "error_description": "b\\nc"}', "a: b c"),
}


@pytest.mark.parametrize(("status", "body", "says"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_and_not_retried(
    wire: Wire, make_api: Callable[..., CreditsApi], status: int, body: bytes, says: str
) -> None:
    """It names the endpoint and the service's description; one request, and no call without a token."""
    wire.play(otherwise=reply(answer(body, status)))
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    with pytest.raises(UnauthorizedException) as caught:
        make_api(wire.url, access_token=grant).get_credits()
    error = caught.value
    assert says in str(error)
    assert f"POST {wire.url}{TOKEN_PATH}" in str(error)
    assert (error.status, str(error).isprintable()) == (status, True)
    assert len(wire.requests) == 1


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    ("step", "error"),
    [
        (reply(answer(b"", 500)), ServiceException),
        (reply(answer(b"", 503, headers=[("Retry-After", "0")])), ServiceException),
        (reply(answer(b"", 404)), ApiException),
        (reply(CLOSE), ApiConnectionException),
    ],
    ids=["500", "503", "404", "closed"],
)
def test_a_failing_endpoint_is_asked_once(
    wire: Wire, make_api: Callable[..., CreditsApi], step: Any, error: type[ApiException]
) -> None:
    """A POST is sent once, whatever becomes of it; the error is that of the status."""
    wire.play(otherwise=step)
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    with pytest.raises(error):
        make_api(wire.url, access_token=grant).get_credits()
    assert len(wire.requests) == 1


NO_TOKENS = {
    "HTML": b"<html>Sign in</html>",
    "empty": b"",
    "another shape": b'{"token": "TOKEN-SECRET-lost"}',
    "not a text": b'{"access_token": 5}',
    "an empty token": b'{"access_token": "", "token_type": "bearer"}',
    "a token for another header": b'{"access_token": "TOKEN-SECRET-\\r\\nX: y"}',
    "not a number": b'{"access_token": "TOKEN-SECRET-lost", "expires_in": "soon"}',
}


@pytest.mark.parametrize("body", NO_TOKENS.values(), ids=NO_TOKENS)
def test_an_answer_without_a_token_is_told(wire: Wire, make_api: Callable[..., CreditsApi], body: bytes) -> None:
    """200 is not enough; nothing of the answer is shown, for there may be a token in it."""
    wire.play(otherwise=reply(answer(body)))
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    with pytest.raises(OpenApiException) as caught:
        make_api(wire.url, access_token=grant).get_credits()
    assert isinstance(caught.value, ApiDecodeException), repr(caught.value)
    assert "SECRET" not in str(caught.value) + repr(vars(caught.value))
    assert len(wire.requests) == 1


@pytest.mark.parametrize("extra", [b', "expires_in": null', b', "refresh_token": null'])
def test_null_is_as_good_as_absent(wire: Wire, make_api: Callable[..., CreditsApi], extra: bytes) -> None:
    """A FastAPI service writes `null` for what it has nothing to say about."""
    wire.play(reply(answer(b'{"access_token": "t0ken", "token_type": "bearer"' + extra + b"}")))
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    assert good_call(make_api(wire.url, access_token=grant))


@pytest.mark.parametrize(
    ("prefix", "token_url", "path"),
    [
        ("", "api/v1/auth/token", "/api/v1/auth/token"),
        ("", "/api/v1/auth/token", "/api/v1/auth/token"),
        ("/base", "api/v1/auth/token", "/base/api/v1/auth/token"),
        ("/base/", "api/v1/auth/token", "/base/api/v1/auth/token"),
        ("/base", "/login", "/login"),
        ("/base", "../login", "/login"),
    ],
)
def test_a_relative_token_url_is_relative_to_the_host(
    wire: Wire, make_api: Callable[..., CreditsApi], prefix: str, token_url: str, path: str
) -> None:
    """As OpenAPI has `tokenUrl` (RFC 3986 section 5): under the prefix, unless it starts with `/`."""
    wire.play(reply(answer(b'{"access_token": "t0ken"}')))
    grant = PasswordGrant(token_url, USER, PASSWORD)
    assert good_call(make_api(wire.url + prefix, access_token=grant))
    assert wire.requests[0].startswith(f"POST {path} HTTP/1.1\r\n".encode())


def test_an_absolute_token_url_is_another_server(
    make_wire: Callable[..., Wire], make_api: Callable[..., CreditsApi]
) -> None:
    """The password goes there and nowhere else, the token to the host."""
    tokens, credits_server = make_wire(), make_wire()
    tokens.play(reply(answer(b'{"access_token": "t0ken"}')))
    grant = PasswordGrant(f"{tokens.url}/login", USER, PASSWORD)
    assert good_call(make_api(credits_server.url, access_token=grant))
    assert PASSWORD.encode() in tokens.requests[0]
    assert PASSWORD.encode() not in b"".join(credits_server.requests)


def test_a_password_goes_out_protected_only(outside: Callable[..., CreditsApi], wire: Wire) -> None:
    """Over plain http to another machine: refused before any packet, unless that is allowed."""
    wire.play(reply(answer(b'{"access_token": "t0ken"}')))
    api = outside(access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    with pytest.raises(ApiValueError, match=r"api\.example\.com") as caught:
        api.get_credits()
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0
    api.api_client.configuration.allow_insecure_http = True
    assert good_call(api)
    assert wire.requests[0].startswith(b"POST http://api.example.com/api/v1/auth/token ")


def test_a_redirect_gets_no_password(make_wire: Callable[..., Wire], make_api: Callable[..., CreditsApi]) -> None:
    """A token endpoint that sends us elsewhere is an error; the other place is not even asked."""
    here, elsewhere = make_wire(), make_wire()
    here.play(reply(answer(b"", 307, headers=[("Location", f"{elsewhere.url}/login")])))
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    with pytest.raises(ApiException, match="redirects"):
        make_api(here.url, access_token=grant).get_credits()
    assert elsewhere.connections == 0


@pytest.mark.parametrize("arguments", [("", USER, PASSWORD), (TOKEN_PATH, "", PASSWORD), (TOKEN_PATH, USER, 5)])
def test_a_grant_checks_its_arguments(arguments: tuple[Any, ...]) -> None:
    """A wrong argument is told when it is given, without the others' values."""
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        PasswordGrant(*arguments)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("first", [True, False], ids=["the first token", "an expired one"])
def test_32_threads_fetch_one_token(
    service: Service, make_api: Callable[..., CreditsApi], hands: Hands, *, first: bool
) -> None:
    """Whether there is none yet or it has ended: one thread fetches, 31 wait."""
    api = make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))
    if not first:
        assert good_call(api)
        hands.now += 3600
    assert together(lambda _: good_call(api)) == [True] * 32
    assert service.memory.grants == ["password"] + ["refresh_token"] * (not first)


def test_32_clients_with_one_grant_renew_it_once(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """One grant may serve many clients, each with a configuration of its own; they renew it once."""
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    apis = [make_api(service.url, access_token=grant) for _ in range(32)]
    assert good_call(apis[0])
    for _ in range(4):
        before = len(service.memory.grants)
        service.memory.tokens.clear()
        assert together(lambda number: good_call(apis[number])) == [True] * 32
        assert len(service.memory.grants) == before + 1


# The cookie


def cookies_of(request: bytes) -> list[bytes]:
    """Give the values of every Cookie line of a request."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return [line.partition(b": ")[2] for line in lines if line.lower().startswith(b"cookie:")]


COOKIES: dict[str, tuple[str | None, str | None, str | None, list[bytes]]] = {
    # the client's, auth_token, the Cookie header of the call: what is sent
    "none": (None, None, None, []),
    "auth_token": (None, COOKIE, None, [f"auth_token={COOKIE}".encode()]),
    "an empty one": (None, "", None, []),
    "the client's": ("a=1; b=2", None, None, [b"a=1; b=2"]),
    "both": ("a=1", COOKIE, None, [f"a=1; auth_token={COOKIE}".encode()]),
    "the call's": ("a=1", None, "c=3", [b"c=3"]),
    "the call's and auth_token": ("a=1", COOKIE, "c=3", [f"c=3; auth_token={COOKIE}".encode()]),
    "quoted": (None, '"quoted"', None, [b'auth_token="quoted"']),
}


@pytest.mark.parametrize(("of_client", "auth_token", "of_call", "sent"), COOKIES.values(), ids=COOKIES)
def test_cookies_go_out_in_one_header(
    wire: Wire,
    make_client: Callable[..., ApiClient],
    of_client: str | None,
    auth_token: str | None,
    of_call: str | None,
    sent: list[bytes],
) -> None:
    """RFC 6265 section 5.4: one line; those of the call's own header replace those of the client."""
    client = make_client(wire.url)
    client.cookie = of_client
    headers = {"cookie": of_call} if of_call else None
    CreditsApi(client).get_credits(auth_token=auth_token, _headers=headers)
    assert cookies_of(wire.requests[0]) == sent


def test_the_cookie_opens_the_account(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """Without any bearer token the cookie is enough, as FastAPI's own `Cookie` reads it."""
    api = make_api(service.url, access_token=None)
    assert api.get_credits(auth_token=COOKIE).remaining == 750
    (seen,) = service.requests
    assert (seen.all("Authorization"), seen.all("Cookie")) == ([], [f"auth_token={COOKIE}"])


@pytest.mark.parametrize("value", NO_COOKIE.values(), ids=NO_COOKIE)
def test_what_no_cookie_may_carry_is_refused(wire: Wire, make_api: Callable[..., CreditsApi], value: str) -> None:
    """By name, without the value, before anything is sent."""
    with pytest.raises(ApiValueError, match="auth_token") as caught:
        make_api(wire.url).get_credits(auth_token=value)
    assert "SEC" not in str(caught.value)
    assert wire.connections == 0


# Per call


def test_request_auth_replaces_the_credentials(service: Service, make_api: Callable[..., CreditsApi]) -> None:
    """In a header, in a cookie, in the query: and the configuration's token stays at home."""
    service.memory.tokens["TOKEN-SECRET-other"] = dict(CREDITS)
    service.memory.cookies["COOKIE-SECRET-other"] = dict(CREDITS)
    source = Renewable(TOKEN)
    api = make_api(service.url, access_token=source)
    bearer = {"in": "header", "key": "Authorization", "value": "Bearer TOKEN-SECRET-other"}
    cookie = {"in": "cookie", "key": "auth_token", "value": "COOKIE-SECRET-other"}
    api.get_credits(_request_auth={"type": "oauth2", **bearer})
    api.get_credits(_request_auth={"type": "apiKey", **cookie})
    with pytest.raises(UnauthorizedException):
        api.get_credits(_request_auth={"in": "query", "key": "key", "value": "a b&c"})
    by_header, by_cookie, by_query = service.requests
    assert by_header.all("Authorization") == ["Bearer TOKEN-SECRET-other"]
    assert by_cookie.all("Authorization") == by_query.all("Authorization") == []
    assert by_cookie.all("Cookie") == ["auth_token=COOKIE-SECRET-other"]
    assert parse_qs(by_query.query) == {"key": ["a b&c"]}
    assert source.renewals == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "Authorization", "value": "SECRET"},
        {"in": "body", "key": "Authorization", "value": "SECRET"},
        {"in": "header", "value": "SECRET"},
        {"in": "header", "key": "Authorization"},
        {"in": "header", "key": "Authorization", "value": 5},
        {"in": "header", "key": "X Y", "value": "SECRET"},
        {"in": "cookie", "key": "x y", "value": "SECRET"},
        *({"in": "header", "key": "X-Key", "value": value} for value in UNSENDABLE.values()),
        *({"in": "cookie", "key": "key", "value": value} for value in NO_COOKIE.values()),
    ],
    ids=repr,
)
def test_a_wrong_request_auth_is_refused(
    wire: Wire, make_api: Callable[..., CreditsApi], wrong: dict[str, Any]
) -> None:
    """Before any packet, by name, without the value."""
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        make_api(wire.url).get_credits(_request_auth=wrong)
    assert "SEC" not in str(caught.value)
    assert wire.connections == 0


def test_headers_of_the_call_override_the_clients(service: Service, make_client: Callable[..., ApiClient]) -> None:
    """Case-insensitively, one line each."""
    client = make_client(service.url)
    client.set_default_header("X-Team", "blue")
    api = CreditsApi(client)
    api.get_credits(_headers={"x-team": "red", "user-agent": "mine/1", "X-Number": 5})
    (seen,) = service.requests
    assert (seen.all("X-Team"), seen.all("User-Agent")) == (["red"], ["mine/1"])
    assert seen.all("X-Number") == ["5"]
    assert good_call(api)
    assert service.requests[1].all("X-Team") == ["blue"]


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_no_header_overrides_the_configured_credential(
    service: Service, make_client: Callable[..., ApiClient], name: str
) -> None:
    """As in generated clients; without a token, an Authorization header of the call identifies it."""
    client = make_client(service.url, access_token=Renewable(TOKEN))
    header = {name: "Bearer TOKEN-SECRET-other"}
    CreditsApi(client).get_credits(_headers=header)
    assert service.requests[0].all("Authorization") == [f"Bearer {TOKEN}"]
    client.configuration.access_token = None
    with pytest.raises(UnauthorizedException):
        CreditsApi(client).get_credits(_headers=header)
    assert service.requests[1].all("Authorization") == ["Bearer TOKEN-SECRET-other"]


# Refusals before any packet


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
@pytest.mark.parametrize(
    ("field", "use"),
    [
        ("access_token", Configuration),
        ("access_token", lambda url, v: setattr(Configuration(url), "access_token", v)),
        ("X-Key", lambda url, v: ApiClient(Configuration(url), "X-Key", v)),
        ("X-Key", lambda url, v: ApiClient(Configuration(url)).set_default_header("X-Key", v)),
        ("User-Agent", lambda url, v: setattr(ApiClient(Configuration(url)), "user_agent", v)),
        ("cookie", lambda url, v: ApiClient(Configuration(url), cookie=v)),
        ("X-Key", lambda url, v: Configuration(url, proxy_headers={"X-Key": v})),
        ("X-Key", lambda url, v: call(url, _headers={"X-Key": v})),
        ("Authorization", lambda url, v: call(url, _headers={"authorization": v})),
    ],
    ids=[
        "access_token",
        "access_token later",
        "header of the client",
        "default header",
        "user agent",
        "cookie of the client",
        "proxy_headers",
        "_headers",
        "_headers Authorization",
    ],
)
def test_what_no_header_may_carry_is_refused(
    wire: Wire, field: str, use: Callable[[str, str], object], value: str
) -> None:
    """CR, LF, folding, control and non-ASCII characters: named by field, the value not shown."""
    with pytest.raises(ApiValueError, match=f"(?i){field}") as caught:
        use(wire.url, value)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


def call(url: str, **arguments: Any) -> None:
    """Make a call on a client of its own."""
    with ApiClient(Configuration(url)) as client:
        CreditsApi(client).get_credits(**arguments)


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "X\r\nY", "X-\xe9", "X\0"])
def test_what_no_header_name_may_be_is_refused(wire: Wire, name: str) -> None:
    """A name is a token (RFC 9110 section 5.6.2)."""
    with pytest.raises(ApiValueError, match="header name"):
        call(wire.url, _headers={name: "value"})
    assert wire.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1\r\nX-Evil: 1",
        "http://127.0.0.1/\r\nX-Evil: 1",
        "http://127.0.0.1\n",
        "http://exämple.com",
        "http://ada:SECRET@127.0.0.1",
        "http://127.0.0.1/ a",
        "http://127.0.0.1\x7f",
    ],
)
def test_what_no_host_may_be_is_refused(host: str) -> None:
    """Characters that could end the request line or the Host header, and credentials in the URL."""
    with pytest.raises(ApiValueError, match="host") as caught:
        Configuration(host)
    assert "SECRET" not in str(caught.value)


EXPOSED: dict[str, Callable[[CreditsApi], object]] = {
    "token": lambda api: api.get_credits(),
    "cookie": lambda api: api.get_credits(auth_token=COOKIE),
    "header of the call": lambda api: api.get_credits(_headers={"X-Api-Key": "SECRET"}),
    "_request_auth, header": lambda api: api.get_credits(_request_auth={"in": "header", "key": "X", "value": "SECRET"}),
    "_request_auth, query": lambda api: api.get_credits(_request_auth={"in": "query", "key": "x", "value": "SECRET"}),
}


@pytest.mark.parametrize("use", EXPOSED.values(), ids=EXPOSED)
def test_no_credential_goes_out_unprotected(
    outside: Callable[..., CreditsApi], wire: Wire, use: Callable[[CreditsApi], object]
) -> None:
    """Plain http to another machine is refused before any packet; the message says what allows it."""
    api = outside(access_token=TOKEN if use is EXPOSED["token"] else None)
    with pytest.raises(ApiValueError, match="allow_insecure_http=True") as caught:
        use(api)
    assert "api.example.com" in str(caught.value)
    assert secrets_in(str(caught.value)) == []
    assert wire.connections == 0
    api.api_client.configuration.allow_insecure_http = True
    use(api)
    assert len(wire.requests) == 1


def test_a_source_is_not_even_asked_for_an_unprotected_call(outside: Callable[..., CreditsApi], wire: Wire) -> None:
    """What cannot be sent is not fetched."""
    asked: list[str] = []
    api = outside(access_token=lambda: asked.append("asked"))
    with pytest.raises(ApiValueError, match="allow_insecure_http"):
        api.get_credits()
    assert (asked, wire.connections) == ([], 0)


def test_nothing_secret_may_go_out_unprotected(outside: Callable[..., CreditsApi], wire: Wire) -> None:
    """A call without credentials over plain http is nobody's loss."""
    client = outside(access_token=None).api_client
    assert client.call_api("GET", f"{client.configuration.host}/api/v1/credits").status == 200
    assert wire.connections == 1


@pytest.mark.parametrize(
    ("host", "safe"),
    [
        ("http://127.0.0.1:9", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:9", True),
        ("http://localhost", True),
        ("http://LOCALHOST.:9", True),
        ("http://app.localhost", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://notlocalhost", False),
        ("http://10.0.0.1", False),
        ("http://[::2]", False),
        ("http://0.0.0.0", False),
    ],
)
def test_what_counts_as_this_machine(wire: Wire, host: str, *, safe: bool) -> None:
    """Loopback addresses, and the names that RFC 6761 keeps for them; nothing that looks like it."""
    configuration = Configuration(host, TOKEN, proxy=wire.url, retries=0)
    with ApiClient(configuration) as client:
        if safe:
            assert good_call(CreditsApi(client))
        else:
            with pytest.raises(ApiValueError, match="allow_insecure_http"):
                CreditsApi(client).get_credits()
    assert wire.connections == int(safe)


# The environment


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    """`from_env` reads both variables; the constructor reads none; what is given goes first."""
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("AT_CLIENT_HOST", service.url)
    assert Configuration().access_token is None
    assert Configuration().host == "https://api.agenttoolkit.ai"
    with ApiClient(Configuration.from_env()) as client:
        assert good_call(CreditsApi(client))
    given = Configuration.from_env(access_token="mine", host="https://x.example", timeout=3)
    assert (given.access_token, given.host, given.timeout) == ("mine", "https://x.example", 3.0)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ACCESS_TOKEN=` in a CI job that lacks the secret is no token, not an empty one."""
    for name in ("ACCESS_TOKEN", "AT_CLIENT_HOST"):
        monkeypatch.setenv(name, "")
    configuration = Configuration.from_env()
    assert configuration.access_token is None
    assert configuration.host == Configuration().host


def test_a_wrong_variable_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token file read with its line break is told by name, not by value."""
    monkeypatch.setenv("ACCESS_TOKEN", f"{TOKEN}\n")
    with pytest.raises(ApiValueError, match="access_token") as caught:
        Configuration.from_env()
    assert secrets_in(str(caught.value), repr(caught.value)) == []


def test_a_refresh_token_without_a_successor_is_used_again(wire: Wire, make_api: Callable[..., CreditsApi]) -> None:
    """RFC 6749 section 6: a service need not issue a new one each time, and then the old one stays good."""
    first = b'{"access_token": "one", "token_type": "bearer", "refresh_token": "REFRESH-SECRET"}'
    later = b'{"access_token": "two", "token_type": "bearer"}'
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    api = make_api(wire.url, access_token=grant)
    for body in (first, later, later):
        wire.play(reply(answer(body)))
        assert good_call(api)
        grant.renew()
    posts = [request for request in wire.requests if request.startswith(b"POST")]
    assert [b"grant_type=refresh_token" in post for post in posts] == [False, True, True]
