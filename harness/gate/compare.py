"""Two runs side by side: every metric that both measured, whether or not a gate would mind, and what is unlike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import NothingCompared
from harness.gate.judge import judge
from harness.gate.likeness import unlike_fingerprints
from harness.gate.pairs import paired
from harness.gate.rules import Rules

if TYPE_CHECKING:
    from harness.gate.model import Judged
    from harness.results.models import Run


@dataclass(frozen=True, slots=True)
class Comparison:
    """``before`` and ``after`` are run ids; ``unlike`` are sentences on what differs besides the numbers."""

    before: str
    after: str
    unlike: tuple[str, ...]
    changes: tuple[Judged, ...]
    """Of every metric that both have, each with its interval; those of the host are judged among themselves."""
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    def check_not_empty(self) -> None:
        """Raise NothingCompared where the runs have no metric in common."""
        if not self.changes:
            raise NothingCompared.without_common_metric(self.before, self.after)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "changes": [each.to_dict() for each in self.changes]}


def compare(before: Run, after: Run, rules: Rules | None = None) -> Comparison:
    """Every series that both runs have, matched by scenario, metric and subject id, in the order of ``after``."""
    found = paired(before, after)
    families = (judge(each, rules or Rules(), every_interval=True) for each in (found.machines, found.host))
    return Comparison(
        before=before.id,
        after=after.id,
        unlike=tuple(_unlike(before, after)),
        changes=tuple(each for family in families for each in family),
        only_before=tuple(map("/".join, found.only_before)),
        only_after=tuple(map("/".join, found.only_after)),
    )


def _unlike(before: Run, after: Run) -> list[str]:
    sentences = unlike_fingerprints(before, after)
    if before.run.profile != after.run.profile:
        sentences.append(f"the profiles differ: {before.run.profile}, then {after.run.profile}")
    sentences += [f"{run.id} was interrupted" for run in (before, after) if run.unfinished]
    return sentences
