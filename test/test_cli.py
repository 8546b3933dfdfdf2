"""The command line shows credits in every form, says what is wrong, and ends well."""

import contextlib
import errno
import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from at_client import __version__, cli
from at_client.sandbox import Fault, Sandbox
from support.facts import TOKEN
from support.makers import MonkeyPatch
from support.pages import PROJECT

PROGRAM = [sys.executable, "-m", "at_client"]
NOTE = "Made-up credits from a sandbox on this machine; not your credits\n"
NOWHERE = "http://127.0.0.1:9"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LINE = f"{TIME} total=1000 used=250 remaining=750"
SCREEN = r"\x1b\[\?1049h"
REDRAWN = r"\x1b\[H\x1b\[J"
USUAL_SCREEN = r"\x1b\[\?1049l"


class Ended(NamedTuple):
    """How the command line ended."""

    status: int
    out: str
    err: str = ""


Call = Callable[[str], Ended]


def check(ended: Ended, status: int, out: str = "", err: str = "") -> None:
    """Compare how the command line ended with a status and two patterns."""
    assert ended.status == status
    assert re.fullmatch(out, ended.out)
    assert re.fullmatch(err, ended.err)


def rows(**named: tuple[Any, ...]) -> list[Any]:
    """Return the rows of a table, each with the name that says what is tried."""
    return [pytest.param(*row, id=name) for name, row in named.items()]


@pytest.fixture(autouse=True)
def usual_interrupts() -> Iterator[None]:
    """Let Ctrl-C reach children, which ignore it if tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def account(sandbox: Sandbox, monkeypatch: MonkeyPatch) -> Sandbox:
    """A sandbox that the environment points to."""
    monkeypatch.setenv("AT_CLIENT_HOST", sandbox.url)
    monkeypatch.setenv("ACCESS_TOKEN", sandbox.token)
    return sandbox


@pytest.fixture
def naps(monkeypatch: MonkeyPatch) -> list[float]:
    """The pauses that are made; the fourth is interrupted, as by Ctrl-C."""
    taken: list[float] = []

    def nap(seconds: float) -> None:
        taken.append(seconds)
        if len(taken) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("at_client.cli.time.sleep", nap)
    return taken


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process."""

    def main(arguments: str) -> Ended:
        try:
            status = cli.main(shlex.split(arguments))
        except SystemExit as ended:
            status = int(ended.code or 0)
        return Ended(status, *capsys.readouterr())

    return main


def run(command: str, **streams: int) -> Ended:
    """Run a line of shell in which `$AT` is the command line."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        check=False,
        encoding="utf-8",
        env={**os.environ, "AT": shlex.join(PROGRAM)},
        timeout=30,
        **pipes | streams,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def running(arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command line until it is ended."""
    command = [*PROGRAM, *shlex.split(arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def show(arguments: str, **variables: str) -> Ended:
    """Run the command line on a terminal that does not know its size."""
    environment = {**os.environ, "COLUMNS": "", "TERM": "xterm", **variables}
    near, far = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *shlex.split(arguments)],
        stdin=far,
        stdout=far,
        stderr=far,
        env=environment,
    )
    os.close(far)

    shown = b""
    with os.fdopen(near, "rb", 0) as terminal, contextlib.suppress(OSError):
        while part := terminal.read(65536):  # raises at the end, on Linux
            shown += part
    return Ended(process.wait(10), shown.decode().replace("\r\n", "\n"))


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """The end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize(
    ("encoding", "plan", "bar"),
    rows(
        utf_8=("utf-8", "größer", "█{10}░{30}"),
        ascii=("ascii", r"gr\?\?er", "#{10}-{30}"),
    ),
)
def test_credits_as_text(encoding: str, plan: str, bar: str, account: Sandbox) -> None:
    """The default is plan, bar, numbers and reset, in what the pipe can carry."""
    account.account.plan_tier = "größer"
    ended = run(f"PYTHONIOENCODING={encoding} $AT credits")
    text = (
        rf"Agent Toolkit credits, {plan} plan\n\n  {bar}  25 % used\n\n"
        r"  Total .*\n  Used .*\n  Remaining    750\n\n  Resets .*\n"
    )
    check(ended, 0, text)


@pytest.mark.parametrize(
    ("form", "line"),
    rows(
        text=("text", "  Remaining    750"),
        json=("json", r'{"total_credits": 1000, .*"plan_tier": "free"}'),
        prometheus=("prometheus", 'agent_toolkit_credits_remaining{plan="free"} 750'),
    ),
)
def test_made_up_credits(
    form: str, line: str, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--sandbox` needs no token, ignores the host, and says what it is."""
    monkeypatch.delenv("ACCESS_TOKEN")
    monkeypatch.setenv("AT_CLIENT_HOST", NOWHERE)
    ended = call(f"credits --sandbox --format {form}")
    check(ended, 0, rf"(.*\n)*{line}\n(.*\n)*", NOTE)


