"""Frames over VNC: the framebuffer's changes as raw pixels, asked for one update after the other.

Protocol: RFC 6143 (RFB 3.8), and QEMU's community pseudo-encoding DesktopSize for a display that changes its size.
"""

from __future__ import annotations

import mmap
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from harness.channels.stamp import Stamp
from harness.display.frame import BYTES_A_PIXEL, LARGEST_SIDE, Damage, Frame, PixelFormat, Surface
from harness.display.hand_over import hand_over
from harness.display.stream import Stream
from harness.errors import DisplayError, DisplayRefused, NoFrame

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import Self

    from harness.channels.qmp import Qmp

_TIMEOUT_S = 10
_VERSION = b"RFB 003.008\n"
_NO_AUTHENTICATION = 1
_RAW = 0
_DESKTOP_SIZE = -223
_UPDATE, _COLOUR_MAP, _BELL, _CUT_TEXT = 0, 1, 2, 3
_BGRX = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
"""32 bits a pixel, 24 of them colour, little-endian, true colour: XRGB8888."""


class _Header(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    encoding: int


class VncDisplay:
    """Frames of a VNC server.

    It sends what changed since the last request: frames that a slow reader has no time for are dropped on the other
    side, and the guest's display never waits.
    """

    name = "vnc"

    def __init__(self, sock: socket.socket) -> None:
        self._stream = Stream(sock, "the VNC server")
        self._surface: Surface | None = None
        self._memory = memoryview(b"")
        self._sequence = 0
        self._asked = False
        self._fresh = True

    @classmethod
    def open(cls, qmp: Qmp) -> Self:
        """A client of a QEMU that runs with ``-vnc``; raises DisplayRefused, DisplayLost, ControlError."""
        if not qmp.execute("query-vnc-servers"):  # without one, QEMU takes clients and answers none
            raise DisplayRefused(
                "this QEMU has no VNC server", fix="start the machine with the option vnc=on"
            )
        display = cls(hand_over(qmp, "vnc"))
        try:
            display.greet(_TIMEOUT_S)
        except BaseException:
            display.close()
            raise
        return display

    def greet(self, timeout_s: float) -> None:
        """Agree on version, security and pixels; raises DisplayRefused, DisplayLost, NoFrame."""
        stream, deadline = self._stream, time.monotonic() + timeout_s
        version = stream.read(12, deadline)
        if not version.startswith(b"RFB 003."):
            raise DisplayRefused(f"this is no VNC server: it says {version!r}")
        stream.send(_VERSION)
        (count,) = stream.read(1, deadline)
        if _NO_AUTHENTICATION not in stream.read(count, deadline):
            raise DisplayRefused("the VNC server wants a password", fix="let it listen without one")
        stream.send(bytes([_NO_AUTHENTICATION]))
        if stream.read(4, deadline) != bytes(4):
            raise DisplayRefused("the VNC server refuses us")
        stream.send(b"\1")  # others may look too
        width, height = struct.unpack(">HH", stream.read(4, deadline))
        stream.read(16, deadline)
        (length,) = struct.unpack(">I", stream.read(4, deadline))
        stream.skip(length, deadline)
        stream.send(b"\0\0\0\0" + _BGRX)
        stream.send(struct.pack(">BxHii", 2, 2, _RAW, _DESKTOP_SIZE))
        self._resize(width, height)

    @contextmanager
    def frame(self, timeout_s: float) -> Iterator[Frame]:
        """As :meth:`harness.display.frame.FrameSource.frame`: asks for an update, and puts it together."""
        deadline = time.monotonic() + timeout_s
        damaged: list[Damage] = []
        copied = 0
        while not damaged:
            if not self._asked:
                self._ask()
            arrived, rectangles = self._awaited(deadline)
            for _ in range(rectangles):
                header = _Header(
                    *struct.unpack(">HHHHi", self._stream.read(12, time.monotonic() + _TIMEOUT_S))
                )
                if header.encoding == _DESKTOP_SIZE:
                    self._resize(header.width, header.height)
                    damaged.clear()
                else:
                    copied += self._read(header)
                    damaged.append(Damage(*header[:4]))
        if self._surface is None:
            raise DisplayError("a VNC server sent pixels before it said of how large a picture")
        yield Frame(self._surface, _around(damaged), self._sequence, arrived, copied)
        self._sequence += 1

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _ask(self) -> None:
        surface = self._surface
        if surface is None:
            raise DisplayError("a VNC server without a picture")
        changes_only = not self._fresh
        self._stream.send(struct.pack(">BBHHHH", 3, changes_only, 0, 0, surface.width, surface.height))
        self._asked, self._fresh = True, False

    def _awaited(self, deadline: float) -> tuple[Stamp, int]:
        """Wait for an update; when it began to arrive, and how many rectangles it has."""
        stream = self._stream
        while True:
            (kind,) = stream.read(1, deadline)
            arrived = Stamp(time.monotonic_ns())
            within = time.monotonic() + _TIMEOUT_S  # from here on it must go on: half a message is no frame
            try:
                if kind == _UPDATE:
                    self._asked = False
                    (rectangles,) = struct.unpack(">xH", stream.read(3, within))
                    return arrived, rectangles
                if kind == _COLOUR_MAP:
                    (count,) = struct.unpack(">xxxH", stream.read(5, within))
                    stream.skip(6 * count, within)
                elif kind == _CUT_TEXT:
                    (length,) = struct.unpack(">xxxI", stream.read(7, within))
                    stream.skip(length, within)
                elif kind != _BELL:
                    raise DisplayError(f"a VNC server sent a message of the unknown kind {kind}")
            except NoFrame:
                raise DisplayError("a VNC server stopped in the middle of a message") from None

    def _read(self, header: _Header) -> int:
        surface = self._surface
        x, y, width, height, encoding = header
        if encoding != _RAW:
            raise DisplayError(f"a VNC server sent the encoding {encoding}, which nobody asked for")
        if surface is None or x + width > surface.width or y + height > surface.height:
            raise DisplayError(f"a VNC server sent {width}x{height} pixels at {x},{y}, outside its picture")
        within = time.monotonic() + _TIMEOUT_S
        memory = self._memory
        if width == surface.width:  # whole rows lie one after the other: straight from the socket
            self._stream.read_into(memory[y * surface.stride : (y + height) * surface.stride], within)
            return height * surface.stride
        for row in range(y, y + height):
            begin = row * surface.stride + x * BYTES_A_PIXEL
            self._stream.read_into(memory[begin : begin + width * BYTES_A_PIXEL], within)
        return height * width * BYTES_A_PIXEL

    def _resize(self, width: int, height: int) -> None:
        if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            raise DisplayError(f"a VNC server has a picture of {width}x{height}")
        stride = width * BYTES_A_PIXEL
        # Not a bytearray: memory that is only announced costs nothing.
        self._memory = memoryview(mmap.mmap(-1, stride * height))
        self._surface = Surface.of(self._memory, width, height, stride, PixelFormat.XRGB8888)
        self._fresh = True


def _around(damages: list[Damage]) -> Damage:
    """The smallest rectangle with all of them in it."""
    left, top = min(each.x for each in damages), min(each.y for each in damages)
    right = max(each.x + each.width for each in damages)
    bottom = max(each.y + each.height for each in damages)
    return Damage(left, top, right - left, bottom - top)
