"""Where a Linux guest finds the memory that an ivshmem device shares with its host: a file that programs can map."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.machines.model import Machine

_FIND = (
    "device=$(dirname $(grep -l PCI_ID=1AF4:1110 /sys/bus/pci/devices/*/uevent)) && echo 1 > $device/enable && "
    "ls $device/resource2_wc 2> /dev/null || ls $device/resource2"
)
"""No driver takes the device, so it is switched on here. Its memory is best mapped as memory that combines writes: as a
device's, arm64 would not let a program access it unaligned."""


def guest_memory(machine: Machine) -> str:
    """The file's path; raises CommandFailed in a guest without the device."""
    return machine.ssh.run(_FIND).text().strip()
