"""Each verdict of docs/coming-from-generated.md is true: what is the same, and what is left out."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest

import at_client
from at_client.sandbox import Sandbox
from support.pages import PROJECT, tables
from ways.worker import ways

SCRIPTS = "\n".join(way.script for way in ways() if way.verdict != "differs")

ROWS = [(row[0], row[1]) for table in tables(PROJECT / "docs" / "coming-from-generated.md") for row in table[1:]]


@pytest.fixture(scope="module")
def made() -> dict[type, set[str]]:
    """What is made along with instances: class -> names of attributes."""
    with Sandbox() as sandbox:
        configuration = at_client.Configuration(host=sandbox.url, access_token=sandbox.token)
        with at_client.ApiClient(configuration) as client:
            response = client.call_api(*client.param_serialize("GET", "/api/v1/credits"))
            parts = (at_client.CreditsApi(client), client, client.rest_client, response)
            return {type(part): set(vars(part)) for part in parts}


def resolve(name: str, made: dict[type, set[str]]) -> Any:
    """Find what a dotted name stands for: a module, a member of it, or a member of a class.

    Raises:
        AttributeError: There is no such name.
    """
    found: Any = importlib.import_module("at_client")
    for part in name.split(".")[1:]:
        if inspect.isclass(found) and part in attributes(found) | made.get(found, set()):
            return None
        found = getattr(found, part)
    return found


def attributes(cls: type) -> set[str]:
    """Name the attributes that a class declares for its instances and does not have itself."""
    declared = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
    return declared - set(dir(cls))


def parameters(callable_: Any) -> list[str]:
    """Name the parameters of a callable, less the instance or class that it is bound to."""
    names = list(inspect.signature(callable_).parameters)
    return [name for name in names if name not in {"self", "cls"}]


@pytest.mark.parametrize(("written", "verdict"), ROWS, ids=[name for name, _ in ROWS])
def test_verdict(written: str, verdict: str, made: dict[type, set[str]]) -> None:
    """A name that stays is there with its parameters; a name that is left out is not there."""
    name, given = re.fullmatch(r"([\w.]+)(?:\(([\w, ]*)\))?", written).groups()  # type: ignore[union-attr]  # else fails
    wanted = given.split(", ") if given else []
    if verdict.startswith("left out: ") and name.endswith("Configuration"):
        assert not set(wanted) & set(parameters(at_client.Configuration))
    elif verdict.startswith("left out: "):
        with pytest.raises((AttributeError, ImportError)):
            resolve(name, made)
    else:
        assert verdict == "same" or verdict.startswith("better: ")
        found = resolve(name, made)
        if given is not None:
            accepts = inspect.signature(found).parameters
            open_ended = any(p.kind is p.VAR_KEYWORD for p in accepts.values())
            assert open_ended or set(wanted) <= set(accepts)
        if verdict == "same" and given is not None and not name.endswith("Configuration"):
            assert parameters(found)[: len(wanted)] == wanted


@pytest.mark.parametrize("name", [row[0].partition("(")[0] for row in ROWS if "(" in row[0] and row[1][:4] != "left"])
def test_a_name_that_stays_is_tried(name: str) -> None:
    """Whatever can be called is called in a way of use that works, on both clients, so it is more than a name."""
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", SCRIPTS)


def test_every_name_has_one_verdict() -> None:
    """No name is listed twice, and the three verdicts are all there is."""
    assert len({name for name, _ in ROWS}) == len(ROWS)
    assert all(re.match(r"same$|better: \w|left out: \w", verdict) for _, verdict in ROWS)
