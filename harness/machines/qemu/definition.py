"""From what a scenario asks for (MachineSpec) to a QEMU configuration: defaults filled in, options understood."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, ToolMissing, UnknownName
from harness.guests.model import Arch
from harness.host.firmware import firmware_for
from harness.machines.disk import DiskInterface
from harness.machines.images import image_format
from harness.machines.login import SSH_PORT
from harness.machines.model import GpuMode
from harness.machines.network import Tap, UserMode
from harness.machines.qemu import balloon, defaults
from harness.machines.qemu.config import QemuConfig
from harness.machines.qemu.devices import (
    Device,
    DgramNet,
    Drive,
    Forward,
    Listening,
    Nowhere,
    OnReboot,
    Port,
    StreamNet,
    TapNet,
    UserNet,
)
from harness.machines.qemu.gpu import GPUS, Surface, surface_for
from harness.machines.qemu.graphics import Display, Gpu
from harness.machines.qemu.hotplug import BUSES, check_hotplug
from harness.machines.qemu.ivshmem import ivshmem_card
from harness.machines.qemu.vsock import card

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.host.qemu import QemuBinary
    from harness.machines.model import MachineSpec
    from harness.machines.network import Network
    from harness.machines.qemu.devices import Net

OPTIONS = {
    "video": "a display device such as VGA or virtio-gpu-pci, or none; screenshots need one",
    "display": "where the picture goes on the host: none, gtk, cocoa, egl-headless, sdl,gl=on …",
    "size": "width and height of the GPU's display, such as 1280x720",
    "vnc": "on: a VNC server for frames, which listens nowhere",
    "spice": "on: a SPICE server, which listens nowhere",
    "rng": "on: a virtio-rng device",
    "ivshmem": "MiB of memory that host and guest share, a power of two; Linux only",
    "balloon": "on, or reporting: the guest gives back what it does not use; its kernel needs virtio_balloon",
    "watchdog": "a watchdog device, such as i6300esb or ib700; when it fires, the guest is stopped and its wait ends",
    "network": "restricted (the default), open, or none",
    "disk-interface": "virtio-blk (the default) or nvme",
    "monitor": "a path: a unix socket there, where other programs may speak QMP",
    "writable": "on: the guest's writes to its disk image are kept",
}
"""What MachineSpec.extra may say to a QEMU backend."""
SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")


_SOCKET_NETWORKS = (7, 2, 0)


def define(spec: MachineSpec, qemu: QemuBinary, accelerator: str) -> QemuConfig:
    """The configuration of ``spec``, its channels leading nowhere yet.

    Raises UnknownName, InvalidConfiguration, ToolMissing for what boots through firmware that this host lacks, and
    GpuUnavailable; HostLacks where nothing carries vsock.
    """
    _check_efi(spec)
    guest, extra = spec.guest, spec.extra
    for key in extra:
        if key not in OPTIONS:
            raise UnknownName("option", key, OPTIONS, where=f"what the backend {accelerator} can be told")
    video = extra.get("video") or _default_video(spec)
    vsock = card() if spec.vsock else None
    cpus = defaults.cpus(guest.arch, accelerator) if spec.cpus is None else spec.cpus
    asked = extra.get("display")
    surface = Surface(Display.parse(asked)) if asked else surface_for(spec.gpu, guest.arch, qemu)
    drives = _drives(spec)
    machine = spec.machine_type or defaults.machine_type(guest.arch, accelerator)
    if spec.hotplug:
        check_hotplug(machine)
    nvme = spec.hotplug or _has_nvme(drives)
    return QemuConfig(
        binary=qemu.path,
        arch=guest.arch,
        machine=machine,
        cpu=spec.cpu_model or defaults.cpu_model(guest.arch, accelerator),
        accelerator=defaults.accelerator(accelerator, guest.arch),
        memory_mib=guest.memory_mib if spec.memory_mib is None else spec.memory_mib,
        cpus=cpus,
        most_cpus=defaults.most_cpus(accelerator, spec.gpu, cpus, vsock=spec.vsock, nvme=nvme),
        kernel=None if spec.efi else guest.kernel,
        initrd=None if spec.efi else guest.initrd,
        append="" if spec.efi else guest.append,
        firmware=guest.firmware or _firmware(spec, qemu.path),
        drives=drives,
        networks=(*_networks(spec), *(_own_network(each, qemu) for each in spec.networks)),
        console=Nowhere(),
        ports=(Port(guest.ready_port, Nowhere()),) if guest.ready_port else (),
        monitor=Nowhere(),
        open_monitor=Listening(Path(extra["monitor"])) if "monitor" in extra else None,
        vsock=vsock,
        shared_memory=vsock is not None and vsock.chardev is not None,
        ivshmem=ivshmem_card(spec.extra["ivshmem"]) if "ivshmem" in spec.extra else None,
        rng=_switch(spec, "rng"),
        devices=_devices(spec),
        video=None if video == "none" else video,
        gpu=_gpu(spec),
        display=surface.display,
        vnc=_switch(spec, "vnc"),
        spice=_switch(spec, "spice"),
        environment=surface.environment,
        # A guest booted from a kernel reboots because it panicked; one with a disk may have other reasons.
        on_reboot=OnReboot.RESET if guest.disk else OnReboot.SHUTDOWN,
        name=f"visorbench-{guest.name}",
        features=qemu.features,
    )


def _devices(spec: MachineSpec) -> tuple[Device, ...]:
    watchdog, mode = spec.extra.get("watchdog"), _choice(spec, "balloon", [*balloon.MODES])
    return (
        *(BUSES if spec.hotplug else ()),
        *([Device(watchdog)] if watchdog else []),
        *([balloon.device(mode)] if mode != "off" else []),
    )


def _gpu(spec: MachineSpec) -> Gpu | None:
    gpu, size = GPUS.get(spec.gpu), spec.extra.get("size")
    if size is None:
        return gpu
    sides = SIZE.fullmatch(size)
    if gpu is None or sides is None:
        raise InvalidConfiguration(
            f"a GPU's display of {size!r}" if gpu else f"a display of {size} without a GPU",
            fix="a size is width and height, such as 1280x720"
            if gpu
            else "give the machine a GPU too, 2d say",
        )
    return replace(gpu, size=(int(sides[1]), int(sides[2])))


def _default_video(spec: MachineSpec) -> str:
    """A guest that may boot through firmware shows its screen, unless a GPU does."""
    shown = spec.guest.disk is not None and spec.gpu is GpuMode.NONE
    return defaults.video(spec.guest.arch) if shown else "none"


def _check_efi(spec: MachineSpec) -> None:
    guest = spec.guest
    if spec.efi and guest.kernel and guest.efi_stub is None:
        raise InvalidConfiguration(
            f"guest {guest.name} ({guest.arch}) is a kernel without an EFI stub, and firmware boots disks",
            fix="give it one (harness.guests.efi_stub.with_efi_stub), or boot it without UEFI",
        )
    if spec.efi and (spec.machine_type or "").startswith("microvm"):
        raise InvalidConfiguration("the machine type microvm boots no UEFI firmware", fix="use q35")


def _firmware(spec: MachineSpec, qemu: Path) -> Path | None:
    """What a guest that names none boots through; for an x86-64 disk, QEMU brings SeaBIOS too."""
    guest = spec.guest
    if not spec.efi and (guest.disk is None or guest.kernel or guest.arch is Arch.X86_64):
        return None
    found = firmware_for(guest.arch.value, qemu=qemu)
    if found is None:
        raise ToolMissing(
            f"guest {guest.name} ({guest.arch}) boots through UEFI firmware, and this host has none for it",
            fix="run `visorbench setup`, or name one with --firmware",
        )
    return found


def _drives(spec: MachineSpec) -> tuple[Drive, ...]:
    """The image of the guest's root first: machines share it, and its initramfs looks for it there. Then its own."""
    root, disk = spec.guest.root_image, spec.guest.disk
    drives: list[Drive] = []
    if root:
        drives.append(Drive(root, "raw", readonly=True))
    if disk:
        interface = _choice(spec, "disk-interface", [each.value for each in DiskInterface])
        drives.append(
            Drive(
                disk,
                image_format(disk),
                interface=DiskInterface(interface),
                snapshot=not _switch(spec, "writable"),
            )
        )
    own = (
        Drive(each.file, each.format, each.interface, each.name, cache=each.cache, aio=each.aio)
        for each in spec.disks
    )
    return (*drives, *own)


