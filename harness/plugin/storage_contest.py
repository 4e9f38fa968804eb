"""The storage scenario's parts: the ways to give a guest a disk, in turns with a file on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import DataLost, HostLacks
from harness.machines.disk import Aio, Cache, DiskInterface, ImageFormat
from harness.machines.fio import JOBS, Fio, host_fio
from harness.machines.guest_disk import GuestDisk
from harness.machines.runner import SshRunner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.config.model import Profile
    from harness.machines.disk import Disk
    from harness.machines.fio_report import FioReport
    from harness.machines.model import Machine
    from harness.machines.runner import Runner
    from harness.plugin.disks import DiskFactory
    from harness.plugin.measure import Measure

SIZE_MIB = 256
BOOT_TIMEOUT_S = 300
REFERENCE: dict[str, Any] = {
    "interface": DiskInterface.VIRTIO_BLK, "format": ImageFormat.RAW, "cache": Cache.NONE, "aio": Aio.NATIVE,
}  # fmt: skip
"""What the ways differ from, each in one or two words: as a host gives a disk whose speed matters."""


class Side(NamedTuple):
    """Who runs fio, and whose samples its numbers are."""

    fio: Fio
    measure: Measure
    native: bool = False


def ways() -> list[dict[str, Any]]:
    """Every interface with every format; then every cache mode, and every aio mode, of what a user has most: qcow2."""
    shapes: list[dict[str, Any]] = [
        {"interface": one, "format": other} for one in DiskInterface for other in ImageFormat
    ]
    virtio = {"format": ImageFormat.QCOW2}
    caches = [virtio | {"cache": mode, "aio": Aio.THREADS} for mode in Cache]
    aios = [virtio | {"aio": mode} for mode in Aio if mode is not Aio.THREADS]
    every = [REFERENCE | way for way in (*shapes, *caches, *aios)]
    return [way for at, way in enumerate(every) if way not in every[:at]]


def possible(measure: Measure, disk_factory: DiskFactory) -> list[Disk]:
    """A disk for each way that this host can open an image in; the others are left out by name."""
    disks = []
    for number, way in enumerate(ways()):
        disk = disk_factory(f"way{number}", SIZE_MIB, **way)
        lack = disk_factory.qemu_img.proves(disk.file, disk.format, disk.cache, disk.aio)
        if lack is None:
            disks.append(disk)
        else:
            measure.leave_out(
                code=f"no-{disk.way}", reason=lack, fix="keep images on another file system, or kernel"
            )
    return disks


def sides(
    machine: Machine, disks: list[Disk], native: Runner, folder: Path, measure: Measure
) -> Iterator[Side]:
    """The host's file, where the host has fio, and each disk of the machine, all filled."""
    try:
        yield _filled(Side(host_fio(native, folder / "native.raw", SIZE_MIB), measure, native=True))
    except HostLacks as error:
        measure.leave_out("native", code="no-fio", reason=error.message, fix=error.fix or "")
    guest = SshRunner.of(machine)
    for disk in disks:
        how = {"interface": disk.interface, "format": disk.format, "cache": disk.cache, "aio": disk.aio}
        fio = Fio(guest, ("fio",), GuestDisk.find(machine, disk.name).device, SIZE_MIB)
        yield _filled(Side(fio, measure.variant(short_name(disk), config=how)))


def fio_in_turns(taking_part: list[Side], measure: Measure, profile: Profile) -> None:
    """Every job on every side, the sides in turns."""
    for number in measure.rounds(profile.storage_rounds):
        for job in JOBS:
            for side in measure.turns(number, *taking_part):
                _record(side, job.name, side.fio.run(job, profile.storage_seconds))


def short_name(disk: Disk) -> str:
    """What tells it from the others in a plot's margin: that it is virtio-blk goes without saying."""
    return disk.way.removeprefix(f"{DiskInterface.VIRTIO_BLK}-")


def check_kept(disk: Disk, written: str, found: str) -> None:
    """Raise DataLost when what a guest had flushed is not on its disk."""
    if written != found:
        raise DataLost(
            f"{disk.way}: what the guest had written and flushed was not there after kill -9 of its VMM",
            fix="trust no data to this VMM and cache mode", file=str(disk.file),
        )  # fmt: skip


def _filled(side: Side) -> Side:
    side.fio.fill()
    return side


def _record(side: Side, job: str, told: FioReport) -> None:
    """What makes the job: its rate, and its latencies where its requests are small."""
    facts = {"fio": told.version}
    if job.startswith("sequential"):
        side.measure.record(
            f"{job}/bandwidth", told.bytes_per_s, unit="B/s", better="higher", native=side.native, facts=facts
        )
        return
    latency, definition = told.completion, "from submission to completion, 16 requests of 4 KiB in flight"
    if told.flush is not None:
        latency, definition = told.flush, "of the fdatasync after a random write of 4 KiB"
    else:
        side.measure.record(
            f"{job}/requests",
            told.requests_per_s,
            unit="op/s",
            better="higher",
            native=side.native,
            facts=facts,
        )
    for metric, ns in (("latency", latency.median_ns), ("latency-p99", latency.p99_ns)):
        side.measure.record(
            f"{job}/{metric}", ns / 1e9, unit="s", better="lower", native=side.native, definition=definition,
            facts=facts,
        )  # fmt: skip
