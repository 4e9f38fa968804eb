"""The newc cpio archive, the format of an initramfs: written deterministically, read strictly.

Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. A header is 110 ASCII bytes (the magic
``070701`` and thirteen fields of eight hexadecimal digits), then the NUL-terminated name and the data, each
padded to 4 bytes. Archives may follow one another, with NUL bytes in between: the kernel unpacks them in order,
which is how a machine's own keys are added to an image that everybody shares.
"""

from __future__ import annotations

import stat
from binascii import unhexlify
from struct import Struct
from typing import TYPE_CHECKING

from harness.errors import ArchiveCorrupt
from harness.guests.image.entry import Entry, directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
ARCHIVE_ALIGNMENT = 512
"""A finished archive is a multiple of this many bytes, so that another can be appended."""

_FIELDS = Struct(">13I")
_HEADER_BYTES = len(MAGIC) + 2 * _FIELDS.size


def pack(entries: Iterable[Entry]) -> bytes:
    """The archive of ``entries``: the same set gives the same bytes, whatever the order or the clock.

    Entries are sorted, parents come before children and are added where missing; times are 0, inodes count from 1.
    Raises ValueError for a path given twice or below a file, and for the trailer's name.
    """
    out = bytearray()
    for inode, entry in enumerate(_ordered(entries), start=1):
        out += _record(inode, entry)
    out += _record(0, Entry(TRAILER, 0))
    return bytes(out + bytes(-len(out) % ARCHIVE_ALIGNMENT))


def unpack(archive: bytes) -> Iterator[Entry]:
    """Every entry of one or more archives in a row, in order; raises ArchiveCorrupt where the bytes make no sense."""
    at, ended = 0, True
    while at < len(archive) or not ended:
        if ended and archive[at] == 0:  # between two archives
            at += 1
            continue
        entry, at = _parse(archive, at)
        ended = entry is None
        if entry is not None:
            yield entry


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    by_path: dict[str, Entry] = {}
    for entry in entries:
        if entry.path in by_path:
            raise ValueError(f"{entry.path} is in the archive twice")
        if entry.path == TRAILER:
            raise ValueError("an entry cannot have the trailer's name")
        by_path[entry.path] = entry
    for path in list(by_path):
        while "/" in path:
            path = path.rpartition("/")[0]  # noqa: PLW2901 - climbs to the root
            parent = by_path.setdefault(path, directory(path))
            if not stat.S_ISDIR(parent.mode):
                raise ValueError(f"{path} is not a directory, but has entries below it")
    return [by_path[path] for path in sorted(by_path)]


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    time = major = minor = checksum = 0
    fields = (
        inode,
        entry.mode,
        entry.uid,
        entry.gid,
        links,
        time,
        len(entry.data),
        major,
        minor,
        *entry.device,
        len(name),
        checksum,
    )
    record = MAGIC + b"".join(b"%08X" % value for value in fields) + name
    record += bytes(-len(record) % 4) + entry.data
    return record + bytes(-len(record) % 4)


def _parse(archive: bytes, at: int) -> tuple[Entry | None, int]:
    """The entry at byte ``at``, None for the trailer, and where the next one begins."""
    header = archive[at : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header.startswith(MAGIC):
        raise ArchiveCorrupt(f"no newc header at byte {at} of a cpio archive", offset=at)
    try:  # not int(…, 16), which takes signs, spaces and underscores
        fields = _FIELDS.unpack(unhexlify(header[len(MAGIC) :]))
    except ValueError:
        raise ArchiveCorrupt(f"a newc header at byte {at} is not hexadecimal", offset=at) from None
    mode, uid, gid, size, name_size = fields[1], fields[2], fields[3], fields[6], fields[11]
    name_at = at + _HEADER_BYTES
    data_at = name_at + name_size + -(_HEADER_BYTES + name_size) % 4
    end = data_at + size
    raw_name = archive[name_at : name_at + name_size]
    if end > len(archive) or not raw_name.endswith(b"\0"):
        raise ArchiveCorrupt(f"a cpio entry at byte {at} is cut short", offset=at)
    name = raw_name[:-1].decode("utf-8", "surrogateescape")
    after = end + -size % 4
    if name == TRAILER:
        return None, after
    try:
        return Entry(name, mode, archive[data_at:end], (fields[9], fields[10]), uid, gid), after
    except ValueError as error:
        raise ArchiveCorrupt(f"a cpio archive holds a bad name: {error}", offset=at) from None
