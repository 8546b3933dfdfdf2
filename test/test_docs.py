"""README and docs are true: code runs, tables agree with openapi.json, links work."""

import asyncio
import datetime as dt
import doctest
import hashlib
import importlib
import json
import logging
import os
import pkgutil
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

import at_client
from at_client import exceptions
from support import pages, standin
from support.facts import COOKIE, TOKEN
from support.makers import CapSys, MonkeyPatch
from support.pages import PAGES, PROJECT, blocks, name_of, tables
from support.tls import Authority
from support.tunnel import tunnel

README = PROJECT / "README.md"
AGENTS_PAGE = PROJECT / "docs" / "agents.md"
CREDITS_PAGE = PROJECT / "docs" / "CreditsApi.md"
ERRORS_PAGE = PROJECT / "docs" / "errors.md"
MOVING_PAGE = PROJECT / "docs" / "coming-from-agent-toolkit-client.md"
RECIPES_PAGE = PROJECT / "docs" / "recipes.md"

NEEDED = {
    AGENTS_PAGE: ["agents", "anthropic", "langchain_core", "mcp", "pydantic_ai"],
    RECIPES_PAGE: ["distributed", "fastapi", "tqdm"],
}
"""What the blocks of a page import beside the package; without it, they do not run."""

DOCUMENT = json.loads((PROJECT / "openapi.json").read_text(encoding="utf-8"))
OPERATION = DOCUMENT["paths"]["/api/v1/credits"]["get"]
SCHEMAS = DOCUMENT["components"]["schemas"]

ERRORS = {
    name: kind
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type)
    and issubclass(kind, exceptions.OpenApiException)
    and not name.startswith("_")
}

MODULES = [
    module.name
    for module in pkgutil.walk_packages(at_client.__path__, "at_client.")
    if module.name != "at_client.__main__"  # importing it runs the command line
]

SETUP = (
    "python3 -m venv .venv && .venv/bin/pip install ."
    " && .venv/bin/python -m at_client credits --sandbox"
)
CHECKS = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox"

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
        yield Running(memory, proxy, targets, f"http://127.0.0.1:{port}")


