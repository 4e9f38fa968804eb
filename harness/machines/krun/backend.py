"""The backend ``krun``: libkrun through krunkit."""

from __future__ import annotations

from harness.guests.model import Arch
from harness.machines.krun.program import GPUS, define
from harness.machines.krun.proof import prove
from harness.machines.model import Capabilities
from harness.machines.rest.backend import Kind

DEADLINE_S = 20.0
"""For the proof: firmware runs before it."""

KRUN = Kind(
    "krun",
    "krunkit",
    # Pause by job control and the power button; there is no reset, no picture, and no direct boot of a kernel.
    Capabilities(
        archs=frozenset({Arch.ARM64}),
        pause_stops_clock=False,
        reset=False,
        vsock=True,
        gpus=GPUS,
        firmware_only=True,
    ),
    "libkrun's GPU is Venus without a display, and nothing else",
    define,
    prove,
    DEADLINE_S,
)
