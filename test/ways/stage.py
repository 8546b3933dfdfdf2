"""What every way of use finds at hand: a server on loopback, and clients for it."""

import contextlib
import http.client
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import at_client
from support.wire import Wire, answer, reply

wire = Wire()
host = wire.url
CREDITS = "/api/v1/credits"
OWN_AGENTS = ("OpenAPI-Generator/", "at-client/", "python-urllib3/")
UNINTERESTING = {
    "host",
    "accept-encoding",
    "content-length",
    "connection",
}


def config(**settings: Any) -> at_client.Configuration:
    """Make a configuration for the server; it has a token unless another is given."""
    usual = {"host": host, "access_token": "token"}
    return at_client.Configuration(**{**usual, **settings})


def client(**settings: Any) -> at_client.ApiClient:
    """Make a client for the server."""
    return at_client.ApiClient(config(**settings))


def api(**settings: Any) -> at_client.CreditsApi:
    """Make the API on a client of its own."""
    return at_client.CreditsApi(client(**settings))


def serve(
    body: bytes = b"",
    status: int = 200,
    kind: str = "application/json",
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    """Let the next request have this answer."""
    answered = answer(body, status, content_type=kind, headers=headers)
    wire.play(reply(answered))


def failure(*answered: Any) -> Exception:
    """Make one call with this answer, as for `serve`, and return the error of it."""
    serve(*answered)
    try:
        return api(retries=0).get_credits_api_v1_credits_get()
    except at_client.ApiException as error:
        return error


@contextlib.contextmanager
def telling(*kinds: type[BaseException]) -> Iterator[None]:
    """Print which of these kinds an error is."""
    try:
        yield
    except kinds as error:
        known = [kind.__name__ for kind in kinds if isinstance(error, kind)]
        print(known[0])


def sent(header: str) -> str | None:
    """Return a header of the last request, by its name in small letters."""
    headers = read_request(wire.requests[-1])["headers"]
    return headers.get(header)


def read_request(request: bytes) -> dict[str, Any]:
    """Return what a user would care about in a request."""
    head, _, body = request.decode("latin-1").partition("\r\n\r\n")
    line, *lines = head.split("\r\n")
    headers = {}
    for each in sorted(lines, key=str.lower):
        name, _, value = each.partition(": ")
        is_own = value.startswith(OWN_AGENTS)
        if name.lower() not in UNINTERESTING and not is_own:
            headers[name.lower()] = value

    if "json" in headers.get("content-type", "json"):
        body = tidy_json(body)
    return {
        "line": line.removesuffix(" HTTP/1.1"),
        "headers": headers,
        "body": body,
    }


def tidy_json(body: str) -> str:
    """Write JSON in one way only; other text stays as it is."""
    with contextlib.suppress(ValueError):
        return json.dumps(json.loads(body))
    return body


def clear() -> None:
    """Forget what the last way of use has done to the server and to the process."""
    at_client.Configuration.set_default(None)
    at_client.ApiClient.set_default(None)
    http.client.HTTPConnection.debuglevel = 0
    for name in ("at_client", "urllib3"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        logger.handlers.clear()
    wire.play()
    wire.requests.clear()
