"""The command: `python -m benchmarks`, with the names of those to run, or none for all."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import processes, server
from benchmarks.contest import Contest
from benchmarks.tables import circumstances, markdown, put

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("calls", "layers", "threads", "startup", "imports", "memory", "fleet")
PAGE = processes.HOME / "docs" / "performance.md"


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure the client against its peers, side by side.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; none for all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="show that everything works, in seconds"
    )
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=PAGE,
        metavar="PAGE",
        help="put the tables between their markers in PAGE (default: docs/performance.md)",
    )
    parser.add_argument(
        "--generated",
        type=Path,
        metavar="DIR",
        help="the folder of a client that openapi-generator made, to compare with",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmarks that the command line names."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.names) - set(NAMES)):
        parser.error(
            f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(NAMES)}"
        )
    generated = arguments.generated.resolve() if arguments.generated else None
    processes.keep_bytecode()
    with server.running() as url:
        processes.pin(processes.CALLER_CORE)
        contest = Contest(url, arguments.quick, generated)
        for name in arguments.names or NAMES:
            benchmark = import_module(f"benchmarks.{name}")
            table = benchmark.run(contest)
            shown = "\n\n".join(filter(None, (markdown(table), table.note)))
            print(f"\n## {benchmark.TITLE}\n\n{shown}", flush=True)
            if arguments.write:
                content = f"{shown}\n\n{circumstances()}" if name != "fleet" else shown
                page = arguments.write.read_text(encoding="utf-8")
                arguments.write.write_text(put(page, name, content), encoding="utf-8")
    if not arguments.write:
        print(f"\n{circumstances()}")


if __name__ == "__main__":
    main()
