"""How often a slowdown of 5 % is seen in 20 + 20 real boots: the gate against what others do, at equal false alarms.

The gate alarms where its permutation test of one metric and its minimum effect say so. Its rivals:

- a two-sided permutation test of the difference of means, with a threshold of 5 % on the means;
- a Mann-Whitney U test alone;
- a comparison of means with a margin, of 5 % and, beside that, of what gives it the gate's false alarms.

Each rival's level (or margin) is the most generous one with which it alarms, over all splits without a slowdown, at
most as often as the gate. All see the same splits of every boot metric, as quiet as the host was; alarms count where
the boot became slower. The table goes to stderr.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import mannwhitneyu

from harness.gate.evidence import weigh
from harness.gate.rules import FALSE_DISCOVERY_RATE, MIN_EFFECT
from tests.selfbench.recorded import recorded
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SLOWDOWN = 1.05
SPLITS = 1_000
"""Of each metric, with and without the slowdown."""
PART = 20
PERMUTATIONS = 999
MARGIN = 0.05


@dataclass(frozen=True)
class Seen:
    """What one method says of each split: the level (or margin) from which on it alarms; infinity for never."""

    same: Floats
    slower: Floats

    def at(self, level: float) -> tuple[float, float]:
        """The shares of alarms without and with the slowdown."""
        return float((self.same <= level).mean()), float((self.slower <= level).mean())

    def most_generous(self, false_alarms: float) -> float:
        """The largest level with at most so many false alarms."""
        levels = np.unique(np.concatenate([self.same, self.slower]))
        shares = np.searchsorted(np.sort(self.same), levels, side="right") / self.same.size
        fitting = levels[(shares <= false_alarms) & np.isfinite(levels)]
        return float(fitting[-1]) if fitting.size else -np.inf


def run() -> Result:
    """By how much the best rival is ahead of the gate, in shares of the slowdowns; negative where the gate leads."""
    methods = {
        "gate": _gate,
        "means, permutation, 5 %": _means,
        "Mann-Whitney": _ranks,
        "means, margin": _margin,
    }
    same, slower = list(_splits(1.0)), list(_splits(SLOWDOWN))
    seen = {name: Seen(*(np.array([of(*split) for split in half]) for half in (same, slower)))
            for name, of in methods.items()}  # fmt: skip
    gate = seen["gate"].at(0)
    found = {"gate": gate}
    for name, method in seen.items():
        if name != "gate":
            found[name] = method.at(method.most_generous(gate[0]))
    found["means, margin of 5 %"] = seen["means, margin"].at(-MARGIN)
    for name, (alarms, power) in found.items():
        print(f"{name:<26} false alarms {alarms:7.2%}   sees 5 % {power:7.2%}", file=sys.stderr)
    rivals = [power for name, (alarms, power) in found.items() if name != "gate" and alarms <= gate[0]]
    detail = {name: {"false_alarms": round(a, 4), "sees": round(p, 4)} for name, (a, p) in found.items()}
    return Result("gate_power", max(rivals) - gate[1], "share", 0.0, {**detail, "splits": len(same)})


def _splits(factor: float) -> Iterator[tuple[Floats, Floats]]:
    random = np.random.default_rng(20_260_101)
    for series in recorded():
        if series.name.startswith("boot/"):
            for _ in range(SPLITS):
                dealt = random.permutation(series.quiet)
                yield dealt[:PART], dealt[PART : 2 * PART] * factor


def _gate(before: Floats, after: Floats) -> float:
    """0 where it alarms: it is taken as it is."""
    found = weigh(before, after, "lower")
    return 0.0 if found.p_worse <= FALSE_DISCOVERY_RATE and found.worse >= MIN_EFFECT else np.inf


def _means(before: Floats, after: Floats) -> float:
    if after.mean() / before.mean() - 1 < MARGIN:
        return np.inf
    pooled = np.concatenate([before, after])
    dealt = np.abs(pooled[_PERMUTATIONS].mean(axis=1) - pooled.mean())
    return float((1 + (dealt >= abs(after.mean() - pooled.mean()) - 1e-12).sum()) / (1 + PERMUTATIONS))


def _ranks(before: Floats, after: Floats) -> float:
    p = float(mannwhitneyu(after, before, method="exact").pvalue)
    return p if np.median(after) > np.median(before) else np.inf


def _margin(before: Floats, after: Floats) -> float:
    return float(1 - after.mean() / before.mean())


_PERMUTATIONS = np.argsort(np.random.default_rng(1).random((PERMUTATIONS, 2 * PART)), axis=1)[:, :PART]
