"""A machine's life on tcg, with a guest of one boot sector: states, errors, ends; nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from harness.errors import (
    BootTimeout,
    ControlRefused,
    ControlTimeout,
    GuestPanicked,
    GuestSilent,
    InvalidConfiguration,
    MachineDied,
    UnknownName,
    WrongState,
)
from harness.machines.model import Phase, State

pytestmark = pytest.mark.guest_boot


def test_nothing_but_kill_is_allowed_before_the_start(sector):
    machine = sector()
    assert machine.state is State.DEFINED
    for verb in (machine.pause, machine.resume, machine.reset, machine.powerdown, machine.stop):
        with pytest.raises(WrongState, match="has not started"):
            verb()
    machine.kill()
    assert machine.state is State.DEFINED
    assert machine.pids == []


def test_what_a_guest_writes_on_a_disk_that_stays_as_it_is_goes_with_the_machine(
    sector, tmp_path, monkeypatch
):
    """QEMU alone leaves it in /var/tmp where it is killed before it has unlinked it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sector(ready="hello from") as machine:
        machine.boot(until=Phase.GUEST_READY, timeout_s=60)
        qemu = psutil.Process(machine.pids[0])
        overlays = Path(qemu.environ()["TMPDIR"])
        assert overlays.parent == tmp_path
        if sys.platform == "linux":  # where open files that were unlinked have names
            opened = [str(each.readlink()) for each in Path(f"/proc/{qemu.pid}/fd").iterdir()]
            assert any(each.startswith(str(overlays / "vl.")) for each in opened)
        assert overlays.stat().st_mode & 0o777 == 0o700
    assert not overlays.exists()


def test_a_life(sector, tmp_path):
    machine = sector(ready="hello from")
    with machine:
        timeline = machine.boot(until=Phase.GUEST_READY, timeout_s=60)
        assert 0 < timeline.seconds(Phase.VMM_READY) < timeline.seconds(Phase.FIRST_CONSOLE)
        assert timeline.seconds(Phase.FIRST_CONSOLE) <= timeline.seconds(Phase.GUEST_READY)
        pids = machine.pids
        assert pids

        machine.pause()
        machine.pause()
        assert (machine.state, machine.control.status()) == (State.PAUSED, "paused")
        with pytest.raises(WrongState, match="must be running"):
            machine.reset()
        machine.resume()
        machine.resume()
        assert (machine.state, machine.control.status()) == (State.RUNNING, "running")

        before = machine.timeline.spawn.at_ns
        machine.reset()
        assert machine.timeline.spawn.at_ns > before
        again = machine.wait_for(Phase.GUEST_READY, 60)
        assert again.at_ns > machine.timeline.spawn.at_ns

        with pytest.raises(GuestSilent, match="did not power off"):
            machine.powerdown(timeout_s=0.5)
        with pytest.raises(WrongState, match="no display device"):
            machine.screenshot(tmp_path / "none.png")
        with pytest.raises(InvalidConfiguration, match="no SSH server"):
            machine.wait_for(Phase.FIRST_COMMAND, 1)
        with pytest.raises(WrongState, match="started already"):
            machine.start()
        machine.stop()
        machine.stop()
        assert machine.state is State.STOPPED
        with pytest.raises(WrongState, match="is stopped"):
            machine.pause()
    assert not any(map(psutil.pid_exists, pids))
    assert machine.state is State.STOPPED


def test_a_guest_that_hangs_is_a_boot_timeout_that_names_the_phase_and_the_last_line(sector):
    machine = sector(ready="never said")
    with (
        machine,
        pytest.raises(BootTimeout, match=r"guest-ready within 3 s.*hello from the boot sector") as caught,
    ):
        machine.boot(until=Phase.GUEST_READY, timeout_s=3)
    assert caught.value.phase is Phase.GUEST_READY
    assert caught.value.log.read_bytes().endswith(b"hello from the boot sector\r\n")


@pytest.mark.parametrize("wait", ["phase", "event"])
def test_kill_9_of_qemu_ends_a_wait_at_once(sector, wait):
    machine = sector(ready="never said")
    with machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        threading.Timer(0.3, os.kill, (machine.pids[0], signal.SIGKILL)).start()
        began = time.monotonic()
        with pytest.raises(MachineDied, match="was killed by SIGKILL") as caught:
            machine.wait_for(Phase.GUEST_READY, 60) if wait == "phase" else machine.powerdown(60)
        assert time.monotonic() - began < 30
        assert caught.value.status == -signal.SIGKILL
        assert caught.value.argv[0].endswith("qemu-system-x86_64")
        assert caught.value.console[-1] == "hello from the boot sector"
        assert machine.state is State.DEAD
        with pytest.raises(MachineDied):
            machine.pause()


