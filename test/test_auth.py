"""Credentials reach the service and are renewed; what must not be sent is refused."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import pytest

from at_client import (
    ApiClient,
    ApiTimeoutException,
    ApiTypeError,
    ApiValueError,
    UnauthorizedException,
)
from support.ending import SLACK_SECONDS, good_call
from support.facts import CREDITS, TOKEN
from support.makers import MakeApi
from support.service import Service
from support.wire import SILENCE, Wire, answer, reply

STALE = "TOKEN-SECRET-stale"
THREADS = 32


class Renewable:
    """A token source of a user's own; each renewal goes on to the next token."""

    def __init__(self, *tokens: str, seconds: float = 0.1) -> None:
        self.tokens = tokens
        self.seconds = seconds  # long enough for other threads to ask, too
        self.renewals = 0
        self.has_begun = threading.Event()

    def __call__(self) -> str:
        return self.tokens[self.renewals]

    def renew(self) -> None:
        self.has_begun.set()
        time.sleep(self.seconds)
        self.renewals += 1


def tokens_sent(service: Service) -> list[list[str]]:
    """Return the `Authorization` headers of every request."""
    return [seen.all("Authorization") for seen in service.requests]


# ---- Tokens: a str, a callable, a callable that can renew


def test_a_token_for_one_call_alone(service: Service, make_api: MakeApi) -> None:
    """`get_credits(access_token=...)` replaces the configured token once."""
    service.memory.tokens["other"] = dict(CREDITS)
    api = make_api(service.url)

    api.get_credits(access_token="other")
    api.get_credits()

    assert tokens_sent(service) == [
        ["Bearer other"],
        [f"Bearer {TOKEN}"],
    ]


def test_a_callable_is_asked_at_every_call(service: Service, make_api: MakeApi) -> None:
    """What a callable returns now is what is sent now; it is asked once a call."""
    service.memory.tokens["other"] = dict(CREDITS)
    tokens = iter([TOKEN, "other"])
    api = make_api(service.url, access_token=tokens.__next__)

    assert good_call(api)
    assert good_call(api)

    assert tokens_sent(service) == [
        [f"Bearer {TOKEN}"],
        ["Bearer other"],
    ]


def test_a_callable_without_renew_fails_at_once(
    service: Service, make_api: MakeApi
) -> None:
    """A source that cannot renew is not asked again after a 401."""
    tokens = iter([STALE, TOKEN])
    with pytest.raises(UnauthorizedException):
        make_api(service.url, access_token=tokens.__next__).get_credits()
    assert list(tokens) == [TOKEN]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("second", "requests"),
    [
        (STALE, 1),
        ("staler", 2),
    ],
    ids=["the same token", "another bad token"],
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
    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(good_call, [api] * THREADS))
    assert source.renewals == 1


def test_waiting_for_another_threads_renewal_ends_in_time(
    service: Service, make_api: MakeApi
) -> None:
    """A call waits for a renewal no longer than its own deadline allows."""
    source = Renewable(STALE, TOKEN, seconds=1.0)
    api = make_api(service.url, access_token=source)
    with ThreadPoolExecutor(1) as threads:
        renewing = threads.submit(good_call, api)
        assert source.has_begun.wait(5)

        began = time.monotonic()
        with pytest.raises(ApiTimeoutException, match="Another thread took too long"):
            api.get_credits(timeout=0.2)
        assert time.monotonic() - began < 0.6

        assert renewing.result()


def test_a_renewal_takes_from_the_time_of_the_call(
    wire: Wire, make_api: MakeApi
) -> None:
    """After a slow renewal, the second request has only the time that is left."""
    wire.play(reply(answer(b"", 401)), otherwise=reply(SILENCE))
    source = Renewable(STALE, TOKEN, seconds=0.8)
    api = make_api(wire.url, access_token=source, timeout=1.0)

    began = time.monotonic()
    with pytest.raises(ApiTimeoutException, match=r"the call took 1\.0 s"):
        api.get_credits()

    assert time.monotonic() - began < 1.0 + SLACK_SECONDS
    assert len(wire.requests) == 2


