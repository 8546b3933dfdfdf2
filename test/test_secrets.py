"""Secrets stay out of what people and tools print, log, store and send."""

import base64
import copyreg
import io
import json
import logging
import pickle
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import rich.pretty
import rich.traceback
import sentry_sdk
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.utils import event_from_exception
from tblib.pickling_support import pickle_exception, pickle_traceback

from at_client import (
    ApiClient,
    ApiException,
    ApiResponse,
    Configuration,
    CreditResponse,
    CreditsApi,
    OpenApiException,
)
from support.ending import nothing_changed
from support.facts import COOKIE, CREDITS, PROXY_PASSWORD, PROXY_USER, TOKEN
from support.makers import CapLog, CapSys
from support.wire import CLOSE, Step, Wire, answer, refusing_port, reply

pytestmark = pytest.mark.usefixtures("short_waits", "nothing_written")

TESTS = str(Path(__file__).parent)

CLIENT_COOKIE = "JAR-SECRET-31c0fe"
CLIENT_HEADER = "DEFAULT-SECRET-2f81aa"
CALL_HEADER = "HEADER-SECRET-70ad16"
PROXY_HEADER = "PROXYHEADER-SECRET-f05b12"
LOGIN = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()

SENT = [TOKEN, COOKIE, CLIENT_COOKIE, CLIENT_HEADER, CALL_HEADER]
SECRETS = [*SENT, PROXY_PASSWORD, PROXY_HEADER, LOGIN]

Places = dict[str, str | bytes]


def leaks(places: Places) -> list[str]:
    """List the places where a secret shows, as it is or percent-encoded."""
    forms = {*SECRETS, *map(urllib.parse.quote, SECRETS)}
    found = []
    for place, shown in places.items():
        text = shown.decode("latin-1") if isinstance(shown, bytes) else shown
        found += [f"{form} in {place}" for form in sorted(forms) if form in text]
    return found


# ---- What is printed, logged, pickled and sent


def in_sentry(error: BaseException) -> str:
    """Return what Sentry sends of an error, with locals and without its scrubber."""
    events: list[Any] = []
    client = sentry_sdk.Client(
        before_send=lambda event, _: events.append(event),
        default_integrations=False,  # they change the whole process
        include_local_variables=True,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint=hint, scope=sentry_sdk.Scope())
    return json.dumps(events, default=repr)