def _has_nvme(drives: Iterable[Drive]) -> bool:
    return any(drive.interface is DiskInterface.NVME for drive in drives)


def _networks(spec: MachineSpec) -> tuple[UserNet, ...]:
    network = _choice(spec, "network", ["restricted", "open", "none"])
    if network == "none":
        return ()
    forwards = (Forward(SSH_PORT),) if spec.guest.ssh_user else ()
    return (UserNet(restrict=network == "restricted", forwards=forwards),)


def _own_network(network: Network, qemu: QemuBinary) -> Net:
    carrier, mac = network.carrier, network.mac
    if isinstance(carrier, UserMode):
        forwards = tuple(map(Forward, carrier.forwards))
        return UserNet(carrier.restrict, forwards, mac=mac, subnet=network.interface.network)
    if isinstance(carrier, Tap):
        return TapNet(carrier.fd, mac=mac)
    if qemu.version < _SOCKET_NETWORKS:
        raise InvalidConfiguration(
            f"{qemu.version_text} has no networks through unix sockets", fix="use QEMU 7.2 or later"
        )
    return (StreamNet if carrier.stream else DgramNet)(carrier.fd, mac=mac)


def _switch(spec: MachineSpec, key: str) -> bool:
    return _choice(spec, key, ["off", "on"]) == "on"


def _choice(spec: MachineSpec, key: str, choices: list[str]) -> str:
    value = spec.extra.get(key, choices[0])
    if value not in choices:
        raise InvalidConfiguration(
            f"the option {key} cannot be {value!r}",
            fix=f"it can be {', '.join(choices)}",
            key=key,
            value=value,
        )
    return value
