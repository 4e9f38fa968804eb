"""The decision: which metrics of a run became worse than in its baseline, beyond chance and beyond what is minded.

A metric has regressed when all three hold:

1. Chance: a one-sided permutation test (:mod:`harness.gate.permutation`) gives it a p-value, and
2. all metrics together: Benjamini and Hochberg's procedure ("Controlling the false discovery rate", *J. R. Stat. Soc.*
   B 57(1), 1995; ``scipy.stats.false_discovery_control``) keeps it at the rules' rate. Where nothing changed at all,
   that rate is how often a gate fails, however many metrics it has; where some changed, it is the share of false ones
   among those that are named. It holds for independent metrics and for those that move together (positive regression
   dependence: Benjamini and Yekutieli, *Ann. Statist.* 29(4), 2001), as the phases of one boot do, or all metrics of a
   disturbed host. The procedure that Yekutieli added for any other dependence costs a factor of 5 for 100 metrics,
   and with it the small regressions.
3. Size: the shift (:mod:`harness.gate.effect`) is for the worse by the metric's ``min_effect`` at least.

Improvements are the same on the other side. The host's own metrics are a family of their own: a machine is not blamed
for them, and a reader is told when they moved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import NothingCompared
from harness.gate.evidence import Rates, rates, weigh
from harness.gate.model import Decision, Judged
from harness.gate.permutation import samples_needed, smallest_p
from harness.gate.rules import Rules
from harness.gate.warnings import warnings
from harness.measure.statistics import ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.evidence import Evidence
    from harness.gate.model import Verdict
    from harness.results.models import Failure, Run, Series

Pair = tuple["Series", "Series"]
"""A series of the baseline and the same of the run."""


def decide(before: Run, after: Run, rules: Rules | None = None) -> Decision:
    """Judge every metric that both runs have; raises NothingCompared where no metric can be judged."""
    rules = rules or Rules()
    natives = {
        subject.id for run in (before, after) for subject in run.subjects if subject.backend == "native"
    }
    pairs = _pairs(before, after)
    of_machines = [pair for pair in pairs if pair[0].subject not in natives]
    judged = judge(of_machines, rules)
    failed = _failed_only_now(before, after)
    if not failed:
        _check_judged(judged, pairs, rules)
    host = judge([pair for pair in pairs if pair[0].subject in natives], rules)
    missing, added = _unmatched(before, after, failed, pairs)
    return Decision(
        baseline=before.id,
        run=after.id,
        judged=judged,
        failed=failed,
        missing=missing,
        added=added,
        missing_fails=rules.missing == "fail",
        host=host,
        warnings=tuple(warnings(before, after, judged, host, rules)),
        false_discovery_rate=rules.false_discovery_rate,
    )


def judge(pairs: Sequence[Pair], rules: Rules) -> tuple[Judged, ...]:
    """A verdict on each pair, all of them together; in the order of ``pairs``."""
    untested = [_untested(pair, rules) for pair in pairs]
    weighed = [weigh(old.samples, new.samples, new.better) for old, new in pairs]
    found = iter(rates([each for each, reason in zip(weighed, untested, strict=True) if reason is None]))
    return tuple(
        _judged(pair, rules, evidence, Rates(1.0, 1.0) if reason else next(found), reason)
        for pair, evidence, reason in zip(pairs, weighed, untested, strict=True)
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
    least = rules.of(new).min_effect or 0.0
    one = Judged(
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
        verdict=untested or "same",
    )
    if untested is None and found.worse <= rules.false_discovery_rate and evidence.worse >= least:
        return _changed(one, pair, "regressed")
    if untested is None and found.better <= rules.false_discovery_rate and -evidence.worse >= least:
        return _changed(one, pair, "improved")
    return one


def _changed(one: Judged, pair: Pair, verdict: Verdict) -> Judged:
    ratio = ratio_of_medians(pair[1].samples, pair[0].samples)
    return replace(one, verdict=verdict, ratio_ci95=ratio.ci95 if ratio else None)


def _pairs(before: Run, after: Run) -> list[Pair]:
    """Every series that both have, with the same unit and direction, in the order of the run."""
    old = {series.key: series for series in before.series}
    both = [(old[series.key], series) for series in after.series if series.key in old]
    return [(one, two) for one, two in both if (one.unit, one.better) == (two.unit, two.better)]


def _failed_only_now(before: Run, after: Run) -> tuple[Failure, ...]:
    """What failed in the run, on a subject that the baseline measured in that scenario without a failure."""
    known = {(failure.scenario, failure.subject) for failure in before.failed}
    measured = {(series.scenario, series.subject) for series in before.series}
    scenarios = {scenario for scenario, _ in measured}
    return tuple(
        failure
        for failure in after.failed
        if (failure.scenario, failure.subject) not in known
        and ((failure.scenario, failure.subject) in measured or failure.subject is None)
        and failure.scenario in scenarios
    )


def _unmatched(
    before: Run, after: Run, failed: Sequence[Failure], pairs: Sequence[Pair]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of what only the baseline has, failures aside, and of what only the run has."""
    matched = {new.key for _, new in pairs}
    explained = {(failure.scenario, failure.subject) for failure in failed}
    missing = [
        series.key
        for series in before.series
        if series.key not in matched and (series.scenario, series.subject) not in explained
    ]
    added = [series.key for series in after.series if series.key not in matched]
    return tuple(map("/".join, missing)), tuple(map("/".join, added))


def _check_judged(judged: Sequence[Judged], pairs: Sequence[Pair], rules: Rules) -> None:
    """Raise NothingCompared unless something was judged: a gate that cannot fail has not passed."""
    if any(each.verdict not in ("too few", "ignored") for each in judged):
        return
    if not pairs:
        raise NothingCompared(
            "the two runs have no metric in common",
            fix="measure the same scenarios, subjects and profile in both",
        )
    few = [each for each in judged if each.verdict == "too few"]
    if few:
        enough = samples_needed(rules.false_discovery_rate)
        most = max(few, key=lambda each: min(each.samples)).samples
        raise NothingCompared(
            f"no metric has enough samples to tell a change from chance: {most[0]} and {most[1]} at most",
            fix=f"{enough} in each run at the least: `--profile gate` takes 20",
        )
    raise NothingCompared(
        "nothing was measured on a machine that both runs have and the rules do not ignore",
        fix="measure more, or ignore less under [gate.metrics]",
    )
