"""Memory that a guest has used and needs no more, and how much of it its host has back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.errors import MeasurementError
from harness.machines.usage import guest_memory_bytes

if TYPE_CHECKING:
    from harness.machines.model import Machine

RESOLUTION_S = 0.1
"""How often the host is asked while memory comes back: reading smaps takes milliseconds."""
_FILE = "/tmp/filled"  # noqa: S108 - in the guest, whose /tmp is in memory


def held_bytes(machine: Machine) -> int:
    """What the host holds of the guest's memory; raises MeasurementError where the host does not tell."""
    held = guest_memory_bytes(machine.pids, machine.spec.memory_bytes)
    if held is None:
        raise MeasurementError(
            "this host does not tell how much of a guest's memory it holds", fix="measure on Linux"
        )
    return held


def fill(machine: Machine, mib: int, *, timeout_s: float = 300) -> None:
    """Have the guest write to so much of its memory."""
    machine.ssh.run(f"dd if=/dev/urandom of={_FILE} bs=1M count={mib}", timeout_s=timeout_s)


def free(machine: Machine) -> None:
    """It needs that no more: for the guest it is free, for the host in use as before."""
    machine.ssh.run(f"rm {_FILE}")


def await_return(machine: Machine, least_bytes: int, *, held: int, timeout_s: float = 120) -> float:
    """After how many seconds the host has ``least_bytes`` of the ``held`` back, to :data:`RESOLUTION_S`.

    Raises MeasurementError when it has not in time.
    """
    began = time.monotonic()
    while (returned := held - held_bytes(machine)) < least_bytes:
        if time.monotonic() - began > timeout_s:
            raise MeasurementError(
                f"{machine.name} gave back {returned >> 20} MiB within {timeout_s:g} s, and not {least_bytes >> 20} MiB"
            )
        time.sleep(RESOLUTION_S)
    return time.monotonic() - began
