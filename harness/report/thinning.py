"""Which samples a picture draws, when there are more than an eye or a browser can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def thin(ordered: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most ``most`` of the sorted samples, evenly by rank and always with both ends; the same ones every
    time.

    Ranks keep the shape of the distribution, where every k-th sample by time could hide a rhythm.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    if ordered.size <= most:
        return ordered
    return ordered[np.linspace(0, ordered.size - 1, most).round().astype(np.intp)]
