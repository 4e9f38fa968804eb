"""Devices that come and go, discs, keys and pointers, and a display's servers: done by the VMM, seen by the guest."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from harness.display.spice import SpiceLink
from harness.display.vnc import VncDisplay
from harness.errors import ToolMissing
from harness.guests.image.iso9660 import write_iso
from harness.machines.devices import NetworkCard, PointAt, Press, UsbDisk, UsbKeyboard, UsbTablet
from harness.machines.disk import DiskInterface, ImageFormat
from harness.machines.guest_devices import CD_POLLED_MS, GuestDevices

pytestmark = [
    pytest.mark.guest("devices"),
    pytest.mark.long,
    pytest.mark.needs("hotplug", "ssh"),
    pytest.mark.workload("watch"),
]
BOOT_TIMEOUT_S = 300
SEEN = "from the request to the VMM until the guest's kernel tells of it, as the harness hears"
LET_GO = "from the request to the VMM until the device is no more there: a guest is asked, but for USB"
HANDSHAKE = "from the request that hands QEMU a client's connection until its server has greeted the client"
CONTENT = os.urandom(1 << 20)
KEY_A, BUTTON_LEFT = 30, 272
"""linux/input-event-codes.h."""


@pytest.fixture
def devices(disk_factory):
    """One of every kind, by the name that its metrics have; disks begin with CONTENT."""
    kinds = {"virtio-disk": DiskInterface.VIRTIO_BLK, "nvme-disk": DiskInterface.NVME}
    disks = {
        name: disk_factory(name, 8, format=ImageFormat.RAW, interface=each) for name, each in kinds.items()
    }
    stick = disk_factory("usb-disk", 8, format=ImageFormat.RAW)
    for disk in (*disks.values(), stick):
        with disk.file.open("r+b") as image:
            image.write(CONTENT)
    others = (
        UsbDisk("usb-disk", stick.file),
        NetworkCard("network-card", "52:54:00:76:62:01"),
        UsbTablet("usb-tablet"),
    )
    return disks | {device.name: device for device in others}


def test_hot_plug(machine_factory, devices, measure, profile):
    """Disks, a network card, a USB stick and a tablet: plugged in, used by the guest, and unplugged."""
    with machine_factory(hotplug=True) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        with GuestDevices.of(machine) as guest:
            for number in measure.rounds(profile.device_rounds):
                for kind in measure.turns(number, *devices):
                    device = devices[kind]
                    plugged = machine.devices.plug(device)
                    seen = guest.await_plugged(device, plugged.asked)
                    took_s = plugged.seconds_to(seen.stamp)
                    measure.record(f"{kind}/plug-to-seen", took_s, unit="s", better="lower", definition=SEEN)
                    if "disk" in kind:
                        guest.check_content(seen, CONTENT)
                    elif kind == "network-card":
                        guest.check_network(device, seen)
                    unplugged = machine.devices.unplug(device.name)
                    gone = unplugged.seconds_to(guest.await_gone(seen, unplugged.asked))
                    measure.record(
                        f"{kind}/unplug-to-unseen", gone, unit="s", better="lower", definition=SEEN
                    )
                    measure.record(
                        f"{kind}/unplug", unplugged.took_s, unit="s", better="lower", definition=LET_GO
                    )


def test_discs(machine_factory, disk_factory, measure, profile):
    """A CD in place of another: the guest notices, and reads what is on it."""
    discs = {disk_factory.folder / f"{name}.iso": os.urandom(1 << 18) for name in ("one", "other")}
    for file, content in discs.items():
        with file.open("wb") as image:
            write_iso(image, {"DATA.BIN": content}, volume=file.stem)
    with machine_factory(hotplug=True) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        with GuestDevices.of(machine) as guest:
            guest.poll_drive()
            one, other = discs
            machine.devices.insert(other)
            guest.check_disc("data.bin", discs[other])
            for _ in measure.rounds(profile.device_rounds):
                for disc in (one, other):
                    inserted = machine.devices.insert(disc)
                    took_s = inserted.seconds_to(guest.await_disc(inserted.asked))
                    measure.record("cd/change-to-seen", took_s, unit="s", better="lower", definition=SEEN)
                    guest.check_disc("data.bin", discs[disc])
            measure.note("cd/change-to-seen", f"the guest asks its drive every {CD_POLLED_MS} ms")
            machine.devices.eject()


def test_input(machine_factory, measure, profile):
    """A key, a button and a place, sent by the VMM and read by the guest from its input devices."""
    with machine_factory(hotplug=True) as machine:
        machine.boot(timeout_s=BOOT_TIMEOUT_S)
        with GuestDevices.of(machine) as guest, ExitStack() as reading:
            heard = {}
            for kind, device in (("pointer", UsbTablet("tablet")), ("key", UsbKeyboard("keyboard"))):
                seen = guest.await_plugged(device, machine.devices.plug(device).asked)
                heard[kind] = reading.enter_context(guest.reading(seen))
            for number in measure.rounds(profile.device_rounds):
                for kind, event, line in typed(number):
                    sent = machine.devices.send(event)
                    took_s = sent.seconds_to(heard[kind].wait_for(line, sent.asked))
                    measure.record(f"input/{kind}", took_s, unit="s", better="lower", definition=SEEN)


def typed(number):
    """What a user does in this round, and the line of type, code and value that the guest is to read."""
    yield "pointer", PointAt(1000 + number, 100 + number), f"3 1 {100 + number}"
    for down in (True, False):
        yield "pointer", Press("left", down=down, on_pointer=True), f"1 {BUTTON_LEFT} {int(down)}"
        yield "key", Press("a", down=down), f"1 {KEY_A} {int(down)}"


def test_servers(machine_factory, measure, profile):
    """A client's whole handshake with QEMU's VNC and SPICE servers."""
    servers = {"vnc": VncDisplay, "spice": SpiceLink}
    for number in measure.rounds(profile.device_rounds):
        for name in measure.turns(number, *servers):
            try:
                machine = machine_factory(extra=(("video", "VGA"), (name, "on")))
            except ToolMissing as lack:
                measure.leave_out(name, code=f"no-{name}", reason=lack.message, fix=lack.fix or "")
                continue
            with machine:
                machine.start()
                with measure.timed(f"{name}/handshake", definition=HANDSHAKE):
                    client = servers[name].open(machine.control.qmp)
                client.close()
