"""How often chance alone would make the samples of one run look so much larger than those of another.

A permutation test (Fisher 1935; Pitman 1937): if nothing changed, every way to deal the pooled samples to the two runs
was as likely as the one that was seen, and p is the share of ways whose statistic is as large. The statistic is the
sum of ranks (Wilcoxon, *Biometrics* 1, 1945; Mann and Whitney, *Ann. Math. Statist.* 18, 1947), with the mean rank for
ties. Ranks, because boots have tails: one that took three times as long moves a mean by more than the 5 % that are
looked for, and a rank sum by one place. And because all ways can be counted, instead of some of them drawn: so p is
exact, has no smallest value but 1 / C(n + m, n), and is the same every time.

Up to EXACT_MAX samples the ways are counted: the number of subsets of each size with each sum of ranks, one sample
after the other. Beyond that the sum is normal with the variance that ties leave (Hollander, Wolfe and Chicken,
*Nonparametric Statistical Methods*, 2014, section 4.1) and a correction for continuity. The exact distribution has
lighter tails than the normal one, so that this errs towards not seeing a change.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXACT_MAX = 60
"""Samples of both runs together."""


def one_sided(after: Sequence[float] | Floats, before: Sequence[float] | Floats) -> tuple[float, float]:
    """The shares of all ways to deal the samples in which those of ``after`` rank as high as they do, or higher; and
    as low, or lower."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to import

    m = len(after)
    ranks: Floats = rankdata(np.concatenate([after, before]))
    total = float(ranks[:m].sum())
    if ranks.size <= EXACT_MAX:
        doubled = tuple(np.sort(2 * ranks).astype(np.int64).tolist())
        high, low = _tails(doubled, m)
        return float(high[round(2 * total)]), float(low[round(2 * total)])
    return _normal_tails(ranks, m, total)


@lru_cache(maxsize=64)
def smallest_p(m: int, n: int) -> float:
    """The p of the most extreme of all ways: with fewer samples than make it small, nothing can be seen."""
    return 1 / math.comb(m + n, m)


def samples_needed(p: float) -> int:
    """The fewest samples of each run for which :func:`smallest_p` is at most ``p``."""
    n = 1
    while smallest_p(n, n) > p:
        n += 1
    return n


@lru_cache(maxsize=256)
def _tails(doubled_ranks: tuple[int, ...], m: int) -> tuple[Floats, Floats]:
    """P(sum >= s) and P(sum <= s) for every sum s of m of these ranks (doubled, so that a mean rank is whole)."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    largest = sum(doubled_ranks[-m:])
    ways = np.zeros((m + 1, largest + 1))
    ways[0, 0] = 1.0
    for rank in doubled_ranks:  # of the ways without it: the copy, so that each rank is used once
        ways[1:, rank:] += ways[:-1, : largest + 1 - rank].copy()
    shares = ways[m] / math.comb(len(doubled_ranks), m)
    return np.cumsum(shares[::-1])[::-1], np.cumsum(shares)


def _normal_tails(ranks: Floats, m: int, total: float) -> tuple[float, float]:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    size = ranks.size
    n = size - m
    ties = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    variance = m * n / 12 * (size + 1 - float((ties**3 - ties).sum()) / (size * (size - 1)))
    if variance <= 0:  # all samples are equal
        return 1.0, 1.0
    above = total - m * (size + 1) / 2
    root = math.sqrt(2 * variance)
    return math.erfc((above - 0.5) / root) / 2, math.erfc((-above - 0.5) / root) / 2
