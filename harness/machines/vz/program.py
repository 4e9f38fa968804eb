"""A vfkit and what one machine asks of it: from a MachineSpec to a command line and the files that it names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.kernels.unpack import direct_kernel
from harness.machines.model import GpuMode
from harness.machines.rest import definition
from harness.machines.rest.consoles import PtyConsole
from harness.machines.rest.disks import check_raw, private_copy
from harness.machines.rest.leases import leases_file, random_mac
from harness.machines.rest.network import LeasedNetwork, NetworkKind, NoNetwork
from harness.machines.rest.vmm import Prepared
from harness.machines.vz.command import build
from harness.machines.vz.config import (
    Blk,
    EfiBoot,
    Gpu2d,
    LinuxBoot,
    NatNet,
    Rng,
    Rosetta,
    SerialPty,
    SharedFolder,
    VfkitConfig,
)

if TYPE_CHECKING:
    from harness.guests.model import GuestImage
    from harness.host.vmm_programs import VmmProgram
    from harness.machines.model import MachineSpec
    from harness.machines.rest.network import Network
    from harness.machines.rest.vmm import Place
    from harness.machines.vz.config import Boot, Device

OPTIONS = {
    "network": "nat (the default: the guest reaches what the host does), or none",
    "writable": "on: the guest's writes to its disk image are kept",
    "rng": "on: a virtio-rng device",
    "size": "width and height of the 2D GPU's display, such as 1280x720",
    "share": "a folder of the host, which the guest mounts with the tag visorbench",
    "rosetta": "on: Apple's translator of x86-64 programs, mounted with the tag rosetta",
}
"""What MachineSpec.extra may say to the backend vz."""
SHARE_TAG = "visorbench"
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

    name = "vfkit"
    has_worker = True
    can_pause = True

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
        }

    @property
    def command_line(self) -> str:
        """The kernel's."""
        return definition.command_line(self.guest, self.network)

    def config(self, boot: Boot, devices: tuple[Device, ...], rest: Path) -> VfkitConfig:
        """What vfkit is told, with the machine's own devices first."""
        return VfkitConfig(
            binary=self.binary.path,
            boot=boot,
            rest=rest,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            devices=(*devices, SerialPty(), *self.extras),
        )

    def prepare(self, place: Place, initrd: Path | None) -> Prepared:
        """As :meth:`harness.machines.rest.vmm.Program.prepare`."""
        network, net = self._network()
        disks = self._disks(place.private, initrd)
        config = self.config(self._boot(place.private, initrd), (*disks, *net), place.rest)
        return Prepared(tuple(build(config)), network, PtyConsole(place.logs))

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

    def _network(self) -> tuple[Network, tuple[Device, ...]]:
        if self.network is NetworkKind.NONE:
            return NoNetwork(), ()
        mac = random_mac()
        return LeasedNetwork(mac, leases_file()), (NatNet(mac),)


def define(spec: MachineSpec, binary: VmmProgram) -> Vfkit:
    """What ``spec`` asks of vfkit. Raises UnknownName, InvalidConfiguration."""
    definition.check_spec(spec, OPTIONS, "vz")
    guest = spec.guest
    if spec.gpu not in (GpuMode.NONE, GpuMode.TWO_D):
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
        network=definition.network(spec, NetworkKind.NAT, NetworkKind.NONE),
        extras=tuple(_extras(spec)),
        writable=definition.switch(spec, "writable"),
        efi=spec.efi or guest.kernel is None,
    )
    _check(vfkit)
    return vfkit


def _check(vfkit: Vfkit) -> None:
    """Raise what building the command line raises, before anything is made."""
    guest, later = vfkit.guest, Path("later")
    boot = LinuxBoot(guest.kernel, guest.initrd, vfkit.command_line) if guest.kernel else EfiBoot(later)
    build(vfkit.config(boot, (Blk(guest.disk),) if guest.disk and vfkit.writable else (), later))


def _extras(spec: MachineSpec) -> list[Device]:
    found: list[Device] = []
    if definition.switch(spec, "rng"):
        found.append(Rng())
    if shared := spec.extra.get("share"):
        if not Path(shared).is_dir():
            raise InvalidConfiguration(f"{shared} is no folder that could be shared", fix="correct the path")
        found.append(SharedFolder(Path(shared).absolute(), SHARE_TAG))
    if definition.switch(spec, "rosetta"):
        found.append(Rosetta("rosetta", ignore_if_missing=False))
    width, height = definition.size(spec, _DEFAULT_SIZE)
    if spec.gpu is GpuMode.TWO_D:
        found.append(Gpu2d(width, height))
    elif "size" in spec.extra:
        raise InvalidConfiguration("a size without a GPU", fix="give the machine one too: --gpu 2d")
    return found
