"""The machine to use where nobody asked for another: by guest architecture, accelerator and host.

The fastest to boot that the guest's kernel supports. Measured (QEMU 7.2, TCG, 2 cores): arm64 on
``cortex-a57`` is ready in 6.0 s, on ``max`` in 8.0 s even with ``pauth-impdef=on``.
"""

from __future__ import annotations

import os

from harness.guests.model import Arch
from harness.host.system import host_arch
from harness.machines.model import GpuMode
from harness.machines.qemu.devices import Accelerator

_MOST_DEFAULT_CPUS = 2


def machine_type(arch: Arch, accelerator: str) -> str:
    """The machine type and the properties that it needs."""
    if arch is Arch.X86_64:
        return "q35"
    # QEMU's own default for virt is GICv2, which has at most 8 CPUs; hvf before QEMU 8 has no other.
    versions = {"tcg": ",gic-version=3", "kvm": ",gic-version=max"}
    return "virt" + versions.get(accelerator, "")


def cpu_model(arch: Arch, accelerator: str) -> str:
    """The CPU model: the host's own where hardware runs the guest and QEMU knows it."""
    if accelerator in ("kvm", "hvf"):
        return "host"
    if accelerator == "whpx" and arch is Arch.X86_64:
        return "qemu64"  # as in the proof: QEMU has no model of the host there
    if arch is Arch.ARM64:
        return "cortex-a57"
    # Under QEMU 7.2's TCG one boot of Linux 6.12 in twelve ended in a double fault right after CMPXCHG16B; without
    # it none of 40 did. Linux then takes its other path.
    return "max,cx16=off" if accelerator == "tcg" else "max"


def accelerator(name: str, arch: Arch) -> Accelerator:
    """``tcg`` gets a thread for each vCPU, unless the host's memory ordering is too weak for an x86 guest."""
    if name != "tcg":
        return Accelerator(name)
    safe = arch is Arch.ARM64 or host_arch() == Arch.X86_64
    return Accelerator("tcg", {"thread": "multi"} if safe else {})


def cpus(arch: Arch, accelerator: str) -> int:
    """As many as the host has to give, up to what the reference guests use; one where more of them crash."""
    if accelerator == "tcg" and arch is Arch.X86_64:
        # Linux patches its own code while it boots. With two vCPUs, one of QEMU 7.2's ran into a half-patched
        # instruction in one boot of forty (int3 in sched_clock_cpu); with one vCPU none of sixty did, and
        # booting took as long.
        return 1
    return max(1, min(_MOST_DEFAULT_CPUS, os.cpu_count() or 1))


def most_cpus(
    accelerator: str, gpu: GpuMode, cpus: int, *, vsock: bool = False, nvme: bool = False
) -> int | None:
    """One more than there are for one vCPU that shares memory with whoever does not stop it to look: the render server,
    a vsock device, QEMU's NVMe, whose doorbells are in the guest's memory.

    For a machine that can have but one vCPU, TCG translates an exchange into a plain load and store (QEMU: CF_PARALLEL,
    accel/tcg/tcg-accel-ops.c), without the barrier that Venus's ring relies on: wake-ups were lost, and one
    program in ten hung; in every fourth second of fio NVMe lost a request ("I/O timeout, reset controller").
    """
    shares = vsock or nvme or gpu in (GpuMode.VIRGL, GpuMode.VENUS)
    return 2 if accelerator == "tcg" and shares and cpus == 1 else None


def video(arch: Arch) -> str:
    """The display device that the architecture's firmware and common kernels can drive."""
    return "VGA" if arch is Arch.X86_64 else "virtio-gpu-pci"
