"""Devices as their guest sees them: when its kernel tells of one, whether it is the right one, and what is on it."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import DataLost, WrongAnswer
from harness.machines.devices import NetworkCard, UsbDisk, UsbKeyboard, UsbTablet
from harness.machines.disk import Disk
from harness.machines.guest_disk import GuestDisk
from harness.machines.watch import Line, Uevent, Watch, install, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.channels.stamp import Stamp
    from harness.machines.devices import Pluggable
    from harness.machines.model import Machine

DRIVERS = (
    "virtio_blk", "nvme", "virtio_net", "virtio_scsi", "sd_mod", "sr_mod", "isofs",
    "xhci_pci", "usb_storage", "usbhid", "hid_generic", "evdev",
)  # fmt: skip
"""What a guest is to have loaded before devices come: the reference guests load none by themselves."""
CD_POLLED_MS = 50
"""How often the guest asks its CD drive for a new disc, since no drive tells; desktops do every 2 s."""
SEEN_WITHIN_S = 120
_TIMEOUT_S = 120
_USB_DEVICE = re.compile(r"(?P<device>/\S*/\d+-[\d.]+)/\d+-[\d.]+:")
"""The path of a USB device in that of what its interface brings (Linux: Documentation/driver-api/usb)."""
_INPUT_NAMES = {UsbTablet: "QEMU USB Tablet", UsbKeyboard: "QEMU USB Keyboard"}
_LEASE = re.compile(r"lease of (\d+\.\d+\.\d+)\.\d+ obtained")


@dataclass(frozen=True, slots=True)
class GuestDevices:
    """The guest of a machine that has been booted, whose kernel is listened to."""

    machine: Machine
    uevents: Watch

    @classmethod
    @contextmanager
    def of(cls, machine: Machine) -> Iterator[GuestDevices]:
        """With every driver loaded. Raises CommandFailed for a guest that lacks one, ChannelError, NotSeen."""
        install(machine)
        machine.ssh.run(["modprobe", "-a", *DRIVERS], timeout_s=_TIMEOUT_S)
        with watching(machine, "uevents") as uevents:
            yield cls(machine, uevents)

    def await_plugged(self, device: Pluggable, since: Stamp) -> Uevent:
        """When the guest's kernel has told of it; checked to be this very device. Raises NotSeen, WrongAnswer."""
        seen = self._await("add", _shows(device), since, device.name)
        found = self._identity(device, seen)
        if found != _expected(device):
            raise WrongAnswer(
                f"plugged in was {_expected(device)}, and the guest sees {found} as {seen.name}"
            )
        return seen

    def await_gone(self, seen: Uevent, since: Stamp) -> Stamp:
        """When the kernel has told that it is no more, and /sys has it no more. Raises NotSeen, WrongAnswer."""
        gone = self._await("remove", lambda event: event.path == seen.path, since, f"the end of {seen.name}")
        if self.machine.ssh.run(["test", "-e", f"/sys{seen.path}"], check=False).status == 0:
            raise WrongAnswer(f"the guest still has {seen.path}")
        return gone.stamp

    def check_content(self, seen: Uevent, content: bytes) -> None:
        """The device begins with these bytes, as the guest reads it; whole MiB. Raises DataLost."""
        self._check_sum(f"dd if=/dev/{seen.name} bs=1M count={len(content) >> 20} 2> /dev/null", content)

    def check_network(self, card: NetworkCard, seen: Uevent) -> None:
        """Frames go out and come in: the guest gets an address of the card's network. Raises WrongAnswer."""
        ask = f"ip link set {seen.name} up; udhcpc -i {seen.name} -n -q -t 30 -T 1 -s /bin/busybox 2>&1"
        said = self.machine.ssh.run(ask, timeout_s=_TIMEOUT_S, check=False).text()
        lease = _LEASE.search(said)
        if lease is None or not card.network.startswith(f"{lease[1]}."):
            raise WrongAnswer(
                f"the guest got no address of {card.network} through {seen.name}: {said[-200:]}"
            )

    def poll_drive(self) -> None:
        """Have the guest ask its CD drive for new discs, CD_POLLED_MS apart.

        Linux tells of another disc only where the one before was opened: of the first it says nothing.
        """
        self.machine.ssh.run(
            f"until [ -e /sys/block/sr0 ]; do :; done; echo {CD_POLLED_MS} > /sys/block/sr0/events_poll_msecs",
            timeout_s=_TIMEOUT_S,
        )

    def await_disc(self, since: Stamp) -> Stamp:
        """When the kernel has told of another disc; raises NotSeen."""
        return self._await(
            "change",
            lambda event: event.name == "sr0" and "DISK_MEDIA_CHANGE" in event.facts,
            since,
            "another disc",
        ).stamp

    def check_disc(self, name: str, content: bytes) -> None:
        """The disc's file has these bytes. Raises DataLost, CommandFailed."""
        self.mount_disc()
        try:
            self._check_sum(f"cat /mnt/{name}", content)
        finally:
            self.machine.ssh.run("umount /mnt", timeout_s=_TIMEOUT_S)

    def mount_disc(self) -> None:
        """At /mnt: while it is mounted, the drive's tray is locked."""
        self.machine.ssh.run("mount -t iso9660 -o ro /dev/sr0 /mnt", timeout_s=_TIMEOUT_S)

    @contextmanager
    def reading(self, seen: Uevent) -> Iterator[Watch]:
        """The events of an input device, as lines of type, code and value."""
        with watching(self.machine, "input", f"/dev/input/{seen.name}") as events:
            yield events

    def _await(self, action: str, matching: Callable[[Uevent], bool], since: Stamp, awaited: str) -> Uevent:
        def is_it(line: Line) -> bool:
            if line.text == "watching":
                return False
            event = Uevent.parse(line)
            return event.action == action and matching(event)

        return Uevent.parse(self.uevents.wait(is_it, SEEN_WITHIN_S, since, awaited=awaited))

    def _identity(self, device: Pluggable, seen: Uevent) -> str:
        if isinstance(device, Disk):
            return (
                device.name
                if GuestDisk.find(self.machine, device.name).device == f"/dev/{seen.name}"
                else "another"
            )
        if isinstance(device, NetworkCard):
            return self._read(f"/sys{seen.path}/address")
        if isinstance(device, UsbDisk):
            place = _USB_DEVICE.match(seen.path)
            return self._read(f"/sys{place['device']}/serial") if place else "no USB device"
        return self._read(f"/sys{seen.path}/device/name").removeprefix("QEMU ")

    def _read(self, path: str) -> str:
        return self.machine.ssh.run(["cat", path]).text().strip()

    def _check_sum(self, command: str, content: bytes) -> None:
        found = self.machine.ssh.run(f"{command} | sha256sum", timeout_s=_TIMEOUT_S).text().split()[0]
        if found != hashlib.sha256(content).hexdigest():
            raise DataLost(f"`{command}` in the guest gives other bytes than were put there")


def _shows(device: Pluggable) -> Callable[[Uevent], bool]:
    """Whether the kernel speaks of what users of such a device open."""
    if isinstance(device, (Disk, UsbDisk)):
        return lambda event: event.subsystem == "block" and event.facts.get("DEVTYPE") == "disk"
    if isinstance(device, NetworkCard):
        return lambda event: event.subsystem == "net"
    return lambda event: event.subsystem == "input" and event.name.startswith("event")


def _expected(device: Pluggable) -> str:
    if isinstance(device, NetworkCard):
        return device.mac
    return _INPUT_NAMES.get(type(device), device.name)
