"""How near a run comes to its targets: every metric that has some, beside the same metric on its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.report import units
from harness.report.summary import labels
from harness.report.words import group_in_words, group_of, in_words, name_of

if TYPE_CHECKING:
    from harness.results.models import Interval, Run, Series

GroupKey = tuple[str, str, str]
"""Metric, the subject that is 100 %, and what it reaches."""

Verdict = Literal["reached", "missed", "unclear"]
"""``unclear``: the 95 % interval holds the target, or there is none."""


@dataclass(frozen=True, slots=True)
class Row:
    """A subject's metric against its baseline: ``share`` is its speed ÷ the baseline's."""

    subject: str
    value: str
    share: float
    ci95: Interval | None
    verdicts: tuple[Verdict, ...]
    """One for each of the table's targets."""

    @property
    def percent(self) -> str:
        """The share as people read it."""
        return units.ratio(self.share, "higher")

    @property
    def interval(self) -> str:
        """Its interval, in percent."""
        return units.ratio_interval(self.ci95, self.share, "higher")


@dataclass(frozen=True, slots=True)
class Group:
    """What was run ("triangle") on one baseline, and every subject that ran it."""

    name: str
    metric: str
    baseline: str
    """The subject that is 100 %."""
    baseline_value: str
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """What it is called above its plot or its rows."""
        return group_in_words(self.name) or in_words(self.metric)

    @property
    def whole(self) -> str:
        """What 100 % is: "native vulkan, 490 frames/s"."""
        return ", ".join(filter(None, (self.baseline, self.baseline_value)))


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One metric of a scenario, for everything that it was measured on."""

    scenario: str
    metric: str
    targets: tuple[tuple[str, float], ...]
    """Label and share of native's speed, the lowest first."""
    groups: tuple[Group, ...]

    @property
    def title(self) -> str:
        """What it shows, in words."""
        return f"{in_words(self.metric)} against {' and '.join(label for label, _ in self.targets)} of native"

    @property
    def most(self) -> float:
        """How far a plot of the shares reaches: to the largest, and as far along a wide interval as leaves the targets
        apart."""
        rows = [row for group in self.groups for row in group.rows]
        return max(
            max(row.share, min(row.ci95[1] if row.ci95 else 0, max(1.5, row.share * 1.2))) for row in rows
        )


def target_tables(run: Run) -> list[TargetTable]:
    """A table for every metric that has targets and a ratio, in the order of the run."""
    names = labels(run)
    found = {series.key: series for series in run.series}
    tables: dict[tuple[str, str], dict[GroupKey, list[Series]]] = {}
    for series in run.series:
        if share_of(series) is not None:
            groups = tables.setdefault((series.scenario, name_of(series.metric)), {})
            groups.setdefault((series.metric, *_baseline(series, found, names)), []).append(series)
    return [_table(scenario, metric, groups, names) for (scenario, metric), groups in tables.items()]


def share_of(series: Series) -> float | None:
    """The speed of a series as a share of its baseline's; None without targets or without a ratio above zero."""
    if not series.targets or series.native is None or series.native.ratio <= 0:
        return None
    ratio = series.native.ratio
    return ratio if series.better == "higher" else 1 / ratio


def _table(
    scenario: str, metric: str, groups: dict[GroupKey, list[Series]], names: dict[str, str]
) -> TargetTable:
    aims = {
        target.label: target.share for found in groups.values() for each in found for target in each.targets
    }
    targets = tuple(sorted(aims.items(), key=lambda target: target[1]))
    order = {metric: at for at, metric in enumerate(dict.fromkeys(key[0] for key in groups))}
    return TargetTable(
        scenario,
        metric,
        targets,
        tuple(
            Group(group_of(key[0]), *key, tuple(_row(series, names, targets) for series in groups[key]))
            for key in sorted(groups, key=lambda key: order[key[0]])
        ),
    )


def _row(series: Series, names: dict[str, str], targets: tuple[tuple[str, float], ...]) -> Row:
    share, ci95 = share_of(series) or 0.0, _speed_interval(series)
    value = units.quantity(series.summary.median, series.unit)
    return Row(names[series.subject], value, share, ci95, tuple(_verdict(ci95, aim) for _, aim in targets))


def _speed_interval(series: Series) -> Interval | None:
    ci95 = series.native.ci95 if series.native else None
    if ci95 is None or series.better == "higher":
        return ci95
    return (1 / ci95[1], 1 / ci95[0]) if ci95[0] > 0 else None


def _verdict(ci95: Interval | None, share: float) -> Verdict:
    if ci95 is None or ci95[0] < share <= ci95[1]:
        return "unclear"
    return "reached" if ci95[0] >= share else "missed"


def _baseline(
    series: Series, found: dict[tuple[str, str, str], Series], names: dict[str, str]
) -> tuple[str, str]:
    subject = series.native.subject if series.native else ""
    native = found.get((series.scenario, series.metric, subject))
    return names[subject], units.quantity(native.summary.median, native.unit) if native else ""
