"""A verdict on every metric that two runs have in common: what :mod:`harness.gate.decide` says it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.gate.evidence import Rates, rates, weigh
from harness.gate.model import Judged
from harness.gate.permutation import smallest_p
from harness.measure.observations import observations
from harness.measure.statistics import ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from harness.gate.evidence import Evidence
    from harness.gate.model import Verdict
    from harness.gate.pairs import Pair
    from harness.gate.rules import Rules


def judge(pairs: Sequence[Pair], rules: Rules, *, every_interval: bool = False) -> tuple[Judged, ...]:
    """A verdict on each pair, all of them together; in the order of ``pairs``.

    The interval of a ratio is computed for what changed, and with ``every_interval`` for all: of a thousand metrics
    that takes longer than their verdicts.
    """
    cases = [_Case.of(pair, rules) for pair in pairs]
    found = iter(rates([case.evidence for case in cases if case.untested is None]))
    judged = (_judged(case, rules, Rates(1.0, 1.0) if case.untested else next(found)) for case in cases)
    return tuple(
        _with_interval(one, case) if every_interval or one.changed else one
        for one, case in zip(judged, cases, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """A pair, what counts of it, and what that says."""

    pair: Pair
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    evidence: Evidence
    untested: Verdict | None
    """Why it is not tested; None where it is."""

    @classmethod
    def of(cls, pair: Pair, rules: Rules) -> _Case:
        before, after = (observations(each.samples, each.times) for each in pair)
        untested: Verdict | None = None
        if rules.of(pair[1]).ignore:
            untested = "ignored"
        elif smallest_p(before.size, after.size) > rules.false_discovery_rate:
            untested = "too few"
        return cls(pair, before, after, weigh(before, after, pair[1].better), untested)


def _judged(case: _Case, rules: Rules, found: Rates) -> Judged:
    (old, new), evidence = case.pair, case.evidence
    least, rate = rules.of(new).min_effect or 0.0, rules.false_discovery_rate
    verdict: Verdict = case.untested or "same"
    if case.untested is None and found.worse <= rate and evidence.worse >= least:
        verdict = "regressed"
    elif case.untested is None and found.better <= rate and -evidence.worse >= least:
        verdict = "improved"
    return Judged(
        scenario=new.scenario,
        metric=new.metric,
        subject=new.subject,
        unit=new.unit,
        better=new.better,
        before=old.summary.median,
        after=new.summary.median,
        samples=(case.before.size, case.after.size),
        worse=evidence.worse,
        min_effect=least,
        q_worse=found.worse,
        q_better=found.better,
        verdict=verdict,
    )


def _with_interval(one: Judged, case: _Case) -> Judged:
    ratio = ratio_of_medians(case.after, case.before)
    return replace(one, ratio_ci95=ratio.ci95 if ratio else None)
