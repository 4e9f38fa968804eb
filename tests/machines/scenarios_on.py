"""Scenarios, as a bench runs them, on a machine that a test has; what they record goes nowhere."""

import runpy
from pathlib import Path
from types import SimpleNamespace

from harness.machines.model import State
from harness.plugin.measure import Measure

PATIENCE_S = 300
SSH_PATIENCE_S = 30
SCENARIOS = Path(__file__).parents[2] / "scenarios"
ONCE = SimpleNamespace(boots=1, pause_rounds=1, lifecycle_rounds=1)


class Kept:
    """A machine that several scenarios boot once, with patience, and none of them ends."""

    def __init__(self, machine):
        self.machine = machine

    def boot(self, until):
        if self.machine.state is State.DEFINED:
            self.machine.boot(until, timeout_s=PATIENCE_S)
        return self.machine.timeline

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def __getattr__(self, name):
        return getattr(self.machine, name)


def boots_and_pauses_as_measured(machine, capabilities):
    """The scenarios boot and lifecycle, of one round each; the metrics that they record."""
    said = []
    kept = Kept(machine)
    measure = Measure("scenario", {}, {}, None, said.append)
    scenario("test_boot", "test_boot")(lambda: kept, machine.spec.guest, measure, ONCE)
    scenario("test_lifecycle", "test_pause_and_resume")(kept, measure, ONCE, capabilities)
    measure.check_not_empty()
    return {record["metric"] for record in said if "metric" in record}


def scenario(file, name):
    found = runpy.run_path(str(SCENARIOS / f"{file}.py"))[name]
    if "SSH_MARGIN_S" in found.__globals__:
        found.__globals__["SSH_MARGIN_S"] = SSH_PATIENCE_S
    return found
