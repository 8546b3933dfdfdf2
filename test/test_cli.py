"""The command line shows credits in every form, says in one line what went wrong, and ends well."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from at_client import __version__, cli
from at_client.sandbox import Sandbox
from support.facts import TOKEN
from support.pages import PROJECT, tables

Ended = tuple[int, str, str]
Call = Callable[[str], Ended]
MonkeyPatch = pytest.MonkeyPatch
PROGRAM = [sys.executable, "-m", "at_client"]
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ total=1000 used=%d remaining=%d"


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: MonkeyPatch) -> Sandbox:
    """A sandbox that the environment points to."""
    monkeypatch.setenv("AT_CLIENT_HOST", sandbox.url)
    monkeypatch.setenv("ACCESS_TOKEN", sandbox.token)
    return sandbox


@pytest.fixture
def naps(monkeypatch: MonkeyPatch) -> list[float]:
    """The pauses that the command line makes; the fourth is interrupted, as by Ctrl-C."""
    taken: list[float] = []

    def nap(seconds: float) -> None:
        taken.append(seconds)
        if len(taken) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("at_client.cli.time.sleep", nap)
    return taken


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process; gives its exit status, stdout and stderr."""

    def main(arguments: str) -> Ended:
        try:
            status = cli.main(arguments.split())
        except SystemExit as ended:
            status = int(ended.code or 0)
        return (status, *capsys.readouterr())

    return main


@contextlib.contextmanager
def running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the command line as a process of its own."""
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    } | options
    # A child inherits an ignored SIGINT, such as that of a test run in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*PROGRAM, *arguments], **options)
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, **options: Any) -> Ended:
    with running(*arguments, **options) as process:
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


class Terminal:
    """A pseudo-terminal with a command on it; `shown` is everything that it has been sent."""

    def __init__(self, near: int, process: subprocess.Popen[str]) -> None:
        self._near, self._process, self.shown = near, process, ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(
            self._near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0)
        )

    def read(self, until: str) -> None:
        """Read until a pattern is found in what is new."""
        start, deadline = len(self.shown), time.monotonic() + 20
        while not re.search(until, self.shown[start:]):
            assert time.monotonic() < deadline, self.shown
            if select.select([self._near], [], [], 0.1)[0]:
                self._receive()

    def draw(self) -> list[str]:
        """Return the lines of the next whole picture."""
        self.read(r"(?s)\x1b\[H\x1b\[J.*\x1b\[H\x1b\[J")
        return re.sub(r"\x1b\[\d+m", "", self.shown.split("\x1b[H\x1b[J")[-2]).split(
            "\n"
        )

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, read what is left, and return the exit status."""
        self._process.send_signal(number)
        with contextlib.suppress(OSError):  # the end, on Linux
            while self._receive():
                pass
        return self._process.wait(10)

    def _receive(self) -> bytes:
        received = os.read(self._near, 65536)
        self.shown += received.decode().replace("\r\n", "\n")
        return received


