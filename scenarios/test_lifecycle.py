"""Pause, resume, reset, power down, kill: how long each takes, and that the guest's clock and counter obey."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil
import pytest

from harness.errors import CommandTimeout, GuestSilent
from harness.machines.model import Phase, State
from harness.plugin.skips import skip_scenario

SSH_MARGIN_S = 0.7
"""What reading the guest's clocks over SSH may add under emulation."""


class Clocks(NamedTuple):
    """What the guest says of itself."""

    counter: int
    uptime_s: float
    boot_id: str


def clocks(machine) -> Clocks:
    """The counter that the guest increments ten times a second, its uptime, and which boot this is."""
    files = "/run/counter /proc/uptime /proc/sys/kernel/random/boot_id"
    counter, uptime, boot_id = machine.ssh.run(f"cat {files}").text().splitlines()
    return Clocks(int(counter), float(uptime.split()[0]), boot_id)


@pytest.mark.needs("pause", "ssh")
def test_pause_and_resume(machine, measure, profile, capabilities):
    """While paused, a guest neither answers nor counts, and its clock stands still if the backend stops clocks."""
    machine.boot(until=Phase.FIRST_COMMAND)
    if machine.ssh.run("test -r /run/counter", check=False).status:
        skip_scenario("no-counter", "this guest counts nothing in /run/counter", "measure a reference guest")
    for _ in measure.rounds(profile.pause_rounds):
        before = clocks(machine)
        with measure.timed("pause"):
            machine.pause()
        paused = time.monotonic()
        machine.pause()  # pausing twice is fine
        with pytest.raises((CommandTimeout, GuestSilent)):
            machine.ssh.run("true", timeout_s=1)
        paused_s = time.monotonic() - paused
        with measure.timed("resume"):
            machine.resume()
        with measure.timed("resume-to-answer"):
            machine.ssh.run("true")
        machine.ssh.run("sleep 0.5")
        after = clocks(machine)
        awake_s = time.monotonic() - paused - paused_s
        assert after.boot_id == before.boot_id
        assert before.counter < after.counter < before.counter + 10 * (awake_s + SSH_MARGIN_S)
        if capabilities.pause_stops_clock:
            assert after.uptime_s - before.uptime_s < awake_s + SSH_MARGIN_S


@pytest.mark.needs("start", "reset", "powerdown", "ssh")
def test_reset_and_powerdown(machine_factory, measure, profile):
    """A reset is a new boot of the same machine; powered down, a guest ends its VMM by itself."""
    for _ in measure.rounds(profile.lifecycle_rounds):
        with machine_factory() as machine:
            machine.boot(until=Phase.FIRST_COMMAND)
            before = clocks(machine)
            asked_ns = time.monotonic_ns()
            machine.reset()
            ready = machine.wait_for(Phase.GUEST_READY, timeout_s=120)
            measure.record("reset-to-ready", (ready.at_ns - asked_ns) / 1e9, unit="s", better="lower")
            assert clocks(machine).boot_id != before.boot_id
            with measure.timed("powerdown"):
                machine.powerdown(timeout_s=60)
            assert machine.state is State.STOPPED


@pytest.mark.needs("start")
def test_kill(machine_factory, measure, profile):
    """A killed machine leaves no process behind."""
    for _ in measure.rounds(profile.lifecycle_rounds):
        with machine_factory() as machine:
            machine.boot(until=Phase.FIRST_CONSOLE)
            pids = machine.pids
            assert pids
            with measure.timed("kill"):
                machine.kill()
            assert not [pid for pid in pids if psutil.pid_exists(pid)]
