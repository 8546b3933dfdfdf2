"""README and docs are true: code runs, tables agree with openapi.json, links work."""

import asyncio
import doctest
import hashlib
import importlib
import inspect
import json
import logging
import os
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import at_client
from at_client import exceptions
from support import pages, standin
from support.facts import COOKIE, TOKEN
from support.makers import CapSys, MonkeyPatch
from support.pages import PAGES, PROJECT, blocks, name_of, read, run_code
from support.tls import Authority
from support.tunnel import tunnel

README = PROJECT / "README.md"
AGENTS_PAGE = PROJECT / "docs" / "agents.md"
CREDITS_PAGE = PROJECT / "docs" / "CreditsApi.md"
ERRORS_PAGE = PROJECT / "docs" / "errors.md"
RECIPES_PAGE = PROJECT / "docs" / "recipes.md"

MORE_PAGES = [
    PROJECT / "CHANGELOG.md",
    PROJECT / "SECURITY.md",
]
"""Those without code."""

NEEDED = {
    AGENTS_PAGE: [
        "agents",
        "anthropic",
        "langchain_core",
        "mcp",
        "pydantic_ai",
    ],
    RECIPES_PAGE: [
        "distributed",
        "fastapi",
        "tqdm",
    ],
}
"""What the blocks of a page import beside the package; without it, they do not run."""

DOCUMENT = json.loads(read(PROJECT / "openapi.json"))
OPERATION = DOCUMENT["paths"]["/api/v1/credits"]["get"]
SCHEMAS = DOCUMENT["components"]["schemas"]

ERRORS = {
    name: kind
    for name, kind in vars(at_client).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
}

MODULES = [
    module.name
    for module in pkgutil.walk_packages(at_client.__path__, "at_client.")
    if module.name != "at_client.__main__"  # importing it runs the command line
]

SETUP = (
    "python3 -m venv .venv && .venv/bin/pip install ."
    " && .venv/bin/python -m at_client credits --sandbox\n"
)
CHECKS = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox\n"

PUBLISHED_EXAMPLE = "dbbd594688f94e78d8f946d11057baa1fe677254bb9b5439181a087e03df577c"
"""SHA-256 of the example on the page that the service publishes."""


@dataclass
class Running:
    """The stand-in, over TLS by the service's name and over plain HTTP."""

    memory: standin.Memory
    proxy: str
    targets: list[str]
    url: str


@pytest.fixture(scope="module")
def _running(authority: Authority) -> Iterator[Running]:
    memory = standin.Memory()
    app = standin.make_standin(memory)
    certificate = authority.issue("api.agenttoolkit.ai")
    with (
        standin.serving(app) as port,
        standin.serving(app, certificate) as secure_port,
        tunnel(secure_port) as (proxy, targets),
    ):
        yield Running(
            memory,
            proxy,
            targets,
            f"http://127.0.0.1:{port}",
        )


