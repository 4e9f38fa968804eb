"""Devices that come and go on real machines: of a boot sector, what QEMU does and refuses; of a guest, what it sees."""

import os
import time

import pytest

from harness.channels.stamp import Stamp
from harness.display.spice import SpiceLink
from harness.display.vnc import VncDisplay
from harness.errors import (
    DeviceKept,
    InvalidConfiguration,
    InvalidMessage,
    NoHotPlug,
    NotSeen,
    ToolMissing,
    UnknownName,
    WrongState,
)
from harness.guests.image.iso9660 import SECTOR_BYTES, write_iso
from harness.guests.model import Arch
from harness.machines.devices import NetworkCard, PointAt, Press, UsbDisk, UsbKeyboard, UsbTablet
from harness.machines.guest_devices import GuestDevices
from harness.machines.model import MachineSpec, Phase
from harness.machines.qemu.backend import QemuBackend
from harness.machines.qemu.hotplug import PORTS
from harness.machines.watch import Line, Uevent, Watch

PATIENCE_S = 300
CONTENT = os.urandom(1 << 20)


@pytest.fixture
def image(tmp_path):
    """A raw image that begins with CONTENT."""
    path = tmp_path / "image, ü.raw"
    path.write_bytes(CONTENT + bytes(1 << 20))
    return path


@pytest.fixture
def disc(tmp_path):
    """Makes ISO images."""

    def make(name, content):
        path = tmp_path / f"{name}, ü.iso"
        with path.open("wb") as out:
            write_iso(out, {"DATA.BIN": content, "EMPTY.": b""}, volume=name)
        return path

    return make


@pytest.mark.guest_boot
def test_what_goes_in_comes_out_and_what_cannot_is_named(sector, image, disc):
    with sector(hotplug=True) as machine:
        with pytest.raises(WrongState, match="has not started"):
            _ = machine.devices
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=PATIENCE_S)
        devices = machine.devices
        for device in (UsbDisk("stick", image), UsbTablet("tablet"), UsbKeyboard("keyboard")):
            assert devices.plug(device).took_s > 0
        assert devices.plugged() == ("stick", "tablet", "keyboard")
        with pytest.raises(InvalidConfiguration, match="plugged in already"):
            devices.plug(UsbDisk("stick", image))
        for name in ("2nd", "cd", "a b"):
            with pytest.raises(InvalidConfiguration, match=name):
                devices.plug(UsbTablet(name))
        with pytest.raises(UnknownName, match=r"unknown device 'tablett'.*did you mean 'tablet'"):
            devices.unplug("tablett")
        with pytest.raises(WrongState, match="no guest reads the tablet"):
            devices.send(PointAt(1, 1), timeout_s=0)
        devices.send(Press("a"), Press("a", down=False))
        for name in devices.plugged():  # USB asks no guest
            assert devices.unplug(name).took_s > 0
        assert devices.plugged() == ()
        devices.plug(UsbDisk("stick", image))  # its image and its name are free again

        for number in range(len(PORTS)):
            devices.plug(NetworkCard(f"card{number}", f"52:54:00:00:00:{number:02x}"))
        with pytest.raises(NoHotPlug, match="no free PCIe port of 4"):
            devices.plug(NetworkCard("card-more", "52:54:00:00:00:ff"))
        with pytest.raises(DeviceKept, match="card0: the guest did not let go"):
            devices.unplug("card0", timeout_s=0.2)  # a boot sector knows no hot-plug
        assert "card0" in devices.plugged()

        devices.insert(disc("one", b"1"))
        devices.insert(disc("two", b"2"))
        assert devices.eject().took_s >= 0
        assert devices.eject().took_s >= 0  # nothing in it, and open
        with pytest.raises(InvalidConfiguration, match="not a file"):
            devices.insert(image.with_name("none"))
        assert machine.control.status() == "running"


@pytest.mark.guest_boot
def test_a_machine_that_was_not_asked_for_it_takes_none(sector):
    with sector() as machine:
        machine.start()
        with pytest.raises(NoHotPlug, match="MachineSpec"):
            _ = machine.devices


def test_a_machine_type_without_ports_is_refused_before_it_starts(sector):
    with pytest.raises(InvalidConfiguration, match="pc has no PCIe ports"):
        sector(hotplug=True, machine_type="pc")


