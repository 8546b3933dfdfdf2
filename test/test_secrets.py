"""Nothing shows: marked secrets, walked through everything that people and tools print, log and send."""

from __future__ import annotations

import base64
import contextlib
import copyreg
import dataclasses
import io
import json
import logging
import pickle
import traceback
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest
import rich.pretty
import rich.traceback
import sentry_sdk
import urllib3
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception
from tblib.pickling_support import pickle_exception, pickle_traceback

from at_client import (
    ApiClient,
    ApiConnectionException,
    ApiDecodeException,
    ApiException,
    ApiTimeoutException,
    Configuration,
    CreditsApi,
    OpenApiException,
    PasswordGrant,
    ServiceException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from support.ending import good_call
from support.facts import COOKIE, CREDITS_BODY, PROXY_PASSWORD, PROXY_USER, TOKEN
from support.service import PASSWORD, USER
from support.wire import CLOSE, SILENCE, Wire, answer, refusing_port, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sentry_sdk.envelope import Envelope

    from support.proxy import HttpProxy
    from support.service import Service
    from support.tls import Authority
    from support.wire import Step

pytestmark = pytest.mark.usefixtures("short_waits")

TESTS = str(Path(__file__).parent)

CLIENT_COOKIE = "JAR-SECRET-31c0fe"
CLIENT_HEADER = "DEFAULT-SECRET-2f81aa"
CALL_HEADER = "HEADER-SECRET-70ad16"
CALL_AUTH = "CALL-SECRET-b3f2d9"
CLIENT_SECRET = "CLIENT-SECRET-8c44e0"
PROXY_HEADER = "PROXYHEADER-SECRET-f05b12"
ISSUED = ("TOKEN-SECRET-issued-", "REFRESH-SECRET-")

SECRETS = [
    *(TOKEN, COOKIE, CLIENT_COOKIE, CLIENT_HEADER, CALL_HEADER, CALL_AUTH),
    *(PASSWORD, CLIENT_SECRET, PROXY_PASSWORD, PROXY_HEADER, *ISSUED),
]


def leaks(places: dict[str, str | bytes]) -> list[str]:
    """Name the places where a secret shows: as it is, in Basic's base64, or percent-encoded."""
    basic = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
    forms = {basic, *SECRETS, *map(urllib.parse.quote, SECRETS)}
    found = []
    for place, text in places.items():
        seen = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        found += [f"{form} in {place}" for form in sorted(forms) if form in seen]
    return found


def walked(thing: object, depth: int = 12) -> Iterator[str]:
    """Write a thing the way a dumper would: `repr`, `str`, and its `vars` all the way down."""
    seen: set[int] = set()
    kept = []  # so that no `id` is used twice
    waiting: list[tuple[object, int]] = [(thing, depth)]
    while waiting:
        each, left = waiting.pop()
        if id(each) in seen or left == 0 or isinstance(each, type | type(contextlib)):
            continue
        if isinstance(each, urllib3.PoolManager):  # its idle connections hold what they last wrote and read
            continue
        seen.add(id(each))
        kept.append(each)
        yield repr(each)
        yield str(each)
        inner: list[object] = []
        if isinstance(each, dict):
            inner += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            inner += each
        if hasattr(each, "__dict__") and not callable(each):
            inner += vars(each).values()
        if dataclasses.is_dataclass(each) and not isinstance(each, type):
            inner.append(dataclasses.asdict(each))
        waiting += [(one, left - 1) for one in inner]


class Kept(Transport):
    """A transport that keeps what Sentry would send."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the event of an envelope."""
        event = envelope.get_event()
        if event is not None:
            self.events.append(dict(event))


def sentry_event(error: BaseException) -> dict[str, Any]:
    """Give the event that Sentry sends for an error, locals included, its own scrubber switched off."""
    kept = Kept()
    client = sentry_sdk.Client(
        dsn="https://public@sentry.example/1",
        transport=kept,
        default_integrations=False,  # they change the whole process
        include_local_variables=True,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint=hint, scope=sentry_sdk.Scope())
    (event,) = kept.events
    return event


def in_sentry(error: BaseException) -> Iterator[tuple[str, str]]:
    """Write what Sentry sends, by place: each local of each frame, and all the rest."""
    event = sentry_event(error)
    for value in event["exception"]["values"]:
        for frame in (value.pop("stacktrace", None) or {}).get("frames", ()):
            for name, shown in frame["vars"].items():
                place = f"{frame['abs_path']}, {name} of {frame['function']}"
                yield place, json.dumps(shown, default=repr)
    yield "event", json.dumps(event, default=repr)


def in_rich(error: BaseException) -> Iterator[tuple[str, str]]:
    """Write what rich prints of a traceback with locals, by place."""
    trace = rich.traceback.Traceback.extract(
        type(error), error, error.__traceback__, show_locals=True, locals_max_string=None, locals_max_length=None
    )
    for stack in trace.stacks:
        yield "message", f"{stack.exc_type} {stack.exc_value}"
        for frame in stack.frames:
            for name, shown in (frame.locals or {}).items():
                yield f"{frame.filename}, {name} of {frame.name}", str(shown)


def places_of(error: BaseException) -> dict[str, str | bytes]:
    """Give everything that is printed, logged, pickled or sent of an error."""
    places: dict[str, Any] = {
        "str": str(error),
        "repr": repr(error),
        "vars": "\n".join(walked(error)),
        "traceback": "".join(traceback.format_exception(error)),
        "pickle": pickle.dumps(error),
        "pickle of an old protocol": pickle.dumps(error, 0),
        "pickle with its causes": pickle_with_causes(error),
    }
    for cause in causes(error):
        places[f"cause {type(cause).__name__}"] = f"{cause} {cause!r}"
    for tool, frames in (("rich", in_rich(error)), ("Sentry", in_sentry(error))):
        for place, shown in frames:
            if not place.startswith(TESTS):  # a test has to know what it hides
                places[f"{tool}: {place}"] = places.get(f"{tool}: {place}", "") + shown
    return places


def without_locals(error: BaseException) -> dict[str, str | bytes]:
    """Give the same, less the local variables of frames and what Sentry and rich make of them."""
    places = places_of(error)
    return {place: text for place, text in places.items() if not place.startswith(("rich", "Sentry"))}


def pickle_with_causes(error: BaseException) -> bytes:
    """Pickle an error as tblib does it, which Dask switches on: tracebacks and causes go along."""
    picklers: dict[type, Any] = {TracebackType: pickle_traceback}
    picklers.update((type(each), pickle_exception) for each in (error, *causes(error)))
    written = io.BytesIO()
    pickler = pickle.Pickler(written)
    pickler.dispatch_table = {**copyreg.dispatch_table, **picklers}
    pickler.dump(error)
    return written.getvalue()


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give what led to an error, in the order in which a traceback tells it."""
    while (below := error.__cause__ or error.__context__) is not None:
        yield below
        error = below


@pytest.fixture
def nothing_written(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check at the end that no logger, at DEBUG, and neither stream has shown a secret."""
    caplog.set_level(logging.DEBUG)
    yield
    printed = capfd.readouterr()
    assert "at_client" in printed.err, "debug=True has written nothing"
    assert leaks({"log": caplog.text, "stdout": printed.out, "stderr": printed.err}) == []


def armed(host: str, **settings: Any) -> ApiClient:
    """Make a client that holds every secret that a client can hold."""
    settings = {"access_token": TOKEN, "debug": True, "retries": 1, "timeout": 5.0, **settings}
    client = ApiClient(Configuration(host, **settings), "X-Api-Key", CLIENT_HEADER, f"jar={CLIENT_COOKIE}")
    client.set_default_header("X-Session-Id", CLIENT_HEADER)
    return client


def fetch(api: CreditsApi) -> Any:
    """Call with every secret that a call can have."""
    return api.get_credits_api_v1_credits_get_with_http_info(auth_token=COOKIE, _headers={"X-Auth-Token": CALL_HEADER})


def fetch_with_auth(api: CreditsApi) -> Any:
    """Call with credentials of the call's own."""
    bearer = {"type": "oauth2", "in": "header", "key": "X-Any", "value": CALL_AUTH}
    return api.get_credits(_request_auth=bearer)


def places_of_client(api: CreditsApi) -> dict[str, str | bytes]:
    """Give everything that is printed of a client and what belongs to it."""
    client = api.api_client
    # Default headers are a plain dict that belongs to the user, like the names in the user's own frames.
    theirs, client.default_headers = client.default_headers, {}
    configuration = client.configuration
    pretty = rich.pretty.pretty_repr([api, client, configuration, vars(client)], expand_all=True)
    places: dict[str, str | bytes] = {
        "vars of the operation": "\n".join(walked(api)),
        "rich's repr": pretty,
        "repr": f"{api!r} {client!r} {configuration!r}",
        "str": f"{api} {client} {configuration}",
        "to_debug_report()": configuration.to_debug_report(),
    }
    client.default_headers = theirs
    return places


def test_the_walk_finds_what_is_there() -> None:
    """The checks of this file work: a plain secret is found in each place."""
    holder = type("Holder", (), {})()
    holder.inner = {"list": [(TOKEN,)]}
    assert leaks({"vars": "\n".join(walked(holder))})

    def fail(shown: str) -> None:
        raise ValueError(len(shown))

    with pytest.raises(ValueError, match="19") as caught:
        fail(TOKEN)
    assert TOKEN in json.dumps(sentry_event(caught.value), default=repr)
    assert leaks({"base64": base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode())})


