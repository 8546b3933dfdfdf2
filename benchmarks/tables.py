"""Tables in Markdown, and the machine that they were made on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib import metadata
from pathlib import Path

LIBRARIES = ("urllib3", "pydantic", "httpx", "requests")


class Table:
    """A table in Markdown: words in the first column, figures in all others.

    Args:
        *head: The names of the columns.
    """

    def __init__(self, *head: str) -> None:
        self._head = head
        self._rows: list[tuple[str, ...]] = []

    def add(self, *cells: str) -> None:
        """Add a row."""
        self._rows.append(cells)

    def __str__(self) -> str:
        columns = zip(self._head, *self._rows, strict=True)
        widths = [max(map(len, column)) for column in columns]

        figures = ("-" * (width - 1) + ":" for width in widths[1:])
        rule = ("-" * widths[0], *figures)
        return "\n".join(write(row, widths) for row in (self._head, rule, *self._rows))


def write(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return one line of a table, its cells padded to the widths of the columns."""
    words = cells[0].ljust(widths[0])
    figures = map(str.rjust, cells[1:], widths[1:])
    return f"| {' | '.join((words, *figures))} |"


def describe_machine() -> str:
    """Return the machine, the versions and the day, in one line."""
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    libraries = ", ".join(filter(None, map(name_version, LIBRARIES)))
    today = dt.datetime.now(dt.timezone.utc).date()
    machine = f"{name_processor()}, {os.cpu_count()} cores, {system}"
    return f"{machine}; {python}, {libraries}; {today}."


def put(page: str, name: str, content: str) -> str:
    """Return a page with a table in place of what is between its two markers.

    Raises:
        ValueError: The page does not have both markers once.
    """
    begin = f"<!-- {name} -->"
    end = f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page needs {begin} and {end}, once each")

    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def name_version(library: str) -> str:
    """Return a library and its version, or an empty text if it is not installed."""
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return ""


def name_processor() -> str:
    """Return the model of the processor, as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE)
        if model:
            return model[1].strip()

    return platform.processor() or platform.machine()
