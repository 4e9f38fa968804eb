"""Time to the ready event of the guest gpu, its GPU's driver loaded ÷ to the line of its kernel with a bare init."""

from __future__ import annotations

from harness.guests.model import Arch
from harness.machines.model import GpuMode
from tests.selfbench.guest_ready import medians_s
from tests.selfbench.result import Result

LIMIT = 1.6
PAIRS = 4
MOST_S = 12
"""What a boot may take, two emulated processors on two cores."""


def run() -> Result:
    """The worse of both architectures' ratios, each of the medians of PAIRS interleaved pairs."""
    medians = {arch.value: medians_s("gpu", arch, PAIRS, GpuMode.TWO_D) for arch in Arch}
    return Result(
        "gpu_guest_ready",
        max(each["gpu"] / each["bare"] for each in medians.values()),
        "ratio",
        LIMIT,
        {"pairs": PAIRS, **medians},
        holds=all(each["gpu"] <= MOST_S for each in medians.values()),
    )
