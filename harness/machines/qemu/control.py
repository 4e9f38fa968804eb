"""What a machine asks of QEMU over QMP: verbs that return when QEMU has done it, not when it has heard."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.errors import ControlRefused, InvalidConfiguration, OutputUnwritable
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from harness.channels.qmp import Qmp
    from harness.channels.qmp_events import Event

_FORWARD = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+(\S+)\s+(\d+)")
"""``info usernet``: protocol and state, descriptor, source address and port, destination address and port."""
_SCREENDUMP_TIMEOUT_S = 20
_RESET_TIMEOUT_S = 30
"""Every virtual CPU stops, every device begins anew, kernel and initrd are copied again: 6 s on a host at load 11."""


class QemuControl:
    """QMP as the lifecycle speaks it. Every method raises ControlError."""

    def __init__(self, qmp: Qmp) -> None:
        self.qmp = qmp

    def status(self, timeout_s: float = 5) -> str:
        """QEMU's word for its run state: ``running``, ``paused``, ``shutdown``, ``internal-error`` …"""
        return str(self.qmp.execute("query-status", timeout_s=timeout_s)["status"])

    def pause(self, timeout_s: float = 5) -> Event:
        """Stop the virtual CPUs; the event says when they had stopped."""
        return self._and_event("stop", "STOP", timeout_s)

    def resume(self, timeout_s: float = 5) -> Event:
        """Let them run again."""
        return self._and_event("cont", "RESUME", timeout_s)

    def reset(self, timeout_s: float = _RESET_TIMEOUT_S) -> Event:
        """Reset the machine; from now on a reboot is one, also where it was to end the machine."""
        self.qmp.execute("set-action", {"reboot": "reset"}, timeout_s=timeout_s)
        return self._and_event("system_reset", "RESET", timeout_s)

    def press_power_button(self, timeout_s: float = 5) -> None:
        """ACPI, or a GPIO line where a device tree describes it; the guest decides what it does."""
        self.qmp.execute("system_powerdown", timeout_s=timeout_s)

    def quit(self, timeout_s: float = 5) -> None:
        """End QEMU; the guest is not asked."""
        self.qmp.execute("quit", timeout_s=timeout_s)

    def forwarded_port(self, guest_port: int, address: str | None = None) -> int:
        """The port of 127.0.0.1 that the system picked for QEMU and that leads to ``guest_port``, of whichever of the
        guest's addresses, or of ``address``.

        Raises InvalidConfiguration when none does.
        """
        table = str(self.qmp.execute("human-monitor-command", {"command-line": "info usernet"}))
        port = forwarded_port_in(table, guest_port, address)
        if port is None:
            raise InvalidConfiguration(
                f"no port of the host leads to port {guest_port} of the guest", fix="forward one", table=table
            )
        return port

    def forward(self, guest_port: int) -> int:
        """Lead a free port of 127.0.0.1 to ``guest_port`` of the guest's user-mode network, and return it.

        Raises InvalidConfiguration for a machine without such a network.
        """
        command = f"hostfwd_add tcp:127.0.0.1:0-:{guest_port}"
        said = str(self.qmp.execute("human-monitor-command", {"command-line": command})).strip()
        if said:
            raise InvalidConfiguration(
                f"QEMU does not forward to port {guest_port} of the guest: {said}",
                fix="give the machine a network: restricted or open",
            )
        return self.forwarded_port(guest_port)

    def screendump(self, to: Path) -> None:
        """Write the current picture as PNG; by QEMU (7.1 and newer), else from its PPM by Pillow.

        Raises ToolMissing when neither can.
        """
        try:
            self._dump({"filename": str(to), "format": "png"})
        except ControlRefused as error:
            said = error.desc.replace(str(to), "").lower()
            if "format" not in said and "png" not in said:
                raise
            _dump_ppm(self, to)

    def _dump(self, arguments: dict[str, object]) -> None:
        self.qmp.execute("screendump", arguments, timeout_s=_SCREENDUMP_TIMEOUT_S)

    def _and_event(self, command: str, event: str, timeout_s: float) -> Event:
        since = Stamp(time.monotonic_ns())
        self.qmp.execute(command, timeout_s=timeout_s)
        return self.qmp.wait_event(event, timeout_s, since)


def forwarded_port_in(table: str, guest_port: int, address: str | None = None) -> int | None:
    """The host's port in what ``info usernet`` prints, None when nothing is forwarded to ``guest_port``."""
    for host, to, guest in _FORWARD.findall(table):
        if int(guest) == guest_port and address in (None, to):
            return int(host)
    return None


def _dump_ppm(control: QemuControl, to: Path) -> None:
    from harness.machines.qemu.picture import ppm_to_png  # noqa: PLC0415 - old QEMUs only

    with naming_write_errors(
        "a screenshot", to.parent, elsewhere="name another file", refused=OutputUnwritable
    ):
        handle, name = tempfile.mkstemp(prefix=".vb-", suffix=".ppm", dir=to.parent)  # where QEMU may write
    os.close(handle)
    ppm = Path(name)
    try:
        control._dump({"filename": str(ppm)})
        ppm_to_png(ppm, to)
    finally:
        ppm.unlink(missing_ok=True)
