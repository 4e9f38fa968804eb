"""How a gate does where nothing changed, and the smallest change that it sees: one run, split against itself.

Every series of a run of A is A against A. It is split into two parts of n samples, by chance and by time, and both
parts are gated; what fails is a false alarm. The split by chance says how the gate does when only noise that is the
same all the time differs. The split by time (the first n samples against the n after them, and so on) has the drift of
this host in it, which no test can tell from a change: where it alarms much more often, the host is not steady enough,
or n samples are taken too fast.

The smallest change is found by making one part larger by a known factor, all else as it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import NothingCompared
from harness.gate.evidence import regressed, weigh
from harness.gate.permutation import samples_needed
from harness.measure.observations import observations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from harness.gate.rules import Rules
    from harness.results.models import Better, Run

    Floats = NDArray[np.float64]

SPLITS = 400
PART = 20
"""Samples of a part, of runs that have enough for two: what the profile ``gate`` takes."""
CHANGES = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75)
SEEN = 0.8
"""A change is seen when it is in four of five splits."""
SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One metric on one subject: shares of splits that alarm, 0 to 1, and the smallest of CHANGES that is seen."""

    name: str
    n: int
    """Samples in each part."""
    by_chance: float
    by_time: float | None
    """None where there are fewer than two splits in time."""
    smallest: float | None
    """None where even the largest is not seen."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``gates_failed``: of SPLITS gates over all metrics together, the share that failed where nothing changed."""

    run: str
    metrics: tuple[Calibrated, ...]
    gates_failed: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def calibrate(run: Run, rules: Rules, *, n: int | None = None, splits: int = SPLITS) -> Calibration:
    """Split every series of the machines of ``run`` into parts of ``n`` samples: if not given, PART, or half of fewer.

    Raises NothingCompared where no series has samples enough for two parts.
    """
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    natives = {subject.id for subject in run.subjects if subject.backend == "native"}
    fewest = 2 * max(n or 0, samples_needed(rules.false_discovery_rate))
    found = [
        _Sampled("/".join(each.key), observed, each.better, rules.of(each).min_effect or 0.0)
        for each in run.series
        if each.subject not in natives and not rules.of(each).ignore
        if (observed := observations(each.samples, each.times)).size >= fewest
    ]
    if not found:
        raise NothingCompared(
            f"no metric of {run.id} has {fewest} samples, enough for two parts",
            fix="measure more rounds, or split into smaller parts with --samples",
        )
    random, rate = np.random.default_rng(SEED), rules.false_discovery_rate
    failed = [any(_gate(found, n, rate, random)) for _ in range(splits)]
    return Calibration(
        run.id, tuple(_metric(each, n, rate, splits, random) for each in found), _share(failed)
    )


@dataclass(frozen=True, slots=True)
class _Sampled:
    name: str
    samples: Floats
    better: Better
    least: float

    def fails(self, before: Floats, after: Floats, rate: float) -> bool:
        """Whether a gate over this metric alone fails."""
        return regressed([weigh(before, after, self.better)], [self.least], rate)[0]

    def worsened(self, samples: Floats, change: float) -> Floats:
        """The samples, worse by a share of what they were."""
        return samples * (1 + change if self.better == "lower" else 1 - change)


def _metric(
    one: _Sampled, n: int | None, rate: float, splits: int, random: np.random.Generator
) -> Calibrated:
    part = n or _part(one.samples.size)
    by_chance = [_dealt(one.samples, random.permutation(one.samples.size), part) for _ in range(splits)]
    by_time = list(_windows(one.samples, part))
    few = by_chance[: max(1, splits // 4)]
    seen = (
        change
        for change in CHANGES
        if _share(one.fails(a, one.worsened(b, change), rate) for a, b in few) >= SEEN
    )
    return Calibrated(
        name=one.name,
        n=part,
        by_chance=_share(one.fails(a, b, rate) for a, b in by_chance),
        by_time=_share(one.fails(a, b, rate) for a, b in by_time) if len(by_time) > 2 else None,
        smallest=next(seen, None),
    )


def _gate(found: list[_Sampled], n: int | None, rate: float, random: np.random.Generator) -> list[bool]:
    """One gate over all metrics, split alike where they are of one length: what was measured together stays so."""
    orders: dict[int, NDArray[np.intp]] = {}
    family = []
    for one in found:
        size = one.samples.size
        order = orders.setdefault(size, random.permutation(size))
        family.append(weigh(*_dealt(one.samples, order, n or _part(size)), one.better))
    return regressed(family, [one.least for one in found], rate)


def _part(size: int) -> int:
    return min(PART, size // 2)


def _dealt(samples: Floats, order: NDArray[np.intp], n: int) -> tuple[Floats, Floats]:
    return samples[order[:n]], samples[order[n : 2 * n]]


def _windows(samples: Floats, n: int) -> Iterator[tuple[Floats, Floats]]:
    """Each n samples in their order against the n after them, both ways round."""
    for start in range(0, samples.size - 2 * n + 1, max(1, n // 2)):
        before, after = samples[start : start + n], samples[start + n : start + 2 * n]
        yield before, after
        yield after, before


def _share(found: Iterable[bool]) -> float:
    every = list(found)
    return sum(every) / len(every)
