"""The host as a backend: always there, and without machines."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from harness.errors import HostLacks, UsageError
from harness.guests.toolchain import host_target
from harness.machines.model import Capabilities, GpuMode, GpuProbe, Probe
from harness.machines.native.runner import NativeRunner

if TYPE_CHECKING:
    from harness.guests.model import Arch
    from harness.machines.model import MachineSpec


@dataclass(frozen=True, slots=True)
class NativeBackend:
    """Runs what guests run, without a guest."""

    name: str = "native"

    def probe(self, arch: Arch, *, deadline_s: float = 6) -> Probe:  # noqa: ARG002 - the proof is that this runs
        """Usable for the host's own architecture."""
        version = f"{platform.system()} {platform.release()}"
        try:
            target = host_target()
        except HostLacks as lack:
            return Probe(
                self.name,
                arch,
                usable=False,
                version=version,
                code="wrong-os",
                reason=lack.message,
                fix=lack.fix or "",
            )
        if target.arch is arch:
            return Probe(self.name, arch, usable=True, version=version)
        return Probe(
            self.name,
            arch,
            usable=False,
            version=version,
            code="wrong-arch",
            reason=f"this host is {target.arch}, so nothing built for {arch} runs on it natively",
            fix=f"compare {arch} guests with the {target.arch} baseline, or measure on an {arch} host",
        )

    def capabilities(self) -> Capabilities:
        """None of a machine's: nothing boots, pauses or shows a picture. Raises HostLacks off Linux and macOS."""
        return Capabilities(
            archs=frozenset({host_target().arch}), pause=False, reset=False, powerdown=False, ssh=False
        )

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """No guest, so no GPU of one."""
        return GpuProbe(
            mode, arch, usable=mode is GpuMode.NONE, code="no-guest", reason="native boots no guest",
            fix="choose a backend that runs guests",
        )  # fmt: skip

    def machine(self, spec: MachineSpec) -> NoReturn:
        """Refused: raises UsageError."""
        raise UsageError(
            f"native boots no guest, so not {spec.guest.name} either",
            fix="choose a backend that runs guests; `visorbench doctor` lists them",
        )

    def runner(self) -> NativeRunner:
        """What runs workloads; raises HostLacks off Linux and macOS."""
        return NativeRunner()
