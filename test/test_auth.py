"""Credentials reach the service and renew themselves; what may not be sent is refused before any packet."""

import json
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    NotFoundException,
    PasswordGrant,
    ServiceException,
    UnauthorizedException,
)
from at_client.sandbox import Sandbox
from support.ending import good_call
from support.facts import COOKIE, CREDITS, TOKEN
from support.makers import MakeApi, MakeWire, MonkeyPatch
from support.service import PASSWORD, USER, Service
from support.wire import CLOSE, Step, Wait, Wire, answer, reply

PassTime = Callable[[float], None]

TOKEN_PATH = "/api/v1/auth/token"
STALE = "TOKEN-SECRET-stale"

UNSENDABLE = [
    " SECRET",
    "SECRET ",
    "SECRET\0",
    "SECRET\x7f",
    "SECRET\x1b[2J",
    "SECRET\xe9",
    "SECRET\u2028",
]
UNSENDABLE += [
    "SECRET\rvalue",
    "SECRET\nvalue",
    "SECRET\r\nX-Evil: 1",
    "SECRET\r\n folded",
]
"""What neither a header nor a cookie may carry (RFC 9110 section 5.5, RFC 6265 section 4.1.1)."""


class Renewable:
    """A token source as a user would write one; every renewal goes on to the next token."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens
        self.renewals = 0

    def __call__(self) -> str:
        return self.tokens[self.renewals]

    def renew(self) -> None:
        time.sleep(0.1)  # long enough for other threads to ask, too
        self.renewals += 1


@pytest.fixture
def api(service: Service, make_api: MakeApi) -> CreditsApi:
    """The operation with a password grant, at the service."""
    return make_api(service.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))


@pytest.fixture
def wired(wire: Wire, make_api: MakeApi) -> CreditsApi:
    """The operation with a password grant, at the wire server."""
    return make_api(wire.url, access_token=PasswordGrant(TOKEN_PATH, USER, PASSWORD))


@pytest.fixture
def outside(wire: Wire, make_api: MakeApi) -> MakeApi:
    """Make the operation on a host that is not this machine; every packet to it would reach `wire`."""
    return lambda **settings: make_api(
        "http://api.example.com", proxy=wire.url, **settings
    )


@pytest.fixture
def pass_time(monkeypatch: MonkeyPatch) -> PassTime:
    """Put the clock on by some seconds, and stop it there."""

    def pass_time(seconds: float) -> None:
        now = time.time() + seconds
        monkeypatch.setattr(time, "time", lambda: now)

    return pass_time


def call(url: str, token: Any = None, **arguments: Any) -> None:
    """Make a call on a client of its own."""
    with ApiClient(Configuration(url, token)) as client:
        CreditsApi(client).get_credits(**arguments)


def together(work: Callable[[int], bool]) -> bool:
    """Do the work in 32 threads that start at the same moment; return whether all have done it."""
    start = threading.Barrier(32)
    with ThreadPoolExecutor(32) as pool:
        return all(
            pool.map(lambda number: start.wait(10) < 32 and work(number), range(32))
        )


def tokens_sent(service: Service) -> list[list[str]]:
    """Return the `Authorization` headers of every request."""
    return [seen.all("Authorization") for seen in service.requests]


def issue(**fields: object) -> Step:
    """Answer as a token endpoint does; a FastAPI service writes null for what it has nothing to say about."""
    issued = {
        "access_token": "t0ken",
        "token_type": "bearer",
        "expires_in": None,
        "refresh_token": None,
        **fields,
    }
    return reply(answer(json.dumps(issued).encode()))


def form_of(request: bytes) -> dict[str, str]:
    """Read the form of a request."""
    return dict(
        parse_qsl(request.rpartition(b"\r\n\r\n")[2].decode(), keep_blank_values=True)
    )


# Tokens: a str, a callable, a callable that can renew


def test_a_str_is_sent_as_a_bearer_token(service: Service, make_api: MakeApi) -> None:
    """RFC 6750 section 2.1; no header overrides it, and what is assigned later holds from the next call on."""
    api = make_api(service.url)
    api.get_credits_api_v1_credits_get(_headers={"authorization": "Bearer other"})
    service.memory.tokens["later"] = dict(CREDITS)
    api.api_client.configuration.access_token = "later"
    assert good_call(api)
    assert tokens_sent(service) == [[f"Bearer {TOKEN}"], ["Bearer later"]]


@pytest.mark.parametrize("nothing", [None, "", lambda: None, lambda: ""])
def test_a_call_without_a_token_says_how_to_set_one(
    service: Service, make_api: MakeApi, nothing: Any
) -> None:
    """It is refused before anything is sent, unless something else says who is calling."""
    api = make_api(service.url, access_token=nothing)
    with pytest.raises(
        ApiValueError, match=r"ACCESS_TOKEN.*Configuration\.access_token"
    ):
        api.get_credits()
    assert service.requests == []
    api.api_client.configuration.access_token = None
    assert api.get_credits(auth_token=COOKIE).remaining == 750
    (seen,) = service.requests
    assert (seen.all("Authorization"), seen.all("Cookie")) == (
        [],
        [f"auth_token={COOKIE}"],
    )


def test_a_callable_is_asked_at_every_call(service: Service, make_api: MakeApi) -> None:
    """Once a call: what it gives now is what is sent now."""
    tokens = ["one", "two", "three"]
    service.memory.tokens = {token: dict(CREDITS) for token in tokens}
    api = make_api(service.url, access_token=iter(tokens).__next__)
    assert all(good_call(api) for _ in tokens)
    assert tokens_sent(service) == [[f"Bearer {token}"] for token in tokens]


def test_a_callable_without_renew_fails_at_once(
    service: Service, make_api: MakeApi
) -> None:
    """It is not asked a second time within a call: it has just said what it has."""
    tokens = iter([STALE, TOKEN])
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=tokens.__next__).get_credits()
    assert (list(tokens), len(service.requests)) == ([TOKEN], 1)


@pytest.mark.parametrize(
    ("source", "error", "cause"),
    [
        *((lambda: 7, ApiTypeError, None), (lambda: b"SECRET", ApiTypeError, None)),
        (lambda: {}["SECRET"], ApiException, KeyError("SECRET")),
        (
            lambda: Configuration(access_token="Bearer SECRET"),
            ApiValueError,
            None,
        ),  # an error of ours
    ],
)
def test_a_callable_that_fails_is_told(
    wire: Wire, source: Any, error: type[Exception], cause: Any
) -> None:
    """Only the package's own errors escape; another is the cause, and its text is not shown."""
    with pytest.raises(error, match="access_token") as caught:
        call(wire.url, source)
    assert repr(caught.value.__cause__) == repr(cause)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