def in_rich(error: BaseException) -> str:
    """Return what rich prints of a traceback with the locals of its frames."""
    extracted = rich.traceback.Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=None,
        locals_max_length=None,
    )
    return repr(extracted)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an error, in the order in which a traceback tells it."""
    while (below := error.__cause__ or error.__context__) is not None:
        yield below
        error = below


def pickle_with_causes(error: BaseException) -> bytes:
    """Pickle an error with its causes and tracebacks, as Dask does by tblib."""
    picklers: dict[type, Any] = {TracebackType: pickle_traceback}
    for each in (error, *causes(error)):
        picklers[type(each)] = pickle_exception

    written = io.BytesIO()
    pickler = pickle.Pickler(written)
    pickler.dispatch_table = {**copyreg.dispatch_table, **picklers}
    pickler.dump(error)
    return written.getvalue()


def skip_tests(error: BaseException) -> BaseException:
    """Remove the frames of a test, which has to know what it looks for."""
    below = error.__traceback__
    while below is not None and below.tb_frame.f_code.co_filename.startswith(TESTS):
        below = below.tb_next
    return error.with_traceback(below)


def places_of(error: BaseException) -> Places:
    """Return what is printed of an error and of its causes."""
    return {
        "str": str(error),
        "repr": repr(error),
        "args": repr(error.args),
        "traceback": "".join(traceback.format_exception(error)),
        "causes": "".join(f"{cause} {cause!r}" for cause in causes(error)),
    }


def stored(error: BaseException) -> Places:
    """Return what is stored of an error, its attributes included."""
    return {
        "vars": repr(vars(error)),
        "pickle": pickle.dumps(error),
        "pickle of an old protocol": pickle.dumps(error, 0),
        "pickle with its causes": pickle_with_causes(error),
    }


def places_of_client(client: ApiClient) -> Places:
    """Return what is printed of a client and of what belongs to it."""
    things = [CreditsApi(client), client, client.configuration, client.rest_client]
    return {
        "repr": repr(things),
        "str": " ".join(map(str, things)),
        "rich": rich.pretty.pretty_repr(things, expand_all=True),
        "to_debug_report()": client.configuration.to_debug_report(),
    }


@pytest.fixture
def nothing_written(caplog: CapLog, capfd: CapSys) -> Iterator[None]:
    """Check that no log line and no output shows a secret, at any level."""
    caplog.set_level(logging.DEBUG)
    with nothing_changed():
        yield
    printed = capfd.readouterr()
    written: Places = {"log": caplog.text, "out": printed.out, "err": printed.err}
    assert leaks(written) == []


def test_secrets_in_frames_are_found() -> None:
    """Sentry and rich show the locals of a frame, and the check here sees them."""

    def fail(shown: str) -> None:
        raise ValueError(len(shown))

    with pytest.raises(ValueError, match="19") as caught:
        fail(TOKEN)
    assert leaks({"Sentry": in_sentry(caught.value)})
    assert leaks({"rich": in_rich(caught.value)})


# ---- Calls with every secret there is


def arm(host: str, **settings: Any) -> ApiClient:
    """Make a client that holds every secret that a client can hold."""
    usual = {"access_token": TOKEN, "debug": True, "retries": 1, "timeout": 5.0}
    configuration = Configuration(host, **{**usual, **settings})
    jar = f"jar={CLIENT_COOKIE}"
    return ApiClient(configuration, "X-Api-Key", CLIENT_HEADER, jar)


def fetch(client: ApiClient) -> ApiResponse[CreditResponse]:
    """Call with every secret that a call can have."""
    return CreditsApi(client).get_credits_api_v1_credits_get_with_http_info(
        auth_token=COOKIE, _headers={"X-Auth-Token": CALL_HEADER}
    )


def fail(host: str, match: str | None = None, **settings: Any) -> ApiException:
    """Make a call that must fail, check that nothing shows, and return its error."""
    with arm(host, **settings) as client:
        with pytest.raises(ApiException, match=match) as caught:
            fetch(client)
        error = caught.value
        skip_tests(error)
        places = {**places_of(error), **places_of_client(client)}
        places["rich, frames"] = in_rich(error)
        places["Sentry"] = in_sentry(error)
        assert leaks(places) == []
    return error


def test_nothing_shows_of_a_call_that_succeeds(wire: Wire) -> None:
    """Client, configuration and response show no secret before and after a call."""
    with arm(wire.url) as client:
        assert leaks(places_of_client(client)) == []
        response = fetch(client)
        assert leaks({"response": repr(response)}) == []
        assert leaks(places_of_client(client)) == []

    sent = wire.requests[0].decode()
    assert all(secret in sent for secret in SENT)


# ---- Wrong settings and arguments


def set_variable(name: str, value: str, use: Callable[[], object]) -> object:
    """Use something while a variable of the environment is set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        return use()


def call(**arguments: Any) -> object:
    """Make a call with wrong arguments."""
    client = arm("https://api.test.invalid")
    return CreditsApi(client).get_credits_api_v1_credits_get(**arguments)


WRONG: dict[str, Callable[[], object]] = {
    "a setting beside it": lambda: Configuration(access_token=TOKEN, timeout=-1),
    "a misspelt setting": lambda: setattr(Configuration(), "acess_token", TOKEN),
    "a proxy's header": lambda: Configuration(proxy_headers={"X Y": PROXY_HEADER}),
    "_request_timeout": lambda: call(auth_token=COOKIE, _request_timeout=-1),
    "plain http": lambda: fetch(arm("http://api.test.invalid")),
    "ACCESS_TOKEN": lambda: set_variable(
        "ACCESS_TOKEN", f"{TOKEN}\n", Configuration.from_env
    ),
    "HTTPS_PROXY": lambda: set_variable(
        "HTTPS_PROXY",
        f"ftp://u:{PROXY_PASSWORD}@p",
        lambda: fetch(arm("https://api.test.invalid")),
    ),
}


@pytest.mark.parametrize("use", WRONG.values(), ids=WRONG)
def test_nothing_shows_of_a_wrong_argument(use: Callable[[], object]) -> None:
    """The error names what is wrong; message and pickle do not have the value."""
    with pytest.raises(OpenApiException) as caught:
        use()
    assert leaks({**places_of(caught.value), **stored(caught.value)}) == []


