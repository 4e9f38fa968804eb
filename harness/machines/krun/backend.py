"""The backend ``krun``: which krunkit, whether it runs a guest, and machines of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.guests.model import Arch
from harness.machines.krun.program import GPUS, define
from harness.machines.krun.proof import prove
from harness.machines.logs import LogFolders
from harness.machines.model import Capabilities, GpuProbe, Probe
from harness.machines.rest.machine import RestMachine
from harness.machines.rest.presence import look, stand_in, usable

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.model import GpuMode, MachineSpec

DEADLINE_S = 20.0
"""For the proof: firmware runs before it."""


class KrunBackend:
    """``logs``: the folder in which machines leave their logs; the second machine and later ones in numbered ones."""

    def __init__(self, *, logs: Path | None = None) -> None:
        self._logs = LogFolders(logs) if logs else None

    @property
    def name(self) -> str:
        return "krun"

    def probe(self, arch: Arch, *, deadline_s: float = DEADLINE_S) -> Probe:
        """Run a guest that powers itself off. Codes: those of :func:`harness.machines.rest.proof.judged`, and
        ``wrong-os``, ``wrong-arch``, ``no-krunkit``, ``old-krunkit``, ``double``."""
        presence = look(self.name, "krunkit", arch)
        if presence.found is None:
            return presence.lack or Probe(self.name, arch, usable=False, code="no-krunkit")
        if presence.found.double:
            return stand_in(self.name, arch, presence.found)
        return prove(presence.found, arch, deadline_s=deadline_s)

    def capabilities(self) -> Capabilities:
        """The power button; nothing pauses, there is no reset, no picture, and no direct boot of a kernel."""
        return Capabilities(
            archs=frozenset({Arch.ARM64}), pause=False, reset=False, gpus=GPUS, firmware_only=True
        )

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """libkrun gives every guest a Venus GPU; that a guest's Vulkan is drawn by it, the scenario proves by name."""
        if mode in GPUS:
            return GpuProbe(mode, arch, usable=True)
        return GpuProbe(
            mode, arch, usable=False, code="refused",
            reason="libkrun's GPU is Venus without a display, and nothing else", fix="use a backend of QEMU",
        )  # fmt: skip

    def machine(self, spec: MachineSpec) -> RestMachine:
        """A defined machine; raises UsageError for options that do not fit, AcceleratorUnusable without krunkit."""
        found = usable(self.name, "krunkit", spec.guest.arch)
        krunkit = define(spec, found)
        what = f"a double of {self.name}" if found.double else self.name
        name = f"{spec.guest.name} ({spec.guest.arch}) on {what}"
        return RestMachine(name, spec, krunkit, logs=self._logs.next if self._logs else None)
