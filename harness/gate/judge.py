"""A verdict on every metric that two runs have in common: what :mod:`harness.gate.decide` says it means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.gate.evidence import Rates, rates, weigh
from harness.gate.model import Judged
from harness.gate.permutation import smallest_p
from harness.measure.statistics import ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.evidence import Evidence
    from harness.gate.model import Verdict
    from harness.gate.pairs import Pair
    from harness.gate.rules import Rules


def judge(pairs: Sequence[Pair], rules: Rules, *, every_interval: bool = False) -> tuple[Judged, ...]:
    """A verdict on each pair, all of them together; in the order of ``pairs``.

    The interval of a ratio is computed for what changed, and with ``every_interval`` for all: of a thousand metrics
    that takes longer than their verdicts.
    """
    untested = [_untested(pair, rules) for pair in pairs]
    weighed = [weigh(old.samples, new.samples, new.better) for old, new in pairs]
    found = iter(rates([each for each, reason in zip(weighed, untested, strict=True) if reason is None]))
    judged = (
        _judged(pair, rules, evidence, Rates(1.0, 1.0) if reason else next(found), reason)
        for pair, evidence, reason in zip(pairs, weighed, untested, strict=True)
    )
    return tuple(
        _with_interval(one, pair) if every_interval or one.changed else one
        for one, pair in zip(judged, pairs, strict=True)
    )


def _untested(pair: Pair, rules: Rules) -> Verdict | None:
    """Why a pair is not tested, None where it is."""
    old, new = pair
    if rules.of(new).ignore:
        return "ignored"
    if smallest_p(old.summary.n, new.summary.n) > rules.false_discovery_rate:
        return "too few"
    return None


def _judged(pair: Pair, rules: Rules, evidence: Evidence, found: Rates, untested: Verdict | None) -> Judged:
    old, new = pair
    least, rate = rules.of(new).min_effect or 0.0, rules.false_discovery_rate
    verdict: Verdict = untested or "same"
    if untested is None and found.worse <= rate and evidence.worse >= least:
        verdict = "regressed"
    elif untested is None and found.better <= rate and -evidence.worse >= least:
        verdict = "improved"
    return Judged(
        scenario=new.scenario,
        metric=new.metric,
        subject=new.subject,
        unit=new.unit,
        better=new.better,
        before=old.summary.median,
        after=new.summary.median,
        samples=(old.summary.n, new.summary.n),
        worse=evidence.worse,
        min_effect=least,
        q_worse=found.worse,
        q_better=found.better,
        verdict=verdict,
    )


def _with_interval(one: Judged, pair: Pair) -> Judged:
    ratio = ratio_of_medians(pair[1].samples, pair[0].samples)
    return replace(one, ratio_ci95=ratio.ci95 if ratio else None)
