"""A vfkit and what one machine asks of it: from a MachineSpec to a command line and the files that it names."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.kernels.unpack import boots_directly, direct_kernel
from harness.machines.by_hand import ByHand
from harness.machines.model import GpuMode
from harness.machines.rest import definition
from harness.machines.rest.by_hand import differences
from harness.machines.rest.consoles import PtyConsole
from harness.machines.rest.disks import check_raw, private_copy
from harness.machines.rest.network import NetworkKind, Plug
from harness.machines.rest.pausing import ByRequest
from harness.machines.rest.vmm import Prepared
from harness.machines.rest.vsock import Ports, ports
from harness.machines.vz.command import build
from harness.machines.vz.config import (
    ENTITLEMENT,
    Blk,
    EfiBoot,
    Gpu2d,
    LinuxBoot,
    NatNet,
    Rng,
    Rosetta,
    SerialPty,
    SerialStdio,
    SocketNet,
    VfkitConfig,
)

if TYPE_CHECKING:
    from harness.guests.model import GuestImage
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.model import MachineSpec
    from harness.machines.rest.vmm import Place
    from harness.machines.vz.config import Boot, Device, Serial

OPTIONS = {
    **definition.OPTIONS,
    "network": "nat (the default), gvproxy, vmnet (by vmnet-helper): the guest reaches what the host does; or none",
    "rng": "on: a virtio-rng device",
    "size": "width and height of the 2D GPU's display, such as 1280x720",
    "rosetta": "on: Apple's translator of x86-64 programs, mounted with the tag rosetta",
}
"""What MachineSpec.extra may say to the backend vz."""
NETWORKS = (NetworkKind.NAT, NetworkKind.GVPROXY, NetworkKind.VMNET, NetworkKind.NONE)
GPUS = frozenset({GpuMode.NONE, GpuMode.TWO_D})
_DEFAULT_SIZE = (800, 600)


@dataclass(frozen=True, slots=True)
class Vfkit:
    """As :class:`harness.machines.rest.vmm.Program`. Made by :func:`define`."""

    binary: VmmProgram
    guest: GuestImage
    cpus: int
    memory_mib: int
    network: NetworkKind
    extras: tuple[Device, ...]
    """Devices that need no file of the machine's own."""
    writable: bool
    efi: bool
    vsock: Ports | None

    name = "vfkit"
    entitlement = ENTITLEMENT
    has_worker = True
    pausing = ByRequest()

    @property
    def settings(self) -> dict[str, str | int]:
        devices = ", ".join(type(device).__name__.lower() for device in self.extras)
        return {
            "vmm": f"{self.name} {self.binary.version_text}",
            "cpus": self.cpus,
            "memory_mib": self.memory_mib,
            "network": self.network.value,
            "boot": "efi" if self.efi else "linux",
            **({"kernel_command_line": self.command_line} if self.guest.kernel else {}),
            **({"devices": devices} if devices else {}),
            **({"vsock": str(self.vsock)} if self.vsock else {}),
        }

    @property
    def command_line(self) -> str:
        """The kernel's."""
        return definition.command_line(self.guest, self.network)

    def config(self, boot: Boot, devices: tuple[Device, ...], rest: Path, console: Serial) -> VfkitConfig:
        """What vfkit is told, with the machine's own devices first."""
        return VfkitConfig(
            binary=self.binary.path,
            boot=boot,
            rest=rest,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            devices=(*devices, console, *self.extras),
        )

    def by_hand(self, place: Place) -> ByHand:
        """As :meth:`harness.machines.rest.vmm.Program.by_hand`."""
        guest, plug = self.guest, Plug.of(self.network, place.private)
        differs = differences(
            guest, place, plug, writable=self.writable, vsock=self.vsock is not None,
            console="this terminal; the harness reads a pseudo-terminal",
        )  # fmt: skip
        boot: Boot = EfiBoot(place.private / "efi-variables")
        if guest.kernel and not self.efi:
            boot = LinuxBoot(guest.kernel, guest.initrd, self.command_line)
            if not boots_directly(guest.kernel, guest.arch):
                unpack = f"visorbench kernel unpack {shlex.quote(str(guest.kernel))}"
                differs["kernel"] = f"must be what `{unpack}` writes; the harness unpacks it for each machine"
        vsock = self.vsock.devices(place.private) if self.vsock else ()
        disks = [Blk(image) for image in (guest.root_image, guest.disk) if image]
        config = self.config(boot, (*disks, *_net(plug), *vsock), place.rest, SerialStdio())
        return ByHand(tuple(build(config)), differs)

    def prepare(self, place: Place, initrd: Path | None) -> Prepared:
        """As :meth:`harness.machines.rest.vmm.Program.prepare`."""
        plug = Plug.of(self.network, place.private)
        vsock = self.vsock.devices(place.private) if self.vsock else ()
        devices = (*self._disks(place.private, initrd), *_net(plug), *vsock)
        argv = build(self.config(self._boot(place.private, initrd), devices, place.rest, SerialPty()))
        network, beside = plug.start(place)
        return Prepared(tuple(argv), network, PtyConsole(place.logs), beside)

    def _boot(self, private: Path, initrd: Path | None) -> Boot:
        kernel = self.guest.kernel
        if kernel is None or self.efi:
            return EfiBoot(private / "efi-variables")
        return LinuxBoot(direct_kernel(kernel, self.guest.arch, private), initrd, self.command_line)

    def _disks(self, private: Path, initrd: Path | None) -> tuple[Blk, ...]:
        """The image of the guest's root first, where its initramfs looks for it. The framework locks what it opens,
        so that a machine gets its own copy."""
        images = [(self.guest.root_image, False), (self.guest.disk, self.writable)]
        disks = [
            Blk(image if keep else private_copy(image, private / f"disk{number}.raw"))
            for number, (image, keep) in enumerate(images)
            if image
        ]
        if self.efi and self.guest.kernel:
            from harness.guests.efi import write_efi_disk  # noqa: PLC0415 - few boots need it

            guest = replace(self.guest, append=self.command_line)
            to = private / "efi.img"
            disks.append(Blk(write_efi_disk(guest, to, initrd=initrd, elsewhere="set TMPDIR")))
        return tuple(disks)


