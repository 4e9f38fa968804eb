"""A vfkit machine before it exists: everything its command line will say, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort

if TYPE_CHECKING:
    from pathlib import Path

ENTITLEMENT = "com.apple.security.virtualization"
"""What it must be signed with."""


@dataclass(frozen=True, slots=True)
class LinuxBoot:
    """Direct boot of an uncompressed arm64 Image."""

    kernel: Path
    initrd: Path | None = None
    cmdline: str = ""


@dataclass(frozen=True, slots=True)
class EfiBoot:
    """The framework's own UEFI firmware boots the first disk; it keeps its variables in a file."""

    variable_store: Path
    create: bool = True


@dataclass(frozen=True, slots=True)
class Blk:
    """A raw disk image or an ISO; vfkit opens it for writing, and the framework locks it."""

    path: Path
    device_id: str | None = None
    """Found in the guest as ``/dev/disk/by-id/virtio-…``."""


@dataclass(frozen=True, slots=True)
class NatNet:
    """The framework's NAT; macOS's DHCP server gives the address."""

    mac: str | None = None


@dataclass(frozen=True, slots=True)
class SocketNet:
    """A datagram socket at ``path``, on which gvproxy or vmnet-helper listens."""

    path: Path
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class SerialPty:
    """The guest's console as a pseudo-terminal that vfkit makes."""


@dataclass(frozen=True, slots=True)
class SerialStdio:
    """The guest's console on vfkit's standard streams."""


@dataclass(frozen=True, slots=True)
class Rng:
    """A source of entropy."""


@dataclass(frozen=True, slots=True)
class Gpu2d:
    """A display without acceleration: whatever is drawn, the guest's processor draws."""

    width: int = 800
    height: int = 600


@dataclass(frozen=True, slots=True)
class Rosetta:
    """Apple's translator of x86-64 programs as a folder to mount; ``install`` it when the host has none."""

    tag: str
    install: bool = False
    ignore_if_missing: bool = False


Boot = LinuxBoot | EfiBoot
Net = NatNet | SocketNet
Serial = SerialPty | SerialLog | SerialStdio
Device = Blk | Net | Serial | VsockPort | Rng | SharedFolder | Gpu2d | Rosetta


@dataclass(frozen=True, slots=True)
class VfkitConfig:
    """What :func:`harness.machines.vz.command.build` turns into an argv."""

    binary: Path
    boot: Boot
    rest: Path | None = None
    """The control socket; None: it has none, as the proof of the backend."""
    cpus: int = 1
    memory_mib: int = 512
    devices: tuple[Device, ...] = ()
