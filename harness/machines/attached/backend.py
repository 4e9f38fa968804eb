"""The backend ``attached``: one machine that runs already, in UTM or in any QEMU, on this host or reached by SSH."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, VisorbenchError
from harness.guests.model import GuestImage
from harness.machines.attached.machine import AttachedMachine
from harness.machines.attached.settings import system, version
from harness.machines.attached.target import find
from harness.machines.model import Capabilities, GpuProbe, MachineSpec, Phase, Probe

if TYPE_CHECKING:
    from harness.guests.model import Arch
    from harness.machines.attached.attach import Attach
    from harness.machines.model import GpuMode

NAME = "attached"


class AttachedBackend:
    """It makes no machines: :meth:`machine` is the one that was named."""

    def __init__(self, attach: Attach, arch: Arch) -> None:
        self._attach = attach
        self._arch = arch

    @property
    def name(self) -> str:
        return NAME

    def probe(self, arch: Arch, *, deadline_s: float = 15) -> Probe:
        """Attach for a moment: the machine answers on every channel that was named."""
        try:
            with self.machine(MachineSpec(self._described({}))) as machine:
                machine.boot(
                    until=Phase.FIRST_COMMAND if self._attach.ssh else Phase.VMM_READY, timeout_s=deadline_s
                )
                told = version(machine.control) if Phase.VMM_READY in machine.timeline.phases else ""
        except VisorbenchError as error:
            return Probe(
                NAME, arch, usable=False, code="not-there", reason=error.message, fix=error.fix or ""
            )
        return Probe(NAME, arch, usable=True, version=told)

    def capabilities(self) -> Capabilities:
        """What leaves somebody else's machine as it was."""
        return Capabilities(
            archs=frozenset({self._arch}), start=False, pause=self._has_qmp(), reset=False,
            powerdown=False, ssh=self._attach.ssh is not None,
        )  # fmt: skip

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        return GpuProbe(
            mode, arch, usable=False, code="refused", reason="an attached machine keeps the GPU that it has",
            fix="measure a machine of the harness's own",
        )  # fmt: skip

    def guest(self) -> GuestImage:
        """What runs in it, as its guest; raises what attaching raises."""
        if self._attach.ssh is None:
            return self._described({})
        with self.machine(MachineSpec(self._described({}))) as machine:
            return self._described({"system": system(machine.ssh)})

    def machine(self, spec: MachineSpec) -> AttachedMachine:
        """The machine; raises InvalidConfiguration for anything that would have to change it."""
        wanted = (spec.memory_mib, spec.cpus, spec.machine_type, spec.cpu_model)
        if (
            any(each is not None for each in wanted)
            or spec.gpu != "none"
            or spec.vsock
            or spec.disks
            or spec.networks
            or spec.extra
        ):
            raise InvalidConfiguration(
                f"{self._attach.name} runs already, and stays as it is",
                fix="leave memory, CPUs, machine type, CPU model, GPU, disks and networks out of an attached subject",
            )
        return AttachedMachine(self._attach, spec)

    def _has_qmp(self) -> bool:
        with suppress(VisorbenchError):
            return find(self._attach).qmp is not None
        return False

    def _described(self, facts: dict[str, object]) -> GuestImage:
        manifest = {"name": self._attach.name, "arch": self._arch.value, **facts}
        return GuestImage(
            name=self._attach.name, arch=self._arch, init_marker=None, ready_marker=None, ready_port=None,
            ssh_user=self._attach.ssh.partition("@")[0] if self._attach.ssh else None, takes_credentials=False,
            manifest=manifest, fingerprint=hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest(),
        )  # fmt: skip
