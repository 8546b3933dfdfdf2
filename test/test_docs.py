"""README and docs are true: code runs, tables agree with openapi.json, links lead somewhere."""

import doctest
import hashlib
import importlib
import json
import logging
import os
import pkgutil
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import at_client
from at_client import exceptions
from support import pages
from support.facts import TOKEN
from support.makers import CapSys, MonkeyPatch
from support.pages import PAGES, PROJECT, blocks, name_of, tables
from support.service import Service, running_service
from support.tls import Authority
from support.tunnel import tunnel

README = PROJECT / "README.md"
CREDITS_PAGE = PROJECT / "docs" / "CreditsApi.md"
ERRORS_PAGE = PROJECT / "docs" / "errors.md"
DOCUMENT = json.loads((PROJECT / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
KINDS = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
ERRORS = {
    k.__name__: k
    for k in KINDS
    if issubclass(k, exceptions.OpenApiException) and k.__name__[0] != "_"
}
MODULES = [
    "at_client",
    *(m.name for m in pkgutil.walk_packages(at_client.__path__, "at_client.")),
]

SETUP = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m at_client credits --sandbox"
CHECKS = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox"

PUBLISHED_EXAMPLE = "dbbd594688f94e78d8f946d11057baa1fe677254bb9b5439181a087e03df577c"
"""SHA-256 of the example on the page that the service publishes."""


@pytest.fixture(scope="module")
def _service_behind_its_name(authority: Authority) -> Iterator[Service]:
    with running_service(tls=authority.issue("api.agenttoolkit.ai")) as service:
        yield service


@pytest.fixture
def published(
    _service_behind_its_name: Service, authority: Authority, monkeypatch: MonkeyPatch
) -> Iterator[Service]:
    """The service under its published name, as a user's machine behind a proxy would reach it."""
    service = _service_behind_its_name
    service.forget()
    with tunnel(int(service.url.rpartition(":")[2])) as (proxy, targets):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
        monkeypatch.setenv("ACCESS_TOKEN", TOKEN)
        yield service
        assert set(targets) <= {"api.agenttoolkit.ai:443"}


@pytest.fixture
def same_loggers() -> Iterator[None]:
    """Undo what a page does to loggers, which belong to the whole process."""
    loggers = [logging.getLogger(), logging.getLogger("at_client")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "agents.md"], ids=name_of
)
@pytest.mark.usefixtures("published", "same_loggers")
def test_every_block_runs(
    page: Path, service: Service, monkeypatch: MonkeyPatch, capsys: CapSys
) -> None:
    """Every Python block runs alone, or says that it continues the one above; it prints what is shown."""
    monkeypatch.setenv("AT_CLIENT_HOST", service.url)
    pages.run_examples(page, capsys)


def test_most_blocks_run_alone() -> None:
    """At most 15 % of the Python blocks need the block above them."""
    examples = [example for page in PAGES for example in pages.examples(page)]
    assert sum(example.continued for example in examples) <= 0.15 * len(examples)


@pytest.mark.parametrize("page", [README, CREDITS_PAGE], ids=name_of)
def test_published_example_reaches_the_service(
    page: Path, published: Service, capsys: CapSys
) -> None:
    """The example stands as published, and the service gets both its token and its cookie."""
    examples = {
        hashlib.sha256(each.code.encode()).hexdigest(): each.code
        for each in pages.examples(page)
    }
    exec(compile(examples[PUBLISHED_EXAMPLE], name_of(page), "exec"), {})  # noqa: S102  # what a reader would run
    (request,) = published.requests
    assert (request.method, request.path) == ("GET", "/api/v1/credits")
    assert request.all("authorization") == [f"Bearer {TOKEN}"]
    assert request.all("cookie") == ["auth_token=auth_token_example"]
    assert (
        "CreditResponse(total=1000, used=250, remaining=750" in capsys.readouterr().out
    )


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.usefixtures("published")
def test_docstring_examples(name: str) -> None:
    """The examples in docstrings give what they show."""
    if name == "at_client.__main__":
        pytest.skip("importing it runs the command line")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0


def test_readme_sets_up_with_two_commands() -> None:
    """README has one command that installs and shows, and one that runs every check, as CI does."""
    commands = [
        text for language, text in blocks(README) if language in {"shell", "sh", "bash"}
    ]
    assert commands == [f"{SETUP}\n", f"{CHECKS}\n"]
    assert (PROJECT / ".ci" / "run").read_text().rstrip().splitlines()[-1] == CHECKS


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
    """Every relative link of a page names a file that exists and an anchor that it has."""
    for link in pages.links(page):
        if not re.match(r"\w+:", link):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{link}: no such file"
            assert not anchor or anchor in pages.anchors(target), (
                f"{link}: no such anchor"
            )


def test_every_page_is_reached_from_readme() -> None:
    """README leads to each page of docs."""
    linked = {PROJECT / link.partition("#")[0] for link in pages.links(README)}
    assert set(PROJECT.glob("docs/*.md")) <= linked


def test_operations_and_models_agree() -> None:
    """CreditsApi.md and README list the operations of openapi.json with their verbs and paths, README its models."""
    documented = [
        [operation["operationId"], f"{verb.upper()} {path}", operation["summary"]]
        for path, verbs in DOCUMENT["paths"].items()
        for verb, operation in verbs.items()
    ]
    assert tables(CREDITS_PAGE)[0][1:] == documented
    endpoints = next(table for table in tables(README) if table[0][0] == "Class")
    assert [row[1:] for row in endpoints[1:]] == documented
    section = (
        README.read_text()
        .partition("## Documentation for models")[2]
        .partition("\n## ")[0]
    )
    assert re.findall(r"\[(\w+)\]\(docs/\1\.md\)", section) == sorted(SCHEMAS)


def test_operation_page_agrees() -> None:
    """CreditsApi.md has the document's parameters, statuses, types, scheme and return type."""
    operation = DOCUMENT["paths"]["/api/v1/credits"]["get"]
    text = CREDITS_PAGE.read_text()
    parameters, statuses = tables(CREDITS_PAGE)[1], tables(CREDITS_PAGE)[-1]
    assert [row[0] for row in parameters[1:]] == [
        p["name"] for p in operation["parameters"]
    ]
    assert all(("cookie" in row[2]) for row in parameters[1:])
    descriptions = [
        [status, response["description"]]
        for status, response in operation["responses"].items()
    ]
    assert [row[:2] for row in statuses[1:]] == descriptions
    (scheme,) = operation["security"][0]
    assert f"[{scheme}](../README.md#{scheme})" in text
    media = {
        kind
        for response in operation["responses"].values()
        for kind in response["content"]
    }
    assert re.findall(r"\*\*Accept\*\*: (\S+)", text) == sorted(media)
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"][
        "$ref"
    ]
    assert text.partition("### Return type")[2].split()[
        0
    ] == "[**{0}**]({0}.md)".format(answer.rpartition("/")[2])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_model_page_agrees(name: str) -> None:
    """A model's page has the document's properties with their types, and the model's defaults."""
    rows = tables(PROJECT / "docs" / f"{name}.md")[0]
    assert rows[0] == ["Name", "On the wire", "Type", "When absent"]
    attributes, wire, types, absent = zip(*rows[1:], strict=True)
    properties, fields = (
        SCHEMAS[name]["properties"],
        getattr(at_client, name).model_fields,
    )
    assert [each.split(",")[0] for each in wire] == list(properties)
    assert all(map(str.startswith, types, map(_python_type, properties.values())))
    assert list(attributes) == list(fields)
    assert list(absent) == [
        "error" if field.is_required() else repr(field.default)
        for field in fields.values()
    ]


