"""Each verdict of docs/coming-from-generated.md is true: what is the same, and what is left out."""

import importlib
import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import at_client
from at_client.sandbox import Sandbox
from support.pages import PROJECT, tables
from ways.worker import ways

SCRIPTS = "\n".join(way.script for way in ways() if way.verdict != "differs")
ROWS = [
    (row[0], row[1])
    for table in tables(PROJECT / "docs" / "coming-from-generated.md")
    for row in table[1:]
]
STAYING = [name for name, verdict in ROWS if not verdict.startswith("left out: ")]
MODULES = {
    re.sub(r"^(at_client(?:\.[a-z_]+(?=\.))*).*", r"\1", name) for name in STAYING
}


@pytest.fixture(scope="module")
def made() -> dict[type, set[str]]:
    """What is made along with instances: class -> names of attributes."""
    with Sandbox() as sandbox:
        configuration = at_client.Configuration(
            host=sandbox.url, access_token=sandbox.token
        )
        with at_client.ApiClient(configuration) as client:
            response = client.call_api(
                *client.param_serialize("GET", "/api/v1/credits")
            )
            parts = (at_client.CreditsApi(client), client, client.rest_client, response)
            return {type(part): set(vars(part)) for part in parts}


def resolve(name: str, made: dict[type, set[str]]) -> Any:
    """Find what a dotted name stands for: a module, a member of it, or a member of a class."""
    found: Any = importlib.import_module("at_client")
    for part in name.split(".")[1:]:
        if inspect.isclass(found) and not hasattr(found, part):
            declared = {
                name for base in found.__mro__ for name in inspect.get_annotations(base)
            }
            if part in declared | made.get(found, set()):
                return None  # an attribute of instances alone
        found = getattr(found, part)
    return found


def parameters(callable_: Any) -> list[str]:
    """Name the parameters of a callable, less the instance or class that it is bound to."""
    return [
        name
        for name in inspect.signature(callable_).parameters
        if name not in {"self", "cls"}
    ]


@pytest.mark.parametrize(("written", "verdict"), ROWS, ids=[name for name, _ in ROWS])
def test_verdict(written: str, verdict: str, made: dict[type, set[str]]) -> None:
    """A name that stays is there with its parameters, one that is left out is not; no name has two verdicts."""
    assert re.match(r"same$|better: \w|left out: \w", verdict)
    assert [name for name, _ in ROWS].count(written) == 1
    name, given = re.fullmatch(r"([\w.]+)(?:\(([\w, ]*)\))?", written).groups()  # type: ignore[union-attr]  # else fails
    wanted = given.split(", ") if given else []
    if verdict.startswith("left out: "):
        if name.endswith("Configuration"):
            assert not set(wanted) & set(parameters(at_client.Configuration))
        else:
            with pytest.raises((AttributeError, ImportError)):
                resolve(name, made)
        return
    found = resolve(name, made)
    owner, _, last = name.rpartition(".")
    if owner == "at_client":
        assert last in at_client.__all__
    elif last in at_client.__all__:
        assert found is getattr(at_client, last)
    if given is not None:
        accepts = inspect.signature(found).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in accepts.values())
        assert open_ended or set(wanted) <= set(accepts)
        if verdict == "same" and last != "Configuration":
            assert parameters(found)[: len(wanted)] == wanted


@pytest.mark.parametrize(
    "name", [name.partition("(")[0] for name in STAYING if "(" in name]
)
def test_a_name_that_stays_is_tried(name: str) -> None:
    """Whatever can be called is called in a way of use that works, on both clients, so it is more than a name."""
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", SCRIPTS)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_are_attributes(name: str) -> None:
    """After a bare `import at_client`, each module that generated code imports from is there to be used."""
    program = f"import at_client; assert {name}.__name__ == {name!r}"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, timeout=60
    )
