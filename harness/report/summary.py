"""What a run says in ten seconds: a sentence for each subject. The metrics side by side: :mod:`.key_table`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.machines.model import Phase
from harness.measure.statistics import geometric_mean
from harness.report.units import DASH, THIN_SPACE, quantity, significant
from harness.report.words import is_stage, phase_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.models import Run, Series, Subject

BOOT_GOALS = {Phase.FIRST_COMMAND.value: "boots to first command in", Phase.GUEST_READY.value: "boots in"}

OVERHEAD = "overhead"
"""A scenario of its own words: a share of native's speed says nothing of CPU time."""
_OFTEN = 2.0
"""From here on a ratio is easier to read than percents."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One subject in words."""

    subject: str
    label: str
    clauses: tuple[str, ...]
    """``boots to first command in 7.1 s``, ``compute at 2-45 % of native, geometric mean 6 %``."""


def labels(run: Run) -> dict[str, str]:
    """Subject id → the shortest name that tells subjects apart: "native", "tcg arm64", "tcg arm64 microvm"."""
    for naming in (_by_backend, _by_variant, _by_guest_and_variant):
        names = {subject.id: naming(subject) for subject in run.subjects}
        if _natives(run) == 1:
            names |= {subject.id: "native" for subject in run.subjects if subject.backend == "native"}
        if len(set(names.values())) == len(names):
            return names
    return {subject.id: subject.id for subject in run.subjects}


def _by_backend(subject: Subject) -> str:
    return subject.label


def _by_variant(subject: Subject) -> str:
    return f"{subject.label} {_variant(subject)}".strip()


def _by_guest_and_variant(subject: Subject) -> str:
    return " ".join(part for part in (subject.label, subject.guest, _variant(subject)) if part)


def _variant(subject: Subject) -> str:
    """What an id has after backend, architecture, guest and the user's own label (see ``RunRecorder.subject``)."""
    common = "-".join(part for part in (subject.backend, subject.arch, subject.guest) if part)
    variant = subject.id.removeprefix(common).lstrip("-~")
    return variant.removeprefix(str(subject.config.get("label") or "")).lstrip("-~")


def headlines(run: Run) -> list[Headline]:
    """A sentence for every subject but native, in the order of the run; for native where it is the only one."""
    names = labels(run)
    by_subject: dict[str, list[Series]] = {subject.id: [] for subject in guests(run)}
    for series in run.series:
        if series.subject in by_subject:
            by_subject[series.subject].append(series)
    return [
        Headline(subject, names[subject], clauses)
        for subject, found in by_subject.items()
        if (
            clauses := (
                *_boot_clauses(found),
                *_ratio_clauses(found),
                *_overhead_clauses(found),
                *_idle_clauses(found),
            )
            or _count_clause(found)
        )
    ]


def baseline(run: Run) -> str:
    """What the ratios of a run are relative to; empty when it has none."""
    used = {series.native.subject for series in run.series if series.native}
    natives = ", ".join(
        f"{subject.id} on {subject.backend_version}" for subject in run.subjects if subject.id in used
    )
    return (
        f"Native is the same work on this host without a guest, in the same run ({natives})." if used else ""
    )


def _boot_clauses(found: list[Series]) -> list[str]:
    for goal, words in BOOT_GOALS.items():
        boots = [series for series in found if phase_of(series.metric) == goal]
        if boots:
            chosen = next((series for series in boots if series.metric == goal), boots[0])
            return [f"{words} {quantity(chosen.summary.median, chosen.unit)}"]
    return []


def _ratio_clauses(found: list[Series]) -> list[str]:
    """Of a scenario with targets, the metrics that have them are what counts; of any other, speeds and no parts of
    them."""
    aimed = {series.scenario for series in found if series.targets}
    speeds: dict[str, list[float]] = {}
    for series in found:
        whole = series.is_speed and not is_stage(series.metric)
        counts = series.targets if series.scenario in aimed else whole
        if counts and series.native and series.native.ratio > 0 and series.scenario != OVERHEAD:
            value = series.native.ratio
            speeds.setdefault(series.scenario, []).append(value if series.better == "higher" else 1 / value)
    return [f"{scenario} at {_share(values)}" for scenario, values in speeds.items()]


def _overhead_clauses(found: list[Series]) -> list[str]:
    """What the scenario ``overhead`` says: more CPU time than native in percent, or where that is much, how often."""
    times = sorted(series.native.ratio for series in found if series.scenario == OVERHEAD and series.native)
    if not times:
        return []
    if times[-1] < _OFTEN:
        return [
            f"the same work takes {_range([100 * (each - 1) for each in times])}{THIN_SPACE}% more CPU time"
        ]
    return [f"the same work takes {_range(times)} times native's CPU time"]


def _range(ordered: Sequence[float]) -> str:
    ends = (significant(ordered[0], 2), significant(ordered[-1], 2))
    return DASH.join(dict.fromkeys(ends))


def _idle_clauses(found: list[Series]) -> list[str]:
    """What the scenario ``idle`` says of a subject's cost."""
    idle = {series.metric: series.summary.median for series in found if series.scenario == "idle"}
    costs = []
    if (cpu_s := idle.get("cpu-per-second")) is not None:
        costs.append(f"{significant(cpu_s * 100, 2)}{THIN_SPACE}% of a core")
    if (beyond_bytes := idle.get("memory-beyond-guest")) is not None:
        costs.append(f"{quantity(beyond_bytes, 'B')} beyond its guest's memory")
    return [f"idle it takes {' and '.join(costs)}"] if costs else []


def _share(speeds: list[float]) -> str:
    ends = _range([100 * min(speeds), 100 * max(speeds)])
    if DASH not in ends:
        return f"{ends}{THIN_SPACE}% of native"
    mean = significant(100 * geometric_mean(speeds), 2)
    return f"{ends}{THIN_SPACE}% of native, geometric mean {mean}{THIN_SPACE}%"


def _count_clause(found: list[Series]) -> tuple[str, ...]:
    metrics = "metric" if len(found) == 1 else "metrics"
    return (f"{len(found)} {metrics} measured",) if found else ()


def guests(run: Run) -> list[Subject]:
    """What a run is about: its guests or, where no guest took part, the host."""
    return [subject for subject in run.subjects if subject.backend != "native"] or list(run.subjects)


def _natives(run: Run) -> int:
    return sum(subject.backend == "native" for subject in run.subjects)
