"""The most memory that the harness itself is resident in while a bench measures, in MB (10^6 bytes)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_MB = 150
SAMPLE_S = 0.05
BENCHES = (("--profile", "quick"), ("--profile", "standard", "-k", "display or encode"))
ELSEWHERE = {"harness.report": "report", "EncoderHost": "encoder", "StoreCheck": "store", "Errand": "builder"}
"""What a process of its own has in its command line → what it is: the store is looked at and guests are built before
the measuring, the report comes after it, and the encoder is measured itself."""


def run() -> Result:
    """Of a quick bench, and of the frames' scenarios, of one architecture; other processes' peaks are told apart."""
    peaks = dict.fromkeys(("measuring", *ELSEWHERE.values()), 0)
    with tempfile.TemporaryDirectory() as folder:
        for words in BENCHES:
            _bench(Path(folder), words, peaks)
    detail = {f"{name}_process_mb": round(peaks[name] / 1e6) for name in ELSEWHERE.values()}
    return Result("bench_memory", peaks["measuring"] / 1e6, "MB", LIMIT_MB, detail)


def _bench(folder: Path, words: Sequence[str], peaks: dict[str, int]) -> None:
    visorbench = str(Path(sys.executable).with_name("visorbench"))
    command = [visorbench, "bench", "--arch", "x86-64", *words]
    command += ["--reports", str(folder), "--store", f"sqlite:///{folder}/results.db"]
    log = folder / "log"
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


def _sample(bench: psutil.Process, peaks: dict[str, int]) -> None:
    """The bench and every Python below it, QEMU and workloads not."""
    now = dict.fromkeys(peaks, 0)
    try:
        for process in [bench, *bench.children(recursive=True)]:
            command = process.cmdline()
            if command and "python" in Path(command[0]).name:
                words = " ".join(command)
                role = next((role for sign, role in ELSEWHERE.items() if sign in words), "measuring")
                now[role] += process.memory_info().rss
    except psutil.Error:
        return
    for role, size in now.items():
        peaks[role] = max(peaks[role], size)
