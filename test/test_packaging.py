"""The distribution and the package: what imports what, and what is public."""

import inspect
import operator
import os
import re
import typing
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
import urllib3

import at_client
from at_client import cli, exceptions, pytest_plugin, sandbox

PACKAGE = Path(at_client.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

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


def find_rooms(path: Path) -> set[str]:
    """Return the modules and folders of the package that a file imports from."""
    pattern = r"(?m)^ *(?:from|import) at_client(?:\.| import )?(\w*)"
    names = re.findall(pattern, path.read_text(encoding="utf-8"))
    return {name if name in ROOMS else "__init__" for name in names}


def test_every_room_has_a_place() -> None:
    """A new module is put into the order, so that the next test can hold it to it."""
    assert set().union(*LAYERS) == ROOMS


@pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
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


def test_every_exception_is_exported() -> None:
    """Whatever the package raises can be caught by a name of `at_client`."""
    for name, kind in inspect.getmembers(exceptions, inspect.isclass):
        if issubclass(kind, at_client.OpenApiException) and name[0] != "_":
            assert getattr(at_client, name) is kind


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
    requirements = " ".join(metadata.requires("at-client") or [])
    assert re.sub("[<>][<>=,.0-9]*", "", requirements) == (
        'urllib3 pydantic python-dateutil typing-extensions PySocks; extra == "socks"'
    )


def test_the_distribution_is_typed() -> None:
    """Type checkers read the annotations of an installed package (PEP 561)."""
    assert (PACKAGE / "py.typed").is_file()


def test_entry_points() -> None:
    """The command and the pytest plugin are announced to pip and pytest."""
    entry_points = metadata.distribution("at-client").entry_points
    assert {entry.name: entry.load() for entry in entry_points} == {
        "at-client": cli.main,
        "at_client": pytest_plugin,
    }


@pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable"
)
def test_the_installed_package_is_tested() -> None:
    """Under tox, what the tests import is the wheel, not the source tree."""
    assert "site-packages" in PACKAGE.parts


PUBLIC = [*at_client.__all__, *(f"sandbox.{name}" for name in sandbox.__all__)]


@pytest.mark.parametrize("name", PUBLIC)
def test_annotations_are_true_at_run_time(name: str) -> None:
    """`help()`, pydantic and agent frameworks resolve every public annotation."""
    public = operator.attrgetter(name)(at_client)
    typing.get_type_hints(type(public))
    for _, member in inspect.getmembers(public, inspect.isroutine):
        if str(getattr(member, "__module__", "")).startswith("at_client"):
            assert typing.get_type_hints(member) is not None
