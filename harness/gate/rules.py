"""What a gate asks: how sure it must be, and how much worse a metric may become before anybody minds."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.results.models import Series

FALSE_DISCOVERY_RATE = 0.005
"""Where nothing changed, at most one gate in two hundred fails."""
MIN_EFFECT = 0.02
"""A metric may become this much worse, as a share of the baseline."""


@dataclass(frozen=True, slots=True)
class MetricRule:
    """For the metrics that a glob matches; None leaves what the gate asks of all."""

    glob: str
    """Matched with ``scenario/metric`` and with ``scenario/metric/subject``; ``*`` matches any characters."""
    min_effect: float | None = None
    ignore: bool = False

    def matches(self, series: Series) -> bool:
        """Whether it is for this series."""
        name = f"{series.scenario}/{series.metric}"
        return fnmatchcase(name, self.glob) or fnmatchcase(f"{name}/{series.subject}", self.glob)


@dataclass(frozen=True, slots=True)
class Rules:
    """``missing``: whether a metric that only the baseline has fails the gate, or is only said."""

    false_discovery_rate: float = FALSE_DISCOVERY_RATE
    min_effect: float = MIN_EFFECT
    missing: Literal["report", "fail"] = "report"
    metrics: tuple[MetricRule, ...] = ()

    def of(self, series: Series) -> MetricRule:
        """The rule of one series: the last that matches, in the order of the file."""
        matching = [rule for rule in self.metrics if rule.matches(series)]
        chosen = matching[-1] if matching else MetricRule("*")
        if chosen.min_effect is not None:
            return chosen
        return MetricRule(chosen.glob, self.min_effect, chosen.ignore)

    def idle(self, series: Iterable[Series]) -> tuple[str, ...]:
        """The globs that match none of these series: a typo, or a part of the bench that did not run."""
        every = list(series)
        return tuple(rule.glob for rule in self.metrics if not any(map(rule.matches, every)))
