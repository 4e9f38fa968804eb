"""Real machines under which something breaks: each ends, or stands still, with an error that says what."""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.errors import (
    ControlLost,
    DiskFull,
    GuestRebooted,
    HostLacks,
    ImageFailed,
    ImageFull,
    InvalidConfiguration,
    MachineDied,
    OutOfMemory,
    WatchdogFired,
)
from harness.machines.model import Phase, State
from harness.machines.qemu.backend import QemuBackend
from tests.machines.boot_sector import write_boot_sector

pytestmark = [
    pytest.mark.guest_boot,
    pytest.mark.skipif(
        sys.platform != "linux", reason="control groups, mounts and signals as Linux has them"
    ),
]
PATIENCE_S = 300
QEMU = "qemu-system-x86_64"
HELLO = b"hello from the boot sector\r\n"


@pytest.fixture
def qemu_that(tmp_path):
    """Makes a backend whose QEMU is the real one, started by a program that first does something."""
    if (real := shutil.which(QEMU)) is None:
        pytest.skip(f"no {QEMU} on PATH")

    def make(does):
        program = tmp_path / "bin" / QEMU
        program.parent.mkdir()
        program.write_text(
            f"#!{sys.executable}\nimport os, sys\nargv, real = sys.argv[1:], {real!r}\n{does}\n"
            "os.execv(real, [real, *argv])\n"
        )
        program.chmod(0o755)
        return QemuBackend("tcg", qemu=program.parent, logs=tmp_path / "logs")

    return make


@pytest.fixture
def small_group():
    """Puts a process into a control group whose memory is full."""
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = root / ("memory" if old else "") / f"visorbench-test-{os.getpid()}"
    limit = group / ("memory.limit_in_bytes" if old else "memory.max")
    try:
        group.mkdir()
        if not limit.exists():
            raise FileNotFoundError(limit)
    except OSError as error:
        with suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group of its own for memory: {error}")

    def put(pid):
        limit.write_text("65536")
        (group / "cgroup.procs").write_text(str(pid))

    yield put
    deadline = time.monotonic() + PATIENCE_S
    while group.exists() and time.monotonic() < deadline:
        with suppress(OSError):  # busy until the kernel has let go of who was in it
            group.rmdir()


def test_a_qemu_that_gets_no_memory_for_its_guest_says_so(sector, qemu_that):
    little = qemu_that("import resource\nresource.setrlimit(resource.RLIMIT_AS, (3 << 30,) * 2)")
    machine = sector(backend=little, memory_mib=4096)
    with machine, pytest.raises(OutOfMemory, match="Cannot allocate memory") as caught:
        machine.start()
    assert isinstance(caught.value, MachineDied)
    assert caught.value.exit_code == HostLacks.exit_code
    assert "less memory" in caught.value.fix
    assert machine.pids == []


def test_a_qemu_that_the_kernel_ends_for_want_of_memory_is_told_from_one_that_was_killed(sector, small_group):
    machine = sector(ready="hello from")
    with machine:
        machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
        pids = machine.pids
        small_group(pids[0])
        with pytest.raises(OutOfMemory, match=r"was killed by SIGKILL .* for want of memory"):
            ask_until_it_dies(machine)
        assert machine.state is State.DEAD
    assert not any(map(psutil.pid_exists, pids))


def ask_for_ever(machine):
    """The first may be answered before the socket is closed."""
    while True:
        machine.control.status()


def ask_until_it_dies(machine):
    """Answers of some size, for which QEMU needs memory."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        machine.pause()
        with suppress(ControlLost):
            machine.control.qmp.execute("query-qmp-schema")
        machine.resume()


def test_a_full_disk_under_a_qcow2_image_stops_the_guest_and_is_said_and_the_image_stays_whole(
    sector, small_disk, tmp_path, qemu_img
):
    raw = write_boot_sector(tmp_path / "raw", HELLO, then="write", size_bytes=64 << 20)
    image = small_disk / "disk.qcow2"
    qemu_img.convert(raw, image, "raw", "qcow2")
    machine = sector(disk=image, ready="never said", extra={"video": "none", "writable": "on"})
    with machine:
        with pytest.raises(ImageFull, match=r"could not write the image of drive0: No space left") as caught:
            machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
        assert isinstance(caught.value, DiskFull)
        assert caught.value.console[-1].encode() in HELLO
        assert machine.state is State.PAUSED
        machine.stop()
        assert machine.state is State.STOPPED
    qemu_img.check(image)


def test_a_read_error_of_the_host_is_named_and_not_taken_for_the_guests(sector, qemu_that, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "256"\n')
    broken = qemu_that(f"argv = [each.replace(',file=', ',file=blkdebug:{rules}:', 1) for each in argv]")
    machine = sector(HELLO, then="read", backend=broken, ready="never said")
    with machine:
        with pytest.raises(
            ImageFailed, match=r"could not read the image of drive0: Input/output error"
        ) as caught:
            machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
        assert not isinstance(caught.value, DiskFull)
        assert caught.value.operation == "read"


def test_a_guest_that_hangs_is_named_by_its_watchdog(sector):
    machine = sector(HELLO, then="watchdog", ready="never said", extra={"video": "none", "watchdog": "ib700"})
    with machine:
        with pytest.raises(WatchdogFired, match="its guest hung, and its watchdog fired"):
            machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
        assert machine.state is State.PAUSED


def test_a_guest_that_reboots_unasked_once_it_is_up_is_named(sector):
    machine = sector(HELLO, then="reboot", init="never said", ready="hello from")
    with machine:
        machine.start()
        with pytest.raises(GuestRebooted, match="nobody had asked for it"):
            machine.wait_for(Phase.INIT, PATIENCE_S)


def test_a_qmp_socket_that_closes_is_said_and_the_machine_can_still_be_ended(sector, qemu_that):
    closes = """
import re, signal, socket
fd = re.search(r"id=qmp,fd=(\\d+)", " ".join(argv))
if fd:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    if os.fork() == 0:
        signal.sigwait({signal.SIGUSR1})
        socket.socket(fileno=int(fd[1])).shutdown(socket.SHUT_RDWR)
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
"""
    machine = sector(backend=qemu_that(closes), ready="hello from")
    with machine:
        machine.boot(until=Phase.GUEST_READY, timeout_s=PATIENCE_S)
        pids = machine.pids
        os.kill(pids[1], signal.SIGUSR1)
        with pytest.raises(ControlLost):
            ask_for_ever(machine)
        assert machine.state is State.RUNNING
        machine.stop(timeout_s=0.5)
        assert machine.state is State.STOPPED
    assert not any(map(psutil.pid_exists, pids))


def test_a_qemu_that_talks_nonsense_is_refused_and_ended(sector, qemu_that):
    talks = """
import re
fd = re.search(r"id=qmp,fd=(\\d+)", " ".join(argv))
if fd:
    os.write(int(fd[1]), b"HTTP/1.1 200 OK\\r\\n\\r\\n")
"""
    machine = sector(backend=qemu_that(talks))
    with machine:
        with pytest.raises(ControlLost, match="nonsense"):
            machine.start()
        pids = machine.pids
        assert pids
    assert not any(map(psutil.pid_exists, pids))


def test_a_cache_that_vanishes_before_the_start_is_named_with_its_file(sector):
    machine = sector()
    machine.spec.guest.disk.unlink()
    with (
        machine,
        pytest.raises(InvalidConfiguration, match=r"is not a file .*made anew by the next run") as caught,
    ):
        machine.start()
    assert str(machine.spec.guest.disk) in caught.value.message
