"""Gives every round of a scenario a machine of its own, in profiles that say so: ``machine_per_round``.

Where code and data of a VMM come to lie differs from start to start, and with it the speed of everything that runs in
it; no number of rounds on one machine averages that out. Runs that are to be compared repeat every level that varies,
the start of the program among them (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013).
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from harness.plugin.keys import is_scenario
from harness.plugin.run_turns import run_in_turns, tear_down

if TYPE_CHECKING:
    from harness.plugin.session import Session


class Anew:
    """A pytest plugin, of a session whose profile has ``machine_per_round``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @pytest.hookimpl
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a scenario once for each of its rounds."""
        if not is_scenario(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        run_in_turns(self._session, (item,), repeat((0,)))
        tear_down(item, nextitem)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
