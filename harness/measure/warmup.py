"""How many samples at the start of a series are warm-up: the split that ranks tell apart best.

For every d up to n/2 the rank sum of the first d samples, standardised as Wilcoxon, Mann and Whitney have it, says how
much they differ from the rest; the largest is the maximally selected rank statistic (Lausen and Schumacher, "Maximally
selected rank statistics", *Biometrics* 48(1), 1992). It is warm-up where the Mann-Whitney U test at that d is
significant at LEVEL divided by the number of d that were tried (Bonferroni). A split after the first third is none:
such a series drifts. Nothing is cut from a series: warm-up is named, and stays.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.01
FEWEST = 10
"""Below this hardly any split can be significant."""


def warm_up(samples: Sequence[float] | Floats) -> int:
    """How many samples at the start are warm-up; 0 where none can be told from the rest."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    tried = x.size // 2
    if x.size < FEWEST or x.min() == x.max():
        return 0
    cut, z = best_split(x)
    if cut < 2 or cut > x.size // 3:  # one sample that differs is an outlier; half of them are a drift
        return 0
    if (
        math.erfc(z / math.sqrt(2)) > 10 * LEVEL / tried
    ):  # nowhere near: the exact test takes 20 times as long
        return 0
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - slow to import

    return cut if mannwhitneyu(x[:cut], x[cut:]).pvalue < LEVEL / tried else 0


def best_split(x: Floats) -> tuple[int, float]:
    """The d from 1 to n/2 whose standardised rank sum is largest (of several the first), and how large it is."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    n = x.size
    d = np.arange(1, n // 2 + 1)
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # of equal ones the middle rank
    sums = np.cumsum(ranks[which])[: d.size]
    z = np.abs(sums - d * (n + 1) / 2) / np.sqrt(d * (n - d) * (n + 1) / 12)
    best = int(np.argmax(z))
    return int(d[best]), float(z[best])
