"""Two things measured in turns, pair after pair, until it is known on which side of a limit their ratio lies."""

from __future__ import annotations

import math
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.measure.order import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Measurement = Callable[[], float]

Z_95 = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was measured of both sides; those of one index one after the other."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """How many pairs."""
        return len(self.ours)

    @property
    def ratio(self) -> float:
        """Ours ÷ theirs: Hodges and Lehmann's estimator of the logarithms of the pairs' ratios.

        What makes both sides of a pair slow, a host that changes its speed, is in neither. Hodges and Lehmann,
        "Estimates of Location Based on Rank Tests", 1963.
        """
        return math.exp(statistics.median(self._walsh()))

    @property
    def ci95(self) -> tuple[float, float]:
        """The ratio's, by Wilcoxon's signed ranks: Hollander and Wolfe, "Nonparametric Statistical Methods", 3.3."""
        walsh, n = self._walsh(), len(self)
        outside = int(walsh.size / 2 - Z_95 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
        outside = max(outside, 1)
        return math.exp(walsh[outside - 1]), math.exp(walsh[-outside])

    def decides(self, limits: Sequence[float]) -> bool:
        """Whether the interval holds none of these."""
        low, high = self.ci95
        return not any(low <= limit <= high for limit in limits)

    def to_detail(self, ours: str, theirs: str, scale: float = 1.0, digits: int = 3) -> dict[str, Any]:
        """Least, median and most of both sides under these names, times ``scale``; the ratio's interval; n of pairs."""
        spread = {
            name: [round(each(side) * scale, digits) for each in (min, statistics.median, max)]
            for name, side in ((ours, self.ours), (theirs, self.theirs))
        }
        low, high = self.ci95
        return {
            **spread, "ratio": round(self.ratio, 4), "ci95": [round(low, 4), round(high, 4)], "pairs": len(self)
        }  # fmt: skip

    def _walsh(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The mean of every two logarithms, and of each with itself; sorted."""
        logs = np.log(self.ours) - np.log(self.theirs)
        first, second = np.triu_indices(len(self))
        return np.sort((logs[first] + logs[second]) / 2)


def measured_in_turns(
    ours: Measurement, theirs: Measurement, limits: Sequence[float], count: tuple[int, int]
) -> Pairs:
    """The least ``count`` of pairs, and up to the most while one of ``limits`` lies in the interval of their ratio.

    Every other pair begins with theirs. The pairs are looked at again and again, so the interval they end with holds
    the ratio somewhat less often than it says.
    """
    fewest, most = count
    pairs = Pairs()
    while len(pairs) < fewest or (len(pairs) < most and not pairs.decides(limits)):
        for measure, side in turns(((ours, pairs.ours), (theirs, pairs.theirs)), len(pairs.ours)):
            side.append(measure())
        _show(pairs)
    return pairs


def _show(pairs: Pairs) -> None:
    """A line on a terminal that says how far it is; nothing elsewhere."""
    if sys.stderr.isatty():
        low, high = pairs.ci95
        said = f"{len(pairs)} pairs: {pairs.ratio:.3f} [{low:.3f}, {high:.3f}]"
        print(f"\r{said}\x1b[K", end="\r", file=sys.stderr, flush=True)
