"""The command line: `at-client`, or `python -m at_client`."""

import argparse
import contextlib
import difflib
import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from datetime import datetime, timezone
from types import FrameType
from typing import Any, NamedTuple, NoReturn, TextIO

from at_client import display
from at_client.api.credits_api import CreditsApi
from at_client.api_client import ApiClient
from at_client.configuration import DEFAULT_HOST, Configuration
from at_client.exceptions import (
    ApiConnectionException,
    ApiException,
    OpenApiException,
)
from at_client.models.credit_response import CreditResponse
from at_client.sandbox import Sandbox
from at_client.version import __version__

DONE = 0
FAILED = 1
WRONG_USAGE = 2
TOO_FEW_CREDITS = 3
NOT_AUTHORIZED = 4
NOT_REACHED = 5
CANNOT_RUN_COMMAND = 127
KILLED_BY_SIGNAL = 128
"""Added to the number of the signal, as shells do."""
INTERRUPTED = 130
BROKEN_PIPE = 141

PASSING_STATUSES = (408, 429)
"""Of 400 to 499, what `--watch` does not give up for."""

LONGEST_SECONDS = 1e9
"""No clock is set for longer; also what keeps out infinity."""

LONGEST_WAIT_SECONDS = 3600
"""What `--watch` waits at most when the service asks it to come back later."""

POLL_SECONDS = 0.02
"""Between two looks at whether the command of a sandbox has ended."""

GRACE_SECONDS = 5.0
"""For the command of a sandbox to end after SIGTERM, before it is killed."""

# Escape sequences of xterm; its alternate screen has no scrollback.
ENTER_SCREEN = "\x1b[?1049h"
LEAVE_SCREEN = "\x1b[?1049l"
CLEAR_SCREEN = "\x1b[H\x1b[J"

SANDBOX_NOTE = "Made-up credits from a sandbox on this machine; not your credits"

COMMANDS = ("credits", "sandbox")
FIRST_WORDS = (*COMMANDS, "-h", "--help", "-V", "--version")

PURPOSE = "Show how many Agent Toolkit credits are left."

MAIN_HELP = """\
examples:
  at-client credits --sandbox                  # try it out, without an account
  at-client credits --fail-below 500 && ./job  # only with enough credits
  at-client sandbox -- python my_script.py     # run a script against a sandbox

'at-client COMMAND --help' has the options, examples and exit statuses of each.
"""

CREDITS_HELP = """\
environment:
  ACCESS_TOKEN    the access token, unless --token-file or --sandbox is given
  AT_CLIENT_HOST  the host, unless --host is given
                  (default: https://api.agenttoolkit.ai)
  NO_COLOR        if set, no colours

examples:
  at-client credits --sandbox                  # try it out, without an account
  at-client credits --watch 60                 # every minute, until Ctrl-C
  at-client credits --fail-below 500 && ./job  # only with enough credits
  at-client credits --format json | jq .remaining_credits
  at-client credits --token-file /run/secrets/token

exit status:
  0  success                          5    the service was not reached
  1  any other failure                129  the terminal was closed (SIGHUP)
  2  wrong usage or settings          130  interrupted by Ctrl-C
  3  fewer credits than --fail-below  141  the reader of the output has gone
  4  not authorized (401 or 403)      143  terminated (SIGTERM)
"""

SANDBOX_HELP = """\
examples:
  at-client sandbox                             # runs until Ctrl-C
  at-client sandbox --port 8765 --token dev     # always at the same address
  at-client sandbox -- python my_script.py      # runs a script against it
  at-client sandbox --total 100 --used 90 -- at-client credits --fail-below 50

exit status, unless it is that of COMMAND:
  1    the port could not be opened   130  interrupted by Ctrl-C
  2    wrong usage                    141  the reader of the output has gone
  127  COMMAND could not be started   143  terminated (SIGTERM)
  129  the terminal was closed (SIGHUP)
"""

HOST_OPTION = "--host (AT_CLIENT_HOST)"

