"""What the samples of a series come to: order statistics, and intervals of the median and of ratios.

The intervals are those of :mod:`harness.measure.bootstrap`. What they can promise is bounded by n: for n ≤ 5 the
interval of a median is [min, max], which holds the true median with probability 1 - 2^(1-n): 50 % for two samples,
75 %, 87.5 %, 94 % for three, four, five. For one or two samples there is no interval at all. Where it is known when
samples were taken, n counts those that were recorded together as one (:mod:`harness.measure.observations`).

Quantiles (p95, p99) interpolate linearly between order statistics (Hyndman and Fan 1996, type 7), as numpy
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.measure.bootstrap import RESAMPLES, median, median_interval, ratio_interval
from harness.measure.observations import observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Samples = Sequence[float] | Floats

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


def summarise(samples: Samples, times: Samples | None = None) -> Statistics:
    """The statistics of one series; raises ValueError for no samples or one that is not finite.

    ``times``: when each sample was taken; those of one time are one observation of the interval.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    ordered = _ordered(samples)
    p95, p99 = np.quantile(ordered, (0.95, 0.99))
    independent = ordered if times is None else _ordered(observations(samples, times))
    interval = None
    if independent.size >= FEWEST_FOR_INTERVAL:
        interval = median_interval(independent)
    return Statistics(
        n=int(ordered.size),
        median=median(ordered),
        ci95=interval,
        min=float(ordered[0]),
        max=float(ordered[-1]),
        p95=float(p95),
        p99=float(p99),
    )


def ratio_of_medians(
    samples: Samples, baseline: Samples, *, times: tuple[Samples | None, Samples | None] = (None, None)
) -> Ratio | None:
    """Median of ``samples`` ÷ median of ``baseline``; None where the baseline's median is zero.

    Both are resampled, independently; ``times`` of the samples and of the baseline's as in :func:`summarise`. There is
    no interval where either has fewer than three observations, or where a resampled median of the baseline can be zero.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    bottom = median(_ordered(baseline))
    if bottom == 0:
        return None
    value = median(_ordered(samples)) / bottom
    ours, theirs = _ordered(observations(samples, times[0])), _ordered(observations(baseline, times[1]))
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
