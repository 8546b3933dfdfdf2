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


def pip(python: str, commands: str) -> None:
    """Run lines of `pip` on an environment, by our pip: its own would take seconds."""
    for line in commands.splitlines():
        arguments = line.removeprefix("pip ").split()
        run(sys.executable, "-m", "pip", "--python", python, "--quiet", *arguments)


def build_wheel(source: Path, folder: Path) -> str:
    """Build the wheel of a project, and return its path."""
    pip(sys.executable, f"wheel --no-deps --wheel-dir={folder} {source}")
    (wheel,) = folder.glob("*.whl")
    return str(wheel)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
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
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our wheel: the one that tox has built, or one built now."""
    built = os.environ.get("TOX_PACKAGE")
    return built or build_wheel(PROJECT, tmp_path_factory.mktemp("our-wheel"))


@pytest.fixture(autouse=True)
def environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead programs to a stand-in for the service."""
    monkeypatch.setenv("HOST", service.url)
    monkeypatch.setenv("ACCESS_TOKEN", TOKEN)


@pytest.fixture
def python(tmp_path: Path) -> str:
    """The Python of a fresh virtual environment."""
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path))
    scripts = "Scripts" if os.name == "nt" else "bin"
    return str(tmp_path / scripts / "python")


def ask(python: str, program: str) -> str:
    """Run a program in an environment, away from the source tree."""
    return run(python, "-I", "-c", program)


def test_moving_in_the_order_of_the_page(
    python: str, ours: str, published: str
) -> None:
    """The same program runs with the published client, and with ours after the move."""
    pip(python, f"install {published}")
    assert ask(python, CALL) == "750"

    pip(python, MOVE.replace("at-client", ours))
    assert ask(python, CHECK) == at_client.__version__
    assert ask(python, CALL) == "750"
    assert ask(python, STALE) == "False"


def test_the_other_order_and_its_repair(python: str, ours: str, published: str) -> None:
    """Installed over the published client, ours has stale modules and then loses files.

    The second block of the page repairs both.
    """
    pip(python, f"install --no-deps {published}")
    pip(python, f"install {ours}")
    assert ask(python, STALE) == "True"

    pip(python, "uninstall -y agent-toolkit-client")
    with pytest.raises(subprocess.CalledProcessError):
        ask(python, CHECK)

    pip(python, REPAIR.replace("at-client", ours))
    assert ask(python, CHECK) == at_client.__version__
    assert ask(python, CALL) == "750"
    assert ask(python, STALE) == "False"