@pytest.fixture
def running(
    _running: Running, authority: Authority, monkeypatch: MonkeyPatch
) -> Iterator[Running]:
    """The service under its own name, as a user behind a proxy would reach it."""
    _running.memory.__init__()  # type: ignore[misc]  # a dataclass: sets every field anew
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
    """Undo what a page does to loggers, which belong to the whole process."""
    loggers = [logging.getLogger(), logging.getLogger("at_client")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def titled(page: Path, title: str) -> str:
    """Return the block that a reader saves as a file of this name."""
    return next(
        content
        for language, content in blocks(page)
        if language == f'python title="{title}"'
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
@pytest.mark.usefixtures("running", "same_loggers")
def test_every_block_runs(page: Path, capsys: CapSys) -> None:
    """Every Python block runs alone, or says that it needs the one above.

    Each prints what the page shows.
    """
    for library in NEEDED.get(page, []):
        pytest.importorskip(library)
    pages.run_examples(page, capsys)


def test_most_blocks_run_alone() -> None:
    """At most 15 % of the Python blocks need the block above them."""
    examples = [example for page in PAGES for example in pages.examples(page)]
    assert sum(example.continued for example in examples) <= 0.15 * len(examples)


def test_search_sends_what_the_page_writes(running: Running, capsys: CapSys) -> None:
    """A list is sent as a repeated name, a date as ISO 8601, a bool in small letters."""
    pages.run_examples(MOVING_PAGE, capsys)
    assert running.memory.searches == [
        {
            "query": "solid-state batteries",
            "max_results": 5,
            "summarize": True,
            "published_start_date": dt.date(2026, 11, 1),
            "include_domains": ["example.com", "example.org"],
        }
    ]


def test_password_login_replaces_a_stale_token(running: Running) -> None:
    """The recipe logs in when it is made, and once more when its token is rejected."""
    (recipe,) = (
        example.code
        for example in pages.examples(RECIPES_PAGE)
        if "class PasswordLogin" in example.code
    )
    exec(compile(recipe, "recipe", "exec"), {})  # noqa: S102  # what a reader would run
    assert running.memory.logins == 2
    assert len(running.memory.credits_headers) == 1


@pytest.mark.usefixtures("running")
def test_exporter_serves_the_gauges(monkeypatch: MonkeyPatch) -> None:
    """The exporter of the recipes runs on, and serves the credits to Prometheus."""
    pytest.importorskip("prometheus_client")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("EXPORTER_PORT", str(port))

    program = titled(RECIPES_PAGE, "exporter.py")
    exporter = subprocess.Popen([sys.executable, "-c", program])
    try:
        metrics = wait_for_gauges(f"http://127.0.0.1:{port}/metrics")
    finally:
        exporter.terminate()
        exporter.wait(10)

    assert "\nagent_toolkit_credits_remaining 750.0\n" in metrics
    assert "\nagent_toolkit_credits_used 250.0\n" in metrics
    assert "\nagent_toolkit_credits_granted 1000.0\n" in metrics


def wait_for_gauges(url: str) -> str:
    """Read the metrics until they say that a call has succeeded."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            metrics = urllib3.request("GET", url, retries=False).data.decode()
        except urllib3.exceptions.HTTPError:
            metrics = ""
        if "\nagent_toolkit_up 1.0\n" in metrics:
            return metrics
        time.sleep(0.05)
    raise AssertionError("the exporter has no figures")


@pytest.mark.usefixtures("running")
def test_mcp_server_answers() -> None:
    """The MCP server of the page offers its tool, which returns the credits."""
    mcp = pytest.importorskip("mcp")
    namespace: dict[str, Any] = {"__name__": "server"}
    exec(compile(titled(AGENTS_PAGE, "server.py"), "server.py", "exec"), namespace)  # noqa: S102  # what a reader would run

    async def call() -> Any:
        async with mcp.Client(namespace["server"]) as client:
            return await client.call_tool("get_credits", {})

    result = asyncio.run(call())
    assert result.structured_content["remaining_credits"] == 750


@pytest.mark.parametrize("page", [README, CREDITS_PAGE], ids=name_of)
def test_published_example_reaches_the_service(
    page: Path, running: Running, capsys: CapSys
) -> None:
    """The example stands as published, and sends both its token and its cookie."""
    examples = {
        hashlib.sha256(example.code.encode()).hexdigest(): example.code
        for example in pages.examples(page)
    }
    exec(compile(examples[PUBLISHED_EXAMPLE], name_of(page), "exec"), {})  # noqa: S102  # what a reader would run

    (headers,) = running.memory.credits_headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["cookie"] == "auth_token=auth_token_example"
    printed = capsys.readouterr().out
    assert re.search(r"CreditResponse\(.*=1000, .*=250, .*=750, ", printed)


@pytest.mark.parametrize("name", ["at_client", *MODULES])
@pytest.mark.usefixtures("running")
def test_docstring_examples(name: str) -> None:
    """The examples in docstrings print what they show."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_readme_sets_up_with_two_commands() -> None:
    """README has one command that installs and one that runs every check, as CI does."""
    commands = [content for language, content in blocks(README) if language == "shell"]
    assert commands == [f"{SETUP}\n", f"{CHECKS}\n"]
    ci = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert ci.rstrip().splitlines()[-1] == CHECKS


@pytest.mark.skipif(
    "TOX_ENV_NAME" not in os.environ, reason="a checkout may be installed editable"
)
def test_index_shows_no_dead_links() -> None:
    """The description that a package index shows has no relative links."""
    description = metadata.metadata("at-client")["Description"]
    assert not re.findall(r"\]\((?!https?://)", description)


@pytest.mark.parametrize(
    "page", [*PAGES, *PROJECT.glob("S*.md"), *PROJECT.glob("CH*.md")], ids=name_of
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists and an anchor that it has."""
    for link in pages.links(page):
        if re.match(r"\w+:", link):
            continue

        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in pages.anchors(target), f"{link}: no such anchor"


def test_every_page_is_reached_from_readme() -> None:
    """README leads to each page of docs."""
    linked = set(pages.links(README))
    for page in PROJECT.glob("docs/*.md"):
        assert name_of(page) in linked


def test_the_site_shows_its_version() -> None:
    """The name of the documentation site has the version of the package."""
    settings = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"\nsite_name: at-client {at_client.__version__} " in settings


def rows_below(page: Path, heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading."""
    for head, *rows in tables(page):
        if head[0] == heading:
            return rows
    raise AssertionError(f"{name_of(page)} has no table {heading!r}")


def test_operation_agrees() -> None:
    """CreditsApi.md and README have the operation as openapi.json has it."""
    summary = [
        "get_credits_api_v1_credits_get",
        "GET /api/v1/credits",
        OPERATION["summary"],
    ]
    assert OPERATION["operationId"] == summary[0]
    assert rows_below(CREDITS_PAGE, "Method") == [summary]
    assert rows_below(README, "Class") == [["CreditsApi", *summary]]


def test_parameters_agree() -> None:
    """The first parameters on CreditsApi.md are those of openapi.json."""
    documented = [row[0] for row in rows_below(CREDITS_PAGE, "Name")]
    assert documented == [parameter["name"] for parameter in OPERATION["parameters"]]


def test_statuses_agree() -> None:
    """CreditsApi.md has every status of openapi.json with its description."""
    documented = [row[:2] for row in rows_below(CREDITS_PAGE, "Status code")]
    assert documented == [
        [status, response["description"]]
        for status, response in OPERATION["responses"].items()
    ]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_model_page_agrees(name: str) -> None:
    """README links the page of each model, which has the document's properties."""
    assert f"docs/{name}.md" in pages.links(README)

    rows = rows_below(PROJECT / "docs" / f"{name}.md", "Name")
    on_the_wire = [row[1].split(",")[0] for row in rows]
    assert on_the_wire == list(SCHEMAS[name]["properties"])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_defaults_agree(name: str) -> None:
    """The page of each model says what the model has for an absent property."""
    fields = getattr(at_client, name).model_fields.values()
    rows = rows_below(PROJECT / "docs" / f"{name}.md", "Name")
    for field, row in zip(fields, rows, strict=True):
        default = "error" if field.is_required() else repr(field.default)
        assert row[3] == default


def test_error_table_is_complete() -> None:
    """The table on the errors page names every class."""
    named: set[str] = set()
    for row in rows_below(ERRORS_PAGE, "Status"):
        named |= set(row[1].split(", "))
    assert named == ERRORS.keys() - {"OpenApiException"}


def test_error_table_agrees() -> None:
    """Each status of the table on the errors page raises the class beside it."""
    for row in rows_below(ERRORS_PAGE, "Status"):
        if not re.match(r"\d{3}", row[0]):
            continue

        status = int(row[0][:3])
        response = SimpleNamespace(status=status, reason="", data=b"", getheaders=dict)
        with pytest.raises(at_client.ApiException) as caught:
            at_client.ApiException.from_response(
                http_resp=response, body=None, data=None
            )
        assert type(caught.value).__name__ == row[1]


def test_error_tree_agrees() -> None:
    """The tree on the errors page is the tree of the classes."""
    tree = next(content for _, content in blocks(ERRORS_PAGE) if "├" in content)
    lines = re.findall(r"^([ │├└─]*)(\w+)", tree, re.MULTILINE)
    assert {name for _, name in lines} == set(ERRORS)

    for indent, name in lines:
        ancestors = [kind for kind in ERRORS[name].__mro__ if kind in ERRORS.values()]
        assert len(indent) == 4 * (len(ancestors) - 1)