@pytest.mark.parametrize(
    ("tokens", "end", "requests"),
    [
        ([STALE, TOKEN], nullcontext(), 2),
        ([STALE, STALE], pytest.raises(UnauthorizedException), 1),
        ([STALE, "staler", TOKEN], pytest.raises(UnauthorizedException), 2),
    ],
    ids=["a good token", "the same token", "another bad token"],
)
def test_one_renewal_a_call(
    service: Service, make_api: MakeApi, tokens: list[str], end: Any, requests: int
) -> None:
    """A 401 renews it, and the call is sent again if the token is another; a second 401 is the answer."""
    source = Renewable(*tokens)
    with end:
        assert good_call(make_api(service.url, access_token=source))
    assert (source.renewals, len(service.requests)) == (1, requests)


def test_32_threads_renew_a_callable_once(service: Service, make_api: MakeApi) -> None:
    """All meet the 401 at once; one renews, the others wait for what it got."""
    source = Renewable(STALE, TOKEN, "too many")
    api = make_api(service.url, access_token=source)
    assert together(lambda _: good_call(api))
    assert source.renewals == 1


# The password flow

FORM = {"grant_type": "password", "username": USER, "password": PASSWORD}


@pytest.mark.parametrize(
    "more",
    [
        *({}, {"password": "a b&c=d+e%20f/é/密码\n"}),
        {"scope": "read write", "client_id": "me", "client_secret": "CLIENT-SECRET"},
    ],
)
def test_the_form_is_that_of_the_rfc(
    wire: Wire, make_api: MakeApi, more: dict[str, str]
) -> None:
    """RFC 6749 section 4.3.2; any password survives it, and what was not given is not sent."""
    grant = PasswordGrant(
        TOKEN_PATH, **{"username": USER, "password": PASSWORD, **more}
    )
    wire.play(issue())
    assert good_call(make_api(wire.url, access_token=grant))
    assert form_of(wire.requests[0]) == FORM | more
    assert (
        b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in wire.requests[0]
    )
    assert [b"\r\nAuthorization: " in request for request in wire.requests] == [
        False,
        True,
    ]
    assert repr(grant) == f"PasswordGrant(token_url={TOKEN_PATH!r}, username={USER!r})"


