"""The disks of a QEMU that somebody else has configured, as its block layer names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.machines.disk import Disk, ImageFormat

if TYPE_CHECKING:
    from harness.channels.qmp import Qmp

_FIRMWARE = "pflash"
"""What QEMU calls the drives that hold firmware and its variables: no disks."""


def disks_of(qmp: Qmp) -> tuple[Disk, ...]:
    """Every image that the guest may write to, named as its node; raises ControlError, and InvalidConfiguration for
    one of a format that keeps no snapshots."""
    found = []
    for device in qmp.execute("query-block"):
        inserted = device.get("inserted")
        if inserted is None or inserted["ro"] or device["device"].startswith(_FIRMWARE):
            continue
        if inserted["drv"] != ImageFormat.QCOW2:
            raise InvalidConfiguration(
                f"the machine writes to {inserted['file']}, a {inserted['drv']} image, which keeps no snapshots",
                fix="use qcow2: `qemu-img convert -O qcow2` makes one",
            )
        found.append(Disk(inserted["node-name"], Path(inserted["file"])))
    return tuple(found)
