"""The command line shows credits in every form, says what is wrong, and ends well."""

import contextlib
import errno
import fcntl
import io
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from at_client import __version__, cli
from at_client.sandbox import Fault, Sandbox
from support.facts import TOKEN
from support.pages import PROJECT

MonkeyPatch = pytest.MonkeyPatch
PROGRAM = [sys.executable, "-m", "at_client"]
NOTE = "Made-up credits from a sandbox on this machine; not your credits\n"
NOWHERE = "http://127.0.0.1:9"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LINE = f"{TIME} total=1000 used=250 remaining=750"
USUAL_SCREEN = r"\x1b\[\?1049lAgent .*\n\n.*\n\n( .*\n){3}\n  Resets .*\n"
"""What is left of a watch on the terminal, whose other screen it has used."""

CANNOT_RUN = f"at-client: cannot run /no/such: {os.strerror(errno.ENOENT)}\n"


class Ended(NamedTuple):
    """How the command line ended."""

    status: int
    out: str
    err: str


Call = Callable[[str], Ended]


def rows(**named: tuple[Any, ...]) -> list[Any]:
    """Return the rows of a table, each with the name that says what is tried."""
    return [pytest.param(*row, id=name) for name, row in named.items()]


@pytest.fixture
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


@contextlib.contextmanager
def running(*arguments: str, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Run the command line as a process of its own."""
    pipes = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    # A child inherits an ignored SIGINT, such as that of a test run in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*PROGRAM, *arguments], **pipes | options)
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


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


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """The end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


class Terminal:
    """A pseudo-terminal with a command on it; `shown` is all that it has been sent."""

    def __init__(self, near: int, process: "subprocess.Popen[str]") -> None:
        self._near = near
        self._process = process
        self.shown = ""

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, size)

    def read(self, until: str) -> None:
        """Read until a pattern is found in what is new."""
        start = len(self.shown)
        while not re.search(until, self.shown[start:]):
            self._receive()

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, read what is left, and return the exit status."""
        self._process.send_signal(number)
        with contextlib.suppress(OSError):  # the end, on Linux
            while True:
                self._receive()
        return self._process.wait(10)

    def _receive(self) -> None:
        received = os.read(self._near, 65536).decode()
        self.shown += received.replace("\r\n", "\n")


@contextlib.contextmanager
def on_terminal(*arguments: str, **variables: str) -> Iterator[Terminal]:
    """Run the command line on a pseudo-terminal, which gives no size of its own."""
    near, far = pty.openpty()
    environment = {**os.environ, "COLUMNS": "", "TERM": "xterm", **variables}
    streams = {
        "stdin": far,
        "stdout": far,
        "stderr": far,
    }
    with (
        os.fdopen(near, "rb", buffering=0),
        running(*arguments, env=environment, **streams) as process,
    ):
        os.close(far)
        yield Terminal(near, process)


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
    status, out, err = run(f"PYTHONIOENCODING={encoding} $AT credits")
    assert status == 0
    assert err == ""
    assert re.fullmatch(
        rf"Agent Toolkit credits, {plan} plan\n\n  {bar}  25 % used\n\n"
        r"  Total .*\n  Used .*\n  Remaining    750\n\n  Resets .*\n",
        out,
    )


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
    monkeypatch.setenv("AT_CLIENT_HOST", NOWHERE)
    status, out, err = call(f"credits --sandbox --format {form}")
    assert status == 0
    assert err == NOTE
    assert re.search(f"^{line}$", out, re.MULTILINE)


@pytest.mark.usefixtures("account")
def test_fail_below(call: Call) -> None:
    """`--fail-below N` shows the credits, and exits with 3 if fewer remain."""
    assert call("credits --fail-below 750").status == 0
    status, out, err = call("credits --fail-below 751")
    assert status == 3
    assert err == "at-client: 750 credits, fewer than 751\n"
    assert "Remaining    750" in out


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
        wrong_path=(Fault(404), 1, r"--host \(AT_CLIENT"),
        dropped=(Fault(drop=True, times=None), 5, r"127\.0\.0\.1"),
        slow=(Fault(delay=30), 5, "with --timeout"),
        rate_limit=(Fault(429, retry_after=3600), 1, "3600 s"),
        not_credits=(Fault(body={"used": 1}), 1, "total"),
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
    assert ended.status == status
    assert ended.out == ""
    assert re.fullmatch(rf"at-client: [ -~…]*{message}[ -~…]*\n", ended.err)
    assert "Configuration" not in ended.err
    assert account.token not in ended.err


@pytest.mark.parametrize(
    ("token", "options", "message"),
    rows(
        no_token=("", "", "Set ACCESS_TOKEN, use --token-file, or try --sandbox"),
        quoted_token=(f'"{TOKEN}"', "", "the access token must be"),
        no_file=(TOKEN, "--token-file /no/such", "cannot read the token: .*No such"),
        empty_file=(TOKEN, "--token-file /dev/null", "there is no access token"),
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
    status, out, err = call(f"credits {options}")
    assert status == 2
    assert out == ""
    assert not account.requests
    assert re.fullmatch(f"at-client: .*{message}.*\n", err)
    assert "allow_insecure_http" not in err
    assert TOKEN not in err


@pytest.mark.usefixtures("short_waits")
def test_options_are_used(
    account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--host` takes precedence, and `--verbose` logs each of the `--retries`."""
    account.fail(503, times=None)
    monkeypatch.setenv("AT_CLIENT_HOST", NOWHERE)
    status, out, err = call(f"credits --retries 1 --host {account.url} --verbose")
    assert status == 1
    assert out == ""
    assert len(account.requests) == 2
    assert re.fullmatch("(.*GET .* 503 .*\n){2}at-client: 503 .*\n", err)
    assert account.token not in err


