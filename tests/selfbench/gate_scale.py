"""How long it takes to gate two runs of a thousand series with a thousand samples each, as a CI does it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from harness.results.recorder import RunRecorder
from tests.selfbench.result import Result

LIMIT_S = 10
SERIES = 1_000
EACH = 1_000
SLOWER = 10
"""So many of the series are 5 % slower in the second run, and must be found."""


def run() -> Result:
    """Seconds of ``visorbench gate``, from its start to its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = (_results(Path(folder), name, factor) for name, factor in (("a", 1.0), ("b", 1.05)))
        program = Path(sys.executable).with_name("visorbench")
        command = [str(program), "gate", f"--baseline={before}", f"--run={after}"]
        used, started = psutil.Process().cpu_times(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        now = psutil.Process().cpu_times()
    cpu_s = now.children_user + now.children_system - used.children_user - used.children_system
    told = f"FAILED: {SLOWER} metrics regressed (of {SERIES:,} metrics"
    found = told in done.stdout and done.returncode == 1
    detail = {
        "series": SERIES,
        "samples_each": EACH,
        "cpu_s": round(cpu_s, 1),
        "said": (done.stdout + done.stderr).split("\n", 1)[0],
    }
    return Result("gate_scale", seconds, "s", LIMIT_S, detail, holds=found)


def _results(folder: Path, name: str, factor: float) -> Path:
    random = np.random.default_rng(ord(name))
    with RunRecorder("scale", {"fingerprint": "none"}, reports=folder, run_id=name) as recorder:
        subject = recorder.subject(backend="tcg", guest="tiny", arch="arm64")
        for number in range(SERIES):
            values = random.lognormal(0, 0.05, EACH) * (factor if number < SLOWER else 1.0)
            recorder.samples(
                "scale", f"metric-{number}", unit="s", better="lower", subject=subject, values=values,
                at_s=range(EACH),
            )  # fmt: skip
        run = recorder.finish()
    path = folder / f"{name}.json"
    path.write_text(run.to_json(), encoding="utf-8")
    return path
