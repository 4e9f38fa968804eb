"""Devices that come and go on a running QEMU: device_add and device_del with the event that tells of the end.

QEMU's docs/system/device-emulation and qapi/: what a device is a front-end of (a block node, a network) is added
before it and deleted after it. device_del only asks: the guest lets go of a PCI device when it likes, and the event
DEVICE_DELETED tells; USB asks nobody.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness.channels.stamp import Stamp
from harness.errors import (
    ControlRefused,
    ControlTimeout,
    DeviceKept,
    InvalidConfiguration,
    NoHotPlug,
    UnknownName,
    WrongState,
)
from harness.machines.devices import (
    POINTER_MAX,
    Done,
    NetworkCard,
    PointAt,
    UsbDisk,
    UsbKeyboard,
    UsbTablet,
)
from harness.machines.disk import Cache, Disk, DiskInterface
from harness.machines.qemu.checks import check_device_name
from harness.machines.qemu.devices import Device

if TYPE_CHECKING:
    from pathlib import Path

    from harness.channels.qmp import Qmp
    from harness.machines.devices import Input, Pluggable

PORTS = tuple(f"slot{number}" for number in range(1, 5))
"""The PCIe ports that devices are plugged into: the root bus of q35 and virt takes none while it runs."""
_USB, _SCSI, _CD = "usb", "scsi", "cd"
_FIRST_CHASSIS = 32
"""Ports are told apart by chassis and slot; a chassis of the harness's own keeps clear of a user's."""

BUSES = (
    *(
        Device("pcie-root-port", {"id": port, "chassis": _FIRST_CHASSIS + number})
        for number, port in enumerate(PORTS)
    ),
    Device("qemu-xhci", {"id": _USB}),
    Device("virtio-scsi-pci", {"id": _SCSI}),
    Device("scsi-cd", {"id": _CD, "bus": f"{_SCSI}.0"}),
)
"""What a machine is given for devices to come and go: ports, a USB controller, a drive for CDs."""


_OWN = frozenset(str(device.properties["id"]) for device in BUSES)


def check_hotplug(machine_type: str) -> None:
    """Raise InvalidConfiguration for a machine type without the PCIe ports of :data:`BUSES`."""
    kind = machine_type.partition(",")[0]
    if not any(family in kind for family in ("q35", "virt")):
        raise InvalidConfiguration(
            f"the machine type {kind} has no PCIe ports for devices that come and go", fix="use q35 or virt"
        )


class QemuDevices:
    """As :class:`harness.machines.devices.Devices`, over QMP."""

    def __init__(self, qmp: Qmp) -> None:
        self._qmp = qmp
        self._plugged: dict[str, tuple[Pluggable, str]] = {}
        """Name → device, and the bus that it is on."""

    def plug(self, device: Pluggable, *, timeout_s: float = 30) -> Done:
        """Add what it is a front-end of, then the device; nothing stays when that is refused."""
        check_device_name(device.name)
        if device.name in _OWN:
            raise InvalidConfiguration(
                f"{device.name} is the harness's own name for a bus", fix="name it otherwise"
            )
        if device.name in self._plugged:
            raise InvalidConfiguration(
                f"{device.name} is plugged in already", fix="name each device differently"
            )
        bus = self._bus_for(device)
        asked = Stamp(time.monotonic_ns())
        self._add_backend(device)
        try:
            self._qmp.execute(
                "device_add", {"id": device.name, "bus": bus, **_front(device)}, timeout_s=timeout_s
            )
        except ControlRefused as error:
            self._delete_backend(device)
            if "hotplug" in error.desc:
                raise NoHotPlug(
                    f"{device.name} cannot be plugged into {bus}: {error.desc}",
                    fix="use another machine type",
                ) from None
            raise
        self._plugged[device.name] = device, bus
        return Done(asked, Stamp(time.monotonic_ns()))

    def unplug(self, name: str, *, timeout_s: float = 60) -> Done:
        """Ask the guest, wait for DEVICE_DELETED, and delete what the device was a front-end of."""
        if name not in self._plugged:
            raise UnknownName("device", name, self._plugged)
        asked = Stamp(time.monotonic_ns())
        try:
            self._qmp.execute("device_del", {"id": name})
            gone = self._qmp.wait_event(
                "DEVICE_DELETED", timeout_s, asked, matching=lambda event: event.data.get("device") == name
            )
        except ControlTimeout:
            raise _kept(name, f"did not let go of it within {timeout_s:g} s") from None
        except ControlRefused as error:
            raise _kept(name, f"does not let go of it: {error.desc}") from None
        device, _ = self._plugged.pop(name)
        self._delete_backend(device)
        return Done(asked, gone.stamp)

    def plugged(self) -> tuple[str, ...]:
        """In the order in which they came."""
        return tuple(self._plugged)

    def insert(self, disc: Path, *, timeout_s: float = 30) -> Done:
        """Open the tray, change the medium, close it: one command of QEMU's."""
        if not disc.is_file():
            raise InvalidConfiguration(f"{disc} is not a file", fix="correct the path")
        how = {"filename": str(disc.absolute()), "format": "raw", "read-only-mode": "read-only"}
        return self._with_the_tray("blockdev-change-medium", how, timeout_s, tray_open=False)

    def eject(self, *, timeout_s: float = 30) -> Done:
        """The guest is asked where it has locked the tray."""
        done = self._with_the_tray("blockdev-open-tray", {}, timeout_s, tray_open=True)
        self._qmp.execute("blockdev-remove-medium", {"id": _CD})
        return done

    def send(self, *events: Input, timeout_s: float = 30) -> Done:
        """Once the guest reads the tablet, which QEMU tells by pointing with it."""
        if any(isinstance(event, PointAt) or event.on_pointer for event in events):
            self._await_pointer(timeout_s)
        asked = Stamp(time.monotonic_ns())
        self._qmp.execute(
            "input-send-event", {"events": [each for event in events for each in _input(event)]}
        )
        return Done(asked, Stamp(time.monotonic_ns()))

    def _bus_for(self, device: Pluggable) -> str:
        if isinstance(device, (UsbDisk, UsbTablet, UsbKeyboard)):
            return f"{_USB}.0"
        taken = {bus for _, bus in self._plugged.values()}
        free = next((port for port in PORTS if port not in taken), None)
        if free is None:
            raise NoHotPlug(
                f"{device.name} finds no free PCIe port of {len(PORTS)}", fix="unplug a device first"
            )
        return free

    def _add_backend(self, device: Pluggable) -> None:
        if isinstance(device, (Disk, UsbDisk)):
            self._qmp.execute("blockdev-add", _node(device))
        elif isinstance(device, NetworkCard):
            network = {"type": "user", "id": _network(device), "net": device.network, "restrict": True}
            self._qmp.execute("netdev_add", network)

    def _delete_backend(self, device: Pluggable) -> None:
        if isinstance(device, (Disk, UsbDisk)):
            self._qmp.execute("blockdev-del", {"node-name": device.name})
        elif isinstance(device, NetworkCard):
            self._qmp.execute("netdev_del", {"id": _network(device)})

    def _with_the_tray(
        self, command: str, arguments: dict[str, Any], timeout_s: float, *, tray_open: bool
    ) -> Done:
        """Have the drive do something at whose end its tray is ``tray_open``; one that is already moves no more."""
        asked = Stamp(time.monotonic_ns())
        already = tray_open and self._tray_is_open()
        try:
            self._qmp.execute(command, {"id": _CD, **arguments}, timeout_s=timeout_s)
        except ControlRefused as error:
            if "locked" in error.desc:
                raise _kept(_CD, f"has locked the drive's tray: {error.desc}") from None
            raise
        if already:
            return Done(asked, Stamp(time.monotonic_ns()))
        try:
            moved = self._qmp.wait_event(
                "DEVICE_TRAY_MOVED", timeout_s, asked,
                matching=lambda event: event.data.get("tray-open") is tray_open,
            )  # fmt: skip
        except ControlTimeout:
            raise _kept(
                _CD, f"has locked the drive's tray, and did not open it within {timeout_s:g} s"
            ) from None
        return Done(asked, moved.stamp)

    def _tray_is_open(self) -> bool:
        drives = self._qmp.execute("query-block")
        return any(drive.get("tray_open", False) for drive in drives if drive.get("qdev") == _CD)

    def _await_pointer(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not any(mouse["current"] and mouse["absolute"] for mouse in self._qmp.execute("query-mice")):
            if time.monotonic() >= deadline:
                raise WrongState(
                    "no guest reads the tablet", fix="plug one in, and have the guest open its input device",
                    state="unread", required="read",
                )  # fmt: skip
            time.sleep(0.01)


def _front(device: Pluggable) -> dict[str, Any]:
    """The arguments of device_add that are the device's own."""
    if isinstance(device, UsbDisk):
        return {"driver": "usb-storage", "drive": device.name, "serial": device.name}
    if isinstance(device, Disk):
        driver = "nvme" if device.interface is DiskInterface.NVME else "virtio-blk-pci"
        kept = device.cache in (Cache.WRITETHROUGH, Cache.DIRECTSYNC)
        return {"driver": driver, "drive": device.name, "serial": device.name} | (
            {"write-cache": "off"} if kept else {}
        )
    if isinstance(device, NetworkCard):
        return {"driver": "virtio-net-pci", "netdev": _network(device), "mac": device.mac, "romfile": ""}
    return {"driver": "usb-tablet" if isinstance(device, UsbTablet) else "usb-kbd"}


def _node(disk: Disk | UsbDisk) -> dict[str, Any]:
    """The arguments of blockdev-add; ``-drive cache=`` is these two and the device's write cache."""
    cache = disk.cache if isinstance(disk, Disk) else Cache.WRITEBACK
    aio = disk.aio.value if isinstance(disk, Disk) else "threads"
    how = {"direct": cache.direct, "no-flush": not cache.keeps_fsync}
    file = {"driver": "file", "filename": str(disk.file.absolute()), "aio": aio, "cache": how}
    return {"driver": disk.format.value, "node-name": disk.name, "cache": how, "file": file}


def _network(card: NetworkCard) -> str:
    return f"{card.name}-network"


def _input(event: Input) -> list[dict[str, Any]]:
    if isinstance(event, PointAt):
        for value in (event.x, event.y):
            if not 0 <= value <= POINTER_MAX:
                raise InvalidConfiguration(
                    f"a tablet cannot point at {value}", fix=f"it can be 0 to {POINTER_MAX}"
                )
        return [
            {"type": "abs", "data": {"axis": axis, "value": at}}
            for axis, at in (("x", event.x), ("y", event.y))
        ]
    if event.on_pointer:
        return [{"type": "btn", "data": {"down": event.down, "button": event.key}}]
    return [{"type": "key", "data": {"down": event.down, "key": {"type": "qcode", "data": event.key}}}]


def _kept(device: str, why: str) -> DeviceKept:
    return DeviceKept(
        f"the guest {why}" if device == _CD else f"{device}: the guest {why}",
        fix="unmount what it uses of it; a guest without the driver for hot-plug never lets go", device=device,
    )  # fmt: skip
