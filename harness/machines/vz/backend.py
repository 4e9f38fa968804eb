"""The backend ``vz``: which vfkit, whether it runs a guest, and machines of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.guests.model import Arch
from harness.host.accelerators import DEADLINE_S
from harness.machines.logs import LogFolders
from harness.machines.model import Capabilities, GpuMode, GpuProbe, Probe
from harness.machines.rest.machine import RestMachine
from harness.machines.rest.presence import look, stand_in, usable
from harness.machines.vz.program import define
from harness.machines.vz.proof import prove

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.model import MachineSpec

_GPUS = frozenset({GpuMode.NONE, GpuMode.TWO_D})


class VzBackend:
    """``logs``: the folder in which machines leave their logs; the second machine and later ones in numbered ones."""

    def __init__(self, *, logs: Path | None = None) -> None:
        self._logs = LogFolders(logs) if logs else None

    @property
    def name(self) -> str:
        return "vz"

    def probe(self, arch: Arch, *, deadline_s: float = DEADLINE_S) -> Probe:
        """Run a guest that powers itself off. Codes: those of :class:`harness.host.accelerators.Proof`, and
        ``no-vfkit``, ``old-vfkit``, ``no-entitlement``, ``double``."""
        presence = look(self.name, "vfkit", arch)
        if presence.found is None:
            return presence.lack or Probe(self.name, arch, usable=False, code="no-vfkit")
        if presence.found.double:
            return stand_in(self.name, arch, presence.found)
        return prove(presence.found, arch, deadline_s=deadline_s)

    def capabilities(self) -> Capabilities:
        """Pause and the power button; there is no reset, no picture, and no port that a guest could write to."""
        return Capabilities(archs=frozenset({Arch.ARM64}), reset=False, gpus=_GPUS)

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """Virtualization.framework has a plain display and nothing else."""
        if mode in _GPUS:
            return GpuProbe(mode, arch, usable=True)
        return GpuProbe(
            mode, arch, usable=False, code="refused",
            reason="Virtualization.framework gives a guest a plain display only", fix="use a backend of QEMU",
        )  # fmt: skip

    def machine(self, spec: MachineSpec) -> RestMachine:
        """A defined machine; raises UsageError for options that do not fit, AcceleratorUnusable without vfkit."""
        found = usable(self.name, "vfkit", spec.guest.arch)
        vfkit = define(spec, found)
        what = f"a double of {self.name}" if found.double else self.name
        name = f"{spec.guest.name} ({spec.guest.arch}) on {what}"
        return RestMachine(name, spec, vfkit, logs=self._logs.next if self._logs else None)