def test_error_table_agrees() -> None:
    """The table on the errors page names every class, with the status that it stands for."""
    table = next(table for table in tables(ERRORS_PAGE) if table[0][0] == "Status")
    assert {
        name for row in table[1:] for name in row[1].split(", ")
    } == ERRORS.keys() - {"OpenApiException"}
    for status, name, _ in table[1:]:
        if first := re.match(r"[1-9]\d\d", status):
            assert exceptions.exception_class(int(first[0])).__name__ == name


def test_error_tree_agrees() -> None:
    """The tree on the errors page is the tree of the classes."""
    tree = next(content for _, content in blocks(ERRORS_PAGE) if "├" in content)
    indents = {
        name: len(indent)
        for indent, name in re.findall(r"^([ │├└─]*)(\w+)", tree, re.MULTILINE)
    }
    lines = {
        name: [base for base in kind.__mro__ if base.__name__ in ERRORS]
        for name, kind in ERRORS.items()
    }
    assert indents == {name: 4 * (len(line) - 1) for name, line in lines.items()}


def _python_type(schema: dict[str, Any]) -> str:
    """Write a schema the way the pages do."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(
            _python_type(s) for s in schema["anyOf"] if s != {"type": "null"}
        )
    if schema.get("type") == "array":
        return f"list[{_python_type(schema['items'])}]"
    if schema.get("type") == "object":
        return f"dict[str, {_python_type(schema.get('additionalProperties', {}))}]"
    return {"integer": "int", "string": "str"}.get(schema.get("type", ""), "object")
