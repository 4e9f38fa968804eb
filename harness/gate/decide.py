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

from typing import TYPE_CHECKING

from harness.errors import NothingCompared
from harness.gate.judge import judge
from harness.gate.model import Decision
from harness.gate.pairs import paired
from harness.gate.permutation import samples_needed
from harness.gate.rules import Rules
from harness.gate.warnings import warnings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.model import Judged
    from harness.gate.pairs import Paired
    from harness.results.models import Failure, Run


def decide(before: Run, after: Run, rules: Rules | None = None, *, every_interval: bool = False) -> Decision:
    """Judge every metric that both runs have; raises NothingCompared where no metric can be judged.

    ``every_interval``: that of each ratio, not only of those that changed.
    """
    rules = rules or Rules()
    found = paired(before, after)
    judged = judge(found.machines, rules, every_interval=every_interval)
    failed = _failed_only_now(before, after)
    if not failed:
        _check_judged(judged, found, rules, names=(before.id, after.id))
    host = judge(found.host, rules)
    return Decision(
        baseline=before.id,
        run=after.id,
        judged=judged,
        failed=failed,
        missing=_missing(found, failed),
        added=tuple(map("/".join, found.only_after)),
        missing_fails=rules.missing == "fail",
        host=host,
        warnings=tuple(warnings(before, after, judged, host, rules)),
        false_discovery_rate=rules.false_discovery_rate,
    )


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


def _missing(found: Paired, failed: Sequence[Failure]) -> tuple[str, ...]:
    """The names of what only the baseline has and no failure explains."""
    explained = {(failure.scenario, failure.subject) for failure in failed}
    return tuple(
        f"{scenario}/{metric}/{subject}"
        for scenario, metric, subject in found.only_before
        if (scenario, subject) not in explained
    )


def _check_judged(judged: Sequence[Judged], found: Paired, rules: Rules, names: tuple[str, str]) -> None:
    """Raise NothingCompared unless something was judged: a gate that cannot fail has not passed."""
    if any(each.verdict not in ("too few", "ignored") for each in judged):
        return
    if not found.every:
        raise NothingCompared.without_common_metric(*names)
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
