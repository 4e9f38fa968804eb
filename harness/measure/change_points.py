"""Where a history of values changes its level: found by ruptures, and believed only beyond chance.

1. A value far from the running median of five, which keeps every step that lasts, is drawn to within CLIP times the
   noise of it, so that one run on a busy host moves nothing.
2. ruptures' exact segmentation under a penalty (PELT: Killick, Fearnhead, Eckley, "Optimal detection of changepoints
   with a linear computational cost", JASA 107, 2012; here its C implementation with the linear kernel, which is the
   cost of changes in mean) proposes changes, the penalty taking the noise from neighbours' differences.
3. Each proposal must be more than the best split that chance finds in the same stretch: a permutation test of the
   largest likelihood ratio over all places (Hawkins, "Testing a sequence of observations for a shift in location", JASA
   72, 1977). The least certain one goes first, and its neighbours are judged again without it.

On histories of pure noise it found a change in at most 2 of 100 (normal law, 20 to 200 values), and in up to 7 of 100
where 60 values are very skewed (1 + 0.01 times a lognormal of sigma 1).

Of apache-otava, signal-processing-algorithms and ruptures only the last asks for no more than numpy and scipy, in any
version of theirs; Otava pins one version of numpy and brings clients for BigQuery and Slack, the second is no longer
kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import ToolMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 3
"""Values on each side of a change: a single one is an outlier, two are a coincidence."""
CLIP = 3
MAD_TO_SIGMA = 1.4826
"""From the median of absolute values to the standard deviation, for a normal law."""
ALPHA = 0.01
"""Largest chance with which what is only noise is taken for a change."""
PERMUTATIONS = 4999
SEED = 20_120_612
"""The same values give the same answer, always."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level; ``at`` is the index of the first value after it."""

    at: int
    before: float
    after: float
    """Medians of the values between this change and its neighbours."""
    p: float
    """How often chance alone splits such values as well."""


def change_points(values: Sequence[float] | Floats) -> list[ChangePoint]:
    """Every change of level, in order; none for fewer than 2 * FEWEST values.

    Raises ToolMissing where ruptures is not installed: it exists for Python up to 3.13.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size < 2 * FEWEST or np.ptp(numbers) == 0:
        return []
    calm = _without_outliers(
        np.log(numbers) if numbers.min() > 0 else numbers
    )  # a level changes by a share of it
    places = _proposed(calm)
    bound = ALPHA / max(1, len(places))  # Bonferroni: chance has as many opportunities as were proposed
    while places:
        chances = _chances(calm, places)
        worst = int(np.argmax(chances))
        if chances[worst] <= bound:
            break
        del places[worst]
    else:
        return []
    ends = [0, *places, numbers.size]
    levels = [float(np.median(numbers[start:end])) for start, end in pairwise(ends)]
    return [
        ChangePoint(at, levels[index], levels[index + 1], chances[index]) for index, at in enumerate(places)
    ]


def _without_outliers(numbers: Floats) -> Floats:
    import numpy as np  # noqa: PLC0415
    from scipy.ndimage import median_filter  # noqa: PLC0415 - slow to import

    steps = np.abs(np.diff(numbers))
    noise = MAD_TO_SIGMA * np.median(steps) / math.sqrt(2) or np.mean(steps)
    local = median_filter(numbers, size=5, mode="nearest")
    calm: Floats = np.clip(numbers, local - CLIP * noise, local + CLIP * noise)
    return calm


def _proposed(numbers: Floats) -> list[int]:
    import numpy as np  # noqa: PLC0415

    try:
        import ruptures  # noqa: PLC0415 - slow to import
    except ModuleNotFoundError as error:
        raise ToolMissing(
            "change points are found by ruptures, which is not installed",
            fix="pip install ruptures, with Python 3.13 or older",
        ) from error
    noise = (
        float(np.mean(np.diff(numbers) ** 2)) / 2
    )  # variance within a level: a change is one difference of many
    search = ruptures.KernelCPD(kernel="linear", min_size=FEWEST).fit(numbers.reshape(-1, 1))
    return [int(end) for end in search.predict(pen=3 * math.log(numbers.size) * noise)[:-1]]


def _chances(numbers: Floats, places: list[int]) -> list[float]:
    """The chance of each place, in the stretch between its neighbours."""
    ends = [0, *places, numbers.size]
    return [_chance(numbers[ends[index] : ends[index + 2]]) for index in range(len(places))]


def _chance(stretch: Floats) -> float:
    """How often a permutation of these values has a split as good as their best: (b + 1) ÷ (m + 1)."""
    import numpy as np  # noqa: PLC0415

    dice = np.random.default_rng(SEED)
    shuffled = dice.permuted(np.broadcast_to(stretch, (PERMUTATIONS, stretch.size)), axis=1)
    best = _best_split(stretch[np.newaxis, :])[0]
    as_good = int(np.count_nonzero(_best_split(shuffled) >= best * (1 - 1e-12)))
    return (as_good + 1) / (PERMUTATIONS + 1)


def _best_split(rows: Floats) -> Floats:
    """For each row the largest reduction of its sum of squares by one split that leaves FEWEST on each side."""
    import numpy as np  # noqa: PLC0415

    n = rows.shape[1]
    left = np.arange(FEWEST, n - FEWEST + 1)
    sums = np.cumsum(rows - rows.mean(axis=1, keepdims=True), axis=1)[:, left - 1]
    best: Floats = (sums**2 * (n / (left * (n - left)))).max(axis=1)
    return best
