"""A run as tables: a row for each series, every number as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import host, units
from harness.report.frame import series_frame
from harness.report.summary import labels
from harness.report.words import group_of, in_words, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pandas import DataFrame

    from harness.results.models import Better, Run, Series


Pairs = tuple[tuple[str, str], ...]
"""Names and what they mean."""

FEWEST_FOR_P95, FEWEST_FOR_P99 = 20, 100
"""Samples below which p95 and p99 would be little else than the maximum."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series, every number as it is shown."""

    subject: str
    is_native: bool
    median: str
    ci95: str
    min: str
    p95: str
    p99: str
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
    facts: tuple[tuple[str, Pairs], ...]
    """Subjects, and name and value of what was recorded of them besides numbers."""
    definitions: Pairs
    """What a metric is called, and how it is computed."""


def scenarios(run: Run) -> list[Scenario]:
    """Scenarios, their metrics and their subjects, each in the order in which it was first recorded; native
    last.
    """
    names = labels(run)
    return [
        _scenario(str(scenario), rows, names)
        for scenario, rows in series_frame(run).groupby("scenario", sort=False)
    ]


def _scenario(name: str, rows: DataFrame, names: dict[str, str]) -> Scenario:
    """Of its rows in :func:`harness.report.frame.series_frame`."""
    found = list(rows["series"])
    metrics = (
        _metric(str(metric), each.sort_values("is_native", kind="stable"), names)
        for metric, each in rows.groupby("metric", sort=False)
    )
    return Scenario(name, tuple(metrics), tuple(_facts(found, names)), _definitions(found))


def _facts(found: Sequence[Series], names: dict[str, str]) -> Iterator[tuple[str, Pairs]]:
    """Every subject with its facts, those together of whom the same is told; a fact of several values says for which
    groups each holds."""
    told: dict[str, dict[str, dict[str, list[str]]]] = {}  # subject → fact → value → groups
    for series in found:
        for fact, value in series.facts.items():
            values = told.setdefault(names[series.subject], {}).setdefault(fact.replace("_", " "), {})
            groups, group = values.setdefault(host.fact(value), []), group_of(series.metric)
            if group and group not in groups:
                groups.append(group)
    alike: dict[Pairs, list[str]] = {}
    for subject, facts in told.items():
        alike.setdefault(tuple((fact, _by_group(values)) for fact, values in facts.items()), []).append(
            subject
        )
    for pairs, subjects in alike.items():
        yield ", ".join(subjects), pairs


def _by_group(values: dict[str, list[str]]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{', '.join(groups)}: {value}" if groups else value for value, groups in values.items())


def _definitions(found: Sequence[Series]) -> Pairs:
    said = ((in_words(name_of(series.metric)), series.definition) for series in found if series.definition)
    return tuple(dict.fromkeys(said))


def _metric(name: str, rows: DataFrame, names: dict[str, str]) -> Metric:
    found = tuple(rows["series"])
    shown = (
        _row(series, names, is_native=bool(native))
        for series, native in zip(found, rows["is_native"], strict=True)
    )
    return Metric(name, found[0].unit, found[0].better, found, tuple(shown))


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
        p95=number(summary.p95) if summary.n >= FEWEST_FOR_P95 else "",
        p99=number(summary.p99) if summary.n >= FEWEST_FOR_P99 else "",
        max=number(summary.max),
        n=f"{summary.n:,}",
        ratio=units.ratio(native.ratio, series.better) if native else "",
        ratio_ci95=units.ratio_interval(native.ci95, native.ratio, series.better) if native else "",
        notes=series.notes,
    )