def test_a_panic_is_forgotten_with_the_boot_that_had_it(sector):
    machine = sector(b"Kernel panic - not syncing: a test\r\n", then="halt once", ready="never said")
    with machine:
        with pytest.raises(GuestPanicked, match="a test"):
            machine.boot(until=Phase.GUEST_READY, timeout_s=60)
        machine.reset()
        with pytest.raises(BootTimeout):
            machine.wait_for(Phase.GUEST_READY, 2)
        os.kill(machine.pids[0], signal.SIGKILL)
        with pytest.raises(MachineDied, match="was killed by SIGKILL"):
            machine.wait_for(Phase.GUEST_READY, 60)


def test_what_qemu_refuses_is_in_the_error(sector):
    machine = sector(cpu_model="max,no-such-flag=on")
    with machine, pytest.raises(MachineDied, match=r"status 1.*no-such-flag") as caught:
        machine.start()
    assert "no-such-flag" in "\n".join(caught.value.stderr)
    assert (caught.value.logs / "argv").read_text().splitlines()[0].endswith("qemu-system-x86_64")


def test_a_jammed_qemu_is_noticed_and_can_be_killed(sector):
    machine = sector()
    with machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        pid = machine.pids[0]
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ControlTimeout, match=r"query-status took more than 0\.3 s"):
            machine.control.status(timeout_s=0.3)
    assert not psutil.pid_exists(pid)


def test_a_guest_that_floods_its_console_blocks_nothing(sector):
    machine = sector(b"all work and no play\r\n", then="again")
    with machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        mark = machine.console.mark()
        machine.console.wait_for("no play", 30, since=mark + (4 << 20))
        machine.pause()
        machine.resume()
        machine.reset()
        machine.wait_for(Phase.FIRST_CONSOLE, 60)
        machine.stop()
        assert machine.state is State.STOPPED
    assert sum(file.stat().st_size for file in machine.console.log.parent.iterdir()) < 64 << 20


def test_a_screenshot_is_a_png_of_what_the_firmware_shows(sector, tmp_path):
    with sector(extra={"video": "VGA"}) as machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        shot = machine.screenshot(tmp_path / "screen, ü.png")
        (tmp_path / "folder.png").mkdir()
        (tmp_path / "folder.ppm").write_text("precious")
        with pytest.raises(ControlRefused, match="Is a directory"):
            machine.screenshot(tmp_path / "folder.png")
    assert (tmp_path / "folder.ppm").read_text() == "precious"
    assert shot.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ({"extra": {"vidoe": "VGA"}}, UnknownName, "did you mean 'video'"),
        ({"extra": {"network": "bridged"}}, InvalidConfiguration, "restricted, open, none"),
        ({"machine_type": "q53"}, UnknownName, "did you mean 'q35'"),
        ({"memory_mib": 0}, InvalidConfiguration, "32 to"),
        ({"cpu_model": "host"}, InvalidConfiguration, "hardware acceleration"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_when_it_is_defined(sector, spec, error, words):
    with pytest.raises(error, match=words):
        sector(**spec)


@pytest.mark.usefixtures("tmpdir_of_children")
def test_kill_9_of_the_harness_leaves_no_qemu(tmp_path):
    program = """
import sys
from pathlib import Path
from harness.guests.model import Arch, GuestImage
from harness.machines.model import MachineSpec, Phase
from harness.machines.qemu.backend import QemuBackend
from tests.machines.boot_sector import write_boot_sector
disk = write_boot_sector(Path(sys.argv[1]), b"up\\r\\n")
guest = GuestImage(name="s", arch=Arch.X86_64, disk=disk, init_marker=None, ready_port=None, ssh_user=None,
                   ready_marker=None, takes_credentials=False, memory_mib=32)
machine = QemuBackend("tcg").machine(MachineSpec(guest))
machine.boot(until=Phase.FIRST_CONSOLE)
print(*machine.pids, flush=True)
sys.stdin.read()
"""
    harness = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "disk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    qemus = [psutil.Process(int(pid)) for pid in harness.stdout.readline().split()]
    assert qemus
    harness.kill()
    harness.wait()
    gone, alive = psutil.wait_procs(qemus, timeout=10)
    assert (len(gone), alive) == (len(qemus), [])
