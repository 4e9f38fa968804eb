"""Snapshots of a QEMU machine: internal ones by QMP's snapshot jobs, external ones as overlays with commit."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from harness.channels.stamp import Stamp
from harness.errors import DiskFull, InvalidConfiguration, JobFailed, UnknownName
from harness.machines.disk import ImageFormat
from harness.machines.qemu.jobs import run_job
from harness.machines.snapshots import Snapshot, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.channels.qmp import Qmp
    from harness.channels.qmp_events import Event
    from harness.machines.disk import Disk

NO_ROOM_BYTES = 1 << 20
"""A file system with less has no room for what QEMU writes at once."""


class QemuSnapshots:
    """As :class:`harness.machines.snapshots.Snapshots`.

    ``disks`` are those that the guest may write to; ``went_back`` is called when the guest's past has become its
    present.
    """

    def __init__(self, qmp: Qmp, disks: Sequence[Disk], went_back: Callable[[], None]) -> None:
        self._qmp = qmp
        self._disks = {disk.name: disk for disk in disks}
        self._went_back = went_back
        self._top = {disk.name: disk.name for disk in disks}
        """Disk → the node that its guest writes to."""
        self._overlays = count(1)

    def save(self, tag: str, *, timeout_s: float = 300) -> Step:
        """Keep memory and disks as ``tag``; the processors stand still meanwhile."""
        places = self._places()
        if not tag:
            raise InvalidConfiguration("a snapshot cannot be called nothing", fix="give it a tag")
        if tag in (each.tag for each in self.kept()):
            raise InvalidConfiguration(
                f"a snapshot {tag} is kept already", fix="delete it first, or choose another tag"
            )
        try:
            return self._snapshot("snapshot-save", tag, places, timeout_s)
        except JobFailed as error:
            self._check_room(error)
            raise

    def load(self, tag: str, *, timeout_s: float = 300) -> Step:
        """Go back to ``tag``."""
        self._check_kept(tag)
        places, running = self._places(), self._running()
        step = self._snapshot("snapshot-load", tag, places, timeout_s)
        self._went_back()
        if self._running() is not running:  # newer QEMUs go on as the snapshot did
            self._qmp.execute("cont" if running else "stop")
        return step

    def delete(self, tag: str, *, timeout_s: float = 300) -> Step:
        """Forget ``tag``; its blocks are free again, and the images as long as before."""
        self._check_kept(tag)
        return self._snapshot("snapshot-delete", tag, {"devices": self._internal()}, timeout_s)

    def kept(self) -> tuple[Snapshot, ...]:
        """Those of the first disk, which has the memory of all."""
        first, nodes = self._internal()[0], self._qmp.execute("query-named-block-nodes")
        told = next(node["image"].get("snapshots", []) for node in nodes if node["node-name"] == first)
        return tuple(Snapshot(each["name"], each["vm-state-size"]) for each in told)

    def overlay(self, disk: str, to: Path, *, timeout_s: float = 60) -> Step:
        """Have what is written to ``disk`` go to the new image ``to``."""
        top = f"{disk}-over-{next(self._overlays)}"
        arguments = {
            "node-name": self._node(disk), "snapshot-file": str(to.absolute()), "snapshot-node-name": top,
            "format": ImageFormat.QCOW2.value,
        }  # fmt: skip
        begun = Stamp(time.monotonic_ns())
        self._qmp.execute("blockdev-snapshot-sync", arguments, timeout_s=timeout_s)
        step = self._step(begun, time.monotonic_ns())
        self._top[disk] = top
        return step

    def commit(self, disk: str, *, timeout_s: float = 300) -> Step:
        """Write the overlay of ``disk`` into its image, the guest running, and go on with that."""
        if self._node(disk) == disk:
            raise InvalidConfiguration(f"the disk {disk} has no overlay to commit", fix="make one first")
        begun = Stamp(time.monotonic_ns())
        arguments = {"device": self._top[disk], "base-node": disk, "auto-dismiss": False}
        ended = run_job(self._qmp, "block-commit", arguments, timeout_s=timeout_s, completes=True)
        self._top[disk] = disk
        return self._step(begun, ended.stamp.at_ns)

    def _check_room(self, error: JobFailed) -> None:
        """QEMU calls it an input/output error."""
        for disk in self._disks.values():
            with suppress(OSError):  # an image may be elsewhere than in a file
                if shutil.disk_usage(disk.file.parent).free < NO_ROOM_BYTES:
                    raise DiskFull(
                        f"no room for the snapshot in {disk.file}: its file system is full",
                        fix="make room there; the next snapshot uses again what this one wrote",
                    ) from error

    def _check_kept(self, tag: str) -> None:
        """QEMU would notice as well, and leave the guest stopped."""
        known = [each.tag for each in self.kept()]
        if tag not in known:
            raise UnknownName("snapshot", tag, known)

    def _running(self) -> bool:
        return bool(self._qmp.execute("query-status")["running"])

    def _snapshot(self, command: str, tag: str, arguments: dict[str, Any], timeout_s: float) -> Step:
        begun = Stamp(time.monotonic_ns())
        ended = run_job(self._qmp, command, {"tag": tag, **arguments}, timeout_s=timeout_s)
        return self._step(begun, ended.stamp.at_ns)

    def _places(self) -> dict[str, Any]:
        """Where a snapshot is: memory in the first image, blocks in every one."""
        nodes = self._internal()
        return {"vmstate": nodes[0], "devices": nodes}

    def _internal(self) -> list[str]:
        """The nodes that can keep snapshots inside themselves; raises InvalidConfiguration for any that cannot."""
        if not self._disks:
            raise InvalidConfiguration(
                "a snapshot is kept in a disk's image, and the machine has none",
                fix="start it with a qcow2 disk that it may write to: visorbench boot tiny --disk IMAGE --writable",
            )
        raw = next((each for each in self._disks.values() if each.format is not ImageFormat.QCOW2), None)
        if raw:
            raise InvalidConfiguration(
                f"the disk {raw.name} is a {raw.format} image, which keeps no snapshots", fix="use qcow2"
            )
        return list(self._top.values())

    def _node(self, disk: str) -> str:
        if disk not in self._disks:
            raise InvalidConfiguration(
                f"the machine has no disk {disk!r}", fix=f"it has {', '.join(self._disks) or 'none'}"
            )
        return self._top[disk]

    def _step(self, begun: Stamp, ended_ns: int) -> Step:
        told = [each for each in self._qmp.events if begun.at_ns <= each.stamp.at_ns <= ended_ns]
        return Step((ended_ns - begun.at_ns) / 1e9, _stopped_s(told, ended_ns))


def _stopped_s(events: Sequence[Event], ended_ns: int) -> float:
    """The time between each STOP and its RESUME, or the end."""
    stopped_ns, since_ns = 0, None
    for event in events:
        if event.name == "STOP" and since_ns is None:
            since_ns = event.stamp.at_ns
        elif event.name == "RESUME" and since_ns is not None:
            stopped_ns, since_ns = stopped_ns + event.stamp.at_ns - since_ns, None
    return (stopped_ns + (ended_ns - since_ns if since_ns is not None else 0)) / 1e9
