"""What one machine at rest costs the harness, its VMM not counted: threads, memory, and processor time."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack

import psutil

from harness.guests import catalogue
from harness.guests.model import Arch
from harness.machines.model import MachineSpec
from harness.machines.qemu.backend import QemuBackend
from tests.selfbench.result import Result

MACHINES = 3
MOST_THREADS = 3
MOST_MB = 5.0
MOST_CPU_PERCENT = 0.5
"""Of one core."""
RESTS_S = 10
IDLE_S = 30


def run() -> Result:
    """``MACHINES`` tiny guests that were logged into, beside the harness with one that came before and is gone: what
    is loaded once is no machine's. The value is the fullest of the three shares of their limits."""
    image = catalogue.ensure_built("tiny", Arch.X86_64)
    backend, me = QemuBackend("tcg"), psutil.Process()
    with backend.machine(MachineSpec(image)) as first:
        first.boot(timeout_s=600)
    gc.collect()
    threads, memory = me.num_threads(), me.memory_full_info().uss
    with ExitStack() as running:
        for _ in range(MACHINES):
            running.enter_context(backend.machine(MachineSpec(image))).boot(timeout_s=600)
        time.sleep(RESTS_S)
        gc.collect()
        each = {
            "threads": (me.num_threads() - threads) / MACHINES,
            "memory_mb": (me.memory_full_info().uss - memory) / 1e6 / MACHINES,
        }
        began, before = time.monotonic(), sum(me.cpu_times()[:2])
        time.sleep(IDLE_S)
        used_s = sum(me.cpu_times()[:2]) - before
        each["cpu_percent"] = 100 * used_s / (time.monotonic() - began) / MACHINES
    limits = {"threads": MOST_THREADS, "memory_mb": MOST_MB, "cpu_percent": MOST_CPU_PERCENT}
    share = max(each[name] / limit for name, limit in limits.items())
    detail = {name: round(value, 3) for name, value in each.items()} | {
        "limits": limits,
        "machines": MACHINES,
    }
    return Result("machine_cost", share, "of the limit", 1.0, detail)
