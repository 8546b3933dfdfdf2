"""Credentials reach the service and are renewed; what must not be sent is refused."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import pytest

from at_client import (
    ApiClient,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    Configuration,
    CreditsApi,
    UnauthorizedException,
)
from support.ending import good_call
from support.facts import COOKIE, CREDITS, TOKEN
from support.makers import MakeApi
from support.service import Service
from support.wire import SILENCE, Wire, answer, reply

STALE = "TOKEN-SECRET-stale"
THREADS = 32


class Renewable:
    """A token source of a user's own; each renewal goes on to the next token."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens
        self.renewals = 0

    def __call__(self) -> str:
        return self.tokens[self.renewals]

    def renew(self) -> None:
        time.sleep(0.1)  # long enough for other threads to ask, too
        self.renewals += 1


class Blocked(Renewable):
    """A source whose renewal does not end before it is told to."""

    def __init__(self, *tokens: str) -> None:
        super().__init__(*tokens)
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def renew(self) -> None:
        self.has_begun.set()
        self.may_end.wait(10)
        self.renewals += 1


def tokens_sent(service: Service) -> list[list[str]]:
    """Return the `Authorization` headers of every request."""
    return [seen.all("Authorization") for seen in service.requests]


def call(url: str, token: Any = TOKEN, **arguments: Any) -> None:
    """Make a call on a client of its own."""
    with ApiClient(Configuration(url, token)) as client:
        CreditsApi(client).get_credits_api_v1_credits_get(**arguments)


# ---- Tokens: a str, a callable, a callable that can renew


def test_a_str_is_sent_as_a_bearer_token(service: Service, make_api: MakeApi) -> None:
    """No header of a call overrides the token; one that is assigned is sent next."""
    api = make_api(service.url)
    api.get_credits_api_v1_credits_get(_headers={"authorization": "Bearer other"})

    service.memory.tokens["later"] = dict(CREDITS)
    api.api_client.configuration.access_token = "later"
    assert good_call(api)

    assert tokens_sent(service) == [[f"Bearer {TOKEN}"], ["Bearer later"]]


def test_a_token_for_one_call_alone(service: Service, make_api: MakeApi) -> None:
    """`get_credits(access_token=...)` replaces the configured token once."""
    service.memory.tokens["other"] = dict(CREDITS)
    api = make_api(service.url)

    api.get_credits(access_token="other")
    api.get_credits()

    assert tokens_sent(service) == [["Bearer other"], [f"Bearer {TOKEN}"]]


def test_a_callable_is_asked_at_every_call(service: Service, make_api: MakeApi) -> None:
    """What a callable returns now is what is sent now; it is asked once a call."""
    tokens = ["one", "two", "three"]
    service.memory.tokens = {token: dict(CREDITS) for token in tokens}
    api = make_api(service.url, access_token=iter(tokens).__next__)

    assert all(good_call(api) for _ in tokens)

    assert tokens_sent(service) == [[f"Bearer {token}"] for token in tokens]


def test_a_callable_without_renew_fails_at_once(
    service: Service, make_api: MakeApi
) -> None:
    """A source that cannot renew is not asked again after a 401."""
    tokens = iter([STALE, TOKEN])
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=tokens.__next__).get_credits()
    assert list(tokens) == [TOKEN]
    assert len(service.requests) == 1


def test_a_renewed_token_is_sent_once_more(service: Service, make_api: MakeApi) -> None:
    """A 401 renews the token, and the call succeeds with the next one."""
    source = Renewable(STALE, TOKEN)
    assert good_call(make_api(service.url, access_token=source))
    assert source.renewals == 1
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    ("second", "requests"),
    [
        pytest.param(STALE, 1, id="the same token"),
        pytest.param("staler", 2, id="another bad token"),
    ],
)
def test_a_token_is_renewed_once_a_call(
    service: Service, make_api: MakeApi, second: str, requests: int
) -> None:
    """A renewal that does not help ends the call with the 401."""
    source = Renewable(STALE, second, TOKEN)
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=source).get_credits()
    assert source.renewals == 1
    assert len(service.requests) == requests


