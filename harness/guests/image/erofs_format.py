"""EROFS on disk: the superblock, an inode, a directory's blocks.

Format: Linux, Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. All numbers are little-endian. An inode's
number (nid) is its place: metadata area + 32 * nid. Inodes are compact ones, of 32 bytes: they have no time of their
own but the superblock's, which is 0, so no clock gets into an image.
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK_BYTES = 4096
SLOT_BYTES = 32
SUPERBLOCK_OFFSET = 1024
MOST_NAME_BYTES = 255
MOST_LINKS = MOST_OWNER = 0xFFFF
MOST_FILE_BYTES = 0xFFFFFFFF
"""What the fields of a compact inode hold."""

FLAT_PLAIN = 0
"""Data layout: blocks only."""
FLAT_INLINE = 2
"""Data layout: whole blocks, and what is left over right behind the inode, in the same block as it."""

_MAGIC = 0xE0F5E1E2
_WITH_CHECKSUM = 1
_SUPERBLOCK = struct.Struct("<IIIBBHQQIIII16s16sIHHHBBIQ24x")
_INODE = struct.Struct("<HHHHIIIIHHI")
_DIRENT = struct.Struct("<QHBx")
_FILE_TYPES = {
    stat.S_IFREG: 1,
    stat.S_IFDIR: 2,
    stat.S_IFCHR: 3,
    stat.S_IFBLK: 4,
    stat.S_IFIFO: 5,
    stat.S_IFSOCK: 6,
    stat.S_IFLNK: 7,
}
_CRC32C_REVERSED = 0x82F63B78


def superblock(*, root_nid: int, inodes: int, blocks: int, metadata_block: int) -> bytes:
    """The first block: 1024 free bytes, the superblock with its checksum, zeros."""
    checksum = 0
    for _ in range(2):  # the checksum is that of the block in which it is 0
        fields = _SUPERBLOCK.pack(
            _MAGIC, checksum, _WITH_CHECKSUM, BLOCK_BYTES.bit_length() - 1, 0, root_nid, inodes, 0, 0, blocks,
            metadata_block, 0, b"", b"", 0, 0, 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        rest = fields.ljust(BLOCK_BYTES - SUPERBLOCK_OFFSET, b"\0")
        checksum = crc32c(rest)
    return bytes(SUPERBLOCK_OFFSET) + rest


def inode(
    *,
    number: int,
    mode: int,
    links: int,
    size: int,
    layout: int,
    location: int,
    owner: tuple[int, int],
) -> bytes:
    """A compact inode; ``location`` is its first block, or the number of a device (:func:`device_number`)."""
    return _INODE.pack(layout << 1, 0, mode, links, size, 0, location, number, *owner, 0)


def device_number(major: int, minor: int) -> int:
    """As Linux writes it in 32 bits (include/linux/kdev_t.h: new_encode_dev)."""
    return (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12


def directory_blocks(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The sorted ``names`` divided into blocks: each holds its entries, then their names."""
    block: list[bytes] = []
    used = 0
    for name in names:
        size = _DIRENT.size + len(name)
        if used + size > BLOCK_BYTES:
            yield block
            block, used = [], 0
        block.append(name)
        used += size
    yield block


def directory_bytes(names: Sequence[bytes]) -> int:
    """What the entries of one block take."""
    return sum(_DIRENT.size + len(name) for name in names)


def directory_block(entries: Sequence[tuple[bytes, int, int]]) -> bytes:
    """One block of a directory, not padded: (name, nid, mode) of each entry."""
    at = _DIRENT.size * len(entries)
    out = bytearray()
    for name, nid, mode in entries:
        out += _DIRENT.pack(nid, at, _FILE_TYPES[stat.S_IFMT(mode)])
        at += len(name)
    return bytes(out) + b"".join(name for name, _, _ in entries)


def crc32c(data: bytes) -> int:
    """Castagnoli's CRC-32 as EROFS keeps it: from all ones, not inverted at the end."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC32C_REVERSED if crc & 1 else 0)
    return crc
