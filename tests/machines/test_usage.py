"""What a machine costs its host, read where the system tells it."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time

import pytest

from harness.machines.model import Phase
from harness.machines.usage import guest_memory_bytes, usage, wake_ups

MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it in /proc")


@linux
def test_a_guests_memory_is_what_its_host_holds_of_it() -> None:
    """A mapping of a size that nothing else here has, a quarter of it written to."""
    size = 37 * MIB
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for page in range(0, size // 4, mmap.PAGESIZE):
            memory[page] = 1
        assert guest_memory_bytes([os.getpid()], size) == size // 4 // mmap.PAGESIZE * mmap.PAGESIZE
        assert guest_memory_bytes([os.getpid()], size - MIB) is None


@linux
def test_wake_ups_count_those_of_every_thread() -> None:
    program = """if True:
        import sys, threading, time
        def doze():
            for _ in range(100):
                time.sleep(0.001)
            print("dozed", flush=True)
            sys.stdin.read()
        threading.Thread(target=doze).start()
    """
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as dozer:
        assert dozer.stdout.readline() == "dozed\n"
        assert wake_ups([dozer.pid]) >= 100
        dozer.stdin.close()


def test_a_process_that_has_ended_costs_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert (usage([ended.pid]).cpu_s, usage([ended.pid]).memory_bytes) == (0, 0)
    assert guest_memory_bytes([ended.pid], MIB) is None
    assert wake_ups([ended.pid]) in (0, None)


@linux
@pytest.mark.guest_boot
def test_of_a_real_machine_most_is_not_its_guests(sector) -> None:
    machine = sector(ready="hello from", memory_mib=64)
    machine.boot(until=Phase.GUEST_READY, timeout_s=300)
    guests = guest_memory_bytes(machine.pids, machine.spec.memory_bytes)
    assert guests is not None
    assert 0 < guests <= 64 * MIB
    assert usage(machine.pids).memory_bytes > guests


@linux
def test_processor_time_is_told_to_less_than_a_tick() -> None:
    """A hundredth of a second is more than an idle program's whole second."""
    before_s = time.process_time()
    told_s = usage([os.getpid()]).cpu_s
    children_s = sum(os.times()[2:4])
    assert before_s <= told_s - children_s <= time.process_time()
    assert told_s * 100 % 1 != 0