# ---- Cookies, and credentials of the call

JAR = "a=1; b=2"


def in_place(place: str, key: str, value: object) -> dict[str, Any]:
    """Write credentials of a call as generated clients take them."""
    auth = {
        "in": place,
        "key": key,
        "value": value,
    }
    return {"_request_auth": auth}


COOKIES: dict[str, tuple[dict[str, Any], str]] = {
    "an argument": ({"auth_token": "q"}, f"{JAR}; auth_token=q"),
    "_request_auth": (in_place("cookie", "session", "q"), f"{JAR}; session=q"),
    "a header and an argument": (
        {"_headers": {"cookie": "c=3"}, "auth_token": "q"},
        "c=3; auth_token=q",
    ),
    "an empty header and an argument": (
        {"_headers": {"Cookie": ""}, "auth_token": "q"},
        "auth_token=q",
    ),
}


@pytest.mark.parametrize(("arguments", "sent"), COOKIES.values(), ids=COOKIES)
def test_cookies_share_a_header(
    wire: Wire, make_api: MakeApi, arguments: dict[str, Any], sent: str
) -> None:
    """All cookies go out on one line; a `Cookie` header replaces the client's."""
    api = make_api(wire.url)
    api.api_client.cookie = JAR
    api.get_credits_api_v1_credits_get(**arguments)

    request = wire.requests[0].decode()
    assert f"Cookie: {sent}\r\n" in request
    assert request.count("ookie: ") == 1


def test_request_auth_in_the_query(service: Service, make_api: MakeApi) -> None:
    """A key of `_request_auth` is percent-encoded; the token's source is not asked."""
    auth = in_place("query", "key", "a b&c")
    api = make_api(service.url, access_token=pytest.fail)

    with pytest.raises(UnauthorizedException):
        api.get_credits_api_v1_credits_get(**auth)

    assert parse_qs(service.requests[0].query) == {"key": ["a b&c"]}
    assert tokens_sent(service) == [[]]


# ---- Refusals before anything is sent

INJECTED = "SECRET\r\nX-Evil: 1"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a name with a blank": (in_place("header", "x y", "SECRET"), "'x y' is"),
    "an unknown place": (in_place("body", "x", "SECRET"), "_request_auth.*'in'"),
    "a number": (in_place("header", "x", 5), "_request_auth.* be str"),
    "a header of two lines": (in_place("header", "X-Key", INJECTED), "header X-Key"),
    "a query of two lines": (in_place("query", "key", INJECTED), "_request_auth"),
    "auth_token": ({"auth_token": INJECTED}, "auth_token has"),
    "_headers": ({"_headers": {"X-Note": INJECTED}}, "header X-Note"),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG)
def test_wrong_credentials_of_a_call_are_refused(
    wire: Wire, make_api: MakeApi, arguments: dict[str, Any], says: str
) -> None:
    """No value adds a header, and the error does not show the value."""
    api = make_api(wire.url)
    with pytest.raises((ApiTypeError, ApiValueError), match=f"^{says}") as caught:
        api.get_credits_api_v1_credits_get(**arguments)

    assert "SECRET" not in str(caught.value)
    assert wire.connections == 0


def test_a_cookie_of_the_client_is_checked() -> None:
    """A line break is refused when the client is made."""
    with pytest.raises(ApiValueError, match=r"^cookie has"):
        ApiClient(cookie=INJECTED)


@pytest.mark.parametrize(
    "token",
    [INJECTED, lambda: INJECTED],
    ids=["a str", "a source"],
)
def test_a_token_adds_no_header(wire: Wire, make_api: MakeApi, token: Any) -> None:
    """A line break in a token is refused, whether it was set or comes from a source."""
    with pytest.raises(ApiValueError, match=r"^access_token .*no line break"):
        make_api(wire.url, access_token=token).get_credits()

    assert wire.connections == 0
