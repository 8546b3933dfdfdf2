"""Secrets stay out of what people and tools print, log, store and send."""

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rich.pretty
import rich.traceback
import sentry_sdk
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.utils import event_from_exception

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
from support.facts import (
    COOKIE,
    CREDITS,
    PROXY_LOGIN,
    PROXY_PASSWORD,
    PROXY_USER,
    TOKEN,
)
from support.makers import CapLog, CapSys
from support.wire import CLOSE, Step, Wire, answer, refusing_port, reply

pytestmark = pytest.mark.usefixtures("short_waits", "nothing_written")

TESTS = str(Path(__file__).parent)

CLIENT_COOKIE = "JAR-SECRET-31c0fe"
CLIENT_HEADER = "DEFAULT-SECRET-2f81aa"
CALL_HEADER = "HEADER-SECRET-70ad16"
PROXY_HEADER = "PROXYHEADER-SECRET-f05b12"

LOGIN = f"{PROXY_USER}:{PROXY_PASSWORD}"
HOSTS = ["http://127.0.0.1:9", "https://api.test.invalid"]
"""A host that a proxy forwards requests to, and one behind a tunnel."""

SENT = [TOKEN, COOKIE, CLIENT_COOKIE, CLIENT_HEADER, CALL_HEADER]
SECRETS = [*SENT, PROXY_PASSWORD, PROXY_HEADER, PROXY_LOGIN]


def leaks(*shown: str | bytes) -> list[str]:
    """List the secrets that show in texts or bytes."""
    text = "".join(map(repr, shown))
    return [secret for secret in SECRETS if secret in text]


# ---- What is printed, logged, pickled and sent


def skip_tests(error: BaseException) -> BaseException:
    """Remove the frames of a test, which has to know what it looks for."""
    below = error.__traceback__
    while below is not None:
        file = below.tb_frame.f_code.co_filename
        if not file.startswith(TESTS):
            break
        below = below.tb_next
    return error.with_traceback(below)


def printed_of(error: BaseException) -> list[str]:
    """Return what is printed of an error and of its causes."""
    return [
        repr(error),
        repr(error.args),
        repr(error.__cause__),
        *traceback.format_exception(error),
    ]


def in_rich(error: BaseException) -> str:
    """Return what rich shows of an error, with the local variables of its frames."""
    extracted = rich.traceback.Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=None,
        locals_max_length=None,
    )
    return repr(extracted)


def in_sentry(error: BaseException) -> str:
    """Return what Sentry sends of an error, with local variables and unscrubbed."""
    client = sentry_sdk.Client(
        default_integrations=False,  # they change the whole process
        include_local_variables=True,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )
    event, _ = event_from_exception(error, client_options=client.options)
    return repr(event)


def stored_of(error: BaseException) -> list[str | bytes]:
    """Return what is stored of an error, its attributes included."""
    return [
        repr(vars(error)),
        pickle.dumps(error),
    ]


def printed_of_client(client: ApiClient) -> list[str]:
    """Return what is printed of a client and of what belongs to it."""
    configuration = client.configuration
    things = [CreditsApi(client), client, configuration, client.rest_client]
    return [
        repr(things),
        *map(str, things),
        rich.pretty.pretty_repr(things, expand_all=True),
        configuration.to_debug_report(),
    ]


@pytest.fixture
def nothing_written(caplog: CapLog, capfd: CapSys) -> Iterator[None]:
    """Check that no log line and no output shows a secret, at any level."""
    caplog.set_level(logging.DEBUG)
    with nothing_changed():
        yield
    assert leaks(caplog.text, *capfd.readouterr()) == []


# ---- Calls with every secret there is


def arm(host: str, **settings: Any) -> ApiClient:
    """Make a client that holds every secret that a client can hold."""
    usual = {"debug": True, "retries": 1, "timeout": 5.0}
    configuration = Configuration(host, TOKEN, **{**usual, **settings})
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

        assert leaks(*printed_of(error)) == []
        assert leaks(in_rich(error)) == []
        assert leaks(in_sentry(error)) == []
        assert leaks(*printed_of_client(client)) == []
    return error


