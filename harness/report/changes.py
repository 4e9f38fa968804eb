"""A trend with what changed in it: its level, by :mod:`harness.measure.change_points`, and what was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.measure.change_points import ChangePoint, change_points
from harness.report.units import quantity, significant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.results.history import Point, Trend


@dataclass(frozen=True, slots=True)
class History:
    """``changes``: of the level. ``unlike``: index of a point → what differs there from the point before it."""

    trend: Trend
    changes: tuple[ChangePoint, ...]
    unlike: dict[int, str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON; a change names its run."""
        points = self.trend.points
        changes = [{"run": points[change.at].run, **asdict(change)} for change in self.changes]
        unlike = [{"run": points[at].run, "at": at, "what": what} for at, what in self.unlike.items()]
        return {**asdict(self.trend), "changes": changes, "unlike": unlike}


def with_changes(trend: Trend) -> History:
    """Find them. Raises ToolMissing without ruptures."""
    found = change_points([point.median for point in trend.points])
    unlike = {
        at: _differences(old, new)
        for at, (old, new) in enumerate(pairwise(trend.points), start=1)
        if old.subject_fingerprint != new.subject_fingerprint
    }
    return History(trend, tuple(found), unlike)


def sentence(change: ChangePoint, run: str, unit: str, better: str) -> str:
    """ "worse by 5.2 % from RUN on: 5.90 s became 6.21 s (p = 0.001)"."""
    word = "better" if (change.after > change.before) == (better == "higher") else "worse"
    share = f" by {significant(abs(change.after / change.before - 1) * 100, 2)} %" if change.before else ""
    medians = f"{quantity(change.before, unit)} became {quantity(change.after, unit)}"
    return f"{word}{share} from {run} on: {medians} (p = {change.p:.2g})"


def levels(changes: Sequence[ChangePoint], end: int) -> list[tuple[int, int, float]]:
    """(first index, index after the last, median) of each stretch of 0 … ``end`` between changes; none without one."""
    if not changes:
        return []
    ends = [0, *(change.at for change in changes), end]
    heights = [changes[0].before, *(change.after for change in changes)]
    return [(*ends_of, height) for ends_of, height in zip(pairwise(ends), heights, strict=True)]


def _differences(old: Point, new: Point) -> str:
    before = {"version": old.backend_version, **old.config}
    after = {"version": new.backend_version, **new.config}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    said = (f"{name} {before.get(name)!r} became {after.get(name)!r}"[:120] for name in names[:3])
    return ", ".join(said) or "its fingerprint differs"
