"""Numbers as people read them: three digits, a unit of the right size, ratios in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.results.models import Better, Interval

THIN_SPACE = "\u202f"
"""Between a number and its unit: narrow, and never broken over two lines."""
NO_BREAK = "\u00a0"
DASH = "\u2013"
TO = f"{THIN_SPACE}{DASH}{THIN_SPACE}"
"""Between the ends of an interval, which is never broken over two lines either."""
TIMES = "\u00d7"

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B/s": ((1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")),
    "FLOP/s": ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s"), (1, "FLOP/s")),
    "bit/s": ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1, "bit/s")),
    "B": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
}
"""Base unit → (size, name), the largest first. Decimal prefixes throughout."""
_RATE_PREFIXES = ((1e12, "T "), (1e9, "G "), (1e6, "M "), (1e3, "k "), (1, ""))
"""Of any other rate, "calls/s" for one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit of a size that suits some values: shown = value ÷ ``size``, followed by ``name``."""

    size: float
    name: str

    def number(self, value: float, *, like: float | None = None) -> str:
        """The number alone, to three digits, or to as many decimals as ``like`` gets."""
        return significant(value / self.size, like=None if like is None else like / self.size)

    def text(self, value: float, *, like: float | None = None) -> str:
        """The number and its unit."""
        number = self.number(value, like=like)
        return f"{number}{THIN_SPACE}{self.name}".rstrip(THIN_SPACE).replace(" ", NO_BREAK)


def scale_for(value: float, unit: str) -> Scale:
    """The unit in which ``value`` has one to three digits before the point, where there is one."""
    if unit in ("1", "count"):
        return Scale(1, "")
    scales = _SCALES.get(unit)
    if scales is None and unit.endswith("/s"):
        scales = tuple((size, prefix + unit) for size, prefix in _RATE_PREFIXES)
    if scales is None or value == 0:
        return Scale(1, unit)
    fitting = (scale for scale in scales if abs(value) >= scale[0] * 0.9995)  # 0.9996 ms is shown as 1.00 ms
    return Scale(*next(fitting, scales[-1]))


def quantity(value: float, unit: str) -> str:
    """A value with a unit of the right size: ``7.13 s``, ``84.0 MB/s``."""
    return scale_for(value, unit).text(value)


def interval(ci95: Interval | None, median: float, unit: str) -> str:
    """A 95 % interval in the unit of its median; a dash where there is none."""
    if ci95 is None:
        return DASH
    scale = scale_for(median, unit)
    return f"{scale.number(ci95[0], like=median)}{TO}{scale.number(ci95[1], like=median)}"


def significant(value: float, digits: int = 3, *, like: float | None = None) -> str:
    """``value`` with the decimals that give ``like`` (itself, if not given) so many digits; thousands are
    grouped.
    """
    reference = abs(value if like is None else like)
    if reference == 0:
        return f"{value:.{digits - 1}f}" if value else "0"
    if not 1e-4 <= reference < 1e9:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - math.floor(math.log10(reference))
    if round(reference, decimals) >= 10 ** (digits - decimals):  # 9.996 rounds to 10.0, not to 10.00
        decimals -= 1
    return f"{value:,.{max(0, decimals)}f}"


def ratio(value: float, better: Better) -> str:
    """A ratio to native: rates as a share (``5.9 %``), durations as a multiple (16.9 times)."""
    if better == "higher":
        return f"{significant(value * 100)}{THIN_SPACE}%"
    return f"{significant(value)}{TIMES}"


def ratio_interval(ci95: Interval | None, value: float, better: Better) -> str:
    """The interval of a ratio, with the decimals of the ratio; a dash where there is none."""
    if ci95 is None:
        return DASH
    factor = 100 if better == "higher" else 1
    low, high = (significant(end * factor, like=value * factor) for end in ci95)
    return f"{low}{TO}{high}"


def better_text(better: Better) -> str:
    """Which way is better, with an arrow along an axis that grows to the right."""
    return "← lower is better" if better == "lower" else "higher is better →"


def duration(seconds: float) -> str:
    """How long something took: ``4 min 05 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{THIN_SPACE}h {minutes:02d}{THIN_SPACE}min"
    return f"{minutes}{THIN_SPACE}min {rest:02d}{THIN_SPACE}s" if minutes else f"{rest}{THIN_SPACE}s"
