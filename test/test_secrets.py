"""Nothing shows: marked secrets, walked through everything that people and tools print, log and send."""

import base64
import copyreg
import dataclasses
import functools
import io
import json
import logging
import pickle
import traceback
import urllib.parse
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest
import rich.pretty
import rich.traceback
import sentry_sdk
import urllib3
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.utils import event_from_exception
from tblib.pickling_support import pickle_exception, pickle_traceback

from at_client import (
    ApiClient,
    ApiException,
    Configuration,
    CreditsApi,
    OpenApiException,
    PasswordGrant,
)
from support.ending import good_call, nothing_changed
from support.facts import COOKIE, CREDITS, PROXY_PASSWORD, PROXY_USER, TOKEN
from support.makers import CapLog, CapSys
from support.proxy import HttpProxy
from support.service import PASSWORD, USER, Service
from support.tls import Authority
from support.wire import CLOSE, SILENCE, Step, Wire, answer, refusing_port, reply

pytestmark = pytest.mark.usefixtures("short_waits", "nothing_written")

TESTS = str(Path(__file__).parent)

CLIENT_COOKIE = "JAR-SECRET-31c0fe"
CLIENT_HEADER = "DEFAULT-SECRET-2f81aa"
CALL_HEADER = "HEADER-SECRET-70ad16"
CALL_AUTH = "CALL-SECRET-b3f2d9"
CLIENT_SECRET = "CLIENT-SECRET-8c44e0"
PROXY_HEADER = "PROXYHEADER-SECRET-f05b12"
ISSUED = ("TOKEN-SECRET-issued-", "REFRESH-SECRET-")

SENT = {TOKEN, COOKIE, CLIENT_COOKIE, CLIENT_HEADER, CALL_HEADER}
SECRETS = {
    *SENT,
    CALL_AUTH,
    PASSWORD,
    CLIENT_SECRET,
    PROXY_PASSWORD,
    PROXY_HEADER,
    *ISSUED,
}

BASIC = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()

Places = dict[str, str | bytes]


def leaks(places: Places, secrets: set[str] = SECRETS) -> list[str]:
    """List the places where a secret shows: as it is, in Basic's base64, or percent-encoded."""
    forms = {BASIC, *secrets, *map(urllib.parse.quote, secrets)}
    found = []
    for place, text in places.items():
        seen = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        found += [f"{form} in {place}" for form in sorted(forms) if form in seen]
    return found


# ---- What is printed, logged, pickled and sent


def walk(thing: object) -> str:
    """Write a thing the way a dumper would: `repr`, `str`, and its `vars` all the way down."""
    seen: dict[int, object] = {}
    waiting = [thing]
    while waiting:
        each = waiting.pop()
        # The idle connections of a manager hold what they last wrote and read.
        if id(each) in seen or isinstance(
            each, type | ModuleType | urllib3.PoolManager
        ):
            continue
        seen[id(each)] = each
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        if hasattr(each, "__dict__") and not callable(each):
            waiting += vars(each).values()
        if dataclasses.is_dataclass(each):
            waiting.append(dataclasses.asdict(each))  # type: ignore[arg-type]  # no class comes this far
    return "\n".join(f"{each!r} {each}" for each in seen.values())


def in_sentry(error: BaseException) -> str:
    """Return the event that Sentry sends for an error, locals included, with its own scrubber switched off."""
    events: list[Any] = []
    client = sentry_sdk.Client(
        before_send=lambda event, _: events.append(event),
        default_integrations=False,  # they change the whole process
        include_local_variables=True,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint=hint, scope=sentry_sdk.Scope())
    (sent,) = events
    return json.dumps(sent, default=repr)


