"""The payloads' bytes are what their listings are assembled from."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.host import payload

if TYPE_CHECKING:
    from pathlib import Path

TRIPLES = {"x86-64": "x86_64-freestanding-none", "arm64": "aarch64-freestanding-none"}


def assemble(arch: str, folder: Path) -> bytes:
    source, obj, flat = folder / "payload.S", folder / "payload.o", folder / "payload.bin"
    listing = payload.LISTINGS[arch].strip().splitlines()
    source.write_text("".join(f"{line.partition('|')[2]}\n" for line in listing))
    zig = [sys.executable, "-m", "ziglang"]
    subprocess.run([*zig, "cc", "-target", TRIPLES[arch], "-c", source, "-o", obj], check=True)
    subprocess.run([*zig, "objcopy", "-O", "binary", obj, flat], check=True)
    return flat.read_bytes()


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
