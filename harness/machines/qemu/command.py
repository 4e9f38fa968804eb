"""From a typed configuration to QEMU's argv: a list, every value checked and escaped, never a shell string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.guests.model import Arch
from harness.machines.disk import DiskInterface
from harness.machines.qemu.checks import check
from harness.machines.qemu.devices import (
    Chardev,
    Connecting,
    DgramNet,
    Drive,
    Inherited,
    IvshmemCard,
    Listening,
    Stdio,
    StreamNet,
    TapNet,
    ToFile,
    VsockCard,
)
from harness.machines.qemu.options import joined, plain, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.machines.qemu.config import QemuConfig
    from harness.machines.qemu.devices import Net
    from harness.machines.qemu.options import Value


def build(config: QemuConfig) -> list[str]:
    """The command line of ``config``; raises InvalidConfiguration, UnknownName."""
    check(config)
    return [str(config.binary), *_arguments(config)]


def _arguments(config: QemuConfig) -> Iterator[str]:
    yield from ("-name", joined(None, {"guest": config.name}), "-nodefaults", "-no-user-config")
    yield from _memory(config)
    yield from ("-cpu", config.cpu)
    yield from ("-accel", joined(config.accelerator.name, config.accelerator.properties))
    yield from ("-m", joined(None, {"size": f"{config.memory_mib}M"}), "-smp", _processors(config))
    yield from ("-action", joined(None, {"reboot": config.on_reboot.value, "watchdog": "pause"}))
    yield from _boot(config)
    yield from ("-display", str(config.display))
    if config.vnc:
        yield from ("-vnc", "none")
    if config.spice:
        yield from ("-spice", joined(None, {"port": 0, "disable-ticketing": True}))
    if config.gpu:
        yield from ("-device", str(config.gpu))
    if config.video:
        yield from ("-device", word(config.video.partition(",")[0], "display device") + _rest(config.video))
    yield from _channels(config)
    for number, drive in enumerate(config.drives):
        yield from _drive(f"drive{number}", drive)
    for number, network in enumerate(config.networks):
        yield from _network(f"net{number}", network)
    if config.vsock:
        yield from _vsock(config.vsock)
    if config.ivshmem:
        yield from _ivshmem(config.ivshmem)
    if config.rng:
        yield from ("-device", "virtio-rng-pci")
    for device in config.devices:
        yield from ("-device", joined(word(device.driver, "device"), device.properties))
    if config.paused:
        yield "-S"


def _processors(config: QemuConfig) -> str:
    return joined(str(config.cpus), {"maxcpus": config.most_cpus})


def _memory(config: QemuConfig) -> Iterator[str]:
    """The machine type, and its memory where that is to be shared."""
    if not config.shared_memory:
        yield from ("-machine", config.machine)
        return
    size = f"{config.memory_mib}M"
    yield from ("-object", joined("memory-backend-memfd", {"id": "memory", "size": size, "share": True}))
    yield from ("-machine", f"{config.machine},memory-backend=memory")


def _vsock(card: VsockCard) -> Iterator[str]:
    """A device process tells the CID itself; the kernel is told it."""
    if card.chardev is None:
        yield from ("-device", joined(card.driver, {"guest-cid": card.guest_cid}))
        return
    yield from ("-chardev", _chardev("vsock", card.chardev))
    yield from ("-device", joined(card.driver, {"chardev": "vsock"}))


def _ivshmem(card: IvshmemCard) -> Iterator[str]:
    """``master``: the memory is the machine's own, for this device keeps any other from being saved."""
    backing: dict[str, Value | None] = {"id": "ivshmem", "size": f"{card.size_mib}M", "share": True}
    path = None if card.fd is None else f"/proc/self/fd/{card.fd}"
    kind = "memory-backend-memfd" if path is None else "memory-backend-file"
    yield from ("-object", joined(kind, backing | {"mem-path": path}))
    yield from ("-device", joined(card.driver, {"memdev": "ivshmem", "master": True}))


def _rest(option: str) -> str:
    _, comma, properties = option.partition(",")
    return comma + plain(properties)


