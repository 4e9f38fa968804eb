"""What two samples of one metric say about each other, and which of many metrics have changed for the worse.

The arithmetic of a decision without the run around it: :mod:`harness.gate.decide` says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.gate.effect import relative_shift
from harness.gate.permutation import one_sided

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from harness.results.models import Better

    Floats = NDArray[np.float64]
    Samples = Sequence[float] | Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """``worse``: the shift for the worse as a share of the baseline; the p-values are one-sided."""

    p_worse: float
    p_better: float
    worse: float


@dataclass(frozen=True, slots=True)
class Rates:
    """The false-discovery rates at which a metric is called worse, and better."""

    worse: float
    better: float


def weigh(before: Samples, after: Samples, better: Better) -> Evidence:
    """Compare the samples of one metric."""
    larger, smaller = one_sided(after, before)
    shift = relative_shift(after, before)
    return Evidence(larger, smaller, shift) if better == "lower" else Evidence(smaller, larger, -shift)


def rates(family: Sequence[Evidence]) -> list[Rates]:
    """Benjamini and Hochberg's adjusted p-values, worse and better each a family of its own."""
    if not family:
        return []
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to import

    worse = false_discovery_control([each.p_worse for each in family])
    better = false_discovery_control([each.p_better for each in family])
    return [Rates(float(one), float(other)) for one, other in zip(worse, better, strict=True)]


def regressed(family: Sequence[Evidence], least: Sequence[float], rate: float) -> list[bool]:
    """Which metrics fail a gate: found worse at ``rate``, and by their ``least`` share of the baseline."""
    return [
        found.worse <= rate and each.worse >= enough
        for each, found, enough in zip(family, rates(family), least, strict=True)
    ]
