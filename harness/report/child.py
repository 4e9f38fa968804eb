"""The report written by a child process, so that pandas and matplotlib never load into the one that measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from harness import errors

if TYPE_CHECKING:
    from pathlib import Path

STDERR = 2
"""This process's, as a file descriptor."""


def render(folder: Path, *, store: str | None = None, on_stderr: bool = False) -> Path:
    """Make everything of the run in ``folder`` from its journal: files, ``latest``, store, table; returns the page.

    ``store``: SQLAlchemy URL, None for the default; ``on_stderr``: where the table goes. Raises DiskFull, StoreError,
    ResultsUnusable or RunNotStored as the child does, and VisorbenchError with the end of its stderr when it dies.
    """
    command = [sys.executable, "-m", "harness.report", str(folder)]
    own = {"VISORBENCH_STORE": store} if store else {}  # a URL may hold a password: not for `ps`
    done = subprocess.run(
        command, env={**os.environ, **own}, stdout=STDERR if on_stderr else None, stderr=subprocess.PIPE,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise _told(done.stderr, done.returncode)
    return folder / "index.html"


def _told(stderr: str, status: int) -> errors.VisorbenchError:
    lines = stderr.strip().splitlines()
    try:
        told = json.loads(lines[-1])
        kind = getattr(errors, told["error"])
        error: errors.VisorbenchError = kind(told["message"], fix=told["fix"])
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        return errors.VisorbenchError(
            f"the report's process ended with status {status}: {lines[-1] if lines else 'it said nothing'}",
            fix="results.json is kept: `visorbench report` tries again", stderr=stderr[-4000:],
        )  # fmt: skip
    return error
