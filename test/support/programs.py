"""Runs Python programs in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def run_python(*arguments: str, **variables: str) -> str:
    """Run Python in the folder of the tests, and return what it prints.

    Args:
        *arguments: What follows `python` on the command line.
        **variables: Variables of the environment to add.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=TESTS,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
