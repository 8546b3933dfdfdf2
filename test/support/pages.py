"""What the tests read of README and docs: fenced blocks, tables, anchors and links."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

PROJECT = Path(__file__).parents[2]

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/*.md"))]
"""Every page that a reader may copy code from."""

_HAND_MADE_ANCHOR = re.compile(r'<a id="([^"]+)">')


def name_of(page: Path) -> str:
    """Write a page's path as a reader of the project would."""
    return page.relative_to(PROJECT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Give the fenced blocks of a page, as pairs of language and content."""
    return [(token.info, token.content) for token in _tokens(page) if token.type == "fence"]


def tables(page: Path) -> list[list[list[str]]]:
    """Give the tables of a page: rows of cells as they are read, the heading row first."""
    found: list[list[list[str]]] = []
    for token, following in _pairs(page):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in {"th_open", "td_open"}:
            found[-1][-1].append(_text(following))
    return found


def links(page: Path) -> list[str]:
    """Give the targets of a page's links."""
    return [
        str(part.attrs["href"])
        for token in _tokens(page)
        for part in token.children or ()
        if part.type == "link_open"
    ]


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page: its headings as GitHub writes them, and those set by hand."""
    headings = {_slug(_text(text)) for token, text in _pairs(page) if token.type == "heading_open"}
    return headings | set(_HAND_MADE_ANCHOR.findall(page.read_text(encoding="utf-8")))


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def _pairs(page: Path) -> list[tuple[Token, Token]]:
    return list(pairwise(_tokens(page)))


def _text(inline: Token) -> str:
    """Give what a reader sees of a line, less emphasis and link targets."""
    return "".join(part.content for part in inline.children or ()).strip()


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