# ---- Calls that fail

ECHO = " ".join(SENT)


def echo(
    text: str, status: int = 200, kind: str = "application/json", **headers: str
) -> Step:
    """Answer with a text, and with headers that repeat every secret as well."""
    lines = [("X-Echo", ECHO), ("Set-Cookie", f"auth_token={ECHO}")]
    lines += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return reply(answer(text.encode(), status, content_type=kind, headers=lines))


def start(line: str) -> Step:
    """Answer with a start of a response, and close."""
    return reply(f"{line}\r\n\r\n".encode(), CLOSE)


DETAIL = json.dumps({"detail": ECHO})
TOO_LONG = {
    "loc": ["cookie", "auth_token"],
    "msg": f"{COOKIE} is too long",
    "type": "too_long",
    "input": COOKIE,
}

ECHOES: dict[str, Step] = {
    "401": echo(DETAIL, 401),
    "422": echo(json.dumps({"detail": [TOO_LONG]}), 422),
    "500": echo(DETAIL, 500),
    "500 with a page": echo(f"<title>{ECHO}</title>", 500, "text/html"),
    "a page instead of JSON": echo(f"<title>{ECHO}</title>", kind="text/html"),
    "broken JSON": echo(DETAIL[:-1]),
    "a wrong field": echo(json.dumps({**CREDITS, "total_credits": ECHO})),
    "a broken gzip": echo(ECHO, content_encoding="gzip"),
    "an odd coding": echo(ECHO, content_encoding=TOKEN),
    "a redirect elsewhere": echo("", 302, location=f"https://{TOKEN}.invalid/"),
    "a redirect nowhere": echo("", 302, location=f"mailto:{TOKEN}"),
    "a status line": start(f"HTTP/1.1 400 {TOKEN}\r\nContent-Length: 0"),
}
"""Answers that repeat what they were sent."""

LOSSES: dict[str, Step] = {
    "no HTTP": start(ECHO),
    "a broken length": start(f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}"),
    "cut off": reply(answer(ECHO.encode(), length=999), CLOSE),
}
"""What is no complete answer."""


@pytest.mark.parametrize("step", ECHOES.values(), ids=ECHOES)
def test_nothing_shows_of_an_answer_that_repeats_secrets(
    wire: Wire, step: Step
) -> None:
    """The message is clean even where the service has written our own secrets."""
    wire.play(otherwise=step)
    assert fail(wire.url).status


@pytest.mark.parametrize("step", LOSSES.values(), ids=LOSSES)
def test_nothing_is_kept_of_a_lost_answer(wire: Wire, step: Step) -> None:
    """Without a complete answer, an error has nothing of it to store, either."""
    wire.play(otherwise=step)
    assert leaks(stored(fail(wire.url))) == []


HOSTS = ["http://127.0.0.1:9", "https://api.test.invalid"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_proxy_that_is_down_is_named_without_its_password(host: str) -> None:
    """The URL in the message begins with the host of the proxy."""
    with refusing_port() as port:
        login = f"{PROXY_USER}:{PROXY_PASSWORD}"
        proxy = f"http://{login}@127.0.0.1:{port}"
        error = fail(host, f"^the proxy http://127.0.0.1:{port}: ", proxy=proxy)
    assert leaks(stored(error)) == []


REFUSED_TEXT = f"{PROXY_PASSWORD} {PROXY_HEADER} {ECHO}".encode()

REFUSALS: dict[str, Step] = {
    "403": reply(answer(REFUSED_TEXT, 403)),
    "407": reply(answer(REFUSED_TEXT, 407)),
    "502": reply(answer(REFUSED_TEXT, 502)),
    "closed": reply(CLOSE),
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("step", REFUSALS.values(), ids=REFUSALS)
def test_nothing_shows_of_a_proxy_that_refuses(
    wire: Wire, host: str, step: Step
) -> None:
    """A proxy may forbid, break or repeat what it got: its password does not show."""
    wire.play(otherwise=step)
    proxy = wire.url.replace("://", f"://{PROXY_USER}:{PROXY_PASSWORD}@")
    fail(host, proxy=proxy, proxy_headers={"X-Proxy-Token": PROXY_HEADER})
    assert PROXY_HEADER.encode() in wire.requests[0]
