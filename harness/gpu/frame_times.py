"""Frame times, and what is said about them.

A frame time is from the end of one frame on the GPU, as the processor learns of it, to the end of the next. Their sum
is the time of all frames, so nothing between frames goes missing.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from harness.errors import MeasurementError


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The times of the frames after the warm-up, in nanoseconds, in their order; raises MeasurementError for none."""

    times_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        if sum(self.times_ns) <= 0:
            raise MeasurementError("no frame took any time")

    @property
    def count(self) -> int:
        return len(self.times_ns)

    @property
    def seconds(self) -> float:
        """The time of all frames."""
        return sum(self.times_ns) / 1e9

    @property
    def fps(self) -> float:
        """Frames ÷ time. Not the mean of each frame's rate, which fast frames would flatter."""
        return self.count / self.seconds

    @property
    def median_s(self) -> float:
        return statistics.median(self.times_ns) / 1e9

    def percentile_s(self, percent: int) -> float:
        """The frame time that ``percent`` (1 to 99) of the frames do not exceed.

        Linear between order statistics: definition 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical
        Packages", The American Statistician 50 (1996).
        """
        if self.count == 1:
            return self.median_s
        return statistics.quantiles(self.times_ns, n=100, method="inclusive")[percent - 1] / 1e9

    @property
    def low_1_percent_fps(self) -> float:
        """The frame rate of the slowest hundredth of the frames, at least one: their number ÷ the sum of their times.

        Other tools give the reciprocal of the 99th percentile under the same name; that one hides how slow the
        slowest are.
        """
        slowest = sorted(self.times_ns)[-max(1, self.count // 100) :]
        return len(slowest) / sum(slowest) * 1e9
