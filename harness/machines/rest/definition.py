"""What a VMM with a REST socket is told, in any backend's words: options, memory, the guest's console and network."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch
from harness.machines.rest.devices import SharedFolder
from harness.machines.rest.network import DHCP, NetworkKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.guests.model import GuestImage
    from harness.machines.model import MachineSpec

MOST_DEFAULT_CPUS = 2
SHARE_TAG = "visorbench"
OPTIONS = {
    "writable": "on: the guest's writes to its disk image are kept",
    "share": f"a folder of the host, which the guest mounts with the tag {SHARE_TAG}",
    "vsock": "further vsock ports: connect:PORT for one of the guest's, listen:PORT for one of the host's, and commas",
}
"""What MachineSpec.extra may say to all of these backends."""
_SERIAL_CONSOLE = re.compile(r"console=tty(AMA|S)\d+\S*")
_CONSOLE = "console=hvc0"


def check_spec(spec: MachineSpec, options: Mapping[str, str], backend: str) -> None:
    """Raise UnknownName or InvalidConfiguration for what no machine of ``backend`` has."""
    for key in spec.extra:
        if key not in options:
            raise UnknownName("option", key, options, where=f"what the backend {backend} can be told")
    guest = spec.guest
    if guest.arch is not Arch.ARM64:
        raise InvalidConfiguration(
            f"a guest for {guest.arch} on {backend}, which runs arm64",
            fix="use --arch arm64, or the backend tcg",
        )
    for what, given in (("machine type", spec.machine_type), ("CPU model", spec.cpu_model)):
        if given is not None:
            raise InvalidConfiguration(
                f"{backend} has no {what}s to choose from: {given!r}", fix="leave it out"
            )
    if spec.disks:
        raise InvalidConfiguration(
            f"{backend} is given no disks but the one that it boots from",
            fix="use a backend of QEMU for scenarios with disks",
        )
    if spec.networks:
        raise InvalidConfiguration(
            f"{backend} is given no networks but its own",
            fix="use a backend of QEMU for scenarios with networks",
        )


def cpus(spec: MachineSpec) -> int:
    """As many as the host has to give, up to what the reference guests use."""
    return max(1, min(MOST_DEFAULT_CPUS, os.cpu_count() or 1)) if spec.cpus is None else spec.cpus


def memory_mib(spec: MachineSpec) -> int:
    """What was asked for, else what the guest wants."""
    return spec.guest.memory_mib if spec.memory_mib is None else spec.memory_mib


def network(spec: MachineSpec, *kinds: NetworkKind) -> NetworkKind:
    """The option ``network``, the first of ``kinds`` by default; raises InvalidConfiguration."""
    return NetworkKind(choice(spec, "network", [kind.value for kind in kinds]))


def shared_folder(spec: MachineSpec) -> tuple[SharedFolder, ...]:
    """The option ``share``; raises InvalidConfiguration."""
    folder = spec.extra.get("share")
    if folder is None:
        return ()
    if not Path(folder).is_dir():
        raise InvalidConfiguration(f"{folder} is no folder that could be shared", fix="correct the path")
    return (SharedFolder(Path(folder).absolute(), SHARE_TAG),)


def command_line(guest: GuestImage, network: NetworkKind) -> str:
    """The guest's kernel command line for a machine whose only console is virtio's, and whose addresses are DHCP's."""
    words = [word for word in guest.append.split() if not _SERIAL_CONSOLE.fullmatch(word)]
    if not any(word.startswith("console=") for word in words):
        words.insert(0, _CONSOLE)
    if guest.takes_credentials and network is not NetworkKind.NONE:
        words.append(DHCP)
    return " ".join(words)


def switch(spec: MachineSpec, key: str) -> bool:
    """An option that is on or off; raises InvalidConfiguration."""
    return choice(spec, key, ["off", "on"]) == "on"


def choice(spec: MachineSpec, key: str, choices: list[str]) -> str:
    """An option that is one of ``choices``, the first by default; raises InvalidConfiguration."""
    given = spec.extra.get(key, choices[0])
    if given not in choices:
        raise InvalidConfiguration(
            f"the option {key} cannot be {given!r}",
            fix=f"it can be {', '.join(choices)}",
            key=key,
            value=given,
        )
    return given


def size(spec: MachineSpec, default: tuple[int, int]) -> tuple[int, int]:
    """The option ``size``, WIDTHxHEIGHT; raises InvalidConfiguration."""
    given = spec.extra.get("size")
    if given is None:
        return default
    width, _, height = given.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise InvalidConfiguration(
            f"a display of {given!r}", fix="a size is width and height, such as 1280x720"
        )
    return int(width), int(height)
