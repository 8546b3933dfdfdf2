"""Secrets by tables: used, compared, pickled and struck out, but never shown."""

from __future__ import annotations

import copy
import http.client
import logging
import pickle
import traceback
from typing import Any

import pytest
from at_client.sealed import Secret, conceal, opened, redact

from support.facts import TOKEN, secrets_in


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r}".format,
        "%s".__mod__,
        lambda secret: f"{secret}",
        lambda secret: repr([secret]),
        lambda secret: repr({"a": (secret,)}),
        lambda secret: repr(vars(type(secret))),
        lambda secret: str(dir(secret)),
    ],
)
def test_a_secret_is_not_shown(show: Any) -> None:
    """However it is printed, formatted or listed."""
    assert not secrets_in(show(Secret(TOKEN)))
    assert (repr(Secret(TOKEN)), str(Secret(TOKEN))) == ("Secret('***')", "***")


def test_no_traceback_and_no_log_shows_it() -> None:
    """Neither as an argument nor as a local variable."""

    def fail(secret: Secret) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match=r"\*\*\*") as caught:
        fail(Secret(TOKEN))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    record = logging.makeLogRecord({"msg": "%s %r", "args": (Secret(TOKEN), Secret(TOKEN))})
    assert not secrets_in("".join(shown.format()), record.getMessage())


def test_a_secret_can_be_used() -> None:
    """It reveals its text, encodes it as `str` does, and is true unless empty."""
    secret = Secret("tökén")
    assert secret.reveal() == "tökén"
    assert secret.encode() == "tökén".encode()
    assert secret.encode("latin-1") == "tökén".encode("latin-1")
    assert secret.encode("ascii", "replace") == b"t?k?n"
    with pytest.raises(UnicodeEncodeError):
        secret.encode("ascii")
    assert bool(secret) is True
    assert bool(Secret("")) is False


def test_http_client_writes_a_secret() -> None:
    """A header value that is sealed reaches the wire opened."""
    connection = http.client.HTTPConnection("api.example.com")
    connection.putrequest("GET", "/")
    connection.putheader("Authorization", Secret(TOKEN))  # type: ignore[arg-type]  # it has `encode`
    assert f"Authorization: {TOKEN}".encode() in connection._buffer  # type: ignore[attr-defined]  # what is sent


def test_secrets_are_equal_by_their_text() -> None:
    """To each other only: a plain text is never equal to a secret."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, lambda secret: pickle.loads(pickle.dumps(secret))],  # noqa: S301  # our own bytes
)
def test_a_secret_can_be_sent_to_another_process(twin: Any) -> None:
    """It comes out sealed."""
    assert twin(Secret(TOKEN)) == Secret(TOKEN)


def test_a_secret_takes_nothing_else() -> None:
    """There is no place where a plain copy could be left."""
    with pytest.raises(AttributeError):
        Secret("a").other = 1  # type: ignore[attr-defined]  # the point of the test


@pytest.mark.parametrize(
    ("value", "sealed"),
    [
        ("x", Secret("x")),
        ("", Secret("")),
        (None, None),
        (7, 7),
        (b"x", b"x"),
        (["x"], ["x"]),
        (Secret("x"), Secret("x")),
        ({"a": "x", "b": 7}, {"a": Secret("x"), "b": 7}),
        ({"a": {"b": "x"}}, {"a": {"b": Secret("x")}}),
        ({}, {}),
    ],
)
def test_texts_are_sealed_at_any_depth(value: object, sealed: object) -> None:
    """Texts, and texts in mappings; anything else is left as it is."""
    assert conceal(value) == sealed


def test_sealed_values_are_opened() -> None:
    """For a library that takes plain ones only."""
    assert opened({"a": Secret("x"), "b": "y"}) == {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("text", "secrets", "left"),
    [
        ("no secret here", ["abcdef"], "no secret here"),
        ("it is abcdef, abcdef", ["abcdef"], "it is ***, ***"),
        ("it is abcdef", ["Bearer abcdef"], "it is ***"),
        ("Bearer abcdef", ["Bearer abcdef"], "***"),
        ("abcdef ghijkl", ["one=abcdef; two=ghijkl"], "*** ***"),
        ("abcdef", ["other", "abcdef"], "***"),
        ("abc", ["abc"], "abc"),
        ("abcd", ["abcd"], "***"),
        ("abcd", [""], "abcd"),
        ("abcdef", [], "abcdef"),
        ("", ["abcdef"], ""),
        ("a=bcdefg", ["x=a=bcdefg"], "***"),
    ],
)
def test_secrets_are_struck_out(text: str, secrets: list[str], left: str) -> None:
    """The whole value, what follows the scheme, each cookie's value; texts and bytes alike; short ones stay."""
    sealed = [Secret(secret) for secret in secrets]
    assert redact(text, sealed) == left
    assert redact(text.encode(), sealed) == left.encode()
