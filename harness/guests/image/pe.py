"""Sections of a PE file: read, and more of them appended, which makes an EFI stub a unified kernel image.

Format: Microsoft, "PE Format"; what a unified kernel image has in its sections: UAPI.5, "Unified Kernel Image".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SECTION = struct.Struct("<8sIIII12xI")
_OPTIONAL_BYTES = 0x60
"""What of the optional header is read; PE32 and PE32+ are alike in that."""
_PE32_PLUS = 0x20B
_IMAGE_BYTES = 56
"""Where SizeOfImage is in the optional header; the checksum follows 8 bytes later."""
_CHECKSUM = 64
_SIGNATURE = 144
"""Where the directory entry of the signature is in that of PE32+."""
_READ_ONLY_DATA = 0x40000040
"""IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its name, where it is loaded, and where its bytes are in the file."""

    name: str
    address: int
    size: int
    """In memory: bytes of the file beyond this are padding."""
    offset: int
    file_size: int

    @property
    def end(self) -> int:
        """The first byte of the file after what of it is loaded."""
        return self.offset + min(self.size, self.file_size)


@dataclass(frozen=True, slots=True)
class Pe:
    """A PE file's headers, by where they are in it, and its sections."""

    coff: int
    optional: int
    table: int
    """Offset of the table of sections."""
    alignment: int
    """Of sections in memory."""
    file_alignment: int
    header_bytes: int
    """What the headers may take up."""
    sections: tuple[Section, ...]


def read_pe(data: bytes) -> Pe | None:
    """The headers of a PE file, or None for a file that is none.

    Raises ValueError for one whose headers or sections are not in the file.
    """
    if data[:2] != b"MZ" or len(data) < 0x40:
        return None
    start = int.from_bytes(data[0x3C:0x40], "little")
    if data[start : start + 4] != b"PE\0\0":
        return None
    coff, optional = start + 4, start + 24
    if len(data) < optional + _OPTIONAL_BYTES:
        raise ValueError("it ends in the headers of a PE file")
    count, optional_bytes = struct.unpack_from("<2xH12xH", data, coff)
    alignment, file_alignment, header_bytes = struct.unpack_from("<32xII20xI", data, optional)
    table = optional + optional_bytes
    if len(data) < table + count * _SECTION.size:
        raise ValueError(f"its {count} PE sections are not in the file")
    return Pe(
        coff, optional, table, alignment, file_alignment, header_bytes,
        tuple(_section(data, table + number * _SECTION.size) for number in range(count)),
    )  # fmt: skip


def section_data(data: bytes, pe: Pe, name: str) -> bytes | None:
    """The bytes of the section ``name`` without their padding, None without one.

    Raises ValueError when the file ends in it.
    """
    found = next((section for section in pe.sections if section.name == name), None)
    if found is None:
        return None
    if found.end > len(data):
        raise ValueError(f"its PE section {name} ends at {found.end}, and it has {len(data)} bytes in all")
    return data[found.offset : found.end]


def with_sections(program: bytes, more: dict[str, bytes]) -> bytes:
    """``program``, a PE32+ file, with ``more`` read-only sections after its own; a signature would not fit it any more.

    Raises ValueError for a program that is none, or whose headers have no room for so many.
    """
    pe = read_pe(program)
    if (
        pe is None
        or not pe.sections
        or program[pe.optional : pe.optional + 2] != _PE32_PLUS.to_bytes(2, "little")
    ):
        raise ValueError("the EFI stub is not a 64-bit PE file")
    if min(pe.alignment, pe.file_alignment) == 0:
        raise ValueError("the EFI stub says that its sections have no alignment")
    if pe.table + (len(pe.sections) + len(more)) * _SECTION.size > pe.header_bytes:
        raise ValueError(f"the EFI stub has no room for {len(more)} more sections")
    out = bytearray(program)
    address = max(section.address + section.size for section in pe.sections)
    for number, (name, data) in enumerate(more.items(), start=len(pe.sections)):
        address = _aligned(address, pe.alignment)
        out += bytes(-len(out) % pe.file_alignment)
        header = _SECTION.pack(
            name.encode(),
            len(data),
            address,
            _aligned(len(data), pe.file_alignment),
            len(out),
            _READ_ONLY_DATA,
        )
        at = pe.table + number * _SECTION.size
        out[at : at + _SECTION.size] = header
        out += data
        out += bytes(-len(out) % pe.file_alignment)
        address += len(data)
    struct.pack_into("<H", out, pe.coff + 2, len(pe.sections) + len(more))
    struct.pack_into("<I", out, pe.optional + _IMAGE_BYTES, _aligned(address, pe.alignment))
    struct.pack_into("<I", out, pe.optional + _CHECKSUM, 0)
    struct.pack_into("<II", out, pe.optional + _SIGNATURE, 0, 0)
    return bytes(out)


def _section(data: bytes, at: int) -> Section:
    name, size, address, file_size, offset, _ = _SECTION.unpack_from(data, at)
    return Section(name.rstrip(b"\0").decode("ascii", "replace"), address, size, offset, file_size)


def _aligned(value: int, alignment: int) -> int:
    return value + -value % alignment