@pytest.mark.parametrize(
    "arguments",
    [("", USER, PASSWORD), (TOKEN_PATH, "", PASSWORD), (TOKEN_PATH, USER, 5)],
)
def test_a_grant_checks_its_arguments(arguments: tuple[Any, ...]) -> None:
    """A wrong argument is told when it is given, without the others' values."""
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        PasswordGrant(*arguments)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("expires_in", "kept_for"),
    [(3600, 3540), (600, 540), (120, 60), (60, 30), (10, 5), (None, 10**9)],
)
def test_a_token_is_renewed_before_it_ends(
    api: CreditsApi,
    service: Service,
    pass_time: PassTime,
    expires_in: int | None,
    kept_for: int,
) -> None:
    """A minute before its end, at half of a short life; one without an end (RFC 6749 section 5.1) is kept."""
    service.memory.expires_in = expires_in
    assert good_call(api)
    pass_time(kept_for - 1)
    assert good_call(api)
    assert service.memory.grants == ["password"]
    pass_time(2)
    assert good_call(api)
    assert (
        service.memory.grants == ["password", "refresh_token"][: 2 if expires_in else 1]
    )


def test_the_newest_refresh_token_renews(wire: Wire, wired: CreditsApi) -> None:
    """Without any the password does; one without a successor stays good (RFC 6749 section 6)."""
    for refresh_token in (None, "R-1", "R-2", None, None):
        wire.play(issue(refresh_token=refresh_token))
        assert good_call(wired)
        wired.api_client.configuration.access_token.renew()  # type: ignore[union-attr]  # a PasswordGrant
    forms = [form_of(request) for request in wire.requests[::2]]
    refreshes = [
        {"grant_type": "refresh_token", "refresh_token": token}
        for token in ("R-1", "R-2", "R-2")
    ]
    assert forms == [FORM, FORM, *refreshes]


def test_a_refused_token_that_comes_again_is_not_sent_again(
    wire: Wire, wired: CreditsApi
) -> None:
    """The 401 is the answer if the renewal has changed nothing."""
    wire.play(issue(), reply(answer(b"", 401)), issue())
    with pytest.raises(UnauthorizedException):
        wired.get_credits()
    assert len(wire.requests) == 3


def test_a_refresh_token_takes_the_place_of_the_password(
    api: CreditsApi, service: Service, make_api: MakeApi
) -> None:
    """It is nowhere in the grant any more, not even in its pickle, which goes on with the refresh token."""
    grant = api.api_client.configuration.access_token
    assert PASSWORD.encode() in pickle.dumps(grant)
    assert good_call(api)
    pickled = pickle.dumps(grant)
    assert PASSWORD.encode() not in pickled
    service.memory.tokens.clear()
    assert good_call(make_api(service.url, access_token=pickle.loads(pickled)))  # noqa: S301  # our own bytes
    assert service.memory.grants == ["password", "refresh_token"]


