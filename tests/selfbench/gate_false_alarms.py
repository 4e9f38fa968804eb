"""How often a gate fails where nothing changed: real boots and compute repetitions, split in two by chance.

Each of SPLITS gates deals PART + PART samples of every metric to "before" and "after". What fails is a false alarm.
Twice: with the samples that others disturbed least, and with all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.gate.evidence import regressed, weigh
from harness.gate.rules import FALSE_DISCOVERY_RATE, MIN_EFFECT
from tests.selfbench.recorded import Recorded, recorded
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIMIT = 0.01
SPLITS = 2_000
PART = 20


def run() -> Result:
    """The largest share of false alarms: of whole gates, or of single metrics (each gated alone)."""
    detail: dict[str, object] = {"splits": SPLITS, "samples": f"{PART}+{PART}"}
    worst = 0.0
    for host in ("quiet", "any"):
        gates, single, most = _alarms([(each, _of(each, host)) for each in recorded()])
        detail[host] = {"gates": round(gates, 4), "metrics": round(single, 4), "worst_metric": round(most, 4)}
        worst = max(worst, gates, single)
    return Result("gate_false_alarms", worst, "share", LIMIT, detail)


def _of(series: Recorded, host: str) -> Floats:
    return series.quiet if host == "quiet" else series.samples


def _alarms(family: list[tuple[Recorded, Floats]]) -> tuple[float, float, float]:
    """Shares that fail: of gates over all metrics, of single metrics together, and of the worst metric."""
    random = np.random.default_rng(20_260_101)
    least, gates, alone = [MIN_EFFECT] * len(family), 0, np.zeros(len(family))
    for _ in range(SPLITS):
        evidence = []
        for series, samples in family:
            dealt = random.permutation(samples)
            evidence.append(weigh(dealt[:PART], dealt[PART : 2 * PART], series.better))
        gates += any(regressed(evidence, least, FALSE_DISCOVERY_RATE))
        alone += [regressed([each], [MIN_EFFECT], FALSE_DISCOVERY_RATE)[0] for each in evidence]
    return gates / SPLITS, float(alone.mean()) / SPLITS, float(alone.max()) / SPLITS
