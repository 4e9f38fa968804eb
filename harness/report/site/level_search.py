"""The changes of lines' levels, found beside everything else: what finds them takes a second to import."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.errors import ToolMissing
from harness.host.apart import Apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.measure.change_points import ChangePoint
    from harness.report.site.trends import Line

    Found = list[list[ChangePoint]]
    Search = Callable[[Sequence[Sequence[Line]]], list[Found]]
    """Lines of trends → the changes of each line's level, none where what finds them is not installed."""


class LevelSearch:
    """In a process of its own (:mod:`harness.host.apart`), or in this one."""

    def __init__(self) -> None:
        with suppress(ModuleNotFoundError):
            import ruptures  # noqa: F401, PLC0415 - while others are at work

    def find(self, histories: Sequence[Sequence[float]]) -> Found:
        """The changes of each; none without ruptures: `history` says what to install."""
        from harness.measure.change_points import change_points  # noqa: PLC0415

        try:
            return [change_points(history) for history in histories]
        except ToolMissing:
            return [[] for _ in histories]


@contextmanager
def level_search(*, much: bool) -> Iterator[Search]:
    """Search as asked; where there is ``much`` to do, in a process that starts now."""
    if not much or sys.platform == "win32":
        yield lambda trends: _searched(trends, lambda histories: LevelSearch().find(histories))
        return
    with Apart(LevelSearch, "search for changes of level") as apart:
        yield lambda trends: _searched(trends, lambda histories: apart.call(LevelSearch.find, histories))


def _searched(
    trends: Sequence[Sequence[Line]], find: Callable[[Sequence[Sequence[float]]], Found]
) -> list[Found]:
    lines = [line for each in trends for line in each]
    found = iter(find([line.newest() for line in lines]) if lines else [])
    return [[line.placed(next(found)) for line in each] for each in trends]
