"""A disk with a GUID partition table and one partition, an EFI system partition.

Format: UEFI Specification 2.10, chapter 5. The partition begins at a MiB, as those of every partitioner do.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import BinaryIO

SECTOR_BYTES = 512
FIRST_SECTOR = 2048
"""Where the partition begins."""
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

_ENTRIES = 128
_ENTRY = struct.Struct("<16s16sQQQ72s")
_TABLE_SECTORS = _ENTRIES * _ENTRY.size // SECTOR_BYTES
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_REVISION = 0x00010000
_PROTECTIVE = struct.Struct("<446xB3sB3sII48x2s")


def write_table(
    out: BinaryIO, partition_bytes: int, *, name: str, disk: uuid.UUID, partition: uuid.UUID
) -> None:
    """Write the table, and its copy at the end, around a partition of ``partition_bytes``, whole sectors.

    What lies between is left as it is; the file becomes as long as the disk, a multiple of a MiB.
    """
    last = FIRST_SECTOR + partition_bytes // SECTOR_BYTES - 1
    sectors = -(-(last + 1 + _TABLE_SECTORS + 1) // FIRST_SECTOR) * FIRST_SECTOR
    label = name.encode("utf-16-le").ljust(72, b"\0")
    table = _ENTRY.pack(EFI_SYSTEM.bytes_le, partition.bytes_le, FIRST_SECTOR, last, 0, label)
    table = table.ljust(_ENTRIES * _ENTRY.size, b"\0")
    out.seek(0)
    out.write(_protective(sectors))
    out.write(_header(sectors, disk, table, here=1, other=sectors - 1, table_at=2))
    out.write(table)
    out.seek((sectors - _TABLE_SECTORS - 1) * SECTOR_BYTES)
    out.write(table)
    out.write(_header(sectors, disk, table, here=sectors - 1, other=1, table_at=sectors - _TABLE_SECTORS - 1))


def _header(sectors: int, disk: uuid.UUID, table: bytes, *, here: int, other: int, table_at: int) -> bytes:
    """One header; its checksum is that of itself with zero in the checksum's place."""
    first, last = 2 + _TABLE_SECTORS, sectors - _TABLE_SECTORS - 2

    def packed(checksum: int) -> bytes:
        return _HEADER.pack(
            b"EFI PART", _REVISION, _HEADER.size, checksum, 0, here, other, first, last, disk.bytes_le, table_at,
            _ENTRIES, _ENTRY.size, zlib.crc32(table),
        )  # fmt: skip

    return packed(zlib.crc32(packed(0))).ljust(SECTOR_BYTES, b"\0")


def _protective(sectors: int) -> bytes:
    """An MBR whose one partition is the whole disk, of the type that says "GPT" to those who know only MBRs."""
    size = min(sectors - 1, 0xFFFFFFFF)
    return _PROTECTIVE.pack(0, b"\0\x02\0", 0xEE, b"\xff\xff\xff", 1, size, b"\x55\xaa")
