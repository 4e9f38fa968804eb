"""A run while it is being measured: events change it, and :meth:`Draft.freeze` makes the models of it.

The recorder applies an event here and writes it to the journal; a journal read back applies the same events.
What a crash left and what a bench kept therefore come from one piece of code.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.results.models import Native, Run, Series

LOGARITHMIC = "dB"
"""The unit whose quotients say nothing."""

Event = dict[str, Any]
"""One line of the journal: ``{"event": NAME, …}``."""

SeriesKey = tuple[str, str, str]
"""Scenario, metric, subject."""

PictureKey = tuple[str, str, str]
"""Scenario, name, subject."""

Ends = dict[tuple[str, str], dict[str, float]]
"""Scenario and metric → subject → when its last sample was taken."""


@dataclass(slots=True)
class DraftSeries:
    """One series while it grows."""

    scenario: str
    metric: str
    unit: str
    better: str
    subject: str
    samples: array[float] = field(default_factory=lambda: array("d"))
    times: array[float] = field(default_factory=lambda: array("d"))
    notes: list[str] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    definition: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> SeriesKey:
        """Scenario, metric, subject."""
        return self.scenario, self.metric, self.subject


@dataclass(slots=True)
class Draft:
    """Everything recorded so far."""

    header: Mapping[str, Any] = field(default_factory=dict)
    finished: str | None = None
    subjects: dict[str, dict[str, Any]] = field(default_factory=dict)
    series: dict[SeriesKey, DraftSeries] = field(default_factory=dict)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    pictures: dict[PictureKey, dict[str, Any]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:  # noqa: PLR0912 - one for each kind of event
        """Change by one event; raises KeyError or TypeError for one that this version does not know."""
        facts = {key: value for key, value in event.items() if key != "event"}
        match event["event"]:
            case "samples":
                self._samples(**facts)
            case "withdraw":
                self._withdraw(**facts)
            case "run":
                self.header = facts
            case "host":
                self.header = {**self.header, "host": {**self.header["host"], **facts}}
            case "subject":
                self.subjects[facts["id"]] = facts
            case "series":
                series = DraftSeries(**facts)
                self.series[series.key] = series
            case "note":
                self.series[tuple(facts["series"])].notes.append(facts["text"])
            case "about":
                self._about(**facts)
            case "notice":
                self.notices.append(facts["text"])
            case "picture":
                self.pictures[facts["scenario"], facts["name"], facts["subject"]] = facts
            case "skip" | "fail" as kind:
                (self.skipped if kind == "skip" else self.failed).append(facts)
            case "finish":
                self.finished = facts["at"]
            case name:
                raise KeyError(f"unknown event {name!r}")

    def _samples(self, series: list[str], values: list[float], times: list[float]) -> None:
        target = self.series[tuple(series)]  # type: ignore[index]  # a JSON list of three names
        target.samples.extend(values)
        target.times.extend(times)

    def _withdraw(self, series: list[str], count: int) -> None:
        target = self.series[tuple(series)]  # type: ignore[index]  # a JSON list of three names
        kept = max(0, len(target.samples) - count)
        del target.samples[kept:], target.times[kept:]

    def _about(
        self, series: list[str], targets: list[dict[str, Any]], definition: str, facts: dict[str, Any]
    ) -> None:
        target = self.series[tuple(series)]  # type: ignore[index]  # a JSON list of three names
        target.targets, target.definition, target.facts = targets, definition, facts

    def freeze(self) -> Run:
        """The models, with every summary and every ratio to native; series without samples are left out."""
        from harness.results.models import (  # noqa: PLC0415 - slow to import
            Failure,
            Picture,
            Run,
            RunInfo,
            Skip,
            Subject,
        )

        header, known, ends = dict(self.header), self._subject_names(), self._ends()
        return Run(
            run=RunInfo(
                id=header["id"],
                started=datetime.fromisoformat(header["started"]),
                finished=datetime.fromisoformat(self.finished) if self.finished else None,
                profile=header["profile"],
                harness=header["harness"],
                host=header["host"],
            ),
            subjects=tuple(Subject(**subject) for subject in self.subjects.values()),
            series=tuple(self._series(series, ends) for series in self.series.values() if series.samples),
            skipped=tuple(Skip(**_renamed(skip, known)) for skip in self.skipped),
            failed=tuple(Failure(**_renamed(failure, known)) for failure in self.failed),
            notices=tuple(self.notices),
            pictures=tuple(Picture(**picture) for picture in self.pictures.values()),
        )

    def _subject_names(self) -> dict[str, str]:
        """What else a subject is called → its id: a scenario that fails early may not know its guest yet."""
        names = {}
        for subject_id, facts in self.subjects.items():
            if facts["guest"]:
                names[subject_id.replace(f"-{facts['guest']}", "", 1)] = subject_id
        return names

    def _ends(self) -> Ends:
        ends: Ends = {}
        for (scenario, metric, subject), series in self.series.items():
            if series.times:
                ends.setdefault((scenario, metric), {})[subject] = max(series.times)
        return ends

    def _series(self, draft: DraftSeries, ends: Ends) -> Series:
        from harness.measure.diagnosis import diagnose  # noqa: PLC0415 - numpy
        from harness.measure.statistics import summarise  # noqa: PLC0415
        from harness.results.models import Series, Summary, Target  # noqa: PLC0415 - pydantic

        times = draft.times if _timed(draft) else None
        return Series(
            scenario=draft.scenario,
            metric=draft.metric,
            unit=draft.unit,
            better=draft.better,
            subject=draft.subject,
            samples=tuple(draft.samples),
            times=None if times is None else tuple(times),
            summary=Summary(**asdict(summarise(draft.samples, times))),
            native=self._native(draft, ends),
            notes=(*draft.notes, *diagnose(draft.samples, times)),
            targets=tuple(Target(**target) for target in draft.targets),
            definition=draft.definition,
            facts=draft.facts,
        )

    def _native(self, draft: DraftSeries, ends: Ends) -> Native | None:
        from harness.measure.statistics import ratio_of_medians  # noqa: PLC0415 - numpy
        from harness.results.models import Native  # noqa: PLC0415 - pydantic

        baseline = None if draft.unit == LOGARITHMIC else self._baseline(draft)
        if baseline is None or not baseline.samples or baseline.unit != draft.unit:
            return None
        theirs = _interleaved(baseline, draft, ends)
        times = (draft.times if _timed(draft) else None, theirs.times if _timed(theirs) else None)
        ratio = ratio_of_medians(draft.samples, theirs.samples, times=times)
        if ratio is None:
            return None
        return Native(subject=baseline.subject, ratio=ratio.value, ci95=ratio.ci95)

    def _baseline(self, draft: DraftSeries) -> DraftSeries | None:
        """The same metric on the subject's own baseline, else on the first native subject that has it; none for a
        native one."""
        subject = self.subjects[draft.subject]
        if subject["backend"] == "native":
            return None
        if own := subject.get("baseline"):
            return self.series.get((draft.scenario, draft.metric, own))
        natives = (name for name, subject in self.subjects.items() if subject["backend"] == "native")
        candidates = (self.series.get((draft.scenario, draft.metric, name)) for name in natives)
        return next((series for series in candidates if series and series.samples), None)


def _timed(series: DraftSeries) -> bool:
    return len(series.times) == len(series.samples)


def _renamed(entry: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    return {**entry, "subject": known.get(entry["subject"], entry["subject"])}


def _interleaved(baseline: DraftSeries, draft: DraftSeries, ends: Ends) -> DraftSeries:
    """The baseline's samples that were taken in turns with this series: after the last sample of any subject that was
    done before it began, up to its own last; all of them where that leaves none."""
    import numpy as np  # noqa: PLC0415 - a process that measures does not load it

    if not _timed(baseline) or not _timed(draft):
        return baseline
    of_metric = ends[draft.scenario, draft.metric]
    others = (end for subject, end in of_metric.items() if subject not in (baseline.subject, draft.subject))
    first = max((end for end in others if end < draft.times[0]), default=-math.inf)
    last = of_metric[draft.subject]
    at = np.asarray(baseline.times)
    within = (first < at) & (at <= last)
    if within.all() or not within.any():
        return baseline
    samples, times = (array("d", np.asarray(each)[within]) for each in (baseline.samples, baseline.times))
    return replace(baseline, samples=samples, times=times)
