"""The metrics that matter, side by side: what a run says of each of its first subjects in ten seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.frame import series_frame
from harness.report.summary import BOOT_GOALS, guests
from harness.report.words import is_stage, phase_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Better, Run, Series, Subject

SUBJECTS_MAX = 4
METRICS_MAX = 10


@dataclass(frozen=True, slots=True)
class KeyMetric:
    """One row: a metric on native and on each subject, None where it was not measured."""

    scenario: str
    metric: str
    unit: str
    better: Better
    native: Series | None
    cells: tuple[Series | None, ...]


@dataclass(frozen=True, slots=True)
class KeyTable:
    """The first subjects, and the metrics that matter."""

    subjects: tuple[Subject, ...]
    rows: tuple[KeyMetric, ...]
    omitted_subjects: int = 0
    omitted_metrics: int = 0


def key_table(run: Run) -> KeyTable:
    """Boot goals first, then whatever has a ratio to native, then the rest, in the order of the run.

    A scenario with targets has a table of its own (:mod:`harness.report.targets`).
    """
    frame = series_frame(run)
    aimed = frame.loc[frame["has_targets"], "scenario"]
    general = frame[~frame["scenario"].isin(aimed)]
    measured = general["subject"].value_counts()
    candidates = [subject for subject in guests(run) if subject.id in measured]
    most = max((measured[subject.id] for subject in candidates), default=0)
    # A variant that one scenario compares would be a column of dashes: its headline and plots have it.
    broad = [subject for subject in candidates if measured[subject.id] * 2 >= most]
    shown = broad[:SUBJECTS_MAX]
    metrics = [
        _key_metric(list(rows["series"]), shown)
        for (_, metric), rows in general.groupby(["scenario", "metric"], sort=False)
        if _is_key(str(metric))
    ]
    found = sorted((metric for metric in metrics if any(metric.cells)), key=_rank)
    return KeyTable(
        tuple(shown),
        tuple(found[:METRICS_MAX]),
        omitted_subjects=len(candidates) - len(shown),
        omitted_metrics=max(0, len(found) - METRICS_MAX),
    )


def _is_key(metric: str) -> bool:
    """No part of another metric's time, and of a boot's phases the goals only."""
    return metric in BOOT_GOALS or not (is_stage(metric) or phase_of(metric))


def _rank(metric: KeyMetric) -> int:
    if metric.metric in BOOT_GOALS:
        return 0
    return 1 if any(cell and cell.native for cell in metric.cells) else 2


def _key_metric(found: Sequence[Series], subjects: Sequence[Subject]) -> KeyMetric:
    """Of one metric's series on every subject."""
    by_subject = {series.subject: series for series in found}
    cells = tuple(by_subject.get(subject.id) for subject in subjects)
    baselines = {cell.native.subject for cell in cells if cell and cell.native}
    native = by_subject.get(baselines.pop()) if len(baselines) == 1 else None
    like = found[0]
    return KeyMetric(like.scenario, like.metric, like.unit, like.better, native, cells)