# Success


@pytest.mark.usefixtures("nothing_written")
def test_nothing_shows_of_a_call_that_succeeds(wire: Wire) -> None:
    """Client, configuration, response, log and streams, before and after the call."""
    with armed(wire.url) as client:
        api = CreditsApi(client)
        assert leaks(places_of_client(api)) == []
        response = fetch(api)
        assert leaks({"response": "\n".join(walked(response)), **places_of_client(api)}) == []
        fetch_with_auth(api)
        assert leaks(places_of_client(api)) == []
    sent = b"".join(wire.requests).decode()
    assert all(secret in sent for secret in (TOKEN, COOKIE, CLIENT_COOKIE, CLIENT_HEADER, CALL_HEADER)), (
        "the secrets have to be there to be hidden"
    )


@pytest.mark.usefixtures("nothing_written")
def test_nothing_shows_of_a_grant(service: Service) -> None:
    """Password, client secret, access token and refresh token, before, with and after each."""
    grant = PasswordGrant("api/v1/auth/token", USER, PASSWORD, None, "me", CLIENT_SECRET)
    assert leaks({"grant": "\n".join(walked(grant))}) == []
    with armed(service.url, access_token=grant) as client:
        api = CreditsApi(client)
        for _ in range(2):
            assert good_call(api)
            assert leaks({"grant": "\n".join(walked(grant)), **places_of_client(api)}) == []
            service.memory.tokens.clear()
    assert service.memory.grants == ["password", "refresh_token"]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_nothing_shows_of_a_proxy(
    locked_proxy: HttpProxy, request: pytest.FixtureRequest, authority: Authority, *, secure: bool
) -> None:
    """The password in the proxy's URL and the headers for the proxy, after calls through it."""
    service = request.getfixturevalue("secure_service" if secure else "service")
    settings: dict[str, Any] = {
        "proxy": locked_proxy.url(PROXY_USER, PROXY_PASSWORD),
        "proxy_headers": {"X-Proxy-Token": PROXY_HEADER},
        "ssl_ca_cert": authority.ca_file if secure else None,
    }
    with armed(service.url, **settings) as client:
        api = CreditsApi(client)
        fetch(api)
        assert leaks(places_of_client(api)) == []


