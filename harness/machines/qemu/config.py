"""A QEMU machine before it exists: everything its command line will say, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.machines.qemu.devices import (
    Accelerator,
    Chardev,
    Device,
    Drive,
    IvshmemCard,
    Net,
    OnReboot,
    Port,
    VsockCard,
)
from harness.machines.qemu.graphics import Display, Gpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.host.introspection import QemuFeatures


@dataclass(frozen=True, slots=True)
class QemuConfig:
    """What :func:`harness.machines.qemu.command.build` turns into an argv.

    ``features`` is what the binary's introspection says, None when nobody asked it.
    """

    binary: Path
    arch: Arch
    machine: str
    """Machine type, with its properties after commas: ``virt,gic-version=3``."""
    cpu: str
    accelerator: Accelerator
    memory_mib: int = 512
    cpus: int = 1
    most_cpus: int | None = None
    """vCPUs that could be plugged in; None: no more than there are."""
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    firmware: Path | None = None
    drives: tuple[Drive, ...] = ()
    networks: tuple[Net, ...] = ()
    console: Chardev | None = None
    """The first serial port."""
    ports: tuple[Port, ...] = ()
    monitor: Chardev | None = None
    """QMP."""
    open_monitor: Chardev | None = None
    """QMP for other programs, beside the harness's own."""
    vsock: VsockCard | None = None
    ivshmem: IvshmemCard | None = None
    shared_memory: bool = False
    """The guest's memory is a memfd that device processes (vhost-user) map too."""
    rng: bool = False
    video: str | None = None
    """A display device, such as ``VGA`` or ``virtio-gpu-pci``; screenshots need one, or ``gpu``."""
    gpu: Gpu | None = None
    display: Display = field(default_factory=Display)
    vnc: bool = False
    """A VNC server that listens nowhere: clients come through QMP."""
    spice: bool = False
    """A SPICE server, likewise."""
    devices: tuple[Device, ...] = ()
    on_reboot: OnReboot = OnReboot.RESET
    paused: bool = False
    """Start stopped, until QMP says ``cont``."""
    name: str = "visorbench"
    features: QemuFeatures | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that QEMU is given beside the harness's own, e.g. for SDL and the Vulkan loader."""
