"""The most memory that the harness itself is resident in while a bench measures, in MB (10^6 bytes)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from tests.selfbench.result import Result

LIMIT_MB = 150
SAMPLE_S = 0.05


def run() -> Result:
    """A quick bench of one architecture; its report's process comes after the measuring, and is told apart."""
    peaks = {"measuring": 0, "report": 0}
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(Path(sys.executable).with_name("visorbench")),
            "bench",
            "--profile",
            "quick",
            "--arch",
            "x86-64",
        ]
        command += ["--reports", folder, "--store", f"sqlite:///{folder}/results.db"]
        log = Path(folder, "log")
        with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as bench:
            process = psutil.Process(bench.pid)
            while bench.poll() is None:
                _sample(process, peaks)
                try:
                    bench.wait(SAMPLE_S)
                except subprocess.TimeoutExpired:
                    continue
        if bench.returncode:
            raise RuntimeError(f"the bench ended with status {bench.returncode}:\n{log.read_text()}")
    detail = {"report_process_mb": round(peaks["report"] / 1e6)}
    return Result("bench_memory", peaks["measuring"] / 1e6, "MB", LIMIT_MB, detail)


def _sample(bench: psutil.Process, peaks: dict[str, int]) -> None:
    """The bench and every Python below it, QEMU and workloads not."""
    now = {"measuring": 0, "report": 0}
    try:
        for process in [bench, *bench.children(recursive=True)]:
            command = process.cmdline()
            if command and "python" in Path(command[0]).name:
                role = "report" if "harness.report" in command else "measuring"
                now[role] += process.memory_info().rss
    except psutil.Error:
        return
    for role, size in now.items():
        peaks[role] = max(peaks[role], size)
