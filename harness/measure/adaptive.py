"""When enough has been measured: every series is known as precisely as asked, or the time for it is spent.

Fixed-width sequential sampling (Chow and Robbins, "On the asymptotic theory of fixed-width sequential confidence
intervals for the mean", *Ann. Math. Statist.* 36, 1965; for benchmarks Georges, Buytaert and Eeckhout,
"Statistically rigorous Java performance evaluation", OOPSLA 2007): go on until the 95 % interval of every median,
relative to the median, is no wider than 2 x ``precision``. The rule looks at its own data, so an interval that has just
become narrow enough is a little too narrow; FEWEST keeps it from stopping at the first lucky agreement of a few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 10
"""Samples of a series before its interval is believed."""


@dataclass(frozen=True, slots=True)
class Goal:
    """``precision``: half the interval ÷ the median, 0.01 for ±1 %; ``budget_s``: seconds for all rounds together."""

    precision: float
    budget_s: float

    def reached(self, samples: Sequence[float]) -> float:
        """Half the 95 % interval of the median ÷ the median; infinity for fewer than FEWEST, or where it is 0."""
        if len(samples) < FEWEST:
            return math.inf
        from harness.measure.statistics import summarise  # noqa: PLC0415 - numpy

        found = summarise(samples)
        if found.ci95 is None or not found.median:
            return math.inf
        low, high = found.ci95
        return (high - low) / 2 / abs(found.median)
