"""What a gate found: a verdict on every metric, and on the whole run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from harness.results.models import Better, Failure, Interval

Verdict = Literal["regressed", "improved", "same", "too few", "ignored"]
"""``too few``: with so few samples no difference, however large, could be told from chance."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric on one subject in both runs; ``before`` and ``after`` are medians in ``unit``."""

    scenario: str
    metric: str
    subject: str
    unit: str
    better: Better
    before: float
    after: float
    samples: tuple[int, int]
    """Before and after; those that were recorded together count as one (:mod:`harness.measure.observations`)."""
    worse: float
    """The shift for the worse as a share of the baseline; see :mod:`harness.gate.effect`."""
    min_effect: float
    q_worse: float
    """The false-discovery rate at which this metric is called worse; 1 where it was not tested."""
    q_better: float
    verdict: Verdict
    ratio_ci95: Interval | None = None
    """Of :attr:`ratio`; computed for what changed, or where every one is asked for."""

    @property
    def name(self) -> str:
        """Scenario, metric and subject, as a glob of the rules may name it."""
        return f"{self.scenario}/{self.metric}/{self.subject}"

    @property
    def changed(self) -> bool:
        """Whether it regressed or improved."""
        return self.verdict in ("regressed", "improved")

    @property
    def q(self) -> float:
        """The false-discovery rate at which it is called worse or better, whichever way it moved."""
        return self.q_worse if self.worse > 0 else self.q_better

    @property
    def ratio(self) -> float | None:
        """Of the medians, after ÷ before; None where that was zero."""
        return self.after / self.before if self.before else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON, which has no infinity: ``worse`` is null where something follows upon zero."""
        return {**asdict(self), "worse": self.worse if isfinite(self.worse) else None, "ratio": self.ratio}


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that a gate says; ``baseline`` and ``run`` are ids."""

    baseline: str
    run: str
    judged: tuple[Judged, ...]
    failed: tuple[Failure, ...]
    """What failed in the run and was measured in the baseline."""
    missing: tuple[str, ...]
    """Metrics that only the baseline has, and that no failure explains."""
    added: tuple[str, ...]
    """Metrics that only the run has: not judged."""
    missing_fails: bool
    host: tuple[Judged, ...]
    """The metrics of the host itself: what they lost, no machine lost."""
    warnings: tuple[str, ...]
    """What makes the decision weaker than it looks."""
    false_discovery_rate: float

    @property
    def regressed(self) -> tuple[Judged, ...]:
        """The worst first."""
        return self._with("regressed")

    @property
    def improved(self) -> tuple[Judged, ...]:
        """The largest improvement first."""
        return self._with("improved")[::-1]

    @property
    def passed(self) -> bool:
        """Whether nothing became worse, and nothing fails that did not."""
        return not self.regressed and not self.failed and not (self.missing and self.missing_fails)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        plain = ("baseline", "run", "missing", "added", "warnings", "false_discovery_rate")
        return {
            **{name: getattr(self, name) for name in plain},
            "passed": self.passed,
            "metrics": [each.to_dict() for each in self.judged],
            "host": [each.to_dict() for each in self.host],
            "failed": [each.model_dump() for each in self.failed],
        }

    def _with(self, verdict: Verdict) -> tuple[Judged, ...]:
        found = [each for each in self.judged if each.verdict == verdict]
        return tuple(sorted(found, key=lambda each: each.worse, reverse=True))
