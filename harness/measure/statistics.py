"""What the samples of a series come to: order statistics, and intervals of the median and of ratios.

The intervals are those of :mod:`harness.measure.bootstrap`. What they can promise is bounded by n: for n ≤ 5 the
interval of a median is [min, max], which holds the true median with probability 1 - 2^(1-n): 50 % for two samples,
75 %, 87.5 %, 94 % for three, four, five. For one or two samples there is no interval at all.

Quantiles (p95, p99) interpolate linearly between order statistics (Hyndman and Fan 1996, type 7), as numpy
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.measure.bootstrap import RESAMPLES, median_interval, ratio_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["RESAMPLES", "Ratio", "Statistics", "geometric_mean", "ratio_of_medians", "summarise"]

FEWEST_FOR_INTERVAL = 3
FEWEST_FOR_COVERAGE = 6
"""Below this no interval between samples holds the median with 95 %."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one series comes to; all in the unit of the series."""

    n: int
    median: float
    ci95: tuple[float, float] | None
    min: float
    max: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median of one series ÷ median of another, with the interval that comes from resampling both."""

    value: float
    ci95: tuple[float, float] | None


def summarise(samples: Sequence[float] | Floats) -> Statistics:
    """The statistics of one series; raises ValueError for no samples or one that is not finite."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    ordered = _ordered(samples)
    p95, p99 = np.quantile(ordered, (0.95, 0.99))
    interval = None
    if ordered.size >= FEWEST_FOR_INTERVAL:
        interval = median_interval(ordered)
    return Statistics(
        n=int(ordered.size),
        median=float(np.median(ordered)),
        ci95=interval,
        min=float(ordered[0]),
        max=float(ordered[-1]),
        p95=float(p95),
        p99=float(p99),
    )


def ratio_of_medians(samples: Sequence[float] | Floats, baseline: Sequence[float] | Floats) -> Ratio | None:
    """Median of ``samples`` ÷ median of ``baseline``; None where the baseline's median is zero.

    Both are resampled, independently. There is no interval where either has fewer than three samples, or
    where a resampled median of the baseline can be zero.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    ours, theirs = _ordered(samples), _ordered(baseline)
    bottom = float(np.median(theirs))
    if bottom == 0:
        return None
    value = float(np.median(ours)) / bottom
    interval = None
    if min(ours.size, theirs.size) >= FEWEST_FOR_INTERVAL:
        interval = ratio_interval(ours, theirs)
    finite = np.isfinite([value, *(interval or ())]).all()
    return Ratio(value, interval) if finite else None


def geometric_mean(values: Sequence[float]) -> float:
    """The mean for ratios (Fleming and Wallace, CACM 1986); raises ValueError unless all are positive."""
    import math  # noqa: PLC0415 - beside its only use

    if not values or min(values) <= 0:
        raise ValueError("a geometric mean takes positive numbers")
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def _ordered(samples: Sequence[float] | Floats) -> Floats:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    if not ordered.size:
        raise ValueError("no samples")
    if not np.isfinite(ordered[[0, -1]]).all():  # NaN sorts last
        raise ValueError("a sample is not finite")
    return ordered
