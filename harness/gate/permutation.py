"""How often chance alone would make the samples of one run look so much larger than those of another.

A permutation test (Fisher 1935; Pitman 1937): if nothing changed, every way to deal the pooled samples to the two runs
was as likely as the one that was seen, and p is the share of ways whose statistic is as large. The statistic is the
sum of normal scores (van der Waerden, "Order tests for the two-sample problem", *Indag. Math.* 14, 1952): of each
sample Phi^-1(r / (N + 1)) with its rank r among all N, the mean rank for ties. Ranks, because boots have tails: one
that took three times as long moves a mean by more than the 5 % that are looked for. Normal scores, because no
distribution makes them see less than a comparison of means does, in the limit of many samples (Chernoff and Savage,
*Ann. Math. Statist.* 29(4), 1958); and on real boots they see more than the rank sum of Mann and Whitney does
(``selfbench gate_power``).

Scores are rounded to STEPS to the unit, so that up to EXACT_MAX samples all ways can be counted instead of some of them
drawn: the number of subsets of each size with each sum, one sample after the other. So p is exact, has no smallest
value but 1 / C(n + m, n), and is the same every time. Beyond that the sum is normal with the variance that it has over
all ways (Hájek, Šidák and Sen, *Theory of Rank Tests*, 1999, section 3.3); the exact distribution has lighter tails, so
that this errs towards not seeing a change.
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
STEPS = 50
"""To a standard deviation: far finer than what a rank is sure of."""


def one_sided(after: Sequence[float] | Floats, before: Sequence[float] | Floats) -> tuple[float, float]:
    """The shares of all ways to deal the samples in which those of ``after`` rank as high as they do, or higher; and
    as low, or lower."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it
    from scipy.stats import rankdata  # noqa: PLC0415

    m = len(after)
    ranks = rankdata(np.concatenate([after, before]))
    scores = _scores(ranks)
    total = int(scores[:m].sum())
    if scores.size > EXACT_MAX:
        return _normal_tails(scores, m, total)
    high, low = _tails(tuple(np.sort(scores).tolist()), m)
    return min(1.0, float(high[total])), min(1.0, float(low[total]))  # all ways may sum to a hair more than 1


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


def _scores(ranks: Floats) -> NDArray[np.int64]:
    """The normal scores in whole steps, the smallest one 0: the test is the same with a constant added to all."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it
    from scipy.special import ndtri  # noqa: PLC0415

    steps = np.rint(ndtri(ranks / (ranks.size + 1)) * STEPS).astype(np.int64)
    scores: NDArray[np.int64] = steps - steps.min()
    return scores


@lru_cache(maxsize=256)
def _tails(scores: tuple[int, ...], m: int) -> tuple[Floats, Floats]:
    """P(sum >= s) and P(sum <= s) for every sum s of m of these sorted scores."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    largest = sum(scores[-m:])
    ways = np.zeros((m + 1, largest + 1))
    ways[0, 0] = 1.0
    for score in scores:  # of the ways without it: the copy, so that each sample is used once
        ways[1:, score:] += ways[:-1, : largest + 1 - score].copy()
    shares = ways[m] / math.comb(len(scores), m)
    return np.cumsum(shares[::-1])[::-1], np.cumsum(shares)


def _normal_tails(scores: NDArray[np.int64], m: int, total: int) -> tuple[float, float]:
    size = scores.size
    variance = m * (size - m) / (size - 1) * float(scores.var())
    if variance <= 0:  # all samples are equal
        return 1.0, 1.0
    above = (total - m * float(scores.mean())) / math.sqrt(2 * variance)
    return math.erfc(above) / 2, math.erfc(-above) / 2