def test_a_password_may_be_a_callable(service: Service, make_api: MakeApi) -> None:
    """It is asked when a password is needed: for the first token, and when the refresh token is refused."""
    passwords = iter([PASSWORD, PASSWORD, "one too many"])
    api = make_api(
        service.url, access_token=PasswordGrant(TOKEN_PATH, USER, passwords.__next__)
    )
    assert all(good_call(api) for _ in range(2))
    service.memory.refresh_tokens.clear()
    service.memory.tokens.clear()
    assert good_call(api)
    assert (service.memory.grants, list(passwords)) == (
        ["password", "password"],
        ["one too many"],
    )
    assert (
        len(service.requests) == 3 + 4
    )  # one refused, the refresh refused, a password accepted, credits


def test_a_refused_refresh_token_without_a_password_is_told(
    api: CreditsApi, service: Service
) -> None:
    """The password is forgotten, so somebody has to log in again; later calls say so, too."""
    assert good_call(api)
    service.memory.refresh_tokens.clear()
    service.memory.tokens.clear()
    for _ in range(2):
        with pytest.raises(UnauthorizedException):
            api.get_credits()
    assert [seen.path for seen in service.requests].count(
        TOKEN_PATH
    ) == 2  # what was refused is not sent again


def test_the_flow_works_with_the_sandbox(sandbox: Sandbox, make_api: MakeApi) -> None:
    """A token is renewed when it expires; what the endpoint fails to look at is good for the next try."""
    sandbox.require_client("me", "CLIENT-SECRET")
    account = sandbox.account
    grant = PasswordGrant(
        "api/v1/auth/token",
        account.username,
        account.password,
        "read",
        "me",
        "CLIENT-SECRET",
    )
    api = make_api(sandbox.url, access_token=grant)
    for _ in range(3):
        assert good_call(api)
        sandbox.expire(
            sandbox.requests[-1].headers["Authorization"].removeprefix("Bearer ")
        )
    sandbox.fail(503, path=TOKEN_PATH, retry_after=0)
    with pytest.raises(ServiceException):
        api.get_credits()
    assert good_call(api)
    statuses = [(each.path == TOKEN_PATH, each.status) for each in sandbox.requests]
    renewed = [(False, 401), (True, 200), (False, 200)]
    assert statuses == [
        *renewed[1:],
        *renewed,
        *renewed,
        (False, 401),
        (True, 503),
        *renewed,
    ]
    asked = [
        parse_qs(each.body.decode())["grant_type"]
        for each in sandbox.requests
        if each.body
    ]
    assert asked == [["password"], *[["refresh_token"]] * 4]


WRONG_PASSWORD = '{"error": "invalid_grant", "error_description": "Wrong password."}'


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (
            400,
            WRONG_PASSWORD,
            UnauthorizedException,
            ["invalid_grant", "Wrong password"],
        ),
        (400, '{"error": "invalid_scope"}', UnauthorizedException, ["invalid_scope"]),
        (
            400,
            '{"error": "a", "error_description": "b\\nc"}',
            UnauthorizedException,
            ["b c"],
        ),
        (
            401,
            '{"detail": "Incorrect username"}',
            UnauthorizedException,
            ["Incorrect username"],
        ),  # as FastAPI says it
        *(
            (400, body, UnauthorizedException, [])
            for body in ("<html>no</html>", "[1, 2]", '{"error": 5}')
        ),
        *((403, "", UnauthorizedException, []), (404, "", NotFoundException, [])),
        *((status, "", ServiceException, []) for status in (500, 503)),
        *(
            (200, body, ApiDecodeException, [])
            for body in ("", "<html>Sign in</html>", '{"token": "TOKEN-SECRET"}')
        ),
        *(
            (200, f'{{"access_token": {token}}}', ApiDecodeException, [])
            for token in ("5", '""', '"SECRET\\r\\nX: y"')
        ),
        (
            200,
            '{"access_token": "TOKEN-SECRET", "expires_in": "soon"}',
            ApiDecodeException,
            [],
        ),
    ],
)
def test_an_answer_without_a_token_is_told(
    wire: Wire,
    wired: CreditsApi,
    status: int,
    body: str,
    error: type[ApiException],
    says: list[str],
) -> None:
    """In one line, with the endpoint and why it refused; a POST is sent once. No part of a token is shown."""
    wire.play(
        otherwise=reply(answer(body.encode(), status, headers=[("Retry-After", "0")]))
    )
    with pytest.raises(error) as caught:
        wired.get_credits()
    message = str(caught.value)
    assert [
        words
        for words in (str(status), wire.url + TOKEN_PATH, *says)
        if words not in message
    ] == []
    assert (caught.value.status, message.isprintable(), len(wire.requests)) == (
        status,
        True,
        1,
    )
    assert "SECRET" not in message + repr(vars(caught.value))


