"""Tables as the terminal and the docs show them, and under which circumstances they came to be."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

LIBRARIES = ("urllib3", "pydantic", "httpx", "requests")


class Table(NamedTuple):
    """What one benchmark has found."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""
    """A sentence to go below it; empty for none."""


def markdown(table: Table) -> str:
    """Write a table in Markdown, columns aligned: words to the left, figures to the right."""
    lines = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = [
        "-" * width if place == 0 else "-" * (width - 1) + ":"
        for place, width in enumerate(widths)
    ]
    written = [
        " | ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (table.head, rule, *table.rows)
    ]
    return "\n".join(f"| {line} |" for line in written)


def circumstances() -> str:
    """Say on which machine, with which versions and when this runs, in one line."""
    versions = [
        f"{name} {version}" for name in LIBRARIES if (version := _version(name))
    ]
    today = dt.datetime.now(dt.timezone.utc).date()
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}; "
        f"{platform.python_implementation()} {platform.python_version()}, {', '.join(versions)}; {today}."
    )


def put(page: str, name: str, content: str) -> str:
    r"""Put a table into a page, in place of what is between its two markers.

    Raises:
        ValueError: The page has no such markers.

    Examples:
        >>> put("<!-- calls -->old<!-- /calls -->", "calls", "new")
        '<!-- calls -->\n\nnew\n\n<!-- /calls -->'
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page needs {begin} and {end}, once each")
    between = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    return between.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", page)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    named = (
        re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE)
        if info.exists()
        else None
    )
    return named[1].strip() if named else platform.processor() or platform.machine()
