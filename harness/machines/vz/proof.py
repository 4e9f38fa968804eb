"""Whether vfkit runs a guest here: proved by one of five instructions, which powers its machine off."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from harness.host.paths import private_directory
from harness.host.transcript import transcribe
from harness.host.write_errors import naming_write_errors
from harness.machines.rest.proof import judged
from harness.machines.vz.command import build
from harness.machines.vz.config import ENTITLEMENT, LinuxBoot, VfkitConfig

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.model import Probe

_HEADER_BYTES = 0x40
_CODE = (
    0x52800100,  # mov  w0, #0x8
    0x72B08000,  # movk w0, #0x8400, lsl #16: SYSTEM_OFF (Arm DEN0022, 5.1.9)
    0xD4000002,  # hvc  #0
    0x14000000,  # b    .
)
_IMAGE_BYTES = 0x1000
_ANY_ADDRESS_4K_PAGES = 0b1010
_BRANCH_OVER_HEADER = 0x14000000 | _HEADER_BYTES // 4


def image() -> bytes:
    """A kernel as Documentation/arch/arm64/booting.rst describes it, that asks PSCI to power off."""
    header = struct.pack("<IIQQQQQQ", _BRANCH_OVER_HEADER, 0, 0, _IMAGE_BYTES, _ANY_ADDRESS_4K_PAGES, 0, 0, 0)
    header += b"ARM\x64" + bytes(4)
    return (header + struct.pack("<4I", *_CODE)).ljust(_IMAGE_BYTES, b"\0")


def prove(binary: VmmProgram, arch: Arch, *, deadline_s: float) -> Probe:
    """Run it once; takes ``deadline_s`` and a moment at most. Raises DiskFull, CacheReadOnly."""
    with private_directory("vb-proof-") as folder:
        kernel, initrd = folder / "Image", folder / "initrd"
        with naming_write_errors("the proof payload", folder, elsewhere="set TMPDIR"):
            kernel.write_bytes(image())
            initrd.write_bytes(bytes(512))
        config = VfkitConfig(binary.path, LinuxBoot(kernel, initrd, "console=hvc0"))
        said = transcribe(_argv(config), purpose="proof of vz", deadline_s=deadline_s)
    return judged("vz", arch, binary, said, entitlement=ENTITLEMENT)


def _argv(config: VfkitConfig) -> list[str | Path]:
    return [*build(config)]