OPTIONS_BY_SETTING = {
    r"Configuration\.host \(AT_CLIENT_HOST\)": HOST_OPTION,
    r"AT_CLIENT_HOST or Configuration\.host": HOST_OPTION,
    r"^host(?= must|: )": HOST_OPTION,
    r"^retries(?= must)": "--retries",
    r"allow more with timeout": "allow more with --timeout",
    r"; use https, or allow_insecure_http=True.*": "; use https",
    r"Configuration\.access_token \(ACCESS_TOKEN\)": "The access token",
    r"ACCESS_TOKEN \(Configuration\.access_token\)": "ACCESS_TOKEN or --token-file",
    r"^access_token\b": "the access token",
    r"set access_token\b": "set ACCESS_TOKEN",
    r"Configuration\.ssl_ca_cert \(or SSL_CERT_FILE\)": "SSL_CERT_FILE",
    r", or set Configuration\.ssl_context .*VERIFY_X509_STRICT": "",
    r"Configuration\.proxy": "HTTPS_PROXY",
    r" \(Configuration\.max_response_bytes\)": "",
}
"""Patterns of settings in Python, as messages have them -> what to type instead."""


class Reading(NamedTuple):
    """Credits that were fetched, and what went wrong since."""

    credits: CreditResponse
    time: datetime
    """When they were fetched, in UTC."""
    problem: str = ""
    """Why there are no newer ones; empty if these are the newest."""
    retry_after: float = 0.0
    """Seconds that the service asked to wait."""


class _Parser(argparse.ArgumentParser):
    """A parser whose help opens with the purpose, and whose errors are short."""

    def format_help(self) -> str:
        """Return the help, with the description before the usage."""
        purpose = f"{self.description}\n\n"
        return purpose + super().format_help().replace(purpose, "", 1)

    def error(self, message: str) -> NoReturn:
        """Exit with 2 after the usage, what is wrong, and where to read more."""
        self.print_usage(sys.stderr)
        advice = f"Try '{self.prog} --help'."
        self.exit(WRONG_USAGE, f"{self.prog}: {message}\n{advice}\n")


