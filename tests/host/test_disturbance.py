"""Whose CPU time is whose: real processes that use it, ours and not ours."""

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from harness.host.disturbance import Disturbance, Reading, advice, between, read

SPIN = "import time; end = time.process_time() + {}; exec('while time.process_time() < end: pass')"


def spin(seconds: float) -> list[str]:
    return [sys.executable, "-c", SPIN.format(seconds)]


def test_what_a_child_used_is_ours_alive_and_ended():
    before = read()
    subprocess.run(spin(0.4), check=True)
    ended = read()
    assert 0.35 < ended.ours_s - before.ours_s < 2
    with subprocess.Popen([*spin(0.4)[:2], SPIN.format(0.4) + "; input()"], stdin=subprocess.PIPE) as child:
        while sum(psutil.Process(child.pid).cpu_times()[:2]) < 0.35:
            pass
        assert read().ours_s - ended.ours_s > 0.3
        child.kill()


def test_what_somebody_else_used_is_not_ours():
    """A process of another parent: it belongs to whoever adopts orphans. The one between is ours: it does no more than
    it must, and much less than the orphan."""
    orphan = (
        "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE);"
        "print(p.pid, flush=True); import os; os._exit(0)"
    )
    before = read()
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", orphan, *spin(3)], check=True, capture_output=True, text=True
    )
    with suppress(psutil.NoSuchProcess):  # it may have ended, and been taken leave of
        psutil.Process(int(said.stdout)).wait(30)
    after = read()
    assert after.ours_s - before.ours_s < 2
    assert after.busy_s - before.busy_s > 2.5
    assert between(before, after).others > 0


def test_shares_are_of_all_cores_and_never_negative():
    cores = psutil.cpu_count() or 1
    start = Reading(at_s=0, busy_s=100, stolen_s=5, ours_s=10)
    later = Reading(at_s=10, busy_s=100 + 4 * cores, stolen_s=5 + cores, ours_s=10 + 3 * cores)
    assert between(start, later) == Disturbance(others=pytest.approx(0.1), stolen=pytest.approx(0.1))
    assert between(start, later).score == pytest.approx(0.2)
    assert between(start, Reading(10, 100, 5, 10.02)) == Disturbance(0, 0)
    assert between(start, start).score == 0


def test_advice_names_who_it_was():
    assert advice(Disturbance(0.05, 0.04)) == ""
    assert "Other programs had 30% of this host" in advice(Disturbance(0.3, 0.1))
    assert "kept 40% of its CPU time" in advice(Disturbance(0.3, 0.4))
