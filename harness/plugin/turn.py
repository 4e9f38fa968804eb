"""One turn of a scenario that is run in turns, and what is known of its medians so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config.model import Profile
    from harness.measure.adaptive import Goal
    from harness.plugin.record import Record


@dataclass(slots=True)
class Kept:
    """What was observed of one metric on one subject until now; ``subject`` are its facts."""

    metric: str
    subject: dict[str, Any]
    observed: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Precision:
    """How well every median of a scenario is known, beside how well it is to be."""

    goal: Goal
    _kept: dict[tuple[str, str], Kept] = field(default_factory=dict, init=False)

    def take(self, record: Record) -> None:
        """Keep what one record says: the median of its samples, which are one observation."""
        if not record["values"]:
            return
        about = record["subject"]
        name = "-".join(str(about.get(part)) for part in ("backend", "arch", "guest", "variant"))
        kept = self._kept.setdefault((record["metric"], name), Kept(record["metric"], about))
        kept.observed.append(median(record["values"]))

    def missed(self) -> list[tuple[Kept, float]]:
        """What is not known well enough yet, and how well it is: half the interval ÷ the median."""
        reached = ((kept, self.goal.reached(kept.observed)) for kept in self._kept.values())
        return [(kept, precision) for kept, precision in reached if precision > self.goal.precision]

    def notes(self, scenario: str) -> Iterator[Record]:
        """What to say of each metric that stayed behind."""
        for kept, precision in self.missed():
            known = f"only to ±{precision:.1%}" if precision < float("inf") else "hardly"
            text = f"Known {known} after {self.goal.budget_s:g} s; ±{self.goal.precision:.1%} was asked for."
            yield {
                "say": "note",
                "scenario": scenario,
                "metric": kept.metric,
                "subject": kept.subject,
                "text": text,
            }


def precision_of(profile: Profile) -> Precision | None:
    """What the profile asks for; most ask for nothing."""
    if profile.precision is None:
        return None
    from harness.measure.adaptive import Goal  # noqa: PLC0415 - only where rounds adapt

    return Precision(Goal(profile.precision, profile.budget_s))


@dataclass(slots=True)
class Turn:
    """A scenario that is run in turns does one of its rounds in each: round ``number``, of 0, 1, …"""

    number: int
    precision: Precision | None = None
    """Shared by all turns of a subject."""
    further: bool = False
    """A turn beyond the rounds that the scenario asks for, as its medians are not known well enough yet."""
    rounds: int = 1
    """How many the scenario asks for, once it has; one that counts none is measured once."""

    def round_of(self, total: int) -> Iterator[int]:
        """The one round of this turn, of ``total``."""
        self.rounds = max(self.rounds, total)
        if self.number < total or self.further:
            yield self.number
