"""The payloads' bytes are what their listings are assembled from."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.host import payload

if TYPE_CHECKING:
    from pathlib import Path

TRIPLES = {"x86-64": "x86_64-freestanding-none", "arm64": "aarch64-freestanding-none"}


def assemble(arch: str, folder: Path) -> bytes:
    source, obj = folder / "payload.S", folder / "payload.o"
    listing = payload.LISTINGS[arch].strip().splitlines()
    source.write_text("".join(f"{line.partition('|')[2]}\n" for line in listing))
    zig = [sys.executable, "-m", "ziglang"]
    subprocess.run([*zig, "cc", "-target", TRIPLES[arch], "-c", source, "-o", obj], check=True)
    return section(obj.read_bytes(), b".text")


def section(elf: bytes, wanted: bytes) -> bytes:
    """Its bytes, by the section headers of a 64-bit little-endian ELF file: elf(5)."""
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + size * number) for number in range(count)]
    names_at = headers[names][4]
    for name, _, _, _, offset, length in headers:
        if elf[names_at + name :].startswith(wanted + b"\0"):
            return elf[offset : offset + length]
    raise LookupError(wanted)


@pytest.mark.parametrize("arch", TRIPLES)
def test_the_bytes_are_what_the_assembler_makes(arch: str, tmp_path: Path) -> None:
    assert payload.payload(arch).hex(" ") == assemble(arch, tmp_path).hex(" ")


def test_the_pc_payload_ends_at_the_reset_vector() -> None:
    rom = payload.firmware("x86-64")
    assert len(rom) == payload.ROM_SIZE
    assert rom[-16] == 0xE9, "a near jump, 16 bytes below 4 GiB"
    assert rom.endswith(payload.payload("x86-64"))


@pytest.mark.parametrize("arch", TRIPLES)
def test_the_token_is_in_the_payload(arch: str) -> None:
    assert payload.TOKEN in payload.payload(arch)
