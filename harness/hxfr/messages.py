"""The messages of HXFR as values, and their bytes.

All integers are little-endian and nothing is padded. Every message is a header of 12 bytes (magic ``HXFR``, type,
flags, session, size of what follows) and a payload, whose layouts the formats below spell out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from harness.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

MAGIC = int.from_bytes(b"HXFR", "little")
HEADER = struct.Struct("<IBBHI")
PIXEL_DATA = 0x01
"""The flag of a FRAME_REQUEST whose pixels follow it."""
FRAME_REQUEST = struct.Struct("<5I2qB7x")
CONFIG_REQUEST = struct.Struct("<5IBBB5x")
RESPONSE_HEAD = struct.Struct("<qqB3xI")
NAL_SIZE = struct.Struct("<I")
ERROR = struct.Struct("<i256s")
VSOCK_PORT = 5000
TCP_PORT = 15937
LARGEST_SIDE = 8192
"""Of a frame that is attached to a request."""


class Type(IntEnum):
    """What a message is."""

    FRAME_REQUEST = 0x01
    FRAME_RESPONSE = 0x02
    KEYFRAME_REQ = 0x03
    CONFIG_REQ = 0x04
    CONFIG_RESP = 0x05
    PING = 0x10
    PONG = 0x11
    ENABLE_SCANOUT = 0x20
    DISABLE_SCANOUT = 0x21
    SCANOUT_RESP = 0x22
    SUBSCRIBE = 0x30
    SUBSCRIBE_RESP = 0x31
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """Why a request failed."""

    OK = 0
    INVALID_MESSAGE = -1
    RESOURCE_NOT_FOUND = -2
    NOT_METAL_TEXTURE = -3
    NO_IOSURFACE = -4
    ENCODE_FAILED = -5
    NOT_CONFIGURED = -6
    INTERNAL = -99


class FourCC(IntEnum):
    """Pixel formats of a request, by DRM's names."""

    UNKNOWN = 0
    ARGB8888 = 0x34325241
    ABGR8888 = 0x34324241
    NV12 = 0x3231564E


@dataclass(frozen=True, slots=True)
class Header:
    """What starts every message."""

    type: Type
    flags: int
    session: int
    payload_bytes: int

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """Raises InvalidMessage for another magic, and for a type that the protocol does not have."""
        magic, kind, flags, session, size = HEADER.unpack(data)
        if magic != MAGIC:
            raise InvalidMessage(f"a message begins with {magic:#010x} and not with HXFR")
        try:
            return cls(Type(kind), flags, session, size)
        except ValueError:
            raise InvalidMessage(f"a message is of the unknown type {kind:#04x}") from None


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """Encode a frame: the resource with this id, 0 the current scanout, or ``pixels`` where they are attached.

    ``pts_ns`` and ``duration_ns`` are the client's, and the response has the same ``pts``.
    """

    resource: int
    width: int
    height: int
    format: FourCC
    stride: int
    pts_ns: int
    duration_ns: int
    force_keyframe: bool
    pixels: memoryview | None = None

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """Raises InvalidMessage for a format that the protocol does not have."""
        resource, width, height, fourcc, stride, pts, duration, keyframe = FRAME_REQUEST.unpack(data)
        try:
            pixel_format = FourCC(fourcc)
        except ValueError:
            raise InvalidMessage(f"a frame has the unknown format {fourcc:#010x}") from None
        return cls(resource, width, height, pixel_format, stride, pts, duration, bool(keyframe))

    def pack(self) -> bytes:
        """The fixed part, without pixels."""
        return FRAME_REQUEST.pack(
            self.resource, self.width, self.height, self.format, self.stride,
            self.pts_ns, self.duration_ns, self.force_keyframe,
        )  # fmt: skip

    def attached_bytes(self) -> int:
        """How many bytes of pixels such a frame has; raises InvalidMessage for one that cannot be.

        Called before anything is set aside for them: nothing in here is believed.
        """
        if self.format is FourCC.UNKNOWN:
            raise InvalidMessage("a frame is attached and its format is not said")
        if not (0 < self.width <= LARGEST_SIDE and 0 < self.height <= LARGEST_SIDE):
            raise InvalidMessage(
                f"a frame of {self.width}x{self.height} is attached; a side has 1 to {LARGEST_SIDE} pixels"
            )
        planar = self.format is FourCC.NV12
        row = self.width if planar else 4 * self.width
        if not row <= self.stride <= 4 * LARGEST_SIDE:
            raise InvalidMessage(f"a frame has {self.stride} bytes a row, and its pixels need {row}")
        rows = self.height + (self.height + 1) // 2 if planar else self.height
        return self.stride * rows


