"""Runs to gate: made of numbers with a known difference, recorded as a bench records them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.results.recorder import RunRecorder
from tests.report.synthetic import HOST, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run

QEMU = {"backend": "tcg", "backend_version": "QEMU 7.2.22", "guest": "tiny", "arch": "arm64"}


def run(
    reports: Path,
    *,
    seed: int,
    n: int = 20,
    metrics: int = 6,
    slower: dict[str, float] | None = None,
    version: str = "QEMU 7.2.22",
    failing: bool = False,
    finished: bool = True,
    native: float = 1.0,
    skipped: tuple[str, ...] = (),
) -> Run:
    """``metrics`` of one guest, "lower" and "higher" in turns; ``slower`` makes some worse by a share."""
    random = np.random.default_rng(seed)
    with RunRecorder("standard", recorded(HOST), reports=reports, run_id=f"run-{seed}") as recorder:
        host = recorder.subject(backend="native", backend_version="Linux 6.1", arch="x86-64")
        tcg = recorder.subject(**{**QEMU, "backend_version": version})
        for number in range(metrics):
            name, lower = f"metric-{number}", number % 2 == 0
            if name in skipped:
                continue
            worse = 1 + (slower or {}).get(name, 0.0)
            values = random.lognormal(0, 0.02, n) * (5 * worse if lower else 5e6 / worse)
            recorder.samples(
                "boot" if lower else "compute", name, unit="s" if lower else "op/s",
                better="lower" if lower else "higher", subject=tcg, values=values,
            )  # fmt: skip
        values = random.lognormal(0, 0.01, n) * 1e9 * native
        recorder.samples("compute", "metric-1", unit="op/s", better="higher", subject=host, values=values)
        if failing:
            recorder.fail("lifecycle", error="MachineDied", message="not known to the baseline", subject=tcg)
            recorder.fail("boot", error="BootTimeout", message="no guest ready in 60 s\nmore", subject=tcg)
        if finished:
            recorder.end()
        return recorder._draft.freeze()
