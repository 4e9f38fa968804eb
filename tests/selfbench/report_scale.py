"""How long a million samples take to become a full report, how much memory that needs, and whether it is linear.

Each size is measured from outside, as a bench does it: a process of its own reads the run's folder and writes every
file. The folder holds a journal only, so that reading it back, the summaries and the ratios are part of the time.
"""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from harness.results.recorder import RunRecorder
from tests.selfbench.result import Result

LIMIT_S = 20
LIMIT_MB = 600
LIMIT_EXPONENT = 1.1
"""Time grows as size to this power at most, where 1 is linear; what starting Python costs makes it smaller."""

SIZES = ((20, 500), (200, 500), (2000, 500))
"""(series, samples in each): 10,000, 100,000 and 1,000,000 samples."""


def run() -> Result:
    """Seconds for a million samples; memory and linearity have limits too."""
    detail: dict[str, object] = {}
    seconds: list[float] = []
    peak_mb = 0.0
    for series, each in SIZES:
        with tempfile.TemporaryDirectory() as reports:
            folder = _journal(Path(reports), series, each)
            elapsed, memory_mb = _render(folder)
        seconds.append(elapsed)
        peak_mb = max(peak_mb, memory_mb)
        detail[f"{series * each}"] = {"s": round(elapsed, 2), "peak_mb": round(memory_mb)}
    exponent = math.log10(seconds[-1] / seconds[0]) / 2
    good = peak_mb <= LIMIT_MB and exponent <= LIMIT_EXPONENT
    detail |= {
        "peak_mb_limit": LIMIT_MB,
        "exponent": round(exponent, 2),
        "exponent_limit": LIMIT_EXPONENT,
    }
    return Result("report_scale", seconds[-1], "s", LIMIT_S, detail, holds=good)


def _journal(reports: Path, series: int, each: int) -> Path:
    """A run of ``series`` series over ten scenarios and ten subjects, native among them."""
    dice = random.Random(series)
    with RunRecorder("scale", {"cpu": "none: this measures the harness"}, reports=reports) as recorder:
        subjects = [recorder.subject(backend="native")]
        subjects += [
            recorder.subject(backend="tcg", guest="tiny", arch=f"machine-{number}") for number in range(9)
        ]
        for number in range(series):
            slower = 1 + number % 10
            recorder.samples(
                f"scenario-{number // 10 % 10}",
                f"metric-{number // 100}",
                unit="op/s",
                better="higher",
                subject=subjects[number % 10],
                values=[1e9 / slower * dice.lognormvariate(0, 0.05) for _ in range(each)],
                at_s=[at / 10 for at in range(each)],
            )
        return recorder.folder


def _render(folder: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of the report's process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "harness.report", str(folder)]
    own = {
        "VISORBENCH_STORE": f"sqlite:///{folder}/results.db"
    }  # not among the runs of whoever measures this
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.DEVNULL) as child:
        peak = _peak_mb(child)
    if child.returncode:
        raise RuntimeError(f"the report's process ended with status {child.returncode}")
    return time.perf_counter() - started, peak


def _peak_mb(child: subprocess.Popen[bytes]) -> float:
    """The most memory the child was seen to have: sampled, as no portable call tells one child's peak."""
    process, peak = psutil.Process(child.pid), 0
    while True:
        try:
            peak = max(peak, process.memory_info().rss)
            child.wait(0.02)
        except psutil.Error:
            child.wait()
        except subprocess.TimeoutExpired:
            continue
        return peak / 1e6
