"""What machines cost their host in memory: one at rest and at work, what comes back, and many beside each other."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import linear_regression

import pytest

from harness.host.memory import available_bytes
from harness.machines.free_pages import await_return, fill, free, held_bytes
from harness.machines.model import Phase
from harness.machines.usage import guest_memory_bytes, usage

pytestmark = pytest.mark.long
BOOT_TIMEOUT_S = 300
MIB = 1 << 20
WORK = "while :; do dd if=/dev/urandom of=/tmp/work bs=1M count=64; sha256sum /tmp/work; done"
SHARE = 0.75
"""Of what a guest frees: the rest is in pieces of less than 2 MiB, which Linux does not report."""
BESIDE = "from spawn to ready: the first machine alone, each further one beside all those before it, which are idle"
GROWTH = (
    "by how much a boot takes longer for each idle machine beside it: the least-squares slope of ready beside"
)
EACH = "PSS of all machines ÷ their number, after each boot"
DENSITY = (
    "idle machines that the host's memory has room for: what was available at first ÷ memory each at last"
)


def record(measure, machine, when):
    """PSS of every process of the machine, what of it is not the guest's, and what is not the VMM's."""
    pids = machine.pids
    total, guests = usage(pids).memory_bytes, guest_memory_bytes(pids, machine.spec.memory_bytes)
    measure.record(f"{when}-memory", total, unit="B", better="lower")
    if guests is not None:
        measure.record(f"{when}-beyond-guest", max(0, total - guests), unit="B", better="lower")
    if len(pids) > 1:
        measure.record(f"{when}-helpers", usage(pids[1:]).memory_bytes, unit="B", better="lower")


@pytest.mark.needs("ssh")
def test_cost(machine, measure, profile):
    """Second by second: a guest that rests, that works, and that rests again."""
    machine.boot(timeout_s=BOOT_TIMEOUT_S)
    for when in ("rested", "working", "afterwards"):
        worker = None
        if when == "working":
            worker = machine.ssh.run(f"({WORK}) >/dev/null 2>&1 </dev/null & echo $!").number()
        for _ in measure.rounds(profile.memory_seconds):
            time.sleep(1)
            record(measure, machine, when)
        if worker:
            machine.ssh.run(f"kill {worker:.0f}; sleep 1; rm -f /tmp/work", timeout_s=60)


@pytest.mark.guest("memory")
@pytest.mark.needs("balloon", "ssh")
def test_balloon(machine_factory, measure, profile):
    """Half of a guest's memory goes into a balloon, its host has that back, and the guest gets it again."""
    with machine_factory(extra=(("balloon", "on"),)) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        machine.ssh.run("modprobe virtio_balloon")
        whole = machine.balloon.guest_bytes
        half = whole // 2 // MIB * MIB
        for _ in measure.rounds(profile.memory_rounds):
            fill(machine, half * 3 // 4 // MIB)
            free(machine)
            held = held_bytes(machine)
            measure.record("inflate", machine.balloon.resize(half), unit="s", better="lower")
            measure.record("balloon-returned", held - held_bytes(machine), unit="B", better="higher")
            measure.record("deflate", machine.balloon.resize(whole), unit="s", better="lower")


@pytest.mark.guest("memory")
@pytest.mark.needs("balloon", "ssh")
def test_reporting(machine_factory, measure, profile):
    """What a guest frees, its host has back without asking (free page reporting)."""
    with machine_factory(extra=(("balloon", "reporting"),)) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        machine.ssh.run("modprobe virtio_balloon")
        mib = machine.spec.memory_bytes * 3 // 8 // MIB  # a tmpfs holds half
        for _ in measure.rounds(profile.memory_rounds):
            fill(machine, mib)
            held = held_bytes(machine)
            free(machine)
            took_s = await_return(machine, int(SHARE * mib * MIB), held=held)
            measure.record("reported-after", took_s, unit="s", better="lower")
            measure.record("reporting-returned", held - held_bytes(machine), unit="B", better="higher")


@pytest.mark.needs("start")
def test_density(machine_factory, measure, profile):
    """Machines beside each other until the host's memory is spoken for: how their boots grow, and what each costs."""
    free_bytes, each_bytes = available_bytes(), 0.0
    boots_s = []
    with ExitStack() as running:
        machines = []
        for number in measure.rounds(profile.density_machines):
            machine = running.enter_context(machine_factory())
            if machines and available_bytes() < machine.spec.memory_bytes * 2:
                measure.note("memory-each", f"{number} machines: the host has no memory left for another")
                break
            timeline = machine.boot(until=Phase.GUEST_READY, timeout_s=BOOT_TIMEOUT_S)
            machines.append(machine)
            boots_s.append(timeline.seconds(Phase.GUEST_READY))
            measure.record("ready-beside", boots_s[-1], unit="s", better="lower", definition=BESIDE)
            every = [pid for one in machines for pid in one.pids]
            each_bytes = usage(every).memory_bytes / len(machines)
            measure.record("memory-each", each_bytes, unit="B", better="lower", definition=EACH)
    if each_bytes:
        measure.record(
            "density", free_bytes // each_bytes, unit="machines", better="higher", definition=DENSITY
        )
    if len(boots_s) > 1:
        slope = linear_regression(range(len(boots_s)), boots_s).slope
        measure.record("ready-growth", slope, unit="s", better="lower", definition=GROWTH, signed=True)
