"""The guest gpu on tcg, both architectures: a read-only image that machines share, a GPU's driver, Mesa's drivers."""

from dataclasses import replace

import pytest

from harness.guests.model import Arch
from harness.machines.model import GpuMode, MachineSpec, Phase

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def gpu_guest(reference):
    return lambda arch: reference("gpu", arch)


@pytest.mark.parametrize("arch", [Arch.X86_64, pytest.param(Arch.ARM64, marks=pytest.mark.slow)])
def test_its_root_is_an_image_with_files_written_elsewhere(tcg, gpu_guest, arch: Arch) -> None:
    guest = gpu_guest(arch)
    before = guest.root_image.stat().st_mtime_ns
    with tcg.machine(MachineSpec(guest)) as machine:
        assert list(machine.boot().phases) == list(Phase)
        assert machine.ssh.run("cat /sys/block/vda/ro").number() == 1
        assert "vda" in machine.ssh.run("ls /sys/fs/erofs").text().split()
        assert machine.ssh.run("grep ' / ' /proc/mounts").text().startswith("overlay / overlay rw,")
        machine.ssh.run("echo new > /usr/new && rm /usr/bin/kmscube && sync")
        assert machine.ssh.run("cat /usr/new; ls /usr/bin").text().split()[0] == "new"
        assert machine.ssh.run("ls /dev/dri 2> /dev/null | wc -l").number() == 0
        machine.powerdown()
    assert guest.root_image.stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.parametrize("arch", Arch)
def test_a_gpu_has_its_driver_and_mesa_draws_in_software(tcg, gpu_guest, arch: Arch) -> None:
    with tcg.machine(MachineSpec(gpu_guest(arch), gpu=GpuMode.TWO_D)) as machine:
        machine.boot()
        assert machine.ssh.run("ls /dev/dri").text().split() == ["card0", "renderD128"]
        ready = machine.ssh.run("cut -d ' ' -f 1 /proc/modules").text().split()
        assert "virtio_gpu" in ready
        summary = machine.ssh.run("vulkaninfo --summary", timeout_s=240).text()
        assert "DRIVER_ID_MESA_LLVMPIPE" in summary
        assert "Mesa 26." in summary
        assert "VENUS" not in summary  # a GPU without Venus must not look as if it had it
        drivers = machine.ssh.run("ls /usr/share/vulkan/icd.d /usr/lib/*/dri /usr/lib/*/gbm").text()
        assert {"lvp_icd.json", "virtio_icd.json", "virtio_gpu_dri.so", "zink_dri.so", "dri_gbm.so"} <= set(
            drivers.split()
        )
        cube = machine.ssh.run("kmscube -c 3 2>&1 < /dev/null", timeout_s=240).text()
        assert 'renderer: "llvmpipe' in cube


def test_two_machines_share_the_image_and_a_disk_of_the_users_comes_after_it(
    tcg, gpu_guest, tmp_path
) -> None:
    guest = gpu_guest(Arch.X86_64)
    disk = tmp_path / "data, ü.img"
    disk.write_bytes(b"mine".ljust(1 << 20, b"\0"))
    specs = [MachineSpec(guest), MachineSpec(replace(guest, disk=disk))]
    with tcg.machine(specs[0]) as one, tcg.machine(specs[1]) as other:
        one.start()
        other.boot()
        one.wait_for(Phase.FIRST_COMMAND, 120)
        one.ssh.run("echo one > /usr/mine")
        assert other.ssh.run("ls /usr").text().split().count("mine") == 0
        sums = {machine.ssh.run("sha256sum /usr/bin/vkmark").text() for machine in (one, other)}
        assert len(sums) == 1
        assert other.ssh.run("head -c 4 /dev/vdb").text() == "mine"
        other.ssh.run("echo theirs > /dev/vdb && sync")
    assert disk.read_bytes().startswith(b"mine")
