"""One metric over all runs: a line for each subject on each host, like with like.

A subject on another host is another line. Where the subject itself changed from one run to the next (a new QEMU, a
guest of newer packages), the point says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.report.site.slug import slug

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.measure.change_points import ChangePoint
    from harness.report.site.facts import Facts
    from harness.results.models import Better

MetricKey = tuple[str, str]
"""Scenario and metric."""

OTHERWISE = "other guest or options"
"""What a subject became whose backend is of the same version as before."""

TRACKED = 100
"""Of the runs of a line, the newest are searched for changes of level: of a thousand that takes half a second."""


@dataclass(frozen=True, slots=True)
class Point:
    """The metric in one run; ``median`` and ``ci95`` in the metric's base unit."""

    run: Facts
    median: float
    ci95: tuple[float, float] | None
    n: int
    shown: str
    changed: str
    """What the subject became, where its fingerprint is not that of the point before; else empty."""


@dataclass(slots=True)
class Line:
    """The metric on one subject and one host, oldest run first."""

    subject: str
    host: str
    """The fingerprint."""
    host_shown: str
    unit: str
    better: Better
    points: list[Point] = field(default_factory=list)

    def change(self) -> float | None:
        """The newest median ÷ the one before; None where there is none, or it is zero."""
        if len(self.points) < 2 or not self.points[-2].median:
            return None
        return self.points[-1].median / self.points[-2].median

    def newest(self) -> list[float]:
        """The medians of the newest TRACKED points."""
        return [point.median for point in self.points[-TRACKED:]]

    def placed(self, changes: Iterable[ChangePoint]) -> list[ChangePoint]:
        """Changes of level among the newest, ``at`` as an index of all points."""
        first = max(0, len(self.points) - TRACKED)
        return [replace(change, at=first + change.at) for change in changes]


@dataclass(frozen=True, slots=True)
class Trend:
    """Every line of one metric, the one with the newest point first."""

    scenario: str
    metric: str
    words: str
    lines: tuple[Line, ...]

    @property
    def path(self) -> str:
        """Of its page, within the site and without ``.html``."""
        return path_of((self.scenario, self.metric))


def path_of(key: MetricKey) -> str:
    """Where the page of a metric lies, within the site and without ``.html``: the same for ever."""
    return f"trends/{slug(key[0])}/{slug(key[1])}"


def trends(runs: Iterable[Facts]) -> dict[MetricKey, Trend]:
    """Every metric of the runs, which are given oldest first; in the order in which they first appeared."""
    words: dict[MetricKey, str] = {}
    lines: dict[MetricKey, dict[tuple[str, str, str], Line]] = {}
    subjects: dict[int, Facts] = {}
    for run in runs:
        for series in run["series"]:
            key = series["scenario"], series["metric"]
            words.setdefault(key, series["words"])
            name = series["subject"], run["host"]["fingerprint"], series["unit"]
            line = lines.setdefault(key, {}).get(name)
            if line is None:
                line = Line(
                    series["subject"], name[1], run["host"]["shown"], series["unit"], series["better"]
                )
                lines[key][name] = line
            subject = run["subjects"][series["subject"]]
            changed = _became(subjects.get(id(line), subject), subject)
            subjects[id(line)] = subject
            line.points.append(
                Point(run, series["median"], series["ci95"], series["n"], series["shown"], changed)
            )
    return {
        key: Trend(*key, words[key], tuple(sorted(found.values(), key=_newest, reverse=True)))
        for key, found in lines.items()
    }


def _became(before: Facts, after: Facts) -> str:
    """What a subject became; empty where it is the same."""
    if before["fingerprint"] == after["fingerprint"]:
        return ""
    if before["version"] != after["version"]:
        return str(after["version"])
    return OTHERWISE


def _newest(line: Line) -> str:
    return str(line.points[-1].run["started"])
