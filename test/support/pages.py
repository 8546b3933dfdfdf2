"""What the tests read of README and docs: fenced blocks, anchors and links."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).parents[2]

PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted(PROJECT.glob("docs/*.md")),
]
"""Every page that a reader may copy code from."""

CONTINUED = "continuing the block above"
"""What the text before a Python block says if the block needs the one before it."""


def name_of(page: Path) -> str:
    """Return a page's path as a reader of the project would write it."""
    return page.relative_to(PROJECT).as_posix()


def read(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page, as pairs of language and content."""
    return [
        (token.info, token.content) for token in _tokens(page) if token.type == "fence"
    ]


@dataclass
class Example:
    """A Python block of a page, and what the page says that it prints."""

    code: str
    continued: bool = False
    shown: str | None = None


def examples(page: Path) -> list[Example]:
    """Return the Python blocks of a page; a `text` block after one is its output."""
    found: list[Example] = []
    prose = ""
    for token in _tokens(page):
        if token.type == "inline":
            prose += token.content.lower()
        if token.info == "python":
            example = Example(token.content)
            example.continued = CONTINUED in prose
            found.append(example)
            prose = ""
        if token.info == "text" and not prose:
            found[-1].shown = token.content
    return found


def run_code(code: str, /, **names: Any) -> dict[str, Any]:
    """Run code as a reader would, with some names at hand; return all its names."""
    namespace = {"__name__": "__main__"} | names
    exec(code, namespace)  # noqa: S102  # our own pages
    return namespace


def chains(page: Path) -> list[list[Example]]:
    """Return the Python blocks of a page, each with those that continue it."""
    found: list[list[Example]] = []
    for example in examples(page):
        if not example.continued:
            found.append([])
        found[-1].append(example)
    return found


def run_chain(chain: list[Example], capsys: pytest.CaptureFixture[str]) -> None:
    """Run a Python block and those that continue it, and compare what they print."""
    names: dict[str, Any] = {}
    for example in chain:
        names = run_code(example.code, **names)
        printed = capsys.readouterr().out
        if example.shown is not None:
            assert printed == example.shown


def links(page: Path) -> list[str]:
    """Return the targets of a page's links."""
    return re.findall(r"\]\(([^)\s]+)\)", _prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: its headings, and those set by hand."""
    found = set(re.findall(r'<a id="([^"]+)">', _prose(page)))
    for heading in re.findall(r"(?m)^#+ (.*)$", _prose(page)):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.replace(" ", "-"))
    return found


def _prose(page: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", read(page))


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(read(page))
