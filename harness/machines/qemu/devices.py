"""The parts of a QEMU machine, as data: what each is, and which values it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.machines.disk import Aio, Cache, DiskInterface

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk image.

    ``format`` is named, never probed: a guest could write a qcow2 header into a raw image.
    """

    file: Path
    format: str
    interface: DiskInterface = DiskInterface.VIRTIO_BLK
    name: str | None = None
    """Its serial number in the guest, and its node's name in QMP."""
    readonly: bool = False
    snapshot: bool = False
    """Writes go to a temporary file that nobody keeps."""
    cache: Cache = Cache.WRITEBACK
    aio: Aio = Aio.THREADS
    boots_first: bool = False
    """Firmware tries it before every other device."""

    @property
    def driver(self) -> str:
        """QEMU's name for the device."""
        return "nvme" if self.interface is DiskInterface.NVME else "virtio-blk-pci"


@dataclass(frozen=True, slots=True)
class Forward:
    """A TCP port of the host's loopback that leads to one of the guest; host port 0: the system picks one."""

    guest_port: int
    host_port: int = 0


@dataclass(frozen=True, slots=True)
class UserNet:
    """User-mode networking; ``restrict``: the guest reaches nothing but what is forwarded to it."""

    restrict: bool = True
    forwards: tuple[Forward, ...] = ()
    device: str = "virtio-net-pci"
    mac: str | None = None
    subnet: IPv4Network | None = None
    """None: QEMU's, 10.0.2.0/24."""


@dataclass(frozen=True, slots=True)
class StreamNet:
    """Frames, each behind its length, through a connected socket that QEMU inherits: to another QEMU, or to passt."""

    fd: int
    device: str = "virtio-net-pci"
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class DgramNet:
    """Frames as datagrams of a connected socket that QEMU inherits."""

    fd: int
    device: str = "virtio-net-pci"
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class TapNet:
    """A tap of a kernel, open and inherited: QEMU makes none, and runs no script."""

    fd: int
    device: str = "virtio-net-pci"
    mac: str | None = None


Net = UserNet | StreamNet | DgramNet | TapNet
"""A network card, and what carries its frames on the host."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """A connected socket that QEMU inherits as this descriptor: no race to connect, no file to leave behind."""

    fd: int


@dataclass(frozen=True, slots=True)
class Connecting:
    """A TCP port that somebody listens on when QEMU starts; it connects once, and does not start when it cannot."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ToFile:
    """Output appended to a file."""

    path: Path


@dataclass(frozen=True, slots=True)
class Listening:
    """A Unix socket at ``path`` on which QEMU listens, whether anybody comes or not."""

    path: Path


@dataclass(frozen=True, slots=True)
class Stdio:
    """QEMU's own standard input and output; ``mux``: Ctrl-A is QEMU's key, and Ctrl-A X ends it."""

    mux: bool = False


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Output dropped, no input."""


Chardev = Inherited | Connecting | Listening | ToFile | Stdio | Nowhere
"""Where a character device leads."""


@dataclass(frozen=True, slots=True)
class Port:
    """A virtio-serial port, found by ``name`` in the guest."""

    name: str
    chardev: Chardev


@dataclass(frozen=True, slots=True)
class VsockCard:
    """AF_VSOCK for the guest; ``chardev``: the device process that carries it (vhost-user), None: the host's kernel."""

    guest_cid: int
    chardev: Chardev | None = None

    @property
    def driver(self) -> str:
        """QEMU's name for the device."""
        return "vhost-user-vsock-pci" if self.chardev is not None else "vhost-vsock-pci"


@dataclass(frozen=True, slots=True)
class IvshmemCard:
    """Memory that the guest has as a PCI device's, and the host too: ``fd``, a memory file that QEMU inherits; None:
    one of QEMU's own, which nobody else sees."""

    size_mib: int
    fd: int | None = None

    driver = "ivshmem-plain"
    """QEMU's name for the device."""


@dataclass(frozen=True, slots=True)
class Device:
    """Any other ``-device``, with its properties."""

    driver: str
    properties: Mapping[str, str | int | bool | Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What executes the guest: ``tcg``, ``kvm``, ``hvf``, ``whpx``."""

    name: str
    properties: Mapping[str, str | int | bool] = field(default_factory=dict)


class OnReboot(StrEnum):
    """What a reboot by the guest does."""

    RESET = "reset"
    SHUTDOWN = "shutdown"
