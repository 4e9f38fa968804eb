"""Machines that start together wait for each other's memory and boots, and for nothing else; all get ready."""

from __future__ import annotations

import runpy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.machines import budget
from harness.machines.budget import BEYOND_BYTES, Budget
from harness.machines.model import Phase, State

MIB = 1 << 20
PATIENCE_S = 300


@pytest.fixture
def small():
    """Room for two machines of 32 MiB, and one boot at a time; ``notes`` are what it told."""
    room = Budget(2 * (32 * MIB + BEYOND_BYTES), 1)
    room.notes = []
    room.waits = threading.Event()

    def tell(note):
        room.notes.append(note)
        room.waits.set()

    room.tell = tell
    return room


def test_one_may_always_start_however_large_and_who_has_one_is_not_made_to_wait(small) -> None:
    with small.memory("large", 1 << 50), small.memory("second", 32 * MIB), small.boot("large"):
        assert small.notes == []


def test_who_has_none_waits_until_there_is_room(small) -> None:
    with ThreadPoolExecutor(1) as others:
        with small.memory("first", 32 * MIB), small.memory("second", 32 * MIB):
            third = others.submit(lambda: small.memory("third", 32 * MIB).__enter__())
            assert small.waits.wait(PATIENCE_S)
            assert not third.done()
        third.result(PATIENCE_S)
    assert small.notes == ["third waits for memory: 2 machines have theirs"]


def test_boots_are_one_after_the_other(small) -> None:
    going_on, most = [], []

    def boot(name):
        with small.boot(name):
            going_on.append(name)
            most.append(len(going_on))
            going_on.remove(name)

    with ThreadPoolExecutor(8) as others:
        with small.boot("first"):
            boots = [others.submit(boot, str(number)) for number in range(8)]
            assert small.waits.wait(PATIENCE_S)
            assert most == []
        for each in boots:
            each.result(PATIENCE_S)
    assert most == [1] * 8


def test_a_process_has_one_even_where_threads_ask_for_it_together() -> None:
    """As those do that start twenty machines at once; in a module that nobody has asked yet."""
    of_host = runpy.run_path(budget.__file__)["of_host"]
    asking = threading.Barrier(20)

    def ask(_):
        asking.wait(PATIENCE_S)
        return of_host()

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(ask, range(20)))) == 1


@pytest.mark.guest_boot
def test_real_machines_that_start_together_all_get_ready(sector, small, monkeypatch) -> None:
    """Two hold the host's memory until another waits for it."""
    monkeypatch.setattr("harness.machines.vmm_machine.of_host", lambda: small)
    machines = [sector(ready="hello from") for _ in range(4)]
    lock, alive, most = threading.Lock(), [], []
    no_room = threading.Event()
    small.tell = lambda note: no_room.set() if "memory" in note else None

    def live(machine):
        with machine:
            machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
            with lock:
                alive.append(machine)
                most.append(len(alive))
            assert no_room.wait(PATIENCE_S)
            assert machine.state is State.RUNNING
            with lock:
                alive.remove(machine)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(live, machine) for machine in machines]:
            done.result(2 * PATIENCE_S)
    assert len(most) == 4
    assert max(most) <= 2
