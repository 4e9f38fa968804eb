"""What a guest computes, moves and switches in a second, beside what the host does: the same program, interleaved."""

from __future__ import annotations

import pytest

from harness.machines.compute import calibrate
from harness.machines.runner import SshRunner


@pytest.mark.needs("ssh")
@pytest.mark.workload("compute")
def test_compute(machine, native, measure, profile):
    """Integer, floating point, memory, system calls, context switches, processes; native and guest in turns."""
    machine.boot()
    guest = SshRunner.of(machine)
    each_ms = profile.compute_ms
    sides = [
        (calibrate(native, target_ms=each_ms), native, True),
        (calibrate(guest, target_ms=each_ms), guest, False),
    ]
    for number in measure.rounds(profile.compute_rounds):
        for plan, runner, is_native in measure.turns(number, *sides):
            for each in plan.once(runner):
                measure.record(each.kernel, each.value, unit=each.unit, better="higher", native=is_native)
