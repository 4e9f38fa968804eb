"""A krunkit and what one machine asks of it: from a MachineSpec to a command line and the files that it names."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.host.write_errors import naming_write_errors
from harness.machines.by_hand import ByHand
from harness.machines.disk import ImageFormat
from harness.machines.images import image_format
from harness.machines.krun.command import build
from harness.machines.krun.config import ENTITLEMENT, Blk, KrunkitConfig, SocketNet
from harness.machines.krun.console import FifoConsole
from harness.machines.model import GpuMode
from harness.machines.rest import definition
from harness.machines.rest.by_hand import differences
from harness.machines.rest.devices import SerialLog
from harness.machines.rest.disks import private_copy
from harness.machines.rest.network import NetworkKind, Plug
from harness.machines.rest.pausing import ByJobControl
from harness.machines.rest.vmm import Prepared
from harness.machines.rest.vsock import Ports, ports

if TYPE_CHECKING:
    from harness.guests.model import GuestImage
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.krun.config import Device
    from harness.machines.model import MachineSpec
    from harness.machines.rest.devices import SharedFolder
    from harness.machines.rest.vmm import Place

OPTIONS = {
    **definition.OPTIONS,
    "network": "gvproxy (the default), vmnet (by vmnet-helper): the guest reaches what the host does; or none",
}
"""What MachineSpec.extra may say to the backend krun."""
NETWORKS = (NetworkKind.GVPROXY, NetworkKind.VMNET, NetworkKind.NONE)
GPUS = frozenset({GpuMode.NONE, GpuMode.VENUS})
"""A krunkit's GPU is always there: Venus on the host's Vulkan, without a display."""


@dataclass(frozen=True, slots=True)
class Krunkit:
    """As :class:`harness.machines.rest.vmm.Program`. Made by :func:`define`."""

    binary: VmmProgram
    guest: GuestImage
    cpus: int
    memory_mib: int
    network: NetworkKind
    shared: tuple[SharedFolder, ...]
    writable: bool
    vsock: Ports | None

    name = "krunkit"
    entitlement = ENTITLEMENT
    has_worker = False
    pausing = ByJobControl()

    @property
    def settings(self) -> dict[str, str | int]:
        return {
            "vmm": f"{self.name} {self.binary.version_text}",
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "network": self.network.value,
            "boot": "efi",
            "gpu": "venus",
            "pause": "SIGSTOP of krunkit",
            **({"kernel_command_line": self.command_line} if self.guest.kernel else {}),
            **({"vsock": str(self.vsock)} if self.vsock else {}),
        }

    @property
    def command_line(self) -> str:
        """The kernel's."""
        return definition.command_line(self.guest, self.network)

    def config(self, devices: tuple[Device, ...], rest: Path) -> KrunkitConfig:
        """What krunkit is told."""
        return KrunkitConfig(
            self.binary.path, rest, self.cpus, self.memory_mib, devices=(*devices, *self.shared)
        )

    def by_hand(self, place: Place) -> ByHand:
        """As :meth:`harness.machines.rest.vmm.Program.by_hand`, for a guest that is a disk."""
        guest, plug, console = self.guest, Plug.of(self.network, place.private), place.private / "console.log"
        differs = differences(
            guest, place, plug, writable=self.writable, vsock=self.vsock is not None,
            console=f"is written to {console}; the harness reads a FIFO",
        )  # fmt: skip
        disks = [_disk(image, image, keep=True) for image in (guest.root_image, guest.disk) if image]
        vsock = self.vsock.devices(place.private) if self.vsock else ()
        config = self.config((*disks, SerialLog(console), *_net(plug), *vsock), place.rest)
        return ByHand(tuple(build(config)), differs)

    def prepare(self, place: Place, initrd: Path | None) -> Prepared:
        """As :meth:`harness.machines.rest.vmm.Program.prepare`."""
        disks = self._disks(place.private, initrd)
        console = FifoConsole(place.private / "console", place.logs / "console.log")
        with ExitStack() as undo:
            undo.callback(console.end)
            with naming_write_errors("a machine's console", place.private, elsewhere="set TMPDIR"):
                console.prepare()
            plug = Plug.of(self.network, place.private)
            vsock = self.vsock.devices(place.private) if self.vsock else ()
            devices = (*disks, SerialLog(console.path), *_net(plug), *vsock)
            argv = build(self.config(devices, place.rest))
            network, beside = plug.start(place)
            undo.pop_all()
        return Prepared(tuple(argv), network, console, beside)

    def _disks(self, private: Path, initrd: Path | None) -> tuple[Blk, ...]:
        """The image of the guest's root first, where its initramfs looks for it; copies, but for a writable one."""
        images = [(self.guest.root_image, False), (self.guest.disk, self.writable)]
        disks = [
            _disk(image, private / f"disk{at}", keep=keep) for at, (image, keep) in enumerate(images) if image
        ]
        if self.guest.kernel:
            from harness.guests.efi import write_efi_disk  # noqa: PLC0415 - only who starts a machine

            guest = replace(self.guest, append=self.command_line)
            disks.append(
                Blk(write_efi_disk(guest, private / "efi.img", initrd=initrd, elsewhere="set TMPDIR"))
            )
        return tuple(disks)


def define(spec: MachineSpec, binary: VmmProgram) -> Krunkit:
    """What ``spec`` asks of krunkit. Raises UnknownName, InvalidConfiguration."""
    definition.check_spec(spec, OPTIONS, "krun")
    guest = spec.guest
    if spec.gpu not in GPUS:
        raise InvalidConfiguration(
            f"krun has no GPU of the kind {spec.gpu}: libkrun's is Venus without a display",
            fix="use --gpu venus, or a backend of QEMU",
        )
    if guest.kernel and guest.efi_stub is None:
        raise InvalidConfiguration(
            f"krun boots disks through UEFI, and guest {guest.name} is a kernel without an EFI stub",
            fix="boot it with --efi: the stub is then fetched, and a disk made",
        )
    krunkit = Krunkit(
        binary=binary,
        guest=guest,
        cpus=definition.cpus(spec),
        memory_mib=definition.memory_mib(spec),
        network=definition.network(spec, *NETWORKS),
        shared=definition.shared_folder(spec),
        writable=definition.switch(spec, "writable"),
        vsock=ports(spec),
    )
    writable = (Blk(guest.disk),) if guest.disk and krunkit.writable else ()
    build(
        krunkit.config(writable, Path("later"))
    )  # raises what the command line would, before anything is made
    return krunkit


def _net(plug: Plug) -> tuple[Device, ...]:
    if plug.kind is NetworkKind.NONE:
        return ()
    return (SocketNet(plug.path, plug.mac, gvproxy=plug.kind is NetworkKind.GVPROXY),)


def _disk(image: Path, to: Path, *, keep: bool) -> Blk:
    return Blk(image if keep else private_copy(image, to), ImageFormat(image_format(image)))
