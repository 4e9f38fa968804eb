"""What the samples of a series come to: order statistics and bootstrap intervals of the median and of ratios.

The bootstrap (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 6 and 13) draws n
samples with replacement, takes their median, repeats that, and reads the 2.5 % and 97.5 % quantiles of the
medians: the percentile interval. Here the n draws are never made. Index ``i`` of the sorted samples is drawn
as ``floor(n U)`` of a uniform U, so the k-th smallest draw is ``floor(n U(k))`` of the k-th smallest of n
uniforms, which has the distribution Beta(k, n-k+1) (David and Nagaraja, *Order Statistics*, 2003, section
2.3). One or two Beta variates give each resampled median, whatever n is, with exactly the distribution that n
draws would have. They depend on n alone, so all series of the same length share them.

What the interval can promise is bounded by n: for n ≤ 5 it is [min, max], which holds the true median with
probability 1 - 2^(1-n): 50 % for two samples, 75 %, 87.5 %, 94 % for three, four, five. For one or two
samples there is no interval at all.

Quantiles (p95, p99) interpolate linearly between order statistics (Hyndman and Fan 1996, type 7), as numpy
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 10_000
"""Resampled medians behind every interval: their own error in the interval's ends is below 0.2 % of coverage.
"""

SEED = 20_260_101
"""Fixed, so that the same samples always give the same interval."""

FEWEST_FOR_INTERVAL = 3
FEWEST_FOR_COVERAGE = 6
"""Below this no interval between samples holds the median with 95 %."""

_LOW, _HIGH = 2.5, 97.5


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
        interval = _interval(_resampled_medians(ordered, stream=0))
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
        denominators = _resampled_medians(theirs, stream=1)
        if denominators.all():
            interval = _interval(_resampled_medians(ours, stream=0) / denominators)
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


def _resampled_medians(ordered: Floats, *, stream: int) -> Floats:
    low, high = _middle_indices(int(ordered.size), stream)
    if low is high:
        return ordered[low]
    return ordered[low] / 2 + ordered[high] / 2


def _interval(values: Any) -> tuple[float, float]:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    low, high = np.percentile(values, (_LOW, _HIGH))
    return float(low), float(high)


@lru_cache(maxsize=64)
def _middle_indices(n: int, stream: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each of RESAMPLES resamples of n: the indices, in the sorted samples, of its two middle members.

    For odd n both are the same array. ``stream`` makes two series of equal length independent of each other.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    random = np.random.default_rng([SEED, stream, n])
    if n % 2:
        half = (n + 1) // 2
        middle = _index(random.beta(half, half, RESAMPLES), n)
        return middle, middle
    k = n // 2
    # U(k+1) ~ Beta(k+1, n-k); given it, U(k) is the largest of k uniforms below it: U(k+1) V^(1/k).
    upper = random.beta(k + 1, n - k, RESAMPLES)
    lower = upper * random.random(RESAMPLES) ** (1 / k)
    return _index(lower, n), _index(upper, n)


def _index(uniform: Floats, n: int) -> NDArray[np.intp]:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    return np.minimum((uniform * n).astype(np.intp), n - 1)
