"""Each verdict of docs/coming-from-generated.md on a name is true."""

import importlib
import inspect
import re
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

import at_client
from at_client.sandbox import Sandbox
from support.pages import PROJECT, tables
from ways.worker import read_ways

SCRIPTS = "\n".join(way.script for way in read_ways() if way.verdict != "differs")


class Row(NamedTuple):
    """A name of generated code, as the page has it."""

    name: str
    parameters: list[str] | None
    """What it takes; `None` if that is not said."""

    verdict: str

    @property
    def stays(self) -> bool:
        """Whether the name is there."""
        return not self.verdict.startswith("left out: ")


def read_rows() -> list[Row]:
    """Read the tables of the page."""
    rows = []
    for table in tables(PROJECT / "docs" / "coming-from-generated.md"):
        for written, verdict in table[1:]:
            name, bracket, given = written.removesuffix(")").partition("(")
            parameters = [part for part in given.split(", ") if part]
            rows.append(Row(name, parameters if bracket else None, verdict))
    return rows


ROWS = read_rows()
NAMES = [row.name for row in ROWS]
CALLABLES = [row for row in ROWS if row.stays and row.parameters is not None]
MODULES = sorted(
    {
        re.sub(r"^(at_client(?:\.[a-z_]+(?=\.))*).*", r"\1", row.name)
        for row in ROWS
        if row.stays
    }
)


@pytest.fixture(scope="module")
def attributes() -> dict[type, set[str]]:
    """The attributes that instances have of their own, by class."""
    with Sandbox() as sandbox:
        configuration = at_client.Configuration(sandbox.url, sandbox.token)
        with at_client.ApiClient(configuration) as client:
            api = at_client.CreditsApi(client)
            request = client.param_serialize("GET", "/api/v1/credits")
            instances = [
                api,
                api.get_credits_api_v1_credits_get_with_http_info(),
                client,
                client.rest_client,
                client.call_api(*request),
                configuration,
            ]
            return {type(instance): set(vars(instance)) for instance in instances}


def resolve(name: str, attributes: dict[type, set[str]]) -> Any:
    """Return what a dotted name stands for; `None` for an attribute of instances."""
    found: Any = importlib.import_module("at_client")
    for part in name.split(".")[1:]:
        if part in attributes.get(found, ()) and not hasattr(found, part):
            return None
        if part in getattr(found, "model_fields", ()):
            return None
        found = getattr(found, part)
    return found


def parameters_of(callable_: Any) -> list[str]:
    """Return the names of the parameters, without the instance or class."""
    names = inspect.signature(callable_).parameters
    return [name for name in names if name not in {"self", "cls"}]


def test_a_name_has_one_verdict() -> None:
    """No name is on the page twice; the settings that went have a row apart."""
    twice = {row.name for row in ROWS if NAMES.count(row.name) > 1}
    assert {name.rpartition(".")[2] for name in twice} <= {"Configuration"}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_verdict_is_true(row: Row, attributes: dict[type, set[str]]) -> None:
    """A name that stays is there, and one that is left out is not."""
    assert re.match(r"same$|better: \w|left out: \w", row.verdict)
    if row.stays:
        found = resolve(row.name, attributes)
        name = row.name.rpartition(".")[2]
        if name in at_client.__all__:
            assert found is getattr(at_client, name)
    elif row.name.endswith(".Configuration"):
        settings = set(parameters_of(at_client.Configuration))
        assert settings.isdisjoint(row.parameters or ())
    else:
        with pytest.raises((AttributeError, ImportError)):
            resolve(row.name, attributes)


@pytest.mark.parametrize("row", CALLABLES, ids=[row.name for row in CALLABLES])
def test_what_stays_takes_the_same(row: Row, attributes: dict[type, set[str]]) -> None:
    """Parameters have the names they had; with the verdict `same`, their order, too."""
    wanted = row.parameters or []
    accepted = parameters_of(resolve(row.name, attributes))
    if row.verdict == "same" and not row.name.endswith(".Configuration"):
        assert accepted[: len(wanted)] == wanted
    else:
        assert set(wanted) <= set(accepted)


@pytest.mark.parametrize("row", CALLABLES, ids=[row.name for row in CALLABLES])
def test_what_stays_is_tried(row: Row) -> None:
    """Whatever can be called is called in a way of use that works on both clients."""
    assert re.search(rf"\b{row.name.rpartition('.')[2]}\b", SCRIPTS)


def test_modules_are_attributes() -> None:
    """After a bare `import at_client`, the modules of generated code can be used."""
    lines = [f"assert {name}.__name__ == {name!r}" for name in MODULES]
    program = "\n".join(["import at_client", *lines])
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == 0
