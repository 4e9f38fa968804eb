"""What of a series counts as one observation: samples that were recorded together, as the frames of one round, are one.

Frames of a round share its moment, its machine and whatever disturbed them: they are alike as no two rounds are. An
interval or a test that takes a hundred of them for a hundred witnesses is too sure of itself, and calls noise a
regression (pseudoreplication: Hurlbert, *Ecol. Monogr.* 54(2), 1984). Their median is what the round says, once.

Medians and other quantiles are of all samples; intervals, and the verdicts of gate, comparisons and A/B, of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def observations(samples: Sequence[float] | Floats, times: Sequence[float] | Floats | None) -> Floats:
    """The median of the samples of each time, in the order of times; every sample for itself where none is known."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    each = np.asarray(samples, dtype=np.float64)
    if times is None:
        return each
    taken = np.asarray(times, dtype=np.float64)
    order = np.argsort(taken, kind="stable")
    starts = np.flatnonzero(np.diff(taken[order])) + 1
    if starts.size + 1 == each.size:
        return each[order]
    return np.array([np.median(together) for together in np.split(each[order], starts)])
