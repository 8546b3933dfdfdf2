"""The command line of at_client: `at-client`, or `python -m at_client`.

Environment of `credits`:
  ACCESS_TOKEN    the access token; required unless --sandbox is given
  AT_CLIENT_HOST  the host (default: https://api.agenttoolkit.ai)
  NO_COLOR        if set, no colours

Exit status:
  0  success                          5    the service was not reached
  1  any other failure                127  the command for the sandbox could not be started
  2  wrong usage or settings          130  interrupted by Ctrl-C
  3  fewer credits than --fail-below  141  nobody reads the output
  4  not authorized (401 or 403)      143  terminated

Examples:
  at-client credits --sandbox                        # try it out, without an account
  at-client credits --watch 60                       # fetch and show them every minute
  at-client credits --fail-below 500 && ./big-job    # only if there are credits for it
  at-client credits --format json | jq .remaining_credits
  at-client sandbox --port 8765                      # prints AT_CLIENT_HOST and ACCESS_TOKEN
  at-client sandbox -- python my_script.py           # runs a command with both of them set
"""

import argparse
import contextlib
import difflib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from typing import Any

import at_client
from at_client import display

DONE, FAILED, WRONG_USAGE, TOO_FEW, NOT_AUTHORIZED, NOT_REACHED = range(6)
"""Exit statuses; argparse, too, exits with 2 after wrong usage."""

CANNOT_RUN, INTERRUPTED, BROKEN_PIPE, TERMINATED = 127, 130, 141, 143
"""Exit statuses with the meaning that shells give them."""

ENTER_SCREEN, LEAVE_SCREEN, CLEAR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H\x1b[J"
"""Escape sequences for the alternate screen of a terminal (xterm), which has no scrollback."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The arguments, without the name of the program; `None` means those of the process.

    Raises:
        SystemExit: After `--help`, `--version` and wrong usage, as with argparse.
    """
    if sys.stdout is None:
        return _print_error("cannot write: stdout is closed")
    try:
        try:
            arguments = _parse(sys.argv[1:] if argv is None else argv)
            return (
                _credits(arguments)
                if arguments.command == "credits"
                else _sandbox(arguments)
            )
        finally:
            sys.stdout.flush()  # a full disk or a broken pipe shows here, not when Python exits
    except KeyboardInterrupt:
        print(
            end="\n" * sys.stderr.isatty(), file=sys.stderr
        )  # the terminal has shown ^C
        return INTERRUPTED
    except OSError as error:
        # What is still buffered would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return (
            BROKEN_PIPE
            if isinstance(error, BrokenPipeError)
            else _print_error(f"cannot write: {error.strerror}")
        )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; completion tools such as shtab read it too."""
    style: dict[str, Any] = {
        "epilog": __doc__,
        "formatter_class": argparse.RawTextHelpFormatter,
        "allow_abbrev": False,
    }
    parser = argparse.ArgumentParser("at-client", **style)
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {at_client.__version__}"
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command"
    )
    command = commands.add_parser(
        "credits", help="show the credits of an account", **style
    )
    add, add_either = (
        command.add_argument,
        command.add_mutually_exclusive_group().add_argument,
    )
    add(
        "--format",
        choices=("text", "json", "prometheus"),
        default="text",
        help="default: text",
    )
    add(
        "--watch",
        metavar="SECONDS",
        type=_seconds,
        help="show the credits every SECONDS seconds",
    )
    add(
        "--fail-below",
        metavar="N",
        type=int,
        default=-sys.maxsize,
        help="exit with 3 if fewer than N credits remain",
    )
    add(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        help="limit for the whole call (default: 60)",
    )
    add(
        "--retries", metavar="N", type=int, help="attempts after the first (default: 2)"
    )
    add(
        "--verbose",
        dest="debug",
        action="store_true",
        help="log every attempt to stderr",
    )
    add_either(
        "--host",
        metavar="URL",
        default=argparse.SUPPRESS,
        help="takes precedence over AT_CLIENT_HOST",
    )
    add_either(
        "--sandbox",
        action="store_true",
        help="show the credits of a sandbox on this machine; needs no token",
    )
    add = commands.add_parser(
        "sandbox", help="run a copy of the credits API on this machine", **style
    ).add_argument
    add(
        "--port",
        metavar="N",
        type=int,
        default=0,
        help="the port (default: any free one)",
    )
    add("--total", metavar="N", type=int, default=1000, help="credits (default: 1000)")
    add(
        "--used",
        metavar="N",
        type=int,
        default=250,
        help="credits spent (default: 250)",
    )
    add("--token", help="the access token to accept (default: a random one)")
    add(
        "argv",
        metavar="COMMAND",
        nargs="*",
        help="run this against the sandbox, then stop; put -- before it",
    )
    return parser


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse arguments; unless they start with a command, show the commands and suggest one."""
    parser, commands, word = (
        make_parser(),
        ("credits", "sandbox"),
        argv[0] if argv else "",
    )
    if word not in (*commands, "-h", "--help", "--version"):
        parser.print_help(sys.stderr)
        hints = [
            f"; did you mean {close!r}?"
            for close in difflib.get_close_matches(word, commands, 1)
        ]
        parser.exit(
            WRONG_USAGE,
            f"\nat-client: no command {word!r}{''.join(hints)}\n" if argv else None,
        )
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    if 0 < float(text) < 1e9:
        return float(text)
    raise argparse.ArgumentTypeError(
        f"must be a number of seconds above 0, not {text!r}"
    )


