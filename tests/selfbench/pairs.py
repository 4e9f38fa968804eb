"""Two things measured in turns, until it is known on which side of a limit their ratio lies, or for long enough."""

from __future__ import annotations

import math
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.counted import counted
from harness.measure.order import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Measurement = Callable[[], float]

Z_99 = statistics.NormalDist().inv_cdf(0.995)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was measured of both sides, all of it positive; those of one index one after the other."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """Ours ÷ theirs: Hodges and Lehmann's estimator of the logarithms of the pairs' ratios.

        What makes both sides of a pair slow, a host that changes its speed, is in neither. Hodges and Lehmann,
        "Estimates of Location Based on Rank Tests", 1963.
        """
        return math.exp(statistics.median(self._walsh_averages()))

    @property
    def ci99(self) -> tuple[float, float]:
        """The ratio's, by Wilcoxon's signed ranks in their large-sample approximation; below 10 pairs, least and
        most, which below 8 hold it less often.

        Hollander and Wolfe, "Nonparametric Statistical Methods", 3.3.
        """
        walsh, n = self._walsh_averages(), len(self.ours)
        outside = max(1, math.ceil(walsh.size / 2 - Z_99 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
        return math.exp(walsh[outside - 1]), math.exp(walsh[-outside])

    def leaves_out(self, limits: Sequence[float]) -> bool:
        """Whether the interval holds none of these."""
        low, high = self.ci99
        return not any(low <= limit <= high for limit in limits)

    def to_detail(self, ours: str, theirs: str, scale: float = 1.0, digits: int = 3) -> dict[str, Any]:
        """Least, median and most of both sides under these names, times ``scale``; the ratio's interval; n of pairs."""
        spread = {
            name: [round(each(side) * scale, digits) for each in (min, statistics.median, max)]
            for name, side in ((ours, self.ours), (theirs, self.theirs))
        }
        interval = [round(end, 4) for end in self.ci99]
        return {**spread, "ratio": round(self.ratio, 4), "ci99": interval, "pairs": len(self.ours)}

    def _walsh_averages(self) -> NDArray[np.float64]:
        """Of the logarithms of the ratios; sorted."""
        logs = np.log(self.ours) - np.log(self.theirs)
        first, second = np.triu_indices(logs.size)
        return np.sort((logs[first] + logs[second]) / 2)


def measured_in_turns(
    ours: Measurement, theirs: Measurement, limits: Sequence[float], count: tuple[int, int]
) -> Pairs:
    """The least ``count`` of pairs, and up to the most while one of ``limits`` lies in the interval of their ratio.

    Every other pair begins with theirs. To look after every pair is to be wrong more often: where the ratio is a limit,
    an interval that holds it in 99 of 100 leaves it out at some time in five of 100 series of 20 to 100 pairs.
    """
    fewest, most = count
    pairs = Pairs(our_values := [], their_values := [])
    while len(our_values) < fewest or (len(our_values) < most and not pairs.leaves_out(limits)):
        for measure, values in turns(((ours, our_values), (theirs, their_values)), len(our_values)):
            values.append(measure())
        _show(pairs)
    return pairs


def _show(pairs: Pairs) -> None:
    """A line on a terminal that says how far it is, for the result to be written over; nothing elsewhere."""
    if sys.stderr.isatty():
        said = f"{counted(len(pairs.ours), 'pair')}: {pairs.ratio:.3f}"
        print(f"{said}\x1b[K", end="\r", file=sys.stderr, flush=True)
