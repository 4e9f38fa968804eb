"""What a built guest is, to those who boot it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_PORT = "org.visorbench.ready"
"""Name of the virtio-serial port on which a guest writes one line when it is ready."""

INIT_MARKER = "visorbench: init"
READY_MARKER = "visorbench: ready"
"""Console lines that stand for the same events where a backend has no virtio-serial."""

KERNEL = "vmlinuz"
INITRD = "initrd"
ROOT_IMAGE = "root.erofs"
MANIFEST = "manifest.json"
"""Files of a built guest."""


class Arch(StrEnum):
    """Guest architectures, by the names a user types."""

    ARM64 = "arm64"
    X86_64 = "x86-64"


@dataclass(frozen=True, slots=True)
class GuestImage:
    """A bootable guest on disk. ``fingerprint`` is the SHA-256 of the manifest: same inputs, same bytes."""

    name: str
    arch: Arch
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    root_image: Path | None = None
    """The read-only file system that the initramfs goes over to, the guest's first virtio-blk disk."""
    efi_stub: Path | None = None
    """What makes a program for UEFI firmware of the kernel; None until harness.guests.efi_stub has brought it."""
    disk: Path | None = None
    firmware: Path | None = None
    init_marker: str | None = INIT_MARKER
    ready_marker: str | None = READY_MARKER
    """A regular expression searched in the console's lines; None: the guest has none."""
    ready_port: str | None = READY_PORT
    ssh_user: str | None = "root"
    """None: the guest has no SSH server."""
    takes_credentials: bool = True
    """Whether the harness appends a credentials archive to the initrd (see harness.guests.credentials)."""
    memory_mib: int = 512
    manifest: Mapping[str, object] = field(default_factory=dict)
    fingerprint: str = ""