def _credits(arguments: argparse.Namespace) -> int:
    if not (arguments.sandbox or os.environ.get("ACCESS_TOKEN")):
        return _print_error(
            "ACCESS_TOKEN is not set. Set it, or try --sandbox", WRONG_USAGE
        )
    settings = {
        k: v
        for k, v in vars(arguments).items()
        if k in {"host", "timeout", "retries", "debug"}
    }
    try:
        with (
            at_client.sandbox.Sandbox()
            if arguments.sandbox
            else contextlib.nullcontext() as sandbox
        ):
            if sandbox:
                settings |= {
                    "host": sandbox.url,
                    "access_token": sandbox.token,
                    "no_proxy": "*",
                }
            with at_client.ApiClient(
                at_client.Configuration.from_env(**settings)
            ) as client:
                return _show(at_client.CreditsApi(client), arguments)
    except at_client.OpenApiException as error:
        statuses = {
            401: NOT_AUTHORIZED,
            403: NOT_AUTHORIZED,
            0: NOT_REACHED,
            None: WRONG_USAGE,
        }
        return _print_error(
            str(error), statuses.get(getattr(error, "status", None), FAILED)
        )


def _show(api: "at_client.CreditsApi", arguments: argparse.Namespace) -> int:
    """Show credits, again and again with `--watch`, and return the exit status."""
    form, pause, limit = arguments.format, arguments.watch, arguments.fail_below
    note = (
        "Made-up credits from a sandbox on this machine; not your credits"
        if arguments.sandbox
        else ""
    )
    redraw = (
        pause and form == "text" and not arguments.debug and _on_terminal()
    )  # a log would go across it
    in_full = redraw or (form == "text" and not pause)
    samples: display.Samples = []
    if note and not in_full:
        print(note, file=sys.stderr)
    if redraw:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
        print(ENTER_SCREEN, end="", flush=True)
    try:
        while True:
            problem, wait = _fetch(api, samples, pause)
            now, last = samples[-1]
            if redraw:
                as_of = f"As of {now:%H:%M:%S} UTC, every {pause:g} s; Ctrl-C ends it"
                print(
                    f"{CLEAR}{display.render_text(samples, note, problem, as_of, **_screen())}",
                    end="",
                    flush=True,
                )
            elif problem:
                _print_error(problem)
            elif not in_full:
                print(display.render_line(last, now, form), flush=True)
            if not pause or last.remaining < limit:
                break
            time.sleep(wait)
    finally:
        print(LEAVE_SCREEN if redraw else "", end="", flush=True)
        if in_full and samples:
            print(
                display.render_text(samples, note, **_screen(rows=sys.maxsize)),
                flush=True,
            )
    return (
        DONE
        if last.remaining >= limit
        else _print_error(f"{last.remaining} credits, fewer than {limit}", TOO_FEW)
    )


def _fetch(
    api: "at_client.CreditsApi", samples: display.Samples, pause: float
) -> tuple[str, float]:
    """Add a sample; return what went wrong, if it may pass, and for how long to wait."""
    try:
        samples[:] = [
            *samples[-60:],
            (datetime.now(timezone.utc), api.get_credits()),
        ]  # 60: an hour, once a minute
    except at_client.ApiException as error:
        if not samples or (
            400 <= error.status < 500 and error.status not in {408, 429}
        ):
            raise
        return display.printable(str(error)), max(
            pause, min(error.retry_after or 0, 3600)
        )
    return "", pause


def _on_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _screen(**fixed: int) -> dict[str, Any]:
    """Return what stdout can show, for `render_text`; no colours if `NO_COLOR` is set (no-color.org)."""
    width, rows = shutil.get_terminal_size()
    colour = _on_terminal() and not os.environ.get("NO_COLOR")
    blocks = b"?" not in "█░".encode(sys.stdout.encoding or "utf-8", "replace")
    return {"width": width, "rows": rows, "colour": colour, "blocks": blocks, **fixed}


def _sandbox(arguments: argparse.Namespace) -> int:
    try:
        sandbox = at_client.sandbox.Sandbox(
            arguments.port, total=arguments.total, used=arguments.used
        ).start()
    except (ValueError, OSError) as error:
        return _print_error(
            f"cannot start the sandbox on port {arguments.port}: {error}"
        )
    with sandbox:
        sandbox.account.token = arguments.token or sandbox.token
        variables = {"AT_CLIENT_HOST": sandbox.url, "ACCESS_TOKEN": sandbox.token}
        if arguments.argv:
            return _run(arguments.argv, variables)
        sandbox.on_request = lambda r: print(
            f"{r.time.astimezone():%X}", display.printable(str(r)), file=sys.stderr
        )
        exports = [
            f"export {name}={shlex.quote(value)}" for name, value in variables.items()
        ]
        print(
            "# The sandbox runs until Ctrl-C. To point a client at it:",
            *exports,
            sep="\n",
            flush=True,
        )
        while True:
            time.sleep(3600)


def _run(command: list[str], variables: dict[str, str]) -> int:
    """Run a command to its end, and return its exit status as a shell would."""
    # Ctrl-C reaches the command as well, which decides; unlike SIG_IGN, it does not inherit a handler.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.call(command, env=os.environ | variables)  # noqa: S603  # as asked
    except OSError as error:
        return _print_error(f"cannot run {command[0]}: {error.strerror}", CANNOT_RUN)
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def _print_error(message: str, status: int = FAILED) -> int:
    print(f"at-client: {display.printable(message)}", file=sys.stderr)
    return status