def define(spec: MachineSpec, binary: VmmProgram) -> Vfkit:
    """What ``spec`` asks of vfkit. Raises UnknownName, InvalidConfiguration."""
    definition.check_spec(spec, OPTIONS, "vz")
    guest = spec.guest
    if spec.gpu not in GPUS:
        raise InvalidConfiguration(
            f"vz has no GPU of the kind {spec.gpu}: Virtualization.framework's is a plain display",
            fix="use --gpu 2d, or a backend of QEMU for Vulkan",
        )
    if guest.disk:
        check_raw(guest.disk, "vfkit")
    vfkit = Vfkit(
        binary=binary,
        guest=guest,
        cpus=definition.cpus(spec),
        memory_mib=definition.memory_mib(spec),
        network=definition.network(spec, *NETWORKS),
        extras=tuple(_extras(spec)),
        writable=definition.switch(spec, "writable"),
        efi=spec.efi or guest.kernel is None,
        vsock=ports(spec),
    )
    _check(vfkit)
    return vfkit


def _net(plug: Plug) -> tuple[Device, ...]:
    match plug.kind:
        case NetworkKind.NONE:
            return ()
        case NetworkKind.NAT:
            return (NatNet(plug.mac),)
        case _:
            return (SocketNet(plug.path, plug.mac),)


def _check(vfkit: Vfkit) -> None:
    """Raise what building the command line raises, before anything is made."""
    guest, later = vfkit.guest, Path("later")
    boot = LinuxBoot(guest.kernel, guest.initrd, vfkit.command_line) if guest.kernel else EfiBoot(later)
    disks = (Blk(guest.disk),) if guest.disk and vfkit.writable else ()
    build(vfkit.config(boot, disks, later, SerialPty()))


def _extras(spec: MachineSpec) -> list[Device]:
    found: list[Device] = []
    if definition.switch(spec, "rng"):
        found.append(Rng())
    found += definition.shared_folder(spec)
    if definition.switch(spec, "rosetta"):
        found.append(Rosetta("rosetta", ignore_if_missing=False))
    width, height = definition.size(spec, _DEFAULT_SIZE)
    if spec.gpu is GpuMode.TWO_D:
        found.append(Gpu2d(width, height))
    elif "size" in spec.extra:
        raise InvalidConfiguration("a size without a GPU", fix="give the machine one too: --gpu 2d")
    return found
