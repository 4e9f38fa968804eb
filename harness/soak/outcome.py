"""What a soak found: failures, leaks, drift."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.soak.census import Census
    from harness.soak.life import Happened

DRIFT_AFTER_S = 600
"""A soak shorter than this says nothing of drift: a process that has just begun still grows."""
WARM_UP = 0.2
"""This share of a soak, at its beginning, is not judged: caches fill."""
MEMORY_DRIFT_BYTES_PER_H = 10e6
BOOT_DRIFT_PER_H = 0.2
"""Drift is a trend whose 95 % interval lies above this: bytes, and share of the median boot, per hour."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How a value went, per hour: the Theil-Sen slope with its 95 % interval."""

    what: str
    per_hour: float
    low: float
    high: float
    drifts: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole soak."""

    seconds: float
    steps: tuple[Happened, ...]
    before: Census
    after: Census
    trends: tuple[Trend, ...]

    @property
    def failures(self) -> tuple[Happened, ...]:
        """The steps that did not lead where they should."""
        return tuple(step for step in self.steps if step.failure)

    @property
    def leaks(self) -> dict[str, tuple[int, int]]:
        """What there is more of than before: name → before, after."""
        before, after = self.before.counts(), self.after.counts()
        return {name: (before[name], after[name]) for name in before if after[name] > before[name]}

    @property
    def passed(self) -> bool:
        """Whether something was done, and nothing failed, leaked or drifts."""
        return bool(self.steps) and not (
            self.failures or self.leaks or any(trend.drifts for trend in self.trends)
        )

    def times(self) -> dict[str, tuple[int, float, float]]:
        """Step → how often it was done, and the median and the longest time of those that succeeded, in s."""
        found: dict[str, list[float]] = defaultdict(list)
        for step in self.steps:
            if not step.failure:
                found[step.step].append(step.took_s)
        return {step: (len(took_s), median(took_s), max(took_s)) for step, took_s in found.items()}


def trends(steps: Sequence[Happened], censuses: Sequence[Census]) -> tuple[Trend, ...]:
    """Of the harness's memory and of the boots' times; none for a soak that is too short to tell."""
    if not censuses or censuses[-1].at_s - censuses[0].at_s < DRIFT_AFTER_S:
        return ()
    begun_s = censuses[0].at_s + WARM_UP * (censuses[-1].at_s - censuses[0].at_s)
    memory = [(census.at_s, float(census.memory_bytes)) for census in censuses if census.at_s >= begun_s]
    boots = [
        (step.at_s, step.took_s)
        for step in steps
        if step.step == "boot" and not step.failure and step.at_s >= begun_s
    ]
    typical_s = median(took_s for _, took_s in boots) if boots else 0.0
    return (
        *_trend("the harness's memory, B", memory, MEMORY_DRIFT_BYTES_PER_H),
        *_trend("a boot's time, s", boots, BOOT_DRIFT_PER_H * typical_s),
    )


def _trend(what: str, points: Sequence[tuple[float, float]], allowed_per_h: float) -> tuple[Trend, ...]:
    """Sen (1968), "Estimates of the regression coefficient based on Kendall's tau"."""
    from scipy.stats import theilslopes  # noqa: PLC0415 - slow to import

    if len(points) < 10:
        return ()
    at_s, values = zip(*points, strict=True)
    slope, _, low, high = (float(value) * 3600 for value in theilslopes(values, at_s, 0.95))
    return (Trend(what, slope, low, high, drifts=low > allowed_per_h),)
