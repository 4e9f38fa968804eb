"""A guest as a disk that UEFI firmware boots: for VMMs that take no kernel, and for measuring what firmware costs.

Kernel, initrd and command line become one program, a unified kernel image (UAPI.5) on systemd's stub, in the place
where firmware looks on a disk that it does not know: ``\\EFI\\BOOT\\BOOTX64.EFI`` (UEFI Specification 2.10, 3.5.1.1).
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.guests.image.fat import write_fat
from harness.guests.image.gpt import FIRST_SECTOR, SECTOR_BYTES, write_table
from harness.guests.image.pe import with_sections
from harness.guests.model import Arch
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import GuestImage

BOOT_PATHS = {Arch.ARM64: "EFI/BOOT/BOOTAA64.EFI", Arch.X86_64: "EFI/BOOT/BOOTX64.EFI"}


def write_efi_disk(image: GuestImage, to: Path, *, elsewhere: str, initrd: Path | None = None) -> Path:
    """Write the disk of ``image`` to ``to`` and return that; ``initrd`` replaces the guest's own, to add keys, say.

    The file has holes where nothing is; ``elsewhere`` is how the user has it written to another place. Raises
    InvalidConfiguration for a guest without a kernel or a stub (see harness.guests.efi_stub), or with a stub that is
    none, DiskFull, CacheReadOnly.
    """
    if image.efi_stub is None or image.kernel is None:
        raise InvalidConfiguration(
            f"guest {image.name} ({image.arch}) is no kernel with an EFI stub, so firmware boots no disk made of it",
            fix="boot its disk, or boot it without UEFI",
        )
    files = {".cmdline": image.append.encode()}
    if ramdisk := initrd or image.initrd:
        files[".initrd"] = ramdisk.read_bytes()
    files[".linux"] = image.kernel.read_bytes()
    try:
        program = with_sections(image.efi_stub.read_bytes(), files)
    except ValueError as error:
        raise InvalidConfiguration(
            f"{image.efi_stub}: {error}", fix="run `visorbench guests clean`: it is fetched again"
        ) from None
    with naming_write_errors("an EFI disk", to.parent, elsewhere=elsewhere):
        write_program_disk(program, image.arch, to)
    return to


def write_program_disk(program: bytes, arch: Arch, to: Path) -> None:
    """The disk around ``program``, where firmware of ``arch`` looks for one; raises OSError.

    What its table and volume are called by follows from its bytes.
    """
    digest = hashlib.sha256(program).digest()
    with to.open("wb") as out:
        out.seek(FIRST_SECTOR * SECTOR_BYTES)
        serial = int.from_bytes(digest[:4], "little")
        size = write_fat(out, {BOOT_PATHS[arch]: program}, serial=serial, hidden_sectors=FIRST_SECTOR)
        write_table(
            out, size, name="EFI system partition",
            disk=uuid.UUID(bytes=digest[:16], version=4), partition=uuid.UUID(bytes=digest[16:], version=4),
        )  # fmt: skip
