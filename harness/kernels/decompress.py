"""Compressed kernels, decompressed up to a limit: a megabyte may claim to be a terabyte."""

from __future__ import annotations

import lzma
import sys
import zlib
from typing import TYPE_CHECKING, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

MAGICS = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"\x5d\0\0": "lzma",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x02\x21\x4c\x18": "lz4",
    b"\x89LZO": "lzo",
}
"""First bytes → compression (Linux, lib/decompress.c)."""

_MOST_MEMORY_BYTES = 256 << 20
"""For a dictionary; that of a kernel has at most 128 MiB."""


class TooLarge(ValueError):
    """There is more than the limit."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": lambda: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS),
    "zstd": zstd.ZstdDecompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY_BYTES),
    "lzma": lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY_BYTES),
}


def compression(data: bytes) -> str | None:
    """The name of what ``data`` is packed with, by its first bytes."""
    return next((name for magic, name in MAGICS.items() if data.startswith(magic)), None)


def known(name: str) -> bool:
    """Whether :func:`decompress` can undo it."""
    return name in _DECOMPRESSORS


def decompress(data: bytes, name: str, most_bytes: int) -> bytes:
    """The first stream of ``data``; what follows it (a device tree, a signature, its size) is left.

    Raises TooLarge, ValueError for a stream that is damaged or ends early.
    """
    decompressor = _DECOMPRESSORS[name]()
    try:
        unpacked = decompressor.decompress(data, most_bytes + 1)
    except (zlib.error, lzma.LZMAError, zstd.ZstdError, MemoryError) as error:
        raise ValueError(f"its {name} data are damaged: {error or 'they ask for too much memory'}") from None
    if len(unpacked) > most_bytes:
        raise TooLarge(f"it is {name} data of more than {most_bytes >> 20} MiB")
    if not decompressor.eof:
        raise ValueError(f"its {name} data end early, after {len(unpacked)} bytes of kernel")
    return unpacked
