"""The distribution and the package: what imports what, and what is public."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import typing
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
import urllib3

import at_client

PACKAGE = Path(at_client.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]

ORDER = """
    version details framing redirects
    exceptions
    headers models serialization
    checks tokens decoding
    clock proxies
    configuration connections
    failures socks
    tls
    pools
    retries
    api_response
    exchange
    rest
    api_client
    api
    __init__
    sandbox
    display pytest_plugin
    cli
    __main__
"""
LAYERS = [set(line.split()) for line in ORDER.strip().splitlines()]
"""The modules and folders; each imports only from those in lines above its own."""

TOOLS = {"sandbox", "pytest_plugin"}
"""What tests of users load beside the client, and so needs nothing of it."""


def name_room(path: Path) -> str:
    """Return the folder of a file in the package, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


ROOMS = {name_room(path) for path in FILES}


def read_imports(path: Path) -> set[str]:
    """Return the full names of all that a file imports, anywhere in it."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    return imported


def find_rooms(path: Path) -> set[str]:
    """Return the modules and folders of the package that a file imports from."""
    parts = [f"{name}.".split(".") for name in read_imports(path)]
    names = {part[1] for part in parts if part[0] == "at_client"}
    return {name if name in ROOMS else "__init__" for name in names}


def test_every_room_has_a_place() -> None:
    """A new module is put into the order, so that the next test can hold it to it."""
    assert set().union(*LAYERS) == ROOMS


@pytest.mark.parametrize("path", FILES, ids=FILE_NAMES)
def test_imports_go_one_way(path: Path) -> None:
    """A module imports only from those before it in the order; no arrow goes back."""
    room = name_room(path)
    below: set[str] = set()
    for layer in LAYERS:
        if room in layer:
            break
        below |= layer
    if room in TOOLS:
        below &= TOOLS

    assert find_rooms(path) <= below | {room}


@pytest.mark.parametrize("path", FILES, ids=FILE_NAMES)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """Every file of the package starts with a sentence."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert said.split("\n\n")[0].endswith((".", ":", "?"))


def test_exports_are_sorted_and_there() -> None:
    """`__all__` is in order, and every name in it can be had."""
    assert list(at_client.__all__) == sorted(at_client.__all__)
    assert set(at_client.__all__) <= set(vars(at_client))
    assert set(at_client.models.__all__) <= set(vars(at_client.models))


def test_every_exception_is_exported() -> None:
    """Whatever the package raises can be caught by a name of `at_client`."""
    kinds = [
        kind for kind in vars(at_client.exceptions).values() if inspect.isclass(kind)
    ]
    raised = {kind.__name__ for kind in kinds if issubclass(kind, Exception)}
    assert raised - {"_ArgumentError"} <= set(at_client.__all__)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (urllib3.connection.HTTPConnection("a"), "_new_conn"),
        (urllib3.connection.HTTPConnection("a"), "_dns_host"),
        (urllib3.HTTPConnectionPool("a").pool, "queue"),
        (urllib.request, "proxy_bypass_environment"),
    ],
    ids=["where urllib3 connects", "its host", "idle connections", "NO_PROXY"],
)
def test_a_name_that_is_not_documented_is_still_there(owner: object, name: str) -> None:
    """The package leans on these of other libraries, which may move them."""
    assert hasattr(owner, name)


def test_the_version_is_that_of_the_distribution() -> None:
    """The code and what pip shows name the same version."""
    assert metadata.version("at-client") == at_client.__version__


def test_run_time_dependencies() -> None:
    """A client needs four libraries, and a fifth only for SOCKS proxies."""
    needed = set()
    optional = set()
    for requirement in metadata.requires("at-client") or []:
        name = re.split("[<>]", requirement)[0].lower()
        (optional if "extra" in requirement else needed).add(name)

    assert needed == {"urllib3", "pydantic", "python-dateutil", "typing-extensions"}
    assert optional == {"pysocks"}


def test_the_distribution_is_typed() -> None:
    """Type checkers read the annotations of an installed package (PEP 561)."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_entry_points_can_be_loaded() -> None:
    """The command and the pytest plugin are what they are announced to be."""
    entry_points = metadata.distribution("at-client").entry_points
    announced = {entry.name: entry.value for entry in entry_points}
    assert announced == {
        "at-client": "at_client.cli:main",
        "at_client": "at_client.pytest_plugin",
    }
    assert callable(importlib.import_module("at_client.cli").main)
    assert importlib.import_module("at_client.pytest_plugin")


def test_an_import_warns_of_nothing() -> None:
    """`import at_client` is quiet, with every warning an error."""
    command = [sys.executable, "-W", "error", "-c", "import at_client"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout + done.stderr == b""


@pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable"
)
def test_the_installed_package_is_tested() -> None:
    """Under tox, what the tests import is the wheel, not the source tree."""
    assert "site-packages" in PACKAGE.parts


@pytest.mark.parametrize("name", sorted({*at_client.__all__} - {"__version__"}))
def test_annotations_are_true_at_run_time(name: str) -> None:
    """`help()`, pydantic and agent frameworks resolve every public annotation."""
    public = getattr(at_client, name)
    typing.get_type_hints(public)
    resolved = 0
    for _, member in inspect.getmembers(public, inspect.isroutine):
        if str(getattr(member, "__module__", "")).startswith("at_client"):
            resolved += bool(typing.get_type_hints(member))
    assert resolved
