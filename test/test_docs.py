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
from importlib import metadata
from importlib.util import find_spec
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


@pytest.fixture(scope="module")
def _service(
    authority: Authority,
) -> Iterator[tuple[standin.Memory, list[str], dict[str, str]]]:
    memory = standin.Memory()
    app = standin.make_standin(memory)
    certificate = authority.issue("api.agenttoolkit.ai")
    with (
        standin.serving(app) as port,
        standin.serving(app, certificate) as secure_port,
        tunnel(secure_port) as (proxy, targets),
    ):
        environment = {
            "HTTPS_PROXY": proxy,
            "SSL_CERT_FILE": authority.ca_file,
            "ACCESS_TOKEN": TOKEN,
            "AUTH_TOKEN": COOKIE,
            "TOKEN_URL": f"http://127.0.0.1:{port}/login",
            "LOGIN_USER": standin.USER,
            "LOGIN_PASSWORD": standin.PASSWORD,
        }
        yield memory, targets, environment


@pytest.fixture
def memory(_service: Any, monkeypatch: MonkeyPatch) -> Iterator[standin.Memory]:
    """What the service has seen, under its own name and as if behind a proxy."""
    memory, targets, environment = _service
    memory.forget()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield memory
    assert set(targets) <= {"api.agenttoolkit.ai:443"}


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


CHAINS = [
    pytest.param(page, chain, id=f"{name_of(page)}, {number}")
    for page in PAGES
    for number, chain in enumerate(pages.chains(page), start=1)
    if page != AGENTS_PAGE or number == 1  # `test_agents.py` has those of frameworks
]


@pytest.mark.parametrize(("page", "chain"), CHAINS)
@pytest.mark.usefixtures("memory", "same_loggers")
def test_every_block_runs(
    page: Path, chain: list[pages.Example], capsys: CapSys
) -> None:
    """Every Python block runs alone, or says that it needs the one above.

    Each prints what the page shows.
    """
    for library in NEEDED.get(page, []):
        if find_spec(library) is None:
            pytest.skip(f"needs {library}")
    pages.run_chain(chain, capsys)


def test_password_login_replaces_a_stale_token(memory: standin.Memory) -> None:
    """The recipe logs in when it is made, and once more when its token is rejected."""
    for _, code in blocks(RECIPES_PAGE):
        if "class PasswordLogin" in code:
            run_code(code)
    assert memory.logins == 2
    assert len(memory.credits_headers) == 1


@pytest.mark.usefixtures("memory")
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
    assert "\nagent_toolkit_up 1.0\n" in metrics
    assert "\nagent_toolkit_credits_granted 1000.0\n" in metrics
    assert "\nagent_toolkit_credits_used 250.0\n" in metrics
    assert "\nagent_toolkit_credits_remaining 750.0\n" in metrics


@pytest.mark.usefixtures("memory")
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
def test_published_example_reaches_the_service(
    page: Path, memory: standin.Memory
) -> None:
    """The example stands as published, and sends both its token and its cookie."""
    for _, code in blocks(page):
        if hashlib.sha256(code.encode()).hexdigest() == PUBLISHED_EXAMPLE:
            run_code(code)

    (headers,) = memory.credits_headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["cookie"] == "auth_token=auth_token_example"


@pytest.mark.parametrize("name", ["at_client", *MODULES])
@pytest.mark.usefixtures("memory")
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
    name = OPERATION["operationId"]
    request = f"**GET** /api/v1/credits | {OPERATION['summary']}\n"
    assert f"[**{name}**](CreditsApi.md#{name}) | {request}" in read(CREDITS_PAGE)
    assert f"[**{name}**](docs/CreditsApi.md#{name}) | {request}" in read(README)


def test_parameters_and_statuses_agree() -> None:
    """CreditsApi.md has each parameter and status that openapi.json has."""
    page = read(CREDITS_PAGE)
    for parameter in OPERATION["parameters"]:
        assert f"\n **{parameter['name']}** | " in page
    for status, response in OPERATION["responses"].items():
        assert f"\n**{status}** | {response['description']} | " in page


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_model_page_agrees(name: str) -> None:
    """The page of each model has the document's properties and the model's defaults."""
    page = read(PROJECT / "docs" / f"{name}.md")
    rows = re.findall(r"(?m)^\*\*\w+\*\* \| `(\w+)`.* \| .* \| `?(\w+)`?$", page)
    fields = getattr(at_client, name).model_fields.values()
    defaults = [
        "error" if field.is_required() else repr(field.default) for field in fields
    ]
    assert rows == list(zip(SCHEMAS[name]["properties"], defaults, strict=True))


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
    assert len(lines) == len(ERRORS) - 1
    for indent, name in lines:
        ancestors = set(ERRORS[name].mro()) & set(ERRORS.values())
        assert len(indent) == 4 * (len(ancestors) - 1)
