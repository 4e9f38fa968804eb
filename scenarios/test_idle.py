"""What a machine costs its host while its guest does nothing: CPU time, wake-ups, memory beyond the guest's."""

from __future__ import annotations

import time

import pytest

from harness.machines.usage import guest_memory_bytes, usage, wake_ups


@pytest.mark.profile("idle_seconds")
def test_idle(machine, measure, profile):
    """Second by second, once the guest has come to rest."""
    machine.boot()
    machine.ssh.run("sleep 3")
    pids = machine.pids
    for _ in measure.rounds(profile.idle_seconds):
        began, before, woken = time.monotonic(), usage(pids), wake_ups(pids)
        time.sleep(1)
        took_s, after = time.monotonic() - began, usage(pids)
        measure.record("cpu-per-second", (after.cpu_s - before.cpu_s) / took_s, unit="s", better="lower")
        if woken is not None:
            measure.record("wake-ups", (wake_ups(pids) - woken) / took_s, unit="wake-ups/s", better="lower")
        measure.record("memory", after.memory_bytes, unit="B", better="lower")
        guests = guest_memory_bytes(pids, machine.spec.memory_bytes)
        if guests is not None:
            measure.record("memory-beyond-guest", after.memory_bytes - guests, unit="B", better="lower")