def test_a_lost_token_request_is_not_sent_again(wire: Wire, wired: CreditsApi) -> None:
    """A POST may have had its effect."""
    wire.play(otherwise=reply(CLOSE))
    with pytest.raises(ApiConnectionException):
        wired.get_credits()
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("prefix", "token_url", "path"),
    [
        *(
            ("", url, "/api/v1/auth/token")
            for url in ("api/v1/auth/token", "/api/v1/auth/token")
        ),
        *(
            (prefix, "api/v1/auth/token", "/base/api/v1/auth/token")
            for prefix in ("/base", "/base/")
        ),
        *(("/base", url, "/login") for url in ("/login", "../login")),
    ],
)
def test_a_relative_token_url(
    wire: Wire, make_api: MakeApi, prefix: str, token_url: str, path: str
) -> None:
    """As OpenAPI has `tokenUrl` (RFC 3986 section 5): under the prefix, unless it starts with `/`."""
    wire.play(issue())
    assert good_call(
        make_api(
            wire.url + prefix, access_token=PasswordGrant(token_url, USER, PASSWORD)
        )
    )
    assert wire.requests[0].startswith(f"POST {path} HTTP/1.1\r\n".encode())


def test_an_absolute_token_url_is_another_server(
    wire: Wire, make_wire: MakeWire, make_api: MakeApi
) -> None:
    """The password goes there and nowhere else, the token to the host."""
    tokens = make_wire()
    tokens.play(issue())
    assert good_call(
        make_api(
            wire.url, access_token=PasswordGrant(f"{tokens.url}/login", USER, PASSWORD)
        )
    )
    assert PASSWORD.encode() in tokens.requests[0]
    assert PASSWORD.encode() not in b"".join(wire.requests)


def test_a_redirect_gets_no_password(
    wire: Wire, make_wire: MakeWire, wired: CreditsApi
) -> None:
    """A token endpoint that sends us elsewhere is an error; the other place is not even asked."""
    elsewhere = make_wire()
    wire.play(reply(answer(b"", 307, headers=[("Location", f"{elsewhere.url}/login")])))
    with pytest.raises(ApiException, match="redirects"):
        wired.get_credits()
    assert elsewhere.connections == 0


def test_32_clients_with_one_grant_fetch_one_token(
    service: Service, make_api: MakeApi, pass_time: PassTime
) -> None:
    """Whether there is no token yet, it has ended, or it is refused: one thread fetches, 31 wait."""
    grant = PasswordGrant(TOKEN_PATH, USER, PASSWORD)
    apis = [make_api(service.url, access_token=grant) for _ in range(32)]
    refuse = service.memory.tokens.clear
    for number, happens in enumerate(
        [lambda: None, lambda: pass_time(3600), refuse, refuse, refuse], 1
    ):
        happens()
        assert together(lambda which: good_call(apis[which]))
        assert len(service.memory.grants) == number


