"""The command line shows credits in every form, says in one line what went wrong, and ends well."""

from __future__ import annotations

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
from typing import IO, TYPE_CHECKING, Any

import pytest

from at_client import cli
from at_client.version import __version__
from support.facts import TOKEN
from support.pages import PROJECT, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from at_client.sandbox import Sandbox

Output = pytest.CaptureFixture[str]
PROGRAM = [sys.executable, "-m", "at_client"]
NOTE = "From a sandbox on this machine; not your credits"
LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ total=1000 used=%d remaining=%d"
TEXT = r"""Agent Toolkit credits, free plan

  BAR  25 % used

  Total      1,000  \(1,000 free\)
  Used         250
  Remaining    750

  Resets \d{4}-\d\d-01, in \d+ days?
"""


@pytest.fixture
def account(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that the environment points to."""
    monkeypatch.setenv("AT_CLIENT_HOST", sandbox.url)
    monkeypatch.setenv("ACCESS_TOKEN", sandbox.token)
    return sandbox


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the command line makes; the fourth is interrupted, as by Ctrl-C."""
    taken: list[float] = []

    def nap(seconds: float) -> None:
        taken.append(seconds)
        if len(taken) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("at_client.cli.time.sleep", nap)
    return taken


@contextlib.contextmanager
def running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the command line as a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    # A child inherits an ignored SIGINT, such as that of a test run in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen([*PROGRAM, *arguments], **options)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, **options: Any) -> tuple[int, str, str]:
    """Run the command line as a process of its own, to its end."""
    with running(*arguments, **options) as process:
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


def lines_of(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline() for _ in range(count)]


class Terminal:
    """A pseudo-terminal with a command on it; `shown` is everything that it has been sent."""

    def __init__(self, near: int, process: subprocess.Popen[str]) -> None:
        self._near = near
        self.process = process
        self.shown = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._near, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until: str) -> None:
        """Read until a pattern is found in what is new."""
        start, deadline = len(self.shown), time.monotonic() + 20
        while not re.search(until, self.shown[start:]):
            assert time.monotonic() < deadline, self.shown
            if select.select([self._near], [], [], 0.1)[0]:
                self.shown += os.read(self._near, 65536).decode().replace("\r\n", "\n")

    def draw(self) -> list[str]:
        """Return the lines of the next whole picture."""
        self.read(r"(?s)\x1b\[H\x1b\[J.*\x1b\[H\x1b\[J")
        return re.sub(r"\x1b\[\d+m", "", self.shown.split("\x1b[H\x1b[J")[-2]).split("\n")

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, read what is left, and return the exit status."""
        self.process.send_signal(number)
        with contextlib.suppress(OSError):  # the end, on Linux
            while more := os.read(self._near, 65536):
                self.shown += more.decode().replace("\r\n", "\n")
        return self.process.wait(10)


@contextlib.contextmanager
def on_terminal(*arguments: str, **variables: str) -> Iterator[Terminal]:
    """Run the command line on a pseudo-terminal of 80 columns and 24 rows."""
    near, far = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **variables}
    environment = {k: v for k, v in environment.items() if k not in {"COLUMNS", "LINES"}}
    try:
        with running(*arguments, stdin=far, stdout=far, stderr=far, env=environment) as process:
            os.close(far)
            terminal = Terminal(near, process)
            terminal.resize(80, 24)
            yield terminal
    finally:
        os.close(near)


# ---- Credits once


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█{10}░{30}"), ("ascii", "#{10}-{30}")])
def test_credits_as_text(encoding: str, bar: str) -> None:
    """Without options, `credits` shows plan, bar, numbers and reset, as plain as the pipe needs it."""
    status, out, err = run("credits", env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (status, err) == (0, "")
    assert re.fullmatch(TEXT.replace("BAR", bar), out)


@pytest.mark.parametrize(
    ("form", "line", "where"),
    [
        ("text", "  Remaining    750", 0),
        ("json", r'{"total_credits": 1000, "used_credits": 250, "remaining_credits": 750, .*}', 1),
        ("prometheus", 'agent_toolkit_credits_remaining{plan="free"} 750', 1),
    ],
)
def test_sandbox_needs_nothing(
    form: str, line: str, where: int, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """`--sandbox` needs no token, heeds neither host nor proxies, and says whose credits it shows."""
    for name in ("AT_CLIENT_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert cli.main(["credits", "--sandbox", "--format", form]) == 0
    shown = capsys.readouterr()
    assert re.search(f"^{line}$", shown.out, re.MULTILINE)
    assert NOTE in shown[where]
    assert form != "json" or shown.out.count("\n") == 1


@pytest.mark.parametrize(
    ("trouble", "status", "said"),
    [
        (lambda s: s.expire(s.token), 4, "401 Unauthorized"),
        (lambda s: s.fail(403), 4, "403 Forbidden"),
        (lambda s: s.drop(times=None), 5, "127.0.0.1"),
        (lambda s: s.delay(30, times=None), 5, "127.0.0.1"),
        (lambda s: s.fail(404), 1, "404 Not Found"),
        (lambda s: s.fail(429, retry_after=3600), 1, "3600 s"),
        (lambda s: s.fail(500, times=None), 1, "500 Internal Server Error"),
        (lambda s: s.answer(b"<html>"), 1, "JSON"),
        (lambda s: s.answer({"used": 1}), 1, "total"),
        (lambda s: s.fail(400, body={"detail": "a\x1b[2J\nb"}), 1, "400 Bad Request"),
    ],
)
def test_failures_are_one_line(
    trouble: Callable[[Sandbox], None], status: int, said: str, account: Sandbox, capsys: Output
) -> None:
    """A failure has its exit status, nothing on stdout, one plain line on stderr, and no secret."""
    token, start = account.token, time.monotonic()
    trouble(account)
    assert cli.main(["credits", "--retries", "0", "--timeout", "1"]) == status
    assert time.monotonic() - start < 5
    out, err = capsys.readouterr()
    assert (out, err[:11], err[-1], err[:-1].isprintable()) == ("", "at-client: ", "\n", True)
    assert said in err
    assert token not in err


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        ("", {"ACCESS_TOKEN": ""}, "ACCESS_TOKEN"),
        ("", {"AT_CLIENT_HOST": "nonsense"}, "host"),
        ("--host ftp://x", {}, "host"),
        ("--host http://credits.example", {}, "https"),
        ("--retries -1", {}, "retries"),
    ],
)
def test_wrong_settings(options: str, variables: dict[str, str], said: str, account: Sandbox, capsys: Output) -> None:
    """What cannot work exits with 2 and a line that says what is wrong; nothing is sent."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        assert cli.main(["credits", *options.split()]) == 2
    assert re.fullmatch(f"at-client: .*{said}.*\n", capsys.readouterr().err)
    assert account.requests == []


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(("options", "attempts"), [([], 3), (["--retries", "1"], 2)])
def test_host_retries_and_verbose(options: list[str], attempts: int, account: Sandbox, capsys: Output) -> None:
    """`--host` takes precedence, `--retries` follow the first attempt, `--verbose` logs each of them."""
    account.fail(503, times=None)
    options = [*options, "--host", account.url, "--verbose"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AT_CLIENT_HOST", "http://127.0.0.1:9")
        assert cli.main(["credits", *options]) == 1
    out, err = capsys.readouterr()
    assert len(account.requests) == attempts
    assert ["503" in line for line in err.splitlines()] == [True] * (attempts + 1)
    assert (out, account.token in err) == ("", False)


@pytest.mark.parametrize(("limit", "status"), [(0, 0), (750, 0), (751, 3)])
def test_fail_below(limit: int, status: int, account: Sandbox, capsys: Output) -> None:
    """`--fail-below N` shows the credits, and exits with 3 when fewer than N remain."""
    assert cli.main(["credits", "--fail-below", str(limit)]) == status
    out, err = capsys.readouterr()
    assert "Remaining    750" in out
    assert err == ("at-client: 750 credits left, fewer than 751\n" if status else "")
    assert len(account.requests) == 1


# ---- Credits again and again


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("options", [[], ["--format", "json"], ["--sandbox"]])
def test_watch_in_a_pipe(options: list[str], naps: list[float], capsys: Output) -> None:
    """In a pipe, `--watch` prints a line each time; Ctrl-C ends it quietly with 130."""
    assert cli.main(["credits", "--watch", "7.5", *options]) == 130
    out, err = capsys.readouterr()
    line = r"\{.*\"remaining_credits\": 750.*\}" if "json" in options else LINE % (250, 750)
    assert re.fullmatch(f"({line}\n){{4}}", out)
    assert (err, naps) == (f"{NOTE}\n" if "--sandbox" in options else "", [7.5] * 4)


def test_watch_outlives_trouble(account: Sandbox, naps: list[float], capsys: Output) -> None:
    """A watch goes on after what may pass, waits as long as the service asks, and tells each time."""
    account.answer(account.account.to_dict())
    account.fail(503)
    account.fail(429, retry_after=90)
    account.fail(429, retry_after=10**12)
    assert cli.main(["credits", "--watch", "5", "--retries", "0"]) == 130
    out, err = capsys.readouterr()
    assert re.fullmatch(LINE % (250, 750) + "\n", out)
    assert naps == [5, 5, 90, 3600]
    assert re.fullmatch("at-client: 503 .*\n(at-client: 429 .*\n){2}", err)


@pytest.mark.parametrize(("good", "bad", "status"), [(0, 503, 1), (1, 400, 1), (1, 401, 4), (1, 403, 4), (1, 404, 1)])
def test_watch_ends_with_what_will_not_pass(
    good: int, bad: int, status: int, account: Sandbox, naps: list[float], capsys: Output
) -> None:
    """A watch ends when its first call fails, and when the service refuses the request itself."""
    for _ in range(good):
        account.answer(account.account.to_dict())
    account.fail(bad)
    assert cli.main(["credits", "--watch", "5", "--retries", "0"]) == status
    assert capsys.readouterr().err.startswith(f"at-client: {bad} ")
    assert naps == [5.0] * good


def test_watch_until_too_few(account: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """A watch with `--fail-below` ends with 3 as soon as fewer remain."""
    monkeypatch.setattr("at_client.cli.time.sleep", lambda _: account.account.spend(300))
    assert cli.main(["credits", "--watch", "1", "--fail-below", "200"]) == 3
    out, err = capsys.readouterr()
    lines = [LINE % pair for pair in ((250, 750), (550, 450), (850, 150))]
    assert re.fullmatch("\n".join([*lines, ""]), out)
    assert err == "at-client: 150 credits left, fewer than 200\n"


# ---- On a terminal


@pytest.mark.parametrize(
    ("variables", "start", "end"),
    [({}, "\x1b[32m", "\x1b[0m"), ({"NO_COLOR": "1"}, "", ""), ({"TERM": "dumb"}, "", "")],
)
def test_terminal_has_colours(variables: dict[str, str], start: str, end: str, account: Sandbox) -> None:
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
    assert re.search(r"\n  As of \d\d:\d\d:\d\d UTC, every 0\.05 s; Ctrl-C ends it\x1b\[H\x1b\[J", drawn)
    assert (before, after.count("Remaining    700\n"), after.count("Spending")) == ("", 1, 1)
    assert after.endswith(" min\n\n")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (60, 8), (30, 6), (20, 5), (8, 2), (1, 1)])
