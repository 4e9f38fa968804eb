"""Which samples of a series lie far from the others: they are marked, and never dropped.

The modified z-score (Iglewicz and Hoaglin, *How to Detect and Handle Outliers*, ASQC 1993; NIST/SEMATECH e-Handbook of
Statistical Methods, 1.3.5.17) measures the distance from the median in robust standard deviations,

    M_i = 0.6745 (x_i - median) / MAD,    MAD = median |x_i - median|

and an outlier has |M_i| > 3.5. Where more than half of the samples are equal, MAD is zero, and the mean absolute
deviation takes its place: M_i = (x_i - median) / (1.2533 mean |x_i - median|).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FAR = 3.5
FEWEST = 8
"""Below this nothing is far from "the others": of five normal samples one in six series would have an outlier."""

_MAD_OF_NORMAL = 0.6745
_MEAN_DEVIATION_OF_NORMAL = 1.2533


def modified_z_scores(samples: Sequence[float] | Floats) -> Floats:
    """M_i of every sample; all zero where all are equal."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    x = np.asarray(samples, dtype=np.float64)
    deviations = x - np.median(x)
    scale = float(np.median(np.abs(deviations))) / _MAD_OF_NORMAL
    if not scale:
        scale = float(np.abs(deviations).mean()) * _MEAN_DEVIATION_OF_NORMAL
    scores: Floats = deviations / scale if scale else np.zeros_like(x)
    return scores


def outliers(samples: Sequence[float] | Floats) -> tuple[int, ...]:
    """The positions of the outliers, in the order of the series."""
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    if len(samples) < FEWEST:
        return ()
    return tuple(map(int, np.flatnonzero(np.abs(modified_z_scores(samples)) > FAR)))
