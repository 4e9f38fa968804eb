"""Two runs side by side: the ratio of every metric that both measured, and whether like is compared with
like.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.host.facts import STABLE
from harness.measure.statistics import ratio_of_medians

if TYPE_CHECKING:
    from harness.results.models import Better, Interval, Run, Series, Subject

Verdict = Literal["better", "worse", "same", "unclear"]
"""``same``: the interval holds 1. ``unclear``: too few samples for an interval."""


@dataclass(frozen=True, slots=True)
class Change:
    """One metric on one subject: ``ratio`` = median after ÷ median before; None where before is zero."""

    scenario: str
    metric: str
    subject: str
    unit: str
    better: Better
    before: float
    after: float
    ratio: float | None
    ci95: Interval | None
    verdict: Verdict
    like: bool
    """Whether the subject has the same fingerprint in both runs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``before`` and ``after`` are run ids; ``unlike`` are sentences on what differs besides the numbers."""

    before: str
    after: str
    unlike: tuple[str, ...]
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def compare(before: Run, after: Run) -> Comparison:
    """Every series that both runs have, matched by scenario, metric and subject id, in the order of
    ``after``.
    """
    old = {series.key: series for series in before.series}
    new = {series.key: series for series in after.series}
    like = _like_subjects(before, after)
    return Comparison(
        before=before.id,
        after=after.id,
        unlike=tuple(_unlike(before, after)),
        changes=tuple(
            _change(old[key], series, like=like.get(series.subject, False))
            for key, series in new.items()
            if key in old and (old[key].unit, old[key].better) == (series.unit, series.better)
        ),
        only_before=tuple("/".join(key) for key in old if key not in new),
        only_after=tuple("/".join(key) for key in new if key not in old),
    )


def _change(old: Series, new: Series, *, like: bool) -> Change:
    ratio = ratio_of_medians(new.samples, old.samples)
    ci95 = ratio.ci95 if ratio else None
    return Change(
        scenario=new.scenario,
        metric=new.metric,
        subject=new.subject,
        unit=new.unit,
        better=new.better,
        before=old.summary.median,
        after=new.summary.median,
        ratio=ratio.value if ratio else None,
        ci95=ci95,
        verdict=_verdict(ci95, new.better),
        like=like,
    )


def _verdict(ci95: Interval | None, better: Better) -> Verdict:
    if ci95 is None:
        return "unclear"
    low, high = ci95
    if low <= 1 <= high:
        return "same"
    return "better" if (low > 1) == (better == "higher") else "worse"


def _like_subjects(before: Run, after: Run) -> dict[str, bool]:
    old = {subject.id: subject.fingerprint for subject in before.subjects}
    return {subject.id: old.get(subject.id) == subject.fingerprint for subject in after.subjects}


def _unlike(before: Run, after: Run) -> list[str]:
    sentences = unlike_fingerprints(before, after)
    if before.run.profile != after.run.profile:
        sentences.append(f"the profiles differ: {before.run.profile}, then {after.run.profile}")
    sentences += [f"{run.id} was interrupted" for run in (before, after) if run.unfinished]
    return sentences


def unlike_fingerprints(before: Run, after: Run) -> list[str]:
    """A sentence for the hosts, and for each subject of both runs, whose fingerprints differ."""
    sentences = []
    if before.run.host.fingerprint != after.run.host.fingerprint:
        differing = _differences(stable_facts(before), stable_facts(after))
        sentences.append(f"the hosts differ: {differing or 'their fingerprints do'}")
    old = {subject.id: subject for subject in before.subjects}
    for subject in after.subjects:
        if subject.id in old and old[subject.id].fingerprint != subject.fingerprint:
            differing = _differences(subject_facts(old[subject.id]), subject_facts(subject))
            sentences.append(
                f"{subject.id} differs: {differing or 'its fingerprint does (the guest, for one)'}"
            )
    return sentences


def stable_facts(run: Run) -> dict[str, Any]:
    """What can tell two hosts apart. Load and free memory differ between any two runs: they explain no fingerprint."""
    return {name: value for name, value in run.run.host.facts.items() if name in {*STABLE, "memory_mib"}}


def subject_facts(subject: Subject) -> dict[str, Any]:
    """What can tell two subjects of one id apart."""
    return {
        "version": subject.backend_version,
        "guest": subject.guest,
        "arch": subject.arch,
        **subject.config,
    }


def _differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)!r} became {new.get(name)!r}"[:200] for name in names[:6])