@pytest.mark.guest_boot
def test_both_display_servers_greet_a_client(sector):
    try:
        made = sector(extra={"video": "VGA", "vnc": "on", "spice": "on"})
    except ToolMissing as missing:
        pytest.skip(str(missing))
    with made as machine:
        machine.start()
        for server in (SpiceLink, VncDisplay):
            for _ in range(2):
                server.open(machine.control.qmp).close()


@pytest.mark.guest_boot
def test_a_guest_sees_what_comes_and_what_goes(reference, image, disc, tmp_path):
    first, second = os.urandom(100_000), os.urandom(2048)
    spec = MachineSpec(reference("devices", Arch.X86_64), hotplug=True)
    with QemuBackend("tcg", logs=tmp_path / "logs").machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        with GuestDevices.of(machine) as guest:
            devices = machine.devices
            card = NetworkCard("card", "52:54:00:76:62:01")
            for device in (UsbDisk("stick", image), card):
                seen = guest.await_plugged(device, devices.plug(device).asked)
                if device is card:
                    guest.check_network(card, seen)
                else:
                    guest.check_content(seen, CONTENT)
                asked = devices.unplug(device.name, timeout_s=PATIENCE_S).asked
                assert guest.await_gone(seen, asked).at_ns > asked.at_ns

            tablet = UsbTablet("tablet")
            with guest.reading(guest.await_plugged(tablet, devices.plug(tablet).asked)) as heard:
                heard.wait_for("3 1 4321", devices.send(PointAt(1234, 4321)).asked)

            guest.poll_drive()
            devices.insert(disc("first", first))
            guest.check_disc("data.bin", first)
            guest.await_disc(devices.insert(disc("second", second)).asked)
            guest.check_disc("data.bin", second)
            guest.mount_disc()
            with pytest.raises(DeviceKept, match="locked the drive's tray"):
                devices.insert(disc("first", first))
            machine.ssh.run("umount /mnt")


def test_a_cd_is_the_same_for_the_same_files_and_refuses_what_it_cannot_hold(disc, tmp_path):
    made = disc("same", b"x" * 3000).read_bytes()
    assert made == disc("same", b"x" * 3000).read_bytes()
    assert (len(made) % SECTOR_BYTES, made[0x8001:0x8006], made[0x8028:0x802C]) == (0, b"CD001", b"SAME")
    assert int.from_bytes(made[0x8050:0x8054], "little") * SECTOR_BYTES == len(made)
    with (tmp_path / "none").open("wb") as out:
        for name in ("data.bin", "TOOLONGNAME.BIN", "A/B.C"):
            with pytest.raises(InvalidConfiguration, match="cannot be called"):
                write_iso(out, {name: b""}, volume="x")
        with pytest.raises(InvalidConfiguration, match="too many"):
            write_iso(out, {f"F{number}.BIN": b"" for number in range(60)}, volume="x")


def test_lines_are_put_together_and_who_waits_in_vain_is_told():
    watch, since = Watch("uevents"), Stamp(time.monotonic_ns())
    watch.take(b"add block /dev")
    watch.take(b"ices/sda DEVTYPE=disk\nremove net /devices/eth1\n")
    event = Uevent.parse(watch.wait(lambda line: line.text.startswith("add"), 1, since, awaited="sda"))
    assert (event.action, event.subsystem, event.name, event.facts) == (
        "add",
        "block",
        "sda",
        {"DEVTYPE": "disk"},
    )
    with pytest.raises(NotSeen, match="nothing of sdb"):
        watch.wait(lambda line: "sdb" in line.text, 0, since, awaited="sdb")
    with pytest.raises(NotSeen):
        watch.wait_for("remove net /devices/eth1", Stamp(time.monotonic_ns()), timeout_s=0)  # too long ago
    watch.end(WrongState("it is over"))
    with pytest.raises(WrongState, match="over"):
        watch.wait_for("more", since)


@pytest.mark.parametrize("said", ["", "add block", "add block sda", "\x1b[2J a b"])
def test_what_is_no_uevent_is_refused(said):
    with pytest.raises(InvalidMessage):
        Uevent.parse(Line(said, Stamp(0)))


def test_a_line_without_end_is_refused():
    with pytest.raises(InvalidMessage, match="without end"):
        Watch("uevents").take(b"x" * 20_000)
