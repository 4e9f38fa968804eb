"""What makes a median and its interval say less than they seem to: drift, and samples that depend on one another.

**Drift** is a trend over the whole series, by Kendall's rank correlation of the samples with their order: the test of
Mann ("Nonparametric tests against trend", *Econometrica* 13, 1945) as ``scipy.stats.kendalltau`` computes it. Its
size is the median of the last third of the samples ÷ that of the first. **Autocorrelation** is that of lag 1,

    r_1 = sum_(i<n) (x_i - mean) (x_(i+1) - mean) / sum_i (x_i - mean)^2

tested by Ljung and Box ("On a measure of lack of fit in time series models", *Biometrika* 65, 1978): with
Q = n (n + 2) r_1^2 / (n - 1) of a chi-squared distribution with one degree of freedom. Where neighbours are alike,
n samples hold as much as n (1 - r_1) / (1 + r_1) independent ones (Bayley and Hammersley, "The 'effective' number of
independent observations in an autocorrelated time series", *J. R. Stat. Soc.* 8, 1946, for a first-order process), so
that the interval is too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.01
"""A diagnosis is made where chance alone makes it in one series of a hundred."""
FEWEST = 10
SMALLEST_DRIFT = 0.02
"""A trend of less is none that anybody asks about."""


@dataclass(frozen=True, slots=True)
class Drift:
    """``ratio`` is last third ÷ first third, in medians."""

    ratio: float
    p: float


@dataclass(frozen=True, slots=True)
class Autocorrelation:
    """Of lag 1; ``independent`` is how many independent samples would hold as much."""

    r1: float
    p: float
    independent: float


def drift(samples: Sequence[float] | Floats) -> Drift | None:
    """The trend of a series, None where there is none that matters."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    if x.size < FEWEST or x.min() == x.max():
        return None
    third = x.size // 3
    first, last = float(np.median(x[:third])), float(np.median(x[-third:]))
    if not first or abs(last / first - 1) < SMALLEST_DRIFT:
        return None
    from scipy.stats import kendalltau  # noqa: PLC0415 - slow to import

    p = float(kendalltau(np.arange(x.size), x).pvalue)
    return Drift(last / first, p) if p < LEVEL else None


def autocorrelation(samples: Sequence[float] | Floats) -> Autocorrelation | None:
    """How alike neighbours are; None for fewer than FEWEST samples, or where all are equal."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    n = x.size
    if n < FEWEST or x.min() == x.max():
        return None
    x = x - x.mean()
    total = float((x**2).sum())
    r1 = float((x[:-1] * x[1:]).sum()) / total
    q = n * (n + 2) * r1**2 / (n - 1)
    p = math.erfc(math.sqrt(q / 2))  # of chi-squared with one degree of freedom, exactly
    return Autocorrelation(r1, p, n * (1 - r1) / (1 + r1))