def _boot(config: QemuConfig) -> Iterator[str]:
    """All but the drive take a whole argument, not an option list: nothing is escaped."""
    flashed = config.arch is Arch.X86_64 and not config.machine.startswith("microvm")  # which has no flash
    if config.firmware and flashed:  # -bios takes no image of an odd size, as OVMF's are
        flash: dict[str, Value | None] = {"if": "pflash", "format": "raw", "readonly": True}
        yield from ("-drive", joined(None, flash | {"file": config.firmware.absolute()}))
    elif config.firmware:
        yield from ("-bios", str(config.firmware))
    if config.kernel:
        yield from ("-kernel", str(config.kernel))
    if config.initrd:
        yield from ("-initrd", str(config.initrd))
    if config.append:
        yield from ("-append", config.append)


def _channels(config: QemuConfig) -> Iterator[str]:
    if config.monitor:
        yield from ("-chardev", _chardev("qmp", config.monitor), "-mon", "chardev=qmp,mode=control")
    if config.open_monitor:
        yield from (
            "-chardev",
            _chardev("open-qmp", config.open_monitor),
            "-mon",
            "chardev=open-qmp,mode=control",
        )
    if config.console:
        yield from ("-chardev", _chardev("console", config.console), "-serial", "chardev:console")
    if config.ports:
        yield from ("-device", "virtio-serial-pci,id=ports")
    for number, port in enumerate(config.ports):
        chardev = f"port{number}"
        yield from ("-chardev", _chardev(chardev, port.chardev))
        yield from ("-device", joined("virtserialport", {"chardev": chardev, "name": port.name}))


def _chardev(name: str, chardev: Chardev) -> str:
    if isinstance(chardev, Inherited):
        return joined("socket", {"id": name, "fd": chardev.fd})
    if isinstance(chardev, Connecting):
        address: dict[str, Value | None] = {"host": chardev.host, "port": chardev.port}
        return joined("socket", {"id": name, **address, "server": False, "nodelay": True})
    if isinstance(chardev, Listening):
        return joined("socket", {"id": name, "path": chardev.path, "server": True, "wait": False})
    if isinstance(chardev, ToFile):
        return joined("file", {"id": name, "path": chardev.path, "append": True})
    if isinstance(chardev, Stdio):
        return joined("stdio", {"id": name, "mux": chardev.mux or None, "signal": False})
    return joined("null", {"id": name})


def _drive(name: str, drive: Drive) -> Iterator[str]:
    backing: dict[str, Value | None] = {
        "if": "none",
        "id": name,
        "node-name": drive.name,
        "file": drive.file.absolute(),  # an absolute path is never taken for a protocol, whatever colons it has
        "format": drive.format,
        "readonly": drive.readonly,
        "snapshot": drive.snapshot,
        "cache": drive.cache.value,
        "aio": drive.aio.value,
        # A guest would take the host's trouble for its disk's, or wait for ever: it stands still, and QMP says why.
        "rerror": "stop",
        "werror": "stop",
    }
    yield from ("-drive", joined(None, backing))
    demanded = name if drive.interface is DiskInterface.NVME else None
    serial = drive.name or demanded
    boot: dict[str, Value | None] = {"bootindex": 0 if drive.boots_first else None}
    yield from ("-device", joined(drive.driver, {"drive": name, "serial": serial} | boot))


def _network(name: str, network: Net) -> Iterator[str]:
    yield from ("-netdev", _netdev(name, network))
    # No option ROM: iPXE costs an x86 boot half a second and would boot from a network that is not there.
    card: dict[str, Value | None] = {"netdev": name, "mac": network.mac, "romfile": ""}
    yield from ("-device", joined(word(network.device, "network device"), card))


def _netdev(name: str, network: Net) -> str:
    if isinstance(network, StreamNet):
        return joined("stream", {"id": name, "server": False, "addr.type": "fd", "addr.str": network.fd})
    if isinstance(network, DgramNet):
        return joined("dgram", {"id": name, "local.type": "fd", "local.str": network.fd})
    if isinstance(network, TapNet):
        return joined("tap", {"id": name, "fd": network.fd})
    subnet = str(network.subnet) if network.subnet else None
    forwards = [f"hostfwd=tcp:127.0.0.1:{each.host_port}-:{each.guest_port}" for each in network.forwards]
    return ",".join([joined("user", {"id": name, "restrict": network.restrict, "net": subnet}), *forwards])