def test_fail_below(call: Call) -> None:
    """`--fail-below N` shows the credits, and exits with 3 if fewer remain."""
    message = "at-client: 750 credits, fewer than 751\n"
    text = r"(?s).*Remaining    750\n.*"
    check(call("credits --fail-below 750"), 0, text)
    check(call("credits --fail-below 751"), 3, text, message)


def test_token_from_a_file(account: Sandbox, tmp_path: Path, call: Call) -> None:
    """White space and byte-order mark of a token file are left out."""
    file = tmp_path / "token"
    file.write_text(f"\ufeff{account.token}\r\n", "utf-8")
    assert call(f"credits --token-file {file}").status == 0


def test_token_from_stdin(account: Sandbox) -> None:
    """`--token-file -` reads the token from stdin, whatever the environment has."""
    command = "ACCESS_TOKEN=another $AT credits --token-file -"
    assert run(f"echo {account.token} | {command}").status == 0


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    rows(
        rejected_token=(Fault(401), 4, "401 Unauthorized"),
        forbidden=(Fault(403), 4, "403 Forbidden"),
        wrong_path=(Fault(404), 1, r"--host \(AT_CLIENT"),
        dropped=(Fault(drop=True, times=None), 5, r"127\.0\.0\.1"),
        slow=(Fault(delay=30), 5, "with --timeout"),
        escapes=(Fault(400, {"detail": "a\x1b[2J\nb"}), 1, "400 Bad Request"),
    ),
)
def test_failures_are_one_line(
    fault: Fault,
    status: int,
    message: str,
    account: Sandbox,
    call: Call,
) -> None:
    """A call that fails ends in time, and the message names options, not settings."""
    account.script(fault)
    ended = call("credits --retries 0 --timeout 1")
    check(ended, status, err=rf"at-client: [ -~…]*{message}[ -~…]*\n")
    assert "Configuration" not in ended.err


@pytest.mark.parametrize(
    ("token", "options", "message"),
    rows(
        no_token=("", "", "Set ACCESS_TOKEN, use --token-file, or try --sandbox"),
        quoted_token=(f'"{TOKEN}"', "", "the access token must be"),
        no_file=(TOKEN, "--token-file /no/such", "cannot read the token: .*No such"),
        binary_file=(TOKEN, "--token-file /bin/sh", "cannot read the token: .*utf-8"),
        host_is_no_url=(TOKEN, "--host nonsense", "--host"),
        host_over_http=(TOKEN, "--host http://credits.example", "use https"),
        retries_below_0=(TOKEN, "--retries -1", "--retries must be 0"),
    ),
)
def test_wrong_settings(
    token: str,
    options: str,
    message: str,
    account: Sandbox,
    monkeypatch: MonkeyPatch,
    call: Call,
) -> None:
    """What cannot work is not sent, exits with 2, and names options, not the token."""
    monkeypatch.setenv("ACCESS_TOKEN", token)
    ended = call(f"credits {options}")
    check(ended, 2, err=f"at-client: .*{message}.*\n")
    assert "allow_insecure_http" not in ended.err
    assert TOKEN not in ended.err
    assert not account.requests