def test_a_secret_shows_only_to_who_asks_for_it() -> None:
    """Reading the attribute gives the value: hiding is for what prints, not for the program."""
    client = armed("https://api.example.com", proxy=f"http://u:{PROXY_PASSWORD}@proxy.example")
    assert client.configuration.access_token == TOKEN
    assert client.configuration.proxy == f"http://u:{PROXY_PASSWORD}@proxy.example"
    assert client.cookie == f"jar={CLIENT_COOKIE}"
    assert client.configuration.auth_settings()["OAuth2PasswordBearer"]["value"] == f"Bearer {TOKEN}"


# Wrong settings and arguments

ECHO = f"{TOKEN} {COOKIE} {CLIENT_COOKIE} {CLIENT_HEADER} {CALL_HEADER}"

WRONG: dict[str, Callable[[], object]] = {
    "access_token": lambda: Configuration(access_token=f"{TOKEN}\n"),
    "access_token later": lambda: setattr(Configuration(), "access_token", f"{TOKEN}\n"),
    "access_token by position": lambda: Configuration("https://api.example.com", f"{TOKEN}\n"),
    "access_token of from_env": lambda: Configuration.from_env(access_token=f"{TOKEN}\n"),
    "another setting": lambda: Configuration(access_token=TOKEN, timeout=-1),
    "another setting of from_env": lambda: Configuration.from_env(access_token=TOKEN, timeout=-1),
    "a misspelt setting": lambda: setattr(Configuration(), "acess_token", TOKEN),
    "proxy, scheme": lambda: Configuration(proxy=f"ftp://u:{PROXY_PASSWORD}@proxy.example"),
    "proxy, port": lambda: Configuration(proxy=f"http://u:{PROXY_PASSWORD}@proxy.example:99999"),
    "proxy, host": lambda: Configuration(proxy=f"http://u:{PROXY_PASSWORD}@proxy..example"),
    "proxy, blank": lambda: Configuration(proxy=f"http://u:{PROXY_PASSWORD} @proxy.example"),
    "proxy_headers": lambda: Configuration(proxy_headers={"X-Token": f"{PROXY_HEADER}\n"}),
    "proxy_headers, name": lambda: Configuration(proxy_headers={"X Token": PROXY_HEADER}),
    "default header": lambda: ApiClient(None, "X-Api-Key", f"{CLIENT_HEADER}\n"),
    "default header, name": lambda: ApiClient(None, "X Key", CLIENT_HEADER),
    "default header later": lambda: ApiClient().set_default_header("X-Key", f"{CLIENT_HEADER}\n"),
    "cookie of the client": lambda: ApiClient(cookie=f"jar={CLIENT_COOKIE}\n"),
    "auth_token": lambda: CreditsApi(armed("https://x.example")).get_credits(f"{COOKIE}\n"),
    "header of the call": lambda: CreditsApi(armed("https://x.example")).get_credits(
        _headers={"X-Auth-Token": f"{CALL_HEADER}\n"}
    ),
    "_request_auth": lambda: CreditsApi(armed("https://x.example")).get_credits(
        _request_auth={"in": "header", "key": "X-Key", "value": f"{CALL_AUTH}\n"}
    ),
    "_request_auth, place": lambda: CreditsApi(armed("https://x.example")).get_credits(
        _request_auth={"in": "body", "key": "X-Key", "value": CALL_AUTH}
    ),
    "_host_index": lambda: CreditsApi(armed("https://x.example")).get_credits(
        COOKIE, _headers={"X-Auth-Token": CALL_HEADER}, _host_index=1
    ),
    "_request_timeout": lambda: CreditsApi(armed("https://x.example")).get_credits(
        COOKIE, _headers={"X-Auth-Token": CALL_HEADER}, _request_timeout=-1
    ),
    "plain http": lambda: fetch(CreditsApi(armed("http://x.example"))),
    "what a source gives": lambda: fetch(CreditsApi(armed("https://x.example", access_token=lambda: f"{TOKEN}\n"))),
    "client_secret": lambda: PasswordGrant("t", USER, PASSWORD, client_secret=5),  # type: ignore[arg-type]  # wrong
    "username": lambda: PasswordGrant("t", "", PASSWORD, client_secret=CLIENT_SECRET),
    "token_url": lambda: fetch(
        CreditsApi(armed("https://x.example", access_token=PasswordGrant("http://y.example", USER, PASSWORD)))
    ),
}


