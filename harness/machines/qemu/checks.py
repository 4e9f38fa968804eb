"""What QEMU would refuse, or silently bend, found before it is started."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch
from harness.host.accelerators import ACCELERATORS
from harness.machines.disk import Aio, ImageFormat
from harness.machines.qemu.devices import Drive, Inherited, UserNet
from harness.machines.qemu.graphics_checks import check_graphics
from harness.machines.qemu.ivshmem import check_ivshmem
from harness.machines.qemu.options import plain, word
from harness.machines.qemu.vsock import check_vsock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.machines.qemu.config import QemuConfig
    from harness.machines.qemu.devices import Net

MEMORY_MIB = (32, 4 << 20)
"""Smallest and largest memory: below, no kernel of today starts; above, no host of today."""
MOST_CPUS = {"q35": 255, "pc": 255, "microvm": 255, "virt": 512}
"""virt with GICv3; 8 with GICv2, see below (QEMU: hw/arm/virt.c, hw/i386/pc_q35.c)."""
_DEVICE_NAME = re.compile(r"(?!drive\d)[A-Za-z][A-Za-z0-9-]{0,19}")
"""Of the names that QEMU's nodes may have and no drive of ours has, those that fit a serial number: 20 bytes."""

_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
"""Of one card: a group's has an odd first byte, and QEMU refuses it."""


def check(config: QemuConfig) -> None:
    """Raise InvalidConfiguration, UnknownName or GpuUnavailable for the first thing that does not fit."""
    _check_machine(config)
    _check_known(config)
    check_graphics(config)
    check_vsock(config)
    check_ivshmem(config)
    _check_boot(config)
    for drive in config.drives:
        _check_drive(drive)
    names = [drive.name for drive in config.drives if drive.name]
    if len(set(names)) != len(names):
        raise InvalidConfiguration("two disks have the same name", fix="name each differently")
    for network in config.networks:
        _check_network(network)
    if len({port.name for port in config.ports}) != len(config.ports):
        raise InvalidConfiguration("two virtio-serial ports have the same name", fix="name each differently")
    chardevs = [config.console, config.monitor, config.open_monitor, *(port.chardev for port in config.ports)]
    fds = [chardev.fd for chardev in chardevs if isinstance(chardev, Inherited)]
    fds += [network.fd for network in config.networks if not isinstance(network, UserNet)]
    if len(set(fds)) != len(fds) or any(fd < 3 for fd in fds):
        raise InvalidConfiguration(
            "two channels share a descriptor, or one takes a standard stream", fix="pass one each"
        )
    for port in config.ports:
        plain(port.name, "the name of a virtio-serial port")


def _check_machine(config: QemuConfig) -> None:
    kind, _, properties = config.machine.partition(",")
    word(kind, "machine type")
    plain(properties)
    known = config.features.machines if config.features else ()
    if known and kind not in known:
        raise UnknownName("machine type", kind, known, where=str(config.binary))
    if kind == "microvm" and "pcie=on" not in properties:
        raise InvalidConfiguration(
            "the machine type microvm has no PCI, which the harness's devices need", fix="use microvm,pcie=on"
        )
    if config.accelerator.name not in ACCELERATORS:
        raise UnknownName("accelerator", config.accelerator.name, ACCELERATORS)
    word(config.cpu.partition(",")[0], "CPU model")
    plain(config.cpu)
    if config.cpu.partition(",")[0] == "host" and config.accelerator.name == "tcg":
        raise InvalidConfiguration(
            "the CPU model host needs hardware acceleration, and tcg is none",
            fix="use max, or another backend",
        )
    _within("memory", config.memory_mib, *MEMORY_MIB, unit=" MiB")
    most = 8 if _gic_v2(config) else MOST_CPUS.get(kind, 255)
    _within(f"the number of CPUs of {config.machine}", config.cpus, 1, most)