@contextlib.contextmanager
def on_terminal(*arguments: str, **variables: str) -> Iterator[Terminal]:
    """Run the command line on a pseudo-terminal of 80 columns and 24 rows."""
    near, far = pty.openpty()
    environment = (
        {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
        | {"TERM": "xterm"}
        | variables
    )
    with (
        os.fdopen(near, "rb", buffering=0),
        running(
            *arguments, stdin=far, stdout=far, stderr=far, env=environment
        ) as process,
    ):
        os.close(far)
        terminal = Terminal(near, process)
        terminal.resize(80, 24)
        yield terminal


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("encoding", "bar"), [("utf-8", "█{10}░{30}"), ("ascii", "#{10}-{30}")]
)
def test_credits_as_text(encoding: str, bar: str) -> None:
    """Without options, `credits` shows plan, bar, numbers and reset, as plain as the pipe needs it."""
    status, out, err = run("credits", env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (status, err) == (0, "")
    assert re.search(
        rf"free plan\n\n  {bar}  25 % used\n[^\x1b]*\n  Remaining    750\n\n  Resets .*\n$",
        out,
    )


NOTE = "Made-up credits from a sandbox on this machine; not your credits"


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("text", f"  {NOTE}"),
        ("json", r'{"total_credits": 1000, .*, "plan_tier": "free"}'),
        ("prometheus", 'agent_toolkit_credits_remaining{plan="free"} 750'),
    ],
)
def test_sandbox_needs_nothing(
    form: str, line: str, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--sandbox` needs no token, ignores host and proxies, and says that these are not your credits."""
    for name in ("AT_CLIENT_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    status, out, err = call(f"credits --sandbox --format {form}")
    assert re.search(f"^{line}$", out, re.MULTILINE)
    assert (status, err, form == "json") == (
        0,
        "" if form == "text" else f"{NOTE}\n",
        out.count("\n") == 1,
    )


@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (lambda s: s.fail(401), 4, "401 Unauthorized"),
        (lambda s: s.fail(403), 4, "403 Forbidden"),
        (lambda s: s.drop(times=None), 5, "127.0.0.1"),
        (lambda s: s.delay(30, times=None), 5, "127.0.0.1"),
        (lambda s: s.fail(429, retry_after=3600), 1, "3600 s"),
        (lambda s: s.answer({"used": 1}), 1, "total"),
        (lambda s: s.fail(400, body={"detail": "a\x1b[2J\nb"}), 1, "400 Bad Request"),
    ],
)
def test_failures_are_one_line(
    trouble: Callable[[Sandbox], None],
    status: int,
    said: str,
    account: Sandbox,
    call: Call,
) -> None:
    """A failure has its exit status, nothing on stdout, one plain line on stderr, and no secret."""
    trouble(account)
    start = time.monotonic()
    ended, out, err = call("credits --retries 0 --timeout 1")
    assert time.monotonic() - start < 5
    assert (ended, out, err[:11], err[-1], err[:-1].isprintable()) == (
        status,
        "",
        "at-client: ",
        "\n",
        True,
    )
    assert said in err
    assert account.token not in err


@pytest.mark.parametrize(
    ("variable", "value", "options", "said"),
    [
        ("ACCESS_TOKEN", "", "", "ACCESS_TOKEN"),
        ("AT_CLIENT_HOST", "nonsense", "", "host"),
        ("AT_CLIENT_HOST", "http://credits.example", "", "https"),
        ("AT_CLIENT_HOST", "", "--retries -1", "retries"),
    ],
)
def test_wrong_settings(
    variable: str,
    value: str,
    options: str,
    said: str,
    account: Sandbox,
    monkeypatch: MonkeyPatch,
    call: Call,
) -> None:
    """What cannot work exits with 2 and a line that says what is wrong; nothing is sent."""
    monkeypatch.setenv(variable, value)
    status, out, err = call(f"credits {options}")
    assert (status, out, account.requests) == (2, "", [])
    assert re.fullmatch(f"at-client: .*{said}.*\n", err)


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(("options", "attempts"), [("", 3), ("--retries 1", 2)])
def test_options_are_used(
    options: str, attempts: int, account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--host` takes precedence, `--retries` follow the first attempt, `--verbose` logs each of them."""
    account.fail(503, times=None)
    monkeypatch.setenv("AT_CLIENT_HOST", "http://127.0.0.1:9")
    status, out, err = call(f"credits {options} --host {account.url} --verbose")
    assert (status, out, len(account.requests)) == (1, "", attempts)
    assert ["503" in line for line in err.splitlines()] == [True] * (attempts + 1)
    assert account.token not in err


@pytest.mark.parametrize(
    ("limit", "status", "said"),
    [(0, 0, ""), (750, 0, ""), (751, 3, "at-client: 750 credits, fewer than 751\n")],
)
def test_fail_below(
    limit: int, status: int, said: str, account: Sandbox, call: Call
) -> None:
    """`--fail-below N` shows the credits, and exits with 3 when fewer than N remain."""
    ended, out, err = call(f"credits --fail-below {limit}")
    assert (ended, err, len(account.requests)) == (status, said, 1)
    assert "Remaining    750" in out


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("form", "line"),
    [("text", LINE % (250, 750)), ("json", r'{.*"remaining_credits": 750.*}')],
)
def test_watch_in_a_pipe(form: str, line: str, naps: list[float], call: Call) -> None:
    """In a pipe, `--watch` prints a line each time; Ctrl-C ends it quietly with 130."""
    status, out, err = call(f"credits --watch 7.5 --format {form}")
    assert re.fullmatch(f"({line}\n){{4}}", out)
    assert (status, err, naps) == (130, "", [7.5] * 4)


def test_watch_outlives_trouble(
    account: Sandbox, naps: list[float], call: Call
) -> None:
    """A watch goes on after what may pass, waits as long as the service asks, and tells each time."""
    account.answer(account.account.to_dict())
    account.fail(503)
    account.fail(429, retry_after=90)
    account.fail(429, retry_after=10**12)
    status, out, err = call("credits --watch 5 --retries 0")
    assert (status, naps) == (130, [5, 5, 90, 3600])
    assert re.fullmatch(LINE % (250, 750) + "\n", out)
    assert re.fullmatch("at-client: 503 .*\n(at-client: 429 .*\n){2}", err)


@pytest.mark.parametrize(
    ("good", "bad", "status"), [(0, 503, 1), (1, 400, 1), (1, 401, 4)]
)
def test_watch_gives_up(
    good: int, bad: int, status: int, account: Sandbox, naps: list[float], call: Call
) -> None:
    """A watch ends when its first call fails, and when the service refuses the request itself."""
    if good:
        account.answer(account.account.to_dict())
    account.fail(bad)
    ended, _, err = call("credits --watch 5 --retries 0")
    assert (ended, naps) == (status, [5.0] * good)
    assert err.startswith(f"at-client: {bad} ")


def test_watch_until_too_few(
    account: Sandbox, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """A watch with `--fail-below` ends with 3 as soon as fewer remain."""
    monkeypatch.setattr(
        "at_client.cli.time.sleep", lambda _: account.account.spend(300)
    )
    status, out, err = call("credits --watch 1 --fail-below 200")
    assert (status, err) == (3, "at-client: 150 credits, fewer than 200\n")
    assert re.fullmatch(
        "".join(f"{LINE}\n" % pair for pair in ((250, 750), (550, 450), (850, 150))),
        out,
    )


@pytest.mark.parametrize(
    ("variables", "start", "end"),
    [
        ({}, "\x1b[32m", "\x1b[0m"),
        ({"NO_COLOR": "1"}, "", ""),
        ({"TERM": "dumb"}, "", ""),
    ],
)
def test_terminal_has_colours(
    variables: dict[str, str], start: str, end: str, account: Sandbox
) -> None:
    """On a terminal the bar has the width that there is, and its colour, where that is wanted."""
    account.delay(0.5)
    with on_terminal("credits", **variables) as terminal:
        terminal.resize(40, 24)
        terminal.read("Resets")
    assert f"\n  {start}{'█' * 7}{end}{'░' * 20}  25 % used" in terminal.shown
    assert ("\x1b" in terminal.shown) == bool(start)


def test_watch_draws_on_the_alternate_screen(account: Sandbox) -> None:
    """`--watch` draws on the alternate screen, and leaves the last state and a free line on the other."""
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        assert terminal.draw()[0] == "Agent Toolkit credits, free plan"
        account.account.spend(50)
        terminal.read(r"Spending [\d,]+\.\d credits per hour; used up in 0 h \d min\n")
        account.fail(429, retry_after=0)
        terminal.read("  429 Too Many Requests")
        assert terminal.end() == 130
    before, rest = terminal.shown.split("\x1b[?1049h")
    drawn, after = rest.split("\x1b[?1049l")
    assert re.search(
        r"\n  As of \d\d:\d\d:\d\d UTC, every 0\.05 s; Ctrl-C ends it\x1b\[H\x1b\[J",
        drawn,
    )
    assert (before, after.count("Remaining    700\n"), after.count("Spending")) == (
        "",
        1,
        1,
    )
    assert after.endswith(" min\n\n")


def test_watch_fits_the_window() -> None:
    """A watch fits the window as it is now, and keeps what remains."""
    with on_terminal("credits", "--watch", "0.05", "--sandbox") as terminal:
        for columns, rows in ((80, 24), (60, 8), (20, 5), (8, 2), (1, 1)):
            terminal.resize(columns, rows)
            terminal.draw()
            lines = terminal.draw()
            assert (len(lines) <= rows, max(map(len, lines)) <= columns) == (True, True)
            assert columns < 20 or "  Remaining    750" in lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, 0])
def test_watch_leaves_the_alternate_screen(number: int, account: Sandbox) -> None:
    """However a watch ends, the terminal is left as it was, and a failure is told after that."""
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        terminal.draw()
        if not number:
            account.fail(403)
        assert terminal.end(number) == (128 + number if number else 4)
    _, after = terminal.shown.split("\x1b[?1049l")
    assert bool(re.search("\nat-client: 403 .*\n$", after)) is not bool(number)


@pytest.mark.usefixtures("account")
def test_log_and_watch_take_turns() -> None:
    """With `--verbose`, a watch prints a line each time even on a terminal, between the lines of the log."""
    with on_terminal("credits", "--watch", "0.05", "--verbose") as terminal:
        terminal.read(f"(.*GET .*200.*\n{LINE % (250, 750)}\n){{2}}")
        assert terminal.end() == 130
    assert "\x1b" not in terminal.shown


def test_interrupt_is_quiet(account: Sandbox) -> None:
    """Ctrl-C while waiting for an answer exits with 130, at once; a terminal gets a new line."""
    account.delay(60, times=2)
    with running("credits") as process, on_terminal("credits") as terminal:
        while len(account.requests) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=10), process.returncode) == (("", ""), 130)
        assert (terminal.end(), terminal.shown) == (130, "\n")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("arguments", ["credits", "credits --watch 0.01", "sandbox"])
def test_unwritable_output(arguments: str) -> None:
    """A full disk and a closed stdout end with one line; a reader that has gone, without one."""
    with open("/dev/full", "w") as full:  # noqa: PTH123  # what a shell does
        status, _, err = run(*arguments.split(), stdout=full)
    assert (status, err) == (1, "at-client: cannot write: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    status, _, err = run(*arguments.split(), stdout=writing)
    os.close(writing)
    assert (status, err) == (141, "")
    shell = ["/bin/sh", "-c", f"{shlex.join(PROGRAM)} {arguments} >&-"]
    done = subprocess.run(shell, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "at-client: cannot write: stdout is closed\n",
    )


@pytest.mark.parametrize("token", [f"{TOKEN} $HOME", ""])
def test_sandbox_in_the_foreground(token: str) -> None:
    """`sandbox` prints lines that a shell can evaluate, answers, logs to stderr, and ends on Ctrl-C."""
    with running(
        "sandbox", "--total", "100", "--used", "90", "--token", token
    ) as process:
        shell = (
            "".join(process.stdout.readline() for _ in range(3))
            + 'echo "$AT_CLIENT_HOST"; echo "$ACCESS_TOKEN"'
        )
        host, accepted = subprocess.check_output(
            ["/bin/sh", "-c", shell], text=True
        ).splitlines()
        assert accepted == token or re.fullmatch(
            "at-sandbox-token-[0-9a-f]{24}", accepted
        )
        request = urllib.request.Request(
            f"{host}/api/v1/credits", headers={"Authorization": f"Bearer {accepted}"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            assert json.load(response)["remaining_credits"] == 10
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{host}/nowhere", timeout=5)
        logged = process.stderr.readline() + process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=10), process.returncode) == (("", ""), 130)
    clock = r"\d\d:\d\d:\d\d"
    assert re.fullmatch(
        rf"{clock} GET /api/v1/credits 200\n{clock} GET /nowhere 404\n", logged
    )


@pytest.mark.parametrize("options", ["--port {taken}", "--port 65536", "--used 2000"])
def test_sandbox_that_cannot_run(options: str, sandbox: Sandbox, call: Call) -> None:
    """A taken or impossible port and impossible numbers are told in one line."""
    status, out, err = call(
        f"sandbox {options}".format(taken=sandbox.url.rpartition(":")[2])
    )
    assert (status, out) == (1, "")
    assert re.fullmatch(r"at-client: cannot start the sandbox on port \d+: .+\n", err)


def test_sandbox_runs_a_command() -> None:
    """`sandbox -- COMMAND` runs it with both variables set, and exits with its status."""
    assert run("sandbox", "--", *PROGRAM, "credits", "--fail-below", "1000")[0] == 3
    shell = ("sandbox", "--", "/bin/sh", "-c")
    assert run(*shell, "echo $1 $2", "x", "--", "-q") == (0, "-- -q\n", "")
    assert run(*shell, "kill -9 $$") == (128 + 9, "", "")
    err = "at-client: cannot run /no/such: No such file or directory\n"
    assert run("sandbox", "--", "/no/such") == (127, "", err)


def test_ctrl_c_is_for_the_command_of_a_sandbox() -> None:
    """Ctrl-C reaches the command as well, which decides whether and how to end."""
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    # A group of their own, as a shell would give them.
    with running(
        "sandbox", "--", "/bin/sh", "-c", script, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert (process.communicate(timeout=10), process.returncode) == (
            ("caught\n", ""),
            5,
        )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("credits --watch 0", "--watch: must be a number of seconds above 0, not '0'"),
        (
            "credits --watch inf",
            "--watch: must be a number of seconds above 0, not 'inf'",
        ),
        ("credits --timeout nan", "--timeout: must be a number of seconds above 0"),
        ("credits --retries few", "--retries: invalid int value: 'few'"),
        ("credits --format xml", "--format: invalid choice: 'xml'"),
        ("credits --form json", "unrecognized arguments: --form json"),
        ("", "commands:"),
        ("credts", "no command 'credts'; did you mean 'credits'?"),
        ("sandbux --port 1", "no command 'sandbux'; did you mean 'sandbox'?"),
        ("quux", "no command 'quux'\n"),
    ],
)
def test_wrong_usage(arguments: str, said: str, call: Call) -> None:
    """Wrong usage exits with 2, says what is wrong, and shows the commands or options."""
    status, out, err = call(arguments)
    assert (status, out, err[:16]) == (2, "", "usage: at-client")
    assert said in err


@pytest.mark.parametrize("command", ["", "credits", "sandbox"])
def test_help(command: str, call: Call) -> None:
    """Every help has examples that the parser takes, and the exit statuses of the page."""
    status, out, _ = call(f"{command} --help")
    assert status == 0
    examples = re.findall(r"^  at-client (.*?)(?: +[#|>&].*)?$", out, re.MULTILINE)
    assert len(examples) >= 5
    for example in examples:
        cli.make_parser().parse_args(example.split())
    statuses = next(
        table
        for table in tables(PROJECT / "docs" / "command-line.md")
        if table[0][0] == "Status"
    )
    listed = re.findall(
        r"  (\d+)  ", out[out.index("Exit status:") : out.index("Examples:")]
    )
    assert sorted(listed, key=int) == [row[0] for row in statuses[1:]]


@pytest.mark.parametrize(
    ("option", "said"),
    [("--help", "usage: at-client"), ("--version", f"at-client {__version__}\n")],
)
def test_help_and_version_are_light(option: str, said: str) -> None:
    """`--help` and `--version` bring in neither urllib3 nor pydantic, nor what they need."""
    command = [sys.executable, "-X", "importtime", "-m", "at_client", option]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(said)
    loaded = re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE)
    assert "at_client.cli" in loaded
    assert not {"urllib3", "pydantic", "dateutil", "ssl", "http"} & set(loaded)
