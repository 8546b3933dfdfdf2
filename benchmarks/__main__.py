"""The command: `python -m benchmarks [NAME ...]`, all tables if none is named."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import calls, https, processes, server
from benchmarks.contest import Contest
from benchmarks.tables import describe_machine, put

if TYPE_CHECKING:
    from collections.abc import Sequence

BENCHMARKS = {"calls": calls, "https": https}
PAGE = processes.HOME / "docs" / "performance.md"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure the client against others, side by side.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(BENCHMARKS)}; none for all",
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
        help="put the tables between their markers in PAGE (docs/performance.md)",
    )
    parser.add_argument(
        "--generated",
        type=Path,
        metavar="DIR",
        help="the folder of a client that openapi-generator made, to compare with",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Make the tables that the command line names."""
    parser = make_parser()
    arguments = parser.parse_args(argv)

    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        known = ", ".join(BENCHMARKS)
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {known}")

    processes.keep_bytecode()
    with server.running() as urls:
        processes.pin(processes.CONTENDER_CORE)
        generated = arguments.generated and arguments.generated.resolve()
        for name in arguments.names or BENCHMARKS:
            turns = 1 if arguments.quick else BENCHMARKS[name].TURNS
            show(name, Contest(urls, turns, generated), arguments.write)

    print(f"\n{describe_machine()}")


def show(name: str, contest: Contest, page: Path | None) -> None:
    """Make one table, print it, and put it into a page if there is one."""
    benchmark = BENCHMARKS[name]
    table = benchmark.run(contest)
    print(f"\n## {benchmark.TITLE}\n\n{table}", flush=True)

    if page is not None:
        content = f"{table}\n\n{describe_machine()}"
        written = put(page.read_text(encoding="utf-8"), name, content)
        page.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