def in_rich(error: BaseException) -> str:
    """Return what rich prints of a traceback with the locals of its frames."""
    options: dict[str, Any] = {
        "show_locals": True,
        "locals_max_string": None,
        "locals_max_length": None,
    }
    return repr(
        rich.traceback.Traceback.extract(
            type(error), error, error.__traceback__, **options
        )
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give what led to an error, in the order in which a traceback tells it."""
    while (below := error.__cause__ or error.__context__) is not None:
        yield below
        error = below


def pickle_with_causes(error: BaseException) -> bytes:
    """Pickle an error as tblib does it, which Dask switches on: tracebacks and causes go along."""
    picklers: dict[type, Any] = {TracebackType: pickle_traceback}
    picklers.update((type(each), pickle_exception) for each in (error, *causes(error)))
    written = io.BytesIO()
    pickler = pickle.Pickler(written)
    pickler.dispatch_table = {**copyreg.dispatch_table, **picklers}
    pickler.dump(error)
    return written.getvalue()


def skip_tests(error: BaseException) -> BaseException:
    """Take the frames of the test out of a traceback: a test has to know what it hides."""
    below = error.__traceback__
    while below is not None and below.tb_frame.f_code.co_filename.startswith(TESTS):
        below = below.tb_next
    return error.with_traceback(below)


def places_of(error: BaseException) -> Places:
    """Return what is printed, logged, pickled and sent of an error."""
    return {
        "str": str(error),
        "repr": repr(error),
        "vars": walk(error),
        "traceback": "".join(traceback.format_exception(error)),
        "pickle": pickle.dumps(error),
        "pickle of an old protocol": pickle.dumps(error, 0),
        "pickle with its causes": pickle_with_causes(error),
        **{
            f"cause {type(cause).__name__}": f"{cause} {cause!r}"
            for cause in causes(error)
        },
    }


def places_of_client(api: CreditsApi) -> Places:
    """Return what is printed of a client and what belongs to it."""
    client = api.api_client
    configuration = client.configuration
    # Default headers are a plain dict that belongs to the user, like the names in the user's own frames.
    theirs, client.default_headers = client.default_headers, {}
    things = [api, client, configuration, vars(client)]
    places: Places = {
        "vars of the operation": walk(api),
        "rich's repr": rich.pretty.pretty_repr(things, expand_all=True),
        "repr": f"{api!r} {client!r} {configuration!r}",
        "str": f"{api} {client} {configuration}",
        "to_debug_report()": configuration.to_debug_report(),
    }
    client.default_headers = theirs
    return places


@pytest.fixture
def nothing_written(caplog: CapLog, capfd: CapSys) -> Iterator[None]:
    """Check that no logger, at DEBUG, and neither stream has shown a secret, and that `debug` stays in its client."""
    caplog.set_level(logging.DEBUG)
    with nothing_changed():
        yield
    printed = capfd.readouterr()
    assert (
        leaks({"log": caplog.text, "stdout": printed.out, "stderr": printed.err}) == []
    )


def test_the_walk_finds_what_is_there() -> None:
    """The checks of this file work: a plain secret is found in each place."""
    holder = type("Holder", (), {})()
    holder.inner = {"list": [(TOKEN,)]}
    assert leaks({"vars": walk(holder)})

    def fail(shown: str) -> None:
        raise ValueError(len(shown))

    with pytest.raises(ValueError, match="19") as caught:
        fail(TOKEN)
    for shown in (in_sentry(caught.value), in_rich(caught.value), BASIC):
        assert leaks({"shown": shown})


# ---- Calls with every secret there is


def armed(host: str, **settings: Any) -> ApiClient:
    """Make a client that holds every secret that a client can hold."""
    settings = {
        "access_token": TOKEN,
        "debug": True,
        "retries": 1,
        "timeout": 5.0,
        **settings,
    }
    client = ApiClient(
        Configuration(host, **settings),
        "X-Api-Key",
        CLIENT_HEADER,
        f"jar={CLIENT_COOKIE}",
    )
    client.set_default_header("X-Session-Id", CLIENT_HEADER)
    return client


def fetch(api: CreditsApi) -> Any:
    """Call with every secret that a call can have."""
    return api.get_credits_api_v1_credits_get_with_http_info(
        auth_token=COOKIE, _headers={"X-Auth-Token": CALL_HEADER}
    )


def fetch_with_auth(api: CreditsApi) -> Any:
    """Call with credentials of the call's own."""
    return api.get_credits(
        _request_auth={
            "type": "oauth2",
            "in": "header",
            "key": "X-Any",
            "value": CALL_AUTH,
        }
    )


def check_failure(
    host: str,
    match: str | None = None,
    use: Callable[..., Any] = fetch,
    unknown: Collection[str] = (),
    **settings: Any,
) -> None:
    """Make a call that must fail, and check that nothing shows of it, nor of the client afterwards."""
    with armed(host, **settings) as client:
        api = CreditsApi(client)
        with pytest.raises(ApiException, match=match) as caught:
            use(api)
        error = skip_tests(caught.value)
        frames: Places = {"rich": in_rich(error), "Sentry": in_sentry(error)}
        places = {**places_of(error), **frames, **places_of_client(api)}
        assert leaks(places, SECRETS.difference(unknown)) == []


def test_nothing_shows_of_a_call_that_succeeds(wire: Wire, capfd: CapSys) -> None:
    """Client, configuration, response, log and streams, before and after the call."""
    with armed(wire.url) as client:
        api = CreditsApi(client)
        assert leaks(places_of_client(api)) == []
        assert leaks({"response": walk(fetch(api)), **places_of_client(api)}) == []
        fetch_with_auth(api)
        assert leaks(places_of_client(api)) == []
        assert (client.configuration.access_token, client.cookie) == (
            TOKEN,
            f"jar={CLIENT_COOKIE}",
        ), "who asks gets them"
    printed = capfd.readouterr().err
    assert printed.count("at_client: GET /api/v1/credits 200 ") == 2
    assert leaks({"stderr": printed}) == []
    sent = b"".join(wire.requests).decode()
    assert all(secret in sent for secret in SENT), (
        "the secrets have to be there to be hidden"
    )


def test_nothing_shows_of_a_grant(service: Service) -> None:
    """Password, client secret, access token and refresh token, before, with and after each."""
    grant = PasswordGrant(
        "api/v1/auth/token", USER, PASSWORD, None, "me", CLIENT_SECRET
    )
    assert leaks({"grant": walk(grant)}) == []
    with armed(service.url, access_token=grant) as client:
        api = CreditsApi(client)
        for _ in range(2):
            assert good_call(api)
            assert leaks({"grant": walk(grant), **places_of_client(api)}) == []
            service.memory.tokens.clear()
    assert service.memory.grants == ["password", "refresh_token"]


def test_nothing_shows_of_a_proxy(
    locked_proxy: HttpProxy, either_service: Service, authority: Authority
) -> None:
    """The password in the proxy's URL and the headers for the proxy, after calls through it."""
    proxy = {
        "proxy": locked_proxy.url(PROXY_USER, PROXY_PASSWORD),
        "proxy_headers": {"X-Proxy-Token": PROXY_HEADER},
    }
    with armed(either_service.url, ssl_ca_cert=authority.ca_file, **proxy) as client:
        api = CreditsApi(client)
        fetch(api)
        assert leaks(places_of_client(api)) == []


# ---- Wrong settings and arguments


def call(**arguments: Any) -> object:
    return CreditsApi(armed("https://x.example")).get_credits(**arguments)


def fetch_armed(host: str = "https://x.example", **settings: Any) -> object:
    return fetch(CreditsApi(armed(host, **settings)))


def configure_proxy(rest: str, scheme: str = "http") -> object:
    return Configuration(proxy=f"{scheme}://u:{PROXY_PASSWORD}{rest}")


def set_variable(name: str, value: str, use: Callable[[], object]) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        return use()


HEADERS = {"X-Auth-Token": CALL_HEADER}

WRONG: dict[str, Callable[[], object]] = {
    "access_token": lambda: Configuration(access_token=f"{TOKEN}\n"),
    "access_token later": lambda: setattr(
        Configuration(), "access_token", f"{TOKEN}\n"
    ),
    "access_token by position": lambda: Configuration(
        "https://api.example.com", f"{TOKEN}\n"
    ),
    "access_token of from_env": lambda: Configuration.from_env(
        access_token=f"{TOKEN}\n"
    ),
    "another setting": lambda: Configuration(access_token=TOKEN, timeout=-1),
    "another setting of from_env": lambda: Configuration.from_env(
        access_token=TOKEN, timeout=-1
    ),
    "a misspelt setting": lambda: setattr(Configuration(), "acess_token", TOKEN),
    "proxy, scheme": lambda: configure_proxy("@proxy.example", "ftp"),
    "proxy, port": lambda: configure_proxy("@proxy.example:99999"),
    "proxy, host": lambda: configure_proxy("@proxy..example"),
    "proxy, blank": lambda: configure_proxy(" @proxy.example"),
    "proxy_headers": lambda: Configuration(
        proxy_headers={"X-Token": f"{PROXY_HEADER}\n"}
    ),
    "proxy_headers, name": lambda: Configuration(
        proxy_headers={"X Token": PROXY_HEADER}
    ),
    "default header": lambda: ApiClient(None, "X-Api-Key", f"{CLIENT_HEADER}\n"),
    "default header, name": lambda: ApiClient(None, "X Key", CLIENT_HEADER),
    "default header later": lambda: ApiClient().set_default_header(
        "X-Key", f"{CLIENT_HEADER}\n"
    ),
    "cookie of the client": lambda: ApiClient(cookie=f"jar={CLIENT_COOKIE}\n"),
    "auth_token": lambda: call(auth_token=f"{COOKIE}\n"),
    "header of the call": lambda: call(_headers={"X-Auth-Token": f"{CALL_HEADER}\n"}),
    "_request_auth": lambda: call(
        _request_auth={"in": "header", "key": "X-Key", "value": f"{CALL_AUTH}\n"}
    ),
    "_request_auth, place": lambda: call(
        _request_auth={"in": "body", "key": "X-Key", "value": CALL_AUTH}
    ),
    "_host_index": lambda: call(auth_token=COOKIE, _headers=HEADERS, _host_index=1),
    "_request_timeout": lambda: call(
        auth_token=COOKIE, _headers=HEADERS, _request_timeout=-1
    ),
    "plain http": lambda: fetch_armed("http://x.example"),
    "what a source gives": lambda: fetch_armed(access_token=lambda: f"{TOKEN}\n"),
    "client_secret": lambda: PasswordGrant("t", USER, PASSWORD, client_secret=5),  # type: ignore[arg-type]  # wrong
    "username": lambda: PasswordGrant("t", "", PASSWORD, client_secret=CLIENT_SECRET),
    "token_url": lambda: fetch_armed(
        access_token=PasswordGrant("http://y.example", USER, PASSWORD)
    ),
    "ACCESS_TOKEN": lambda: set_variable(
        "ACCESS_TOKEN", f"{TOKEN}\n", Configuration.from_env
    ),
    "HTTPS_PROXY": lambda: set_variable(
        "HTTPS_PROXY", f"ftp://u:{PROXY_PASSWORD}@proxy.example", fetch_armed
    ),
}


@pytest.mark.parametrize("use", WRONG.values(), ids=WRONG)
def test_nothing_shows_of_a_wrong_argument(use: Callable[[], object]) -> None:
    """It is refused by name: message, `repr` and pickle do not have the value; the caller's own frame does."""
    with pytest.raises(OpenApiException) as caught:
        use()
    assert leaks(places_of(caught.value)) == []


# ---- Calls that fail

ECHO = " ".join(sorted(SENT))
HTML = "text/html"


def echo(
    text: str,
    status: int = 200,
    content_type: str = "application/json",
    *,
    echoed: str = ECHO,
    **headers: str,
) -> Step:
    """Answer with a text, and with headers that show secrets as well."""
    lines = [("X-Echo", echoed), ("Set-Cookie", f"auth_token={echoed}")]
    lines += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return reply(
        answer(text.encode(), status, content_type=content_type, headers=lines)
    )


DETAIL = json.dumps({"detail": ECHO})
CONTEXT = {"headers": {"authorization": f"Bearer {TOKEN}", "cookie": ECHO}}
INPUT = {
    "loc": ["cookie", "auth_token"],
    "msg": f"{COOKIE} is too long",
    "type": "too_long",
    "input": COOKIE,
}
VALIDATION = json.dumps({"detail": [{**INPUT, "ctx": CONTEXT}]})

FAULTS: dict[str, Step] = {
    "401 that echoes": echo(DETAIL, 401),
    "422 that echoes": echo(VALIDATION, 422),
    "500 that echoes": echo(DETAIL, 500),
    "500 with a page that echoes": echo(ECHO, 500, HTML),
    "a page instead of JSON": echo(ECHO, 200, HTML),
    "broken JSON": echo(DETAIL[:-1]),
    "a wrong field": echo(json.dumps({**CREDITS, "total_credits": ECHO})),
    "a broken gzip": echo(ECHO, content_encoding="gzip"),
    "an odd coding": echo(ECHO, content_encoding=TOKEN),
    "a redirect elsewhere": echo("", 302, location=f"https://y.example/?t={TOKEN}"),
    "a redirect nowhere": echo("", 302, location=f"mailto:{TOKEN}"),
    "a status line that echoes": reply(
        f"HTTP/1.1 400 {TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "no HTTP": reply(f"{ECHO}\r\n\r\n".encode(), CLOSE),
    "a broken header": reply(
        f"HTTP/1.1 200 OK\r\nBroken {ECHO}\r\n\r\n".encode(), CLOSE
    ),
    "closed": reply(CLOSE),
    "cut off": reply(answer(ECHO.encode(), length=999), CLOSE),
    "silence": reply(SILENCE),
}

HOSTS = ["http://127.0.0.1:9", "https://x.example"]

uses = pytest.mark.parametrize(
    "use", [fetch, fetch_with_auth], ids=["token", "_request_auth"]
)


@uses
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_shows_of_a_call_that_fails(
    wire: Wire, name: str, use: Callable[[CreditsApi], Any]
) -> None:
    """Whatever the service answers, even with our own secrets in it."""
    wire.play(otherwise=FAULTS[name])
    # What this call did not send cannot be known to be a secret.
    unsent = {CALL_AUTH} if use is fetch else {TOKEN, COOKIE, CALL_HEADER}
    check_failure(
        wire.url, use=use, unknown=unsent, timeout=0.2 if name == "silence" else 5.0
    )


@uses
def test_nothing_shows_of_a_refused_connection(
    use: Callable[[CreditsApi], Any],
) -> None:
    """Nobody listens there, or where the proxy should be, which is named without what stands before its host."""
    with refusing_port() as port:
        check_failure(f"http://127.0.0.1:{port}", use=use)
        proxy = f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{port}"
        for host in HOSTS:
            check_failure(
                host, f"^the proxy http://127.0.0.1:{port}: ", use, proxy=proxy
            )


def test_nothing_shows_of_a_tls_error(
    secure_wire: Wire, other_authority: Authority
) -> None:
    """A certificate that nobody vouches for."""
    check_failure(secure_wire.url, "certificate", ssl_ca_cert=other_authority.ca_file)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("status", [403, 407, 502, None])
def test_nothing_shows_of_a_proxy_that_refuses(
    wire: Wire, host: str, status: int | None
) -> None:
    """It wants another password, forbids, breaks, or closes, and echoes what it got."""
    text = f"{PROXY_PASSWORD} {PROXY_HEADER} {ECHO}".encode()
    wire.play(otherwise=reply(CLOSE) if status is None else reply(answer(text, status)))
    proxy = wire.url.replace("://", f"://{PROXY_USER}:{PROXY_PASSWORD}@")
    check_failure(host, proxy=proxy, proxy_headers={"X-Proxy-Token": PROXY_HEADER})
    assert PROXY_HEADER.encode() in wire.requests[0]


GRANT_ECHO = f"{PASSWORD} {CLIENT_SECRET} {urllib.parse.quote(PASSWORD)}"
echo_grant = functools.partial(echo, echoed=GRANT_ECHO)

GRANT_FAULTS: dict[str, Step] = {
    "refused": echo_grant(
        json.dumps({"error": "invalid_grant", "error_description": GRANT_ECHO}), 400
    ),
    "401": echo_grant(json.dumps({"detail": GRANT_ECHO}), 401),
    "422": echo_grant(json.dumps({"detail": [{"input": GRANT_ECHO}]}), 422),
    "500": echo_grant(GRANT_ECHO, 500),
    "a page": echo_grant(GRANT_ECHO),
    "half a token": echo_grant(
        json.dumps({"access_token": f"{ISSUED[0]}1", "expires_in": "x"})
    ),
    "a token that cannot be sent": echo_grant(
        json.dumps({"access_token": f"{ISSUED[0]}\n"})
    ),
    "a redirect": echo_grant("", 307, location=f"https://y.example/{PASSWORD}"),
    "no HTTP": reply(f"{GRANT_ECHO}\r\n\r\n".encode(), CLOSE),
    "closed": reply(CLOSE),
}


@pytest.mark.parametrize("step", GRANT_FAULTS.values(), ids=GRANT_FAULTS)
def test_nothing_shows_of_a_token_endpoint_that_fails(wire: Wire, step: Step) -> None:
    """The form has the password, the answer may have it as well, or a token."""
    wire.play(otherwise=step)
    grant = PasswordGrant("token", USER, PASSWORD, None, "me", CLIENT_SECRET)
    check_failure(wire.url, access_token=grant)


def test_nothing_shows_of_a_refused_refresh(service: Service) -> None:
    """The refresh token is a secret like the others."""
    grant = PasswordGrant("api/v1/auth/token", USER, PASSWORD)
    with armed(service.url, access_token=grant) as client:
        assert good_call(CreditsApi(client))
    for known in (
        service.memory.tokens,
        service.memory.cookies,
        service.memory.refresh_tokens,
    ):
        known.clear()
    check_failure(service.url, access_token=grant)
