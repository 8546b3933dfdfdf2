"""Run every way of use on one client and print what came of each.

    python test/ways/worker.py                      # on the at_client that is installed
    python test/ways/worker.py GENERATED > seen.json  # on one that openapi-generator has made

The files beside this one hold the ways in cells. A cell starts with `# %%` and the way in a few words. Where ours ends
otherwise, a line says how: `# better:` or `# differs:`, the point of the page that announces it, `->`, and what ours
prints. What comes before the first cell of a file is run before each of its cells.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent


class Way(NamedTuple):
    """One way of use; without a verdict, it ends the same on both clients."""

    title: str
    script: str
    verdict: str = "same"
    reason: str = ""
    ours: str = ""


def ways() -> list[Way]:
    """Read the ways from the files beside this one."""
    found = []
    for path in sorted(HERE.glob("[a-z]*_*.py")):
        setting, *cells = path.read_text(encoding="utf-8").split("# %% ")
        for cell in cells:
            title, script = cell.split("\n", 1)
            verdict = re.search(
                r"^# (better|differs): (.+) -> (.*)$", script, re.MULTILINE
            )
            found.append(
                Way(title, setting + script, *(verdict.groups() if verdict else ()))
            )
    return found


def run(way: Way) -> dict[str, Any]:
    """Run one way and return its outcome: lines printed, error raised, requests sent."""
    from ways import stage

    stage.clear()
    printed, raised = io.StringIO(), ""
    code = compile(way.script, way.title, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed):
        try:
            exec(code, {"__name__": "__main__"})  # noqa: S102  # the ways are our own
        except Exception as error:  # noqa: BLE001  # how it ends is what we want to know
            raised = type(error).__name__
    lines = printed.getvalue().replace(stage.host, "HOST").splitlines()
    requests = [stage.read(request) for request in stage.wire.requests]
    return {
        name: value
        for name, value in (("printed", lines), ("raised", raised), ("sent", requests))
        if value
    }


def main() -> None:
    """Run all ways and print the outcomes as JSON, one on a line."""
    version = ""
    sys.path.insert(0, str(HERE.parent))
    if generated := sys.argv[1:]:
        sys.path.insert(0, generated[0])
        version = (
            Path(generated[0], ".openapi-generator", "VERSION").read_text().strip()
        )
    from ways import stage

    with stage.wire:
        lines = [f"{json.dumps(way.title)}: {json.dumps(run(way))}" for way in ways()]
    print(f'{{"generator": "{version}", "ways": {{\n' + ",\n".join(lines) + "\n}}")


if __name__ == "__main__":
    main()
