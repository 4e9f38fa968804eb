"""A FAT32 volume, written as a stream: the same files give the same bytes.

Only what an EFI system partition needs: names in capitals of 8.3 letters, one sector to a cluster, every file in one
piece, every time the first that FAT can say. Format: Microsoft, "FAT: General Overview of On-Disk Format", 1.03.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECTOR_BYTES = 512

_NAME = re.compile(r"[A-Z0-9_~-]{1,8}(?:\.[A-Z0-9_~-]{1,3})?")
_RESERVED_SECTORS = 32
_FATS = 2
_LEAST_CLUSTERS = 65536
"""With fewer than 65525 a volume is FAT16; who reads it may miscount by a few."""
_MOST_CLUSTERS = 1 << 26
_ROOT_CLUSTER = 2
_END = 0x0FFFFFFF
_MEDIA = 0xF8
_DIRECTORY, _ARCHIVE = 0x10, 0x20
_FIRST_DAY = 0x0021
"""1 January 1980."""
_BOOT_SECTOR = struct.Struct("<3s8sHBHBHHBHHHIIIHHIHH12xBBBI11s8s")
_DIRECTORY_ENTRY = struct.Struct("<11sBBBHHHHHHHI")
_NO_CODE = b"\xeb\x58\x90"


@dataclass(slots=True)
class _Node:
    """A directory (``data`` is None) or a file, and the run of clusters that it has."""

    data: bytes | None = None
    children: dict[str, _Node] = field(default_factory=dict)
    start: int = 0
    clusters: int = 0


def write_fat(out: BinaryIO, files: Mapping[str, bytes], *, serial: int, hidden_sectors: int = 0) -> int:
    """Write a volume with ``files`` (path → content) where ``out`` is, and return how many bytes it has.

    ``serial``: 32 bits that name the volume; ``hidden_sectors``: those of the disk before it. What is zero is skipped,
    so that the file has holes there: ``out`` must be empty from here on, and as long as the volume is. Raises
    ValueError for a name that is not 8.3, and for more than 32 GiB.
    """
    start = out.tell()
    root = _tree(files)
    used = _place(root)
    clusters = max(used, _LEAST_CLUSTERS)
    if clusters > _MOST_CLUSTERS:
        raise ValueError("the files do not fit into a FAT32 volume of 32 GiB")
    fat_sectors = -(-(clusters + _ROOT_CLUSTER) * 4 // SECTOR_BYTES)
    data = _RESERVED_SECTORS + _FATS * fat_sectors
    boot = _boot_sector(data + clusters, fat_sectors, serial, hidden_sectors)
    info = _information(free=clusters - used, following=used + _ROOT_CLUSTER)
    for copy in (0, 6):
        out.seek(start + copy * SECTOR_BYTES)
        out.write(boot + info)
    table = _table(root, used)
    for copy in range(_FATS):
        out.seek(start + (_RESERVED_SECTORS + copy * fat_sectors) * SECTOR_BYTES)
        out.write(table)
    for node, parent in _walk(root, root):
        out.seek(start + (data + node.start - _ROOT_CLUSTER) * SECTOR_BYTES)
        out.write(_directory(node, parent, root) if node.data is None else node.data)
    return (data + clusters) * SECTOR_BYTES


def _tree(files: Mapping[str, bytes]) -> _Node:
    root = _Node()
    for path, data in sorted(files.items()):
        *parents, name = path.split("/")
        folder = root
        for part in (*parents, name):
            if not _NAME.fullmatch(part):
                raise ValueError(f"{path!r} has a name that is not 8.3")
        for part in parents:
            folder = folder.children.setdefault(part, _Node())
        if folder.data is not None or name in folder.children:
            raise ValueError(f"{path!r} is below a file, or a directory already")
        folder.children[name] = _Node(data)
    return root


def _place(root: _Node) -> int:
    """Give every node its clusters, in the order of the walk; how many they all take."""
    following = _ROOT_CLUSTER
    for node, _ in _walk(root, root):
        size = (len(node.children) + 2) * _DIRECTORY_ENTRY.size if node.data is None else len(node.data)
        node.clusters = -(-size // SECTOR_BYTES)
        node.start = following if node.clusters else 0
        following += node.clusters
    return following - _ROOT_CLUSTER


def _walk(node: _Node, parent: _Node) -> Iterator[tuple[_Node, _Node]]:
    yield node, parent
    for name in sorted(node.children):
        yield from _walk(node.children[name], node)


def _boot_sector(sectors: int, fat_sectors: int, serial: int, hidden: int) -> bytes:
    """The BIOS parameter block, where a PC would look for code; there is none."""
    fields = _BOOT_SECTOR.pack(
        _NO_CODE, b"VISORBEN", SECTOR_BYTES, 1, _RESERVED_SECTORS, _FATS, 0, 0, _MEDIA, 0, 63, 255, hidden, sectors,
        fat_sectors, 0, 0, _ROOT_CLUSTER, 1, 6, 0x80, 0, 0x29, serial, b"NO NAME    ", b"FAT32   ",
    )  # fmt: skip
    return fields + bytes(SECTOR_BYTES - 2 - len(fields)) + b"\x55\xaa"


def _information(*, free: int, following: int) -> bytes:
    """The FSInfo sector: how many clusters are free, and where to look for one."""
    return struct.pack("<I480xIII12xI", 0x41615252, 0x61417272, free, following, 0xAA550000)


def _table(root: _Node, used: int) -> bytes:
    """The FAT: of every cluster the one that follows it."""
    table = array("I", range(1, used + _ROOT_CLUSTER + 1))
    table[0], table[1] = 0x0FFFFF00 | _MEDIA, _END
    for node, _ in _walk(root, root):
        if node.clusters:
            table[node.start + node.clusters - 1] = _END
    if sys.byteorder == "big":
        table.byteswap()
    return table.tobytes()


def _directory(node: _Node, parent: _Node, root: _Node) -> bytes:
    entries = [_entry(name, child) for name, child in sorted(node.children.items())]
    if node is not root:
        above = 0 if parent is root else parent.start
        entries[:0] = [_named(b".", _DIRECTORY, node.start, 0), _named(b"..", _DIRECTORY, above, 0)]
    return b"".join(entries)


def _entry(name: str, node: _Node) -> bytes:
    stem, _, extension = name.partition(".")
    short = f"{stem:<8}{extension:<3}".encode("ascii")
    if node.data is None:
        return _named(short, _DIRECTORY, node.start, 0)
    return _named(short, _ARCHIVE, node.start, len(node.data))


def _named(name: bytes, kind: int, start: int, size: int) -> bytes:
    day = _FIRST_DAY
    return _DIRECTORY_ENTRY.pack(
        name.ljust(11), kind, 0, 0, 0, day, day, start >> 16, 0, day, start & 0xFFFF, size
    )