@pytest.mark.usefixtures("account")
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
    status, out, err = call(f"credits --watch 7.5 --format {form}")
    assert re.fullmatch(f"({line}\n){{4}}", out)
    assert status == 130
    assert err == ""
    assert naps == [7.5] * 4


def test_watch_outlives_trouble(
    account: Sandbox, naps: list[float], call: Call
) -> None:
    """What may pass is told, and waited for as long as the service asks."""
    account.answer(account.account.to_dict())
    account.fail(503)
    account.fail(429, retry_after=90)
    account.fail(429, retry_after=10**12)
    status, out, err = call("credits --watch 5 --retries 0")
    assert status == 130
    assert naps == [5, 5, 90, 3600]
    assert re.fullmatch(LINE + "\n", out)
    assert re.fullmatch("at-client: 503 .*\n(at-client: 429 .*\n){2}", err)


def test_watch_until_too_few(
    account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--fail-below` ends a watch with 3 as soon as fewer credits remain."""

    def spend(_seconds: float) -> None:
        account.account.spend(300)

    monkeypatch.setattr("at_client.cli.time.sleep", spend)
    status, out, err = call("credits --watch 1 --fail-below 200")
    assert status == 3
    assert err == "at-client: 150 credits, fewer than 200\n"
    assert re.findall(r"remaining=(\d+)", out) == ["750", "450", "150"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("variables", "bar"),
    rows(
        xterm=({}, "\x1b[32m██████████\x1b[0m░"),
        no_color=({"NO_COLOR": "1"}, "██████████░"),
        dumb=({"TERM": "dumb"}, "██████████░"),
    ),
)
def test_terminal_has_colours(variables: dict[str, str], bar: str) -> None:
    """A bar on a terminal has its colour where that is wanted."""
    with on_terminal("credits", **variables) as terminal:
        terminal.read("Resets")
    assert f"\n  {bar}" in terminal.shown


def test_watch_redraws(account: Sandbox) -> None:
    """A watch redraws the credits, with what goes wrong below the last good ones."""
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        terminal.read(r"\x1b\[H\x1b\[JAgent Toolkit credits, free plan\n")
        terminal.read(r"  Resets .*\n  As of [\d:]{8} UTC; Ctrl-C ends it\n")
        account.account.spend(50)
        terminal.read("  Remaining    700\n")
        account.fail(429, retry_after=0)
        terminal.read(r"  Remaining    700\n\n  Resets .*\n  429 Too Many Requests")
        terminal.read("  Remaining    700\n\n  Resets .*\n  As of")
        assert terminal.end() == 130
    assert re.search(f"{USUAL_SCREEN}$", terminal.shown)


def test_watch_ends_with_the_failure(account: Sandbox) -> None:
    """What ends a watch is told on the usual screen, below the last state."""
    with on_terminal("credits", "--watch", "0.05") as terminal:
        terminal.read("As of")
        account.fail(403)
        assert terminal.end(0) == 4
    assert re.search(f"{USUAL_SCREEN}at-client: 403 .*\n$", terminal.shown)


def test_watch_follows_the_window() -> None:
    """A watch fits the width of the window as it is now."""
    with on_terminal("credits", "--watch", "0.05", "--sandbox") as terminal:
        terminal.read("█{10}.*░{30}.*  25 % used")
        terminal.resize(40, 24)
        terminal.read("  .*█{7}.*░{20}.*  25 % used")


def test_watch_that_does_not_begin(account: Sandbox) -> None:
    """A watch whose first call fails ends, and leaves the screen as it is."""
    account.fail(503)
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        assert terminal.end(0) == 1
    assert re.fullmatch("at-client: 503 .*\n", terminal.shown)


@pytest.mark.usefixtures("account")
def test_watch_with_a_log() -> None:
    """With `--verbose`, a watch prints lines between those of the log."""
    with on_terminal("credits", "--watch", "0.05", "--verbose") as terminal:
        terminal.read(f"(.*GET .*200.*\n{LINE}\n){{2}}")
        assert terminal.end() == 130
    assert "\x1b" not in terminal.shown


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
    rows(
        credits=("credits",),
        watch=("credits --watch 0.01",),
        sandbox=("sandbox",),
    ),
)


@pytest.mark.usefixtures("account")
@PROGRAMS
def test_full_disk(arguments: str) -> None:
    """A full disk is told in one line."""
    message = f"at-client: cannot write: {os.strerror(errno.ENOSPC)}\n"
    assert run(f"$AT {arguments} >/dev/full") == (1, "", message)


@pytest.mark.usefixtures("account")
@PROGRAMS
def test_reader_has_gone(arguments: str, broken_pipe: int) -> None:
    """A reader that has gone ends it quietly with 141."""
    assert run(f"$AT {arguments}", stdout=broken_pipe) == (141, None, "")


def test_closed_stdout() -> None:
    """A closed stdout is told in one line."""
    message = "at-client: cannot write: stdout is closed\n"
    assert run("$AT credits --sandbox >&-") == (1, "", message)


@pytest.mark.usefixtures("account")
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


@pytest.mark.usefixtures("account")
def test_without_stderr_in_python(monkeypatch: MonkeyPatch, call: Call) -> None:
    """`main` does without a stderr, as under pythonw."""
    monkeypatch.setattr("sys.stderr", None)
    assert call("credits --fail-below 751 --format json").status == 3
    sys.stderr.close()


@pytest.mark.usefixtures("account")
def test_output_that_is_no_stream_of_bytes(monkeypatch: MonkeyPatch) -> None:
    """`main` writes to whatever stands in for stdout, as in a notebook."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert cli.main(["credits"]) == 0
    assert "░  25 % used" in sys.stdout.getvalue()


def test_sandbox_in_the_foreground() -> None:
    """It prints lines for a shell, answers, logs to stderr, and ends on Ctrl-C."""
    options = ("--total", "100", "--used", "90", "--token", f"{TOKEN}$HOME")
    with running("sandbox", *options) as process:
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
    message = "cannot start the sandbox: used must be from 0 to 100, not 200"
    ended = call("sandbox --total 100 --used 200")
    assert ended == (2, "", f"at-client: {message}\n")


@pytest.mark.parametrize(
    ("command", "ended"),
    rows(
        exits=("/bin/sh -c 'echo $1 $2; exit 7' x -- -q", Ended(7, "-- -q\n", "")),
        is_killed=("/bin/sh -c 'kill -9 $$'", Ended(128 + 9, "", "")),
        does_not_exist=("/no/such", Ended(127, "", CANNOT_RUN)),
    ),
)
def test_sandbox_runs_a_command(command: str, ended: Ended) -> None:
    """A command gets its arguments untouched, and its status is that of the whole."""
    assert run(f"$AT sandbox -- {command}") == ended


@pytest.mark.parametrize(
    ("command", "number", "status"),
    rows(
        closed_terminal=(["sandbox"], signal.SIGHUP, 129),
        terminated=(["credits", "--sandbox", "--watch", "1"], signal.SIGTERM, 143),
    ),
)
def test_signals_end_it(command: list[str], number: int, status: int) -> None:
    """A signal ends it by a handler, so that it also works as process 1."""
    with running(*command) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == status


@pytest.mark.parametrize(
    ("number", "status"),
    rows(closed_terminal=(signal.SIGHUP, 129), terminated=(signal.SIGTERM, 143)),
)
def test_signal_ends_the_command_of_a_sandbox(number: int, status: int) -> None:
    """A signal that ends `sandbox -- COMMAND` terminates the command as well."""
    script = "trap 'echo done; exit' TERM; echo ready; while :; do sleep 0.05; done"
    with running("sandbox", "--", "/bin/sh", "-c", script) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("done\n", "")
        assert process.returncode == status


def test_nohup_holds() -> None:
    """SIGHUP is no end for a sandbox that `nohup` has started."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with running("sandbox") as process:
        signal.signal(signal.SIGHUP, before)
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        process.terminate()
        assert process.wait(10) == 143


def test_ctrl_c_is_for_the_command() -> None:
    """Ctrl-C reaches the command of a sandbox, which decides how to end."""
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    command = ("sandbox", "--", "/bin/sh", "-c", script)
    # A group of their own, as a shell would give them.
    with running(*command, start_new_session=True) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=10) == ("caught\n", "")
        assert process.returncode == 5


def test_handlers_of_others_stay(call: Call) -> None:
    """Called from Python with arguments, `main` leaves the handlers of the process."""
    call("credits --sandbox")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("arguments", "message"),
    rows(
        bare=("", "the following arguments are required: COMMAND"),
        command=("credts", "invalid choice: 'credts' (choose from"),
        option=("credits --wach 5", "unknown argument --wach; did you mean --watch?"),
        abbreviation=(
            "credits --form json",
            "unknown argument --form; did you mean --format?",
        ),
        unlike_any_option=("credits quux", "unknown argument quux\n"),
        no_number=(
            "credits --watch abc",
            "--watch: must be a number of seconds above 0, not 'abc'",
        ),
        too_long=(
            "credits --timeout inf",
            "--timeout: must be a number of seconds above 0, not 'inf'",
        ),
        contradiction=(
            "credits --sandbox --host http://x",
            "--host: not allowed with argument --sandbox",
        ),
    ),
)
def test_wrong_usage(arguments: str, message: str, call: Call) -> None:
    """Wrong usage exits with 2, a short usage, and what was meant."""
    status, out, err = call(arguments)
    assert status == 2
    assert out == ""
    assert re.fullmatch(r"usage: at-client.* \[-h\] .*\nat-client.*: error: .*\n", err)
    assert message in err


@pytest.mark.parametrize(
    ("command", "opening", "rows"),
    rows(
        main=("", "Show how many Agent Toolkit credits are left.", 24),
        credits=("credits", "Show how many Agent Toolkit credits are left.", 50),
        sandbox=("sandbox", "Run a copy of the credits API on this machine,", 50),
    ),
)
def test_help(command: str, opening: str, rows: int, call: Call) -> None:
    """Help opens with the purpose, fits a screen, and its examples can be parsed."""
    out = call(f"{command} --help").out
    lines = out.splitlines()
    assert out.startswith(opening)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= rows

    examples = re.findall(r"^  at-client (.*?)(?: +[#|>&].*)?$", out, re.MULTILINE)
    assert len(examples) >= 3
    for example in examples:
        cli.make_parser().parse_args(example.split())


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


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str, call: Call) -> None:
    """The version can be asked for."""
    assert call(option) == (0, f"at-client {__version__}\n", "")


def test_completion_in_bash(tmp_path: Path) -> None:
    """What shtab writes for bash completes options."""
    shtab = pytest.importorskip("shtab")
    script = tmp_path / "at-client"
    script.write_text(shtab.complete(cli.make_parser(), "bash"))

    ask = (
        f"source {script}; COMP_WORDS=(at-client credits --fa); COMP_CWORD=2; "
        '_shtab_at_client at-client --fa credits; echo "${COMPREPLY[@]}"'
    )
    command = ["/bin/bash", "-c", ask]
    assert subprocess.check_output(command) == b"--fail-below\n"
