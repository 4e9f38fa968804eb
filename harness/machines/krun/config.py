"""A krunkit machine before it exists: everything its command line will say, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.machines.disk import ImageFormat

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Blk:
    """A disk; firmware and guest see them in their order."""

    path: Path
    format: ImageFormat = ImageFormat.RAW


@dataclass(frozen=True, slots=True)
class GvproxyNet:
    """A datagram socket on which gvproxy listens: krunkit has no network of its own."""

    path: Path
    mac: str


@dataclass(frozen=True, slots=True)
class SerialLog:
    """Where the guest's console is written: a file, or a FIFO that somebody reads."""

    path: Path


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder of the host: ``mount -t virtiofs TAG``."""

    folder: Path
    tag: str


Device = Blk | GvproxyNet | SerialLog | SharedFolder


@dataclass(frozen=True, slots=True)
class KrunkitConfig:
    """What :func:`harness.machines.krun.command.build` turns into an argv. It boots its first bootable disk by UEFI."""

    binary: Path
    rest: Path | None = None
    """The control socket; None: it has none, as the proof of the backend."""
    cpus: int = 1
    memory_mib: int = 512
    devices: tuple[Device, ...] = ()
