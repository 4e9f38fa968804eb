"""What QEMU shows on its D-Bus display: memory that is mapped once and kept, or pixels put together here."""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from typing import NamedTuple

from harness.display.frame import BYTES_A_PIXEL, Damage, PixelFormat, Surface
from harness.display.reused_memory import ReusedMemory
from harness.errors import DisplayError

FORMATS = {
    0x20020888: PixelFormat.XRGB8888,
    0x20028888: PixelFormat.ARGB8888,
    0x20030888: PixelFormat.XBGR8888,
    0x20038888: PixelFormat.ABGR8888,
}
"""QEMU's words for formats, which are pixman's, on a little-endian host."""
_MAPS_KEPT = 6
"""Pages that a guest flips through at once; one with more is mapped anew each time, no more than that."""


class Layout(NamedTuple):
    """How QEMU says that pixels lie in memory."""

    width: int
    height: int
    stride: int
    format: PixelFormat


class MappedScanout:
    """Memory files of QEMU's. A descriptor comes with every flip; a file that is known already is not mapped again."""

    def __init__(self) -> None:
        self.surface: Surface | None = None
        self._maps: OrderedDict[tuple[int, int], mmap.mmap] = OrderedDict()

    def show(self, fd: int, offset: int, layout: Layout) -> None:
        """Raises DisplayError when the picture would not lie within the file."""
        memory = memoryview(self._map(fd))
        if offset > len(memory):
            raise DisplayError(f"a picture at byte {offset} of a memory of {len(memory)}")
        self.surface = Surface.of(memory[offset:], *layout)

    def clipped(self, x: int, y: int, width: int, height: int) -> Damage:
        """A rectangle of the surface."""
        return _clipped(self.surface, x, y, width, height)

    def close(self) -> None:
        """Forget every file; each is unmapped when the last surface in it has gone."""
        self.surface = None
        self._maps.clear()

    def _map(self, fd: int) -> mmap.mmap:
        status = os.fstat(fd)
        # While a map is kept, its file lives, and no other file gets its inode number.
        key = (status.st_dev, status.st_ino)
        known = self._maps.get(key)
        if known is None or len(known) != status.st_size:
            try:
                known = mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                raise DisplayError(f"the memory of the guest's display cannot be mapped: {error}") from None
            self._maps[key] = known
        self._maps.move_to_end(key)
        while len(self._maps) > _MAPS_KEPT:
            self._maps.popitem(last=False)  # unmapped when the last surface in it has gone
        return known


class CopiedScanout:
    """A picture of our own, into which QEMU's messages are copied."""

    def __init__(self) -> None:
        self.surface: Surface | None = None
        self._memory = ReusedMemory()
        self._pixels = memoryview(b"")

    def show(self, data: bytes | memoryview, layout: Layout) -> int:
        """A whole picture; returns how many bytes of pixels were moved. Raises DisplayError, and has none then."""
        self.surface = None
        self._pixels = memoryview(self._memory.of(len(data)))
        self._pixels[:] = data  # a bytearray would copy what it is given once more
        self.surface = Surface.of(self._pixels, *layout)
        return 2 * len(data)  # through the socket, and into our picture

    def update(
        self, data: bytes | memoryview, at: tuple[int, int, int, int], stride: int, pixel_format: PixelFormat
    ) -> int:
        """A part of it; returns how many bytes of pixels were moved."""
        surface = self.surface
        if surface is None:
            return len(data)
        if pixel_format != surface.format:
            raise DisplayError(
                f"a part of a picture is {pixel_format.name}, the picture {surface.format.name}"
            )
        damage = self.clipped(*at)
        row_bytes = damage.width * BYTES_A_PIXEL
        if len(data) < (damage.height - 1) * stride + row_bytes or stride < row_bytes:
            raise DisplayError("a part of a picture has fewer pixels than it says")
        source = memoryview(data)
        for row in range(damage.height):
            begin = (damage.y + row) * surface.stride + damage.x * BYTES_A_PIXEL
            self._pixels[begin : begin + row_bytes] = source[row * stride : row * stride + row_bytes]
        return len(data) + damage.height * row_bytes

    def clipped(self, x: int, y: int, width: int, height: int) -> Damage:
        """A rectangle of the surface."""
        return _clipped(self.surface, x, y, width, height)


def _clipped(surface: Surface | None, x: int, y: int, width: int, height: int) -> Damage:
    if surface is None or not (
        0 <= x < surface.width and 0 <= y < surface.height and width > 0 and height > 0
    ):
        raise DisplayError(f"a change of {width}x{height} at {x},{y} is not in the picture")
    return Damage(x, y, min(width, surface.width - x), min(height, surface.height - y))
