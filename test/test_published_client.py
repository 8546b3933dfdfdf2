"""Moving from the published client works as typed on its page.

The published client is stood for by one of the same kind, made from openapi.json.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import at_client
from support.facts import TOKEN
from support.pages import PROJECT, blocks
from support.service import Service

PAGE = PROJECT / "docs" / "coming-from-agent-toolkit-client.md"
MOVE, REPAIR, PROMPT = [text for kind, text in blocks(PAGE) if kind == "shell"]
CHECK = PROMPT.split('"')[1]

GENERATOR = shutil.which("openapi-generator-cli", path=str(Path(sys.executable).parent))

pytestmark = [
    pytest.mark.skipif(GENERATOR is None, reason="needs openapi-generator-cli"),
    pytest.mark.timeout(300),  # seconds; each test installs packages from an index
]

CALL = """
import os
import at_client

configuration = at_client.Configuration(
    host=os.environ["HOST"], access_token=os.environ["ACCESS_TOKEN"]
)
with at_client.ApiClient(configuration) as api_client:
    api_instance = at_client.CreditsApi(api_client)
    print(api_instance.get_credits_api_v1_credits_get().remaining_credits)
"""
"""What users of either client write."""

STALE = """
from importlib import util
print(util.find_spec("at_client.models.location_inner") is not None)
"""
"""Tells whether a module is there that only the published client has."""


def run(*command: str) -> str:
    """Run a command and return what it prints; an error in it fails the test."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a project into a folder of its own."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    run(*build, f"--wheel-dir={folder}", str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel named agent-toolkit-client 0.0.1 whose package is `at_client`."""
    assert GENERATOR
    source = tmp_path_factory.mktemp("published")
    run(
        GENERATOR,
        "generate",
        "--generator-name=python-pydantic-v1",
        f"--input-spec={PROJECT / 'openapi.json'}",
        f"--output={source}",
        "--package-name=at_client",
        "--additional-properties=projectName=agent-toolkit-client,packageVersion=0.0.1",
        "--global-property=apiTests=false,modelTests=false",
    )
    return build_wheel(source, tmp_path_factory.mktemp("published-wheel"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel: the one that tox has built, or one built now."""
    if built := os.environ.get("TOX_PACKAGE"):
        return Path(built)
    return build_wheel(PROJECT, tmp_path_factory.mktemp("our-wheel"))


@pytest.fixture(autouse=True)
def environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead programs to a stand-in for the service."""
    monkeypatch.setenv("HOST", service.url)
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)


class Machine:
    """A fresh virtual environment, and a reader who types into it.

    Args:
        folder: Where the environment goes.
        package: What the reader writes in place of `at-client`.
    """

    def __init__(self, folder: Path, package: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", str(folder))
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = str(folder / scripts / "python")
        self.package = str(package)

    def pip(self, arguments: str) -> None:
        """Run our pip on the environment: to give it one of its own takes seconds."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--quiet"]
        run(*pip, *arguments.replace("at-client", self.package).split())

    def ask(self, program: str) -> str:
        """Run a Python program, away from the source tree."""
        return run(self.python, "-I", "-c", program)

    def type_in(self, block: str) -> None:
        """Run the lines of a block, each of which is a `pip` command."""
        for line in block.splitlines():
            self.pip(line.removeprefix("pip "))


@pytest.fixture
def machine(tmp_path: Path, ours: Path) -> Machine:
    """A machine with nothing installed."""
    return Machine(tmp_path / "machine", ours)


def test_moving_in_the_order_of_the_page(machine: Machine, published: Path) -> None:
    """The same program runs with the published client, and with ours after the move."""
    machine.pip(f"install {published}")
    assert machine.ask(CALL) == "750"

    machine.type_in(MOVE)
    assert machine.ask(CHECK) == at_client.__version__
    assert machine.ask(CALL) == "750"
    assert machine.ask(STALE) == "False"


def test_the_other_order_and_its_repair(machine: Machine, published: Path) -> None:
    """Installed over the published client, ours has stale modules and then loses files.

    The second block of the page repairs both.
    """
    machine.pip(f"install --no-deps {published}")
    machine.pip("install at-client")
    assert machine.ask(STALE) == "True"

    machine.pip("uninstall -y agent-toolkit-client")
    with pytest.raises(subprocess.CalledProcessError):
        machine.ask(CHECK)

    machine.type_in(REPAIR)
    assert machine.ask(CHECK) == at_client.__version__
    assert machine.ask(CALL) == "750"
    assert machine.ask(STALE) == "False"
