"""The frame number that ``vb-pattern`` codes at the top and the bottom of its pictures (native/pattern/picture.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.display.frame import BYTES_A_PIXEL

if TYPE_CHECKING:
    from harness.display.frame import Surface

CELLS = 32
BAND = 16
_MIDDLE = 128


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a picture's two bands say; None where there is no number."""

    top: int | None
    bottom: int | None

    @property
    def torn(self) -> bool:
        """Whether the picture is of two frames."""
        return self.top != self.bottom


def numbers(surface: Surface) -> Numbers:
    """Read both bands, in the middle of their rows."""
    rows = BAND // 2, surface.height - BAND // 2
    cells = [surface.row(y)[cell * BYTES_A_PIXEL + 1] for y in rows for cell in middles(surface.width)]
    return Numbers(decode(cells[:CELLS]), decode(cells[CELLS:]))


def code(number: int) -> int:
    """The 32 bits of a number: 24 of its own, the highest first, and 8 that tell it from noise."""
    low = number & 0xFFFFFF
    return low << 8 | _check(low)


def decode(levels: list[int]) -> int | None:
    """A number from the brightness (0 to 255) of 32 cells; None when they are no number."""
    word = 0
    for level in levels:
        word = word << 1 | (level >= _MIDDLE)
    number, check = word >> 8, word & 0xFF
    return number if check == _check(number) else None


def _check(number: int) -> int:
    return (number ^ number >> 8 ^ number >> 16 ^ 0x5A) & 0xFF


def middles(width: int) -> list[int]:
    """The columns in which the cells of a picture are read."""
    return [(2 * cell + 1) * width // (2 * CELLS) for cell in range(CELLS)]
