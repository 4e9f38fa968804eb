"""From a typed configuration to krunkit's argv: a list, every value checked, since krunkit has no way to escape one.

A device is split at every comma and an option at every ``=``, so that no value may have either. The URI of the control
socket is taken as it is written, and not unescaped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

from harness.channels.rest import check_socket_path
from harness.errors import InvalidConfiguration
from harness.machines.krun.config import Blk, SocketNet
from harness.machines.rest.devices import SerialLog, SharedFolder, VsockPort
from harness.machines.rest.words import mac_address, mount_tag, speakable, vsock_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.machines.krun.config import Device, KrunkitConfig

MOST_CPUS = 255
MOST_MEMORY_MIB = 61440
_UNSPEAKABLE = ",="
_FOR_GVPROXY = ",offloading=on,vfkitMagic=on"
"""As krunkit's docs/usage.md has it: gvproxy in its vfkit mode waits for a greeting, and takes unsegmented frames."""


def build(config: KrunkitConfig) -> list[str]:
    """The command line of ``config``; raises InvalidConfiguration."""
    return [str(config.binary), *_arguments(config)]


def _arguments(config: KrunkitConfig) -> Iterator[str]:
    if not (0 < config.cpus <= MOST_CPUS and 0 < config.memory_mib <= MOST_MEMORY_MIB):
        raise InvalidConfiguration(
            f"{config.cpus} CPUs and {config.memory_mib} MiB of memory",
            fix=f"krunkit takes 1 to {MOST_CPUS} CPUs and up to {MOST_MEMORY_MIB} MiB",
        )
    yield from ("--cpus", str(config.cpus), "--memory", str(config.memory_mib))
    for device in config.devices:
        yield from ("--device", _device(device))
    if config.rest:
        check_socket_path(config.rest)
        yield from ("--restful-uri", f"unix://{os.fspath(config.rest)}")
    else:
        yield from ("--restful-uri", "none://")


def _device(device: Device) -> str:
    match device:
        case Blk(path, image_format):
            return f"virtio-blk,path={_value(path, 'the path of a disk')},format={image_format}"
        case SocketNet(path, mac, gvproxy):
            more = _FOR_GVPROXY if gvproxy else ""
            return f"virtio-net,type=unixgram,path={_socket(path)},mac={mac_address(mac)}{more}"
        case VsockPort(port, path, listen):
            mode = "listen" if listen else "connect"
            return f"virtio-vsock,port={vsock_port(port)},socketURL={_socket(path)},{mode}"
        case SerialLog(path):
            return f"virtio-serial,logFilePath={_value(path, 'the path of the console')}"
        case SharedFolder(folder, tag):
            shared = _value(folder, "the path of a shared folder")
            return f"virtio-fs,sharedDir={shared},mountTag={mount_tag(tag)}"
        case _:
            assert_never(device)


def _socket(path: Path) -> str:
    check_socket_path(path)
    return _value(path, "the path of a socket")


def _value(path: Path, what: str) -> str:
    return speakable(path, what, vmm="krunkit", unspeakable=_UNSPEAKABLE)
