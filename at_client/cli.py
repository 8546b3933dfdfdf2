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
from collections.abc import Sequence
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments, without the name of the program; `None` means those of the process.

    Returns:
        The exit status.

    Raises:
        SystemExit: After `--help`, `--version` and wrong usage, as with argparse.
    """
    if sys.stdout is None:
        return _print_error("cannot write the output: stdout is closed")
    try:
        try:
            arguments = _parse(sys.argv[1:] if argv is None else argv)
            return _credits(arguments) if arguments.command == "credits" else _sandbox(arguments)
        finally:
            sys.stdout.flush()  # a full disk or a broken pipe shows here, not when Python exits
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # the terminal has shown ^C
        return INTERRUPTED
    except OSError as error:
        # What is still buffered is written when Python exits, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        broken = isinstance(error, BrokenPipeError)
        return BROKEN_PIPE if broken else _print_error(f"cannot write the output: {error.strerror}")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; completion tools such as shtab read it too."""
    layout = argparse.RawDescriptionHelpFormatter
    settings: dict[str, Any] = {"epilog": __doc__, "formatter_class": layout, "allow_abbrev": False}
    parser = argparse.ArgumentParser("at-client", **settings)
    parser.add_argument("--version", action="version", version=f"%(prog)s {at_client.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    command = commands.add_parser("credits", help="show the credits of an account", **settings)
    add = command.add_argument
    add("--format", choices=("text", "json", "prometheus"), default="text", help="default: text")
    add("--watch", metavar="SECONDS", type=_seconds, help="fetch and show them again and again")
    add("--fail-below", metavar="N", type=int, default=-sys.maxsize, help="exit with 3 below N")
    add("--timeout", metavar="SECONDS", type=_seconds, help="for the whole call (default: 60)")
    add("--retries", metavar="N", type=int, help="attempts after the first (default: 2)")
    add("--verbose", action="store_true", help="log every attempt to stderr")
    add = command.add_mutually_exclusive_group().add_argument
    add("--host", metavar="URL", help="takes precedence over AT_CLIENT_HOST")
    add("--sandbox", action="store_true", help="ask a sandbox on this machine; needs no token")
    add = commands.add_parser("sandbox", help="run the credits API here", **settings).add_argument
    add("--port", metavar="N", type=int, default=0, help="the port (default: any free one)")
    add("--total", metavar="N", type=int, default=1000, help="credits (default: 1000)")
    add("--used", metavar="N", type=int, default=250, help="credits spent (default: 250)")
    add("--token", help="the access token to accept (default: a random one)")
    add("argv", metavar="COMMAND", nargs="*", help="run this, and end with it; put -- before it")
    return parser


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; unless they start with a command, show the commands and suggest one."""
    parser, commands = make_parser(), ("credits", "sandbox")
    if not argv or argv[0] not in (*commands, "-h", "--help", "--version"):
        parser.print_help(sys.stderr)
        close = difflib.get_close_matches(argv[0], commands, 1) if argv else []
        hint = f"; did you mean {close[0]!r}?" if close else ""
        parser.exit(WRONG_USAGE, f"\nat-client: no command {argv[0]!r}{hint}\n" if argv else None)
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    if 0 < float(text) < 1e9:
        return float(text)
    raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")


def _credits(arguments: argparse.Namespace) -> int:
    chosen = {name: getattr(arguments, name) for name in ("host", "timeout", "retries")}
    settings = {name: value for name, value in chosen.items() if value is not None}
    note = "From a sandbox on this machine; not your credits" if arguments.sandbox else ""
    try:
        with contextlib.ExitStack() as stack:
            if arguments.sandbox:
                from at_client.sandbox import Sandbox

                sandbox = stack.enter_context(Sandbox())
                settings |= {"host": sandbox.url, "access_token": sandbox.token, "no_proxy": "*"}
            configuration = at_client.Configuration.from_env(debug=arguments.verbose, **settings)
            if not configuration.access_token:
                return _print_error("ACCESS_TOKEN is not set. Set it, or try --sandbox", WRONG_USAGE)
            client = stack.enter_context(at_client.ApiClient(configuration))
            return _show(at_client.CreditsApi(client), arguments, note)
    except at_client.OpenApiException as error:
        statuses = {401: NOT_AUTHORIZED, 403: NOT_AUTHORIZED, 0: NOT_REACHED, None: WRONG_USAGE}
        return _print_error(str(error), statuses.get(getattr(error, "status", None), FAILED))


def _show(api: "at_client.CreditsApi", arguments: argparse.Namespace, note: str) -> int:
    """Show credits, again and again with `--watch`, and return the exit status."""
    form, pause, limit = arguments.format, arguments.watch, arguments.fail_below
    redraw = form == "text" and pause and _can_redraw()
    lasting = redraw or (form == "text" and not pause)
    samples: display.Samples = []
    if note and not lasting:
        print(note, file=sys.stderr)
    if redraw:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        print(ENTER_SCREEN if redraw else "", end="", flush=True)
        while True:
            problem, wait = _fetch(api, samples, pause)
            now, credits = samples[-1]
            if redraw:
                status = f"As of {now:%H:%M:%S} UTC, every {pause:g} s; Ctrl-C ends it"
                text = display.render_text(samples, _screen(fit=True), note, problem, status)
                print(f"{CLEAR}{text}", end="", flush=True)
            elif problem:
                _print_error(problem)
            elif not lasting:
                print(display.render_line(credits, now, form), flush=True)
            if credits.remaining < limit:
                break
            if not pause:
                return DONE
            time.sleep(wait)
    finally:
        print(LEAVE_SCREEN if redraw else "", end="", flush=True)
        if lasting and samples:
            print(display.render_text(samples, _screen(), note))
    return _print_error(f"{credits.remaining} credits left, fewer than {limit}", TOO_FEW)


def _fetch(api: Any, samples: display.Samples, pause: float) -> tuple[str, float]:
    """Add a sample; return what went wrong, if it may pass, and for how long to wait."""
    try:
        # Those of the last hour, with `--watch 60`.
        samples[:] = [*samples[-60:], (datetime.now(timezone.utc), api.get_credits())]
    except at_client.ApiException as error:
        if not samples or (400 <= error.status < 500 and error.status not in {408, 429}):
            raise
        return display.printable(str(error)), max(pause, min(error.retry_after or 0, 3600))
    return "", pause


def _can_redraw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _screen(*, fit: bool = False) -> display.Screen:
    """Return what stdout can show; no colours if `NO_COLOR` is set (no-color.org)."""
    width, rows = shutil.get_terminal_size()
    colour = _can_redraw() and not os.environ.get("NO_COLOR")
    blocks = b"?" not in "█░".encode(sys.stdout.encoding or "utf-8", "replace")
    return display.Screen(width, rows if fit else None, colour, blocks)


def _sandbox(arguments: argparse.Namespace) -> int:
    from at_client.sandbox import Sandbox

    port, total, used, command = arguments.port, arguments.total, arguments.used, arguments.argv
    try:
        sandbox = Sandbox(port, total=total, used=used, on_request=None if command else _log)
        sandbox.account.token = arguments.token or sandbox.token
        sandbox.start()
    except (ValueError, OSError, OverflowError) as error:
        return _print_error(f"cannot start the sandbox on port {port}: {error}")
    with contextlib.closing(sandbox):
        variables = {"AT_CLIENT_HOST": sandbox.url, "ACCESS_TOKEN": sandbox.token}
        if command:
            return _run(command, variables)
        print("# The sandbox runs until Ctrl-C. To point a client at it:")
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
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


def _log(request: Any) -> None:
    with contextlib.suppress(OSError):  # requests are answered whether or not they can be logged
        print(f"{request.time.astimezone():%X}", display.printable(str(request)), file=sys.stderr)


def _print_error(message: str, status: int = FAILED) -> int:
    print(f"at-client: {display.printable(message)}", file=sys.stderr)
    return status
