"""What a file takes on its disk: a sparse one less than its length."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK_BYTES = 512
"""The unit of ``st_blocks``, whatever the file system's (POSIX leaves it open; Linux and macOS have this)."""


def allocated_bytes(file: Path) -> int:
    """Bytes; the file's length where the system does not tell."""
    told = file.stat()
    blocks: int | None = getattr(told, "st_blocks", None)
    return told.st_size if blocks is None else blocks * _BLOCK_BYTES
