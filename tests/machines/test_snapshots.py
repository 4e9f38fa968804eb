"""Snapshots of real machines: of a boot sector, what QEMU does and refuses; of a guest, that nothing is lost."""

import os
import shutil

import pytest

from harness.errors import DiskFull, InvalidConfiguration, JobFailed, UnknownName, WrongState
from harness.guests.model import Arch
from harness.machines.disk import Disk, DiskInterface, ImageFormat
from harness.machines.guest_disk import Witness
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.qemu.backend import QemuBackend

pytestmark = pytest.mark.guest_boot
PATIENCE_S = 300


@pytest.fixture
def disk(qemu_img, tmp_path):
    """Makes disks."""

    def make(name="disk", **how):
        one = Disk(name, tmp_path / f"{name}, ü.img", **how)
        qemu_img.create(one.file, 8 << 20, one.format)
        return one

    return make


def started(machine):
    machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=PATIENCE_S)
    return machine.snapshots


def test_a_machine_is_afterwards_what_it_was_before_running_or_paused(sector, disk):
    with sector(disks=(disk(), disk("other"))) as machine:
        with pytest.raises(WrongState, match="has not started"):
            _ = machine.snapshots
        snapshots = started(machine)
        saved = snapshots.save("one")
        assert saved.took_s > saved.stopped_s > 0
        assert machine.state is State.RUNNING
        machine.pause()
        assert snapshots.save("two").stopped_s == 0
        assert [each.tag for each in snapshots.kept()] == ["one", "two"]
        assert min(each.memory_bytes for each in snapshots.kept()) > 0

        snapshots.load("one")
        assert (machine.state, machine.control.status()) == (State.PAUSED, "paused")
        machine.resume()
        snapshots.load("two")
        assert (machine.state, machine.control.status()) == (State.RUNNING, "running")

        snapshots.delete("one")
        with pytest.raises(UnknownName, match=r"unknown snapshot 'tow'.*did you mean 'two'"):
            snapshots.load("tow")
        with pytest.raises(UnknownName, match="'one'"):
            snapshots.delete("one")
        assert machine.control.status() == "running"


def test_what_qemu_refuses_is_told_in_its_words(sector, disk):
    with sector(disks=(disk(interface=DiskInterface.NVME),)) as machine:
        snapshots = started(machine)
        with pytest.raises(JobFailed, match=r"could not do snapshot-save: .*nvme"):
            snapshots.save("one")
        assert machine.control.status() == "running"


def test_a_full_file_system_is_named_and_the_machine_goes_on(sector, qemu_img, small_disk):
    image = Disk("disk", small_disk / "disk.img")
    qemu_img.create(image.file, 8 << 20, image.format)
    with sector(disks=(image,)) as machine:
        snapshots = started(machine)
        free = shutil.disk_usage(small_disk).free
        (small_disk / "other").write_bytes(os.urandom(free - (64 << 10)))
        with pytest.raises(
            DiskFull, match=r"no room for the snapshot in .*disk\.img: its file system is full"
        ):
            snapshots.save("one")
        assert (snapshots.kept(), machine.control.status()) == ((), "running")
        (small_disk / "other").unlink()
        snapshots.save("one")
        assert [each.tag for each in snapshots.kept()] == ["one"]


@pytest.mark.parametrize(
    ("how", "words"), [([], "has none"), ([{"format": ImageFormat.RAW}], "disk is a raw image")]
)
def test_disks_that_keep_no_snapshot_are_named(sector, disk, how, words):
    with sector(disks=tuple(disk(**each) for each in how)) as machine:
        snapshots = started(machine)
        with pytest.raises(InvalidConfiguration, match=words):
            snapshots.save("one")


def test_an_overlay_of_a_raw_image_is_made_and_committed_again_and_again(sector, disk, tmp_path):
    below = disk(format=ImageFormat.RAW)
    with sector(disks=(below,)) as machine:
        snapshots = started(machine)
        with pytest.raises(InvalidConfiguration, match="no overlay to commit"):
            snapshots.commit("disk")
        with pytest.raises(InvalidConfiguration, match=r"has no disk 'disc'.*it has disk"):
            snapshots.overlay("disc", tmp_path / "never.qcow2")
        for number in range(2):
            overlay = tmp_path / f"overlay, {number}.qcow2"
            assert snapshots.overlay("disk", overlay).took_s > 0
            assert overlay.is_file()
            assert snapshots.commit("disk", timeout_s=PATIENCE_S).took_s > 0
            overlay.unlink()
        assert machine.control.status() == "running"


def test_disk_and_memory_come_back_exactly(reference, qemu_img, tmp_path):
    disk = Disk("disk", tmp_path / "disk.qcow2")
    qemu_img.create(disk.file, 64 << 20, disk.format)
    spec = MachineSpec(reference("storage", Arch.X86_64), disks=(disk,))
    with QemuBackend("tcg", logs=tmp_path / "logs").machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        witness = Witness.prepare(machine, "disk", mib=1)
        before = witness.write()
        machine.snapshots.save("before", timeout_s=PATIENCE_S)
        after = witness.write()
        assert (before.disk != after.disk, before.memory != after.memory) == (True, True)
        machine.snapshots.load("before", timeout_s=PATIENCE_S)
        assert witness.read() == before
