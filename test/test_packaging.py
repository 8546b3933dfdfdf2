"""The distribution and the house: what is installed, what imports what, which names are public."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
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
    {"version", "exceptions", "sealed", "locks", "api_response", "proxies", "redirects"},
    {"bodies", "heads"},
    {"fields", "retries", "serialization", "models"},
    {"settings", "decoding"},
    {"configuration"},
    {"connections", "failures", "tls"},
    {"routes", "exchange"},
    {"rest"},
    {"password_grant"},
    {"auth"},
    {"api_client"},
    {"api"},
    {"__init__"},
    {"sandbox"},
    {"arguments", "display"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
"""The rooms from left to right: each may import those of its own layer and of the layers before."""

TRANSPORT = {"connections", "failures", "routes", "exchange", "rest"}
"""The rooms that may import urllib3."""


def room(path: Path) -> str:
    """Name the room of a file: its first folder or its own name in the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, at_run_time: bool = False) -> set[str]:
    """Give the modules that a file imports, anywhere in it.

    Args:
        path: The file.
        at_run_time: Leave out what is imported for type checkers only.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {id(inner) for node in ast.walk(tree) if _for_types(node) for inner in ast.walk(node)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if at_run_time and id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


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
    """A new room is put into the order, so that the next test can hold it to it."""
    assert {room(path) for path in FILES} == set().union(*LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    """A room imports rooms to its left only; the sandbox imports models, and nothing else of ours."""
    allowed: set[str] = set()
    for layer in LAYERS:
        allowed |= layer
        if room(path) in layer:
            break
    if room(path) == "sandbox":
        allowed = {"sandbox", "models", "version"}
    assert rooms_used(path) <= allowed


def test_api_client_knows_no_model() -> None:
    """The operation hands the classes over: no room up to `api_client` imports `models`."""
    up_to_client = set().union(*LAYERS[: LAYERS.index({"api"})]) - {"models"}
    for path in FILES:
        if room(path) in up_to_client:
            assert "models" not in rooms_used(path), path


def test_only_the_transport_imports_urllib3() -> None:
    """Whatever urllib3 can do or raise, only the rooms of the transport know about it."""
    users = {
        room(path) for path in FILES if any(name.split(".")[0] == "urllib3" for name in imports(path, at_run_time=True))
    }
    assert users <= TRANSPORT


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
    """`import at_client` loads neither urllib3 nor pydantic, and neither does a configuration."""
    out = run_python(
        "import sys, json, at_client",
        "at_client.Configuration(access_token='t')",
        "print(json.dumps(sorted(sys.modules)))",
    )
    assert not {"urllib3", "pydantic", "dateutil"} & set(json.loads(out))


@pytest.mark.parametrize("name", SUBMODULES)
def test_submodules_are_attributes(name: str) -> None:
    """After a bare `import at_client`, each submodule is there to be used."""
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
