"""What a kernel image is, by its own header: a VMM that is given another kind spins or fails without a word.

Formats: Linux, Documentation/arch/x86/boot.rst (the setup header: 0xAA55 at 0x1FE, ``HdrS`` at 0x202) and
Documentation/arch/arm64/booting.rst (``ARM\\x64`` at 0x38).
"""

from __future__ import annotations

from harness.errors import ArchiveCorrupt
from harness.guests.model import Arch

HEADER_BYTES = 0x206

_GZIP = b"\x1f\x8b"


def kind(header: bytes) -> Arch | None:
    """The architecture of the kernel that starts with ``header`` (at least HEADER_BYTES bytes), or None."""
    if header[0x38:0x3C] == b"ARM\x64":
        return Arch.ARM64
    if header[0x1FE:0x200] == b"\x55\xaa" and header[0x202:0x206] == b"HdrS":
        return Arch.X86_64
    return None


def check(header: bytes, arch: Arch) -> None:
    """Raise ArchiveCorrupt unless this is an uncompressed arm64 Image, or an x86 bzImage, as ``arch`` says."""
    found = kind(header)
    if found is arch:
        return
    what = (
        "gzip-compressed" if header.startswith(_GZIP) else f"one for {found}" if found else "of no known kind"
    )
    raise ArchiveCorrupt(
        f"the kernel for {arch} is {what}",
        fix="name a kernel package of that architecture that is not compressed",
    )