def test_many_threads_renew_once(service: Service, make_api: MakeApi) -> None:
    """All threads meet the 401 at once; one renews, the others use what it got."""
    source = Renewable(STALE, TOKEN, "too many")
    api = make_api(service.url, access_token=source)
    start = threading.Barrier(THREADS)

    def call_together(_: int) -> bool:
        start.wait(10)
        return good_call(api)

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(call_together, range(THREADS)))
    assert source.renewals == 1


def test_waiting_for_another_threads_renewal_ends_in_time(
    service: Service, make_api: MakeApi
) -> None:
    """A call waits for a renewal no longer than its own deadline allows."""
    source = Blocked(STALE, TOKEN)
    api = make_api(service.url, access_token=source)
    with ThreadPoolExecutor(1) as threads:
        renewing = threads.submit(good_call, api)
        assert source.has_begun.wait(5)

        began = time.monotonic()
        with pytest.raises(ApiTimeoutException, match="Another thread took too long"):
            api.get_credits(timeout=0.2)
        assert time.monotonic() - began < 0.6

        source.may_end.set()
        assert renewing.result()


def test_a_renewal_takes_from_the_time_of_the_call(
    wire: Wire, make_api: MakeApi
) -> None:
    """After a slow renewal, the second request has only the time that is left."""
    wire.play(reply(answer(b"", 401)), otherwise=reply(SILENCE))
    api = make_api(wire.url, access_token=Renewable(STALE, TOKEN), timeout=0.5)

    began = time.monotonic()
    with pytest.raises(ApiTimeoutException, match=r"the call took 0\.5 s"):
        api.get_credits()

    assert time.monotonic() - began < 0.8
    assert len(wire.requests) == 2


# ---- Cookies, and credentials of the call

JAR = "a=1; b=2"
SESSION = {"in": "cookie", "key": "auth_token", "value": COOKIE}

COOKIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the client's": ({}, [JAR]),
    "an argument": ({"auth_token": COOKIE}, [f"{JAR}; auth_token={COOKIE}"]),
    "in quotes": ({"auth_token": '"q"'}, [f'{JAR}; auth_token="q"']),
    "_request_auth": ({"_request_auth": SESSION}, [f"{JAR}; auth_token={COOKIE}"]),
    "a header and an argument": (
        {"_headers": {"cookie": "c=3"}, "auth_token": COOKIE},
        [f"c=3; auth_token={COOKIE}"],
    ),
    "an empty header and an argument": (
        {"_headers": {"Cookie": ""}, "auth_token": COOKIE},
        [f"auth_token={COOKIE}"],
    ),
}


@pytest.mark.parametrize(("arguments", "sent"), COOKIES.values(), ids=COOKIES)
def test_cookies_share_a_header(
    service: Service, make_api: MakeApi, arguments: dict[str, Any], sent: list[str]
) -> None:
    """All cookies go out on one line; a `Cookie` header replaces the client's."""
    api = make_api(service.url)
    api.api_client.cookie = JAR
    api.get_credits_api_v1_credits_get(**arguments)
    assert service.requests[0].all("Cookie") == sent


def test_no_cookie_is_sent_unless_there_is_one(
    service: Service, make_api: MakeApi
) -> None:
    """A call without cookies has no `Cookie` header."""
    make_api(service.url).get_credits()
    assert service.requests[0].all("Cookie") == []


def test_request_auth_in_a_header(service: Service, make_api: MakeApi) -> None:
    """`_request_auth` replaces the token, whose source is asked for nothing."""
    service.memory.tokens["other"] = dict(CREDITS)
    source = Renewable(TOKEN)
    auth = {"in": "header", "key": "Authorization", "value": "Bearer other"}
    api = make_api(service.url, access_token=source)

    api.get_credits_api_v1_credits_get(_request_auth=auth)

    assert tokens_sent(service) == [["Bearer other"]]
    assert source.renewals == 0