@pytest.mark.usefixtures("short_waits")
def test_options_are_used(
    account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--host` takes precedence, and `--verbose` logs each of the `--retries`."""
    account.fail(503, times=None)
    monkeypatch.setenv("AT_CLIENT_HOST", NOWHERE)
    ended = call(f"credits --retries 1 --host {account.url} --verbose")
    check(ended, 1, err="(.*GET .* 503 .*\n){2}at-client: 503 .*\n")
    assert account.token not in ended.err


@pytest.mark.parametrize(
    ("form", "line"),
    rows(
        text=("text", LINE),
        json=("json", rf'{{.*_credits": 750.*"time": "{TIME}"}}'),
        prometheus=("prometheus", r"(.*\n){11}.*"),
    ),
)
def test_watch_in_a_pipe(form: str, line: str, naps: list[float], call: Call) -> None:
    """Each time has its line, JSON with the time; Ctrl-C ends it quietly with 130."""
    check(call(f"credits --watch 7.5 --format {form}"), 130, f"({line}\n){{4}}")
    assert naps == [7.5] * 4


def test_watch_outlives_trouble(
    account: Sandbox, naps: list[float], call: Call
) -> None:
    """What may pass is told, and waited for as long as the service asks."""
    account.delay(0)
    account.fail(503)
    account.fail(429, retry_after=90)
    account.fail(429, retry_after=10**12)
    messages = "at-client: 503 .*\n(at-client: 429 .*\n){2}"
    check(call("credits --watch 5 --retries 0"), 130, LINE + "\n", messages)
    assert naps == [5, 5, 90, 3600]


def test_watch_until_too_few(
    account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--fail-below` ends a watch with 3 as soon as fewer credits remain."""

    def spend(_seconds: float) -> None:
        account.account.spend(300)

    monkeypatch.setattr("at_client.cli.time.sleep", spend)
    ended = call("credits --watch 1 --fail-below 200")
    lines = ".*remaining=750\n.*remaining=450\n.*remaining=150\n"
    check(ended, 3, lines, "at-client: 150 credits, fewer than 200\n")


@pytest.mark.parametrize(
    ("variables", "bar"),
    rows(
        xterm=({}, r"\x1b\[32m█{10}\x1b\[0m░{30}"),
        no_color=({"NO_COLOR": "1"}, "█{10}░{30}"),
        dumb=({"TERM": "dumb"}, "█{10}░{30}"),
        narrow=({"COLUMNS": "40", "NO_COLOR": "1"}, "█{7}░{20}"),
    ),
)
def test_bar_on_a_terminal(variables: dict[str, str], bar: str) -> None:
    """A bar on a terminal fits it, and has its colour where that is wanted."""
    text = rf"(?s)Agent .*\n  {bar}  25 % used\n.*Resets.*\n"
    check(show("credits", **variables), 0, text)


def test_watch_redraws(account: Sandbox) -> None:
    """A watch redraws credits, with trouble below, and leaves the last when it ends."""
    account.delay(0)
    account.fail(429, retry_after=0)
    account.answer({**account.account.to_dict(), "remaining_credits": 700})
    account.fail(403)
    ended = show("credits --watch 0.05 --retries 0")
    pictures = (
        rf"(?s){SCREEN}"
        rf"{REDRAWN}Agent .* 750\n\n  Resets [^\n]*\n  As of [^\n]*; Ctrl-C ends it\n"
        rf"{REDRAWN}Agent .* 750\n\n  Resets [^\n]*\n  429 Too Many Requests.*\n"
        rf"{REDRAWN}Agent .* 700\n\n  Resets [^\n]*\n  As of .*\n"
        rf"{USUAL_SCREEN}Agent .* 700\n\n  Resets [^\n]*\nat-client: 403 [^\n]*\n"
    )
    check(ended, 4, pictures)


def test_watch_that_does_not_begin(account: Sandbox) -> None:
    """A watch whose first call fails ends, and leaves the screen as it is."""
    account.fail(503)
    check(show("credits --watch 0.05 --retries 0"), 1, "at-client: 503 .*\n")


def test_watch_with_a_log(account: Sandbox) -> None:
    """With `--verbose`, a watch prints lines between those of the log."""
    account.delay(0, times=2)
    account.fail(403)
    lines = rf"(.*GET .* 200 .*\n{LINE}\n){{2}}.*GET .* 403 .*\nat-client: 403 .*\n"
    check(show("credits --watch 0.05 --verbose"), 4, lines)


def test_interrupt_is_quiet(account: Sandbox) -> None:
    """Ctrl-C while a call waits exits with 130, and says nothing."""
    account.delay(60)
    with running("credits") as process:
        while not account.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 130


PROGRAMS = pytest.mark.parametrize(
    "arguments",
    [
        "credits",
        "credits --watch 0.01",
        "sandbox",
    ],
)


@PROGRAMS
def test_full_disk(arguments: str) -> None:
    """A full disk is told in one line."""
    message = f"at-client: cannot write: {os.strerror(errno.ENOSPC)}\n"
    assert run(f"$AT {arguments} >/dev/full") == (1, "", message)


@PROGRAMS
def test_reader_has_gone(arguments: str, broken_pipe: int) -> None:
    """A reader that has gone ends it quietly with 141."""
    assert run(f"$AT {arguments}", stdout=broken_pipe) == (141, None, "")


def test_closed_stdout() -> None:
    """A closed stdout is told in one line."""
    message = "at-client: cannot write: stdout is closed\n"
    assert run("$AT credits --sandbox >&-") == (1, "", message)


@pytest.mark.parametrize(
    ("arguments", "status"),
    rows(
        log_to_closed=("--verbose 2>&-", 0),
        log_to_full=("--verbose 2>/dev/full", 0),
        log_to_broken=("--verbose", 0),
        message_to_closed=("--fail-below 751 2>&-", 3),
    ),
)
def test_no_stderr(arguments: str, status: int, broken_pipe: int) -> None:
    """Messages that nobody can read are dropped, and never go to stdout."""
    ended = run(f"$AT credits --format json {arguments}", stderr=broken_pipe)
    assert ended.status == status
    assert json.loads(ended.out)["remaining_credits"] == 750


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="argparse of Python 3.10 needs its stderr"
)
def test_wrong_usage_without_stderr() -> None:
    """Wrong usage exits with 2, even if nobody can read why."""
    assert run("$AT credits --watch 0 2>/dev/full") == (2, "", "")


def test_without_stderr_in_python(monkeypatch: MonkeyPatch, call: Call) -> None:
    """`main` does without a stderr, as under pythonw."""
    monkeypatch.setattr("sys.stderr", None)
    assert call("credits --fail-below 751 --format json").status == 3
    sys.stderr.close()


def test_output_that_is_no_stream_of_bytes(monkeypatch: MonkeyPatch) -> None:
    """`main` writes to whatever stands in for stdout, as in a notebook."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert cli.main(["credits"]) == 0
    assert "░  25 % used" in sys.stdout.getvalue()


def test_sandbox_in_the_foreground() -> None:
    """It prints lines for a shell, answers, logs to stderr, and ends on Ctrl-C."""
    with running(f"sandbox --total 100 --used 90 --token '{TOKEN}$HOME'") as process:
        exports = "".join(process.stdout.readline() for _ in range(3))
        assert "Remaining   10" in run(f"{exports} $AT credits").out

        logged = process.stderr.readline()
        assert re.fullmatch(r"[\d:]{8} GET /api/v1/credits 200\n", logged)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 130


def test_sandbox_has_a_quarter_used() -> None:
    """`--total` alone is enough; the command finds the sandbox by its environment."""
    out = run("$AT sandbox --total 100 -- $AT credits").out
    assert "Used        25" in out


def test_port_that_is_taken(sandbox: Sandbox, call: Call) -> None:
    """A port that cannot be opened is told in one line."""
    port = sandbox.url.rpartition(":")[2]
    message = f"cannot open port {port}: {os.strerror(errno.EADDRINUSE)}"
    assert call(f"sandbox --port {port}") == (1, "", f"at-client: {message}\n")


def test_numbers_that_cannot_be(call: Call) -> None:
    """Credits that cannot be are told in one line."""
    message = "at-client: cannot start the sandbox: used must be from 0 to 1, not 2\n"
    assert call("sandbox --total 1 --used 2") == (2, "", message)


ENDLESS = "while :; do sleep 0.05; done"
"""What a shell does until a signal ends it, in the command of a sandbox."""

NO_SUCH_FILE = f"at-client: cannot run /no/such: {os.strerror(errno.ENOENT)}\n"


@pytest.mark.parametrize(
    ("command", "ended"),
    rows(
        exits=("sh -c 'echo $1 $2; exit 7' x -- -q", Ended(7, "-- -q\n")),
        is_killed=("sh -c 'kill -9 $$'", Ended(128 + 9, "")),
        does_not_exist=("/no/such", Ended(127, "", NO_SUCH_FILE)),
        closed_terminal=(
            f"sh -c 'trap \"echo bye; exit\" TERM; kill -HUP $PPID; {ENDLESS}'",
            Ended(129, "bye\n"),
        ),
        terminated=(
            f"sh -c 'trap \"echo bye; exit\" TERM; kill -TERM $PPID; {ENDLESS}'",
            Ended(143, "bye\n"),
        ),
        ctrl_c=(
            f"sh -c 'trap \"exit 5\" INT; kill -INT $PPID $$; {ENDLESS}'",
            Ended(5, ""),
        ),
    ),
)
def test_sandbox_runs_a_command(command: str, ended: Ended) -> None:
    """A command gets its arguments and Ctrl-C, and its status is that of the whole.

    What ends the sandbox ends the command as well.
    """
    assert run(f"$AT sandbox -- {command}") == ended


def test_nohup_holds() -> None:
    """SIGHUP is no end for a sandbox that `nohup` has started."""
    command = "sh -c 'kill -HUP $PPID; sleep 0.3; exit 7'"
    assert run(f"trap '' HUP; $AT sandbox -- {command}").status == 7


@pytest.mark.parametrize(
    ("arguments", "number", "status"),
    rows(
        closed_terminal=("sandbox", signal.SIGHUP, 129),
        terminated=("credits --sandbox --watch 1", signal.SIGTERM, 143),
    ),
)
def test_signals_end_it(arguments: str, number: int, status: int) -> None:
    """A signal ends it by a handler, so that it also works as process 1."""
    with running(arguments) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == status


def test_handlers_of_others_stay(call: Call) -> None:
    """Called from Python with arguments, `main` leaves the handlers of the process."""
    call("credits --sandbox")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("arguments", "message"),
    rows(
        bare=("", "the following arguments are required: COMMAND"),
        command=("credts", r"argument COMMAND: invalid choice: 'credts' .*"),
        option=(
            "credits --wach 5",
            r"unknown argument --wach; did you mean --watch\?",
        ),
        abbreviation=(
            "credits --form json",
            r"unknown argument --form; did you mean --format\?",
        ),
        unlike_any_option=("credits quux", "unknown argument quux"),
        no_number=(
            "credits --watch abc",
            "argument --watch: must be a number of seconds above 0, not 'abc'",
        ),
        too_long=(
            "credits --timeout inf",
            "argument --timeout: must be a number of seconds above 0, not 'inf'",
        ),
        contradiction=(
            "credits --sandbox --host http://x",
            "argument --host: not allowed with argument --sandbox",
        ),
    ),
)
def test_wrong_usage(arguments: str, message: str, call: Call) -> None:
    """Wrong usage exits with 2, a short usage, and what is wrong."""
    usage = r"usage: at-client.* \[-h\] .*\nat-client.*: error: "
    check(call(arguments), 2, err=f"{usage}{message}\n")


