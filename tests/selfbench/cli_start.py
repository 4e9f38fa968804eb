"""How long ``visorbench --help`` takes, as a user waits for it: process start to exit."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.selfbench.result import Result

LIMIT_S = 0.3
ROUNDS = 15


def run() -> Result:
    """The median of ROUNDS, and beside it a bare interpreter's start."""
    command = Path(sys.executable).with_name("visorbench")
    helps, bare = [], []
    for _ in range(ROUNDS):
        helps.append(_seconds([str(command), "--help"]))
        bare.append(_seconds([sys.executable, "-c", "pass"]))
    return Result(
        "cli_start",
        statistics.median(helps),
        "s",
        LIMIT_S,
        {"bare_python_s": round(statistics.median(bare), 4), "n": ROUNDS},
    )


def _seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
