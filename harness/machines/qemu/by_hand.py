"""The command line of a machine as a person can run it: its own argv, with another end to what only the harness has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.machines.qemu.command import build, shell_quoted
from harness.machines.qemu.devices import Listening, Nowhere, Port, Stdio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.guests.model import GuestImage
    from harness.machines.qemu.config import QemuConfig


@dataclass(frozen=True, slots=True)
class ByHand:
    """What to run, and in which environment; ``differs`` says what the harness would put elsewhere, by its name."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    differs: Mapping[str, str]

    @property
    def command(self) -> str:
        """One command for a POSIX shell."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return shell_quoted([*(["env", *variables] if variables else []), *self.argv])


def by_hand(config: QemuConfig, guest: GuestImage, qmp: Path) -> ByHand:
    """The machine of ``config`` with its console on the terminal and its QMP socket at ``qmp``.

    Raises InvalidConfiguration, UnknownName, GpuUnavailable as :func:`harness.machines.qemu.command.build`.
    """
    ports = tuple(Port(port.name, Nowhere()) for port in config.ports)
    argv = build(replace(config, console=Stdio(mux=True), monitor=Listening(qmp), ports=ports))
    return ByHand(tuple(argv), config.environment, _differences(guest, qmp))


def _differences(guest: GuestImage, qmp: Path) -> dict[str, str]:
    differs = {
        "console": "this terminal, where Ctrl-A X ends QEMU; the harness reads a socket",
        "QMP": f"listens at {qmp}; the harness has a socket of its own there",
    }
    if guest.ready_port:
        also = " (the console tells, too)" if guest.ready_marker else ""
        differs["ready port"] = f"leads nowhere{also}; the harness reads a socket"
    if guest.takes_credentials and guest.initrd:
        differs["initrd"] = "as it was built; the harness adds SSH keys, new ones for each machine"
    return differs
