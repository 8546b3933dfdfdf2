"""The command line shows credits in every form, says in one line what went wrong, and ends well."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from typing import IO, TYPE_CHECKING, Any

import pytest

from at_client import cli
from at_client.arguments import make_parser
from at_client.version import __version__
from support.facts import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from at_client.sandbox import Sandbox

LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ total=1000 used=%d remaining=%d"


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
    command = [sys.executable, "-m", "at_client", *arguments]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    with subprocess.Popen(command, **options) as process:
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


def test_credits_as_text(account: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Without options, `credits` shows plan, bar, numbers and reset, in plain text in a pipe."""
    account.account.plan_tier = "pro"
    assert cli.main(["credits"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert out.startswith("Agent Toolkit credits, pro plan\n\n  ██████████░░░")
    for part in ("25 % used", "Total      1,000", "Used         250", "Remaining    750"):
        assert part in out
    assert re.search(r"Resets \d{4}-\d\d-01 \(in \d+ days?\)\n$", out)


def test_credits_as_json(account: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format json` prints one line with the names of the wire."""
    assert cli.main(["credits", "--format", "json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == account.account.to_dict()
    assert out.count("\n") == 1


def test_credits_for_prometheus(account: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format prometheus` prints gauges, the last line ended as Prometheus wants it."""
    account.account.plan_tier = None
    assert cli.main(["credits", "--format", "prometheus"]) == 0
    assert capsys.readouterr().out.endswith("Z\n") is False
    account.account.used = 999
    assert cli.main(["credits", "--format", "prometheus"]) == 0
    assert "\nagent_toolkit_credits_remaining 1\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "where"), [("text", "out"), ("json", "err"), ("prometheus", "err")]
)
def test_sandbox_needs_nothing(
    form: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--sandbox` needs no token, heeds neither host nor proxies, and says what it did."""
    for name in ("AT_CLIENT_HOST", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert cli.main(["credits", "--sandbox", "--format", form]) == 0
    said = getattr(capsys.readouterr(), where)
    assert "From a sandbox on this machine, over a real socket; not your credits:\n" in said
    assert re.search(r"\n  GET http://127\.0\.0\.1:\d+/api/v1/credits 200\n$", said)


@pytest.mark.parametrize("token", [None, ""])
def test_missing_token_says_what_to_set(
    token: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a token nothing is sent, and one line says which variable to set."""
    if token is not None:
        monkeypatch.setenv("ACCESS_TOKEN", token)
    assert cli.main(["credits"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "at-client: ACCESS_TOKEN is not set. Set it to your access token "
        "(export ACCESS_TOKEN=...), or try at-client credits --sandbox\n"
    )


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (lambda s: s.expire(s.token), "401 Unauthorized"),
        (lambda s: s.fail(404), "404 Not Found"),
        (lambda s: s.fail(429, retry_after=3600), "asks to wait 3600 s"),
        (lambda s: s.fail(500, times=None), "500 Internal Server Error"),
        (lambda s: s.drop(times=None), "127.0.0.1"),
        (lambda s: s.answer(b"<html>"), "JSON"),
        (lambda s: s.answer({"used": 1}), "total"),
        (lambda s: s.fail(400, body={"detail": "a\x1b[2J\nb"}), "400 Bad Request"),
    ],
)
def test_failures_are_one_line(
    trouble: Callable[[Sandbox], None],
    said: str,
    account: Sandbox,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever goes wrong: exit 1, nothing on stdout, one plain line on stderr, and no secret."""
    token = account.token
    trouble(account)
    assert cli.main(["credits", "--retries", "0"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("at-client: ")
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert said in err
    assert token not in err


def test_advice_is_for_the_command_line(
    account: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Advice names the variables that the command line reads, not the library's attributes."""
    account.fail(401)
    account.fail(404)
    for options in ([], [], ["--host", "http://credits.example"]):
        assert cli.main(["credits", *options]) == 1
    unauthorized, not_found, unencrypted = capsys.readouterr().err.splitlines()
    assert "Set ACCESS_TOKEN to a valid token" in unauthorized
    assert "Check AT_CLIENT_HOST or --host" in not_found
    assert unencrypted.endswith("unencrypted to credits.example; use https")
    for line in (unauthorized, not_found, unencrypted):
        assert not re.search(r"Configuration|access_token|_http", line)


def test_host_option_wins(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--host` goes before the variable."""
    monkeypatch.setenv("AT_CLIENT_HOST", "http://127.0.0.1:9")
    assert cli.main(["credits", "--host", account.url, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_credits"] == 1000


def test_wrong_host_in_the_environment(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that is no URL is told in one line."""
    monkeypatch.setenv("AT_CLIENT_HOST", "nonsense")
    assert cli.main(["credits"]) == 1
    assert re.fullmatch(r"at-client: host must be a URL.*\n", capsys.readouterr().err)
    assert account.requests == []


def test_timeout_option(account: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--timeout` bounds the whole call."""
    account.delay(30, times=None)
    start = time.monotonic()
    assert cli.main(["credits", "--timeout", "0.2"]) == 1
    assert time.monotonic() - start < 5
    assert capsys.readouterr().err.startswith("at-client: ")


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(("options", "attempts"), [([], 3), (["--retries", "1"], 2)])
def test_retries_option(options: list[str], attempts: int, account: Sandbox) -> None:
    """`--retries` is the number of attempts after the first."""
    account.fail(503, times=None)
    assert cli.main(["credits", *options]) == 1
    assert len(account.requests) == attempts


def test_verbose(account: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`--verbose` logs each attempt to stderr, without the token, and stdout stays as it is."""
    account.fail(503, retry_after=0)
    assert cli.main(["credits", "--format", "json", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["total_credits"] == 1000
    assert [status in line for status, line in zip(["503", "200"], err.splitlines(), strict=True)]
    assert account.token not in err
    assert cli.main(["credits", "--format", "json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("limit", "status"), [(0, 0), (750, 0), (751, 3)])
def test_fail_below(
    limit: int, status: int, account: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--fail-below N` shows the credits, and exits with 3 when fewer than N remain."""
    assert cli.main(["credits", "--fail-below", str(limit)]) == status
    out, err = capsys.readouterr()
    assert "Remaining    750" in out
    assert err == ("at-client: 750 credits remain, fewer than 751\n" if status else "")
    assert len(account.requests) == 1


def test_watch_in_a_pipe(
    account: Sandbox, naps: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe, `--watch` prints a line each time; Ctrl-C ends it quietly with 130."""
    assert cli.main(["credits", "--watch", "7.5"]) == 130
    out, err = capsys.readouterr()
    assert re.fullmatch((LINE % (250, 750) + "\n") * 4, out)
    assert (err, naps) == ("", [7.5] * 4)
    assert len(account.requests) == 4


def test_watch_as_json(
    account: Sandbox, naps: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--format json`, `--watch` prints an object a line."""
    assert cli.main(["credits", "--watch", "1", "--format", "json"]) == 130
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [account.account.to_dict()] * len(naps)


def test_watch_outlives_trouble(
    account: Sandbox, naps: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A watch goes on after what may pass, waits as long as the service asks, and tells each time."""
    account.fail(503)
    account.fail(429, retry_after=90)
    account.drop(
        times=2
    )  # the first on a connection that was used before, which is replaced in silence
    assert cli.main(["credits", "--watch", "5", "--retries", "0"]) == 130
    out, err = capsys.readouterr()
    assert re.fullmatch(LINE % (250, 750) + "\n", out)
    assert naps == [5, 90, 5, 5]
    first, second, _ = err.splitlines()
    assert "503" in first
    assert "429" in second


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_watch_ends_with_what_will_not_pass(
    status: int, account: Sandbox, naps: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A watch ends when the request itself is refused: asking again would not help."""
    account.fail(status)
    assert cli.main(["credits", "--watch", "5"]) == 1
    assert str(status) in capsys.readouterr().err
    assert naps == []


def test_watch_until_too_few(
    account: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A watch with `--fail-below` ends with 3 as soon as fewer remain."""
    monkeypatch.setattr("at_client.cli.time.sleep", lambda _: account.account.spend(300))
    assert cli.main(["credits", "--watch", "1", "--fail-below", "200"]) == 3
    out, err = capsys.readouterr()
    lines = [LINE % pair for pair in ((250, 750), (550, 450), (850, 150))]
    assert re.fullmatch("\n".join([*lines, ""]), out)
    assert err == "at-client: 150 credits remain, fewer than 200\n"


def test_watch_of_a_sandbox(naps: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """A watched sandbox is told of once, and not among the lines."""
    assert cli.main(["credits", "--watch", "1", "--sandbox"]) == 130
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(naps)
    assert err.count("From a sandbox") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["debits"], "invalid choice: 'debits'"),
        (["credits", "--watch", "0"], "--watch: must be a number of seconds above 0, not '0'"),
        (["credits", "--watch", "inf"], "--watch: must be a number of seconds above 0, not 'inf'"),
        (["credits", "--timeout", "soon"], "--timeout: must be a number of seconds above 0"),
        (["credits", "--timeout", "nan"], "--timeout: must be a number of seconds above 0"),
        (["credits", "--retries", "-1"], "--retries: must be a whole number, 0 or more, not '-1'"),
        (["credits", "--fail-below", "1.5"], "--fail-below: must be a whole number, 0 or more"),
        (["credits", "--format", "xml"], "--format: invalid choice: 'xml'"),
        (["credits", "--host", "ftp://x"], "--host: it must be a URL"),
        (["credits", "--host", "http://x", "--sandbox"], "not allowed with argument"),
        (["credits", "--form", "json"], "unrecognized arguments: --form json"),
        (["sandbox", "--port", "-1"], "--port: must be a whole number"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage exits with 2 and says what is wrong with which option."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


@pytest.mark.parametrize("arguments", [[], ["credits"], ["sandbox"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every help has examples, and each example is one that the parser takes."""
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    examples = re.findall(r"^  at-client (.*?)(?: [#|>&].*)?$", out, re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        make_parser().parse_args(example.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names program and version."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"at-client {__version__}\n"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_are_light(option: str) -> None:
    """`--help` and `--version` bring in neither urllib3 nor pydantic, nor what they need."""
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['at_client', {option!r}]\n"
        "try:\n    runpy.run_module('at_client', run_name='__main__')\n"
        "except SystemExit as done:\n    assert not done.code\n"
        "print('\\nLOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    loaded = set(shown.rpartition("LOADED")[2].split())
    assert "at_client" in loaded
    assert not loaded & {"urllib3", "pydantic", "dateutil", "typing_extensions", "ssl", "http"}


def test_as_a_module(account: Sandbox) -> None:
    """`python -m at_client` is the command line: it prints, and its status is the process's."""
    status, out, err = run("credits", "--fail-below", "800")
    assert (status, err) == (3, "at-client: 750 credits remain, fewer than 800\n")
    assert "Remaining    750" in out
    assert len(account.requests) == 1


def test_ascii_output_has_an_ascii_bar(account: Sandbox) -> None:
    """Where stdout cannot show block characters, the bar is of ASCII, and nothing breaks."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    status, out, err = run("credits", env=environment)
    assert (status, err) == (0, "")
    assert "##########------------------------------  25 % used" in out
    assert len(account.requests) == 1


def on_terminal(*arguments: str, seen: str, **variables: str) -> str:
    """Run the command line on a pseudo-terminal until something is seen, then press Ctrl-C."""
    import pty

    near, far = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "60", **variables}
    shown = ""
    try:
        with running(*arguments, stdin=far, stdout=far, stderr=far, env=environment) as process:
            deadline = time.monotonic() + 20
            while seen not in shown:
                assert time.monotonic() < deadline, shown
                if select.select([near], [], [], 0.1)[0]:
                    shown += os.read(near, 65536).decode()
            process.send_signal(signal.SIGINT)
            process.wait(10)
    finally:
        os.close(near)
        os.close(far)
    return shown.replace("\r\n", "\n")


def test_terminal_has_colours(account: Sandbox) -> None:
    """On a terminal the bar has its colour and the width that there is."""
    shown = on_terminal("credits", seen="Resets")
    assert "\x1b[32m██████████\x1b[0m\x1b[2m" in shown
    assert "\x1b[1m  750\x1b[0m" in shown
    assert account.requests


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_terminal_without_colours(variables: dict[str, str], account: Sandbox) -> None:
    """`NO_COLOR`, and a terminal that knows no escape sequences, get plain text."""
    assert "\x1b[" not in on_terminal("credits", seen="Resets", **variables)
    assert account.requests


def test_terminal_is_redrawn(account: Sandbox) -> None:
    """On a terminal, `--watch` wipes and draws again, and says how to end it."""
    shown = on_terminal("credits", "--watch", "0.01", seen="Ctrl-C ends it\x1b[0m\r\n\x1b[H\x1b[J")
    assert shown.startswith("\x1b[H\x1b[J\x1b[1mAgent Toolkit credits")
    assert " UTC, every 0.01 s, Ctrl-C ends it" in shown
    assert "Traceback" not in shown
    assert account.requests


def test_interrupt_is_quiet(account: Sandbox) -> None:
    """Ctrl-C while waiting for an answer exits with 130, at once and without a word."""
    account.delay(60)
    with running("credits") as process:
        while not account.requests:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["credits"], {141}),
        (["credits", "--watch", "0.01"], {141}),
        (["sandbox"], {141}),
        (["credits", "--help"], {0, 141}),  # argparse of 3.11 and later does not mind
    ],
)
def test_broken_pipe_is_quiet(arguments: list[str], expected: set[int], account: Sandbox) -> None:
    """When nobody reads stdout any more, the command ends without a word, as one in C would."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        status, _, err = run(*arguments, stdout=writing)
    finally:
        os.close(writing)
    assert status in expected
    assert err == ""
    assert account.url


def test_sandbox_in_the_foreground(tmp_path: Path) -> None:
    """`sandbox` prints lines that a shell can evaluate, answers, logs to stderr, and ends on Ctrl-C."""
    arguments = ("sandbox", "--total", "100", "--used", "90", "--token", f"{TOKEN} $HOME")
    with running(*arguments, cwd=tmp_path) as process:
        printed = "".join(lines_of(process.stdout, 3))
        shell = f'{printed}\nprintf "%s\\n" "$AT_CLIENT_HOST" "$ACCESS_TOKEN"'
        evaluated = subprocess.check_output(["/bin/sh", "-c", shell], text=True)
        host, token = evaluated.splitlines()
        assert token == f"{TOKEN} $HOME"
        request = urllib.request.Request(f"{host}/api/v1/credits")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=5) as response:
            assert json.load(response)["remaining_credits"] == 10
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{host}/%1B%5B2Jnowhere", timeout=5)
        logged = lines_of(process.stderr, 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "", "")
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET /api/v1/credits 200\n", logged[0])
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET / \[2Jnowhere 404\n", logged[1])
    assert not any(TOKEN in line for line in logged)


def test_sandbox_makes_up_a_token() -> None:
    """Without options the sandbox has a free port and a token of its own."""
    with running("sandbox") as process:
        comment, host, token = lines_of(process.stdout, 3)
        process.send_signal(signal.SIGTERM)
    assert comment.startswith("# ")
    assert re.fullmatch(r"export AT_CLIENT_HOST=http://127\.0\.0\.1:[1-9]\d*\n", host)
    assert re.fullmatch(r"export ACCESS_TOKEN=at-sandbox-token-[0-9a-f]{24}\n", token)


def test_sandbox_that_cannot_run(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """A taken or impossible port and impossible numbers are told in one line."""
    taken = sandbox.url.rpartition(":")[2]
    for arguments, said in (
        (["--port", taken], f"cannot open port {taken}: "),
        (["--port", "65536"], "cannot open port 65536: "),
        (["--used", "2000"], "used must be from 0 to total (1000), not 2000"),
    ):
        assert cli.main(["sandbox", *arguments]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"at-client: {said}")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("encoding", "blocks"), [("utf-8", True), ("latin-1", False), ("no-such", False), (None, False)]
)
def test_screen_knows_the_encoding(encoding: str | None, blocks: bool) -> None:
    """Blocks are drawn where the encoding has them; one that nobody knows has none."""

    class Stream:
        def isatty(self) -> bool:
            return False

    stream: Any = Stream()
    stream.encoding = encoding
    assert cli.screen_of(stream).blocks is blocks


def test_terminal_width_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width is the terminal's, which `COLUMNS` may set."""
    monkeypatch.setenv("COLUMNS", "33")
    assert cli.screen_of(sys.stdout).width == 33
