"""Real guests for the tests of machines: boot sectors that are there in a second, and the reference guest."""

import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from harness.errors import ArchiveUnreachable, HostLacks
from harness.guests.model import Arch, GuestImage
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload
from harness.host.paths import private_directory
from harness.host.qemu_img import find_qemu_img
from harness.host.vmm_programs import variable
from harness.machines.model import GpuMode, MachineSpec
from harness.machines.qemu.backend import QemuBackend
from harness.runtimes.catalogue import installed
from harness.runtimes.choice import gpu_qemu_folder
from tests.doubles import vsock
from tests.machines.boot_sector import write_boot_sector
from tests.machines.qemu_configs import Files

DOUBLES = Path(__file__).parents[1] / "doubles"
BINARIES = {Arch.X86_64: "qemu-system-x86_64", Arch.ARM64: "qemu-system-aarch64"}


def needs(arch: Arch) -> None:
    if shutil.which(BINARIES[arch]) is None:
        pytest.skip(f"no {BINARIES[arch]} on PATH")


def gone(pid: int) -> bool:
    """Whether it has ended; one whose parent has not looked yet has, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def doubles(monkeypatch, tmp_path):
    """The doubles of vfkit, krunkit, gvproxy and vmnet-helper are what this host has of them."""
    needs(Arch.ARM64)
    for name in ("vfkit", "krunkit", "gvproxy", "vmnet-helper"):
        monkeypatch.setenv(variable(name), str(DOUBLES / name))
    monkeypatch.setenv("VISORBENCH_DHCPD_LEASES", str(tmp_path / "leases"))


@pytest.fixture
def vsock_device(monkeypatch):
    """The device process behind the vsock of a double's guest."""
    monkeypatch.setenv(vsock.PROGRAM, str(workload("vsock", host_target())))


@pytest.fixture
def killed():
    """Machines in this list are killed, twice, and their processes are all gone afterwards."""
    machines = []
    yield machines
    for machine in machines:
        pids = machine.pids
        machine.kill()
        machine.kill()
        assert all(map(gone, pids))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Makes the files that a QEMU's command line names."""
    with private_directory() as sockets:
        made = Files(tmp_path_factory.mktemp("images, with a comma and ü:"), sockets)
        yield made
        made.close()


@pytest.fixture
def tcg(tmp_path):
    """The backend tcg, its logs in a folder with a name that shells and option parsers dislike."""
    return QemuBackend("tcg", logs=tmp_path / "logs, with ü and 'quotes'")


@pytest.fixture
def sector(tcg, tmp_path):
    """Makes a machine of a boot sector; they are all gone afterwards."""
    needs(Arch.X86_64)
    machines = []

    def make(
        says=b"hello from the boot sector\r\n",
        *,
        then="halt",
        init=None,
        ready=None,
        backend=tcg,
        disk=None,
        **spec,
    ):
        disk = disk or write_boot_sector(tmp_path / f"disk, {len(machines)} ü.img", says, then=then)
        guest = GuestImage(
            name="sector", arch=Arch.X86_64, disk=disk, init_marker=init, ready_marker=ready, ready_port=None,
            ssh_user=None, takes_credentials=False, memory_mib=32,
        )  # fmt: skip
        spec = {"extra": {"video": "none"}} | spec
        machines.append(backend.machine(MachineSpec(guest, cpus=1, **spec)))
        return machines[-1]

    yield make
    for machine in machines:
        machine.kill()


@pytest.fixture(scope="session")
def reference():
    """Gives a reference guest for an architecture, built when it is not."""
    from harness.guests import catalogue

    def image(name: str, arch: Arch) -> GuestImage:
        needs(arch)
        try:
            return catalogue.ensure_built(name, arch)
        except ArchiveUnreachable as error:
            pytest.skip(f"the guest {name} is not built, and {error}")

    return image


@pytest.fixture(scope="session")
def qemu_img():
    try:
        return find_qemu_img()
    except HostLacks as lack:
        pytest.skip(str(lack))


@pytest.fixture(scope="session")
def tiny(reference):
    return lambda arch: reference("tiny", arch)


@pytest.fixture(scope="session")
def gpu_qemu():
    """What to name as --qemu for an x86-64 guest with virgl and Venus: the host's (None) or the installed runtime's."""
    try:
        qemu = gpu_qemu_folder(None, Arch.X86_64.value, provide=installed)
    except HostLacks as error:
        pytest.skip(str(error))
    if not (found := QemuBackend("tcg", qemu=qemu).probe_gpu(Arch.X86_64, GpuMode.VENUS)).usable:
        pytest.skip(f"{found.code}: {found.reason}")
    return qemu


@pytest.fixture
def patient_gpus(monkeypatch):
    """A guest's GPU may be slow: how slow is no question of a test."""
    for limit in ("FRAME_DEADLINE_S", "SOFTWARE_DEADLINE_S", "TIMEOUT_S"):
        monkeypatch.setattr(f"harness.machines.gpu_routes.{limit}", 300)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False).returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)
