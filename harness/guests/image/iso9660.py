"""A CD: an ISO 9660 image of a few files in its root folder.

Format: ECMA-119, 4th edition, level 1. Sectors of 2048 bytes: 16 of the system's, the primary volume descriptor, the
terminator, two path tables (little- and big-endian), the root folder, the files.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, BinaryIO

from harness.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTOR_BYTES = 2048
_DESCRIPTOR, _TERMINATOR, _LITTLE_TABLE, _BIG_TABLE, _ROOT, _FILES = 16, 17, 18, 19, 20, 21
_NAME = re.compile(r"[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3}")
_FOLDER = 2
"""The flag of a record that it is of a folder."""
_NO_TIME = b"0" * 16 + b"\0"
_EPOCH = bytes(7)


def write_iso(out: BinaryIO, files: Mapping[str, bytes], *, volume: str) -> None:
    """Write the image; the same files give the same bytes.

    Raises InvalidConfiguration for names that are not of level 1 (``NAME.EXT``), and for more than one folder's sector
    holds.
    """
    for name in files:
        if not _NAME.fullmatch(name):
            raise InvalidConfiguration(
                f"a file of a CD cannot be called {name!r}", fix="NAME.EXT, in capitals"
            )
    records, at = (
        [_record(b"\0", _ROOT, SECTOR_BYTES, _FOLDER), _record(b"\1", _ROOT, SECTOR_BYTES, _FOLDER)],
        _FILES,
    )
    for name, data in sorted(files.items()):
        records.append(_record(f"{name};1".encode(), at, len(data), 0))
        at += -(-len(data) // SECTOR_BYTES)
    root = b"".join(records)
    if len(root) > SECTOR_BYTES:
        raise InvalidConfiguration(
            f"{len(files)} files are too many for one folder of a CD", fix="leave some out"
        )
    system = bytes(_DESCRIPTOR * SECTOR_BYTES)
    tables = [struct.pack(f"{order}BBIHBx", 1, 0, _ROOT, 1, 0) for order in "<>"]
    contents = (data for _, data in sorted(files.items()))
    for part in (system, _descriptor(volume, at), b"\xffCD001\1", *tables, root, *contents):
        out.write(part)
        out.write(bytes(-len(part) % SECTOR_BYTES))


def _descriptor(volume: str, sectors: int) -> bytes:
    """The primary volume descriptor (8.4)."""
    label = volume.upper().encode("ascii").ljust(32)[:32]
    text = [b"".ljust(128)] * 4 + [b"".ljust(37)] * 3
    return b"".join((
        b"\1CD001\1\0", b"".ljust(32), label, bytes(8), _both32(sectors), bytes(32),
        _both16(1), _both16(1), _both16(SECTOR_BYTES), _both32(10), struct.pack("<II", _LITTLE_TABLE, 0),
        struct.pack(">II", _BIG_TABLE, 0), _record(b"\0", _ROOT, SECTOR_BYTES, _FOLDER), *text, _NO_TIME * 4, b"\1\0",
    ))  # fmt: skip


def _record(name: bytes, sector: int, size: int, flags: int) -> bytes:
    """A directory record (9.1); its length is even."""
    body = b"".join((
        b"\0", _both32(sector), _both32(size), _EPOCH, bytes([flags, 0, 0]), _both16(1), bytes([len(name)]), name,
    ))  # fmt: skip
    length = len(body) + 1 + (len(body) + 1) % 2
    return bytes([length]) + body.ljust(length - 1, b"\0")


def _both16(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def _both32(value: int) -> bytes:
    return struct.pack("<I", value) + struct.pack(">I", value)
