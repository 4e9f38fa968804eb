"""A disk that a machine is given besides what it boots from: an image, and how the guest and the host treat it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DiskInterface(StrEnum):
    """How a guest sees a disk."""

    VIRTIO_BLK = "virtio-blk"
    NVME = "nvme"


class ImageFormat(StrEnum):
    """How an image holds its guest's blocks."""

    RAW = "raw"
    QCOW2 = "qcow2"


class Cache(StrEnum):
    """QEMU's cache modes; ``none`` and ``directsync`` bypass the host's page cache."""

    WRITEBACK = "writeback"
    WRITETHROUGH = "writethrough"
    NONE = "none"
    DIRECTSYNC = "directsync"
    UNSAFE = "unsafe"

    @property
    def direct(self) -> bool:
        """Whether it bypasses the host's page cache (O_DIRECT)."""
        return self in (Cache.NONE, Cache.DIRECTSYNC)

    @property
    def keeps_fsync(self) -> bool:
        """Whether what the guest has flushed is in the image: ``unsafe`` ignores flushes."""
        return self is not Cache.UNSAFE


class Aio(StrEnum):
    """How QEMU submits I/O; ``native`` needs a cache mode that bypasses the page cache."""

    THREADS = "threads"
    NATIVE = "native"
    IO_URING = "io_uring"


@dataclass(frozen=True, slots=True)
class Disk:
    """An image of the machine's own, which its guest writes to."""

    name: str
    """The serial number by which a guest finds it: up to 20 letters, digits and hyphens, a letter first."""
    file: Path
    format: ImageFormat = ImageFormat.QCOW2
    interface: DiskInterface = DiskInterface.VIRTIO_BLK
    cache: Cache = Cache.WRITEBACK
    aio: Aio = Aio.THREADS

    @property
    def way(self) -> str:
        """Everything but whose it is: ``nvme-qcow2-none-io_uring``."""
        return f"{self.interface}-{self.format}-{self.cache}-{self.aio}"
