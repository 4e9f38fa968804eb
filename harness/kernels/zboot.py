"""EFI-zboot: a kernel that unpacks itself under EFI firmware, and that nothing else boots.

The header is a DOS header with words of its own in it (Linux, drivers/firmware/efi/libstub/zboot-header.S)::

    0x00  "MZ"            0x08  payload's offset   0x18  compression's name, NUL-terminated
    0x04  "zimg"          0x0c  payload's size     0x38  0x818223cd
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 0x3C

_HEADER = struct.Struct("<2s2x4sII8x32s4s")
_LINUX_MAGIC = bytes.fromhex("cd238281")


@dataclass(frozen=True, slots=True)
class Zboot:
    """Where the payload lies, in bytes from the start of the file, and what it is packed with: ``gzip``, ``zstd22``."""

    offset: int
    size: int
    compression: str


def read_zboot(data: bytes) -> Zboot | None:
    """What the header says, or None for a file that is no EFI-zboot kernel.

    Raises ValueError for a payload that is not in the file.
    """
    if len(data) < HEADER_BYTES:
        return None
    dos, zimg, offset, size, name, magic = _HEADER.unpack_from(data)
    if (dos, zimg, magic) != (b"MZ", b"zimg", _LINUX_MAGIC):
        return None
    if offset < HEADER_BYTES or size == 0 or offset + size > len(data):
        raise ValueError(
            f"its header says that {size} bytes of kernel begin at {offset}, and it has {len(data)} bytes in all"
        )
    return Zboot(offset, size, name.partition(b"\0")[0].decode("ascii", "replace"))
