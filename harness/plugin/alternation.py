"""Runs every scenario on two subjects in turns, one round at a time, in an order that is drawn.

A turn is the whole scenario on each subject, with one of its rounds: so what a machine is by chance from boot to boot
is in the samples of both, and a drift of the host meets both alike. A scenario that counts no rounds is measured once.
When one side fails or skips, the other still has its part of that turn, and then the scenario ends.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.measure.order import drawn_order
from harness.plugin.again import again
from harness.plugin.keys import SESSION, is_scenario, scenario_name, subject_of
from harness.plugin.outcome import subject_told
from harness.plugin.run_turns import run_in_turns, tear_down
from harness.plugin.sides import Sides, plan_sides

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.plugin.session import Session


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
        """Have the session plan two sides, and tell how to measure them again."""
        if SESSION in config.stash:
            self._session = config.stash[SESSION]
            self._session.planner = partial(plan_sides, sides=self.sides)
            self._session.command = again(config, self._session.config, sides=self.sides, seed=self.seed)

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
            drawn = drawn_order(f"{self.seed} {_key(item)}")
            run_in_turns(self._session, (item, partner), ((0, 1) if a_first else (1, 0) for a_first in drawn))
        else:
            tear_down(item, nextitem)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _leave_out(self, item: pytest.Item) -> None:
        self._session.recorder.skip(
            scenario_name(item),
            code="one-guest",
            reason="it is of one guest, and the sides differ in theirs",
            fix="compare the sides with the guest of this scenario on both",
        )


def _key(item: pytest.Item) -> str:
    """The same for a scenario on both sides: its file, its name, and its parameters but for the subject."""
    parameters: Any = getattr(item, "callspec", None)
    others = {name: repr(value) for name, value in parameters.params.items() if name != "subject"}
    pair = subject_of(item).pair
    return f"{item.path.name}::{getattr(item, 'originalname', item.name)}[{pair}]{others or ''}"
