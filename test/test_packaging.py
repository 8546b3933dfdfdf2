"""The distribution and the house: what is installed, what imports what, which names are public."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
import typing
from importlib import metadata
from pathlib import Path

import pytest

import at_client

PACKAGE = Path(at_client.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

GENERATED_NAMES = {
    "ApiAttributeError",
    "ApiClient",
    "ApiException",
    "ApiKeyError",
    "ApiResponse",
    "ApiTypeError",
    "ApiValueError",
    "Configuration",
    "CreditResponse",
    "CreditsApi",
    "ErrorResponse",
    "HTTPValidationError",
    "OpenApiException",
    "ValidationError",
    "__version__",
}
"""What a generated client exports, less LocationInner, which is a plain `str | int` here."""

SUBMODULES = [
    "api",
    "api.credits_api",
    "api_client",
    "api_response",
    "configuration",
    "exceptions",
    "models",
    "models.credit_response",
    "models.error_response",
    "models.http_validation_error",
    "models.validation_error",
    "rest",
]

LAYERS = [
    {"version", "exceptions"},
    {"models", "headers", "retries"},
    {"checks", "serialization"},
    {"configuration", "decoding", "connections"},
    {"failures"},
    {"api_response", "pools"},
    {"rest"},
    {"auth"},
    {"api_client"},
    {"api"},
    {"__init__"},
    {"sandbox"},
    {"display"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
"""The rooms from the bottom up: each may import those of the layers below, and of its own."""


def room(path: Path) -> str:
    """Name the room of a file: its first folder or its own name in the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Name the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_used(path: Path) -> set[str]:
    """Name the rooms that a file imports from."""
    inner = [name.split(".") for name in imports(path) if name.split(".")[0] == "at_client"]
    known = {room(file) for file in FILES}
    return {parts[1] if len(parts) > 1 and parts[1] in known else "__init__" for parts in inner}


def run_python(*program: str) -> str:
    """Run a program in a fresh interpreter, warnings being errors, and give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    """`__all__` is in order and has every generated name and every exception; each can be had."""
    assert list(at_client.__all__) == sorted(at_client.__all__)
    exceptions = importlib.import_module("at_client.exceptions")
    raised = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert GENERATED_NAMES | raised <= set(at_client.__all__)
    for name in at_client.__all__:
        assert getattr(at_client, name) is not None
    assert set(at_client.__all__) <= set(dir(at_client))
    assert set(at_client.models.__all__) <= set(dir(at_client.models))


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that the package does not have is told by name."""
    with pytest.raises(AttributeError, match="CreditApi"):
        at_client.CreditApi  # noqa: B018  # looking it up is the test


def test_bare_import_is_light() -> None:
    """`import at_client` loads none of the libraries that a call needs."""
    out = run_python("import sys, json, at_client", "print(json.dumps(sorted(sys.modules)))")
    assert not {"urllib3", "pydantic", "dateutil"} & set(json.loads(out))


def test_submodules_are_attributes() -> None:
    """After a bare `import at_client`, each submodule is there to be used."""
    for name in SUBMODULES:
        out = run_python("import at_client", f"print(at_client.{name}.__name__)")
        assert out == f"at_client.{name}\n"


def test_generated_import_paths() -> None:
    """The module paths that generated code imports from lead to the very same classes."""
    from at_client.api.credits_api import CreditsApi
    from at_client.api_client import ApiClient
    from at_client.models.credit_response import CreditResponse
    from at_client.rest import ApiException

    assert CreditsApi is at_client.CreditsApi
    assert ApiClient is at_client.ApiClient
    assert CreditResponse is at_client.CreditResponse
    assert ApiException is at_client.ApiException


def test_type_marker_is_shipped() -> None:
    """py.typed is installed, so that type checkers read the annotations (PEP 561)."""
    assert (PACKAGE / "py.typed").is_file()


def test_version_is_said_once() -> None:
    """The package and its metadata agree about the version."""
    assert metadata.version("at-client") == at_client.__version__


def test_run_time_dependencies() -> None:
    """A client needs four libraries, and a fifth only for SOCKS proxies."""
    needs = metadata.requires("at-client") or []
    named = {line.split(">")[0].split("<")[0].lower() for line in needs if "extra" not in line}
    assert named == {"urllib3", "pydantic", "python-dateutil", "typing-extensions"}
    assert all(line.lower().startswith("pysocks") for line in needs if "extra" in line)


def test_entry_points() -> None:
    """The command and the pytest plugin are announced, and both can be loaded."""
    announced = {(entry.group, entry.name): entry.value for entry in metadata.distribution("at-client").entry_points}
    assert announced == {
        ("console_scripts", "at-client"): "at_client.cli:main",
        ("pytest11", "at_client"): "at_client.pytest_plugin",
    }
    assert callable(importlib.import_module("at_client.cli").main)
    importlib.import_module("at_client.pytest_plugin")


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable")
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
