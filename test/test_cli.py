"""The command line shows credits in every form, says what is wrong, and ends well."""

import contextlib
import errno
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
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from at_client import __version__, cli
from at_client.sandbox import Sandbox
from support.facts import TOKEN
from support.pages import PROJECT, tables

MonkeyPatch = pytest.MonkeyPatch
PROGRAM = [sys.executable, "-m", "at_client"]
NOTE = "Made-up credits from a sandbox on this machine; not your credits\n"
NOWHERE = "http://127.0.0.1:9"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LINE = TIME + r" total=1000 used=%d remaining=%d"
UNENCODABLE_PLAN = "größer"


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
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A child inherits an ignored SIGINT, such as that of a test run in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*PROGRAM, *arguments], **pipes | options)
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, **options: Any) -> Ended:
    """Run the command line as a process of its own, to its end."""
    given = options.pop("input", None)
    with running(*arguments, **options) as process:
        out, err = process.communicate(given, timeout=30)
        return Ended(process.returncode, out, err)


def run_in_shell(command: str) -> Ended:
    """Run a line of shell in which `$AT` is the command line."""
    environment = {**os.environ, "AT": shlex.join(PROGRAM)}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
        timeout=30,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
        deadline = time.monotonic() + 20
        while not re.search(until, self.shown[start:]):
            assert time.monotonic() < deadline, self.shown
            if select.select([self._near], [], [], 0.1)[0]:
                self._receive()

    def draw(self) -> list[str]:
        """Return the lines of the next whole picture."""
        self.read(r"(?s)\x1b\[H\x1b\[J.*\x1b\[H\x1b\[J")
        picture = self.shown.split("\x1b[H\x1b[J")[-2]
        return re.sub(r"\x1b\[\d+m", "", picture).split("\n")

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
    environment = {**os.environ, "TERM": "xterm", **variables}
    environment.pop("COLUMNS", None)
    streams = {"stdin": far, "stdout": far, "stderr": far}
    with (
        os.fdopen(near, "rb", buffering=0),
        running(*arguments, env=environment, **streams) as process,
    ):
        os.close(far)
        terminal = Terminal(near, process)
        terminal.resize(80, 24)
        yield terminal


@pytest.mark.parametrize(
    ("encoding", "bar"),
    rows(
        utf_8=("utf-8", "█{10}░{30}"),
        ascii=("ascii", "#{10}-{30}"),
    ),
)
def test_credits_as_text(encoding: str, bar: str, account: Sandbox) -> None:
    """The default is plan, bar, numbers and reset, in what the pipe can carry."""
    account.account.plan_tier = UNENCODABLE_PLAN
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    status, out, err = run("credits", env=environment, encoding=encoding)
    plan = UNENCODABLE_PLAN.encode(encoding, "replace").decode(encoding)
    assert status == 0
    assert err == ""
    assert out.startswith(f"Agent Toolkit credits, {plan} plan\n\n")
    assert re.search(rf"\n  {bar}  25 % used\n", out)
    assert re.search(r"\n  Remaining    750\n\n  Resets .*\n$", out)
    assert "\x1b" not in out


def test_json_in_any_encoding(account: Sandbox) -> None:
    """JSON loses nothing, whatever the encoding of the output."""
    account.account.plan_tier = UNENCODABLE_PLAN
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    out = run("credits", "--format", "json", env=environment).out
    assert json.loads(out)["plan_tier"] == UNENCODABLE_PLAN
    assert out.count("\n") == 1
    assert "time" not in json.loads(out)


