"""The CPU time of work on the host, as a shell tells it: it is what the work itself counts."""

from __future__ import annotations

import shutil
import sys

import pytest

from harness.errors import CommandFailed
from harness.machines.native.runner import NativeRunner
from harness.machines.overhead import KERNELS, Load, TimedRunner

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")
PATIENCE_S = 300
WORK_S = 0.5
WORK = f"import time\nwhile time.process_time() < {WORK_S}: pass\nprint(time.process_time())"


def test_the_time_is_what_the_program_itself_counts():
    host = TimedRunner(NativeRunner())
    counted_s = host.run([sys.executable, "-S", "-c", WORK], timeout_s=PATIENCE_S).number()
    assert counted_s - 0.1 <= host.cpu_s < 2 * counted_s + 1
    before = host.cpu_s
    assert host.run(["sh", "-c", "exit 3"], timeout_s=PATIENCE_S, check=False).status == 3
    assert before <= host.cpu_s < before + WORK_S
    with pytest.raises(CommandFailed):
        host.run(["false"], timeout_s=PATIENCE_S)


def test_every_kernel_costs_something():
    host = TimedRunner(NativeRunner())
    costs = dict(Load.of(host, lambda: host.cpu_s).once())
    assert set(costs) == set(KERNELS)
    assert all(cost > 0 for cost in costs.values())