class _LiveView:
    """Draws readings on the alternate screen, and leaves the last on the usual one."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._latest: Reading | None = None

    def __enter__(self) -> Callable[[Reading], None]:
        return self._draw

    def _draw(self, reading: Reading) -> None:
        if self._latest is None:
            _write(ENTER_SCREEN, end="")
        self._latest = reading

        as_of = f"As of {reading.time:%H:%M:%S} UTC, every {self._pause:g} s"
        notes = (reading.problem, f"{as_of}; Ctrl-C ends it")
        text = display.render_text(reading.credits, *notes, screen=_find_screen())
        _write(f"{CLEAR_SCREEN}{text}", end="")

    def __exit__(self, *_: object) -> None:
        if self._latest is not None:
            _write(LEAVE_SCREEN, end="")
            _print_text(self._latest.credits)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The arguments, without the name of the program; `None` means those of
            the process.

    Raises:
        SystemExit: After `--help`, `--version`, wrong usage, SIGTERM and SIGHUP.
    """
    if sys.stderr is None or sys.stderr.closed:
        with (
            open(os.devnull, "w", encoding="utf-8") as nothing,
            contextlib.redirect_stderr(nothing),  # `print` would write to stdout
        ):
            return main(argv)
    if sys.stdout is None:
        return _print_error("cannot write: stdout is closed")

    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            _print_message("")  # the terminal has shown ^C
        return INTERRUPTED
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        return _print_error(f"cannot write: {error.strerror}")
    finally:
        _print_message("", end="")  # what others could not write fails here, quietly


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; tools for completion such as shtab read it, too."""
    style: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = _Parser(
        "at-client",
        usage="at-client [-h] [-V] COMMAND ...",
        description=PURPOSE,
        epilog=MAIN_HELP,
        **style,
    )
    parser.add_argument(
        "-V",
        "--version",
        action="version",
        version=f"at-client {__version__}",
        help="show the version and exit",
    )
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        prog="at-client",
    )

    credits = commands.add_parser(
        "credits",
        usage="at-client credits [OPTION]...",
        help="show the credits of an account",
        description=PURPOSE,
        epilog=CREDITS_HELP,
        **style,
    )
    credits.set_defaults(run=_run_credits, parser=credits)
    _add_credits_options(credits)

    sandbox = commands.add_parser(
        "sandbox",
        usage="at-client sandbox [OPTION]... [-- COMMAND [ARGUMENT]...]",
        help="run a copy of the credits API on this machine",
        description="Run a copy of the credits API on this machine, for tests.",
        epilog=SANDBOX_HELP,
        **style,
    )
    sandbox.set_defaults(run=_run_sandbox, parser=sandbox)
    _add_sandbox_options(sandbox)

    return parser


def _add_credits_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("text", "json", "prometheus"),
        default="text",
        help="how to print the credits (default: text)",
    )
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        type=_seconds,
        help="show the credits every SECONDS seconds",
    )
    parser.add_argument(
        "--fail-below",
        metavar="N",
        type=int,
        default=-sys.maxsize,
        help="exit with 3 if fewer than N credits remain",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        help="limit for the whole call (default: 60)",
    )
    parser.add_argument(
        "--retries",
        metavar="N",
        type=int,
        help="attempts after the first (default: 2)",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="log every attempt to stderr",
    )
    parser.add_argument(
        "--token-file",
        metavar="PATH",
        type=_token,
        help="read the access token from a file; - is stdin",
    )
    service = parser.add_mutually_exclusive_group()
    service.add_argument(
        "--host",
        metavar="URL",
        default=os.environ.get("AT_CLIENT_HOST") or DEFAULT_HOST,
        help="takes precedence over AT_CLIENT_HOST",
    )
    service.add_argument(
        "--sandbox",
        action="store_true",
        help="show made-up credits, from a sandbox on this machine",
    )


def _add_sandbox_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        metavar="N",
        type=int,
        default=0,
        help="the port (default: any free one)",
    )
    parser.add_argument(
        "--total",
        metavar="N",
        type=int,
        default=1000,
        help="credits (default: 1000)",
    )
    parser.add_argument(
        "--used",
        metavar="N",
        type=int,
        help="credits spent (default: a quarter of the total)",
    )
    parser.add_argument(
        "--token",
        help="the access token to accept (default: a random one)",
    )
    parser.add_argument(
        "argv",
        metavar="COMMAND",
        nargs="*",
        help="run this against the sandbox, then stop; put -- before it",
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        seconds = float(text)
        if 0 < seconds < LONGEST_SECONDS:
            return seconds
    raise argparse.ArgumentTypeError(
        f"must be a number of seconds above 0, not {text!r}"
    )


def _token(path: str) -> str:
    """Return the text of a file, or of stdin for `-`, without white space around."""
    is_stdin = path == "-"
    source = 0 if is_stdin else path
    try:
        # PowerShell begins files with a byte-order mark.
        with open(source, encoding="utf-8-sig", closefd=not is_stdin) as file:
            token = file.read().strip()
    except (OSError, ValueError) as error:
        reason = f"cannot read the token: {error}"
        raise argparse.ArgumentTypeError(reason) from error
    if not token:
        raise argparse.ArgumentTypeError(f"there is no token in {path!r}")
    return token


def _run(argv: list[str]) -> int:
    """Run a command and return the exit status; an `OSError` means a failed output."""
    try:
        # As process 1 of a container, a process without handlers would not end at all.
        with _handle_signals(_exit_by_signal, "SIGTERM", "SIGHUP"):
            arguments = _parse(argv)
            status: int = arguments.run(arguments)
            return status
    finally:
        sys.stdout.flush()  # a full disk or a broken pipe shows here


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse the arguments; for a mistyped word, suggest one."""
    parser = make_parser()
    if not argv:
        parser.error(f"a command is missing: {' or '.join(COMMANDS)}")
    if argv[0] not in FIRST_WORDS:
        suggestion = _suggest(argv[0], FIRST_WORDS)
        parser.error(f"no command {argv[0]!r}{suggestion}")

    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        options = re.findall(r"--[a-z]+(?:-[a-z]+)*", arguments.parser.format_help())
        suggestion = _suggest(unknown[0], options)
        arguments.parser.error(f"no option {unknown[0]!r}{suggestion}")
    return arguments


