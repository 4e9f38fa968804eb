"""Whether the samples of a series fall into two groups, so that their median describes neither.

The dip (Hartigan and Hartigan, "The dip test of unimodality", *Ann. Statist.* 13(1), 1985) is the largest distance
between the empirical distribution function and the closest one that has a single mode. A distribution with one mode is
convex before it and concave after it, so the dip is found by drawing the greatest convex minorant and the least
concave majorant of the empirical one between two ends, and narrowing the ends to where the two are farthest apart,
until what lies outside is worse than what lies inside. Chance is measured against the uniform distribution, the
unimodal one with the largest dips.

The dip costs two convex hulls in Python for each step, so it is taken only of series that a cheap coefficient of
bimodality makes suspicious: (g^2 + 1) / (k + 3 (n-1)^2 / ((n-2)(n-3))) with skewness g and excess kurtosis k, above
5/9, that of the uniform distribution (SAS Institute, *SAS/STAT User's Guide*, the CLUSTER procedure; Pfister and
others, "Good things peak in pairs", *Front. Psychol.* 4, 2013). Alone it would call every skewed series bimodal.

The package ``diptest`` computes the same, and tests hold this against it; its licence, the GPL, is not ours.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 12
MOST = 1_000
"""Of longer series as many evenly spaced order statistics: their distribution function is the same within 1/2000."""

_UNIFORM_COEFFICIENT = 5 / 9
_CRITICAL = (
    (12, 0.5165), (15, 0.5265), (20, 0.5402), (30, 0.5589), (50, 0.572), (100, 0.5912), (200, 0.6035), (500, 0.6133),
    (2000, 0.6288),
)  # fmt: skip
"""n and the 99 % point of sqrt(n) dip for n uniform numbers, from 40,000 draws of each; interpolated between."""


def bimodal(samples: Sequence[float] | Floats) -> bool:
    """Whether a distribution with one mode is rejected at 1 %."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.sort(np.asarray(samples, dtype=np.float64))
    if x.size < FEWEST or coefficient(x) <= _UNIFORM_COEFFICIENT:
        return False
    if x.size > MOST:
        x = x[np.linspace(0, x.size - 1, MOST).round().astype(np.intp)]
    sizes, points = zip(*_CRITICAL, strict=True)
    return bool(dip(x) * x.size**0.5 > np.interp(x.size, sizes, points))


def coefficient(samples: Sequence[float] | Floats) -> float:
    """The coefficient of bimodality, with the bias corrections of SAS; 0 where all samples are equal."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    n = x.size
    x = x - x.mean()
    variance = float((x**2).mean())
    if n < 4 or not variance:
        return 0.0
    g = float((x**3).mean()) / variance**1.5 * (n * (n - 1)) ** 0.5 / (n - 2)
    k = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (float((x**4).mean()) / variance**2 - 3) + 6)
    return float((g**2 + 1) / (k + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))))


def dip(ordered: Floats) -> float:
    """The dip of sorted samples, 1 / 2n at least."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    n = ordered.size
    ranks = np.arange(n, dtype=np.float64)
    low, high, worst = 0, n - 1, 1.0  # worst: in steps of the distribution function, twice the dip
    while ordered[low] < ordered[high]:
        inside = slice(low, high + 1)
        x, y = ordered[inside], ranks[inside]
        under, over = _hull(x, y, 1.0) + low, _hull(x, y, -1.0) + low
        minorant = np.interp(x, ordered[under], ranks[under])
        majorant = np.interp(x, ordered[over], ranks[over])
        gaps_under, gaps_over = (majorant - minorant)[under - low], (majorant - minorant)[over - low]
        if max(gaps_under.max(), gaps_over.max()) + 1 <= worst:
            break
        if gaps_under.max() >= gaps_over.max():
            new_low = int(under[np.argmax(gaps_under)])
            new_high = int(over[np.searchsorted(over, new_low)])
        else:
            new_high = int(over[np.argmax(gaps_over)])
            new_low = int(under[np.searchsorted(under, new_high, side="right") - 1])
        outside = (
            _farthest(ordered, under[under <= new_low], 1),
            _farthest(ordered, over[over >= new_high], -1),
        )
        worst = max(worst, *outside)
        if (new_low, new_high) == (low, high):
            break
        low, high = new_low, new_high
    return worst / (2 * n)


def _farthest(ordered: Floats, corners: NDArray[np.intp], side: int) -> float:
    """How far the distribution function is from the lines between ``corners``, above (1) or below (-1), and a step."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    worst = 0.0
    for a, b in pairwise(corners.tolist()):
        width = ordered[b] - ordered[a]
        if b - a > 1 and width > 0:
            line = (ordered[a : b + 1] - ordered[a]) * ((b - a) / width)
            worst = max(worst, float((side * (np.arange(b - a + 1) - line)).max()) + 1)
    return worst


def _hull(x: Floats, y: Floats, side: float) -> NDArray[np.intp]:
    """The positions of the corners of the lower (1) or upper (-1) convex hull of points in the order of x.

    Andrew's monotone chain (*Information Processing Letters* 9(5), 1979).
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    xs, ys, corners = x.tolist(), (side * y).tolist(), [0]
    for at in range(1, len(xs)):
        while len(corners) > 1:
            a, b = corners[-2], corners[-1]
            if (xs[b] - xs[a]) * (ys[at] - ys[a]) > (ys[b] - ys[a]) * (xs[at] - xs[a]):
                break
            corners.pop()
        corners.append(at)
    return np.array(corners, dtype=np.intp)
