"""What makes a decision weaker than it looks: a host that moved, too few samples, a rule that matches nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.counted import counted
from harness.gate import words
from harness.gate.likeness import noise_score
from harness.gate.permutation import samples_needed, smallest_p

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.gate.model import Judged
    from harness.gate.rules import Rules
    from harness.results.models import Run

NOISY = 0.1
"""A share of the host's CPU time that others may have before it is said."""


def warnings(
    before: Run, after: Run, judged: Sequence[Judged], host: Sequence[Judged], rules: Rules
) -> Iterator[str]:
    """A sentence for each."""
    moved = [each for each in host if each.verdict in ("regressed", "improved")]
    if moved:
        most = max(moved, key=lambda each: abs(each.worse))
        yield (
            f"The host itself changed: {words.without_a_guest(most)}. What the machines lost or won may be the host's: "
            "`visorbench ab` measures both in turns, and a host that moves moves both."
        )
    yield from _too_little(judged, rules)
    apart = before.started != after.started  # the two sides of an A/B are one run
    for run, name in ((before, "baseline"), (after, "run")) if apart else ((after, "run"),):
        score = noise_score(run)
        if score > NOISY:
            yield f"The host of the {name} was disturbed: others had {score:.0%} of its CPU time."
        if run.unfinished:
            yield f"The {name} was interrupted: only what it had measured is judged."
    for glob in rules.idle([*before.series, *after.series]):
        yield f"[gate.metrics.{glob!r}] matches no metric of these runs."


def _too_little(judged: Sequence[Judged], rules: Rules) -> Iterator[str]:
    tested = [each for each in judged if each.verdict not in ("too few", "ignored")]
    few = sum(each.verdict == "too few" for each in judged)
    if few:
        yield (
            f"{few} of {counted(len(judged), 'metric')} {'has' if few == 1 else 'have'} too few samples to be judged "
            f"at all: "
            f"{samples_needed(rules.false_discovery_rate)} in each run are the least."
        )
    alone = rules.false_discovery_rate / max(1, len(tested))
    blind = [each for each in tested if smallest_p(*each.samples) > alone]
    if blind:
        n, m = min((each.samples for each in blind), key=min)
        yield (
            f"A change of one metric alone cannot be told from chance with {n} + {m} samples among "
            f"{counted(len(tested), 'metric')} ({len(blind)} {'has' if len(blind) == 1 else 'have'} so few); "
            f"with {samples_needed(alone)} + {samples_needed(alone)} it can."
        )