def test_watch_fits_the_window(columns: int, rows: int) -> None:
    """A watch fits the window as it is now, and keeps what remains and whose credits they are."""
    with on_terminal("credits", "--watch", "0.05", "--sandbox") as terminal:
        terminal.draw()
        terminal.resize(columns, rows)
        terminal.draw()
        lines = terminal.draw()
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    assert columns < 20 or f"Remaining 750 {NOTE}" in text


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


# ---- Endings


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
@pytest.mark.parametrize("arguments", ["credits", "credits --watch 0.01", "sandbox", "--help"])
def test_unwritable_output(arguments: str) -> None:
    """A full disk and a closed stdout end with one line; a reader that has gone, without one."""
    said = "at-client: cannot write the output: "
    # Without a buffer, argparse itself does not mind.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:  # noqa: PTH123  # what a shell does
        status, _, err = run(*arguments.split(), stdout=full, env=environment)
    assert (status, err) == (1, f"{said}No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    status, _, err = run(*arguments.split(), stdout=writing, env=environment)
    os.close(writing)
    assert (status, err) == (141, "")
    shell = ["/bin/sh", "-c", f"{shlex.join(PROGRAM)} {arguments} >&-"]
    done = subprocess.run(shell, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (1, f"{said}stdout is closed\n")


# ---- The sandbox


@pytest.mark.parametrize("token", [f"{TOKEN} $HOME", ""])
def test_sandbox_in_the_foreground(token: str) -> None:
    """`sandbox` prints lines that a shell can evaluate, answers, logs to stderr, and ends on Ctrl-C."""
    with running("sandbox", "--total", "100", "--used", "90", "--token", token) as process:
        printed = "".join(lines_of(process.stdout, 3))
        shell = f'{printed}\nprintf "%s\\n" "$AT_CLIENT_HOST" "$ACCESS_TOKEN"'
        evaluated = subprocess.check_output(["/bin/sh", "-c", shell], text=True)
        host, accepted = evaluated.splitlines()
        assert accepted == token or re.fullmatch("at-sandbox-token-[0-9a-f]{24}", accepted)
        request = urllib.request.Request(f"{host}/api/v1/credits")
        request.add_header("Authorization", f"Bearer {accepted}")
        with urllib.request.urlopen(request, timeout=5) as response:
            assert json.load(response)["remaining_credits"] == 10
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{host}/%1B%5B2Jnowhere", timeout=5)
        logged = "".join(lines_of(process.stderr, 2))
        process.send_signal(signal.SIGINT)
        assert (process.communicate(timeout=10), process.returncode) == (("", ""), 130)
    time = r"\d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{time} GET /api/v1/credits 200\n{time} GET / \[2Jnowhere 404\n", logged)


def test_sandbox_that_cannot_run(sandbox: Sandbox, capsys: Output) -> None:
    """A taken or impossible port and impossible numbers are told in one line."""
    taken = sandbox.url.rpartition(":")[2]
    for options in (["--port", taken], ["--port", "65536"], ["--used", "2000"]):
        assert cli.main(["sandbox", *options]) == 1
        err = capsys.readouterr().err
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
    with running("sandbox", "--", "/bin/sh", "-c", script, start_new_session=True) as process:
        assert lines_of(process.stdout, 1) == ["ready\n"]
        os.killpg(process.pid, signal.SIGINT)
        assert (process.communicate(timeout=10), process.returncode) == (("caught\n", ""), 5)


# ---- Usage


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("credits --watch 0", "--watch: must be a number of seconds above 0, not '0'"),
        ("credits --watch inf", "--watch: must be a number of seconds above 0, not 'inf'"),
        ("credits --timeout nan", "--timeout: must be a number of seconds above 0"),
        ("credits --timeout soon", "--timeout: invalid"),
        ("credits --retries few", "--retries: invalid int value: 'few'"),
        ("credits --format xml", "--format: invalid choice: 'xml'"),
        ("credits --host http://x --sandbox", "not allowed with argument"),
        ("credits --form json", "unrecognized arguments: --form json"),
        ("", "commands:"),
        ("credts", "no command 'credts'; did you mean 'credits'?"),
        ("sandbux --port 1", "no command 'sandbux'; did you mean 'sandbox'?"),
        ("quux", "no command 'quux'\n"),
    ],
)
def test_wrong_usage(arguments: str, said: str, capsys: Output) -> None:
    """Wrong usage exits with 2, says what is wrong, and shows the commands or options."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments.split())
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert said in err
    assert err.startswith("usage: at-client")


@pytest.mark.parametrize("command", ["", "credits", "sandbox"])
def test_help(command: str, capsys: Output) -> None:
    """Every help has examples that the parser takes, and the exit statuses of the page."""
    with pytest.raises(SystemExit) as caught:
        cli.main([*command.split(), "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    examples = re.findall(r"^  at-client (.*?)(?: +[#|>&].*)?$", out, re.MULTILINE)
    assert len(examples) >= 5
    for example in examples:
        cli.make_parser().parse_args(example.split())
    page = tables(PROJECT / "docs" / "command-line.md")
    statuses = next(table for table in page if table[0][0] == "Status")
    listed = re.findall(r"  (\d+)  ", out[out.index("Exit status:") : out.index("Examples:")])
    assert sorted(listed, key=int) == [row[0] for row in statuses[1:]]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_light(option: str) -> None:
    """`--help` and `--version` bring in neither urllib3 nor pydantic, nor what they need."""
    program = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('LOADED', *{n.partition('.')[0] for n in sys.modules}))\n"
        f"sys.argv = ['at_client', {option!r}]\n"
        "runpy.run_module('at_client', run_name='__main__')\n"
    )
    shown = subprocess.check_output([sys.executable, "-c", program], text=True, timeout=30)
    shown, _, loaded = shown.rpartition("LOADED")
    assert "at_client" in loaded
    assert not {"urllib3", "pydantic", "dateutil", "ssl", "http"} & set(loaded.split())
    assert option == "--help" or shown == f"at-client {__version__}\n"
