"""What the command line takes: commands, options, and the help that explains them."""

from __future__ import annotations

import argparse
import contextlib
import math
from typing import Any

from at_client.version import __version__

DESCRIPTION = "See how many Agent Toolkit credits are left."

EXAMPLES = """\
examples:
  at-client credits --sandbox            # try it out, without an account
  export ACCESS_TOKEN=...                # then:
  at-client credits                      # a usage bar, counts, plan and reset date
  at-client credits --fail-below 500     # exit with 3 when fewer than 500 remain
  at-client sandbox --port 8765          # the credits API on this machine

Each command has a --help of its own.
"""

CREDITS_EXAMPLES = """\
environment:
  ACCESS_TOKEN      the access token; required, unless --sandbox is given
  AT_CLIENT_HOST    another host than https://api.agenttoolkit.ai
  NO_COLOR          if set: no colours

exit status:
  0  the credits were shown          2  wrong usage
  1  the call failed                 3  fewer remain than --fail-below says

examples:
  at-client credits --watch 60                      # redraw every minute
  at-client credits --format json | jq .remaining_credits
  at-client credits --format prometheus > credits.prom
  at-client credits --fail-below 500 && ./big-job   # a gate in front of a job
"""

SANDBOX_EXAMPLES = """\
It prints how to point a client at it, and logs every request to stderr. Ctrl-C ends it.

examples:
  at-client sandbox --port 8765
  at-client sandbox --port 8765 --token dev --total 100 --used 90
"""


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line; completion tools such as shtab read it too."""
    parser = argparse.ArgumentParser(
        "at-client",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    _add_credits(commands)
    _add_sandbox(commands)
    return parser


def _add_command(commands: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return command


def _add_credits(commands: Any) -> None:
    summary = "show the credits of an account: total, used and remaining"
    command = _add_command(commands, "credits", summary, CREDITS_EXAMPLES)
    add = command.add_argument
    formats = ["text", "json", "prometheus"]
    add("--format", choices=formats, default="text", help="what to print (default: text)")
    add(
        "--watch",
        metavar="SECONDS",
        type=_seconds,
        help="ask again and again: redraws on a terminal, prints a line each time in a pipe",
    )
    add("--fail-below", metavar="N", type=_count, help="exit with 3 when fewer credits remain")
    add("--timeout", metavar="SECONDS", type=_seconds, help="for a whole call (default: 60)")
    add("--retries", metavar="N", type=_count, help="attempts after the first (default: 2)")
    place = command.add_mutually_exclusive_group()
    place.add_argument("--host", metavar="URL", type=_host, help="instead of AT_CLIENT_HOST")
    place.add_argument(
        "--sandbox",
        action="store_true",
        help="start a sandbox and ask that, over a real socket; needs no token",
    )
    add("--verbose", action="store_true", help="log every attempt to stderr")


def _add_sandbox(commands: Any) -> None:
    summary = "run the credits API on this machine, to try things out and for tests"
    command = _add_command(commands, "sandbox", summary, SANDBOX_EXAMPLES)
    add = command.add_argument
    add("--port", metavar="N", type=_count, default=0, help="the port (default: any free one)")
    add("--total", metavar="N", type=_count, default=1000, help="its credits (default: 1000)")
    add("--used", metavar="N", type=_count, default=250, help="those spent (default: 250)")
    add("--token", help="the access token to let in (default: one made up)")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def _host(text: str) -> str:
    from at_client import settings
    from at_client.exceptions import ApiValueError

    try:
        return settings.host("it", text)
    except ApiValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
