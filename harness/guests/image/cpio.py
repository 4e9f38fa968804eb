"""The newc cpio archive, the format of an initramfs: written deterministically, read strictly.

Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. A header is 110 ASCII bytes (the magic
``070701`` and thirteen fields of eight hexadecimal digits), then the NUL-terminated name and the data, each
padded to 4 bytes. Archives may follow one another, with NUL bytes in between: the kernel unpacks them in order,
which is how a machine's own keys are added to an image that everybody shares.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ARCHIVE_ALIGNMENT = 512
"""A finished archive is a multiple of this many bytes, so that another can be appended."""

_HEADER_BYTES = 110
_FIELDS = 13


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; ``data`` is a regular file's content or a symbolic link's target."""

    path: str
    """Relative, normalised, without ``..``: ``usr/bin/sh``."""
    mode: int
    """Type and permission bits, as in ``st_mode``."""
    data: bytes = b""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device node."""

    def __post_init__(self) -> None:
        if not all(part not in ("", ".", "..") for part in self.path.split("/")) or "\0" in self.path:
            raise ValueError(f"not a normalised relative path: {self.path!r}")
        if self.path == TRAILER:
            raise ValueError("an entry cannot have the trailer's name")


def file(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | permissions, data)


def directory(path: str, permissions: int = 0o755) -> Entry:
    """A directory; parents that nobody names get 0755."""
    return Entry(path, stat.S_IFDIR | permissions)


def symlink(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """A character device node, such as /dev/console."""
    return Entry(path, stat.S_IFCHR | permissions, device=(major, minor))


def pack(entries: Iterable[Entry]) -> bytes:
    """The archive of ``entries``: the same set gives the same bytes, whatever the order or the clock.

    Entries are sorted, parents come before children and are added where missing; owner is root, times are 0,
    inodes count from 1. Raises ValueError for a path given twice or below a file.
    """
    out = bytearray()
    for inode, entry in enumerate(_ordered(entries), start=1):
        out += _record(inode, entry.path, entry.mode, entry.data, entry.device)
    out += _record(0, TRAILER, 0, b"", (0, 0))
    return bytes(out + bytes(-len(out) % ARCHIVE_ALIGNMENT))


def unpack(archive: bytes) -> Iterator[Entry]:
    """Every entry of one or more archives in a row, in order; raises ArchiveCorrupt where the bytes make no sense."""
    at, ended = 0, True
    while at < len(archive) or not ended:
        if ended and archive[at] == 0:  # between two archives
            at += 1
            continue
        name, mode, data, device, at = _parse(archive, at)
        ended = name == TRAILER
        if ended:
            continue
        try:
            yield Entry(name, mode, data, device)
        except ValueError as error:
            raise ArchiveCorrupt(f"a cpio archive holds a bad name: {error}", offset=at) from None


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    by_path: dict[str, Entry] = {}
    for entry in entries:
        if entry.path in by_path:
            raise ValueError(f"{entry.path} is in the archive twice")
        by_path[entry.path] = entry
    for path in list(by_path):
        while "/" in path:
            path = path.rpartition("/")[0]  # noqa: PLW2901 - climbs to the root
            parent = by_path.setdefault(path, directory(path))
            if not stat.S_ISDIR(parent.mode):
                raise ValueError(f"{path} is not a directory, but has entries below it")
    return [by_path[path] for path in sorted(by_path)]


def _record(inode: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    owner = time = major = minor = checksum = 0
    fields = (
        inode,
        mode,
        owner,
        owner,
        links,
        time,
        len(data),
        major,
        minor,
        *device,
        len(encoded),
        checksum,
    )
    record = MAGIC + b"".join(b"%08X" % value for value in fields) + encoded
    record += bytes(-len(record) % 4) + data
    return record + bytes(-len(record) % 4)


def _parse(archive: bytes, at: int) -> tuple[str, int, bytes, tuple[int, int], int]:
    header = archive[at : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        raise ArchiveCorrupt(f"no newc header at byte {at} of a cpio archive", offset=at)
    try:
        fields = [int(header[6 + 8 * n : 14 + 8 * n], 16) for n in range(_FIELDS)]
    except ValueError:
        raise ArchiveCorrupt(f"a newc header at byte {at} is not hexadecimal", offset=at) from None
    mode, size, major, minor, name_size = fields[1], fields[6], fields[9], fields[10], fields[11]
    name_at = at + _HEADER_BYTES
    data_at = name_at + name_size + -(_HEADER_BYTES + name_size) % 4
    end = data_at + size
    raw_name = archive[name_at : name_at + name_size]
    if end > len(archive) or not raw_name.endswith(b"\0"):
        raise ArchiveCorrupt(f"a cpio entry at byte {at} is cut short", offset=at)
    name = raw_name[:-1].decode("utf-8", "surrogateescape")
    return name, mode, archive[data_at:end], (major, minor), end + -size % 4
