"""The command line: `at-client`, or `python -m at_client`."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO

from at_client.arguments import make_parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from at_client.display import Screen
    from at_client.exceptions import ApiException
    from at_client.models.credit_response import CreditResponse
    from at_client.sandbox import Request, Sandbox

DONE, FAILED, TOO_FEW = 0, 1, 3
"""Exit statuses; 2 is argparse's own, for wrong usage."""

INTERRUPTED, NOBODY_READS = 130, 141
"""What a shell reports of a process that SIGINT or SIGPIPE has ended."""

OUR_WORDS = {
    r"(Configuration\.)?access_token": "ACCESS_TOKEN",
    r"Configuration\.host": "AT_CLIENT_HOST or --host",
    r"Configuration\.proxy": "HTTPS_PROXY",
    r"ssl_ca_cert": "SSL_CERT_FILE",
    # There is no such option: who wants that should have to write a program.
    r", or set allow_insecure_http=True[^.;]*": "",
}
"""What the library's messages advise (a pattern), in the words of the command line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Its arguments, without the name of the program; `None` means those of the process.

    Returns:
        The exit status.

    Raises:
        SystemExit: As argparse has it, after `--help`, `--version` and wrong usage.
    """
    try:
        try:
            arguments = make_parser().parse_args(argv)
            command = show_credits if arguments.command == "credits" else run_sandbox
            return command(arguments)
        finally:
            # A pipe that nobody reads any more shows here, and not after the last line of Python.
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered must go somewhere when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS


def show_credits(arguments: argparse.Namespace) -> int:
    """Carry out `at-client credits`.

    Args:
        arguments: Its arguments.

    Returns:
        The exit status.
    """
    from at_client.exceptions import OpenApiException

    try:
        return _show_credits(arguments)
    except OpenApiException as error:
        return _complain(str(error))


def _show_credits(arguments: argparse.Namespace) -> int:
    from at_client.api.credits_api import CreditsApi
    from at_client.api_client import ApiClient
    from at_client.configuration import Configuration

    chosen = {name: getattr(arguments, name) for name in ("host", "timeout", "retries")}
    settings = {name: value for name, value in chosen.items() if value is not None}
    with contextlib.ExitStack() as opened:
        sandbox = _open_sandbox(opened) if arguments.sandbox else None
        if sandbox is not None:
            # What the environment says of proxies is not for a server on this machine.
            settings |= {"host": sandbox.url, "access_token": sandbox.token, "no_proxy": "*"}
        configuration = Configuration.from_env(debug=arguments.verbose, **settings)
        if not configuration.access_token:
            return _complain(
                "ACCESS_TOKEN is not set. Set it to your access token (export ACCESS_TOKEN=...), "
                "or try at-client credits --sandbox"
            )
        api = CreditsApi(opened.enter_context(ApiClient(configuration)))
        return _fetch_and_show(api.get_credits, arguments, sandbox)


def _open_sandbox(opened: contextlib.ExitStack) -> Sandbox:
    from at_client.sandbox import Sandbox

    return opened.enter_context(Sandbox())


def _fetch_and_show(
    fetch: Callable[[], CreditResponse], arguments: argparse.Namespace, sandbox: Sandbox | None
) -> int:
    """Fetch and show once, or until interrupted with `--watch`."""
    from at_client.exceptions import ApiException

    while True:
        pause = arguments.watch or 0.0
        try:
            credits = fetch()
        except ApiException as error:
            if not arguments.watch or _is_final(error):
                raise
            _complain(str(error))
            pause = max(pause, error.retry_after or 0.0)
        else:
            _show(credits, arguments)
            if sandbox is not None:
                _tell_of(sandbox, arguments)
                sandbox = None  # once is enough
            if arguments.fail_below is not None and credits.remaining < arguments.fail_below:
                _complain(f"{credits.remaining} credits remain, fewer than {arguments.fail_below}")
                return TOO_FEW
            if not arguments.watch:
                return DONE
        time.sleep(pause)


def _is_final(error: ApiException) -> bool:
    """Say whether asking again later is pointless: the request itself was refused."""
    return 400 <= error.status < 500 and error.status not in {408, 429}


def _show(credits: CreditResponse, arguments: argparse.Namespace) -> None:
    from at_client import display

    now = datetime.now(timezone.utc)
    if arguments.format == "json":
        text = credits.to_json()
    elif arguments.format == "prometheus":
        text = display.render_prometheus(credits)
    elif not arguments.watch:
        text = display.render_text(credits, screen_of(sys.stdout))
    elif can_redraw(sys.stdout):
        screen = screen_of(sys.stdout)
        status = f"  {now:%H:%M:%S} UTC, every {arguments.watch:g} s, Ctrl-C ends it"
        painted = screen.paint(status, display.DIM)
        text = f"{display.CLEAR}{display.render_text(credits, screen)}\n\n{painted}"
    else:
        text = display.render_line(credits, now)
    print(text, flush=True)


def _tell_of(sandbox: Sandbox, arguments: argparse.Namespace) -> None:
    # Only text is read by people; other formats stay what they are.
    stream = sys.stdout if arguments.format == "text" and not arguments.watch else sys.stderr
    answered = sandbox.requests[-1]
    print(
        f"\n  From a sandbox on this machine, over a real socket; not your credits:"
        f"\n  {answered.method} {sandbox.url}{answered.path} {answered.status}",
        file=stream,
    )


def can_redraw(stream: TextIO) -> bool:
    """Say whether a stream is a terminal that knows escape sequences.

    Args:
        stream: The stream.
    """
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def screen_of(stream: TextIO) -> Screen:
    """Find out what a stream can show; `NO_COLOR` is honoured (no-color.org).

    Args:
        stream: The stream.
    """
    from at_client.display import Screen

    try:
        "█░".encode(stream.encoding or "ascii")
        blocks = True
    except (UnicodeEncodeError, LookupError):
        blocks = False
    return Screen(
        width=shutil.get_terminal_size().columns,
        colour=can_redraw(stream) and not os.environ.get("NO_COLOR"),
        blocks=blocks,
    )


def run_sandbox(arguments: argparse.Namespace) -> int:
    """Carry out `at-client sandbox`, until interrupted.

    Args:
        arguments: Its arguments.

    Returns:
        The exit status.
    """
    from at_client.sandbox import Sandbox

    port, total, used = arguments.port, arguments.total, arguments.used
    try:
        sandbox = Sandbox(port, total=total, used=used, on_request=_log)
    except ValueError as error:
        return _complain(str(error))
    sandbox.account.token = arguments.token or sandbox.token
    try:
        sandbox.start()
    except (OSError, OverflowError) as error:
        return _complain(f"cannot open port {port}: {error}. Choose another one with --port")
    with contextlib.closing(sandbox):
        print("# The sandbox is running, until Ctrl-C. To point a client at it:")
        print(f"export AT_CLIENT_HOST={sandbox.url}")
        print(f"export ACCESS_TOKEN={shlex.quote(sandbox.token)}", flush=True)
        while True:
            time.sleep(3600)


def _log(request: Request) -> None:
    from at_client.display import printable

    with contextlib.suppress(OSError):  # the sandbox answers, whether its log is read or not
        print(f"{request.time.astimezone():%H:%M:%S} {printable(str(request))}", file=sys.stderr)


def _complain(message: str) -> int:
    from at_client.display import printable

    for theirs, ours in OUR_WORDS.items():
        message = re.sub(theirs, ours, message)
    print(f"at-client: {printable(message)}", file=sys.stderr)
    return FAILED
