"""What the tests read of README and docs: fenced blocks, tables, anchors and links."""

import re
from dataclasses import dataclass
from itertools import pairwise
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
    """Write a page's path as a reader of the project would."""
    return page.relative_to(PROJECT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Give the fenced blocks of a page, as pairs of language and content."""
    return [
        (token.info, token.content) for token in _tokens(page) if token.type == "fence"
    ]


@dataclass
class Example:
    """A Python block of a page, and what the page says that it prints."""

    line: int
    code: str
    continued: bool
    shown: str | None = None


def examples(page: Path) -> list[Example]:
    """Return the Python blocks of a page; a `text` block after one is its output."""
    found: list[Example] = []
    prose = ""
    latest: Example | None = None
    for token in _tokens(page):
        if token.type == "inline":
            prose += token.content
            latest = None
        elif token.type == "fence" and token.info == "python" and token.map:
            latest = Example(
                token.map[0] + 1, token.content, CONTINUED in prose.lower()
            )
            found.append(latest)
            prose = ""
        elif token.type == "fence" and token.info == "text" and latest:
            latest.shown = token.content
    return found


def run_examples(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run each Python block of a page alone, and compare what it prints."""
    namespace: dict[str, Any] = {}
    for example in examples(page):
        if not example.continued:
            namespace = {"__name__": "__main__"}
        code = compile("\n" * example.line + example.code, str(page), "exec")
        capsys.readouterr()
        exec(code, namespace)  # noqa: S102  # what a reader would run
        printed = capsys.readouterr().out
        assert example.shown in {None, printed}, (
            f"{page}:{example.line} prints {printed!r}"
        )


def tables(page: Path) -> list[list[list[str]]]:
    """Return the tables of a page: rows of cells, the heading row first."""
    found: list[list[list[str]]] = []
    for token, following in pairwise(_tokens(page)):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in {"th_open", "td_open"}:
            found[-1][-1].append(_text(following))
    return found


def links(page: Path) -> list[str]:
    """Give the targets of a page's links."""
    parts = [part for token in _tokens(page) for part in token.children or ()]
    return [str(part.attrs["href"]) for part in parts if part.type == "link_open"]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: its headings, and those set by hand."""
    headings = {
        _slug(_text(text))
        for token, text in pairwise(_tokens(page))
        if token.type == "heading_open"
    }
    return headings | set(
        re.findall(r'<a id="([^"]+)">', page.read_text(encoding="utf-8"))
    )


def _tokens(page: Path) -> list[Token]:
    return (
        MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    )


def _text(inline: Token) -> str:
    """Give what a reader sees of a line, less emphasis and link targets."""
    return "".join(part.content for part in inline.children or ()).strip()


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