@dataclass(frozen=True, slots=True)
class ConfigRequest:
    """How a session's stream is to be: ``bitrate`` in bit/s, ``level`` times ten."""

    width: int
    height: int
    bitrate: int
    framerate_num: int
    framerate_den: int
    profile: int
    level: int
    realtime: bool

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """Any 28 bytes are one; whether such a stream can be is another question."""
        width, height, bitrate, num, den, profile, level, realtime = CONFIG_REQUEST.unpack(data)
        return cls(width, height, bitrate, num, den, profile, level, bool(realtime))

    def pack(self) -> bytes:
        """Its bytes."""
        return CONFIG_REQUEST.pack(
            self.width, self.height, self.bitrate, self.framerate_num, self.framerate_den,
            self.profile, self.level, self.realtime,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameResponse:
    """An access unit, its NAL units with start codes (Annex B)."""

    pts_ns: int
    dts_ns: int
    is_keyframe: bool
    nal_units: tuple[bytes, ...]

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """Raises InvalidMessage when sizes and bytes disagree."""
        view = memoryview(data)
        if len(view) < RESPONSE_HEAD.size:
            raise InvalidMessage(f"a FRAME_RESPONSE of {len(view)} bytes")
        pts, dts, keyframe, count = RESPONSE_HEAD.unpack(view[: RESPONSE_HEAD.size])
        at, units = RESPONSE_HEAD.size, []
        if count > (len(view) - at) // NAL_SIZE.size:
            raise InvalidMessage(f"a FRAME_RESPONSE of {len(view)} bytes says that it has {count} NAL units")
        for _ in range(count):
            if len(view) - at < NAL_SIZE.size:
                raise InvalidMessage("a FRAME_RESPONSE ends where a NAL unit's size should be")
            (size,) = NAL_SIZE.unpack(view[at : at + NAL_SIZE.size])
            at += NAL_SIZE.size
            if size > len(view) - at:
                raise InvalidMessage(f"a FRAME_RESPONSE ends in the middle of a NAL unit of {size} bytes")
            units.append(bytes(view[at : at + size]))
            at += size
        if at != len(view):
            raise InvalidMessage(f"a FRAME_RESPONSE has {len(view) - at} bytes after its last NAL unit")
        return cls(pts, dts, bool(keyframe), tuple(units))

    def pack(self) -> bytes:
        """Its bytes."""
        parts = [RESPONSE_HEAD.pack(self.pts_ns, self.dts_ns, self.is_keyframe, len(self.nal_units))]
        for unit in self.nal_units:
            parts += (NAL_SIZE.pack(len(unit)), unit)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Failure:
    """An ERROR: its code, and a sentence."""

    code: ErrorCode
    message: str

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> Self:
        """Raises InvalidMessage for a code that the protocol does not have."""
        code, text = ERROR.unpack(data)
        try:
            return cls(ErrorCode(code), text.partition(b"\0")[0].decode(errors="replace"))
        except ValueError:
            raise InvalidMessage(f"an ERROR has the unknown code {code}") from None

    def pack(self) -> bytes:
        """Its bytes; the text is cut to 255 bytes at a character's border, and ends with a NUL."""
        text = self.message.encode()[:255].decode(errors="ignore").encode()
        return ERROR.pack(self.code, text)


Payload = FrameRequest | ConfigRequest | FrameResponse | Failure | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be sent or taken apart."""

    type: Type
    session: int = 0
    payload: Payload = None
    raw: bytes = field(default=b"", repr=False)
    """The payload of a message that has one for which there is no class: a scanout's number."""

    def pack(self) -> Sequence[bytes | memoryview]:
        """Its bytes, in pieces, so that pixels are not copied."""
        body = self.payload.pack() if self.payload else self.raw
        pixels = self.payload.pixels if isinstance(self.payload, FrameRequest) else None
        flags = PIXEL_DATA if pixels is not None else 0
        size = len(body) + (len(pixels) if pixels is not None else 0)
        head = HEADER.pack(MAGIC, self.type, flags, self.session, size) + body
        return [head] if pixels is None else [head, pixels]

    def to_bytes(self) -> bytes:
        """All of it, in one piece."""
        return b"".join(self.pack())
