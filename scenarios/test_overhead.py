"""What the host's processors do for the same work, in a guest and without one: CPU overhead as a share of native."""

from __future__ import annotations

import pytest

from harness.machines.overhead import OVERHEADS, Load, TimedRunner
from harness.machines.runner import SshRunner
from harness.machines.usage import usage

BOOT_TIMEOUT_S = 300
CPU_TIME = "the host's CPU time for a million of what the kernel of the workload compute counts"


@pytest.mark.needs("ssh")
@pytest.mark.profile("overhead_rounds")
@pytest.mark.workload("compute")
def test_overhead(machine, native, measure, profile):
    """The host's CPU time for the same work, native and in a guest in turns: how much the guest adds."""
    machine.boot(timeout_s=BOOT_TIMEOUT_S)
    host = TimedRunner(native)
    sides = [
        (Load.of(host, lambda: host.cpu_s), True),
        (Load.of(SshRunner.of(machine), lambda: usage(machine.pids).cpu_s), False),
    ]
    for number in measure.rounds(profile.overhead_rounds):
        for load, is_native in measure.turns(number, *sides):
            for kernel, cpu_s in load.once():
                measure.record(
                    f"{kernel}/cpu-time", cpu_s, unit="s", better="lower", native=is_native,
                    targets=OVERHEADS, definition=CPU_TIME,
                )  # fmt: skip
