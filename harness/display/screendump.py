"""Frames by asking QEMU for a picture, again and again: what every QEMU can do, and the dearest way."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.display.frame import Frame, PixelFormat, Surface
from harness.display.reused_memory import ReusedMemory
from harness.errors import ControlRefused, ControlTimeout, DisplayError, DisplayRefused, NoFrame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.channels.qmp import Qmp

_LARGEST_HEADER = 64


class Screendump:
    """QMP's ``screendump`` into ``folder``, which is best in memory; every call is a frame, whether it is new or not.

    QEMU writes red, green and blue (PPM), which is then made pixels of 32 bits.
    """

    name = "screendump"

    def __init__(self, qmp: Qmp, folder: Path) -> None:
        self._qmp = qmp
        self._file = folder / "screendump.ppm"
        self._written = ReusedMemory()
        self._pixels = ReusedMemory()
        self._sequence = 0

    @contextmanager
    def frame(self, timeout_s: float) -> Iterator[Frame]:
        """As :meth:`harness.display.frame.FrameSource.frame`; QEMU's main loop waits while it writes."""
        asked_ns = time.monotonic_ns()
        try:
            self._qmp.execute("screendump", {"filename": str(self._file)}, timeout_s=timeout_s)
            arrived = time.monotonic_ns()
            data = self._read()
        except ControlTimeout as error:
            raise NoFrame(error.message) from None
        except ControlRefused as error:
            raise DisplayRefused(
                f"QEMU makes no screendump: {error.desc}", fix="give the machine a GPU"
            ) from None
        finally:
            self._file.unlink(missing_ok=True)
        surface, copied = from_ppm(data, self._pixels)
        # It shows what was there at some moment between question and answer.
        stamp = Stamp(arrived, arrived - asked_ns)
        yield Frame(surface, surface.whole, self._sequence, stamp, copied)
        self._sequence += 1

    def close(self) -> None:
        """Nothing is held."""

    def _read(self) -> bytearray:
        with self._file.open("rb") as file:
            data = self._written.of(os.fstat(file.fileno()).st_size)
            file.readinto(data)
            return data


def from_ppm(data: bytes | bytearray, memory: ReusedMemory) -> tuple[Surface, int]:
    """The picture of a binary PPM, made in ``memory``, and how many bytes of pixels were moved since the guest's own.

    Raises DisplayError.
    """
    try:
        magic, width_text, height_text, deepest, _ = data[:_LARGEST_HEADER].split(maxsplit=4)
        width, height = int(width_text), int(height_text)
    except ValueError:
        raise DisplayError("QEMU's screendump is no PPM") from None
    pixels = len(data) - 3 * width * height
    if magic != b"P6" or deepest != b"255" or not 0 < pixels <= _LARGEST_HEADER or width < 1 or height < 1:
        raise DisplayError(f"QEMU's screendump of {width}x{height} has {len(data)} bytes")
    out = memory.of(4 * width * height)
    for to, channel in ((2, 0), (1, 1), (0, 2)):
        out[to::4] = data[pixels + channel :: 3]
    surface = Surface.of(memoryview(out), width, height, 4 * width, PixelFormat.XRGB8888)
    written_and_read = 2 * 3 * width * height
    return surface, written_and_read + len(out)
