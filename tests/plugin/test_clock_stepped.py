"""The host's clock is set back and forth while a bench measures: nothing but the date of its start comes from it."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import replace

import pytest

from harness.guests.toolchain import find_compiler
from harness.results.folder import read_run

NUMBERS = {"x86_64": 228, "aarch64": 113}
"""Of the system call clock_gettime."""
CLOCK = """
struct timespec { long s, ns; };
long syscall(long number, ...);
long clock_step_s;
int clock_gettime(int clock, struct timespec *now)
{
    long failed = syscall(NUMBER, clock, now);
    if (!failed && clock == 0 /* CLOCK_REALTIME */)
        now->s += clock_step_s;
    return (int)failed;
}
"""
SCENARIO = """
import ctypes, time
from harness.machines.model import Phase

def test_steps(machine, measure):
    step = ctypes.c_long.in_dll(ctypes.CDLL(None), "clock_step_s")
    with measure.timed("work"):
        before = time.time()
        step.value = -10 * 86400
        assert time.time() < before
    timeline = machine.boot(until=Phase.VMM_READY)
    measure.record("start", timeline.seconds(Phase.VMM_READY), unit="s", better="lower")
    step.value = 86400
    with measure.timed("work"):
        step.value = -86400
"""
LONG_S = 3600


@pytest.fixture
def clock(tmp_path):
    """A library that a program is started with, and that sets the clock for it alone."""
    if sys.platform != "linux" or platform.machine() not in NUMBERS:
        pytest.skip("LD_PRELOAD, and Linux's numbers of system calls")
    (tmp_path / "clock.c").write_text(CLOCK.replace("NUMBER", str(NUMBERS[platform.machine()])))
    argv = [
        find_compiler().program,
        "cc",
        "-shared",
        "-fPIC",
        "-nostdlib",
        "-O1",
        "clock.c",
        "-o",
        "clock.so",
    ]
    subprocess.run(argv, cwd=tmp_path, check=True)
    return tmp_path / "clock.so"


@pytest.mark.guest_boot
def test_times_are_right_whatever_the_clock_says(bench, clock) -> None:
    stepped = replace(bench, environment=bench.environment | {"LD_PRELOAD": str(clock)})
    done = stepped.run(stepped.scenario(SCENARIO), "--backend", "tcg", timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    run = read_run(bench.folder / "reports" / "latest")
    assert 0 < (run.run.finished - run.started).total_seconds() < LONG_S
    assert {series.metric: len(series.samples) for series in run.series} == {"work": 2, "start": 1}
    for series in run.series:
        assert all(0 < sample < LONG_S for sample in series.samples)
        assert list(series.times) == sorted(series.times)
        assert all(0 <= at_s < LONG_S for at_s in series.times)