@pytest.mark.parametrize(
    ("form", "line"),
    rows(
        text=("text", "  Remaining    750"),
        json=("json", r'{"total_credits": 1000, .*}'),
        prometheus=("prometheus", 'agent_toolkit_credits_remaining{plan="free"} 750'),
    ),
)
def test_made_up_credits(
    form: str, line: str, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """`--sandbox` needs no token, ignores host and proxies, and says what it is."""
    for name in ("AT_CLIENT_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    status, out, err = call(f"credits --sandbox --format {form}")
    assert status == 0
    assert err == NOTE
    assert re.search(f"^{line}$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("limit", "status", "message"),
    rows(
        far_below=(0, 0, ""),
        just_enough=(750, 0, ""),
        too_few=(751, 3, "at-client: 750 credits, fewer than 751\n"),
    ),
)
def test_fail_below(
    limit: int, status: int, message: str, account: Sandbox, call: Call
) -> None:
    """`--fail-below N` shows the credits, and exits with 3 if fewer remain."""
    ended = call(f"credits --fail-below {limit}")
    assert ended.status == status
    assert ended.err == message
    assert "Remaining    750" in ended.out
    assert len(account.requests) == 1


def test_token_from_a_file(
    account: Sandbox, tmp_path: Path, monkeypatch: MonkeyPatch, call: Call
) -> None:
    """A token file takes precedence, its white space and byte-order mark aside."""
    file = tmp_path / "token"
    file.write_text(f"\ufeff{account.token}\r\n", "utf-8")
    monkeypatch.setenv("ACCESS_TOKEN", "another")
    assert call(f"credits --token-file {file}").status == 0


def test_token_from_stdin(account: Sandbox) -> None:
    """`--token-file -` reads the token from stdin."""
    arguments = ("credits", "--token-file", "-", "--format", "json")
    ended = run(*arguments, stdin=subprocess.PIPE, input=f"{account.token}\n")
    assert ended.status == 0
    assert ended.err == ""


@pytest.mark.parametrize(
    ("content", "message"),
    rows(
        missing=(None, "cannot read the token: .*No such file"),
        empty=(b"\n", "there is no access token"),
        binary=(b"\xff", "cannot read the token: .*utf-8"),
    ),
)
def test_token_file_without_a_token(
    content: bytes | None,
    message: str,
    account: Sandbox,
    tmp_path: Path,
    call: Call,
) -> None:
    """A file without a token is wrong usage, even with a token in the environment."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    status, out, err = call(f"credits --token-file {file}")
    assert status == 2
    assert out == ""
    assert not account.requests
    assert re.match(f"at-client: {message}", err)


def test_no_token(account: Sandbox, monkeypatch: MonkeyPatch, call: Call) -> None:
    """Without a token, nothing is sent, and the message says how to give one."""
    monkeypatch.setenv("ACCESS_TOKEN", "")
    status, out, err = call("credits")
    assert status == 2
    assert out == ""
    assert not account.requests
    assert "Set ACCESS_TOKEN, use --token-file, or try --sandbox" in err


@pytest.mark.parametrize(
    ("play", "status", "message"),
    rows(
        status_401=(lambda s: s.fail(401), 4, "401 Unauthorized"),
        status_403=(lambda s: s.fail(403), 4, "403 Forbidden"),
        status_404=(lambda s: s.fail(404), 1, r"--host \(AT_CLIENT"),
        dropped=(lambda s: s.drop(times=None), 5, r"127\.0\.0\.1"),
        slow=(lambda s: s.delay(30, times=None), 5, "with --timeout"),
        rate_limit=(lambda s: s.fail(429, retry_after=3600), 1, "3600 s"),
        not_credits=(lambda s: s.answer({"used": 1}), 1, "total"),
        control_characters=(
            lambda s: s.fail(400, body={"detail": "a\x1b[2J\nb"}),
            1,
            "400 Bad Request",
        ),
    ),
)
def test_failures_are_one_line(
    play: Callable[[Sandbox], None],
    status: int,
    message: str,
    account: Sandbox,
    call: Call,
) -> None:
    """A call that fails ends in time, and the message names options, not settings."""
    play(account)
    start = time.monotonic()
    ended = call("credits --retries 0 --timeout 1")
    assert time.monotonic() - start < 5
    assert ended.status == status
    assert ended.out == ""
    assert re.fullmatch(rf"at-client: [ -~…]*{message}[ -~…]*\n", ended.err)
    assert "Configuration" not in ended.err
    assert account.token not in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    rows(
        host_is_no_url=("--host nonsense", "--host"),
        host_over_http=("--host http://credits.example", "use https"),
        retries_below_0=("--retries -1", "--retries must be 0"),
    ),
)
def test_wrong_settings(
    options: str, message: str, account: Sandbox, call: Call
) -> None:
    """What cannot work exits with 2, and the message names the option."""
    status, out, err = call(f"credits {options}")
    assert status == 2
    assert out == ""
    assert not account.requests
    assert re.fullmatch(f"at-client: .*{message}.*\n", err)
    assert "allow_insecure_http" not in err


def test_quoted_token(account: Sandbox, monkeypatch: MonkeyPatch, call: Call) -> None:
    """A token that cannot be one is refused, and not shown."""
    monkeypatch.setenv("ACCESS_TOKEN", f'"{account.token}"')
    status, _, err = call("credits")
    assert status == 2
    assert err.startswith("at-client: the access token must be")
    assert account.token not in err


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    ("options", "attempts"),
    rows(
        default=("", 3),
        one=("--retries 1", 2),
    ),
)
def test_options_are_used(
    options: str,
    attempts: int,
    account: Sandbox,
    monkeypatch: MonkeyPatch,
    call: Call,
) -> None:
    """`--host` takes precedence, and `--verbose` logs each of the `--retries`."""
    account.fail(503, times=None)
    monkeypatch.setenv("AT_CLIENT_HOST", NOWHERE)
    ended = call(f"credits {options} --host {account.url} --verbose")
    assert ended.status == 1
    assert ended.out == ""
    assert len(account.requests) == attempts
    assert account.token not in ended.err
    assert ended.err.count("\n") == attempts + 1
    assert ended.err.count(" 503 ") == attempts + 1


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("form", "line"),
    rows(
        text=("text", LINE % (250, 750)),
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
    assert re.fullmatch(LINE % (250, 750) + "\n", out)
    assert re.fullmatch("at-client: 503 .*\n(at-client: 429 .*\n){2}", err)


@pytest.mark.parametrize(
    ("good_calls", "answer", "status"),
    rows(
        first_call=(0, 503, 1),
        bad_request=(1, 400, 1),
        expired_token=(1, 401, 4),
    ),
)
def test_watch_gives_up(
    good_calls: int,
    answer: int,
    status: int,
    account: Sandbox,
    naps: list[float],
    call: Call,
) -> None:
    """A first call that fails ends a watch, and so does a request that is refused."""
    if good_calls:
        account.answer(account.account.to_dict())
    account.fail(answer)
    ended = call("credits --watch 5 --retries 0")
    assert ended.status == status
    assert naps == [5.0] * good_calls
    assert ended.err.startswith(f"at-client: {answer} ")


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


@pytest.mark.parametrize(
    ("variables", "start", "end"),
    rows(
        xterm=({}, "\x1b[32m", "\x1b[0m"),
        no_color=({"NO_COLOR": "1"}, "", ""),
        dumb=({"TERM": "dumb"}, "", ""),
    ),
)
def test_terminal_has_colours(
    variables: dict[str, str], start: str, end: str, account: Sandbox
) -> None:
    """The bar has the width that there is, and its colour where that is wanted."""
    account.delay(0.5)
    with on_terminal("credits", **variables) as terminal:
        terminal.resize(40, 24)
        terminal.read("Resets")
    used = f"{start}{'█' * 7}{end}"
    left = "░" * 20
    assert f"\n  {used}{left}  25 % used" in terminal.shown
    assert ("\x1b" in terminal.shown) == bool(start)


def test_watch_redraws(account: Sandbox) -> None:
    """A watch redraws the credits, with what goes wrong below the last good ones."""
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        picture = terminal.draw()
        assert picture[0] == "Agent Toolkit credits, free plan"
        assert re.fullmatch(r"  As of [\d:]{8} UTC; Ctrl-C ends it", picture[-2])
        account.account.spend(50)
        terminal.read("  Remaining    700\n")
        account.fail(429, retry_after=0)
        terminal.read(r"  Remaining    700\n\n  Resets .*\n  429 Too Many Requests")
        terminal.read("  Remaining    700\n\n  Resets .*\n  As of")


@pytest.mark.parametrize(
    ("number", "status"),
    rows(
        ctrl_c=(signal.SIGINT, 130),
        sigterm=(signal.SIGTERM, 143),
        refused=(0, 4),
    ),
)
def test_watch_ends(number: int, status: int, account: Sandbox) -> None:
    """However a watch ends, the usual screen has the last state, then the failure."""
    with on_terminal("credits", "--watch", "0.05", "--retries", "0") as terminal:
        terminal.draw()
        if not number:
            account.fail(403)
        assert terminal.end(number) == status
    before, watched = terminal.shown.split("\x1b[?1049h")
    _, after = watched.split("\x1b[?1049l")
    assert before == ""
    assert after.count("  Remaining    750\n") == 1
    assert bool(re.search("\nat-client: 403 .*\n$", after)) == (not number)


def test_watch_that_does_not_begin(account: Sandbox) -> None:
    """A watch whose first call fails leaves the screen as it is."""
    account.fail(401)
    with on_terminal("credits", "--watch", "0.05") as terminal:
        terminal.read("at-client: 401 .*\n")
        assert terminal.end(0) == 4
    assert "\x1b" not in terminal.shown


def test_watch_follows_the_window() -> None:
    """A watch fits the width of the window as it is now."""
    with on_terminal("credits", "--watch", "0.05", "--sandbox") as terminal:
        for columns in (80, 40):
            terminal.resize(columns, 24)
            terminal.draw()
            picture = terminal.draw()
            assert max(map(len, picture[1:])) <= columns
            assert "  Remaining    750" in picture


@pytest.mark.usefixtures("account")
def test_watch_with_a_log() -> None:
    """With `--verbose`, a watch prints lines between those of the log."""
    with on_terminal("credits", "--watch", "0.05", "--verbose") as terminal:
        terminal.read(f"(.*GET .*200.*\n{LINE % (250, 750)}\n){{2}}")
        assert terminal.end() == 130
    assert "\x1b" not in terminal.shown


def test_interrupt_is_quiet(account: Sandbox) -> None:
    """Ctrl-C while a call waits exits with 130, and says nothing."""
    account.delay(60, times=2)
    with running("credits") as process, on_terminal("credits") as terminal:
        wait_until(lambda: len(account.requests) == 2)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 130
        assert terminal.end() == 130
        assert terminal.shown == ""


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
    status, _, err = run_in_shell(f"$AT {arguments} >/dev/full")
    reason = os.strerror(errno.ENOSPC)
    assert status == 1
    assert err == f"at-client: cannot write: {reason}\n"


@pytest.mark.usefixtures("account")
@PROGRAMS
def test_reader_has_gone(arguments: str) -> None:
    """A reader that has gone ends it quietly with 141."""
    reading, writing = os.pipe()
    os.close(reading)
    status, _, err = run(*arguments.split(), stdout=writing)
    os.close(writing)
    assert status == 141
    assert err == ""


def test_closed_stdout() -> None:
    """A closed stdout is told in one line."""
    status, _, err = run_in_shell("$AT credits --sandbox >&-")
    assert status == 1
    assert err == "at-client: cannot write: stdout is closed\n"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("arguments", "status"),
    rows(
        log=("credits --format json --verbose", 0),
        too_few=("credits --format json --fail-below 751", 3),
    ),
)
@pytest.mark.parametrize("stderr", ["closed", "broken"])
def test_no_stderr(stderr: str, arguments: str, status: int) -> None:
    """Messages that nobody can read are dropped, and never go to stdout."""
    if stderr == "closed":
        ended = run_in_shell(f"$AT {arguments} 2>&-")
    else:
        reading, writing = os.pipe()
        os.close(reading)
        ended = run(*arguments.split(), stderr=writing)
        os.close(writing)
    assert ended.status == status
    assert json.loads(ended.out)["remaining_credits"] == 750


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_wrong_usage_without_stderr(redirection: str) -> None:
    """Wrong usage exits with 2, even if nobody can read why."""
    assert run_in_shell(f"$AT credits --watch 0 {redirection}") == (2, "", "")


@pytest.mark.usefixtures("account")
def test_without_stderr_in_python(monkeypatch: MonkeyPatch, call: Call) -> None:
    """`main` does without a stderr, as under pythonw."""
    monkeypatch.setattr("sys.stderr", None)
    assert call("credits --fail-below 751 --format json").status == 3
    sys.stderr.close()


def test_sandbox_in_the_foreground() -> None:
    """It prints lines for a shell, answers, logs to stderr, and ends on Ctrl-C."""
    token = f"{TOKEN} $HOME"
    options = ("--total", "100", "--used", "90", "--token", token)
    with running("sandbox", *options) as process:
        exports = "".join(process.stdout.readline() for _ in range(3))
        shown = run_in_shell(f'{exports} echo "$AT_CLIENT_HOST"; echo "$ACCESS_TOKEN"')
        host, accepted = shown.out.splitlines()
        assert accepted == token

        headers = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{host}/api/v1/credits", headers=headers)
        with urllib.request.urlopen(request, timeout=5) as response:
            assert json.load(response)["remaining_credits"] == 10

        logged = process.stderr.readline()
        assert re.fullmatch(r"[\d:]{8} GET /api/v1/credits 200\n", logged)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 130


def test_sandbox_has_a_quarter_used() -> None:
    """`--total` alone is enough; the command finds the sandbox by its environment."""
    show = [*PROGRAM, "credits", "--format", "json"]
    out = run("sandbox", "--total", "100", "--", *show).out
    assert json.loads(out)["used_credits"] == 25


@pytest.mark.parametrize(
    ("options", "status"),
    rows(
        port_taken=("--port {taken}", 1),
        no_such_port=("--port 65536", 2),
        more_used_than_there_are=("--total 100 --used 200", 2),
    ),
)
def test_sandbox_that_cannot_start(
    options: str, status: int, sandbox: Sandbox, call: Call
) -> None:
    """A port or numbers that cannot be are told in one line."""
    taken = sandbox.url.rpartition(":")[2]
    ended = call(f"sandbox {options.format(taken=taken)}")
    assert ended.status == status
    assert ended.out == ""
    assert re.fullmatch(r"at-client: cannot .+\n", ended.err)


@pytest.mark.parametrize(
    ("command", "ended"),
    rows(
        exits=("echo $1 $2; exit 7", Ended(7, "-- -q\n", "")),
        is_killed=("kill -9 $$", Ended(128 + 9, "", "")),
    ),
)
def test_sandbox_runs_a_command(command: str, ended: Ended) -> None:
    """A command gets its arguments untouched, and its status is that of the whole."""
    shell = ("/bin/sh", "-c", command, "x", "--", "-q")
    assert run("sandbox", "--", *shell) == ended


def test_command_that_does_not_exist() -> None:
    """A command that cannot be started exits with 127."""
    reason = os.strerror(errno.ENOENT)
    message = f"at-client: cannot run /no/such: {reason}\n"
    assert run("sandbox", "--", "/no/such") == (127, "", message)


@pytest.mark.parametrize(
    ("arguments", "number", "status"),
    rows(
        sandbox_sigterm=("sandbox", signal.SIGTERM, 143),
        sandbox_sighup=("sandbox", signal.SIGHUP, 129),
        watch_sigterm=("credits --sandbox --watch 0.1", signal.SIGTERM, 143),
    ),
)
def test_signals_end_it(arguments: str, number: int, status: int) -> None:
    """A signal ends it by a handler, so that it also works as process 1."""
    with running(*arguments.split()) as process:
        process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=10)
        assert process.returncode == status


@pytest.mark.parametrize(
    ("number", "trap", "out"),
    rows(
        obeys=(signal.SIGHUP, "", ""),
        cleans_up=(signal.SIGTERM, "trap 'echo done; exit' TERM; ", "done\n"),
    ),
)
def test_signals_end_the_command_of_a_sandbox(number: int, trap: str, out: str) -> None:
    """A signal that ends `sandbox -- COMMAND` ends the command as well."""
    script = f"{trap}echo $$; while :; do sleep 0.05; done"
    with running("sandbox", "--", "/bin/sh", "-c", script) as process:
        command = int(process.stdout.readline())
        process.send_signal(number)
        assert process.communicate(timeout=10) == (out, "")
    assert process.returncode == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(command, 0)


def test_nohup_holds() -> None:
    """SIGHUP is no end for a sandbox that `nohup` has started."""
    start = f"trap '' HUP; exec {shlex.join(PROGRAM)} sandbox"
    with subprocess.Popen(["/bin/sh", "-c", start], stdout=subprocess.PIPE) as shell:
        shell.stdout.readline()
        shell.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert shell.poll() is None
        shell.terminate()
        assert shell.wait(10) == 143


def test_ctrl_c_is_for_the_command() -> None:
    """Ctrl-C reaches the command of a sandbox, which decides how to end."""
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    # A group of their own, as a shell would give them.
    options = {"start_new_session": True}
    with running("sandbox", "--", "/bin/sh", "-c", script, **options) as process:
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
        main_option=("--verison", "the following arguments are required: COMMAND"),
        option=("credits --wach 5", "unknown argument --wach; did you mean --watch?"),
        abbreviation=(
            "credits --form json",
            "unknown argument --form; did you mean --format?",
        ),
        option_of_sandbox=(
            "sandbox --prt 1",
            "unknown argument --prt; did you mean --port?",
        ),
        unlike_any_option=("credits quux", "unknown argument quux\n"),
        no_number=(
            "credits --watch abc",
            "--watch: must be a number of seconds above 0, not 'abc'",
        ),
        zero=(
            "credits --watch 0",
            "--watch: must be a number of seconds above 0, not '0'",
        ),
        nan=(
            "credits --timeout nan",
            "--timeout: must be a number of seconds above 0, not 'nan'",
        ),
        infinite=(
            "credits --watch inf",
            "--watch: must be a number of seconds above 0, not 'inf'",
        ),
        no_whole_number=(
            "credits --retries few",
            "--retries: invalid int value: 'few'",
        ),
        choice=("credits --format xml", "--format: invalid choice: 'xml'"),
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
        sandbox=(
            "sandbox",
            "Run a copy of the credits API on this machine, for tests.",
            50,
        ),
    ),
)
def test_help(
    command: str,
    opening: str,
    rows: int,
    monkeypatch: MonkeyPatch,
    call: Call,
) -> None:
    """Help opens with the purpose, fits a screen, and its examples can be parsed."""
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = call(f"{command} --help")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == opening
    assert out.count(opening) == 1
    assert max(map(len, lines)) <= 80
    assert len(lines) <= rows

    examples = re.findall(r"^  at-client (.*?)(?: +[#|>&].*)?$", out, re.MULTILINE)
    assert len(examples) >= 3
    for example in examples:
        words = example.replace("/run/secrets/token", __file__).split()
        cli.make_parser().parse_args(words)


@pytest.mark.parametrize("command", ["credits", "sandbox"])
def test_help_has_every_option(command: str, call: Call) -> None:
    """The options of the help are those of the parser."""
    text = call(f"{command} --help").out
    listed = set(re.findall(r"(?m)^  --([a-z-]+)", text))
    parsed = vars(cli.make_parser().parse_args([command]))
    known = {name.replace("_", "-") for name in parsed}
    assert listed == known - {"run", "parser", "argv"}


def test_help_has_every_exit_status(call: Call) -> None:
    """The exit statuses of the page are those of the helps."""
    listed: set[str] = set()
    for command in ("credits", "sandbox"):
        text = call(f"{command} --help").out.partition("exit status")[2]
        listed |= set(re.findall(r"  (\d+)  ", text))
    on_page: set[str] = set()
    for table in tables(PROJECT / "docs" / "command-line.md"):
        if table[0][0] == "Status":
            on_page = {row[0] for row in table[1:]}
    assert listed == on_page


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str, call: Call) -> None:
    """The version can be asked for."""
    assert call(option) == (0, f"at-client {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "completed"),
    rows(
        command=("at-client cr", "credits"),
        option=("at-client credits --fa", "--fail-below"),
        format=("at-client credits --format pro", "prometheus"),
    ),
)
def test_completion_in_bash(words: str, completed: str, tmp_path: Path) -> None:
    """What shtab writes for bash completes commands, options and formats."""
    shtab = pytest.importorskip("shtab")
    script = tmp_path / "at-client"
    completion = shtab.complete(cli.make_parser(), "bash")
    script.write_text(completion)

    *before, last = words.split()
    ask = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(before)}; "
        f'_shtab_at_client at-client {last} {before[-1]}; echo "${{COMPREPLY[@]}}"'
    )
    answer = subprocess.check_output(["/bin/bash", "-c", ask], text=True)
    assert answer == f"{completed}\n"
