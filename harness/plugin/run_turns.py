"""Runs scenarios in turns: in each turn the whole scenario with one of its rounds, on a machine of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from _pytest.runner import pytest_runtest_teardown, runtestprotocol  # no public way to run an item twice

from harness.plugin.keys import TURN, scenario_name
from harness.plugin.turn import Turn, precision_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.plugin.session import Session

Order = tuple[int, ...]
"""Of the items of one turn: their indices."""


def run_in_turns(session: Session, items: Sequence[pytest.Item], orders: Iterable[Order]) -> None:
    """Turn after turn, until the items have the rounds that they ask for and their medians are known; ``orders`` has no
    end. When one of them fails or skips, the others still have their part of that turn, and that was the last.
    """
    profile = session.profile
    known = tuple(precision_of(profile) for _ in items)
    started, number, rounds, further = time.monotonic(), 0, 1, False
    for order in orders:
        session.watcher.rounds(number, max(rounds, number + 1))
        turns = [Turn(number, precision, further) for precision in known]
        whole = _one_turn(items, turns, order)
        rounds, number = max(turn.rounds for turn in turns), number + 1
        if not whole or items[0].session.shouldfail or items[0].session.shouldstop:
            return
        further = number >= rounds
        spent = time.monotonic() - started > len(items) * profile.budget_s
        if further and (spent or not any(each and each.missed() for each in known)):
            break
    for precision in known:
        for note in precision.notes(scenario_name(items[0])) if precision else ():
            session.record(note)


def tear_down(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Everything that the next scenario does not share; what breaks is this one's failure."""
    call: pytest.CallInfo[Any] = pytest.CallInfo.from_call(
        lambda: pytest_runtest_teardown(item, nextitem),
        when="teardown",
        reraise=(KeyboardInterrupt, pytest.exit.Exception),
    )
    if call.excinfo is not None:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        item.ihook.pytest_runtest_logreport(report=report)


def _one_turn(items: Sequence[pytest.Item], turns: Sequence[Turn], order: Order) -> bool:
    """Run each once; whether all did what they should."""
    whole = True
    for place in order:
        item = items[place]
        item.stash[TURN] = turns[place]
        # What the item shares with others of its file stays; were it itself the next, its machine would stay as well.
        stays = cast("pytest.Item", item.parent)
        reports = runtestprotocol(item, nextitem=stays, log=True)
        whole = whole and all(report.passed for report in reports)
    return whole
