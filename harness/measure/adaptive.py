"""When enough has been measured: every series is known as precisely as asked, or the time for it is spent.

Fixed-width sequential sampling (Chow and Robbins, "On the asymptotic theory of fixed-width sequential confidence
intervals for the mean", *Ann. Math. Statist.* 36, 1965; for benchmarks Georges, Buytaert and Eeckhout,
"Statistically rigorous Java performance evaluation", OOPSLA 2007): go on until the 95 % interval of every median,
relative to the median, is no wider than 2 x ``precision``. The rule looks at its own data, so an interval that has just
become narrow enough is a little too narrow; FEWEST keeps it from stopping at the first lucky agreement of a few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.measure.statistics import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEWEST = 10
"""Samples of a series before its interval is believed."""


@dataclass(frozen=True, slots=True)
class Goal:
    """``precision``: half the interval ÷ the median, 0.01 for ±1 %; ``budget_s``: seconds for all rounds together."""

    precision: float
    budget_s: float

    def missed(self, series: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Of every series by name that is not known well enough yet, how well it is: infinity for too few samples."""
        known = {name: precision(samples) for name, samples in series.items()}
        return {name: reached for name, reached in known.items() if reached > self.precision}


def precision(samples: Sequence[float]) -> float:
    """Half the 95 % interval of the median ÷ the median; infinity below FEWEST samples or where the median is 0."""
    if len(samples) < FEWEST:
        return float("inf")
    found = summarise(samples)
    if found.ci95 is None or not found.median:
        return float("inf")
    low, high = found.ci95
    return (high - low) / 2 / abs(found.median)
