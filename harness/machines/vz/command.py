"""From a typed configuration to vfkit's argv: a list, every value checked, since vfkit has no way to escape one.

A device is split at every comma, so that no value may have one. A boot loader is split at the commas outside of double
quotes, and the quotes around a value are dropped: a kernel command line goes inside them, and may have none itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

from harness.channels.rest import check_socket_path
from harness.errors import InvalidConfiguration
from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort
from harness.machines.rest.words import mac_address, mount_tag, speakable, vsock_port
from harness.machines.vz.config import (
    Blk,
    EfiBoot,
    Gpu2d,
    NatNet,
    Rng,
    Rosetta,
    SerialPty,
    SerialStdio,
    SocketNet,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.machines.vz.config import Boot, Device, VfkitConfig

MOST_PIXELS = 16384
_UNSPEAKABLE = '",'
"""What no value of a device or path can have."""
_NET_SOCKET_MAX = 80
"""vfkit binds a socket of its own beside gvproxy's, ``vfkit-PID-RANDOM.sock``, in 103 bytes as well."""


def build(config: VfkitConfig) -> list[str]:
    """The command line of ``config``; raises InvalidConfiguration."""
    return [str(config.binary), *_arguments(config)]


def _value(text: str | Path, what: str) -> str:
    return speakable(text, what, vmm="vfkit", unspeakable=_UNSPEAKABLE)


def _arguments(config: VfkitConfig) -> Iterator[str]:
    if config.cpus < 1 or config.memory_mib < 1:
        raise InvalidConfiguration(
            f"{config.cpus} CPUs and {config.memory_mib} MiB of memory", fix="at least one of each"
        )
    yield from ("--cpus", str(config.cpus), "--memory", str(config.memory_mib))
    yield from ("--bootloader", _boot(config.boot))
    for device in config.devices:
        yield from ("--device", _device(device))
    if config.rest:
        check_socket_path(config.rest)
        yield from ("--restful-uri", f"unix://{_url_path(config.rest)}")


def _boot(boot: Boot) -> str:
    if isinstance(boot, EfiBoot):
        store = _value(boot.variable_store, "the path of the EFI variables")
        return f"efi,variable-store={store}" + (",create" if boot.create else "")
    if any(character in boot.cmdline for character in '"\0\n\r'):
        raise InvalidConfiguration(
            f"the kernel command line has a double quote or a line break: {boot.cmdline!r}",
            fix="remove it: vfkit cannot be told it",
        )
    initrd = f",initrd={_value(boot.initrd, 'the path of the initrd')}" if boot.initrd else ""
    return f'linux,kernel={_value(boot.kernel, "the path of the kernel")}{initrd},cmdline="{boot.cmdline}"'


def _device(device: Device) -> str:  # noqa: PLR0911 - one line for each kind
    match device:
        case Blk(path, device_id):
            named = f",deviceId={_value(device_id, 'the name of a disk')}" if device_id else ""
            return f"virtio-blk,path={_value(path, 'the path of a disk')}{named}"
        case NatNet(mac):
            return "virtio-net,nat" + _mac(mac)
        case SocketNet(path, mac):
            return f"virtio-net,unixSocketPath={_net_socket(path)}{_mac(mac)}"
        case SerialPty():
            return "virtio-serial,pty"
        case SerialLog(path):
            return f"virtio-serial,logFilePath={_value(path, 'the path of the console log')}"
        case SerialStdio():
            return "virtio-serial,stdio"
        case VsockPort(port, socket, listen):
            mode = "listen" if listen else "connect"
            return f"virtio-vsock,port={vsock_port(port)},socketURL={_socket(socket)},{mode}"
        case Rng():
            return "virtio-rng"
        case SharedFolder(folder, tag):
            return f"virtio-fs,sharedDir={_value(folder, 'the path of a shared folder')},mountTag={mount_tag(tag)}"
        case Gpu2d(width, height):
            return f"virtio-gpu,width={_pixels(width)},height={_pixels(height)}"
        case Rosetta(tag, install, ignore):
            flags = (",install" if install else "") + (",ignore-if-missing" if ignore else "")
            return f"rosetta,mountTag={mount_tag(tag)}{flags}"
        case _:
            assert_never(device)


def _mac(mac: str | None) -> str:
    if mac is None:
        return ""
    return f",mac={mac_address(mac)}"


def _socket(path: Path) -> str:
    check_socket_path(path)
    return _value(path, "the path of a socket")


def _net_socket(path: Path) -> str:
    folder = os.fspath(path.parent)
    if len(os.fsencode(folder)) > _NET_SOCKET_MAX:
        raise InvalidConfiguration(
            f"the folder {folder} is too long for a network's sockets", fix="set TMPDIR to a shorter one"
        )
    return _socket(path)


def _url_path(path: Path) -> str:
    """A path inside a URL: vfkit parses it as one, and takes the escapes out again."""
    from urllib.parse import quote  # noqa: PLC0415 - only who starts a machine

    return quote(os.fspath(path))


def _pixels(count: int) -> int:
    if not 0 < count <= MOST_PIXELS:
        raise InvalidConfiguration(f"a display of {count} pixels", fix=f"it can be 1 to {MOST_PIXELS}")
    return count
