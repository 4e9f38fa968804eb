"""Devices that vfkit and krunkit have in common, typed and frozen; each is told them by its own ``command.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SerialLog:
    """Where the guest's console is written: a file, or a FIFO that somebody reads."""

    path: Path


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder of the host: ``mount -t virtiofs TAG``."""

    folder: Path
    tag: str


@dataclass(frozen=True, slots=True)
class VsockPort:
    """A port of vsock as a Unix socket. ``listen``: the guest connects, and somebody listens at ``socket``; else the
    guest listens, and the VMM does at ``socket``."""

    port: int
    socket: Path
    listen: bool = True