@pytest.mark.parametrize("use", WRONG.values(), ids=WRONG)
def test_nothing_shows_of_a_wrong_argument(use: Callable[[], object]) -> None:
    """It is refused by name: message, `repr` and pickle do not have the value; the caller's own frame does."""
    with pytest.raises(OpenApiException) as caught:
        use()
    assert leaks(without_locals(caught.value)) == []


def test_nothing_shows_of_a_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what the environment says: the token, and a proxy that is none."""
    monkeypatch.setenv("ACCESS_TOKEN", f"{TOKEN}\n")
    with pytest.raises(OpenApiException) as caught:
        Configuration.from_env()
    assert leaks(without_locals(caught.value)) == []
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://{PROXY_USER}:{PROXY_PASSWORD}@proxy.example")
    with pytest.raises(OpenApiException) as caught:
        fetch(CreditsApi(armed("https://x.example")))
    assert leaks(without_locals(caught.value)) == []


# Calls that fail

ECHO_HEADERS = [("X-Echo", ECHO), ("Set-Cookie", f"auth_token={COOKIE}")]
DETAIL = json.dumps({"detail": ECHO}).encode()
VALIDATION = json.dumps(
    {
        "detail": [
            {
                "loc": ["cookie", "auth_token"],
                "msg": f"{COOKIE} is too long",
                "type": "too_long",
                "input": COOKIE,
                "ctx": {"headers": {"authorization": f"Bearer {TOKEN}", "cookie": ECHO}},
            }
        ]
    }
).encode()
HALF = {**json.loads(CREDITS_BODY), "total_credits": ECHO}

FAULTS: dict[str, tuple[Step, type[ApiException]]] = {
    "401 that echoes": (reply(answer(DETAIL, 401, headers=ECHO_HEADERS)), UnauthorizedException),
    "422 that echoes": (reply(answer(VALIDATION, 422, headers=ECHO_HEADERS)), UnprocessableEntityException),
    "500 that echoes": (reply(answer(DETAIL, 500, headers=ECHO_HEADERS)), ServiceException),
    "500 with a page that echoes": (reply(answer(ECHO.encode(), 500, content_type="text/html")), ServiceException),
    "a page instead of JSON": (
        reply(answer(ECHO.encode(), content_type="text/html", headers=ECHO_HEADERS)),
        ApiDecodeException,
    ),
    "broken JSON": (reply(answer(DETAIL[:-1])), ApiDecodeException),
    "a wrong field": (reply(answer(json.dumps(HALF).encode())), ApiDecodeException),
    "a broken gzip": (reply(answer(ECHO.encode(), headers=[("Content-Encoding", "gzip")])), ApiDecodeException),
    "an odd coding": (reply(answer(ECHO.encode(), headers=[("Content-Encoding", TOKEN)])), ApiDecodeException),
    "a redirect elsewhere": (
        reply(answer(b"", 302, headers=[("Location", f"https://y.example/?t={TOKEN}")])),
        ApiException,
    ),
    "a redirect nowhere": (reply(answer(b"", 302, headers=[("Location", f"mailto:{TOKEN}")])), ApiException),
    "a status line that echoes": (reply(f"HTTP/1.1 400 {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()), ApiException),
    "no HTTP": (reply(ECHO.encode() + b"\r\n\r\n", CLOSE), ApiConnectionException),
    "a broken header": (
        reply(b"HTTP/1.1 200 OK\r\nBroken " + ECHO.encode() + b"\r\n\r\n", CLOSE),
        ApiConnectionException,
    ),
    "closed": (reply(CLOSE), ApiConnectionException),
    "cut off": (reply(answer(ECHO.encode(), length=999), CLOSE), ApiConnectionException),
    "silence": (reply(SILENCE), ApiTimeoutException),
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("use", [fetch, fetch_with_auth], ids=["token", "_request_auth"])
@pytest.mark.parametrize(("step", "expected"), FAULTS.values(), ids=FAULTS)
def test_nothing_shows_of_a_call_that_fails(
    wire: Wire, step: Step, expected: type[ApiException], use: Callable[[CreditsApi], Any]
) -> None:
    """Whatever the service answers, even with our own secrets in it."""
    wire.play(otherwise=step)
    with armed(wire.url, timeout=0.2 if step is FAULTS["silence"][0] else 5.0) as client:
        api = CreditsApi(client)
        with pytest.raises(expected) as caught:
            use(api)
        # What this call did not send cannot be known to be a secret.
        unsent = {CALL_AUTH} if use is fetch else {TOKEN, COOKIE, CALL_HEADER}
        found = leaks({**places_of(caught.value), **places_of_client(api)})
        assert [leak for leak in found if leak.split(" in ")[0] not in unsent] == []


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("use", [fetch, fetch_with_auth], ids=["token", "_request_auth"])
def test_nothing_shows_of_a_refused_connection(use: Callable[[CreditsApi], Any]) -> None:
    """Nobody listens."""
    with refusing_port() as port, armed(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ApiConnectionException) as caught:
            use(CreditsApi(client))
        assert leaks({**places_of(caught.value), **places_of_client(CreditsApi(client))}) == []


@pytest.mark.usefixtures("nothing_written")
def test_nothing_shows_of_a_tls_error(
    make_wire: Callable[..., Wire], authority: Authority, other_authority: Authority
) -> None:
    """A certificate that nobody vouches for."""
    wire = make_wire(tls=other_authority.server_context("127.0.0.1"))
    with armed(wire.url, ssl_ca_cert=authority.ca_file) as client:
        with pytest.raises(ApiConnectionException, match="certificate") as caught:
            fetch(CreditsApi(client))
        assert leaks({**places_of(caught.value), **places_of_client(CreditsApi(client))}) == []


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://x.example"])
@pytest.mark.parametrize("status", [403, 407, 502, None])
def test_nothing_shows_of_a_proxy_that_refuses(wire: Wire, host: str, status: int | None) -> None:
    """It wants another password, forbids, breaks, or closes, and echoes what it got."""
    echo = f"{PROXY_PASSWORD} {PROXY_HEADER} {ECHO}".encode()
    wire.play(otherwise=reply(CLOSE) if status is None else reply(answer(echo, status)))
    settings = {
        "proxy": f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{wire.port}",
        "proxy_headers": {"X-Proxy-Token": PROXY_HEADER},
    }
    with armed(host, **settings) as client:
        with pytest.raises(ApiException) as caught:
            fetch(CreditsApi(client))
        assert leaks({**places_of(caught.value), **places_of_client(CreditsApi(client))}) == []
    assert PROXY_HEADER.encode() in wire.requests[0]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://x.example"])
def test_nothing_shows_of_a_proxy_that_is_not_there(host: str) -> None:
    """The message names the proxy, without what stands before its host."""
    with refusing_port() as port:
        proxy = f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{port}"
        with armed(host, proxy=proxy) as client:
            with pytest.raises(ApiConnectionException, match=f"127.0.0.1:{port}") as caught:
                fetch(CreditsApi(client))
            assert leaks({**places_of(caught.value), **places_of_client(CreditsApi(client))}) == []


GRANT_ECHO = f"{PASSWORD} {CLIENT_SECRET} {urllib.parse.quote(PASSWORD)}"

GRANT_FAULTS: dict[str, Step] = {
    "refused": reply(
        answer(
            json.dumps({"error": "invalid_grant", "error_description": GRANT_ECHO}).encode(),
            400,
            headers=[("X-Echo", GRANT_ECHO)],
        )
    ),
    "401": reply(answer(json.dumps({"detail": GRANT_ECHO}).encode(), 401)),
    "422": reply(answer(json.dumps({"detail": [{"input": GRANT_ECHO}]}).encode(), 422)),
    "500": reply(answer(GRANT_ECHO.encode(), 500)),
    "a page": reply(answer(GRANT_ECHO.encode())),
    "half a token": reply(answer(f'{{"access_token": "{ISSUED[0]}1", "expires_in": "x"}}'.encode())),
    "a token that cannot be sent": reply(answer(f'{{"access_token": "{ISSUED[0]}\\n"}}'.encode())),
    "a redirect": reply(answer(b"", 307, headers=[("Location", f"https://y.example/{PASSWORD}")])),
    "no HTTP": reply(GRANT_ECHO.encode() + b"\r\n\r\n", CLOSE),
    "closed": reply(CLOSE),
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("step", GRANT_FAULTS.values(), ids=GRANT_FAULTS)
def test_nothing_shows_of_a_token_endpoint_that_fails(wire: Wire, step: Step) -> None:
    """The form has the password, the answer may have it as well, or a token."""
    wire.play(otherwise=step)
    grant = PasswordGrant("token", USER, PASSWORD, None, "me", CLIENT_SECRET)
    with armed(wire.url, access_token=grant) as client:
        with pytest.raises(OpenApiException) as caught:
            fetch(CreditsApi(client))
        assert leaks({**places_of(caught.value), **places_of_client(CreditsApi(client))}) == []


@pytest.mark.usefixtures("nothing_written")
def test_nothing_shows_of_a_refused_refresh(service: Service) -> None:
    """The refresh token is a secret like the others."""
    grant = PasswordGrant("api/v1/auth/token", USER, PASSWORD)
    with armed(service.url, access_token=grant) as client:
        api = CreditsApi(client)
        assert good_call(api)
        service.memory.tokens.clear()
        service.memory.cookies.clear()
        service.memory.refresh_tokens.clear()
        with pytest.raises(UnauthorizedException) as caught:
            fetch(api)
        assert leaks({**places_of(caught.value), **places_of_client(api)}) == []
