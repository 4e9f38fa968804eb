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
    noise: float = 0.0,
    skipped: tuple[str, ...] = (),
) -> Run:
    """``metrics`` of one guest, "lower" and "higher" in turns; ``slower`` makes some worse by a share."""
    random = np.random.default_rng(seed)
    with RunRecorder("standard", recorded(HOST), reports=reports, run_id=f"run-{seed}") as recorder:
        recorder.host(noise_score=noise)
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
                better="lower" if lower else "higher", subject=tcg, values=values, at_s=range(n),
            )  # fmt: skip
        values = random.lognormal(0, 0.01, n) * 1e9 * native
        recorder.samples(
            "compute", "metric-1", unit="op/s", better="higher", subject=host, values=values, at_s=range(n)
        )
        if failing:
            recorder.fail("lifecycle", error="MachineDied", message="not known to the baseline", subject=tcg)
            recorder.fail("boot", error="BootTimeout", message="no guest ready in 60 s\nmore", subject=tcg)
        if finished:
            recorder.end()
        return recorder._draft.freeze()


def sided(recorder: RunRecorder, side: str, *, pair: str = "1", variant: str = "", **facts: str) -> str:
    """The id of a subject of one side of an A/B, as the plugin tells of it; ``cpu`` is configured."""
    config = {"label": side, "side": side, "pair": pair, "cpu": facts.pop("cpu", "max")}
    config |= {key: facts.pop(key) for key in ("qemu", "build") if key in facts}
    own = {**QEMU, **facts}
    label = "-".join(part for part in (side, variant) if part)
    return recorder.subject(**own, config=config, variant=label, fingerprint=f"{own}{config['cpu']}{variant}")


def ab_run(
    reports: Path,
    *,
    slower: float = 1.0,
    n: int = 20,
    cpu_of_b: str = "max",
    finished: bool = True,
    failing: str = "",
    measured: str = "AB",
) -> None:
    """The folder of a run "ab" in which B takes ``slower`` times as long as A; sides in ``failing`` have failures."""
    with RunRecorder("gate", recorded(HOST), reports=reports, run_id="ab") as recorder:
        recorder.notice("A against B in turns")
        for side, factor, cpu in (("A", 1.0, "max"), ("B", slower, cpu_of_b)):
            subject = sided(recorder, side, cpu=cpu)
            for number in range(n if side in measured else 0):
                value = factor * (5 + number / 100)
                recorder.sample("boot", "guest-ready", unit="s", better="lower", subject=subject, value=value)
            if side in failing:
                recorder.fail("boot", error="BootTimeout", message="no guest ready in 60 s", subject=subject)
        if finished:
            recorder.end()
