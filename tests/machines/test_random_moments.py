"""Ctrl-C and kill -9 of a harness that boots machines and records, at random moments: nothing is left or lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from harness.results.journal import recover
from tests.host.conftest import marked

__all__ = ["marked"]
pytestmark = [
    pytest.mark.guest_boot,
    pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there"),
    pytest.mark.timeout(7200),
]
MOMENTS = int(os.environ.get("RANDOM_MOMENTS", "4"))
"""In all; RANDOM_MOMENTS=200 takes a quarter of an hour."""
LONGEST_S = 2.5
"""A machine is spawned, boots, and is killed in less."""
PATIENCE_S = 120
HARNESS = """
import sys
from pathlib import Path
from harness.guests.model import Arch, GuestImage
from harness.host.processes import install_endings
from harness.machines.model import MachineSpec, Phase
from harness.machines.qemu.backend import QemuBackend
from harness.results.recorder import RunRecorder
from tests.machines.boot_sector import write_boot_sector
install_endings()
folder = Path(sys.argv[1])
disk = write_boot_sector(folder / "disk", b"up\\r\\n")
guest = GuestImage(name="s", arch=Arch.X86_64, disk=disk, init_marker=None, ready_port=None, ssh_user=None,
                   ready_marker=None, takes_credentials=False, memory_mib=32)
recorder = RunRecorder("quick", {}, reports=folder)
subject = recorder.subject(backend="tcg", arch="x86-64", guest="s")
print(recorder.folder, flush=True)
while True:
    with QemuBackend("tcg").machine(MachineSpec(guest)) as machine:
        timeline = machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=600)
        value = timeline.seconds(Phase.FIRST_CONSOLE)
        recorder.sample("boot", "console", unit="s", better="lower", subject=subject, value=value)
        print("recorded", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_whenever_it_ends_nothing_is_left_and_no_sample_is_lost(
    tmp_path, tmpdir_of_children, marked, number
) -> None:
    moments = random.Random(7)
    for moment in range(max(1, MOMENTS // 2)):
        folder, private = tmp_path / str(moment), tmpdir_of_children / str(moment)
        folder.mkdir()
        private.mkdir()
        env = os.environ | marked.env
        env |= {"VISORBENCH_RUNTIME_DIR": str(folder / "run"), "TMPDIR": str(private)}
        env.pop(
            "COVERAGE_PROCESS_CONFIG", None
        )  # a Ctrl-C while its measuring holds its lock is its deadlock
        with subprocess.Popen(
            [sys.executable, "-c", HARNESS, folder],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as harness:
            run = folder / harness.stdout.readline().strip()
            threading.Timer(moments.uniform(0, LONGEST_S), harness.send_signal, [number]).start()
            recorded = harness.stdout.read().count("recorded")
        assert harness.returncode == -number
        assert marked.gone_within(PATIENCE_S), marked.living()
        kept = recover(run).series
        assert sum(series.summary.n for series in kept) in (recorded, recorded + 1)
        if number == signal.SIGINT:
            assert not [*folder.glob("run/*/*"), *private.iterdir()]  # its registry, and what that names
