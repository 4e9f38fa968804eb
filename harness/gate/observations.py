"""What of a series counts as one observation: samples that were recorded together, as the frames of one round, are one.

Frames of a round share its moment, its machine and whatever disturbed them: they are alike as no two rounds are. A
test that deals them to two runs one by one takes a hundred of them for a hundred witnesses, and calls noise a
regression (pseudoreplication: Hurlbert, *Ecol. Monogr.* 54(2), 1984). Their median is what the round says, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.results.models import Series

    Floats = NDArray[np.float64]


def observations(series: Series) -> Floats:
    """The median of the samples of each time, in the order of times; every sample for itself where none is known."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    samples = np.asarray(series.samples, dtype=np.float64)
    if series.times is None:
        return samples
    times = np.asarray(series.times, dtype=np.float64)
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order])) + 1
    if starts.size + 1 == samples.size:
        return samples[order]
    return np.array([np.median(together) for together in np.split(samples[order], starts)])
