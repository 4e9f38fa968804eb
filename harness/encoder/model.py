"""What goes into an encoder and what comes out, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Backend(IntEnum):
    """Who makes the stream."""

    X264 = 1
    """x264 and libyuv, on any host."""
    VIDEOTOOLBOX = 2
    """The media engine of a Mac."""


class PixelFormat(IntEnum):
    """How a surface's pixels lie in memory; the values are DRM's fourccs."""

    XRGB8888 = 0x34325258
    """Blue, green, red, unused: what QEMU's displays show."""
    ARGB8888 = 0x34325241
    XBGR8888 = 0x34324258
    """Red, green, blue, unused."""
    ABGR8888 = 0x34324241
    NV12 = 0x3231564E
    """A plane of luma, then one of chroma at half size, both with the surface's stride."""


class Colour(IntEnum):
    """The YCbCr of a stream, as its VUI states it: matrix and range. Primaries are BT.709's, the transfer is sRGB's.

    With x264 the two of BT.709 are for NV12 surfaces: libyuv converts RGB by BT.601 only.
    """

    BT601_LIMITED = 1
    BT601_FULL = 2
    BT709_LIMITED = 3
    BT709_FULL = 4


class Profile(IntEnum):
    """What a decoder must be able to do at most."""

    BASELINE = 66
    MAIN = 77
    HIGH = 100


@dataclass(frozen=True, slots=True)
class Bitrate:
    """So many bits per second on average, and no burst longer than half a second."""

    bit_per_s: int


@dataclass(frozen=True, slots=True)
class Quality:
    """The same quality throughout, whatever it takes: x264's rate factor, 1 (best) to 51."""

    crf: float


_BLOCK, _BORDER = 16, 128
"""Pixels: x264 rounds a side up to whole macroblocks, and has borders around its pictures."""
_OF_A_STREAM, _OF_A_THREAD, _OF_A_PIXEL = 8 << 20, 2 << 20, 28
"""Bytes, found with noise at a gigabit a second: a test sees that no stream takes more."""
_THREADS_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """One stream."""

    width: int
    height: int
    rate: Bitrate | Quality = Bitrate(4_000_000)
    fps: Fraction = Fraction(60)
    """What the rate control reckons with; frames may come at any time."""
    gop: int = 60
    """Frames from one keyframe to the next at most; 0: only the first, and those that are asked for."""
    backend: Backend = Backend.X264
    colour: Colour = Colour.BT601_LIMITED
    profile: Profile = Profile.BASELINE
    threads: int = 0
    """0: as many as the host has processors, up to 8."""

    @property
    def memory_bytes(self) -> int:
        """What its encoder and its colour conversion take at most, however hard its pictures are to encode."""
        pixels = math.prod(-(-side // _BLOCK) * _BLOCK + _BORDER for side in (self.width, self.height))
        return _OF_A_STREAM + _OF_A_THREAD * (self.threads or _THREADS_AT_MOST) + _OF_A_PIXEL * pixels


@dataclass(frozen=True, slots=True)
class IOSurface:
    """A macOS surface; ``reference`` is an IOSurfaceRef's address, which the caller keeps alive."""

    reference: int


@dataclass(frozen=True, slots=True)
class Surface:
    """Pixels where they are; the encoder only reads them, while ``encode`` runs."""

    width: int
    height: int
    stride: int
    """Bytes from one row to the next."""
    format: PixelFormat
    memory: int | Buffer | IOSurface
    """A descriptor of shared memory or of a DMA-BUF, bytes, or an IOSurface.

    The encoder maps a descriptor's file and keeps the mapping for the next frame, also when that comes with another
    descriptor of the file. Whoever can make the file shorter while it is read can end this process (SIGBUS): take
    descriptors from peers that are trusted, or sealed ones (F_SEAL_SHRINK).
    """
    offset: int = 0
    """Of the first pixel in the memory, in bytes."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded frame as a byte stream (annex B); a keyframe starts with the parameter sets that it needs."""

    data: bytes
    nal_sizes: tuple[int, ...]
    """Of the NAL units in ``data``, start codes included."""
    pts: int
    """What was given with the surface."""
    is_keyframe: bool
    width: int
    """Of the stream: an odd size is rounded up to an even one, the last column or row repeated."""
    height: int
    map_ns: int
    convert_ns: int
    encode_ns: int

    @property
    def nal_units(self) -> tuple[bytes, ...]:
        """The NAL units, each with its start code."""
        units, start = [], 0
        for size in self.nal_sizes:
            units.append(self.data[start : start + size])
            start += size
        return tuple(units)


@dataclass(frozen=True, slots=True)
class EncoderStats:
    """What an encoder has done so far."""

    frames: int
    keyframes: int
    stream_bytes: int
    copied_bytes: int
    """Of pixels, by the CPU in this library, other than by colour conversion: 0 but for sizes that are odd."""
    map_ns: int
    convert_ns: int
    encode_ns: int
    mappings: int
    """How often a file was mapped."""