def test_request_auth_in_a_cookie(service: Service, make_api: MakeApi) -> None:
    """A cookie of `_request_auth` goes out without the configured token."""
    service.memory.cookies["other"] = dict(CREDITS)
    auth = {"in": "cookie", "key": "auth_token", "value": "other"}

    make_api(service.url).get_credits_api_v1_credits_get(_request_auth=auth)

    assert service.requests[0].all("Cookie") == ["auth_token=other"]
    assert tokens_sent(service) == [[]]


def test_request_auth_in_the_query(service: Service, make_api: MakeApi) -> None:
    """A key of `_request_auth` is percent-encoded into the query."""
    auth = {"in": "query", "key": "key", "value": "a b&c"}
    with pytest.raises(UnauthorizedException):
        make_api(service.url).get_credits_api_v1_credits_get(_request_auth=auth)
    assert parse_qs(service.requests[0].query) == {"key": ["a b&c"]}
    assert tokens_sent(service) == [[]]


# ---- Refusals before anything is sent

WRONG_AUTH: dict[str, Any] = {
    "a header name with a blank": {"in": "header", "key": "x y", "value": "SECRET"},
    "an unknown place": {"in": "body", "key": "x", "value": "SECRET"},
    "no value": {"in": "header", "key": "Authorization"},
    "a number as value": {"in": "header", "key": "Authorization", "value": 5},
    "a line break in the query": {"in": "query", "key": "k", "value": "SECRET\n"},
}


@pytest.mark.parametrize("auth", WRONG_AUTH.values(), ids=WRONG_AUTH)
def test_wrong_credentials_of_a_call_are_refused(wire: Wire, auth: Any) -> None:
    """The error names `_request_auth` or what is wrong, and does not show the value."""
    with pytest.raises((ApiTypeError, ApiValueError)) as caught:
        call(wire.url, _request_auth=auth)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


INJECTED = "SECRET\r\nX-Evil: 1"


def in_place(place: str, value: str) -> dict[str, str]:
    """Write credentials as generated clients take them."""
    return {"in": place, "key": "key", "value": value}


PLACES: dict[str, Callable[[str], object]] = {
    "access_token": lambda _: Configuration(access_token=INJECTED),
    "access_token of a source": lambda url: call(url, lambda: INJECTED),
    "auth_token": lambda url: call(url, auth_token=INJECTED),
    "cookie of the client": lambda _: ApiClient(cookie=INJECTED),
    "X-Key of the proxy": lambda _: Configuration(proxy_headers={"X-Key": INJECTED}),
    "X-Key of the call": lambda url: call(url, _headers={"X-Key": INJECTED}),
    "key in a header": lambda url: call(
        url, _request_auth=in_place("header", INJECTED)
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_value_adds_a_header(wire: Wire, place: str) -> None:
    """A line break is refused in each place, by its name; the value is not shown."""
    name = place.partition(" ")[0]
    with pytest.raises(ApiValueError, match=name) as caught:
        PLACES[place](wire.url)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


CREDENTIALS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a token": (TOKEN, {}),
    "a token of a source": (lambda: TOKEN, {}),
    "_request_auth in any header": (
        None,
        {"_request_auth": {"in": "header", "key": "X", "value": "SECRET"}},
    ),
}


@pytest.mark.parametrize(("token", "arguments"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_no_credential_goes_out_in_the_open(
    wire: Wire, make_api: MakeApi, token: Any, arguments: dict[str, Any]
) -> None:
    """Plain http to another machine is refused, unless it is explicitly allowed."""
    api = make_api("http://api.example.com", access_token=token, proxy=wire.url)
    with pytest.raises(ApiValueError, match=r"api\.example\.com.*insecure") as caught:
        api.get_credits_api_v1_credits_get(**arguments)
    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0

    api.api_client.configuration.allow_insecure_http = True
    api.get_credits_api_v1_credits_get(**arguments)
    assert len(wire.requests) == 1


def test_a_call_without_credentials_may_be_read(wire: Wire, make_api: MakeApi) -> None:
    """Plain http to another machine is fine where there is nothing to hide."""
    assert good_call(
        make_api("http://api.test.invalid", access_token=None, proxy=wire.url)
    )
    assert wire.connections == 1
