"""Time to the ready event of the guest gpu, its GPU's driver loaded ÷ to the line of its kernel with a bare init."""

from __future__ import annotations

from harness.guests.model import Arch
from harness.machines.model import GpuMode
from tests.selfbench.guest_ready import compared
from tests.selfbench.result import Result

LIMIT = 1.6
PAIRS = (6, 20)
"""At least and at most."""
MOST_S = 12
"""What a boot may take, two emulated processors on two cores."""


def run() -> Result:
    """The worse of both architectures' ratios."""
    found = {arch.value: compared("gpu", arch, LIMIT, PAIRS, GpuMode.TWO_D) for arch in Arch}
    return Result(
        "gpu_guest_ready",
        max(each["ratio"] for each in found.values()),
        "ratio",
        LIMIT,
        found,
        holds=all(each["gpu_s"][1] <= MOST_S for each in found.values()),
    )
