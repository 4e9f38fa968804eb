"""A rendered picture: the PPM file that ``vb-gpu`` writes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import MeasurementError

_HEADER = re.compile(rb"P6\n([1-9]\d{0,3}) ([1-9]\d{0,3})\n255\n")


@dataclass(frozen=True, slots=True)
class Picture:
    """Rows from top to bottom, three bytes a pixel: red, green, blue."""

    width: int
    height: int
    rgb: bytes

    @property
    def rgba(self) -> bytes:
        """Four bytes a pixel, opaque: what reports take."""
        pixels = bytearray(b"\xff") * (4 * self.width * self.height)
        for channel in range(3):
            pixels[channel::4] = self.rgb[channel::3]
        return bytes(pixels)


def parse_ppm(data: bytes) -> Picture:
    """The picture in a binary PPM file of at most 9999 by 9999 pixels; raises MeasurementError."""
    header = _HEADER.match(data)
    if header is None:
        raise MeasurementError("what the guest calls a picture is no PPM file")
    width, height = int(header[1]), int(header[2])
    rgb = data[header.end() :]
    if len(rgb) != width * height * 3:
        raise MeasurementError(
            f"a picture of {width}x{height} pixels has {width * height * 3} bytes, not {len(rgb)}"
        )
    return Picture(width, height, rgb)
