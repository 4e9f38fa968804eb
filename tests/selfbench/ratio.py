"""How two sides' figures relate, where single ones scatter."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def typical_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of every one of ours ÷ every one of theirs: Hodges and Lehmann's estimator, of a ratio.

    Where a busy host has two speeds, medians jump from the one to the other; and of what scatters evenly, this needs
    two thirds of the samples. Hodges and Lehmann, "Estimates of Location Based on Rank Tests", 1963.
    """
    return statistics.median(a / b for a in ours for b in theirs)
