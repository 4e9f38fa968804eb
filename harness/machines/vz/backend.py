"""The backend ``vz``: Virtualization.framework through vfkit."""

from __future__ import annotations

from harness.guests.model import Arch
from harness.host.accelerators import DEADLINE_S
from harness.machines.model import Capabilities
from harness.machines.rest.backend import Kind
from harness.machines.vz.program import GPUS, define
from harness.machines.vz.proof import prove

VZ = Kind(
    "vz",
    "vfkit",
    # Pause and the power button; there is no reset, no picture, and no port that a guest could write to.
    Capabilities(archs=frozenset({Arch.ARM64}), reset=False, vsock=True, gpus=GPUS),
    "Virtualization.framework gives a guest a plain display only",
    define,
    prove,
    DEADLINE_S,
)
