"""Disks: fio in the guest beside fio on the host, and whether what was flushed outlives the VMM."""

from __future__ import annotations

import time

import pytest

from harness.machines.disk import Cache, ImageFormat
from harness.machines.guest_disk import GuestDisk
from harness.plugin.image_trials import ImageTrials
from harness.plugin.storage_contest import (
    BOOT_TIMEOUT_S,
    check_kept,
    fio_in_turns,
    possible,
    short_name,
    sides,
)

pytestmark = pytest.mark.long


@pytest.mark.guest("storage")
@pytest.mark.needs("disks", "ssh")
@pytest.mark.runtime("fio")
def test_fio(machine_factory, disk_factory, native, measure, profile):
    """Sequential and random reads and writes, and fsync: every way to give a guest a disk, and a file on the host."""
    disks = possible(measure, disk_factory)
    with machine_factory(disks=disks) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        fio_in_turns(list(sides(machine, disks, native, disk_factory.folder, measure)), measure, profile)


@pytest.mark.guest("storage")
@pytest.mark.needs("disks", "ssh")
def test_kill(machine_factory, disk_factory, measure, profile):
    """What a guest has flushed is there after kill -9 of its VMM, in every cache mode that promises it."""
    for _ in measure.rounds(profile.storage_rounds):
        modes = [(cache, form) for cache in Cache if cache.keeps_fsync for form in ImageFormat]
        disks = [disk_factory(f"{cache}-{form}", cache=cache, format=form) for cache, form in modes]
        with machine_factory(disks=disks) as machine:
            machine.boot(timeout_s=BOOT_TIMEOUT_S)
            seen = [GuestDisk.find(machine, disk.name) for disk in disks]
            for each in seen:
                each.format()
            written = [each.write("kept", mib=8) for each in seen]
            for each in seen:
                each.keep_writing("in-flight")
            machine.kill()  # SIGKILL
        with machine_factory(disks=disks) as machine:
            machine.boot(timeout_s=BOOT_TIMEOUT_S)
            for disk, checksum in zip(disks, written, strict=True):
                again = GuestDisk.find(machine, disk.name)
                began = time.monotonic()
                again.mount()
                mounted_s = time.monotonic() - began
                check_kept(disk, checksum, again.checksum("kept"))
                kept = measure.variant(short_name(disk), config={"format": disk.format, "cache": disk.cache})
                kept.record("mount-after-kill", mounted_s, unit="s", better="lower")
        for disk in disks:
            if disk.format is ImageFormat.QCOW2:
                disk_factory.qemu_img.check(disk.file)
            disk.file.unlink()


@pytest.mark.host_only
def test_images(disk_factory, measure, profile):
    """Images made, resized, converted, compacted, snapshotted and copied by every means; no machine takes part."""
    trials = ImageTrials(disk_factory.qemu_img, disk_factory.folder, measure, profile.image_mib)
    for number in measure.rounds(profile.storage_rounds):
        trials.make_and_resize()
        trials.convert()
        trials.compact()
        trials.snapshot()
        trials.copy(tell_lacks=number == 0)
