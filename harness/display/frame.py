"""A frame, and where frames come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from harness.errors import DisplayError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from harness.channels.stamp import Stamp

LARGEST_SIDE = 16384
"""What virtio-gpu allows; nothing that comes from a guest is believed to be larger."""
BYTES_A_PIXEL = 4


class PixelFormat(IntEnum):
    """32-bit formats by their DRM fourcc, which names the bytes from the highest to the lowest of a little-endian
    word: XRGB8888 is B, G, R, x in memory (Linux: drm_fourcc.h)."""

    XRGB8888 = 0x34325258
    ARGB8888 = 0x34325241
    XBGR8888 = 0x34324258
    ABGR8888 = 0x34324241


@dataclass(frozen=True, slots=True)
class Damage:
    """The rectangle of a frame that differs from the one before, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Surface:
    """A picture in memory: ``pixels`` begins with the first row's first byte and ends with the last row's last.

    ``stride`` is bytes a row, at least 4 times ``width``.
    """

    pixels: memoryview
    width: int
    height: int
    stride: int
    format: PixelFormat

    @classmethod
    def of(
        cls, memory: memoryview, width: int, height: int, stride: int, pixel_format: PixelFormat
    ) -> Surface:
        """The picture at the beginning of ``memory``; raises DisplayError for a size that does not fit into it."""
        row = width * BYTES_A_PIXEL
        end = stride * (height - 1) + row
        if not (
            0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE and row <= stride and end <= len(memory)
        ):
            raise DisplayError(
                f"a picture of {width}x{height} with {stride} bytes a row does not fit into {len(memory)} bytes"
            )
        return cls(memory[:end], width, height, stride, pixel_format)

    @property
    def whole(self) -> Damage:
        """All of it."""
        return Damage(0, 0, self.width, self.height)

    def row(self, y: int) -> memoryview:
        """One row's pixels, without what pads it."""
        begin = y * self.stride
        return self.pixels[begin : begin + self.width * BYTES_A_PIXEL]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a display showed at a moment.

    ``surface`` is valid until the frame is given back (:meth:`FrameSource.frame`). ``arrived``: when the
    source learnt of it. ``bytes_copied``: bytes of pixels that had to be moved so that they can be read here, received
    over a channel or copied from a buffer to another, each counted once for each move that the source knows of; 0 where
    the display's own memory is read.
    """

    surface: Surface
    damage: Damage
    sequence: int
    """0, 1, 2 … in the order in which the source gave them out."""
    arrived: Stamp
    bytes_copied: int
    lasting: bool = False
    """Whether the surface still shows this frame after it was given back, until another one is given out."""


class FrameSource(Protocol):
    """Gives one frame after the other. One thread uses it at a time; ``close`` may be called by any."""

    @property
    def name(self) -> str:
        """How it gets frames: ``scanout-map``, ``vnc`` …; part of a subject's configuration."""
        ...

    def frame(self, timeout_s: float) -> AbstractContextManager[Frame]:
        """The next frame, which belongs to the caller for as long as the ``with`` block lasts.

        Some displays stand still until the block ends: convert or encode the surface in it, and do no more. Raises
        NoFrame when none came in time, DisplayLost when none can come any more, DisplayError for one that makes no
        sense.
        """
        ...

    def close(self) -> None:
        """Let go of the display; a display that waits for us goes on. Idempotent."""
        ...
