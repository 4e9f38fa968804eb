"""Which pictures a report has, and where it stops drawing: a page of two thousand plots helps nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.plots import POINTS_PER_PICTURE, POINTS_PER_ROW, Phases, Strip, spread, timeline
from harness.report.summary import labels
from harness.report.words import PHASES, in_words, phase_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.report.tables import Metric, Scenario
    from harness.results.models import Run

PICTURES = 36
"""Pictures in a page; shared fairly between scenarios."""
ROWS = 12
"""Subjects in a picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An ``<svg>`` element with its caption, and what it leaves out."""

    title: str
    caption: str
    svg: str
    omitted: str = ""
    legend: tuple[str, ...] = ()
    """The phases of a timeline, in the order of their colours."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures of one scenario, and how many metrics have none."""

    pictures: tuple[Picture, ...]
    undrawn_metrics: int = 0


def galleries(run: Run, scenarios: Sequence[Scenario]) -> dict[str, Gallery]:
    """Scenario → its pictures: timelines of boots first, then one spread for each metric."""
    names = labels(run)
    each = max(1, PICTURES // max(1, len(scenarios)))
    made: dict[str, Gallery] = {}
    for scenario in scenarios[:PICTURES]:
        timelines = [*_timelines(scenario, names)][:each]
        drawn = scenario.metrics[: each - len(timelines)]
        spreads = [_spread(run, scenario, metric, names) for metric in drawn]
        made[scenario.name] = Gallery((*timelines, *spreads), len(scenario.metrics) - len(drawn))
    for scenario in scenarios[PICTURES:]:
        made[scenario.name] = Gallery((), len(scenario.metrics))
    return made


def _spread(run: Run, scenario: Scenario, metric: Metric, names: dict[str, str]) -> Picture:
    natives = {subject.id for subject in run.subjects if subject.backend == "native"}
    guests = [series for series in metric.series if series.subject not in natives]
    baselines = [series for series in metric.series if series.subject in natives]
    shown = [*guests[: ROWS - len(baselines[:1])], *baselines[:1]]
    strips = [
        Strip(names[s.subject], s.samples, s.summary.median, s.summary.ci95, native=s.subject in natives)
        for s in shown
    ]
    budget = min(POINTS_PER_ROW, max(20, POINTS_PER_PICTURE // len(strips)))
    omitted = []
    if len(shown) < len(metric.series):
        omitted.append(f"{len(shown)} of {len(metric.series)} subjects are drawn")
    if any(series.summary.n > budget for series in shown):
        omitted.append(f"at most {budget} samples of each are drawn, evenly by rank")
    svg = spread(
        f"{scenario.name}: {in_words(metric.name)}", strips, unit=metric.unit, better=metric.better,
        baseline=f"{names[baselines[0].subject]} median" if baselines else "",
    )  # fmt: skip
    return Picture(in_words(metric.name), "", svg, "; ".join(omitted))


def _timelines(scenario: Scenario, names: dict[str, str]) -> Iterator[Picture]:
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
        rows = [Phases(names[subject], ends) for subject, ends in subjects.items() if len(ends) > 1]
        if rows:
            title = " ".join(["phases of the boot", *([prefix.rstrip("/")] if prefix else [])])
            svg = timeline(f"{scenario.name}/{prefix}", rows[:ROWS], PHASES)
            legend = tuple(
                in_words(phase) if any(phase in row.ends_s for row in rows) else "" for phase in PHASES
            )
            left_out = f"{ROWS} of {len(rows)} subjects are drawn" if len(rows) > ROWS else ""
            yield Picture(title, "medians", svg, left_out, legend)
