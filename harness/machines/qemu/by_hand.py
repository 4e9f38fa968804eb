"""The command line of a QEMU as a person can run it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.machines.by_hand import ByHand, without_keys
from harness.machines.qemu.command import build
from harness.machines.qemu.devices import Listening, Nowhere, Port, Stdio

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import GuestImage
    from harness.machines.qemu.config import QemuConfig


def by_hand(config: QemuConfig, guest: GuestImage, qmp: Path) -> ByHand:
    """The machine of ``config`` with its console on the terminal and its QMP socket at ``qmp``.

    Raises InvalidConfiguration, UnknownName, GpuUnavailable as :func:`harness.machines.qemu.command.build`.
    """
    ports = tuple(Port(port.name, Nowhere()) for port in config.ports)
    argv = build(replace(config, console=Stdio(mux=True), monitor=Listening(qmp), ports=ports))
    return ByHand(tuple(argv), _differences(guest, qmp), config.environment)


def _differences(guest: GuestImage, qmp: Path) -> dict[str, str]:
    differs = {
        "console": "this terminal, where Ctrl-A X ends QEMU; the harness reads a socket",
        "QMP": f"listens at {qmp}; the harness has a socket of its own there",
    }
    if guest.ready_port:
        also = " (the console tells, too)" if guest.ready_marker else ""
        differs["ready port"] = f"leads nowhere{also}; the harness reads a socket"
    return differs | without_keys(guest)