@pytest.mark.parametrize(
    ("command", "opening"),
    rows(
        main=("", "Show how many Agent Toolkit credits are left."),
        credits=("credits", "Show how many Agent Toolkit credits are left."),
        sandbox=("sandbox", "Run a copy of the credits API on this machine,"),
    ),
)
def test_help(command: str, opening: str, call: Call) -> None:
    """Help opens with the purpose, fits a screen, and its examples can be parsed."""
    out = call(f"{command} --help").out
    assert out.startswith(opening)
    assert max(map(len, out.splitlines())) <= 80

    examples = re.findall(r"(?m)^  at-client (.*?)(?: +[#|>&].*)?$", out)
    assert len(examples) >= 3
    for example in examples:
        cli.make_parser().parse_args(example.split())


def test_list_of_commands_fits_a_screen(call: Call) -> None:
    """The help of the program itself takes no more than 24 rows."""
    assert len(call("--help").out.splitlines()) <= 24


@pytest.mark.parametrize("command", ["credits", "sandbox"])
def test_help_has_every_option(command: str, call: Call) -> None:
    """The options of the help are those of the parser."""
    out = call(f"{command} --help").out
    listed = re.findall(r"(?m)^  --([a-z-]+)", out)
    arguments = cli.make_parser().parse_args([command])
    parsed = set(vars(arguments)) - {"run", "parser", "argv"}
    assert parsed == {option.replace("-", "_") for option in listed}


def test_help_has_every_exit_status(call: Call) -> None:
    """The exit statuses of the page are those of the helps."""
    text = call("credits --help").out + call("sandbox --help").out
    page = (PROJECT / "docs" / "command-line.md").read_text("utf-8")
    listed = set(re.findall(r"  (\d+)  ", text))
    assert listed == set(re.findall(r"(?m)^(\d+) \| ", page))


def test_version(call: Call) -> None:
    """The version can be asked for."""
    assert call("-V") == (0, f"at-client {__version__}\n", "")


def test_completion_in_bash() -> None:
    """What shtab writes for bash completes options."""
    shtab = pytest.importorskip("shtab")
    script = shtab.complete(cli.make_parser(), "bash")
    ask = (
        "COMP_WORDS=(at-client credits --fa); COMP_CWORD=2; "
        '_shtab_at_client at-client --fa credits; echo "${COMPREPLY[@]}"'
    )
    command = ["/bin/bash", "-c", f"{script}\n{ask}"]
    assert subprocess.check_output(command) == b"--fail-below\n"
