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

DRIFT_AFTER_S = 1800
"""A soak shorter than this says nothing of drift: a process that has just begun still grows."""
Point = tuple[float, float]
"""A time in s of time.monotonic(), and what was seen then."""
WARM_UP = 0.2
"""This share of a soak, at its beginning, is not judged: caches fill."""
MEMORY_DRIFT_BYTES_PER_H = 10e6
BOOT_DRIFT_PER_H = 0.2
"""Drift is a trend whose 95 % interval lies above this, in bytes and in shares of a machine's median boot per hour, and
which each half shows at least half as strongly: memory and hosts go up and down in steps, and a step is no trend."""
MOST_POINTS = 400
"""The slope looks at each pair of points; more than this are taken together by medians of equal times."""
FEWEST_POINTS = 10


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
        return self.after.more_than(self.before)

    @property
    def passed(self) -> bool:
        """Whether something was done, and nothing failed, leaked or drifts."""
        return bool(self.steps) and not (
            self.failures or self.leaks or any(trend.drifts for trend in self.trends)
        )

    def times(self) -> dict[str, tuple[int, float, float]]:
        """Step → how often it was done, and the median and the longest time of those that succeeded, in s."""
        return times(self.steps)


def times(steps: Sequence[Happened]) -> dict[str, tuple[int, float, float]]:
    """As :meth:`Outcome.times`."""
    found: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        if not step.failure:
            found[step.step].append(step.took_s)
    return {step: (len(took_s), median(took_s), max(took_s)) for step, took_s in found.items()}


def trends(steps: Sequence[Happened], censuses: Sequence[Census]) -> tuple[Trend, ...]:
    """Of the harness's memory and of the boots' times; none for a soak that is too short to tell."""
    if not censuses or censuses[-1].at_s - censuses[0].at_s < DRIFT_AFTER_S:
        return ()
    begun_s = censuses[0].at_s + WARM_UP * (censuses[-1].at_s - censuses[0].at_s)
    memory = [(census.at_s, float(census.memory_bytes)) for census in censuses if census.at_s >= begun_s]
    return (
        *_trend("the harness's memory, B", memory, MEMORY_DRIFT_BYTES_PER_H),
        *_trend("a boot's time, of its machine's median", _boots(steps, begun_s), BOOT_DRIFT_PER_H),
    )


def _boots(steps: Sequence[Happened], begun_s: float) -> list[Point]:
    """Each boot's time over the median of its machine's: machines are of several kinds."""
    found: dict[str, list[Point]] = defaultdict(list)
    for step in steps:
        if step.step == "boot" and not step.failure and step.at_s >= begun_s:
            found[step.machine].append((step.at_s, step.took_s))
    points: list[Point] = []
    for boots in found.values():
        typical_s = median(took_s for _, took_s in boots)
        points += [(at_s, took_s / typical_s) for at_s, took_s in boots]
    return sorted(points)


def _trend(what: str, points: Sequence[Point], allowed_per_h: float) -> tuple[Trend, ...]:
    """Sen (1968), "Estimates of the regression coefficient based on Kendall's tau"."""
    from scipy.stats import theilslopes  # noqa: PLC0415 - slow to import

    def slope(some: Sequence[Point]) -> tuple[float, float, float]:
        at_s, values = zip(*some, strict=True)
        middle, _, low, high = (float(value) * 3600 for value in theilslopes(values, at_s, 0.95))
        return middle, low, high

    fewer = _thinned(points)
    if len(fewer) < 2 * FEWEST_POINTS:
        return ()
    middle, low, high = slope(fewer)
    half = len(fewer) // 2
    lasting = all(slope(part)[0] > allowed_per_h / 2 for part in (fewer[:half], fewer[half:]))
    return (Trend(what, middle, low, high, drifts=lasting and low > allowed_per_h),)


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    if len(points) <= MOST_POINTS:
        return points
    begun_s, bin_s = points[0][0], (points[-1][0] - points[0][0]) / MOST_POINTS
    bins: dict[int, list[Point]] = defaultdict(list)
    for at_s, value in points:
        bins[min(MOST_POINTS - 1, int((at_s - begun_s) / bin_s))].append((at_s, value))
    return [(median(at_s for at_s, _ in some), median(value for _, value in some)) for some in bins.values()]
