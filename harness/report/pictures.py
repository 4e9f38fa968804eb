"""Which plots a report has, and where it stops drawing: a page of two thousand plots helps nobody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from harness.report.distributions import MANY, Shape, distributions
from harness.report.plots import POINTS_PER_PICTURE, POINTS_PER_ROW, Phases, Strip, spread, timeline
from harness.report.shares import Share, shares
from harness.report.summary import labels
from harness.report.targets import target_tables
from harness.report.words import PHASES, group_in_words, group_of, in_words, name_of, phase_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.report.tables import Metric, Scenario
    from harness.report.targets import Group, TargetTable
    from harness.results.models import Run, Series

PICTURES = 36
"""Plots in a page; shared between scenarios so that those with few get all of theirs."""
ROWS = 12
"""Subjects in a plot."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An ``<svg>`` element with its caption, and what it leaves out."""

    title: str
    caption: str
    svg: str
    omitted: str = ""
    legend: tuple[str, ...] = ()
    """The phases of a timeline, in the order of their colours."""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """The plots of one scenario, and how many metrics have none because the page has enough."""

    pictures: tuple[Picture, ...]
    others: tuple[Picture, ...] = ()
    """Where there are targets: what has none and few samples, to be looked at last."""
    undrawn_metrics: int = 0
    keys: frozenset[str] = frozenset()
    """``dots``, ``shapes``, ``bars``: what ``pictures`` are made of."""


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A plot that can be drawn: the metrics of which it says all, of what it is made, and who draws it."""

    metrics: frozenset[str]
    key: str
    draw: Callable[[], Picture]


def galleries(run: Run, scenarios: Sequence[Scenario]) -> dict[str, Gallery]:
    """Scenario → its plots: timelines of boots and shares of native first, then one for each other metric, those with
    many samples before those with few, but none for lone samples that a table or a timeline says already."""
    tables = target_tables(run)
    wanted = {scenario.name: _drawings(run, scenario, tables) for scenario in scenarios}
    made: dict[str, Gallery] = {}
    granted = _shared({name: len(drawings) for name, drawings in wanted.items()})
    for scenario in scenarios:
        made[scenario.name] = _gallery(wanted[scenario.name], granted[scenario.name])
    return made


def _gallery(wanted: Sequence[_Drawing], granted: int) -> Gallery:
    drawings = wanted[:granted]
    aimed = any(drawing.key == "bars" for drawing in drawings)
    last = [drawing for drawing in drawings if aimed and drawing.key == "dots"]
    first = [drawing for drawing in drawings if drawing not in last]
    return Gallery(
        tuple(drawing.draw() for drawing in first),
        tuple(drawing.draw() for drawing in last),
        len(_metrics(wanted) - _metrics(drawings)),
        frozenset(drawing.key for drawing in first),
    )


def _metrics(drawings: Sequence[_Drawing]) -> frozenset[str]:
    return frozenset[str]().union(*(drawing.metrics for drawing in drawings))


def _shared(wanted: dict[str, int]) -> dict[str, int]:
    """How many plots each scenario gets: what it wants, up to an equal share of what the smaller ones leave."""
    granted, left = dict.fromkeys(wanted, 0), PICTURES
    for at, name in enumerate(sorted(wanted, key=lambda name: wanted[name])):
        granted[name] = min(wanted[name], left // (len(wanted) - at))
        left -= granted[name]
    return granted


def _drawings(run: Run, scenario: Scenario, tables: Sequence[TargetTable]) -> list[_Drawing]:
    names = labels(run)
    aims = {
        metric: (table, [*groups])
        for table in tables
        if table.scenario == scenario.name
        for metric, groups in groupby(table.groups, key=lambda group: group.metric)
    }
    rest = [metric for metric in scenario.metrics if metric.name not in aims]
    many = [metric for metric in rest if _has_many(metric)]
    timelines = [*_timelines(scenario, names)]
    in_timelines = _metrics(timelines)
    few = [metric for metric in rest if not _has_many(metric) and not _is_said_already(metric, in_timelines)]
    return [
        *timelines,
        *(
            _Drawing(frozenset({metric}), "bars", partial(_shares, table, groups))
            for metric, (table, groups) in aims.items()
        ),
        *(
            _drawing("shapes", metric, partial(_distributions, run, scenario, metric, names))
            for metric in many
        ),
        *(_drawing("dots", metric, partial(_spread, run, scenario, metric, names)) for metric in few),
    ]


def _drawing(key: str, metric: Metric, draw: Callable[[], Picture]) -> _Drawing:
    return _Drawing(frozenset({metric.name}), key, draw)


def _has_many(metric: Metric) -> bool:
    return max(series.summary.n for series in metric.series) > MANY


def _is_said_already(metric: Metric, in_timelines: frozenset[str]) -> bool:
    """A dot alone shows neither spread nor baseline: a table says it better, and of several a timeline that has all."""
    counts = [series.summary.n for series in metric.series]
    return max(counts) == 1 and (len(counts) == 1 or metric.name in in_timelines)


def _shares(table: TargetTable, groups: Sequence[Group]) -> Picture:
    """Of one metric; each subject against its own baseline, which the caption names."""
    rows = [Share(row.subject, row.share, row.ci95) for group in groups for row in group.rows]
    svg = shares(
        f"{table.scenario}: {groups[0].metric}, share of native", rows[:ROWS], table.targets, most=table.most
    )
    caption = f"{in_words(table.metric)}, share of native. 100\u202f% is {'; '.join(map(_baseline, groups))}"
    return Picture(groups[0].title, caption, svg, _left_out(min(ROWS, len(rows)), len(rows)))


def _baseline(group: Group) -> str:
    return f"{group.whole} (of {', '.join(row.subject for row in group.rows)})"


def _distributions(run: Run, scenario: Scenario, metric: Metric, names: dict[str, str]) -> Picture:
    shown, natives = _rows(run, metric)
    shapes = [
        Shape(
            names[s.subject], s.samples, s.summary.median, s.summary.p95, s.summary.p99, s.subject in natives
        )
        for s in shown
    ]
    title = f"{scenario.name}: {in_words(metric.name)}"
    svg = distributions(title, shapes, unit=metric.unit, better=metric.better)
    return _titled(metric, svg, _left_out(len(shown), len(metric.series)))


def _spread(run: Run, scenario: Scenario, metric: Metric, names: dict[str, str]) -> Picture:
    shown, natives = _rows(run, metric)
    strips = [
        Strip(names[s.subject], s.samples, s.summary.median, s.summary.ci95, native=s.subject in natives)
        for s in shown
    ]
    budget = min(POINTS_PER_ROW, max(20, POINTS_PER_PICTURE // len(strips)))
    omitted = [_left_out(len(shown), len(metric.series))]
    if any(series.summary.n > budget for series in shown):
        omitted.append(f"at most {budget} samples of each are drawn, evenly by rank")
    baselines = [names[series.subject] for series in shown if series.subject in natives]
    svg = spread(
        f"{scenario.name}: {in_words(metric.name)}", strips, unit=metric.unit, better=metric.better,
        baseline=f"{baselines[0] if len(baselines) == 1 else 'native'} median" if baselines else "",
    )  # fmt: skip
    return _titled(metric, svg, "; ".join(filter(None, omitted)))


def _rows(run: Run, metric: Metric) -> tuple[list[Series], set[str]]:
    """The series that are drawn, guests first, every native one of them if there is room, and the native subjects."""
    natives = {subject.id for subject in run.subjects if subject.backend == "native"}
    baselines = [series for series in metric.series if series.subject in natives][: ROWS // 3]
    guests = [series for series in metric.series if series.subject not in natives]
    return [*guests[: ROWS - len(baselines)], *baselines], natives


def _titled(metric: Metric, svg: str, omitted: str) -> Picture:
    if phase_of(metric.name):
        return Picture(in_words(metric.name), "", svg, omitted)
    group = group_in_words(group_of(metric.name))
    name = in_words(name_of(metric.name))
    return Picture(group or name, name if group else "", svg, omitted)


def _left_out(shown: int, total: int) -> str:
    return f"{shown} of {total} subjects are drawn" if shown < total else ""


def _timelines(scenario: Scenario, names: dict[str, str]) -> Iterator[_Drawing]:
    """One for each prefix of phases ("", "cold/"): subjects with at least two phases."""
    boots: dict[str, dict[str, dict[str, float]]] = {}
    for metric in scenario.metrics:
        phase = phase_of(metric.name)
        if phase is None or metric.unit != "s":
            continue
        prefix = metric.name.removesuffix(phase)
        for series in metric.series:
            ends = boots.setdefault(prefix, {}).setdefault(series.subject, {})
            ends[phase] = series.summary.median
    for prefix, subjects in boots.items():
        rows = {subject: Phases(names[subject], ends) for subject, ends in subjects.items() if len(ends) > 1}
        others = {
            prefix + phase for subject, ends in subjects.items() if subject not in rows for phase in ends
        }
        if rows:
            whole = frozenset(prefix + phase for row in rows.values() for phase in row.ends_s) - others
            yield _Drawing(whole, "phases", partial(_timeline, scenario.name, prefix, [*rows.values()]))


def _timeline(scenario: str, prefix: str, rows: Sequence[Phases]) -> Picture:
    title = " ".join(["phases of the boot", *([prefix.rstrip("/")] if prefix else [])])
    svg = timeline(f"{scenario}/{prefix}", rows[:ROWS], PHASES)
    legend = tuple(in_words(phase) if any(phase in row.ends_s for row in rows) else "" for phase in PHASES)
    return Picture(title, "medians", svg, _left_out(min(ROWS, len(rows)), len(rows)), legend, wide=True)
