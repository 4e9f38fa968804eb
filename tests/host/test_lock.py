"""Two harnesses on one host do not measure at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from harness.errors import HostBusy
from harness.host.lock import measuring_lock

pytestmark = pytest.mark.usefixtures("registry_dir")

HOLD = """
import sys
from harness.host.lock import measuring_lock
with measuring_lock(30):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(registry_dir):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_busy_names_the_holder(holder):
    told = []
    with pytest.raises(HostBusy, match=f"pid {holder.pid}") as busy, measuring_lock(0.1, told.append):
        pass
    assert busy.value.holder.pid == told[0].pid == holder.pid
    assert busy.value.exit_code == 3


def test_it_is_waited_for(holder):
    told = []

    def end_it(one):
        told.append(one)
        holder.stdin.close()

    with measuring_lock(20, end_it):
        assert len(told) == 1


def test_death_releases_it(holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with measuring_lock(5):
        pass


def test_it_nests_and_is_released():
    with measuring_lock(), measuring_lock():
        pass
    done = subprocess.run(
        [sys.executable, "-c", HOLD],
        input="",
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "held\n"


def test_the_holder_file_is_no_trap(registry_dir, holder):
    (registry_dir / "measuring.holder").write_text("{")
    with pytest.raises(HostBusy, match="name is not known"), measuring_lock():
        pass
