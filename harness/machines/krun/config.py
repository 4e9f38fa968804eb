"""A krunkit machine before it exists: everything its command line will say, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.machines.disk import ImageFormat
from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort

if TYPE_CHECKING:
    from pathlib import Path

ENTITLEMENT = "com.apple.security.hypervisor"
"""What it must be signed with."""


@dataclass(frozen=True, slots=True)
class Blk:
    """A disk; firmware and guest see them in their order."""

    path: Path
    format: ImageFormat = ImageFormat.RAW


@dataclass(frozen=True, slots=True)
class SocketNet:
    """A datagram socket on which gvproxy or vmnet-helper listens: krunkit has no network of its own.

    ``gvproxy``: it expects vfkit's greeting before the first frame, and segments and checksums for the guest.
    """

    path: Path
    mac: str
    gvproxy: bool = True


Device = Blk | SocketNet | SerialLog | SharedFolder | VsockPort


@dataclass(frozen=True, slots=True)
class KrunkitConfig:
    """What :func:`harness.machines.krun.command.build` turns into an argv. It boots its first bootable disk by UEFI."""

    binary: Path
    rest: Path | None = None
    """The control socket; None: it has none, as the proof of the backend."""
    cpus: int = 1
    memory_mib: int = 512
    devices: tuple[Device, ...] = ()
