"""Which series of two runs are the same metric on the same subject, and which only one of them has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Run, Series

Pair = tuple["Series", "Series"]
"""A series of the baseline and the same of the run."""

Key = tuple[str, str, str]
"""Scenario, metric, subject."""


@dataclass(frozen=True, slots=True)
class Paired:
    """``machines`` and ``host`` (the native subjects) in the order of the later run."""

    machines: tuple[Pair, ...]
    host: tuple[Pair, ...]
    only_before: tuple[Key, ...]
    only_after: tuple[Key, ...]

    @property
    def every(self) -> tuple[Pair, ...]:
        """All pairs, those of machines first."""
        return *self.machines, *self.host


def paired(before: Run, after: Run) -> Paired:
    """Every series that both have with the same unit and direction; one that changed those is another metric."""
    natives = {
        subject.id for run in (before, after) for subject in run.subjects if subject.backend == "native"
    }
    old = {series.key: series for series in before.series}
    both = [(old[series.key], series) for series in after.series if series.key in old]
    alike = [(one, two) for one, two in both if (one.unit, one.better) == (two.unit, two.better)]
    matched = {new.key for _, new in alike}
    return Paired(
        machines=tuple(pair for pair in alike if pair[1].subject not in natives),
        host=tuple(pair for pair in alike if pair[1].subject in natives),
        only_before=_unmatched(before.series, matched),
        only_after=_unmatched(after.series, matched),
    )


def _unmatched(series: Sequence[Series], matched: set[Key]) -> tuple[Key, ...]:
    return tuple(each.key for each in series if each.key not in matched)
