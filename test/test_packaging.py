"""The distribution and the house: what is installed, what imports what, which names are public."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import typing
from importlib import metadata
from pathlib import Path

import pytest

import at_client

PACKAGE = Path(at_client.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ORDER = (
    "exceptions < models headers retries < checks < serialization < configuration decoding connections"
    " < failures < api_response pools < rest < auth < api_client < api < __init__ < sandbox < display"
    " < cli pytest_plugin < __main__"
)
LAYERS = [set(layer.split()) for layer in ORDER.split(" < ")]
"""The rooms from the bottom up: each may import those of the layers below, and of its own."""


def room(path: Path) -> str:
    """Name the room of a file: its first folder or its own name in the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_used(path: Path) -> set[str]:
    """Name the rooms that a file imports from, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = {room(file) for file in FILES}
    found.discard("at_client.__version__")  # it is there before any room is
    inner = [
        f"{name}.".split(".")[1] for name in found if name.split(".")[0] == "at_client"
    ]
    return {part if part in known else "__init__" for part in inner}


def test_every_room_has_a_place() -> None:
    """A new room is put into the order, so that the next test can hold it to it; and there are not many."""
    assert {room(path) for path in FILES} == set().union(*LAYERS)
    assert len(FILES) <= 31


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    """A room imports rooms below it only; the sandbox imports models, and nothing else of ours."""
    place = next(n for n, layer in enumerate(LAYERS) if room(path) in layer)
    allowed = set().union(*LAYERS[:place]) | {room(path)}
    if room(path) == "sandbox":
        allowed = {"sandbox", "models", "version"}
    assert rooms_used(path) <= allowed


def test_modules_say_what_they_are_for() -> None:
    """Every file of the package starts with a sentence."""
    for path in FILES:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert said.split("\n\n")[0].endswith((".", ":", "?")), path


def test_exports_are_sorted_and_complete() -> None:
    """`__all__` is in order and has every exception; each name can be had, and no other."""
    assert list(at_client.__all__) == sorted(at_client.__all__)
    kinds = [
        kind for kind in vars(at_client.exceptions).values() if isinstance(kind, type)
    ]
    raised = {
        kind.__name__
        for kind in kinds
        if issubclass(kind, Exception) and kind.__name__[0] != "_"
    }
    assert raised <= set(at_client.__all__) <= set(dir(at_client))
    assert all(getattr(at_client, name) is not None for name in at_client.__all__)
    assert set(at_client.models.__all__) <= set(dir(at_client.models))
    with pytest.raises(AttributeError, match="CreditApi"):
        at_client.CreditApi  # noqa: B018  # looking it up is the test


def test_bare_import_is_light() -> None:
    """`import at_client` loads none of the libraries that a call needs, and warns of nothing."""
    program = "import sys, at_client; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        timeout=60,
        capture_output=True,
    )
    assert not {b"urllib3", b"pydantic", b"dateutil"} & set(loaded.stdout.split())


def test_run_time_dependencies() -> None:
    """A client needs four libraries, and a fifth only for SOCKS proxies."""
    needs = [
        (re.split("[<>]", line)[0].lower(), "extra" in line)
        for line in metadata.requires("at-client") or []
    ]
    ours = {"urllib3", "pydantic", "python-dateutil", "typing-extensions"}
    assert set(needs) == {(name, False) for name in ours} | {("pysocks", True)}


def test_the_distribution_says_what_is_in_it() -> None:
    """Its version, type annotations (PEP 561), and the command and the pytest plugin, which can be loaded."""
    assert metadata.version("at-client") == at_client.__version__
    assert (PACKAGE / "py.typed").is_file()
    announced = {
        (entry.group, entry.name): entry.value
        for entry in metadata.distribution("at-client").entry_points
    }
    assert announced == {
        ("console_scripts", "at-client"): "at_client.cli:main",
        ("pytest11", "at_client"): "at_client.pytest_plugin",
    }
    assert callable(importlib.import_module("at_client.cli").main)
    importlib.import_module("at_client.pytest_plugin")


@pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable"
)
def test_the_installed_package_is_tested() -> None:
    """Under tox, what the tests import is the wheel, not the source tree."""
    assert "site-packages" in PACKAGE.parts


@pytest.mark.parametrize("name", sorted({*at_client.__all__} - {"__version__"}))
def test_annotations_are_true_at_run_time(name: str) -> None:
    """`help()`, pydantic and agent frameworks resolve every public annotation."""
    thing = getattr(at_client, name)
    for _, member in [("", thing), *inspect.getmembers(thing, inspect.isroutine)]:
        if str(getattr(member, "__module__", "")).startswith("at_client"):
            typing.get_type_hints(member)
