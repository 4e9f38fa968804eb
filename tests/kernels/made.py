"""Kernels of a few bytes, and what they are packed in."""

import gzip
import lzma
import struct

from harness.kernels.decompress import zstd

ARM64 = bytes(0x38) + b"ARM\x64" + b"an Image " * 2000
X86_64 = bytes(0x1FE) + b"\x55\xaa\xeb\x66HdrS" + b"a bzImage " * 2000

PACK = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstd.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


def zboot(payload, name=b"gzip", *, offset=0x40, size=None):
    """As Linux's zboot-header.S lays it out: the payload, and after it what the kernel unpacks itself with."""
    header = struct.pack(
        "<2sH4sIIII32s4sI", b"MZ", 0, b"zimg", offset, len(payload) if size is None else size, 0, 0, name,
        bytes.fromhex("cd238281"), 0x40,
    )  # fmt: skip
    return header + payload + b"PE\0\0 and the program that unpacks"
