"""Each verdict of docs/coming-from-generated.md on a name is true."""

import importlib
import inspect
import re
import subprocess
import sys
from operator import attrgetter
from typing import Any, NamedTuple

import pytest
import urllib3

import at_client
from support.pages import PROJECT

PAGE = (PROJECT / "docs" / "coming-from-generated.md").read_text(encoding="utf-8")


class Row(NamedTuple):
    """A name of generated code, as the page has it."""

    name: str
    given: str
    """What it takes, in parentheses; empty if that is not said."""

    verdict: str

    @property
    def parameters(self) -> list[str]:
        """The names of what it takes."""
        return re.findall(r"\w+", self.given)

    @property
    def stays(self) -> bool:
        """Whether the name is there."""
        return not self.verdict.startswith("left out: ")

    @property
    def module(self) -> str:
        """The module that the name is in."""
        return re.findall(r"^at_client(?:\.[a-z_]+(?=\.))*", self.name)[0]


PATTERN = r"(?m)^`(at_client[\w.]*)(\(.*\))?` \| (.+)$"
ROWS = [Row(*found) for found in re.findall(PATTERN, PAGE)]
STAYING = [row for row in ROWS if row.stays]
CALLABLES = [row for row in STAYING if row.given]
MODULES = {row.module for row in STAYING}


@pytest.fixture(scope="module")
def attributes() -> dict[type, set[str]]:
    """The attributes that instances have of their own, by class."""
    client = at_client.ApiClient(at_client.Configuration())
    instances = [
        client,
        client.configuration,
        client.rest_client,
        at_client.ApiResponse(
            status_code=200,
            data=None,
            headers={},
            raw_data=b"",
        ),
        at_client.CreditsApi(client),
        at_client.rest.RESTResponse(urllib3.HTTPResponse()),
    ]

    return {type(instance): set(vars(instance)) for instance in instances}


def resolve(name: str, attributes: dict[type, set[str]]) -> Any:
    """Return what a dotted name stands for; `None` for an attribute of instances."""
    found: Any = importlib.import_module("at_client")
    for part in name.split(".")[1:]:
        of_instances = {
            *attributes.get(found, ()),
            *getattr(found, "model_fields", ()),
        }
        if part in of_instances and not hasattr(found, part):
            return None
        found = getattr(found, part)
    return found


def parameters_of(callable_: Any) -> list[str]:
    """Return the names of the parameters, without the instance or class."""
    names = inspect.signature(callable_).parameters
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("row", ROWS, ids=attrgetter("name"))
def test_a_verdict_is_true(row: Row, attributes: dict[type, set[str]]) -> None:
    """A name that stays is there, and one that is left out is not."""
    assert re.match(r"same$|better: .|left out: .", row.verdict)
    if row.stays:
        resolve(row.name, attributes)
    elif row.name.endswith(".Configuration"):
        settings = parameters_of(at_client.Configuration)
        assert set(row.parameters).isdisjoint(settings)
    else:
        with pytest.raises((AttributeError, ImportError)):
            resolve(row.name, attributes)


@pytest.mark.parametrize("row", CALLABLES, ids=attrgetter("name"))
def test_what_stays_takes_the_same(row: Row, attributes: dict[type, set[str]]) -> None:
    """Parameters have the names they had, and their order unless names are needed."""
    accepted = parameters_of(resolve(row.name, attributes))
    assert set(row.parameters) <= set(accepted)

    by_name_alone = row.name.endswith((".Configuration", ".ApiResponse"))
    if not by_name_alone:
        assert accepted[: len(row.parameters)] == row.parameters


def test_modules_are_attributes() -> None:
    """After a quiet `import at_client`, the modules of generated code can be used."""
    program = f"import at_client; {', '.join(MODULES)}"
    output = subprocess.check_output(
        [sys.executable, "-W", "error", "-c", program],
        stderr=subprocess.STDOUT,
    )
    assert output == b""