def _suggest(word: str, choices: Iterable[str]) -> str:
    matches = difflib.get_close_matches(word, choices, 1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _run_credits(arguments: argparse.Namespace) -> int:
    try:
        if arguments.sandbox:
            with Sandbox() as sandbox:
                _print_message(SANDBOX_NOTE)
                return _show_credits(arguments, sandbox.url, sandbox.token)

        token = arguments.token_file or os.environ.get("ACCESS_TOKEN")
        if not token:
            advice = "Set it, use --token-file, or try --sandbox"
            return _print_error(f"ACCESS_TOKEN is not set. {advice}", WRONG_USAGE)
        return _show_credits(arguments, arguments.host, token)
    except OpenApiException as error:
        return _print_error(_translate(str(error)), _exit_status(error))


def _exit_status(error: OpenApiException) -> int:
    if not isinstance(error, ApiException):
        return WRONG_USAGE
    if isinstance(error, ApiConnectionException):
        return NOT_REACHED
    return NOT_AUTHORIZED if error.status in (401, 403) else FAILED


def _translate(message: str) -> str:
    """Return a message with options in place of settings in Python."""
    for setting, option in OPTIONS_BY_SETTING.items():
        message = re.sub(setting, option, message)
    return message


def _show_credits(arguments: argparse.Namespace, host: str, token: str) -> int:
    """Show the credits, again and again with `--watch`, and return the exit status."""
    configuration = Configuration(
        host=host,
        access_token=token,
        timeout=arguments.timeout,
        retries=arguments.retries,
        debug=arguments.verbose,
    )

    with ApiClient(configuration) as client:
        api = CreditsApi(client)
        if _is_drawn(arguments):
            with _LiveView(arguments.watch) as draw:
                remaining = _follow(api, arguments, draw)
        else:
            show = functools.partial(_print_reading, arguments)
            remaining = _follow(api, arguments, show)

    if remaining >= arguments.fail_below:
        return DONE
    message = f"{remaining} credits, fewer than {arguments.fail_below}"
    return _print_error(message, TOO_FEW_CREDITS)


def _is_drawn(arguments: argparse.Namespace) -> bool:
    """Return whether to redraw one picture; a log would go across it."""
    is_plain = arguments.format != "text" or arguments.verbose
    return bool(arguments.watch) and not is_plain and _is_terminal()


def _follow(
    api: CreditsApi,
    arguments: argparse.Namespace,
    show: Callable[[Reading], None],
) -> int:
    """Show credits once, or until too few of them remain; return how many do."""
    reading = Reading(api.get_credits(), datetime.now(timezone.utc))
    show(reading)
    while arguments.watch and reading.credits.remaining >= arguments.fail_below:
        time.sleep(max(arguments.watch, reading.retry_after))
        reading = _fetch_again(api, reading)
        show(reading)
    return reading.credits.remaining


def _fetch_again(api: CreditsApi, last: Reading) -> Reading:
    """Return newer credits, or the last ones with the problem if it may pass."""
    try:
        return Reading(api.get_credits(), datetime.now(timezone.utc))
    except ApiException as error:
        if 400 <= error.status < 500 and error.status not in PASSING_STATUSES:
            raise
        return last._replace(
            problem=display.printable(_translate(str(error))),
            retry_after=min(error.retry_after or 0.0, LONGEST_WAIT_SECONDS),
        )


def _print_reading(arguments: argparse.Namespace, reading: Reading) -> None:
    """Print credits in the format that was asked for; a problem goes to stderr."""
    credits = reading.credits
    if reading.problem:
        _print_error(reading.problem)
    elif arguments.format == "json":
        _write(display.render_json(credits, reading.time if arguments.watch else None))
    elif arguments.format == "prometheus":
        _write(display.render_prometheus(credits))
    elif arguments.watch:
        _write(display.render_line(credits, reading.time))
    else:
        _print_text(credits)


def _print_text(credits: CreditResponse) -> None:
    _write(display.render_text(credits, screen=_find_screen()))


def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _find_screen() -> display.Screen:
    """Return what stdout can show; no colours if NO_COLOR is set (no-color.org)."""
    encoded = "█░".encode(sys.stdout.encoding or "utf-8", "replace")
    return display.Screen(
        width=shutil.get_terminal_size().columns,
        colour=_is_terminal() and not os.environ.get("NO_COLOR"),
        blocks=b"?" not in encoded,
    )


def _run_sandbox(arguments: argparse.Namespace) -> int:
    used = arguments.total // 4 if arguments.used is None else arguments.used
    try:
        sandbox = Sandbox(
            arguments.port,
            total=arguments.total,
            used=used,
            on_request=None if arguments.argv else _log_request,
        ).start()
    except ValueError as error:
        return _print_error(f"cannot start the sandbox: {error}", WRONG_USAGE)
    except OSError as error:
        return _print_error(f"cannot open port {arguments.port}: {error.strerror}")

    with sandbox:
        if arguments.token:
            sandbox.account.token = arguments.token
        variables = {"AT_CLIENT_HOST": sandbox.url, "ACCESS_TOKEN": sandbox.token}
        if arguments.argv:
            return _run_command(arguments.argv, variables)

        _print_exports(variables)
        while True:
            time.sleep(3600)


def _print_exports(variables: dict[str, str]) -> None:
    """Print what a person pastes into another shell."""
    _write("# The sandbox runs until Ctrl-C. To point a client at it:")
    for name, value in variables.items():
        _write(f"export {name}={shlex.quote(value)}")


def _log_request(request: object) -> None:
    _print_message(f"{time.strftime('%X')} {display.printable(str(request))}")


def _run_command(command: list[str], variables: dict[str, str]) -> int:
    """Run a command to its end, and return its exit status as a shell would."""
    received: list[int] = []

    def record(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    # While it starts, an exception would leave the command running. Ctrl-C reaches
    # the command as well, which decides; unlike SIG_IGN, it does not inherit a handler.
    with (
        _handle_signals(record, "SIGTERM", "SIGHUP"),
        _handle_signals(lambda *_: None, "SIGINT"),
    ):
        try:
            env = os.environ | variables
            process = subprocess.Popen(command, env=env)  # noqa: S603  # as asked
        except OSError as error:
            message = f"cannot run {command[0]}: {error.strerror}"
            return _print_error(message, CANNOT_RUN_COMMAND)

        while process.poll() is None and not received:
            time.sleep(POLL_SECONDS)
        if received:
            _end(process)
            return KILLED_BY_SIGNAL + received[0]

    status = process.returncode
    return status if status >= 0 else KILLED_BY_SIGNAL - status


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _handle_signals(
    handler: Callable[[int, FrameType | None], None], *names: str
) -> Generator[None]:
    """Handle signals that the system has, and that nobody else handles or ignores.

    Only the main thread can; elsewhere, nothing changes.
    """
    replaceable = (signal.SIG_DFL, signal.default_int_handler, _exit_by_signal)
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        for number in numbers:
            if signal.getsignal(number) in replaceable:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _exit_by_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(KILLED_BY_SIGNAL + number)


def _write(text: str, end: str = "\n") -> None:
    """Print at once; what the encoding of stdout cannot show is replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "replace").decode(encoding)
    print(shown, end=end, flush=True)


def _print_error(message: str, status: int = FAILED) -> int:
    _print_message(f"at-client: {display.printable(message)}")
    return status


def _print_message(text: str, end: str = "\n") -> None:
    """Print to stderr, if anybody reads it."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Drop what a stream still holds, which would fail again when Python exits."""
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), stream.fileno())
