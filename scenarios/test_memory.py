"""What machines cost their host in memory: one at rest and at work, what comes back, and many beside each other."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import linear_regression, median

import pytest

from harness.host.memory import available_bytes
from harness.machines.free_pages import await_return, fill, free, held_bytes
from harness.machines.model import Phase
from harness.machines.usage import guest_memory_bytes, usage

pytestmark = pytest.mark.long
BOOT_TIMEOUT_S = 300
MIB = 1 << 20
WORK = "dd if=/dev/urandom of=/tmp/work bs=1M count=64; sha256sum /tmp/work"
SHARE = 0.75
"""Of what a guest frees: the rest is in pieces of less than 2 MiB, which Linux does not report."""
BESIDE = "from spawn to ready: the first machine alone, each further one beside all those before it, which are idle"
GROWTH = (
    "by how much a boot takes longer for each idle machine beside it: the least-squares slope of ready beside, "
    "without the first boot, which may be the only cold one"
)
FEWEST_FOR_GROWTH = 4
EACH = "PSS of each machine's processes while all are idle beside each other"
MEMORY = "PSS of every process of the machine, once a second"
BEYOND = "the PSS without what the VMM holds of its guest's memory: the VMM itself and its helpers"
HELPERS = "the PSS of the machine's processes besides the VMM"
INFLATE = "until the balloon has half of the guest's memory, 3/4 of which the guest had used and freed"
DEFLATE = "until the guest has all of its memory again"
RETURNED = "how much less of the guest's memory the host holds then"
REPORTED = "from the guest's freeing 3/8 of its memory until the host has 3/4 of that back"
DENSITY = "idle machines that the host's memory has room for: what was available at first ÷ the median of memory each"


def record(measure, machine, when):
    """PSS of every process of the machine, what of it is not the guest's, and what is not the VMM's."""
    pids = machine.pids
    total, guests = usage(pids).memory_bytes, guest_memory_bytes(pids, machine.spec.memory_bytes)
    found = [(f"{when}-memory", total, MEMORY)]
    if guests is not None:
        found.append((f"{when}-beyond-guest", max(0, total - guests), BEYOND))
    if len(pids) > 1:
        found.append((f"{when}-helpers", usage(pids[1:]).memory_bytes, HELPERS))
    for metric, value, definition in found:
        measure.record(metric, value, unit="B", better="lower", definition=definition)


@pytest.mark.needs("ssh")
def test_cost(machine, measure, profile):
    """Second by second: a guest that rests, that works, and that rests again."""
    machine.boot(timeout_s=BOOT_TIMEOUT_S)
    for when in ("rested", "working", "afterwards"):
        worker = None
        if when == "working":
            machine.ssh.run(WORK, timeout_s=BOOT_TIMEOUT_S)  # once, so that the first second is one of work
            working = f"(while :; do {WORK}; done) >/dev/null 2>&1 </dev/null & echo $!"
            worker = machine.ssh.run(working).number()
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
            took_s = machine.balloon.resize(half)
            measure.record("inflate", took_s, unit="s", better="lower", definition=INFLATE)
            returned = held - held_bytes(machine)
            measure.record("balloon-returned", returned, unit="B", better="higher", definition=RETURNED)
            took_s = machine.balloon.resize(whole)
            measure.record("deflate", took_s, unit="s", better="lower", definition=DEFLATE)


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
            measure.record("reported-after", took_s, unit="s", better="lower", definition=REPORTED)
            returned = held - held_bytes(machine)
            measure.record("reporting-returned", returned, unit="B", better="higher", definition=RETURNED)


@pytest.mark.needs("start")
def test_density(machine_factory, measure, profile):
    """Machines beside each other until the host's memory is spoken for: how their boots grow, and what each costs."""
    free_bytes = available_bytes()
    boots_s, each_bytes = [], []
    with ExitStack() as running:
        machines = []
        for number in measure.steps(profile.density_machines):
            machine = running.enter_context(machine_factory())
            if machines and available_bytes() < machine.spec.memory_bytes * 2:
                measure.note("ready-beside", f"{number} machines: the host has no memory left for another")
                break
            timeline = machine.boot(until=Phase.GUEST_READY, timeout_s=BOOT_TIMEOUT_S)
            machines.append(machine)
            boots_s.append(timeline.seconds(Phase.GUEST_READY))
            measure.record("ready-beside", boots_s[-1], unit="s", better="lower", definition=BESIDE)
        for machine in machines:
            each_bytes.append(usage(machine.pids).memory_bytes)
            measure.record("memory-each", each_bytes[-1], unit="B", better="lower", definition=EACH)
    if each_bytes and all(each_bytes):
        density = free_bytes // median(each_bytes)
        measure.record("density", density, unit="machines", better="higher", definition=DENSITY)
    if len(boots_s) >= FEWEST_FOR_GROWTH:
        slope = linear_regression(range(1, len(boots_s)), boots_s[1:]).slope
        measure.record("ready-growth", slope, unit="s", better="lower", definition=GROWTH, signed=True)