def test_nothing_shows_of_a_call_that_succeeds(wire: Wire) -> None:
    """Client, configuration and response show no secret before and after a call."""
    with arm(wire.url) as client:
        assert leaks(*printed_of_client(client)) == []
        response = fetch(client)
        assert leaks(repr(response)) == []
        assert leaks(*printed_of_client(client)) == []

    sent = wire.requests[0].decode()
    for secret in SENT:
        assert secret in sent


def test_secrets_in_frames_are_found() -> None:
    """Rich and Sentry show the local variables of frames, and the checks read them."""

    def fail_with(shown: str) -> None:
        raise ValueError(len(shown))

    with pytest.raises(ValueError, match="19") as caught:
        fail_with(TOKEN)

    assert leaks(in_rich(caught.value)) == [TOKEN]
    assert leaks(in_sentry(caught.value)) == [TOKEN]


# ---- Wrong settings and arguments


WRONG: dict[str, Callable[[], object]] = {
    "acess_token": lambda: setattr(Configuration(), "acess_token", TOKEN),
    "X Y": lambda: Configuration(proxy_headers={"X Y": PROXY_HEADER}),
    "access_token": lambda: Configuration(access_token=f"{TOKEN}\n"),
    "unencrypted": lambda: fetch(arm("http://api.test.invalid")),
}
"""What the error names -> what is wrong."""


@pytest.mark.parametrize("named", WRONG)
def test_nothing_shows_of_a_wrong_argument(named: str) -> None:
    """The error names what is wrong; message and pickle do not have the value."""
    with pytest.raises(OpenApiException, match=named) as caught:
        WRONG[named]()

    error = caught.value
    assert leaks(*printed_of(error)) == []
    assert leaks(*stored_of(error)) == []


# ---- Calls that fail

ECHO = " ".join(SENT)


def echo(
    text: str, status: int = 200, kind: str = "application/json", extra: str = "X: x"
) -> Step:
    """Answer with a text, and with headers that repeat every secret as well."""
    name, _, value = extra.partition(": ")
    headers = [
        ("X-Echo", ECHO),
        ("Set-Cookie", f"auth_token={ECHO}"),
        (name, value),
    ]
    response = answer(text.encode(), status, content_type=kind, headers=headers)
    return reply(response)


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
PAGE = f"<title>{ECHO}</title>"

ECHOES: dict[str, Step] = {
    "401": echo(DETAIL, 401),
    "422": echo(json.dumps({"detail": [TOO_LONG]}), 422),
    "500 with a page": echo(PAGE, 500, "text/html"),
    "a page instead of JSON": echo(PAGE, kind="text/html"),
    "broken JSON": echo(DETAIL[:-1]),
    "a wrong field": echo(json.dumps({**CREDITS, "total_credits": ECHO})),
    "a broken gzip": echo(ECHO, extra="Content-Encoding: gzip"),
    "an odd coding": echo(ECHO, extra=f"Content-Encoding: {TOKEN}"),
    "a redirect": echo("", 302, extra=f"Location: https://{TOKEN}.invalid/"),
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
    error = fail(wire.url)
    assert leaks(*stored_of(error)) == []


@pytest.mark.parametrize("host", HOSTS)
def test_a_proxy_that_is_down_is_named_without_its_password(host: str) -> None:
    """The URL in the message begins with the host of the proxy."""
    with refusing_port() as port:
        proxy = f"http://{LOGIN}@127.0.0.1:{port}"
        named = f"^the proxy http://127.0.0.1:{port}: "
        error = fail(host, named, proxy=proxy)
    assert leaks(*stored_of(error)) == []


ALL = f"{PROXY_PASSWORD} {PROXY_HEADER} {PROXY_LOGIN}"

REFUSALS: dict[str, Step] = {
    "403 and why": start(f"HTTP/1.1 403 {ALL}"),
    "407": reply(answer(ALL.encode(), 407)),
    "closed": reply(CLOSE),
}


@pytest.mark.parametrize("step", REFUSALS.values(), ids=REFUSALS)
def test_nothing_shows_of_a_proxy_that_refuses(wire: Wire, step: Step) -> None:
    """A proxy may forbid, break or repeat what it got: its password does not show."""
    wire.play(otherwise=step)
    settings = {
        "proxy": wire.url.replace("://", f"://{LOGIN}@"),
        "proxy_headers": {"X-Proxy-Token": PROXY_HEADER},
    }
    for host in HOSTS:
        fail(host, **settings)
        assert PROXY_HEADER.encode() in wire.requests[-1]
