"""A backend whose VMM has a REST socket: whether its program runs a guest here, and machines of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.machines.logs import LogFolders
from harness.machines.model import GpuProbe, Probe
from harness.machines.rest.machine import RestMachine
from harness.machines.rest.presence import look, stand_in, usable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.model import Capabilities, GpuMode, MachineSpec
    from harness.machines.rest.vmm import Program


class Prove(Protocol):
    """Runs a guest that powers itself off."""

    def __call__(self, binary: VmmProgram, arch: Arch, *, deadline_s: float) -> Probe: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells one such backend from another."""

    name: str
    program: str
    capabilities: Capabilities
    only_gpu: str
    """The sentence that says which GPU it has, for who asks for another."""
    define: Callable[[MachineSpec, VmmProgram], Program]
    prove: Prove
    deadline_s: float
    """For the proof."""


class RestBackend:
    """``logs``: the folder in which machines leave their logs; the second machine and later ones in numbered ones."""

    def __init__(self, kind: Kind, *, logs: Path | None = None) -> None:
        self._kind = kind
        self._logs = LogFolders(logs) if logs else None

    @property
    def name(self) -> str:
        return self._kind.name

    def probe(self, arch: Arch, *, deadline_s: float | None = None) -> Probe:
        """Run a guest that powers itself off. Codes: those of :func:`harness.machines.rest.proof.judged`, and
        ``wrong-os``, ``wrong-arch``, ``double``; and of its program, ``no-vfkit`` and ``old-vfkit``."""
        presence = look(self.name, self._kind.program, arch)
        if presence.found is None:
            return presence.lack or Probe(self.name, arch, usable=False, code=f"no-{self._kind.program}")
        if presence.found.double:
            return stand_in(self.name, arch, presence.found)
        return self._kind.prove(presence.found, arch, deadline_s=deadline_s or self._kind.deadline_s)

    def capabilities(self) -> Capabilities:
        """What its machines can do."""
        return self._kind.capabilities

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """What the VMM always has needs no proof; that a guest's Vulkan is drawn by it, the scenario proves by name."""
        if mode in self._kind.capabilities.gpus:
            return GpuProbe(mode, arch, usable=True)
        return GpuProbe(
            mode, arch, usable=False, code="refused", reason=self._kind.only_gpu, fix="use a backend of QEMU"
        )

    def machine(self, spec: MachineSpec) -> RestMachine:
        """A defined machine; raises UsageError for options that do not fit, AcceleratorUnusable without its program."""
        found = usable(self.name, self._kind.program, spec.guest.arch)
        program = self._kind.define(spec, found)
        what = f"a double of {self.name}" if found.double else self.name
        name = f"{spec.guest.name} ({spec.guest.arch}) on {what}"
        return RestMachine(name, spec, program, logs=self._logs.next if self._logs else None)
