"""The backends ``tcg``, ``kvm``, ``hvf`` and ``whpx``: one QEMU, four accelerators."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.errors import QemuNotFound, QemuTooOld, UnknownName
from harness.guests.model import Arch
from harness.host.accelerators import ACCELERATORS, DEADLINE_S, prove
from harness.host.qemu import qemu_for
from harness.host.system import host_arch
from harness.machines.logs import LogFolders
from harness.machines.model import Capabilities, GpuMode, GpuProbe, Probe
from harness.machines.qemu import gpu
from harness.machines.qemu.command import build
from harness.machines.qemu.definition import define
from harness.machines.qemu.machine import QemuMachine

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.model import MachineSpec


class QemuBackend:
    """One accelerator of QEMU.

    ``accelerator``: tcg, kvm, hvf or whpx. ``qemu``: a binary or a folder of them, else the host's
    preferred one. ``logs``: the folder in which machines leave their logs; the second machine and later
    ones in numbered folders.
    """

    def __init__(self, accelerator: str, *, qemu: Path | None = None, logs: Path | None = None) -> None:
        if accelerator not in ACCELERATORS:
            raise UnknownName("backend", accelerator, ACCELERATORS)
        self._accelerator = accelerator
        self._qemu = qemu
        self._logs = LogFolders(logs) if logs else None

    @property
    def name(self) -> str:
        return self._accelerator

    def probe(self, arch: Arch, *, deadline_s: float = DEADLINE_S) -> Probe:
        """Run a payload in a guest; codes are those of :class:`harness.host.accelerators.Proof`."""
        try:
            qemu = qemu_for(arch.value, self._qemu)
        except (QemuNotFound, QemuTooOld) as error:
            code = "no-qemu" if isinstance(error, QemuNotFound) else "old-qemu"
            return Probe(self.name, arch, usable=False, code=code, reason=error.message, fix=error.fix or "")
        proof = prove(self._accelerator, arch.value, qemu, deadline_s=deadline_s)
        version = ".".join(map(str, qemu.version))
        return Probe(
            self.name, arch, usable=proof.usable, version=version, build=qemu.build(), code=proof.code,
            reason=proof.reason, fix=proof.fix,
        )  # fmt: skip

    def capabilities(self) -> Capabilities:
        """Everything, for every architecture that the accelerator can run on this host."""
        archs = frozenset(arch for arch in Arch if self._accelerator == "tcg" or arch == host_arch())
        return Capabilities(
            archs=archs, screenshot=True, machine_types=True, virtio_serial=True, gpus=frozenset(GpuMode),
            vsock=sys.platform == "linux", disks=True, networks=True, snapshots=True, balloon=True, hotplug=True,
        )  # fmt: skip

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """Start QEMU with the mode's GPU, paused and without a guest; codes are those of GpuProbe."""
        try:
            return gpu.probe(mode, arch, qemu_for(arch.value, self._qemu))
        except (QemuNotFound, QemuTooOld) as error:
            code = "no-qemu" if isinstance(error, QemuNotFound) else "old-qemu"
            return GpuProbe(mode, arch, usable=False, code=code, reason=error.message, fix=error.fix or "")

    def machine(self, spec: MachineSpec) -> QemuMachine:
        """A defined machine; raises UsageError for options that do not fit, HostLacks without QEMU or
        firmware."""
        qemu = qemu_for(spec.guest.arch.value, self._qemu)
        config = define(spec, qemu, self._accelerator)
        build(config)
        name = f"{spec.guest.name} ({spec.guest.arch}) on {self.name}"
        return QemuMachine(name, spec, config, logs=self._logs.next if self._logs else None)
