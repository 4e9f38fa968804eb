"""EDK2 for guests that boot from a disk: where QEMU, Debian, Fedora, Arch and Homebrew put it."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ToolMissing
from harness.guests.model import Arch

_FOLDERS = (
    "share/qemu",
    "share/qemu-efi-aarch64",
    "share/AAVMF",
    "share/edk2/aarch64",
    "share/edk2-armvirt/aarch64",
)
_FILES = ("edk2-aarch64-code.fd", "QEMU_EFI.fd", "AAVMF_CODE.fd", "QEMU_CODE.fd")


def firmware_for(arch: Arch, qemu: Path) -> Path | None:
    """The firmware a disk of ``arch`` needs: EDK2 for arm64; None for x86-64, whose QEMU brings SeaBIOS.

    Raises ToolMissing when there is none on this host.
    """
    if arch is not Arch.ARM64:
        return None
    prefixes = dict.fromkeys(
        [qemu.parent.parent, qemu.resolve().parent.parent, Path("/usr"), Path("/opt/homebrew")]
    )
    for prefix in prefixes:
        for folder in _FOLDERS:
            for name in _FILES:
                if (path := prefix / folder / name).is_file():
                    return path
    raise ToolMissing(
        "an arm64 disk boots through EDK2 firmware, and this host has none",
        fix="install it (Debian, Ubuntu: qemu-efi-aarch64; Fedora: edk2-aarch64), or name one with --firmware",
    )
