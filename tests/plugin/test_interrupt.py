"""Ctrl-C and kill -9 in the middle of a bench: nothing is left running, what was measured is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCENARIO = """
def test_endless(machine, measure):
    machine.boot()
    measure.record('before', 1, unit='s', better='lower')
    print('ready', machine.pids, flush=True)
    machine.console.wait_for('this never comes', timeout_s=600)
"""


@pytest.fixture
def running(bench):
    """A bench whose guest runs; the process and the pid of its QEMU."""
    command = bench.command(bench.scenario(SCENARIO), "--backend", "tcg")
    with subprocess.Popen(
        command,
        env=bench.environment,
        cwd=bench.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        qemu = _wait_for_sample(bench.folder, process)
        yield process, qemu
        process.kill()


def _wait_for_sample(folder: Path, process: subprocess.Popen[str]) -> psutil.Process:
    """The bench's QEMU, once the journal has the sample that says that the guest runs."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if any('"samples"' in path.read_text() for path in folder.glob("reports/*/journal.jsonl")):
            children = psutil.Process(process.pid).children(recursive=True)
            return next(child for child in children if child.name().startswith("qemu"))
        time.sleep(0.1)
    raise AssertionError("the bench recorded nothing")


@pytest.mark.guest_boot
def test_ctrl_c_ends_within_3_seconds_and_keeps_the_samples(bench, running) -> None:
    process, qemu = running
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130, out + error
    assert time.monotonic() - started < 3
    assert not qemu.is_running()
    assert "Traceback" not in out + error
    assert "visorbench report" in out
    run = next((bench.folder / "reports").glob("*/journal.jsonl")).parent
    program = str(Path(sys.executable).with_name("visorbench"))
    subprocess.run([program, "report", str(run)], env=bench.environment, check=True, capture_output=True)
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