@pytest.mark.parametrize("timeout", [0.1, 1e-9])
def test_a_renewal_that_takes_too_long_ends_the_wait(
    wire: Wire, wired: CreditsApi, timeout: float
) -> None:
    """Whoever waits for another thread's renewal waits no longer than its own deadline, which may be past."""
    wire.play(reply(Wait(0.8), *issue().actions))
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(good_call, wired)
        while not wire.requests:
            time.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(ApiTimeoutException):
            wired.get_credits(timeout=timeout)
        assert time.monotonic() - began < 0.6
        assert renewing.result()


# Cookies, and credentials of the call


@pytest.mark.parametrize(
    ("client", "arguments", "sent"),
    [
        *((None, {}, ""), (None, {"auth_token": ""}, ""), ("a=1; b=2", {}, "a=1; b=2")),
        (None, {"auth_token": COOKIE}, f"auth_token={COOKIE}"),
        (None, {"auth_token": '"quoted"'}, 'auth_token="quoted"'),
        ("a=1", {"auth_token": COOKIE}, f"a=1; auth_token={COOKIE}"),
        ("a=1", {"_headers": {"cookie": "c=3"}}, "c=3"),
        (
            "a=1",
            {"_headers": {"cookie": "c=3"}, "auth_token": COOKIE},
            f"c=3; auth_token={COOKIE}",
        ),
        (
            "a=1",
            {"_headers": {"Cookie": ""}, "auth_token": COOKIE},
            f"auth_token={COOKIE}",
        ),
        (
            "a=1",
            {"_request_auth": {"in": "cookie", "key": "s", "value": "4"}},
            "a=1; s=4",
        ),
    ],
)
def test_cookies_share_a_header(
    wire: Wire, make_api: MakeApi, client: Any, arguments: dict[str, Any], sent: str
) -> None:
    """RFC 6265 section 5.4: one line; those of the call's own header replace those of the client."""
    api = make_api(wire.url)
    api.api_client.cookie = client
    api.get_credits(**arguments)
    lines = wire.requests[0].decode().split("\r\n")
    cookies = [
        line.partition(": ")[2] for line in lines if line.lower().startswith("cookie:")
    ]
    assert cookies == [sent] * bool(sent)


def test_request_auth_replaces_the_credentials(
    service: Service, make_api: MakeApi
) -> None:
    """In a header, in a cookie, in the query: and the configuration's token stays at home."""
    service.memory.tokens["other"] = service.memory.cookies["other"] = dict(CREDITS)
    source = Renewable(TOKEN)
    api = make_api(service.url, access_token=source)
    api.get_credits(
        _request_auth={
            "type": "oauth2",
            "in": "header",
            "key": "Authorization",
            "value": "Bearer other",
        }
    )
    api.get_credits(
        _request_auth={
            "type": "apiKey",
            "in": "cookie",
            "key": "auth_token",
            "value": "other",
        }
    )
    with pytest.raises(UnauthorizedException):
        api.get_credits_api_v1_credits_get(_request_auth={"in": "query", "key": "key", "value": "a b&c"})
    assert tokens_sent(service) == [["Bearer other"], [], []]
    assert service.requests[1].all("Cookie") == ["auth_token=other"]
    assert parse_qs(service.requests[2].query) == {"key": ["a b&c"]}
    assert source.renewals == 0


# Refusals before any packet


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            {"_headers": {name: "SECRET"}}
            for name in ("", "X Y", "X:Y", "X\r\nY", "X-\xe9", "X\0")
        ),
        *(
            {"_request_auth": {"in": place, "key": "x y", "value": "SECRET"}}
            for place in ("header", "cookie", "body")
        ),
        {"_request_auth": {"key": "Authorization", "value": "SECRET"}},
        {"_request_auth": {"in": "header", "value": "SECRET"}},
        {"_request_auth": {"in": "header", "key": "Authorization"}},
        {"_request_auth": {"in": "header", "key": "Authorization", "value": 5}},
        {"_request_auth": {"in": "query", "key": "key", "value": "SECRET\n"}},
    ],
    ids=repr,
)
def test_wrong_credentials_of_a_call_are_refused(
    wire: Wire, arguments: dict[str, Any]
) -> None:
    """A place, a name or a value that cannot be; the value is not shown."""
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        call(wire.url, TOKEN, **arguments)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


