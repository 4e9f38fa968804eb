"""The real samples in ``data/samples.json``: see ``record_samples`` for how they were taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.results.models import Better

    Floats = NDArray[np.float64]

SAMPLES = Path(__file__).parent / "data" / "samples.json"
QUIETEST = 50
"""So many samples of each series count as taken on a quiet host: chosen by the host's noise, never by their value."""


@dataclass(frozen=True)
class Recorded:
    """One series, and the host's noise while each of its samples was taken."""

    name: str
    better: Better
    samples: Floats
    noise: Floats

    @property
    def quiet(self) -> Floats:
        """The samples that others disturbed least, in the order in which they were taken."""
        least = np.argsort(self.noise, kind="stable")[:QUIETEST]
        return self.samples[np.sort(least)]


def recorded(path: Path = SAMPLES) -> list[Recorded]:
    """Every series of a guest; the host's own are no gate's business."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Recorded(name, one["better"], np.array(one["samples"]), np.array(one["noise"]))
        for name, one in document["series"].items()
        if not name.endswith("/native")
    ]
