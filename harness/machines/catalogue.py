"""Every backend by name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.errors import UnknownName
from harness.host.accelerators import ACCELERATORS
from harness.host.system import host_arch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.machines.model import Backend, Probe


NATIVE = "native"
VZ, KRUN = "vz", "krun"
AUTO = "auto"
"""In place of a backend's name: this platform's accelerator where it works, else ``tcg``, which is then said aloud."""
PROOF_DEADLINE_S = 3
"""Where an accelerator works, its proof takes a fraction of a second."""
_HARDWARE = {"linux": "kvm", "darwin": "hvf", "win32": "whpx"}


def guest_backends() -> tuple[str, ...]:
    """The names of the backends that run guests; whether one works here is for its probe to say."""
    return (*ACCELERATORS, VZ, KRUN)


def get(name: str, *, qemu: Path | None = None, logs: Path | None = None) -> Backend:
    """The backend; ``qemu`` is the binary for one of QEMU's, ``logs`` where its machines leave theirs.

    Raises UnknownName.
    """
    if name == NATIVE:
        from harness.machines.native.backend import NativeBackend  # noqa: PLC0415 - only who asks pays for it

        return NativeBackend()
    if name in {VZ, KRUN}:
        from harness.machines.krun.backend import KRUN as LIBKRUN  # noqa: PLC0415
        from harness.machines.rest.backend import RestBackend  # noqa: PLC0415
        from harness.machines.vz.backend import VZ as VIRTUALIZATION_FRAMEWORK  # noqa: PLC0415

        return RestBackend(VIRTUALIZATION_FRAMEWORK if name == VZ else LIBKRUN, logs=logs)
    if name not in ACCELERATORS:
        raise UnknownName("backend", name, (NATIVE, *guest_backends()))
    from harness.machines.qemu.backend import QemuBackend  # noqa: PLC0415

    return QemuBackend(name, qemu=qemu, logs=logs)


def backends(*, qemu: Path | None = None, logs: Path | None = None) -> dict[str, Backend]:
    """Every backend by name, the host itself first."""
    return {name: get(name, qemu=qemu, logs=logs) for name in (NATIVE, *guest_backends())}


def accelerated(arch: Arch, *, qemu: Path | None = None) -> Probe | None:
    """This platform's accelerator for guests of ``arch``, proved; None where there is none: tcg is then no fallback.

    Takes PROOF_DEADLINE_S where an accelerator hangs.
    """
    name = _HARDWARE.get(sys.platform)
    if name is None or arch != host_arch():
        return None
    return get(name, qemu=qemu).probe(arch, deadline_s=PROOF_DEADLINE_S)


def fallback(probe: Probe) -> str:
    """What is said wherever ``tcg`` takes the place of an accelerator that does not work."""
    reason = probe.reason.rstrip(".")
    return f"{probe.backend} does not run {probe.arch} guests here, so they run on tcg, emulated: {reason}."


def fastest(arch: Arch, *, qemu: Path | None = None, tell: Callable[[Probe], None] | None = None) -> str:
    """The name of this platform's accelerator when a guest of ``arch`` runs on it, else ``tcg``, and ``tell`` why."""
    probe = accelerated(arch, qemu=qemu)
    if probe is None:
        return "tcg"
    if not probe.usable and tell and probe.code != "no-qemu":  # tcg has none either, and says so
        tell(probe)
    return probe.backend if probe.usable else "tcg"
