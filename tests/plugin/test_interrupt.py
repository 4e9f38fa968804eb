"""Ctrl-C and kill -9 in the middle of a bench: nothing is left running, what was measured is kept."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.results.store import Store

SCENARIO = """
def test_endless(machine, measure):
    machine.boot()
    measure.record('before', 1, unit='s', better='lower')
    print('ready', machine.pids, flush=True)
    machine.console.wait_for('this never comes', timeout_s=600)
"""


@pytest.fixture
def running(tmpdir_of_children, bench):
    """A bench whose guest runs, and its QEMU."""
    given = ("--backend", "tcg", "--reports", "reports/mine", "--store", f"sqlite:///{bench.folder}/mine.db")
    with bench.running(bench.scenario(SCENARIO), *given) as both:
        yield both


@pytest.mark.guest_boot
def test_ctrl_c_ends_it_and_keeps_the_samples(bench, running) -> None:
    process, qemu = running
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130, out + error
    assert not qemu.is_running()
    assert "Traceback" not in out + error
    said = shlex.split(out.partition("what was measured is kept: ")[2])
    assert said[:2] == ["visorbench", "report"]
    program = str(Path(sys.executable).with_name("visorbench"))
    subprocess.run(
        [program, *said[1:]], env=bench.environment, cwd=bench.folder, check=True, capture_output=True
    )
    run = next((bench.folder / "reports" / "mine").glob("*/journal.jsonl")).parent
    with Store(f"sqlite:///{bench.folder}/mine.db") as store:
        assert [line.id for line in store.runs()] == [run.name]
    results = json.loads((run / "results.json").read_text())
    assert [series["metric"] for series in results["series"]] == ["before"]
    assert results["run"]["finished"] is None


@pytest.mark.guest_boot
def test_kill_9_leaves_no_qemu(running) -> None:
    process, qemu = running
    process.kill()
    process.wait(10)
    psutil.wait_procs([qemu], timeout=5)
    assert not qemu.is_running()
