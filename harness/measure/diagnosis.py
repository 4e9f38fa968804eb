"""What a reader of a series must know besides its median: warm-up, outliers, two modes, drift, dependence.

Each test is made at 1 % (see its module), so of a hundred series without any peculiarity a few will be said to have
one: a sentence says what was seen and what to do, and changes no number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.measure.modes import bimodal
from harness.measure.observations import observations
from harness.measure.outliers import outliers
from harness.measure.shape import LEVEL, autocorrelation, drift
from harness.measure.warmup import warm_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NAMED = 8
"""Outliers that a sentence numbers."""
_ALIKE = 0.3
"""A smaller autocorrelation takes less than half of the samples' worth."""


def diagnose(
    samples: Sequence[float] | Floats, times: Sequence[float] | Floats | None = None
) -> tuple[str, ...]:
    """A sentence for each thing that was found, in the order in which to think of them.

    ``times``: when each sample was taken. That those of one time are alike is known, and the interval says so already.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    return tuple(_sentences(x, observations(x, times)))


def _sentences(x: Floats, observed: Floats) -> Iterator[str]:
    warm = warm_up(x)
    if warm:
        yield (
            f"The first {warm} or so of {x.size} samples differ from the rest: warm-up. They are in the median; "
            "more rounds make them matter less."
        )
    trend = None if warm else drift(x)
    if trend:
        way = "rose" if trend.ratio > 1 else "fell"
        yield (
            f"The samples {way} by {abs(trend.ratio - 1):.0%} from the first third to the last: drift. "
            "The median depends on when one stopped; look for heat, a filling cache or disk, or another program."
        )
    alike = None if warm or trend else autocorrelation(observed)
    if alike and alike.p < LEVEL and alike.r1 > _ALIKE:
        yield (
            f"Neighbouring samples are alike (autocorrelation {alike.r1:.2f}): the {observed.size} hold as much as "
            f"some {max(1, round(alike.independent))} independent ones, so the interval is too narrow."
        )
    if bimodal(x):
        yield (
            "The samples fall into two groups, and the median describes neither: look at the plot. "
            "Two speeds often are two kinds of core, or two paths through the machine."
        )
    far = outliers(x)
    if far:
        yield _outlying(far, x)


def _outlying(far: tuple[int, ...], x: Floats) -> str:
    numbered = ", ".join(str(at + 1) for at in far[:_NAMED]) + (", …" if len(far) > _NAMED else "")
    first = " The first one is among them: a cold start, perhaps." if far[0] == 0 else ""
    are = "is an outlier" if len(far) == 1 else "are outliers"
    return f"{len(far)} of {x.size} samples {are} (number {numbered}): kept in every number.{first}"
