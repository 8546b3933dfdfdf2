"""Starts the processes that take part: the server on one core, the callers on another, bytecode for all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVER_CORE, CALLER_CORE = -1, 0
"""Which of the cores that this process may use."""

HOME = Path(__file__).parent.parent
"""The folder that `benchmarks` is in."""


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core, where the system can do that.

    Args:
        core: Its place among the cores that may be used.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def started(
    *arguments: str, ahead: Path | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Start another Python that finds `benchmarks` where this one did.

    Args:
        *arguments: Those of the interpreter.
        ahead: A folder whose packages go before all others.
        **options: Those of `subprocess.Popen`.
    """
    folders = [folder for folder in (ahead, HOME) if folder is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        # `-m` and `-c` look into the folder that they are started in before anywhere else.
        cwd=folders[0],
        text=True,
        **options,
    )


def keep_bytecode() -> None:
    """Have the processes started keep their bytecode beside the source, as people's do."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.pop("PYTHONPYCACHEPREFIX", None)
