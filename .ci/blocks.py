"""Write every Python block of README and docs to a file of its own, for type checkers.

    python .ci/blocks.py FOLDER

A file is named after its page and line, and its lines have the numbers of the page. A
block that continues the one above is written together with it. The folder is a project
of its own to pyright, which looks into no folder such as `.tox` otherwise.
"""

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

PAGES = [PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md"))]

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CONTINUED = "continuing the block above"
"""What the text before a block says if the block needs the one before it."""

ALLOWANCES = """
# mypy: allow-redefinition
# Libraries that are not installed are unknown, and what they give is, too:
# mypy: disable-error-code="import-not-found, import-untyped"
# mypy: allow-untyped-calls, allow-untyped-decorators, allow-subclassing-any
# mypy: no-warn-return-any
# pyright: standard, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportFunctionMemberAccess=false
# A notebook shows the last expression of a cell:
# pyright: reportUnusedExpression=false
"""


def write_page(page: Path, folder: Path) -> None:
    """Write the blocks of one page."""
    text = page.read_text(encoding="utf-8")
    stem = page.stem.replace("-", "_").lower()
    path = folder
    code = ""
    end = 0
    for block in FENCE.finditer(text):
        prose = text[end : block.start()]
        end = block.end()
        line = text.count("\n", 0, block.start(1)) + 1
        if CONTINUED not in prose.lower():
            path = folder / f"{stem}_{line}.py"
            code = ""
        code += "\n" * (line - 1 - code.count("\n")) + block[1]
        path.write_text(code + ALLOWANCES, encoding="utf-8")


def main(folder: Path) -> None:
    """Write the blocks of all pages, and of no earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.py"):
        old.unlink()
    (folder / "pyrightconfig.json").write_text('{"pythonVersion": "3.10"}\n')
    for page in PAGES:
        write_page(page, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