USES: dict[str, Callable[[str, str], object]] = {
    "access_token": Configuration,
    "access_token later": lambda url, value: setattr(
        Configuration(url), "access_token", value
    ),
    "access_token from its source": lambda url, value: call(url, lambda: value),
    "auth_token": lambda url, value: call(url, auth_token=value),
    "Cookie of the client": lambda url, value: ApiClient(
        Configuration(url), cookie=value
    ),
    "User-Agent": lambda url, value: setattr(
        ApiClient(Configuration(url)), "user_agent", value
    ),
    "X-Key of the client": lambda url, value: ApiClient(
        Configuration(url), "X-Key", value
    ),
    "X-Key as a default": lambda url, value: ApiClient(
        Configuration(url)
    ).set_default_header("X-Key", value),
    "X-Key for the proxy": lambda url, value: Configuration(
        url, proxy_headers={"X-Key": value}
    ),
    "X-Key of the call": lambda url, value: call(url, _headers={"X-Key": value}),
    "Authorization of the call": lambda url, value: call(
        url, _headers={"authorization": value}
    ),
    "key in a header": lambda url, value: call(
        url, _request_auth={"in": "header", "key": "key", "value": value}
    ),
    "key in a cookie": lambda url, value: call(
        url, _request_auth={"in": "cookie", "key": "key", "value": value}
    ),
}


@pytest.mark.parametrize("value", UNSENDABLE, ids=ascii)
@pytest.mark.parametrize("use", USES)
def test_what_can_be_neither_header_nor_cookie_is_refused(
    wire: Wire, use: str, value: str
) -> None:
    """Controls, line breaks, folding and characters beyond ASCII: named by field, the value not shown."""
    with pytest.raises(ApiValueError, match=f"(?i){use.partition(' ')[0]}") as caught:
        USES[use](wire.url, value)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


@pytest.mark.parametrize(
    ("token", "arguments"),
    [
        *(
            (TOKEN, {}),
            (PasswordGrant(TOKEN_PATH, USER, PASSWORD), {}),
            (None, {"auth_token": COOKIE}),
        ),
        (None, {"_headers": {"X-Api-Key": "SECRET"}}),
        *(
            (None, {"_request_auth": {"in": place, "key": "X", "value": "SECRET"}})
            for place in ("header", "query")
        ),
    ],
)
def test_no_credential_goes_unprotected(
    outside: MakeApi, wire: Wire, token: Any, arguments: dict[str, Any]
) -> None:
    """Plain http to another machine is refused before any packet; the message says what allows it."""
    api = outside(access_token=token)
    with pytest.raises(
        ApiValueError, match=r"api\.example\.com.*allow_insecure_http=True"
    ) as caught:
        api.get_credits(**arguments)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0
    api.api_client.configuration.allow_insecure_http = True
    with suppress(ApiDecodeException):  # what comes is no answer of a token endpoint
        api.get_credits(**arguments)
    assert len(wire.requests) == 1


def test_a_source_is_not_even_asked_for_an_unprotected_call(
    outside: MakeApi, wire: Wire
) -> None:
    """What cannot be sent is not fetched."""
    tokens = iter([TOKEN])
    with pytest.raises(ApiValueError, match="allow_insecure_http"):
        outside(access_token=tokens.__next__).get_credits()
    assert (list(tokens), wire.connections) == ([TOKEN], 0)


def test_nothing_secret_may_go_out_unprotected(outside: MakeApi, wire: Wire) -> None:
    """A call without credentials over plain http is nobody's loss."""
    client = outside(access_token=None).api_client
    assert (
        client.call_api("GET", f"{client.configuration.host}/api/v1/credits").status
        == 200
    )
    assert wire.connections == 1