@pytest.fixture
def running(
    _running: Running, authority: Authority, monkeypatch: MonkeyPatch
) -> Iterator[Running]:
    """The service under its own name, as a user behind a proxy would reach it."""
    _running.memory.forget()
    environment = {
        "HTTPS_PROXY": _running.proxy,
        "SSL_CERT_FILE": authority.ca_file,
        "ACCESS_TOKEN": TOKEN,
        "AUTH_TOKEN": COOKIE,
        "TOKEN_URL": f"{_running.url}/login",
        "LOGIN_USER": standin.USER,
        "LOGIN_PASSWORD": standin.PASSWORD,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield _running
    assert set(_running.targets) <= {"api.agenttoolkit.ai:443"}


@pytest.fixture
def same_loggers() -> Iterator[None]:
    """Undo what a page does to the package's logger, which all tests share."""
    yield
    logging.getLogger("at_client").setLevel(logging.NOTSET)


def run_file(page: Path, name: str) -> dict[str, Any]:
    """Run the block that a reader saves as a file of this name; return its names."""
    info = f'python title="{name}"'
    code = dict(blocks(page))[info]
    return run_code(code, __name__=name)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
@pytest.mark.usefixtures("running", "same_loggers")
def test_every_block_runs(page: Path, capsys: CapSys) -> None:
    """Every Python block runs alone, or says that it needs the one above.

    Each prints what the page shows.
    """
    for library in NEEDED.get(page, []):
        pytest.importorskip(library)
    pages.run_examples(page, capsys)


def test_password_login_replaces_a_stale_token(running: Running) -> None:
    """The recipe logs in when it is made, and once more when its token is rejected."""
    for example in pages.examples(RECIPES_PAGE):
        if "class PasswordLogin" in example.code:
            run_code(example.code)
    assert running.memory.logins == 2
    assert len(running.memory.credits_headers) == 1


@pytest.mark.usefixtures("running")
def test_exporter_has_the_figures(monkeypatch: MonkeyPatch) -> None:
    """The exporter of the recipes asks for the credits, then waits."""
    library = pytest.importorskip("prometheus_client")
    monkeypatch.setenv("EXPORTER_PORT", "0")

    def interrupt(seconds: float) -> None:
        assert seconds == 60
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_file(RECIPES_PAGE, "exporter.py")

    metrics = library.generate_latest().decode()
    values = re.findall(r"(?m)^agent_toolkit_(\w+) (.*)$", metrics)
    assert dict(values) == {
        "up": "1.0",
        "credits_granted": "1000.0",
        "credits_used": "250.0",
        "credits_remaining": "750.0",
    }


@pytest.mark.usefixtures("running")
def test_mcp_server_answers() -> None:
    """The MCP server of the page offers its tool, which returns the credits."""
    mcp = pytest.importorskip("mcp")
    server = run_file(AGENTS_PAGE, "server.py")["server"]

    async def call() -> Any:
        async with mcp.Client(server) as client:
            return await client.call_tool("get_credits", {})

    result = asyncio.run(call())
    assert result.structured_content["remaining_credits"] == 750


@pytest.mark.parametrize("page", [README, CREDITS_PAGE], ids=name_of)
def test_published_example_reaches_the_service(page: Path, running: Running) -> None:
    """The example stands as published, and sends both its token and its cookie."""
    examples = {}
    for example in pages.examples(page):
        code = example.code.encode()
        examples[hashlib.sha256(code).hexdigest()] = example.code
    run_code(examples[PUBLISHED_EXAMPLE])

    (headers,) = running.memory.credits_headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["cookie"] == "auth_token=auth_token_example"


@pytest.mark.parametrize("name", ["at_client", *MODULES])
@pytest.mark.usefixtures("running")
def test_docstring_examples(name: str) -> None:
    """The examples in docstrings print what they show."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_readme_sets_up_with_two_commands() -> None:
    """README has a command that installs and one that runs every check, as CI does."""
    shell = [content for language, content in blocks(README) if language == "shell"]
    assert shell == [SETUP, CHECKS]
    assert read(PROJECT / ".ci" / "run").endswith(CHECKS)


@pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable"
)
def test_index_shows_no_dead_links() -> None:
    """The description that a package index shows has no relative links."""
    description = metadata.metadata("at-client")["Description"]
    assert not re.findall(r"\]\((?!https?://)", description)


@pytest.mark.parametrize("page", [*PAGES, *MORE_PAGES], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists and an anchor that it has."""
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue

        target = page
        if path:
            target = (page.parent / path).resolve()
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in pages.anchors(target), f"{link}: no such anchor"


def test_every_page_is_reached_from_readme() -> None:
    """README leads to each page of docs."""
    names = set(map(name_of, PROJECT.glob("docs/*.md")))
    assert names <= set(pages.links(README))


def test_the_site_shows_its_version() -> None:
    """The name of the documentation site has the version of the package."""
    title = f"\nsite_name: at-client {at_client.__version__} "
    assert title in read(PROJECT / "mkdocs.yml")


def test_operation_agrees() -> None:
    """CreditsApi.md and README have the operation as openapi.json has it."""
    operation_id = OPERATION["operationId"]
    request = f"**GET** /api/v1/credits | {OPERATION['summary']}\n"

    link = f"[**{operation_id}**](CreditsApi.md#{operation_id})"
    assert f"\n{link} | {request}" in read(CREDITS_PAGE)

    link = f"[**{operation_id}**](docs/CreditsApi.md#{operation_id})"
    assert f"\n*CreditsApi* | {link} | {request}" in read(README)


def test_parameters_and_statuses_agree() -> None:
    """CreditsApi.md has each parameter and status that openapi.json has."""
    page = read(CREDITS_PAGE)
    for parameter in OPERATION["parameters"]:
        name = parameter["name"]
        assert f"\n **{name}** | " in page
    for status, response in OPERATION["responses"].items():
        description = response["description"]
        assert f"\n**{status}** | {description} | " in page


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_model_page_agrees(name: str) -> None:
    """The page of each model has the document's properties and the model's defaults."""
    fields = getattr(at_client, name).model_fields.values()
    coded = []
    for field, on_the_wire in zip(fields, SCHEMAS[name]["properties"], strict=True):
        default = "error"
        if not field.is_required():
            default = repr(field.default)
        coded.append((on_the_wire, default))

    page = read(PROJECT / "docs" / f"{name}.md")
    row = r"(?m)^\*\*\w+\*\* \| `(\w+)`.* \| .* \| `?(\w+)`?$"
    assert re.findall(row, page) == coded


def test_error_table_is_complete() -> None:
    """The table on the errors page names every class."""
    cells = re.findall(r"(?m)^[\w ]+ \| (`[`\w, ]+`) \| ", read(ERRORS_PAGE))
    named = re.findall(r"\w+", " ".join(cells))
    assert {"OpenApiException", *named} == ERRORS.keys()


def test_error_table_agrees() -> None:
    """Each status of the table on the errors page raises the class beside it."""
    rows = re.findall(r"(?m)^(\d{3}).* \| `(\w+)` \| ", read(ERRORS_PAGE))
    assert len(rows) == 9
    for status, name in rows:
        assert exceptions.exception_class(int(status)) is ERRORS[name]


def test_error_tree_agrees() -> None:
    """The tree on the errors page is the tree of the classes."""
    lines = re.findall(r"(?m)^([ │]*[├└]── )(\w+)", read(ERRORS_PAGE))
    named = {name for _, name in lines}
    assert {"OpenApiException", *named} == ERRORS.keys()

    for indent, name in lines:
        ancestors = set(ERRORS[name].mro()) & set(ERRORS.values())
        depth = len(ancestors) - 1
        assert len(indent) == 4 * depth
