"""A real guest and its disks: found by name, written to, measured by fio; what it flushed outlives its VMM."""

import hashlib

import pytest

from harness.errors import MeasurementError, ToolMissing
from harness.guests.model import Arch
from harness.machines import fio
from harness.machines.disk import Cache, Disk, DiskInterface, ImageFormat
from harness.machines.fio import JOBS, Fio, FioJob, host_fio
from harness.machines.guest_disk import GuestDisk
from harness.machines.model import MachineSpec
from harness.machines.native import NativeRunner
from harness.machines.qemu.backend import QemuBackend
from harness.machines.runner import SshRunner

PATIENCE_S = 300
BY_NAME = {job.name: job for job in JOBS}


@pytest.fixture(scope="module")
def guest(reference, qemu_img, tmp_path_factory):
    """The guest for disks with one of each kind; its qcow2 disk is `virtio`, and there is a raw `nvme`."""
    folder = tmp_path_factory.mktemp("disks")
    virtio = Disk("virtio", folder / "virtio.qcow2")
    nvme = Disk("nvme", folder / "nvme.raw", ImageFormat.RAW, DiskInterface.NVME)
    for each in (virtio, nvme):
        qemu_img.create(each.file, 64 << 20, each.format)
    spec = MachineSpec(reference("storage", Arch.X86_64), disks=(virtio, nvme))
    with QemuBackend("tcg", logs=folder / "logs").machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        yield machine


@pytest.mark.guest_boot
def test_a_guest_finds_its_disks_by_their_names(guest):
    assert GuestDisk.find(guest, "virtio").device == "/dev/vdb"
    assert GuestDisk.find(guest, "nvme").device == "/dev/nvme0n1"
    with pytest.raises(MeasurementError, match="sees 0 disks called nv"):
        GuestDisk.find(guest, "nv")


@pytest.mark.guest_boot
def test_what_a_guest_writes_goes_to_its_overlay_and_is_there_after_the_commit(guest, tmp_path):
    disk = GuestDisk.find(guest, "virtio")
    disk.format()
    overlay = tmp_path / "overlay.qcow2"
    guest.snapshots.overlay("virtio", overlay)
    written = disk.write("file", 4)
    assert overlay.stat().st_size > 4 << 20
    guest.snapshots.commit("virtio", timeout_s=PATIENCE_S)
    overlay.unlink()
    assert disk.checksum("file") == written


@pytest.mark.guest_boot
@pytest.mark.parametrize(
    ("name", "job"), [("virtio", "fsync"), ("nvme", "random-read"), ("nvme", "sequential-write")]
)
def test_fio_measures_a_disk_of_the_guest(guest, monkeypatch, name, job):
    monkeypatch.setattr(fio, "_MARGIN_S", PATIENCE_S)
    disk = Fio(SshRunner.of(guest), ("fio",), GuestDisk.find(guest, name).device, 16)
    report = disk.run(BY_NAME[job], 1)
    assert report.version.startswith("fio-3.")
    assert report.bytes == report.requests * (1 << 20 if job == "sequential-write" else 4096)
    assert (report.flush is not None) == (job == "fsync")


@pytest.mark.guest_boot
def test_a_fio_that_fails_is_told_with_its_job(guest):
    nowhere = Fio(SshRunner.of(guest), ("fio",), "/dev/null/such", 16)
    with pytest.raises(MeasurementError, match=r"random-read on storage .*null/such"):
        nowhere.run(BY_NAME["random-read"], 1)


@pytest.mark.guest_boot
def test_what_was_flushed_outlives_the_vmm(reference, qemu_img, tmp_path):
    disks = [
        Disk(cache.value, tmp_path / f"{cache}.qcow2", cache=cache) for cache in Cache if cache.keeps_fsync
    ]
    for each in disks:
        qemu_img.create(each.file, 8 << 20, each.format)
    spec = MachineSpec(reference("storage", Arch.X86_64), disks=tuple(disks))
    with QemuBackend("tcg", logs=tmp_path / "logs").machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        devices = [GuestDisk.find(machine, each.name).device for each in disks]
        for device in devices:
            machine.ssh.run(f"dd if=/dev/urandom of={device} bs=1M count=2 conv=fsync", timeout_s=PATIENCE_S)
        said = machine.ssh.run(f"for d in {' '.join(devices)}; do head -c 2097152 $d | sha256sum; done")
        written = [line.split()[0] for line in said.text().splitlines()]
        machine.kill()
    assert len(set(written)) == len(disks)
    for disk, checksum in zip(disks, written, strict=True):
        qemu_img.check(disk.file)
        raw = tmp_path / "raw"
        qemu_img.convert(disk.file, raw, "qcow2", "raw")
        assert hashlib.sha256(raw.read_bytes()[: 2 << 20]).hexdigest() == checksum, disk.name


def test_a_job_is_one_command_line_whatever_it_is_done_to():
    job = FioJob("a", "randread", "4k", 16)
    options = job.options("/images/with: colon", 8, 2)
    assert "--filename=/images/with\\: colon" in options
    assert {"--ioengine=libaio", "--iodepth=16", "--direct=1", "--runtime=2", "--size=8M"} <= set(options)
    assert "--ioengine=posixaio" in job.options("x", 8, 2, asynchronous="posixaio")
    assert {"--ioengine=psync", "--fdatasync=1", "--direct=0"} <= set(BY_NAME["fsync"].options("x", 8, 2))


def test_a_host_without_fio_is_told_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    for possible, words in (
        (True, "fio is not installed .*runtime install fio"),
        (False, "brew install fio"),
    ):
        monkeypatch.setattr("harness.runtimes.catalogue.possible_here", lambda possible=possible: possible)
        with pytest.raises(ToolMissing, match=words):
            host_fio(NativeRunner(), tmp_path / "file", 8)
    own = tmp_path / "fio"
    own.touch(mode=0o755)
    assert host_fio(NativeRunner(), tmp_path / "file", 8).program == (str(own),)
