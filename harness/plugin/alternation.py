"""Runs every scenario on two subjects in turns, one round at a time, in an order that is drawn.

A turn is the whole scenario on each subject, with one of its rounds: so what a machine is by chance from boot to boot
is in the samples of both, and a drift of the host meets both alike. A scenario that counts no rounds is measured once.
When one side fails or skips, the other still has its part of that turn, and then the scenario ends.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import pytest_runtest_teardown, runtestprotocol  # no public way to run an item twice

from harness.errors import UsageError
from harness.measure.order import drawn_order
from harness.plugin.keys import SESSION, TURN, is_scenario, scenario_name, subject_of
from harness.plugin.outcome import subject_told
from harness.plugin.sides import Sides, plan_sides
from harness.plugin.turn import Precision, Turn, precision_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.plugin.session import Session

Pair = tuple[pytest.Item, pytest.Item]
"""The same scenario on A and on B."""


class Alternation:
    """A pytest plugin; ``seed`` is that of the order."""

    def __init__(self, sides: Sides, seed: int) -> None:
        self.sides = sides
        self.seed = seed
        self._session: Session
        self._partners: dict[str, pytest.Item] = {}
        """Node id of a scenario on A → the same on B, which follows it in pytest's own loop."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Have the session plan two sides."""
        if SESSION in config.stash:
            self._session = config.stash[SESSION]
            self._session.planner = partial(plan_sides, sides=self.sides)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Once everything is built, tell the run what is compared, and put each scenario of B after that of A."""
        if session.config.getoption("collectonly"):
            return (yield)
        scenarios = [item for item in session.items if is_scenario(item)]
        on_b = {_key(item): item for item in scenarios if subject_of(item).side == "B"}
        on_a = [item for item in scenarios if subject_of(item).side == "A"]
        alone = {_key(item) for item in on_a} ^ set(on_b)
        if alone:
            raise UsageError(
                f"{scenario_name(next(item for item in scenarios if _key(item) in alone))} is chosen on one side only",
                fix="choose scenarios with -k, and sides with --a and --b",
            )
        self._partners = {item.nodeid: on_b[_key(item)] for item in on_a}
        if scenarios:
            told = (
                f"A against B in turns, in an order drawn with the seed {self.seed}: {self.sides.in_words()}."
            )
            self._session.recorder.notice(told)
            for item in (*on_a, *on_b.values()):  # A is the first in every table, whoever goes first
                self._session.record({"say": "subject", "subject": subject_told(item)})
        others = [item for item in session.items if not is_scenario(item)]
        for item in [each for each in others if "subject" in getattr(each, "fixturenames", ())]:
            self._leave_out(item)
            others.remove(item)
        session.items[:] = [*others, *(item for a in on_a for item in (a, on_b[_key(a)]))]
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a scenario of A and its partner of B in turns; when pytest comes to the partner, nothing is left to do.

        Each turn ended as if the other side were next, so what they share is torn down then.
        """
        if not is_scenario(item):
            return None
        if partner := self._partners.get(item.nodeid):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            self._run((item, partner))
        else:
            _tear_down(item, nextitem)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _leave_out(self, item: pytest.Item) -> None:
        self._session.recorder.skip(
            scenario_name(item),
            code="one-guest",
            reason="it is of one guest, and the sides differ in theirs",
            fix="compare the sides with the guest of this scenario on both",
        )

    def _run(self, pair: Pair) -> None:
        profile = self._session.profile
        known = tuple(precision_of(profile) for _ in pair)
        started, number, rounds, further = time.monotonic(), 0, 1, False
        for a_first in drawn_order(f"{self.seed} {_key(pair[0])}"):
            self._session.watcher.rounds(number, max(rounds, number + 1))
            turns = tuple(Turn(number, precision, further) for precision in known)
            whole = _one_turn(pair, turns, a_first=a_first)
            rounds, number = max(turn.rounds for turn in turns), number + 1
            if not whole or pair[0].session.shouldfail or pair[0].session.shouldstop:
                return
            further = number >= rounds
            spent = time.monotonic() - started > 2 * profile.budget_s
            if further and (spent or not any(each and each.missed() for each in known)):
                break
        for precision in known:
            self._say_missed(precision, pair[0])

    def _say_missed(self, precision: Precision | None, item: pytest.Item) -> None:
        for note in precision.notes(scenario_name(item)) if precision else ():
            self._session.record(note)


def _one_turn(pair: Pair, turns: tuple[Turn, ...], *, a_first: bool) -> bool:
    """Run each side once; whether both did what they should."""
    sides = list(zip(pair, turns, pair[::-1], strict=True))
    whole = True
    for item, turn, other in sides if a_first else sides[::-1]:
        item.stash[TURN] = turn
        reports = runtestprotocol(item, nextitem=other, log=True)
        whole = whole and all(report.passed for report in reports)
    return whole


def _tear_down(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Everything that the next scenario does not share; what breaks is this one's failure."""
    call: pytest.CallInfo[Any] = pytest.CallInfo.from_call(
        lambda: pytest_runtest_teardown(item, nextitem),
        when="teardown",
        reraise=(KeyboardInterrupt, pytest.exit.Exception),
    )
    if call.excinfo is not None:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        item.ihook.pytest_runtest_logreport(report=report)


def _key(item: pytest.Item) -> str:
    """The same for a scenario on both sides: its file, its name, and its parameters but for the subject."""
    parameters: Any = getattr(item, "callspec", None)
    others = {name: repr(value) for name, value in parameters.params.items() if name != "subject"}
    pair = subject_of(item).pair
    return f"{item.path.name}::{getattr(item, 'originalname', item.name)}[{pair}]{others or ''}"
