"""Starts the processes: the server on one core, the contenders on another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVER_CORE = -1
CONTENDER_CORE = 0

HOME = Path(__file__).parent.parent
"""The folder that `benchmarks` is in."""


def pin(core: int) -> None:
    """Keep this process and its children on one core, where the system can do that.

    Args:
        core: Its index among the cores that may be used.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core]})


def started(
    *arguments: str, ahead: Path | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start another Python that finds `benchmarks` where this one did.

    Args:
        *arguments: Those of the interpreter.
        ahead: A folder whose packages are found before all others.
        **options: Those of `subprocess.Popen`.
    """
    folders = [folder for folder in (ahead, HOME) if folder is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}

    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        # `-m` and `-c` look into the current folder before anywhere else.
        cwd=folders[0],
        text=True,
        **options,
    )


def keep_bytecode() -> None:
    """Let the processes write bytecode files, as they do for most people."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONPYCACHEPREFIX", None)