def _check_known(config: QemuConfig) -> None:
    """What this binary's introspection does not list; what it could not be asked, QEMU itself refuses."""
    if config.features is None:
        return
    model = config.cpu.partition(",")[0]
    if config.features.cpus and model not in {*config.features.cpus, "host", "max"}:
        raise UnknownName("CPU model", model, config.features.cpus, where=str(config.binary))
    for driver in _drivers(config) if config.features.devices else ():
        if driver not in config.features.devices:
            raise UnknownName("device", driver, config.features.devices, where=str(config.binary))


def _drivers(config: QemuConfig) -> Iterator[str]:
    """Every device that the command line names, a GPU excepted: check_graphics knows more about that."""
    if config.video:
        yield word(config.video.partition(",")[0], "display device")
    if config.ports:
        yield from ("virtio-serial-pci", "virtserialport")
    for drive in config.drives:
        yield drive.driver
    for network in config.networks:
        yield word(network.device, "network device")
    if config.rng:
        yield "virtio-rng-pci"
    for device in config.devices:
        yield word(device.driver, "device")


def _gic_v2(config: QemuConfig) -> bool:
    if config.arch is not Arch.ARM64 or not config.machine.startswith("virt"):
        return False
    return "gic-version=" not in config.machine or "gic-version=2" in config.machine


def _check_boot(config: QemuConfig) -> None:
    if config.initrd and not config.kernel:
        raise InvalidConfiguration("an initrd without a kernel", fix="give a kernel too, or boot from a disk")
    if config.append and not config.kernel:
        raise InvalidConfiguration("a kernel command line without a kernel", fix="give a kernel too")
    plain(config.append, "the kernel command line")
    _files(path for path in (config.kernel, config.initrd, config.firmware) if path)


def _check_drive(drive: Drive) -> None:
    _files([drive.file])
    if drive.format not in list(ImageFormat):
        raise UnknownName("image format", drive.format, map(str, ImageFormat), where=str(drive.file))
    if drive.name is not None:
        check_device_name(drive.name)
    if drive.aio is Aio.NATIVE and not drive.cache.direct:
        raise InvalidConfiguration(
            f"drive {drive.file}: aio=native with cache={drive.cache}", fix="use cache=none, or aio=threads"
        )
    if drive.aio is not Aio.THREADS and sys.platform != "linux":
        raise InvalidConfiguration(f"drive {drive.file}: aio={drive.aio} is Linux's", fix="use aio=threads")


def check_device_name(name: str) -> None:
    """Raise InvalidConfiguration for what cannot be a node, a device and a serial number at once."""
    if not _DEVICE_NAME.fullmatch(name):
        raise InvalidConfiguration(
            f"a disk cannot be called {name!r}",
            fix="its name is a serial number: up to 20 letters, digits and hyphens, a letter first",
        )


def _check_network(network: Net) -> None:
    if network.mac is not None and not _MAC.fullmatch(network.mac):
        raise InvalidConfiguration(
            f"a network card's address is {network.mac!r}", fix="write it as 52:54:00:12:34:56"
        )
    if not isinstance(network, UserNet):
        return
    for forward in network.forwards:
        _within("a forwarded port of the guest", forward.guest_port, 1, 65535)
        _within("a forwarded port of the host", forward.host_port, 0, 65535)
    named = [forward.host_port for forward in network.forwards if forward.host_port]
    if len(set(named)) != len(named):
        raise InvalidConfiguration("one port of the host is forwarded twice", fix="use 0 for a free one")


def _files(paths: Iterable[Path]) -> None:
    for path in paths:
        plain(str(path), "a path")
        if not Path(path).is_file():
            raise InvalidConfiguration(
                f"{path} is not a file", fix="correct the path; the cache's own is made anew by the next run"
            )


def _within(what: str, value: int, least: int, most: int, *, unit: str = "") -> None:
    if not least <= value <= most:
        raise InvalidConfiguration(
            f"{what} is {value}{unit}",
            fix=f"it can be {least} to {most}{unit}",
            value=value,
            least=least,
            most=most,
        )
