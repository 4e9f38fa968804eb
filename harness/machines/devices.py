"""What a machine can do with devices while its guest runs: plug them in, pull them out, change a disc, type, point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.machines.disk import Disk, ImageFormat

if TYPE_CHECKING:
    from pathlib import Path

    from harness.channels.stamp import Stamp

POINTER_MAX = 0x7FFF
"""The right and lower edge of what a tablet points at; 0 is the left and upper one (QEMU: qapi/ui.json)."""


@dataclass(frozen=True, slots=True)
class UsbDisk:
    """A stick of USB storage; ``name`` is its serial number, as :class:`harness.machines.disk.Disk`'s."""

    name: str
    file: Path
    format: ImageFormat = ImageFormat.RAW


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """A network card on a user-mode network of its own, from which the guest reaches nothing but the DHCP server."""

    name: str
    mac: str
    network: str = "10.0.9.0/24"


@dataclass(frozen=True, slots=True)
class UsbTablet:
    """A pointer that says where it is, not how far it has moved."""

    name: str


@dataclass(frozen=True, slots=True)
class UsbKeyboard:
    """A keyboard."""

    name: str


Pluggable = Disk | UsbDisk | NetworkCard | UsbTablet | UsbKeyboard
"""A device that comes and goes; a Disk is on PCI."""


@dataclass(frozen=True, slots=True)
class Done:
    """When the VMM was asked for something, and when it had done it."""

    asked: Stamp
    done: Stamp

    @property
    def took_s(self) -> float:
        """Seconds between the two."""
        return self.seconds_to(self.done)

    def seconds_to(self, stamp: Stamp) -> float:
        """Seconds from the request to what happened at ``stamp``, in the guest for one."""
        return (stamp.at_ns - self.asked.at_ns) / 1e9


@dataclass(frozen=True, slots=True)
class PointAt:
    """The tablet points here, 0 to POINTER_MAX from the left and from the top."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Press:
    """A key (by QEMU's QKeyCode: ``a``, ``ret``) or, on the pointer, a button (``left``) goes down, or up again."""

    key: str
    down: bool = True
    on_pointer: bool = False


Input = PointAt | Press


class Devices(Protocol):
    """Devices of a machine that was asked for with MachineSpec.hotplug.

    Every method raises UnknownName for a device that is not plugged in, NoHotPlug where the bus takes none or is full,
    DeviceKept when the guest does not let go, and ControlError.
    """

    def plug(self, device: Pluggable, *, timeout_s: float = 30) -> Done:
        """Plug it in; when the guest notices is for the guest to tell. Raises InvalidConfiguration for a name that is
        taken, or that no device can have."""
        ...

    def unplug(self, name: str, *, timeout_s: float = 60) -> Done:
        """Ask for it back; done when the guest has let go and the device is no more."""
        ...

    def plugged(self) -> tuple[str, ...]:
        """The names of what was plugged in, oldest first."""
        ...

    def insert(self, disc: Path, *, timeout_s: float = 30) -> Done:
        """Put an ISO image into the CD drive, in place of the disc that it has."""
        ...

    def eject(self, *, timeout_s: float = 30) -> Done:
        """Open the drive's tray, and take the disc out once it is open."""
        ...

    def send(self, *events: Input, timeout_s: float = 30) -> Done:
        """Have a user do this, all at one moment. Raises WrongState when no guest reads the tablet."""
        ...
