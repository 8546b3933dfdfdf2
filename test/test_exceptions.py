"""The errors: their tree, what each one says, and what it carries."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from at_client import exceptions
from at_client.exceptions import (
    ApiAttributeError,
    ApiConnectionException,
    ApiException,
    ApiKeyError,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    OpenApiException,
    ServiceException,
)


@dataclass
class Answer:
    """A response, as far as an error reads it."""

    status: int
    reason: str | None = None
    headers: Mapping[str, str] | None = None
    data: bytes | None = None


def test_the_tree_is_that_of_the_page(project: Path) -> None:
    """The docstring of the module draws the classes as the page on errors does."""
    page = (project / "docs" / "errors.md").read_text(encoding="utf-8")
    branches = re.findall(r"^.*── \w+", exceptions.__doc__ or "", re.MULTILINE)
    assert len(branches) == 16
    for branch in branches:
        assert f"\n{branch}" in page


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ApiTypeError, TypeError),
        (ApiValueError, ValueError),
        (ApiKeyError, KeyError),
        (ApiAttributeError, AttributeError),
    ],
)
def test_an_argument_error_is_also_pythons_own(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    """Code that knows only Python's errors catches ours."""
    assert issubclass(kind, builtin)


STATUSES: dict[int, type[ApiException]] = {
    400: BadRequestException,
    499: ApiException,
    599: ServiceException,
    600: ApiException,
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_has_its_class(status: int) -> None:
    """All of 5xx is the service's fault, and nothing beside it."""
    with pytest.raises(ApiException) as caught:
        ApiException.from_response(http_resp=Answer(status))
    assert type(caught.value) is STATUSES[status]


# ---- What an error says


def detail(text: object) -> str:
    """Write the body of an error as FastAPI does."""
    return json.dumps({"detail": text})


def bad_request(body: str) -> ApiException:
    """Make an error with a body."""
    return BadRequestException(400, body=body)


TOO_LONG = {"loc": ["query", 0], "msg": "Too long"}

SET_TOKEN = "Set ACCESS_TOKEN (Configuration.access_token)"
FAILED = "The service failed; try again later."
PERMISSION = "use one from an account that has permission."
HOST = "Check AT_CLIENT_HOST or Configuration.host, its path prefix included."
STATE = "check its current state, then try again."

SAYS: dict[str, OpenApiException] = {
    # Arguments and settings.
    "no name 'x'": ApiKeyError("no name 'x'"),
    "must be a str at ['a'][0]": ApiTypeError("must be a str", ["a", 0]),
    'must be above 0 at ["a\'b"]': ApiValueError("must be above 0", ("a'b",)),
    # No response.
    "The call failed": ApiException(),
    "host:443: refused.": ApiConnectionException(reason="host:443: refused."),
    "All of it.": ServiceException(500, message="All of it."),
    # A status says what to do; a reason that was given is shown.
    f"401 Unauthorized. {SET_TOKEN}: it is missing, wrong or expired.": ApiException(
        401
    ),
    "402 Payment Required. Buy credits, or wait for the reset.": ApiException(402),
    f"403 Forbidden. The access token does not allow this; {PERMISSION}": ApiException(
        403
    ),
    f"404 Not Found. {HOST}": ApiException(404),
    f"409 Conflict. The account was changed in the meantime; {STATE}": ApiException(
        409
    ),
    f"422 {HTTPStatus(422).phrase}. Correct the parameter that it names.": ApiException(
        422
    ),
    "429 Too Many Requests. Call less often.": ApiException(429),
    f"599. {FAILED}": ApiException(599),
    "400 Whatever it is": ApiException(400, "Whatever it is"),
    # How long to wait.
    "425 Too Early. The service asks you to wait 1.5 s.": ApiException(
        425, retry_after=1.5
    ),
    f"599. {FAILED} The service asks you to wait 0 s.": ApiException(
        599, retry_after=0.0
    ),
    # What the service said, in one line, whatever it is.
    "400 Bad Request: No": bad_request(detail("No.")),
    "400 Bad Request: query.0: Too long": bad_request(detail([TOO_LONG, {}])),
    "400 Bad Request: 400 & bad": bad_request("<html><TITLE>400\n&amp; bad</TITLE>"),
    "400 Bad Request: a b c": bad_request(detail(" a\r\n\tb  c. ")),
    "400 Bad Request: a [31mb": bad_request(detail("a\x00\x1b[31mb")),
    "400 Bad Request: odd: why": bad_request(
        '{"error": "odd", "error_description": "why"}'
    ),
    f"400 Bad Request: {'x' * 300}": bad_request(detail("x" * 300)),
    f"400 Bad Request: {'x' * 300}…": bad_request(detail("x" * 301)),
    # The reason phrase of a response is the server's own words, and not quoted.
    "410 Gone": ApiException(http_resp=Answer(410, "Odd")),
}


@pytest.mark.parametrize("says", SAYS, ids=lambda says: says[:40])
def test_an_error_says_what_happened_and_what_to_do(says: str) -> None:
    """`str()` is one line: the status, what the service said, and advice."""
    assert str(SAYS[says]) == says


SILENT = {
    "nothing": "",
    "a page without a title": "<html>Bad</html>",
    "an empty object": "{}",
    "absurd nesting": "[" * 200_000,
    "an absurd number": '{"detail": 1' + "0" * 5000 + "}",
    "a null detail": detail(None),
    "a list of texts": detail(["text"]),
    "a number as error": '{"error": 5}',
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_a_body_that_says_nothing_adds_nothing(body: str) -> None:
    """No body makes a second error."""
    assert str(bad_request(body)) == "400 Bad Request"


# ---- What an error carries


def test_an_argument_error_keeps_its_parts() -> None:
    """What the classes of generated clients carry is there to be read."""
    error = ApiTypeError("wrong", ["a"], int, key_type=True)
    assert error.path_to_item == ["a"]
    assert error.valid_classes is int
    assert error.key_type is True


RESPONSE = Answer(429, "Slow", {"Server": "x"}, b'{"a": "\xc3\xa4\xff"}')


def test_a_failed_call_has_the_parts_of_its_response() -> None:
    """Status, reason, headers and body come as they are; the body becomes text."""
    error = ApiException(http_resp=RESPONSE)
    assert error.status == 429
    assert error.reason == "Slow"
    assert error.headers == {"Server": "x"}
    assert error.body == '{"a": "ä\ufffd"}'
    assert error.data is error.retry_after is None


def test_what_is_given_takes_precedence_over_a_response() -> None:
    """Each part that is given replaces that of the response, even an empty one."""
    given: dict[str, Any] = {
        "status": 0,
        "reason": "",
        "headers": {},
        "body": "",
        "data": 7,
        "retry_after": 3.0,
    }
    error = ApiException(http_resp=RESPONSE, **given)
    assert {name: getattr(error, name) for name in given} == given
