"""The longest that Ctrl-C takes to end a bench, from the signal until the harness and every process of it are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 3.0
TIMES = 4
"""Each moment."""
PATIENCE_S = 300
LOOK_S = 0.02


def run() -> Result:
    """A quick bench on TCG, interrupted while it proves its backend, while a guest boots, and while it measures one."""
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's background: a bench would not hear it either
        signal.signal(signal.SIGINT, signal.default_int_handler)
    took_s: dict[str, list[float]] = {name: [] for name in MOMENTS}
    left: list[str] = []
    for _ in range(TIMES):
        for name, come in MOMENTS.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds, remaining = _interrupted(Path(folder), come)
            took_s[name].append(seconds)
            left += remaining
    longest = max(max(each) for each in took_s.values())
    detail = {name: [round(seconds, 2) for seconds in each] for name, each in took_s.items()}
    return Result("interrupt", longest, "s", LIMIT_S, {**detail, "left_behind": left}, holds=not left)


def _interrupted(folder: Path, come: Callable[[Path, list[psutil.Process]], bool]) -> tuple[float, list[str]]:
    """Seconds until nothing is left, and what was left after the patience; the bench must have heard the signal."""
    own = {f"VISORBENCH_{name}_DIR": str(folder / name.lower()) for name in ("DATA", "RUNTIME")}
    program = str(Path(sys.executable).with_name("visorbench"))
    little = ["--profile", "quick", "--backend", "tcg", "--arch", "x86-64", "-k", "boot or lifecycle"]
    command = [program, "bench", *little, "--reports", str(folder / "reports")]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | own) as bench,
    ):
        processes = _wait_for(come, bench, folder)
        started = time.monotonic()
        bench.send_signal(signal.SIGINT)
        status = bench.wait(PATIENCE_S)
        _, remaining = psutil.wait_procs(processes, PATIENCE_S)
        seconds = time.monotonic() - started
    if status != 128 + signal.SIGINT:
        raise RuntimeError(f"the bench ended with status {status}:\n{(folder / 'log').read_text()}")
    directories = [path.name for path in (folder / "runtime").rglob("*.sock")]
    return seconds, [*map(str, remaining), *directories]


def _wait_for(
    come: Callable[[Path, list[psutil.Process]], bool], bench: subprocess.Popen[bytes], folder: Path
) -> list[psutil.Process]:
    """Everything below the bench, once the moment has come."""
    deadline = time.monotonic() + PATIENCE_S
    while bench.poll() is None and time.monotonic() < deadline:
        below = psutil.Process(bench.pid).children(recursive=True)
        if come(folder, below):
            return below
        time.sleep(LOOK_S)
    bench.kill()
    raise RuntimeError(f"the moment never came:\n{(folder / 'log').read_text()}")


def _proving(_: Path, below: list[psutil.Process]) -> bool:
    """Its first QEMU, which runs the proof."""
    return any(_is_qemu(process) for process in below)


def _booting(folder: Path, _: list[psutil.Process]) -> bool:
    """A guest has said something."""
    return any(log.stat().st_size for log in folder.glob("reports/*/logs/**/console.log"))


def _measuring(folder: Path, below: list[psutil.Process]) -> bool:
    """Something is measured, and a guest is there: the next one."""
    journals = folder.glob("reports/*/journal.jsonl")
    return any('"samples"' in journal.read_text() for journal in journals) and _proving(folder, below)


def _is_qemu(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("qemu")
    except psutil.Error:
        return False


MOMENTS = {"proving": _proving, "booting": _booting, "measuring": _measuring}
"""What the bench is doing → whether that is so, of its folder and the processes below it."""
