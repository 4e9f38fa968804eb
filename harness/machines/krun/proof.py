"""Whether krunkit runs a guest here: proved by a UEFI program of seven instructions, which powers its machine off."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from harness.guests.efi import write_program_disk
from harness.guests.model import Arch
from harness.host.paths import private_directory
from harness.host.transcript import transcribe
from harness.host.write_errors import naming_write_errors
from harness.machines.krun.command import build
from harness.machines.krun.config import ENTITLEMENT, Blk, KrunkitConfig
from harness.machines.rest.devices import SerialLog
from harness.machines.rest.proof import judged

if TYPE_CHECKING:
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.model import Probe

_CODE = (
    0xF9402C28,  # ldr x8, [x1, #88]: EFI_SYSTEM_TABLE.RuntimeServices (UEFI Specification 2.10, 4.3)
    0xF9403508,  # ldr x8, [x8, #104]: EFI_RUNTIME_SERVICES.ResetSystem (4.5)
    0x52800040,  # mov w0, #2: EfiResetShutdown (8.5.1)
    0xD2800001,  # mov x1, #0: EFI_SUCCESS
    0xD2800002,  # mov x2, #0: no data
    0xD2800003,  # mov x3, #0
    0xD63F0100,  # blr x8
    0x14000000,  # b .
)
_PAGE, _FILE_ALIGNMENT = 0x1000, 0x200
_MACHINE_ARM64, _EXECUTABLE_LARGE_ADDRESSES = 0xAA64, 0x0022
_PE32_PLUS, _EFI_APPLICATION, _DIRECTORIES = 0x20B, 10, 16
_CODE_SECTION = 0x60000020
_MEMORY_MIB = 512


def program() -> bytes:
    """A PE32+ image with one section (Microsoft PE and COFF Specification; UEFI Specification 2.10, 2.1.1)."""
    code = struct.pack("<8I", *_CODE).ljust(_FILE_ALIGNMENT, b"\0")
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        _PE32_PLUS, 0, 0, len(code), 0, 0, _PAGE, _PAGE, 0, _PAGE, _FILE_ALIGNMENT, 0, 0, 0, 0, 0, 0, 0, 2 * _PAGE,
        _FILE_ALIGNMENT, 0, _EFI_APPLICATION, 0, 0, 0, 0, 0, 0, _DIRECTORIES,
    ) + bytes(8 * _DIRECTORIES)  # fmt: skip
    coff = struct.pack("<HHIIIHH", _MACHINE_ARM64, 1, 0, 0, 0, len(optional), _EXECUTABLE_LARGE_ADDRESSES)
    section = struct.pack(
        "<8sIIIIIIHHI", b".text", len(code), _PAGE, len(code), _FILE_ALIGNMENT, 0, 0, 0, 0, _CODE_SECTION
    )
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    return (dos + b"PE\0\0" + coff + optional + section).ljust(_FILE_ALIGNMENT, b"\0") + code


def prove(binary: VmmProgram, arch: Arch, *, deadline_s: float) -> Probe:
    """Run it once; takes ``deadline_s`` and a moment at most. Raises DiskFull, CacheReadOnly."""
    with private_directory("vb-proof-") as folder:
        disk = folder / "disk"
        with naming_write_errors("the proof payload", folder, elsewhere="set TMPDIR"):
            write_program_disk(program(), Arch.ARM64, disk)
        devices = (Blk(disk), SerialLog(folder / "console"))
        config = KrunkitConfig(binary.path, memory_mib=_MEMORY_MIB, devices=devices)
        said = transcribe([*build(config)], purpose="proof of krun", deadline_s=deadline_s)
    return judged("krun", arch, binary, said, entitlement=ENTITLEMENT)
