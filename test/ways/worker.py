"""Run every way of use on one client and print what came of each.

    python test/ways/worker.py                      # on the installed at_client
    python test/ways/worker.py GENERATED > seen.json  # on a generated one

The files beside this one hold the ways in cells. A cell starts with `# %%` and the way
in a few words. Where ours ends otherwise, a line says how: `# better:` or `# differs:`,
the point of the page that announces it, `->`, and what ours prints. What comes before
the first cell of a file is run before each of its cells.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
VERDICT = re.compile(r"^# (better|differs): (.+) -> (.*)$", re.MULTILINE)


class Way(NamedTuple):
    """One way of use; without a verdict, it ends the same on both clients."""

    title: str
    script: str
    verdict: str = "same"
    reason: str = ""
    ours: str = ""


def read_ways() -> list[Way]:
    """Read the ways from the files beside this one."""
    ways = []
    for path in sorted(HERE.glob("[a-z]*_*.py")):
        text = path.read_text(encoding="utf-8")
        setting, *cells = text.split("# %% ")
        for cell in cells:
            title, script = cell.split("\n", 1)
            verdict = VERDICT.search(script)
            said = verdict.groups() if verdict else ()
            way = Way(
                title,
                setting + script,
                *said,
            )
            ways.append(way)
    return ways


def run(way: Way) -> dict[str, Any]:
    """Return the outcome of one way: lines printed, error raised, requests sent."""
    from ways import stage

    stage.clear()
    code = compile(way.script, way.title, "exec", dont_inherit=True)
    output = io.StringIO()
    raised = ""
    with contextlib.redirect_stdout(output):
        try:
            exec(code, {"__name__": "__main__"})  # noqa: S102  # the ways are our own
        except Exception as error:  # noqa: BLE001  # how it ends is the outcome
            raised = type(error).__name__

    printed = output.getvalue().replace(stage.host, "HOST")
    outcome = {
        "printed": printed.splitlines(),
        "raised": raised,
        "sent": list(map(stage.read_request, stage.wire.requests)),
    }
    return {name: value for name, value in outcome.items() if value}


def main() -> None:
    """Run all ways and print the outcomes as JSON, one on a line."""
    version = ""
    sys.path.insert(0, str(HERE.parent))
    for generated in sys.argv[1:]:
        sys.path.insert(0, generated)
        record = Path(generated, ".openapi-generator", "VERSION")
        version = record.read_text().strip()

    from ways import stage

    print(f'{{"generator": "{version}", "ways": {{')
    lines = []
    with stage.wire:
        for way in read_ways():
            outcome = json.dumps(run(way))
            lines.append(f"{json.dumps(way.title)}: {outcome}")
    print(",\n".join(lines))
    print("}}")


if __name__ == "__main__":
    main()
