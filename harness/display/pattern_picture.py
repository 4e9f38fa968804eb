"""The pictures of ``vb-pattern``, drawn here too: what a decoded frame is compared with (native/pattern/picture.c)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.display.pattern import BAND, CELLS, code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def drawn(number: int, width: int, height: int) -> Pixels:
    """Frame ``number`` as an array of height, width, and (blue, green, red, unused)."""
    texture, left = _texture(width, height), number * 5 % width
    rows = (np.arange(BAND, height - BAND) + number * 2) % height
    picture = np.empty((height, width), np.uint32)
    picture[BAND : height - BAND] = texture[rows, left : left + width]
    cells = np.arange(width, dtype=np.uint64) * CELLS // width
    band = np.where(code(number) >> (CELLS - 1 - cells.astype(np.int64)) & 1, 0xFFFFFF, 0)
    picture[:BAND] = picture[height - BAND :] = band
    return picture.astype("<u4").view(np.uint8).reshape(height, width, 4)


@lru_cache(maxsize=1)
def _texture(width: int, height: int) -> NDArray[np.uint32]:
    """Twice as wide as a picture."""
    texture = np.empty((height, 2 * width), np.uint32)
    x = np.arange(2 * width)
    for y in range(height):
        ink = ((x // 6) * 131 + (y // 10) * 71) % 17 < 5
        colour = (x + y) % 256 << 16 | y * 255 // height << 8 | x % width * 127 // width
        texture[y] = np.where(ink, 0x141414, colour)
    return texture
