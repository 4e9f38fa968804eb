"""The real runtime, installed once for the user: its QEMU boots guests in both ways, and belongs to the harness."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from harness.errors import ArchiveUnreachable, MachineDied
from harness.guests import catalogue as guests
from harness.guests.model import Arch, GuestImage
from harness.host.firmware import firmware_for
from harness.machines.model import GpuMode, MachineSpec, Phase, State
from harness.machines.qemu.backend import QemuBackend
from harness.runtimes.model import Runtime, Way, upstream
from harness.runtimes.tree import size_bytes
from tests.host.conftest import marked
from tests.machines.boot_sector import write_boot_sector

__all__ = ["marked"]
pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(300)]

MOST_BYTES = 800_000_000
BOOT = """
import sys
from pathlib import Path
from harness.guests.model import Arch, GuestImage
from harness.machines.model import MachineSpec
from harness.machines.qemu.backend import QemuBackend
guest = GuestImage(name="sector", arch=Arch.X86_64, disk=Path(sys.argv[2]), init_marker="goodbye", ready_marker="hello",
                   ready_port=None, ssh_user=None, takes_credentials=False, memory_mib=32)
machine = QemuBackend("tcg", qemu=Path(sys.argv[1])).machine(MachineSpec(guest, cpus=1))
machine.start()
machine.console.wait_for("hello", 60)
print(*machine.pids, flush=True)
sys.stdin.read()
"""


def guest_image(name: str, arch: Arch) -> GuestImage:
    try:
        return guests.ensure_built(name, arch)
    except ArchiveUnreachable as error:
        pytest.skip(f"the guest {name} is not built, and {error}")


@pytest.fixture
def sector(gpu_runtime: Runtime, way: Way, tmp_path):
    """A machine of a boot sector that has said hello and halts, its disk and logs where paths are odd."""
    disk = write_boot_sector(tmp_path / "disk, ü.img", b"hello\r\n", then="halt")
    guest = GuestImage(
        name="sector", arch=Arch.X86_64, disk=disk, init_marker="goodbye", ready_marker="hello", ready_port=None,
        ssh_user=None, takes_credentials=False, memory_mib=32,
    )  # fmt: skip
    backend = QemuBackend("tcg", qemu=gpu_runtime.programs(way), logs=tmp_path / "logs, ü")
    with backend.machine(MachineSpec(guest, cpus=1, extra={"writable": "on", "video": "none"})) as machine:
        machine.start()
        machine.console.wait_for("hello", 60)
        yield machine


def test_it_is_as_small_as_promised(gpu_runtime: Runtime) -> None:
    assert size_bytes(gpu_runtime.root) < MOST_BYTES


def test_every_library_is_found_in_the_tree(gpu_runtime: Runtime) -> None:
    """By the tree's own loader; a library that was excluded too many would only be missed when it is opened."""
    lib = next(gpu_runtime.tree.glob("usr/lib/*/libc.so.6")).parent
    loader = next(lib.glob("ld-linux-*"))
    usr = gpu_runtime.tree / "usr"
    programs = [*usr.glob("bin/qemu-system-*"), usr / "libexec/virgl_render_server"]
    files = [*programs, *lib.rglob("*.so"), *lib.glob("lib*.so.*")]
    assert len(files) > 100
    for file in files:
        if file.is_symlink() or file.read_bytes()[:4] != b"\x7fELF":
            continue
        listed = subprocess.run(
            [loader, "--inhibit-cache", "--library-path", f"{lib}:{lib}/pulseaudio", "--list", file],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "not found" not in listed.stdout, file
        assert "cannot open" not in listed.stderr, file
        strangers = [line for line in listed.stdout.splitlines() if "=> /" in line and str(lib) not in line]
        assert not strangers, file


@pytest.mark.parametrize("arch", [Arch.X86_64, pytest.param(Arch.ARM64, marks=pytest.mark.slow)])
def test_tiny_boots_and_answers(gpu_runtime: Runtime, way: Way, arch: Arch, tmp_path) -> None:
    backend = QemuBackend("tcg", qemu=gpu_runtime.programs(way), logs=tmp_path / "logs")
    with backend.machine(MachineSpec(guest_image("tiny", arch))) as machine:
        machine.boot(until=Phase.FIRST_COMMAND, timeout_s=200)
        assert machine.settings["runtime"] == gpu_runtime.label
        assert machine.ssh.run("uname -m").stdout.decode().strip() in ("aarch64", "x86_64")
        machine.powerdown(timeout_s=60)
        assert machine.state is State.STOPPED
    assert not machine.pids


def test_the_proof_of_the_accelerator_runs(gpu_runtime: Runtime, way: Way) -> None:
    for arch in Arch:
        probe = QemuBackend("tcg", qemu=gpu_runtime.programs(way)).probe(arch)
        assert (probe.usable, probe.code) == (True, "usable"), probe.reason
        assert probe.version == upstream(gpu_runtime.packages["qemu-system-x86"])


def test_virgl_and_venus_come_up_without_a_gpu_and_without_a_window_system(
    gpu_runtime: Runtime, way: Way
) -> None:
    backend = QemuBackend("tcg", qemu=gpu_runtime.programs(way))
    for mode in (GpuMode.VIRGL, GpuMode.VENUS):
        probe = backend.probe_gpu(Arch.X86_64, mode)
        assert probe.usable, probe.reason


def test_what_it_counts_as_its_own_is_the_real_qemu(sector, way: Way) -> None:
    programs = [psutil.Process(pid).exe().rpartition("/")[2] for pid in sector.pids]
    if way is Way.BWRAP:
        assert programs[-1] == "qemu-system-x86_64"
    else:
        assert [program.startswith("ld-linux") for program in programs] == [True]
        assert "qemu-system-x86_64" in " ".join(psutil.Process(sector.pids[0]).cmdline())


def test_sigterm_ends_it_as_it_ends_any_qemu(sector) -> None:
    """QEMU ends of itself, and says so: its disk caches are flushed."""
    os.killpg(sector.pids[0], signal.SIGTERM)
    sector.control.qmp.wait_event("SHUTDOWN", 10)
    with pytest.raises(MachineDied):
        sector.wait_for(Phase.INIT, 10)
    assert sector.pids == []


def test_a_qemu_that_is_killed_is_a_machine_that_died(sector) -> None:
    os.kill(sector.pids[-1], signal.SIGKILL)
    with pytest.raises(MachineDied, match=r"SIGKILL|status 137"):
        sector.wait_for(Phase.INIT, 10)


@pytest.mark.usefixtures("tmpdir_of_children")
def test_kill_9_of_the_harness_leaves_no_qemu(gpu_runtime: Runtime, way: Way, tmp_path, marked) -> None:
    disk = write_boot_sector(tmp_path / "disk.img", b"hello\r\n", then="halt")
    env = os.environ | marked.env | {"VISORBENCH_RUNTIME_DIR": str(tmp_path / "run")}
    with subprocess.Popen(
        [sys.executable, "-c", BOOT, gpu_runtime.programs(way), disk],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as harness:  # fmt: skip
        assert harness.stdout is not None
        pids = list(map(int, harness.stdout.readline().split()))
        assert set(pids) <= {process.pid for process in marked.living()}
        harness.kill()
        harness.wait()
        assert marked.gone_within(5), marked.living()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_venus_renders_in_a_server_that_belongs_to_the_machine(
    gpu_runtime: Runtime, way: Way, tmp_path
) -> None:
    backend = QemuBackend("tcg", qemu=gpu_runtime.programs(way), logs=tmp_path / "logs")
    with backend.machine(MachineSpec(guest_image("gpu", Arch.X86_64), gpu=GpuMode.VENUS)) as machine:
        machine.boot(timeout_s=300)
        summary = machine.ssh.run("vulkaninfo --summary", timeout_s=120).text()
        assert "DRIVER_ID_MESA_VENUS" in summary
        assert "Virtio-GPU Venus (llvmpipe" in summary or "/dev/dri" in summary
        family = [psutil.Process(pid) for pid in machine.pids]
        assert any("virgl_render_server" in " ".join(process.cmdline()) for process in family)
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_arm64_disks_boot_through_its_own_firmware(gpu_runtime: Runtime, way: Way) -> None:
    found = firmware_for("arm64", qemu=gpu_runtime.programs(way) / "qemu-system-aarch64")
    assert found is not None
    assert found.is_relative_to(gpu_runtime.tree)
