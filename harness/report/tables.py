"""A run as tables: a row for each series, every number as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import units
from harness.report.summary import labels

if TYPE_CHECKING:
    from harness.results.models import Better, Run, Series


@dataclass(frozen=True, slots=True)
class Row:
    """One series, every number as it is shown."""

    subject: str
    is_native: bool
    median: str
    ci95: str
    min: str
    p95: str
    max: str
    n: str
    ratio: str
    ratio_ci95: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a scenario on every subject that has it."""

    name: str
    unit: str
    better: Better
    series: tuple[Series, ...]
    rows: tuple[Row, ...]

    @property
    def direction(self) -> str:
        """Which way is better, in words."""
        return f"{self.better} is better"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything one scenario measured."""

    name: str
    metrics: tuple[Metric, ...]


def scenarios(run: Run) -> list[Scenario]:
    """Scenarios, their metrics and their subjects, each in the order in which it was first recorded; native
    last.
    """
    names = labels(run)
    native = {subject.id for subject in run.subjects if subject.backend == "native"}
    grouped: dict[str, dict[str, list[Series]]] = {}
    for series in run.series:
        grouped.setdefault(series.scenario, {}).setdefault(series.metric, []).append(series)
    return [
        Scenario(
            scenario,
            tuple(
                _metric(metric, sorted(found, key=lambda series: series.subject in native), names, native)
                for metric, found in metrics.items()
            ),
        )
        for scenario, metrics in grouped.items()
    ]


def _metric(name: str, found: list[Series], names: dict[str, str], native: set[str]) -> Metric:
    first = found[0]
    rows = tuple(_row(series, names, is_native=series.subject in native) for series in found)
    return Metric(name, first.unit, first.better, tuple(found), rows)


def _row(series: Series, names: dict[str, str], *, is_native: bool) -> Row:
    summary, native = series.summary, series.native
    scale = units.scale_for(summary.median, series.unit)

    def number(value: float) -> str:
        return scale.number(value, like=summary.median)

    return Row(
        subject=names[series.subject],
        is_native=is_native,
        median=scale.text(summary.median),
        ci95=units.interval(summary.ci95, summary.median, series.unit),
        min=number(summary.min),
        p95=number(summary.p95),
        max=number(summary.max),
        n=f"{summary.n:,}",
        ratio=units.ratio(native.ratio, series.better) if native else "",
        ratio_ci95=units.ratio_interval(native.ci95, native.ratio, series.better) if native else "",
        notes=series.notes,
    )
